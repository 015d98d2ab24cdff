package trainer

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/internal/nearest"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
	"github.com/stele-lm/stele/trainer/learner"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/optimizer"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// gspo is the objective of that algorithm.
func gspo(options objective.Options) (objective.Objective, error) {
	a, err := objective.Named(objective.GSPO)
	if err != nil {
		return objective.Objective{}, err
	}
	return a.Objective(options)
}

// gspoCase is rollouts for the golden: completions that share prompts by groups, their
// log-probabilities and advantages.
type gspoCase struct {
	pairs       []dense.Pair
	old, policy [][]float64
	advantages  []float64
	weights     []float32
}

func newGSPOCase() gspoCase {
	r := rand.New(rand.NewPCG(11, 12))
	var c gspoCase
	var lengths []int
	for group, sizes := range [][]int{{5, 1, 24, 17}, {9}, {30, 3, 28, 8, 8}} {
		prompt := make([]int32, 4+7*group)
		for i := range prompt {
			prompt[i] = int32(r.IntN(500))
		}
		for _, n := range sizes {
			completion := make([]int32, n)
			old, policy := make([]float64, n), make([]float64, n)
			drift := r.NormFloat64() * 0.3 // of the whole sequence
			for i := range completion {
				completion[i] = int32(r.IntN(500))
				old[i] = float64(float32(-4 * r.Float64()))
				policy[i] = float64(float32(old[i] + drift + 0.1*r.NormFloat64()))
			}
			c.pairs = append(c.pairs, dense.Pair{Prompt: prompt, Completion: completion})
			c.old, c.policy = append(c.old, old), append(c.policy, policy)
			c.advantages = append(c.advantages, float64(float32(r.NormFloat64())))
			lengths = append(lengths, n)
		}
	}
	c.weights = objective.SeqMeanTokenMean.Weights(lengths, 0)
	return c
}

// loss is the formula in float64, sequence by sequence: -1/G Σ min(s·A, clip(s)·A).
func (c gspoCase) loss(low, high float64) (loss float64, clipped int) {
	for i := range c.pairs {
		mean := 0.0
		for j := range c.policy[i] {
			mean += (c.policy[i][j] - c.old[i][j]) / float64(len(c.policy[i]))
		}
		s := math.Exp(mean)
		free, bound := s*c.advantages[i], min(max(s, 1-low), 1+high)*c.advantages[i]
		if bound < free {
			clipped++
		}
		loss -= min(free, bound) / float64(len(c.pairs))
	}
	return loss, clipped
}

// slope is the loss's derivative by the log-probability of token j of sequence i, a
// difference quotient.
func (c gspoCase) slope(low, high float64, i, j int) float64 {
	const h = 1e-5
	was := c.policy[i][j]
	defer func() { c.policy[i][j] = was }()
	c.policy[i][j] = was + h
	up, _ := c.loss(low, high)
	c.policy[i][j] = was - h
	down, _ := c.loss(low, high)
	return (up - down) / (2 * h)
}

// TestGSPO compares the objective, of sequences and of tokens, with float64: its loss and the gradient at every
// token, in every layout, padding full of rubbish.
func TestGSPO(t *testing.T) {
	for _, level := range []string{"sequence", "token"} {
		t.Run(level, func(t *testing.T) { testGSPO(t, level) })
	}
}

