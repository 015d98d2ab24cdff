package trainer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/builtin"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/kernels/kernelstest"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/problems"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(inJob); dir != "" {
		os.Exit(processOf(dir))
	}
	kernelstest.Main(m)
}

// tinyRun is a GRPO run of the nano model that takes seconds on the Go backend.
func tinyRun(t *testing.T, steps int) Config {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "nano")
	if err := builtin.Write(dir, "nano", 3); err != nil {
		t.Fatal(err)
	}
	c := defaults()
	c.Model, c.Steps, c.Seed = dir, steps, 5
	c.Data = problems.Options{Bench: "arith", Split: "train", Languages: []string{"en", "sw"},
		Levels: []int{1}, Template: "plain"}
	c.Rollout.Questions, c.Rollout.GroupSize, c.Rollout.MaxTokens, c.Rollout.MaxPrompt = 3, 4, 6, 64
	c.Update.MiniBatches, c.Update.MicroTokens = 2, 256
	c.Optimizer.LR = 1e-3
	c.Save = Save{Every: 1, Rollouts: true}
	return c
}

func mustRun(t *testing.T, c Config, dir string, o Options) {
	t.Helper()
	o.Backend, o.DType = "go", "float32"
	if err := Run(context.Background(), c, dir, o); err != nil {
		t.Fatal(err)
	}
}

