package trainer

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/kernels/kernelstest"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/problems"
	"github.com/stele-lm/stele/trainer/reward"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// objectiveGolden is testdata/objective.json, which verl's own functions computed
// (third_party/objective-goldens.py): rollouts, and what each recipe makes of them.
type objectiveGolden struct {
	Engine   [][]float32 `json:"engine"`
	Old      [][]float32 `json:"old"`
	Policy   [][]float32 `json:"policy"`
	Ref      [][]float32 `json:"ref"`
	Entropy  [][]float32 `json:"entropy"`
	Rewards  []float64   `json:"rewards"`
	Group    int         `json:"group"`
	Variants []struct {
		Name              string            `json:"name"`
		Settings          objective.Options `json:"settings"`
		Loss              float64           `json:"loss"`
		PGLoss            float64           `json:"pg_loss"`
		KLLoss            float64           `json:"kl_loss"`
		EntropyLoss       float64           `json:"entropy_loss"`
		ClipFraction      float64           `json:"clip_fraction"`
		ClipFractionLower float64           `json:"clip_fraction_lower"`
		RewardKL          *float64          `json:"reward_kl"`
		Weights           [][]float32       `json:"weights"`
		Advantages        []float64         `json:"advantages"`
		Gradient          [][]float32       `json:"gradient"`
	} `json:"variants"`
	Surrogates []struct {
		Name         string                       `json:"name"`
		Algorithm    string                       `json:"algorithm"`
		Options      objective.Own                `json:"options"`
		Aggregation  objective.Aggregation        `json:"aggregation"`
		Correction   objective.ImportanceSampling `json:"correction"`
		Loss         float64                      `json:"loss"`
		ClipFraction float64                      `json:"clip_fraction"`
		Weights      [][]float32                  `json:"weights"`
		Gradient     [][]float32                  `json:"gradient"`
	} `json:"surrogates"`
	Estimates  map[string][]float64 `json:"estimates"`
	Controller struct {
		Beta    float64 `json:"beta"`
		Target  float64 `json:"target"`
		Horizon int     `json:"horizon"`
		Updates []struct {
			KL   float64 `json:"kl"`
			N    int     `json:"n"`
			Beta float64 `json:"beta"`
		} `json:"updates"`
	} `json:"controller"`
	Overlong [][5]float64 `json:"overlong"` // tokens, most, buffer, penalty, reward
}

func readObjectiveGolden(t *testing.T) objectiveGolden {
	t.Helper()
	data, err := os.ReadFile("../testdata/objective.json")
	if err != nil {
		t.Fatal(err)
	}
	var g objectiveGolden
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// TestObjective compares every option of the loss with verl: the advantages, the
// corrections, the parts of the loss and its gradient at every token. KL in the
// reward, masks and weights are computed by the code of a run.
func TestObjective(t *testing.T) {
	g := readObjectiveGolden(t)
	near := func(t *testing.T, what string, got, want float64) {
		t.Helper()
		if !(math.Abs(got-want) <= 2e-6*max(1, math.Abs(want))) {
			t.Errorf("%s is %.8g, want %.8g", what, got, want)
		}
	}
	for _, name := range kernelstest.Backends(t) {
		device := trainertest.OpenDevice(t, name)
		for _, v := range g.Variants {
			t.Run(name+"/"+v.Name, func(t *testing.T) {
				l := v.Settings
				if err := l.Validate(); err != nil {
					t.Fatal(err)
				}
				r := &run{job: cluster.Alone(), config: Config{Loss: l}, kl: objective.KLController{Beta: l.Beta}}
				// The rollouts, as sampling and scoring leave them.
				var rollouts []*rollout
				for i := range g.Rewards {
					o := &rollout{problem: &problems.Problem{}, old: g.Engine[i], ref: g.Ref[i]}
					o.Tokens = make([]int32, len(g.Engine[i]))
					o.score.Total = g.Rewards[i]
					if l.ImportanceSampling != objective.NoImportanceSampling {
						o.old = g.Old[i]
						o.correction, _ = l.ImportanceSampling.Weights(g.Old[i], g.Engine[i], l.ImportanceCap)
						for j, w := range v.Weights[i] {
							near(t, "correction", float64(o.correction[j]), float64(w))
						}
					}
					rollouts = append(rollouts, o)
				}
				m := Metrics{}
				r.penalize(rollouts, m)
				if v.RewardKL != nil {
					near(t, "KL in the reward", m["actor/reward_kl_penalty"], *v.RewardKL)
				}
				setAdvantages(slices.Collect(slices.Chunk(rollouts, g.Group)), l)
				lengths := make([]int, len(rollouts))
				for i, o := range rollouts {
					near(t, "advantage", float64(o.advantage), v.Advantages[i])
					lengths[i] = len(o.Tokens)
				}
				weights := l.Aggregation.Weights(lengths, r.config.aggregationConstant())
				policy := objective.Policy(l)
				n, at := 0, 0
				for _, length := range lengths {
					n += length
				}
				columns, logprob, entropies := policy.Columns(n), []float32{}, []float32{}
				for i, o := range rollouts {
					o.fill(columns, at)
					for range o.Tokens {
						columns[objective.Weight][at] = weights[i]
						at++
					}
					logprob, entropies = append(logprob, g.Policy[i]...), append(entropies, g.Entropy[i]...)
				}
				got, seen, gradients := trainertest.Objective(t, device, policy, l.Beta, logprob, entropies,
					columns, make([]int32, n))
				totals := objective.NewTotals()
				totals.See(policy, seen, columns, 0, n)
				pg, kl, entropy := totals.Weighted[objective.PolicyLoss], totals.Weighted[objective.KL],
					totals.Weighted[objective.Entropy]
				clipped := (totals.Sum[objective.ClipLow] + totals.Sum[objective.ClipHigh]) / totals.Tokens
				dual := totals.Sum[objective.DualClip] / totals.Tokens
				loss := pg - l.Entropy*entropy
				if l.KLIn == objective.KLInLoss {
					loss += l.Beta * kl
				}
				near(t, "loss", loss, v.Loss)
				near(t, "loss on the device", got, v.Loss)
				near(t, "policy loss", pg, v.PGLoss)
				near(t, "KL", kl, v.KLLoss)
				near(t, "entropy", entropy, v.EntropyLoss)
				near(t, "clip fraction", clipped, v.ClipFraction)
				near(t, "dual-clip fraction", dual, v.ClipFractionLower)
				at = 0
				for _, gradient := range v.Gradient {
					for _, want := range gradient {
						near(t, "gradient", float64(gradients[at]), float64(want))
						at++
					}
				}
			})
		}
	}
}

func TestKLController(t *testing.T) {
	g := readObjectiveGolden(t).Controller
	c := objective.KLController{Beta: g.Beta, Target: g.Target, Horizon: g.Horizon}
	for i, u := range g.Updates {
		c.Update(u.KL, u.N)
		if math.Abs(c.Beta-u.Beta) > 1e-12 {
			t.Errorf("update %d: β is %.12g, want %.12g", i, c.Beta, u.Beta)
		}
	}
	fixed := objective.KLController{Beta: 0.3}
	fixed.Update(100, 100)
	if fixed.Beta != 0.3 {
		t.Errorf("a fixed β moved to %g", fixed.Beta)
	}
}

func TestOverlong(t *testing.T) {
	for _, c := range readObjectiveGolden(t).Overlong {
		if got := reward.Overlong(int(c[0]), int(c[1]), int(c[2]), c[3]); math.Abs(got-c[4]) > 1e-12 {
			t.Errorf("%v tokens: %g, want %g", c[:4], got, c[4])
		}
	}
}
