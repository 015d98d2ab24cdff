package trainer

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/kernels/blockwise"
	"github.com/stele-lm/stele/trainer/problems"
)

// furtherRun trains an adapter of PEFT's further, over the model that it is of.
func furtherRun(adapter string) Config {
	c := defaults()
	c.Model, c.Steps, c.Seed = "../testdata/models/tiny-qwen2", 2, 5
	c.Data = problems.Options{Bench: "arith", Split: "train", Languages: []string{"en"}, Levels: []int{1},
		Template: "plain"}
	c.Rollout.Questions, c.Rollout.GroupSize, c.Rollout.MaxTokens, c.Rollout.MaxPrompt = 2, 2, 5, 64
	c.Loss.Beta = 0.05
	c.Optimizer.LR = 0.01
	c.LoRA.Unset()
	c.LoRA.Adapter, c.LoRA.Merge = filepath.Join("../testdata/adapters", adapter), false
	c.Save = Save{Every: 1, Rollouts: true}
	return c
}

// openAdapter opens an adapter for the model of furtherRun.
func openAdapter(t *testing.T, dir string) *checkpoint.Adapter {
	t.Helper()
	m, err := checkpoint.LoadConfig("../testdata/models/tiny-qwen2")
	if err != nil {
		t.Fatal(err)
	}
	a, err := checkpoint.OpenAdapter(dir, m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// TestTrainFurther: a run goes on from an adapter with patterns of rank and alpha and rank-stabilised scales: it
// samples with it, it is the reference, the base stays as it is, what is saved is read as the same kind of
// adapter, and a killed run resumes bit for bit.
func TestTrainFurther(t *testing.T) {
	for _, adapter := range []string{"rslora-patterns", "some-layers"} {
		t.Run(adapter, func(t *testing.T) {
			c := furtherRun(adapter)
			whole, halved := runTwice(t, c)
			checkSame(t, whole, halved, "checkpoints/step-2/adapter/adapter_model.safetensors",
				"checkpoints/step-2/adapter/adapter_config.json", "checkpoints/step-2/trainer_state.safetensors",
				"rollouts/step-2.jsonl")
			metrics, err := ReadMetrics(filepath.Join(whole, "metrics.jsonl"))
			if err != nil || len(metrics) != 2 {
				t.Fatal(metrics, err)
			}
			for _, m := range metrics {
				if d := m["sampling/sampling_logp_difference/max"]; !(d <= 1e-4) {
					t.Errorf("step %v: engine and trainer differ by %g", m["step"], d)
				}
			}
			if !(metrics[0]["kl"] <= 1e-9) || !(metrics[1]["kl"] > metrics[0]["kl"]) {
				t.Errorf("KL to the model that it began with: %g, then %g; want 0, then more", metrics[0]["kl"],
					metrics[1]["kl"])
			}
			given := openAdapter(t, c.LoRA.Adapter)
			made := openAdapter(t, filepath.Join(whole, "checkpoints/step-2/adapter"))
			if len(made.Factors) != len(given.Factors) {
				t.Fatalf("%d factors, there were %d", len(made.Factors), len(given.Factors))
			}
			moved := 0.0
			for i, f := range made.Factors {
				g := given.Factors[i]
				if f.Index != g.Index || f.Rank != g.Rank || f.Scale != g.Scale {
					t.Errorf("factors %d are %d %d %g, were %d %d %g", i, f.Index, f.Rank, f.Scale, g.Index, g.Rank,
						g.Scale)
				}
				a, b := make([]float32, f.B.Len()), make([]float32, f.B.Len())
				f.B.Float32s(a)
				g.B.Float32s(b)
				for j := range a {
					moved = max(moved, math.Abs(float64(a[j]-b[j])))
				}
			}
			if !(moved > 1e-3) || moved > 0.1 {
				t.Errorf("the factors moved by %g", moved)
			}
			for name, value := range given.Fields {
				switch name {
				case "base_model_name_or_path", "inference_mode", "lora_dropout", "init_lora_weights":
					continue
				}
				if !sameJSON(t, value, made.Fields[name]) {
					t.Errorf("%s is %s, was %s", name, made.Fields[name], value)
				}
			}
			m, err := readManifest(filepath.Join(whole, "manifest.json"))
			if err != nil || m.Config.LoRA.Rank != given.Rank || m.Config.LoRA.Alpha != given.Alpha ||
				len(m.Config.LoRA.Targets) == 0 || m.Weights["adapter/adapter_model.safetensors"] == "" {
				t.Errorf("%+v of %v, %v", m.Config.LoRA, m.Weights, err)
			}
			again := c // as the file that the run began with says it
			again.Steps = 3
			mustRun(t, again, whole, Options{Resume: true})
			other := c
			other.LoRA.Adapter = "../testdata/adapters/plain"
			err = Run(context.Background(), other, whole, Options{Backend: "go", DType: "float32", Resume: true})
			if err == nil || !strings.Contains(err.Error(), "lora.adapter was ") {
				t.Errorf("with another adapter: %v", err)
			}
		})
	}
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal(a, &x); err != nil {
		t.Fatal(err)
	}
	return json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// TestTrainFurtherStart: the first rollouts of a run that trains an adapter further are those of the model with
// the adapter merged.
func TestTrainFurtherStart(t *testing.T) {
	c := furtherRun("plain")
	c.Steps = 1
	dir := t.TempDir()
	mustRun(t, c, filepath.Join(dir, "run"), Options{})
	e, err := engine.Load(c.Model, engine.Options{Backend: "go", Adapter: c.LoRA.Adapter})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.KeepCompanions(); err != nil {
		t.Fatal(err)
	}
	if err := e.Save(filepath.Join(dir, "merged")); err != nil {
		t.Fatal(err)
	}
	merged := c
	merged.Model = filepath.Join(dir, "merged")
	merged.LoRA = defaults().LoRA
	merged.LoRA.Rank = 2
	mustRun(t, merged, filepath.Join(dir, "of merged"), Options{})
	base := merged
	base.Model = c.Model
	mustRun(t, base, filepath.Join(dir, "of base"), Options{})
	sampled := map[string]string{}
	for _, run := range []string{"run", "of merged", "of base"} {
		text, err := os.ReadFile(filepath.Join(dir, run, "rollouts/step-1.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		sampled[run] = string(text)
	}
	if sampled["run"] != sampled["of merged"] || sampled["run"] == sampled["of base"] {
		t.Errorf("as of the merged model: %v, as of the base: %v", sampled["run"] == sampled["of merged"],
			sampled["run"] == sampled["of base"])
	}
}

// TestTrainFurtherRefusals: settings that are not the adapter's are refused by name before anything is loaded, and
// so is an adapter of another model.
func TestTrainFurtherRefusals(t *testing.T) {
	plain := "lora.adapter=../testdata/adapters/plain"
	for _, x := range []struct {
		set  []string
		want string // "" is taken
	}{
		{[]string{plain}, ""},
		{[]string{"lora.rank=4", plain, "lora.alpha=8", "lora.targets=[q_proj, v_proj]"}, ""},
		{[]string{"lora.rank=16", plain}, "lora.rank is 16, and the adapter that is trained further"},
		{[]string{plain, "lora.alpha=16"}, "lora.alpha is 16, and the adapter"},
		{[]string{plain, "lora.targets=[q_proj]"}, "lora.targets is [q_proj], and the adapter"},
		{[]string{plain, "lora.targets=[nonsense]"}, `target "nonsense" is unknown`},
		{[]string{plain, "lora.alpha=-1"}, "alpha -1 must be positive"},
		{[]string{"lora.adapter=nowhere"}, `lora.adapter: adapter "nowhere": no such folder`},
		{[]string{"lora.adapter=../testdata/adapters/regex"}, "lora_A.weight"},
		{[]string{"lora.adapter=../testdata/models/tiny-qwen2"}, "is a model and not an adapter"},
		{[]string{"lora.adapter=", "lora.rank=2"}, ""},
	} {
		set := append([]string{"model=../testdata/models/tiny-qwen2", "data.bench=arith", "data.levels=[1]",
			"data.template=plain", "rollout.max_tokens=4", "rollout.questions=2", "rollout.group_size=2"}, x.set...)
		c, err := LoadConfig("", set)
		if err == nil {
			_, err = Check(context.Background(), c, "", Options{Backend: "go", DType: "float32"})
		}
		if (err == nil) != (x.want == "") || err != nil && (!strings.Contains(err.Error(), x.want) ||
			strings.Contains(err.Error(), "\n")) {
			t.Errorf("%v: %v, want %q", x.set, err, x.want)
		}
	}
}

// TestAdapterCard: an adapter that was trained over a base in blocks says so, in a way that reading it notes where
// the base is held otherwise; one that was not has no card.
func TestAdapterCard(t *testing.T) {
	c := furtherRun("plain")
	c.Steps = 1
	for base, want := range map[string]string{"none": "", "nf4": "nf4 with double quantisation",
		"int8": "int8 with double quantisation"} {
		c.LoRA.Base = blockwise.Code(base)
		dir := filepath.Join(t.TempDir(), "run")
		mustRun(t, c, dir, Options{})
		adapter := filepath.Join(dir, "checkpoints/step-1/adapter")
		if got := openAdapter(t, adapter).TrainedOver; got != want {
			t.Errorf("%s: trained over %q, want %q", base, got, want)
		}
		var said bytes.Buffer
		e, err := engine.Load(c.Model, engine.Options{Backend: "go", Adapter: adapter, Say: &said})
		if err != nil {
			t.Fatal(err)
		}
		e.Close()
		note := "was trained over a base in " + want + ", and here it is in float32"
		if noted := strings.Contains(said.String(), note); noted != (want != "") {
			t.Errorf("%s: it said %q", base, said.String())
		}
		if want == "" {
			continue
		}
		said.Reset()
		e, err = engine.Load(c.Model, engine.Options{Backend: "go", Adapter: adapter, Say: &said,
			Projections: blockwise.Format{Code: blockwise.Code(base), Double: true}})
		if err != nil {
			t.Fatal(err)
		}
		e.Close()
		if strings.Contains(said.String(), "was trained over") {
			t.Errorf("%s, held as it was: it said %q", base, said.String())
		}
	}
}
