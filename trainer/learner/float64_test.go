package learner

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/kernels/kernelstest"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// exact is testdata/grpo-float64.json: what grpo.json's float32 numbers stand for, by the
// same model in float64 (third_party/float64-goldens.py).
type exact struct {
	Policy  [][]float64 `json:"policy_logprobs"`
	Entropy [][]float64 `json:"policy_entropy"`
	K1      [][]float64 `json:"k1"`
	K2      [][]float64 `json:"k2"`
	K3      [][]float64 `json:"k3"`
}

func readExact(t *testing.T) exact {
	t.Helper()
	data, err := os.ReadFile("../../testdata/grpo-float64.json")
	if err != nil {
		t.Fatal(err)
	}
	var e exact
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e exact) estimates(kind string) [][]float64 {
	return map[string][][]float64{"k1": e.K1, "k2": e.K2, "k3": e.K3}[kind]
}

// divergence is the mean that a variant reports, from estimates for each token.
func (v variant) divergence(tokens [][]float64) float64 {
	lengths := make([]int, len(tokens))
	for i := range tokens {
		lengths[i] = len(tokens[i])
	}
	sum := 0.0
	for i, weight := range v.Mode.Weights(lengths, 12) {
		for _, kl := range tokens[i] {
			sum += float64(weight) * kl
		}
	}
	return sum
}

// rounding bounds the difference of a float32 forward pass of tiny-qwen2 from float64 in a token's
// log-probability: transformers' own in grpo.json by up to 1.2e-5 (5e-6 in the mean
// square), Stele's by up to 1.7e-5 on any backend and tier. Nine tenths of it is rounding
// in the layers' products.
const rounding = 3e-5

// TestTokensInFloat64 holds the log-probability, entropy and divergence of each token
// against float64. What float32 costs a divergence is its slope times what it costs the
// log-probability: of k3 that is e^-d - 1, 10 at the token whose d is -2.4, and that
// token counts a 24th. So log-probabilities that are off by 1e-5 are 4e-6 in the mean.
// What the formula itself adds, given the program's own log-probability, is some last
// bits, however small the divergence is.
func TestTokensInFloat64(t *testing.T) {
	g, want := readGolden(t), readExact(t)
	for _, v := range g.Variants { // verl's float32 means are themselves as far off as that
		if kl := v.divergence(want.estimates(v.loss().KL)); math.Abs(kl-v.KLTerm) > 1e-5 {
			t.Errorf("%s: the golden's divergence is %.8g, in float64 %.8g", v.Name, v.KLTerm, kl)
		}
	}
	for _, name := range kernelstest.Backends(t) {
		w := trainertest.TinyWeights(t, trainertest.OpenDevice(t, name), dtypes.Float32)
		defer w.Close()
		l, err := New(w, g.Variants[0].options())
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		for kind, slope := range map[string]func(d float64) float64{
			"k1": func(float64) float64 { return 1 },
			"k2": func(d float64) float64 { return math.Abs(d) + rounding },
			"k3": func(d float64) float64 { return math.Abs(math.Expm1(-d)) + math.Exp(-d)*rounding },
		} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				loss := g.Variants[0].loss()
				loss.KL = kind
				l.options.Objective = objective.Policy(loss)
				for indices, batch := range (Layout{MicroTokens: 4096}).Batches(g.pairs()) {
					columns := l.options.Objective.Columns(batch.Shape.N)
					for i, index := range indices {
						copy(columns[objective.Ref][batch.First[i]:], g.Ref[index])
					}
					seen, err := l.Accumulate(batch, columns, 1)
					if err != nil {
						t.Fatal(err)
					}
					for i, index := range indices {
						for j, logprob := range want.Policy[index] {
							at := batch.First[i] + j
							near := func(what string, got float32, want, bound float64) {
								t.Helper()
								if !(math.Abs(float64(got)-want) <= bound) {
									t.Errorf("sample %d token %d: %s is %.9g, in float64 %.9g", index, j,
										what, got, want)
								}
							}
							near("log-probability", seen[objective.LogProb][at], logprob, rounding)
							near("entropy", seen[objective.Entropy][at], want.Entropy[index][j], rounding)
							kl := want.estimates(kind)[index][j]
							near("divergence", seen[objective.KL][at], kl, slope(want.K1[index][j])*rounding)
							formula := objective.KLEstimate(kind, seen[objective.LogProb][at],
								g.Ref[index][j])
							near("the formula", seen[objective.KL][at], formula, 2e-6*math.Abs(formula))
						}
					}
				}
			})
		}
	}
}

// TestSmallDivergence: estimates and their slopes keep their digits where policy and
// reference are close, where a run begins; where they are equal both are 0.
func TestSmallDivergence(t *testing.T) {
	var ref, policy []float32
	for _, size := range []float64{0, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 0.3, 0.4999, 0.5, 0.5001, 1, 2} {
		// Beside 0.25 the differences are as fine as float32 has them.
		ref = append(ref, -0.25, -0.25)
		policy = append(policy, float32(-0.25+size), float32(-0.25-size))
	}
	n := len(ref)
	for _, name := range kernelstest.Backends(t) {
		device := trainertest.OpenDevice(t, name)
		for kind, of := range map[string]func(d float64) (value, slope float64){
			"k1": func(d float64) (float64, float64) { return d, 1 },
			"k2": func(d float64) (float64, float64) { return d * d / 2, d },
			"k3": func(d float64) (float64, float64) {
				if math.Abs(d) < 1e-3 { // where float64 loses digits, too
					return d * d / 2 * (1 - d/3 + d*d/12 - d*d*d/60), -math.Expm1(-d)
				}
				return math.Expm1(-d) + d, -math.Expm1(-d)
			},
		} {
			o := objective.Policy(objective.Options{KL: kind, KLIn: objective.KLInLoss, ClipLow: 0.2,
				ClipHigh: 0.2})
			columns := o.Columns(n)
			for i := range n {
				columns[objective.Weight][i], columns[objective.Old][i], columns[objective.Ref][i] = 1,
					policy[i], ref[i]
			}
			_, seen, gradient := trainertest.Objective(t, device, o, 1, policy, make([]float32, n), columns,
				make([]int32, n))
			for i := range n {
				d := float64(policy[i]) - float64(ref[i])
				value, slope := of(d)
				if got := float64(seen[objective.KL][i]); !(math.Abs(got-value) <= 2e-6*math.Abs(value)) {
					t.Errorf("%s, %s of %g is %.9g, want %.9g", name, kind, d, got, value)
				}
				if got := float64(gradient[i]); !(math.Abs(got-slope) <= 2e-6*math.Abs(slope)) {
					t.Errorf("%s, slope of %s at %g is %.9g, want %.9g", name, kind, d, got, slope)
				}
				if got := objective.KLEstimate(kind, policy[i],
					ref[i]); math.Abs(got-value) > 1e-9*math.Abs(value) && math.Abs(d) > 1e-5 {
					t.Errorf("%s in the reward of %g is %.12g, want %.12g", kind, d, got, value)
				}
			}
		}
	}
}