func testGSPO(t *testing.T, level string) {
	options := objective.Default()
	options.Own = map[string]string{"low": "0.1", "high": "0.2", "level": level}
	o, err := gspo(options)
	if err != nil {
		t.Fatal(err)
	}
	c := newGSPOCase()
	want, clipped := c.loss(0.1, 0.2)
	if clipped < 2 || clipped > len(c.pairs)-2 {
		t.Fatalf("%d of %d sequences are clipped", clipped, len(c.pairs))
	}
	for _, name := range kernelstest.Backends(t) {
		d := trainertest.OpenDevice(t, name)
		for _, layout := range []learner.Layout{{MicroTokens: 4096}, {MicroTokens: 80},
			{MicroTokens: 256, Packed: true}, {MicroTokens: 64, Packed: true}} {
			if name != "go" && layout.MicroTokens < 256 {
				continue // XLA takes longer to compile each of the many shapes
			}
			loss, seenTokens, shares := 0.0, 0, 0.0
			for indices, batch := range layout.Batches(c.pairs) {
				columns := o.Columns(batch.Shape.N)
				logprob := slices.Repeat([]float32{-7}, batch.Shape.N)
				for _, name := range []string{objective.Old, objective.Advantage} {
					copy(columns[name], slices.Repeat([]float32{3}, batch.Shape.N))
				}
				for i, index := range indices {
					for j := range c.policy[index] {
						at := batch.First[i] + j
						logprob[at] = float32(c.policy[index][j])
						columns[objective.Old][at] = float32(c.old[index][j])
						columns[objective.Advantage][at] = float32(c.advantages[index])
						columns[objective.Weight][at] = c.weights[index]
					}
				}
				got, seen, gradient := trainertest.Objective(t, d, o, 0, logprob,
					make([]float32, batch.Shape.N), columns, batch.Sequences())
				loss += got
				for i, index := range indices {
					at := batch.First[i]
					shares += float64(seen[objective.ClipLow][at] + seen[objective.ClipHigh][at])
					for j := range c.policy[index] {
						want := c.slope(0.1, 0.2, index, j)
						x := float64(gradient[batch.First[i]+j])
						if !(math.Abs(x-want) <= 2e-6*max(1, math.Abs(want))) {
							t.Errorf("%s, %+v: gradient of token %d of sequence %d is %.8g, want %.8g", name,
								layout, j, index, x, want)
						}
						seenTokens++
					}
				}
			}
			if !(math.Abs(loss-want) <= 2e-6) || shares != float64(clipped) {
				t.Errorf("%s, %+v: the loss is %.8g with %g sequences clipped, want %.8g with %d", name,
					layout, loss, shares, want, clipped)
			}
			if seenTokens != 133 {
				t.Errorf("%s, %+v: %d tokens, want 133", name, layout, seenTokens)
			}
		}
	}
}

// TestGSPOLayouts: through a model, too, a sequence's ratio is the same however batches are
// laid out: every parameter's gradient is that of sequences in rows of their own.
func TestGSPOLayouts(t *testing.T) {
	o, err := gspo(objective.Default())
	if err != nil {
		t.Fatal(err)
	}
	c := newGSPOCase()
	for _, name := range kernelstest.Backends(t) {
		d := trainertest.OpenDevice(t, name)
		w := trainertest.TinyWeights(t, d, dtypes.Float32)
		defer w.Close()
		// gradients are what an update of rate 0 would move by, and the norm that it reports.
		pass := func(layout learner.Layout) (norm, loss float64, moments [][]float32) {
			adamw := optimizer.Default()
			adamw.MaxGradNorm = 0
			l, err := learner.New(w, learner.Options{AdamW: adamw, Objective: o})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			totals := objective.NewTotals()
			for indices, batch := range layout.Batches(c.pairs) {
				columns := o.Columns(batch.Shape.N)
				for i, index := range indices {
					for j := range c.old[index] {
						at := batch.First[i] + j
						columns[objective.Old][at] = -6 // about what the model says
						columns[objective.Advantage][at] = float32(c.advantages[index])
						columns[objective.Weight][at] = c.weights[index]
					}
				}
				seen, err := l.Accumulate(batch, columns, 1)
				if err != nil {
					t.Fatal(err)
				}
				for i, index := range indices {
					totals.See(o, seen, columns, batch.First[i], len(c.old[index]))
				}
			}
			if norm, err = l.Update(0); err != nil {
				t.Fatal(err)
			}
			for _, s := range l.Optimizer().State() {
				if strings.HasPrefix(s.Name, "m.") { // a tenth of the gradient
					values, err := backend.Float32s(*s.Buffer)
					if err != nil {
						t.Fatal(err)
					}
					moments = append(moments, values)
				}
			}
			return norm, totals.Weighted[objective.PolicyLoss], moments
		}
		if name != "go" && testing.Short() {
			continue
		}
		wantNorm, wantLoss, want := pass(learner.Layout{MicroTokens: 1}) // a pass for each
		if !(wantNorm > 0) {
			t.Fatal("every sequence is clipped")
		}
		layouts := []learner.Layout{{MicroTokens: 256, Packed: true}}
		if name == "go" { // XLA takes seconds to compile each
			layouts = append(layouts, learner.Layout{MicroTokens: 4096})
		}
		for _, layout := range layouts {
			norm, loss, got := pass(layout)
			if math.Abs(norm-wantNorm) > 1e-4*wantNorm || math.Abs(loss-wantLoss) > 1e-5 {
				t.Errorf("%s, %+v: norm %g, loss %g, alone %g and %g", name, layout, norm, loss, wantNorm,
					wantLoss)
			}
			for i := range want {
				scale := trainertest.Norm(want[i]) / math.Sqrt(float64(len(want[i])))
				for j, x := range want[i] {
					if d := math.Abs(float64(got[i][j] - x)); d > 5e-4*max(scale, math.Abs(float64(x))) {
						t.Fatalf("%s, %+v: gradient of parameter %d[%d] is %g, alone %g", name, layout, i, j,
							got[i][j], x)
					}
				}
			}
		}
	}
}