// TestResumeIsExact: 4 steps are 2 steps, a crash that left rubbish behind, and 2
// more: the same weights, optimiser state, metrics and rollouts, bit for bit.
func TestResumeIsExact(t *testing.T) {
	c := tinyRun(t, 4)
	c.Save.KeepLast = 1 // the checkpoint that is resumed from goes away
	whole, halved := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "halved")
	mustRun(t, c, whole, Options{})

	short := c
	short.Steps = 2
	mustRun(t, short, halved, Options{})
	// What a kill in step 3 may leave: metrics and rollouts of a step without a
	// checkpoint, a torn line, half a checkpoint.
	appendTo(t, filepath.Join(halved, "metrics.jsonl"), `{"step":3,"reward":9}`+"\n"+`{"step":4,"rew`)
	appendTo(t, filepath.Join(halved, "rollouts", "step-3.jsonl"), "{}\n")
	appendTo(t, filepath.Join(halved, "rollouts", ".step-3.jsonl.partial-7"), "{")
	appendTo(t, filepath.Join(halved, ".manifest.json.partial-7"), "{")
	if err := os.MkdirAll(filepath.Join(halved, "checkpoints", ".step-3.partial"), 0o755); err != nil {
		t.Fatal(err)
	}
	mustRun(t, c, halved, Options{Resume: true})

	for _, path := range []string{
		"checkpoints/step-4/model.safetensors", "checkpoints/step-4/trainer_state.safetensors",
		"checkpoints/step-4/trainer_state.json",
		"rollouts/step-1.jsonl", "rollouts/step-3.jsonl", "rollouts/step-4.jsonl",
	} {
		a, errA := os.ReadFile(filepath.Join(whole, path))
		b, errB := os.ReadFile(filepath.Join(halved, path))
		if err := errors.Join(errA, errB); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs", path)
		}
	}
	a, errA := ReadMetrics(filepath.Join(whole, "metrics.jsonl"))
	b, errB := ReadMetrics(filepath.Join(halved, "metrics.jsonl"))
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	for _, m := range slices.Concat(a, b) {
		for key := range m {
			if OfClock(key) {
				delete(m, key)
			}
		}
	}
	if len(a) != 4 || !reflect.DeepEqual(a, b) {
		t.Errorf("metrics differ:\n%v\n%v", a, b)
	}
	for _, m := range a {
		if d := m["sampling/sampling_logp_difference/max"]; !(d <= 1e-4) {
			t.Errorf("step %v: engine and trainer differ by %g", m["step"], d)
		}
	}
	for _, dir := range []string{whole, halved} {
		entries, err := os.ReadDir(filepath.Join(dir, "checkpoints"))
		if err != nil || len(entries) != 1 {
			t.Errorf("%s: %d entries, %v; want the last checkpoint alone", dir, len(entries), err)
		}
		for _, pattern := range []string{".*.partial-*", "rollouts/.*"} {
			if left, _ := filepath.Glob(filepath.Join(dir, pattern)); left != nil {
				t.Errorf("%v is left of a file in the making", left)
			}
		}
		e, err := engine.Load(filepath.Join(dir, "checkpoints", "step-4"), engine.Options{Backend: "go"})
		if err != nil {
			t.Errorf("the checkpoint is no model folder: %v", err)
			continue
		}
		e.Close()
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// TestMicroBatches: how a mini-batch is cut changes the weights by rounding only.
func TestMicroBatches(t *testing.T) {
	read := func(micro int) []float32 {
		c := tinyRun(t, 1)
		c.Update.MicroTokens = micro
		dir := filepath.Join(t.TempDir(), "run")
		mustRun(t, c, dir, Options{})
		folder, err := checkpoint.Open(filepath.Join(dir, "checkpoints", "step-1"))
		if err != nil {
			t.Fatal(err)
		}
		defer folder.Close()
		tensor, err := folder.Tensor("model.layers.0.mlp.up_proj.weight")
		if err != nil {
			t.Fatal(err)
		}
		values := make([]float32, tensor.Len())
		tensor.Float32s(values)
		return values
	}
	a, b := read(64), read(4096)
	for i := range a {
		if d := a[i] - b[i]; d > 1e-5 || d < -1e-5 {
			t.Fatalf("weight %d is %g and %g", i, a[i], b[i])
		}
	}
}

func TestSFTLearns(t *testing.T) {
	c := tinyRun(t, 12)
	c.Algorithm = objective.SFT
	c.Update.Batch, c.Optimizer.LR, c.Save.Every = 8, 1e-2, 12
	dir := filepath.Join(t.TempDir(), "sft")
	mustRun(t, c, dir, Options{})
	metrics, err := ReadMetrics(filepath.Join(dir, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	first, last := metrics[0]["loss"], metrics[len(metrics)-1]["loss"]
	if !(last < first-1) {
		t.Errorf("the loss goes from %g to %g in 12 steps", first, last)
	}
}

func TestRunRefuses(t *testing.T) {
	c := tinyRun(t, 1)
	dir := filepath.Join(t.TempDir(), "run")
	mustRun(t, c, dir, Options{})
	for name, call := range map[string]func() error{
		"an existing run without --resume": func() error {
			return Run(context.Background(), c, dir,
				Options{Backend: "go"})
		},
		"other settings": func() error {
			other := c
			other.Rollout.GroupSize = 2
			return Run(context.Background(), other, dir, Options{Backend: "go", Resume: true})
		},
		"a folder of something else": func() error {
			elsewhere := t.TempDir()
			appendTo(t, filepath.Join(elsewhere, "letter.txt"), "x")
			return Run(context.Background(), c, elsewhere, Options{Backend: "go"})
		},
	} {
		if err := call(); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// TestChoose: each epoch has every problem once, in an order of its own.
func TestChoose(t *testing.T) {
	all := make([]problems.Problem, 10)
	for i := range all {
		all[i].ID = string(rune('a' + i))
	}
	var seen []string
	o := problems.Order{Problems: all, Seed: 7}
	for step := range 10 {
		for _, p := range o.Take(3*step, 3) {
			seen = append(seen, p.ID)
		}
	}
	epochs := [][]string{seen[:10], seen[10:20], seen[20:]}
	if slices.Equal(epochs[0], epochs[1]) {
		t.Error("two epochs have the same order")
	}
	for _, epoch := range epochs {
		slices.Sort(epoch)
		if strings.Join(epoch, "") != "abcdefghij" {
			t.Errorf("an epoch has %v", epoch)
		}
	}
}

func TestLoadConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	text := "preset: dapo\nmodel: m\ndata: {bench: arith, languages: [en, ru]}\noptimizer:\n  lr: 1e-5\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := LoadConfig(path, []string{"steps=7", "data.languages=[fr]", "loss.clip_high=0.3",
		"eval.bench="})
	if err != nil {
		t.Fatal(err)
	}
	if c.Loss.Aggregation != objective.TokenMean || c.Loss.ClipHigh != 0.3 || c.Loss.Beta != 0 ||
		c.Steps != 7 || c.Optimizer.LR != 1e-5 ||
		!slices.Equal(c.Data.Languages, []string{"fr"}) || c.Rollout.GroupSize != 16 {
		t.Errorf("%+v", c)
	}
	for _, settings := range [][]string{
		{"nonsense"}, {"no.such.key=1"}, {"steps=x"}, {"steps=0"}, {"preset=unknown"}, {"algorithm=ppo"},
		{"loss.kl=k9"}, {"optimizer.lr=-1"}, {"rollout.group_size=1"}, {"reward.accuracy=-1"}, {"steps=1.5"},
		{"data.levels=[1, 2.5]"},
		{"loss.beta=.nan"}, {"optimizer.lr=.inf"}, {"steps=0", "rollout.group_size=1"}, {"data.languages=en"},
		{"seed=-1"},
	} {
		if _, err := LoadConfig(path, settings); err == nil || strings.Contains(err.Error(), "\n") ||
			strings.Contains(err.Error(), "struct") {
			t.Errorf("%v: %v, want a refusal of one line", settings, err)
		}
	}
	if c, err := LoadConfig(path, []string{"steps=2.0", "optimizer.lr=1"}); err != nil || c.Steps != 2 ||
		c.Optimizer.LR != 1 {
		t.Errorf("whole numbers: %v, %v", c.Steps, err)
	}
}

// TestExamples: the configurations that ship are valid.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../examples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if _, err := LoadConfig(file, nil); err != nil {
			t.Error(err)
		}
	}
}

func TestMetricsOfARunThatIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	for step := range 3 {
		if err := appendMetrics(path, Metrics{"step": float64(step)}); err != nil {
			t.Fatal(err)
		}
	}
	appendTo(t, path, `{"step":3,"re`)
	metrics, err := ReadMetrics(path)
	if err != nil || len(metrics) != 3 {
		t.Errorf("%v, %v; want the three whole lines", metrics, err)
	}
	data, _ := json.Marshal(metrics[2])
	if string(data) != `{"step":2}` {
		t.Errorf("%s", data)
	}
}

// readTensors reads a safetensors file as float32 by name.
func readTensors(t *testing.T, dir, name string) map[string][]float32 {
	t.Helper()
	file, err := checkpoint.OpenFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	all := map[string][]float32{}
	for _, name := range file.Names() {
		tensor, err := file.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = make([]float32, tensor.Len())
		tensor.Float32s(all[name])
	}
	return all
}

// TestMaxDifference: a run whose engine and trainer differ by more than allowed stops, and bfloat16
// is allowed ten times as much.
func TestMaxDifference(t *testing.T) {
	for _, x := range []struct {
		dtype string
		share float64 // of the largest difference that there is, as the bound
		stops bool
	}{{"float32", 0.5, true}, {"float32", 2, false}, {"bfloat16", 0.2, false}, {"bfloat16", 0.05, true}} {
		c := tinyRun(t, 1)
		o := Options{Backend: "go", DType: x.dtype, Kernels: engine.KernelsHost}
		c.Rollout.MaxDifference = 0 // anything goes
		var largest float64
		o.OnStep = func(_, _ int, m Metrics) { largest = m["sampling/sampling_logp_difference/max"] }
		if err := Run(context.Background(), c, filepath.Join(t.TempDir(), "run"), o); err != nil {
			t.Fatal(err)
		}
		c.Rollout.MaxDifference = x.share * largest
		err := Run(context.Background(), c, filepath.Join(t.TempDir(), "bound"), o)
		if stopped := err != nil && strings.Contains(err.Error(), "rollout.max_difference"); stopped != x.stops {
			t.Errorf("%s, bound %g of %g: %v", x.dtype, c.Rollout.MaxDifference, largest, err)
		}
	}
}
