package objective_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/kernelstest"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// TestSequenceSums compares sums and means over sequences, and what reaches each token back
// through them, with float64; sequences lie in any order, padding among them.
func TestSequenceSums(t *testing.T) {
	o := objective.Objective{
		Formula: "sums", Inputs: []objective.Input{{Name: "factor"}}, Statistics: []string{"sum", "mean"},
		Sequences: true,
		Loss: func(t *objective.Tokens) *Node {
			sum := t.SequenceSum(Mul(t.LogProb, t.Input("factor")))
			mean := t.SequenceMean(t.LogProb)
			t.Return("sum", sum)
			t.Return("mean", mean)
			return Add(sum, mean)
		},
	}
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{1, 17, 3000} {
		count := min(n, 9)
		sequences := make([]int32, n)
		logprob, entropy := make([]float32, n), make([]float32, n)
		columns := o.Columns(n)
		tokens, sums, plain, weights := make([]float64, count), make([]float64, count), make([]float64,
			count), make([]float64, count)
		sizes := make([]float64, count) // of what is added up
		for i := range n {
			sequences[i] = int32(r.IntN(count+1)) - 1
			if i == 0 {
				sequences[i] = int32(count - 1)
			}
			logprob[i], columns["factor"][i], columns[objective.Weight][i] = float32(-4*r.Float64()),
				float32(r.NormFloat64()), float32(r.Float64())
			if s := sequences[i]; s >= 0 {
				tokens[s]++
				sums[s] += float64(logprob[i]) * float64(columns["factor"][i])
				sizes[s] += math.Abs(float64(logprob[i]) * float64(columns["factor"][i]))
				plain[s] += float64(logprob[i])
				weights[s] += float64(columns[objective.Weight][i])
			}
		}
		for _, name := range kernelstest.Backends(t) {
			_, seen, gradient := trainertest.Objective(t, trainertest.OpenDevice(t, name), o, 0, logprob,
				entropy, columns, sequences)
			near := func(what string, i int, got float32, want, size float64) {
				t.Helper()
				if !(math.Abs(float64(got)-want) <= 1e-6*size) {
					t.Errorf("%s, %d tokens: %s at %d is %.9g, want %.9g", name, n, what, i, got, want)
				}
			}
			for i, s := range sequences {
				if s < 0 {
					near("sum", i, seen["sum"][i], 0, 0)
					near("mean", i, seen["mean"][i], 0, 0)
					near("gradient", i, gradient[i], 0, 0)
					continue
				}
				near("sum", i, seen["sum"][i], sums[s], sizes[s])
				near("mean", i, seen["mean"][i], plain[s]/tokens[s], 4)
				want := weights[s] * (float64(columns["factor"][i]) + 1/tokens[s])
				near("gradient", i, gradient[i], want, max(1, math.Abs(want)))
			}
		}
	}
}

// TestInputs: an algorithm that reads what a run does not have is refused.
func TestInputs(t *testing.T) {
	for want, a := range map[string]objective.Algorithm{
		`algorithm x reads "return": rollouts have ["weight"`:               {Rollouts: true},
		`algorithm x reads "return", which reference solutions do not have`: {},
	} {
		a.Name, a.New = "x", func(objective.Options) (objective.Objective, error) {
			return objective.Objective{Inputs: []objective.Input{{Name: "return"}}}, nil
		}
		if _, err := a.Objective(objective.Default()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestTables: an objective whose formula and tables do not agree does not compile, and the
// error says what.
func TestTables(t *testing.T) {
	loss := func(t *objective.Tokens) *Node { return Neg(t.LogProb) }
	for want, o := range map[string]objective.Objective{
		`x does not read its input "old"`:      {Inputs: []objective.Input{{Name: "old"}}, Loss: loss},
		`x does not read its scalar "a"`:       {Scalars: []string{"a"}, Loss: loss},
		`x does not return its statistic "kl"`: {Statistics: []string{"kl"}, Loss: loss},
		`x does not declare the input "old"`: {Loss: func(t *objective.Tokens) *Node {
			return t.Input("old")
		}},
		`no number "b", only ["a"]`: {Scalars: []string{"a"}, Loss: func(t *objective.Tokens) *Node {
			return Add(t.LogProb, Add(t.Scalar("a"), t.Scalar("b")))
		}},
		`x returns "kl", which it does not declare`: {Loss: func(t *objective.Tokens) *Node {
			t.Return("kl", t.LogProb)
			return t.LogProb
		}},
		"x does not declare that it reads " +
			"sequences": {Loss: func(t *objective.Tokens) *Node { return t.SequenceMean(t.LogProb) }},
	} {
		o.Formula = "x"
		_, err := trainertest.CompileObjective(trainertest.OpenDevice(t, "go"), o, 4, 1)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
