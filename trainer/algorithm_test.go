package trainer

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/trainer/objective"
)

// Two algorithms that are part of these tests alone: one learns from solutions and has a setting of
// its own, the other reads the reference model whatever beta is and returns no divergence.
func init() {
	type options struct {
		Scale float64 `yaml:"scale"`
	}
	objective.Register(objective.Algorithm{
		Name: "scaled-sft", Own: options{Scale: 1},
		New: func(o objective.Options) (objective.Objective, error) {
			own := options{Scale: 1}
			err := o.ReadOwn(&own)
			scaled := objective.Likelihood()
			scaled.Loss = func(t *objective.Tokens) *Node { return MulScalar(Neg(t.LogProb), own.Scale) }
			return scaled, err
		},
	})
	objective.Register(objective.Algorithm{
		Name: "to-reference", Rollouts: true,
		New: func(objective.Options) (objective.Objective, error) {
			return objective.Objective{
				Formula:    "to-reference",
				Inputs:     []objective.Input{{Name: objective.Ref}},
				Statistics: []string{"reference"},
				Loss: func(t *objective.Tokens) *Node {
					t.Return("reference", t.Input(objective.Ref))
					off := Sub(t.LogProb, t.Input(objective.Ref))
					return Mul(off, off)
				},
				Report: func(t *objective.Totals, _ float64, m map[string]float64) {
					m["reference"] = t.Sum["reference"] / t.Tokens
				},
			}, nil
		},
	})
}

// TestOwnSettingsHaveEffect: an algorithm's own settings are not said to be ignored, also where no
// other setting of the loss is read.
func TestOwnSettingsHaveEffect(t *testing.T) {
	c, err := LoadConfig("", []string{"model=m", "data.bench=arith", "algorithm=scaled-sft",
		"loss.options.scale=2", "loss.clip_low=0.1"})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Ignored("float32"); len(got) != 1 || !strings.HasPrefix(got[0], "loss.clip_low=0.1 ") {
		t.Errorf("said to be ignored: %q, want loss.clip_low alone", got)
	}
	_, err = LoadConfig("", []string{"model=m", "data.bench=arith", "algorithm=to-reference",
		"loss.options.b=1", "loss.options.a=2"})
	if want := "loss.options.a: algorithm to-reference has no settings of its own"; err == nil ||
		!strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

// TestReferenceIsLoaded: an objective that reads the reference model has it, also at beta 0, unless
// it says that it needs none then; the memory plan counts it.
func TestReferenceIsLoaded(t *testing.T) {
	for _, x := range []struct {
		algorithm string
		beta      float64
		kl        string
		want      bool
	}{
		{"grpo", 0, objective.KLInLoss, false}, {"grpo", 0.1, objective.KLInLoss, true},
		{"grpo", 0, objective.KLInReward, false}, {"grpo", 0.1, objective.KLInReward, true},
		{"gspo", 0, objective.KLInLoss, false}, {"gspo", 0.1, objective.KLInLoss, true},
		{"gspo", 0.1, objective.KLInReward, true},
		{"to-reference", 0, objective.KLInLoss, true}, {"to-reference", 0.1, objective.KLInReward, true},
		{"sft", 0.1, objective.KLInLoss, false},
	} {
		c := defaults()
		c.Algorithm, c.Loss.Beta, c.Loss.KLIn = x.algorithm, x.beta, x.kl
		if got := c.compares(); got != x.want {
			t.Errorf("%s, beta %g in the %s: a reference is needed: %v", x.algorithm, x.beta, x.kl, got)
		}
	}
	c := tinyRun(t, 1)
	c.Algorithm = "to-reference"
	dir := filepath.Join(t.TempDir(), "run")
	mustRun(t, c, dir, Options{})
	metrics, err := ReadMetrics(filepath.Join(dir, "metrics.jsonl"))
	if err != nil || len(metrics) != 1 || !(metrics[0]["reference"] < -0.1) {
		t.Errorf("the mean log-probability under the reference is not below 0: %v, %v", metrics, err)
	}
}

// TestAdaptiveBetaNeedsDivergence: a target of the divergence in the loss is refused for an
// algorithm that does not measure it.
func TestAdaptiveBetaNeedsDivergence(t *testing.T) {
	for _, x := range []struct{ settings, want string }{
		{"algorithm=to-reference loss.kl_in=loss", `algorithm to-reference has no statistic "kl"`},
		{"algorithm=gspo loss.kl_in=loss", ""}, {"algorithm=to-reference loss.kl_in=reward", ""},
		{"algorithm=grpo loss.kl_in=loss", ""},
		{"algorithm=sft loss.kl_in=loss", ""}, // of which nothing of the loss is read
	} {
		_, err := LoadConfig("", append([]string{"model=m", "data.bench=arith", "loss.beta=0.1",
			"loss.kl_target=0.05"}, strings.Fields(x.settings)...))
		if (err == nil) != (x.want == "") || err != nil && (!strings.Contains(err.Error(), x.want) ||
			!strings.Contains(err.Error(), "loss.kl_target 0.05")) {
			t.Errorf("%s: %v, want %q", x.settings, err, x.want)
		}
	}
}

// TestPresetsRun: every recipe is a configuration, of whose settings none is said to have no effect, and those with
// losses or advantages of their own learn something.
func TestPresetsRun(t *testing.T) {
	for name := range Presets {
		c, err := LoadConfig("", []string{"model=m", "data.bench=arith", "preset=" + name})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if ignored := c.Ignored("float32"); len(ignored) > 0 {
			t.Errorf("%s: %q", name, ignored)
		}
		if c.Algorithm == objective.GRPO && c.Loss.Advantage == "" || c.Algorithm == objective.GSPO {
			continue // other tests run them
		}
		tiny := tinyRun(t, 1)
		tiny.Algorithm, tiny.Loss = c.Algorithm, c.Loss
		dir := filepath.Join(t.TempDir(), "run")
		mustRun(t, tiny, dir, Options{})
		metrics, err := ReadMetrics(filepath.Join(dir, "metrics.jsonl"))
		if err != nil || len(metrics) != 1 || !(metrics[0]["grad_norm"] > 0) || math.IsNaN(metrics[0]["loss"]) {
			t.Errorf("%s: %v, %v", name, metrics, err)
		}
	}
}
