package trainer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/kernels/host"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/optimizer"
	"github.com/stele-lm/stele/trainer/reward"
)

// lineLength is a reward that depends on a line's length alone.
func lineLength() reward.Command {
	return reward.Command{Name: "length", Weight: 0.5, Run: []string{
		"sh", "-c", `while IFS= read -r line; do echo "{\"reward\": $(( ${#line} % 5 ))}"; done`,
	}}
}

// richRun is a run with everything that a checkpoint must hold: dynamic sampling,
// an adaptive β in the reward, several epochs, a correction, a command.
func richRun(t *testing.T, steps int) Config {
	c := tinyRun(t, steps)
	Presets["dapo"](&c)
	c.Reward.Commands = []reward.Command{lineLength()}
	c.Rollout.FilterBy, c.Rollout.GroupSize = FilterByReward, 2
	c.Loss.Beta, c.Loss.KLIn, c.Loss.KL, c.Loss.KLTarget, c.Loss.KLHorizon = 0.1, objective.KLInReward, "k1",
		0.5, 20
	c.Loss.ImportanceSampling = objective.TokenTruncate
	c.Update.Epochs = 2
	return c
}

// runTwice trains in one go and, in another folder, with a stop half-way.
func runTwice(t *testing.T, c Config) (whole, halved string) {
	t.Helper()
	whole, halved = filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "halved")
	mustRun(t, c, whole, Options{})
	short := c
	short.Steps /= 2
	mustRun(t, short, halved, Options{})
	mustRun(t, c, halved, Options{Resume: true})
	return whole, halved
}

// checkSame compares what two runs left behind, bit for bit but for the clock.
func checkSame(t *testing.T, whole, halved string, paths ...string) {
	t.Helper()
	for _, path := range paths {
		a, errA := os.ReadFile(filepath.Join(whole, path))
		b, errB := os.ReadFile(filepath.Join(halved, path))
		if err := errors.Join(errA, errB); err != nil {
			t.Error(err)
		} else if !bytes.Equal(a, b) {
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
	if !reflect.DeepEqual(a, b) {
		t.Errorf("metrics differ:\n%v\n%v", a, b)
	}
}

// runEnv names the variable that makes the test binary a training run to be killed.
const runEnv = "STELE_TEST_RUN"

// TestKilledRun is the run that TestKill starts; by itself it does nothing.
func TestKilledRun(t *testing.T) {
	dir := os.Getenv(runEnv)
	if dir == "" {
		return
	}
	data, err := os.ReadFile(dir + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var c Config
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	mustRun(t, c, dir, Options{Resume: true})
}

// TestKill: a run that is killed with signal 9 while it writes a checkpoint, in the
// midst of a step, and just after its metrics ends as one that was not.
func TestKill(t *testing.T) {
	c := richRun(t, 4)
	whole, killed := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "killed")
	mustRun(t, c, whole, Options{})
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(killed+".json", data, 0o644); err != nil {
		t.Fatal(err)
	}
	exists := func(pattern string) func() bool {
		return func() bool {
			found, _ := filepath.Glob(filepath.Join(killed, pattern))
			return len(found) > 0
		}
	}
	for _, moment := range []struct {
		name string
		come func() bool
	}{
		{"a checkpoint is being written", exists("checkpoints/.step-*")},
		{"a step has its rollouts", exists("rollouts/step-2.jsonl")},
		{"metrics are written", func() bool {
			m, _ := ReadMetrics(filepath.Join(killed, "metrics.jsonl"))
			return len(m) >= 3
		}},
	} {
		run := exec.Command(os.Args[0], "-test.run=^TestKilledRun$")
		run.Env = append(os.Environ(), runEnv+"="+killed)
		var said bytes.Buffer
		run.Stdout, run.Stderr = &said, &said
		if err := run.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- run.Wait() }()
		for waiting := true; waiting; {
			select {
			case err := <-ended:
				if err != nil {
					t.Fatalf("%v: %s", err, said.String())
				}
				waiting = false // the run was over before the moment came
			case <-time.After(200 * time.Microsecond):
				if moment.come() {
					_ = run.Process.Signal(syscall.SIGKILL)
					<-ended
					waiting = false
				}
			}
		}
		t.Logf("killed when %s", moment.name)
	}
	mustRun(t, c, killed, Options{Resume: true})
	checkSame(t, whole, killed,
		"checkpoints/step-4/model.safetensors", "checkpoints/step-4/trainer_state.safetensors",
		"checkpoints/step-4/trainer_state.json",
		"rollouts/step-1.jsonl", "rollouts/step-2.jsonl", "rollouts/step-3.jsonl", "rollouts/step-4.jsonl")
}

// TestDamagedCheckpoint: a newest checkpoint with a flipped bit is passed over with
// a message, and the run ends as if it had not been there; with none left whole,
// the run refuses rather than beginning again.
func TestDamagedCheckpoint(t *testing.T) {
	c := richRun(t, 2)
	whole, dir := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "run")
	mustRun(t, c, whole, Options{})
	mustRun(t, c, dir, Options{})
	damage := func(step int) {
		path := filepath.Join(dir, "checkpoints", checkpointName(step), "model.safetensors")
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)-5] ^= 1
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	damage(2)
	var said bytes.Buffer
	mustRun(t, c, dir, Options{Resume: true, Say: &said})
	if !strings.Contains(said.String(), "step-2 is skipped: model.safetensors is not the file that "+
		"was written") {
		t.Errorf("it said %q", said.String())
	}
	checkSame(t, whole, dir, "checkpoints/step-2/model.safetensors", "checkpoints/step-2/trainer_state.json",
		"rollouts/step-2.jsonl")

	damage(1)
	damage(2)
	err := Run(context.Background(), c, dir, Options{Backend: "go", Resume: true})
	if err == nil || !strings.Contains(err.Error(), "none of the 2 checkpoints") {
		t.Errorf("with every checkpoint damaged: %v", err)
	}
	if m, err := ReadMetrics(filepath.Join(dir, "metrics.jsonl")); err != nil || len(m) != 2 {
		t.Errorf("%d metrics, %v: nothing should have been cut", len(m), err)
	}
}

