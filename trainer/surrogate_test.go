package trainer

import (
	"math"
	"slices"
	"testing"

	"github.com/stele-lm/stele/kernels/kernelstest"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/problems"
	"github.com/stele-lm/stele/trainer/reward"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// TestSurrogates compares GSPO, CISPO and SAPO with verl's functions: the loss, what is clipped and the gradient at
// every token.
func TestSurrogates(t *testing.T) {
	g := readObjectiveGolden(t)
	seen := map[string]bool{}
	for _, name := range kernelstest.Backends(t) {
		device := trainertest.OpenDevice(t, name)
		for _, v := range g.Surrogates {
			t.Run(name+"/"+v.Name, func(t *testing.T) {
				seen[v.Algorithm] = true
				options := objective.Default()
				options.Own, options.Aggregation = v.Options, v.Aggregation
				a, err := objective.Named(v.Algorithm)
				if err != nil {
					t.Fatal(err)
				}
				o, err := a.Objective(options)
				if err != nil {
					t.Fatal(err)
				}
				groups, lengths := scoredGroups(g, v.Correction != objective.NoImportanceSampling)
				setAdvantages(groups, options)
				weights := v.Aggregation.Weights(lengths, 0)
				n := 0
				for _, length := range lengths {
					n += length
				}
				columns, logprob, sequences, at := o.Columns(n), []float32{}, []int32{}, 0
				for i, r := range slices.Concat(groups...) {
					if v.Weights != nil {
						r.correction = v.Weights[i]
					}
					r.fill(columns, at)
					for range r.Tokens {
						columns[objective.Weight][at] = weights[i]
						sequences = append(sequences, int32(i))
						at++
					}
					logprob = append(logprob, g.Policy[i]...)
				}
				loss, found, gradients := trainertest.Objective(t, device, o, 0, logprob, make([]float32, n), columns,
					sequences)
				near := func(what string, got, want float64) {
					t.Helper()
					if !(math.Abs(got-want) <= 2e-6*max(1, math.Abs(want))) {
						t.Errorf("%s is %.8g, want %.8g", what, got, want)
					}
				}
				near("loss", loss, v.Loss)
				totals := objective.NewTotals()
				totals.See(o, found, columns, 0, n)
				m := map[string]float64{}
				o.Report(&totals, 0, m)
				near("reported loss", m["loss"], v.Loss)
				near("clip fraction", m["clip_ratio/region_mean"], v.ClipFraction)
				at = 0
				for _, row := range v.Gradient {
					for _, want := range row {
						near("gradient", float64(gradients[at]), float64(want))
						at++
					}
				}
			})
		}
	}
	if len(seen) != 3 || len(g.Surrogates) != 10 {
		t.Errorf("%d variants of %v", len(g.Surrogates), seen)
	}
}

// scoredGroups are the rollouts of the golden with their rewards, and their lengths. Where the sampling engine is
// corrected for, the old probabilities are the trainer's.
func scoredGroups(g objectiveGolden, corrected bool) (groups [][]*rollout, lengths []int) {
	var all []*rollout
	for i, total := range g.Rewards {
		r := &rollout{problem: &problems.Problem{}, old: g.Engine[i], ref: g.Ref[i], score: reward.Score{Total: total}}
		if corrected {
			r.old = g.Old[i]
		}
		r.Tokens = make([]int32, len(g.Engine[i]))
		all, lengths = append(all, r), append(lengths, len(r.Tokens))
	}
	return slices.Collect(slices.Chunk(all, g.Group)), lengths
}

// TestEstimators compares advantages with verl's and, scaled by a batch, TRL's; a rollout without a reward changes
// none of the others'.
func TestEstimators(t *testing.T) {
	g := readObjectiveGolden(t)
	if len(g.Estimates) != 4 {
		t.Fatalf("%d estimators", len(g.Estimates))
	}
	for name, want := range g.Estimates {
		options := objective.Options{Advantage: objective.Estimator(name), Std: true}
		if name == "batch" {
			options.Advantage, options.StdOf = objective.GroupAdvantage, objective.StdOfBatch
		}
		groups, _ := scoredGroups(g, false)
		setAdvantages(groups, options)
		for i, r := range slices.Concat(groups...) {
			if got := float64(r.advantage); !(math.Abs(got-want[i]) <= 1e-6*max(1, math.Abs(want[i]))) {
				t.Errorf("%s: advantage %d is %g, want %g", name, i, got, want[i])
			}
		}
		for i := range groups {
			groups[i] = append(groups[i], &rollout{score: reward.Score{Total: math.NaN()}})
			groups[i][len(groups[i])-1].Tokens = make([]int32, 5)
		}
		setAdvantages(groups, options)
		at := 0
		for _, group := range groups {
			for _, r := range group {
				if math.IsNaN(r.score.Total) {
					if r.advantage != 0 {
						t.Errorf("%s: without a reward the advantage is %g", name, r.advantage)
					}
					continue
				}
				if got := float64(r.advantage); !(math.Abs(got-want[at]) <= 1e-6*max(1, math.Abs(want[at]))) {
					t.Errorf("%s: beside one without a reward advantage %d is %g, want %g", name, at, got, want[at])
				}
				at++
			}
		}
	}
	// Equal rewards teach nothing, whatever rounding leaves.
	for _, advantage := range []objective.Estimator{"", objective.RLOO, objective.ReinforcePlusPlus,
		objective.ReinforceBaseline} {
		for _, stdOf := range []string{objective.StdOfGroup, objective.StdOfBatch} {
			options := objective.Options{Advantage: advantage, Std: true, StdOf: stdOf}
			got := options.Advantages([][]float64{{0.1, 0.1, 0.1}, {0.1, 0.1, 0.1}}, [][]int{{3, 1, 2}, {1, 1, 9}})
			for _, group := range got {
				if slices.ContainsFunc(group, func(a float32) bool { return a != 0 }) {
					t.Errorf("%q, std of %s: equal rewards have the advantages %v", advantage, stdOf, got)
				}
			}
		}
	}
}