// TestOwnAlgorithm: a run takes the algorithm by its name, its options and its metrics, and
// goes on with them; options that are not its own are refused, others that it does not
// read are named.
func TestOwnAlgorithm(t *testing.T) {
	c := tinyRun(t, 4)
	c.Algorithm, c.Loss.Own = "gspo", map[string]string{"low": "0.1"}
	whole, halved := runTwice(t, c)
	checkSame(t, whole, halved, "checkpoints/step-4/model.safetensors")
	metrics, err := ReadMetrics(filepath.Join(whole, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range metrics {
		if _, ok := m["clip_ratio/region_mean"]; !ok || m["actor/ratio_mean"] == 0 || math.IsNaN(m["loss"]) {
			t.Errorf("%v", m)
		}
		if _, ok := m["kl"]; !ok { // whose weight is the preset's
			t.Errorf("no divergence: %v", m)
		}
	}
	var manifest struct {
		Config struct{ Loss map[string]json.RawMessage }
	}
	data, err := os.ReadFile(filepath.Join(whole, "manifest.json"))
	if err == nil {
		err = json.Unmarshal(data, &manifest)
	}
	if err != nil || !strings.Contains(string(manifest.Config.Loss["options"]), `"low"`) {
		t.Errorf("the manifest has the options %s: %v", manifest.Config.Loss["options"], err)
	}

	set := func(more ...string) (Config, error) {
		return LoadConfig("", append([]string{"model=m", "data.bench=arith"}, more...))
	}
	for _, x := range []struct {
		settings []string
		want     string
	}{
		{[]string{"algorithm=gspo", "loss.options.lo=0.1"}, `"lo"`},
		{[]string{"algorithm=gspo", "loss.options.low=x"}, "loss.options.low"},
		{[]string{"algorithm=gspo", "loss.options.low=-1"}, "must be positive"},
		{[]string{"algorithm=gspo", "loss.options.level=tokens"}, `did you mean "token"?`},
		{[]string{"loss.options.low=0.1"}, "loss.options.low: algorithm grpo has no settings of its own"},
		{[]string{"algorithm=sft", "loss.options.low=0.1"}, "algorithm sft has no settings of its own"},
		{[]string{"algorithm=gsp"}, nearest.List(objective.Names()) + `, did you mean "gspo"?`},
	} {
		if _, err := set(x.settings...); err == nil || !strings.Contains(err.Error(), x.want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v, want %q", x.settings, err, x.want)
		}
	}
	c, err = set("algorithm=gspo", "loss.options.low=1e-3", "loss.options.high=0.5", "loss.clip_low=0.3",
		"update.batch=7")
	if err != nil || c.Loss.Own["low"] != "1e-3" || c.Loss.Own["high"] != "0.5" {
		t.Errorf("options %v: %v", c.Loss.Own, err)
	}
	ignored := strings.Join(c.Ignored("float32"), "\n")
	for _, want := range []string{"loss.clip_low=0.3 has no effect: algorithm is gspo",
		"update.batch=7 has no effect: algorithm is gspo"} {
		if !strings.Contains(ignored, want) {
			t.Errorf("%q is not said: %s", want, ignored)
		}
	}
	if _, err := Check(context.Background(), tinyRun(t, 1), "",
		Options{Backend: "go", DType: "float32"}); err != nil {
		t.Error(err)
	}
}