// FuzzReadState: whatever a state file holds, reading it is an error or a
// checkpoint, and never points outside the folder.
func FuzzReadState(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"step":1}`, `{"step":1,"files":{"../x":"0"}}`,
		`{"step":1,"files":{"a":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}`,
		`[`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		if err := errors.Join(os.WriteFile(filepath.Join(dir, stateFile), text, 0o644),
			os.WriteFile(filepath.Join(dir, "a"), nil, 0o644)); err != nil {
			t.Fatal(err)
		}
		s, err := readState(dir, cluster.Alone().GuardFiles)
		if err != nil {
			return
		}
		for name := range s.Files {
			if !filepath.IsLocal(name) {
				t.Errorf("%q was followed out of the folder", name)
			}
		}
		if s.Step < 1 {
			t.Errorf("step %d", s.Step)
		}
	})
}

// TestPrune: the checkpoints that stay are the last and the best.
func TestPrune(t *testing.T) {
	r := &run{job: cluster.Alone(), dir: t.TempDir(), config: Config{Save: Save{KeepLast: 2, KeepBest: 1}}}
	for step := 1; step <= 6; step++ {
		if err := os.MkdirAll(filepath.Join(r.dir, "checkpoints", checkpointName(step)), 0o755); err != nil {
			t.Fatal(err)
		}
		r.evaluations.all = append(r.evaluations.all,
			Evaluation{Step: step, Accuracy: []float64{0, .1, .5, .2, .5, .3, .4}[step]})
	}
	if err := r.prune(); err != nil {
		t.Fatal(err)
	}
	steps, err := checkpointSteps(filepath.Join(r.dir, "checkpoints"))
	if want := []int{2, 5, 6}; err != nil || !slices.Equal(steps, want) {
		t.Errorf("%v stay, %v; want %v", steps, err, want)
	}
	if left, _ := filepath.Glob(filepath.Join(r.dir, "checkpoints", ".*")); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

func TestStalled(t *testing.T) {
	for _, c := range []struct {
		accuracies []float64
		patience   int
		want       bool
	}{
		{[]float64{.1, .2, .3}, 0, false}, {[]float64{.3}, 1, false}, {[]float64{.3, .3}, 1, true},
		{[]float64{.3, .4}, 1, false},
		{[]float64{.3, .4, .35, .39}, 2, true}, {[]float64{.3, .4, .35, .41}, 2, false},
		{[]float64{.3, .2}, 2, false},
	} {
		var e evaluations
		for i, a := range c.accuracies {
			e.all = append(e.all, Evaluation{Step: i, Accuracy: a})
		}
		if got := e.stalled(c.patience); got != c.want {
			t.Errorf("%v with patience %d: %v, want %v", c.accuracies, c.patience, got, c.want)
		}
	}
}

// TestLoRA: only the adapter moves; the checkpoint holds the merged model, the
// adapter in PEFT's layout and no optimiser state of the weights; a resumed run
// goes on bit for bit; the reference is the model that was loaded.
func TestLoRA(t *testing.T) {
	c := tinyRun(t, 2)
	c.LoRA.Rank, c.LoRA.Alpha, c.LoRA.Targets = 2, 8, []string{"q_proj", "down_proj"}
	c.Loss.Beta = 0.05
	c.Optimizer.LR = 0.02    // one step takes the policy measurably away from the base
	c.Update.MiniBatches = 1 // else the first step has a second update, by when it has moved
	whole, halved := runTwice(t, c)
	checkSame(t, whole, halved, "checkpoints/step-2/model.safetensors",
		"checkpoints/step-2/adapter/adapter_model.safetensors",
		"checkpoints/step-2/adapter/adapter_config.json", "checkpoints/step-2/trainer_state.safetensors",
		"rollouts/step-2.jsonl")

	base, merged := readTensors(t, c.Model, "model.safetensors"), readTensors(t,
		filepath.Join(whole, "checkpoints/step-2"), "model.safetensors")
	factors := readTensors(t, filepath.Join(whole, "checkpoints/step-2/adapter"), "adapter_model.safetensors")
	for name, before := range base {
		module := strings.TrimSuffix(name, ".weight")
		A, B := factors["base_model.model."+module+".lora_A.weight"],
			factors["base_model.model."+module+".lora_B.weight"]
		target := strings.HasSuffix(module, "q_proj") || strings.HasSuffix(module, "down_proj")
		if (A != nil) != target {
			t.Errorf("%s has a factor: %v, want %v", name, A != nil, target)
			continue
		}
		moved := 0.0
		for i, want := range before {
			if target { // W₀ + alpha/r · B·A, with W [out, in] in rows
				in := len(A) / 2
				row, column := i/in, i%in
				add := 4 * (B[2*row]*A[column] + B[2*row+1]*A[in+column])
				moved = max(moved, float64(add), -float64(add))
				want += add
			}
			if d := merged[name][i] - want; d > 1e-6 || d < -1e-6 {
				t.Errorf("%s[%d] is %g, want %g", name, i, merged[name][i], want)
				break
			}
		}
		if target && moved == 0 {
			t.Errorf("%s did not move", name)
		}
	}
	metrics, err := ReadMetrics(filepath.Join(whole, "metrics.jsonl"))
	if err != nil || !(metrics[0]["kl"] <= 1e-6) || !(metrics[1]["kl"] > metrics[0]["kl"]) {
		t.Errorf("KL to the base is %v, %v; want 0 at first and more later", metrics, err)
	}
}

// TestAdapterAlone: with lora.merge false a checkpoint is the adapter and the trainer's state; a resumed run
// goes on bit for bit from the base and it, and the engine reads it over the base as the run had it, and as
// the model that a merged checkpoint is.
func TestAdapterAlone(t *testing.T) {
	c := tinyRun(t, 2)
	c.LoRA.Rank, c.LoRA.Alpha, c.LoRA.Targets = 2, 8, []string{"q_proj", "v_proj", "up_proj"}
	c.Loss.Beta, c.Optimizer.LR = 0.05, 0.02
	merged := c
	c.LoRA.Merge = false
	whole, halved := runTwice(t, c)
	checkSame(t, whole, halved, "checkpoints/step-2/adapter/adapter_model.safetensors",
		"checkpoints/step-2/adapter/adapter_config.json", "checkpoints/step-2/trainer_state.safetensors",
		"rollouts/step-2.jsonl")
	step := filepath.Join(whole, "checkpoints/step-2")
	if _, err := os.Stat(filepath.Join(step, "model.safetensors")); err == nil {
		t.Error("the checkpoint has the merged model")
	}
	_, err := engine.Load(step, engine.Options{Backend: "go"})
	want := filepath.Join(step, "adapter")
	if err == nil || !strings.Contains(err.Error(), "--adapter "+want) {
		t.Errorf("the checkpoint as a model: %v, want it to name --adapter", err)
	}

	other := filepath.Join(t.TempDir(), "merged")
	mustRun(t, merged, other, Options{})
	checkSame(t, whole, other, "checkpoints/step-2/adapter/adapter_model.safetensors")
	pairs := []dense.Pair{{Prompt: []int32{5, 6, 7, 8}, Completion: []int32{9, 10, 11, 12, 13}}}
	score := func(model, adapter string) []float32 {
		e, err := engine.Load(model, engine.Options{Backend: "go", Adapter: adapter})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		s, err := e.Score(t.Context(), pairs, 1)
		if err != nil {
			t.Fatal(err)
		}
		return s[0].LogProbs
	}
	base, apart := score(c.Model, ""), score(c.Model, want)
	for i, one := range score(filepath.Join(other, "checkpoints/step-2"), "") {
		if d := apart[i] - one; d > 1e-4 || d < -1e-4 {
			t.Errorf("token %d: %g from base and adapter, %g from the merged model", i, apart[i], one)
		}
	}
	if slices.Equal(base, apart) {
		t.Error("the adapter changes nothing")
	}
}

// TestNotFinite: a run whose numbers explode stops and says which sequences did it.
func TestNotFinite(t *testing.T) {
	c := tinyRun(t, 3)
	c.Algorithm = objective.SFT
	c.Update.Batch, c.Optimizer.LR = 4, 1e30
	dir := filepath.Join(t.TempDir(), "run")
	err := Run(context.Background(), c, dir, Options{Backend: "go", DType: "float32"})
	if !errors.Is(err, optimizer.ErrNotFinite) {
		t.Fatalf("the run ended with %v", err)
	}
	data, readErr := os.ReadFile(filepath.Join(dir, "nonfinite-step-2.jsonl"))
	if readErr != nil || !strings.Contains(err.Error(), "nonfinite-step-2.jsonl") {
		t.Fatalf("%v; the error was %v", readErr, err)
	}
	for i, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
		var o offender
		if err := json.Unmarshal(line, &o); err != nil || len(o.TokenIDs) == 0 || len(o.PromptIDs) == 0 ||
			o.ID == "" {
			t.Errorf("line %d: %s, %v", i+1, line, err)
		}
	}
	if m, err := ReadMetrics(filepath.Join(dir, "metrics.jsonl")); err != nil || len(m) != 1 {
		t.Errorf("%d steps have metrics, %v; want 1", len(m), err)
	}
}

// TestCommandThatFails ends a run with an error that names the command and the step; the
// one rollout that it was tried with was too short to show it.
func TestCommandThatFails(t *testing.T) {
	c := tinyRun(t, 1)
	c.Reward.Commands = []reward.Command{{Name: "liar", Weight: 1, Run: []string{
		"sh", "-c", `read -r x; echo '{"reward": 1}';` +
			` if read -r x; then echo oh no >&2; echo hello; cat >/dev/null; fi`,
	}}}
	err := Run(context.Background(), c, filepath.Join(t.TempDir(), "run"),
		Options{Backend: "go", DType: "float32"})
	for _, want := range []string{"step 1", "reward liar", `"hello"`, "oh no"} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("the error is %v, want it to say %q", err, want)
		}
	}
}

// TestResumeElsewhere: a run does not go on with other kernels, whose last bits
// differ, and says what to do; with its own it does.
func TestResumeElsewhere(t *testing.T) {
	c := tinyRun(t, 2)
	short := c
	short.Steps = 1
	dir := filepath.Join(t.TempDir(), "run")
	mustRun(t, short, dir, Options{Kernels: engine.KernelsGraph})
	err := Run(context.Background(), c, dir, Options{Backend: "go", DType: "float32",
		Kernels: engine.KernelsHost, Resume: true})
	if err == nil || !strings.Contains(err.Error(), "rollout executor go, here it is host") ||
		!strings.Contains(err.Error(), "--kernels graph") {
		t.Errorf("resumed with other kernels: %v", err)
	}
	elsewise := Options{Backend: "go", DType: "bfloat16", Kernels: engine.KernelsGraph, Resume: true}
	_, refusal := Check(context.Background(), c, dir, elsewise)
	err = Run(context.Background(), c, dir, elsewise)
	if fmt.Sprint(err) != fmt.Sprint(refusal) {
		t.Errorf("the run says %v, the check %v", err, refusal)
	}
	if err == nil || !strings.Contains(err.Error(), "--dtype float32") {
		t.Errorf("resumed with another dtype: %v", err)
	}

	// Another processor only rounds otherwise: the run goes on, and says so.
	path := filepath.Join(dir, "manifest.json")
	manifest, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := bytes.Replace(manifest, []byte(`"host_kernels": "`+host.Tier().String()),
		[]byte(`"cudnn": true, "host_kernels": "vax`), 1)
	if err := os.WriteFile(path, elsewhere, 0o644); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	here := Options{Backend: "go", DType: "float32", Kernels: engine.KernelsGraph, Resume: true, Say: &said}
	if _, err := Check(context.Background(), c, dir, here); err != nil ||
		!strings.Contains(said.String(), "the run began with vax") {
		t.Errorf("checked on another processor, it said %q, %v", said.String(), err)
	}
	if want := "attention is computed in blocks here and was cuDNN's when the run began"; !strings.Contains(
		said.String(), want) {
		t.Errorf("%q is not said: %q", want, said.String())
	}
	said.Reset()
	mustRun(t, c, dir, here)
	if !strings.Contains(said.String(), "the run began with vax") {
		t.Errorf("resumed on another processor, it said %q", said.String())
	}
}
