package trainer

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/internal/runlock"
	"github.com/stele-lm/stele/trainer/reward"
)

// TestCheckRefusesWhatRunRefuses: what cannot be run is refused before the model is
// loaded and anything is written, by the check alone and by the run with one error.
func TestCheckRefusesWhatRunRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	appendTo(t, file, "x")
	foreign := filepath.Join(t.TempDir(), "foreign")
	if err := os.MkdirAll(filepath.Join(foreign, "photos"), 0o755); err != nil {
		t.Fatal(err)
	}
	type change = func(*Config, *Options, *string)
	config := func(f func(*Config)) change { return func(c *Config, _ *Options, _ *string) { f(c) } }
	option := func(f func(*Options)) change { return func(_ *Config, o *Options, _ *string) { f(o) } }
	folder := func(path string) change { return func(_ *Config, _ *Options, dir *string) { *dir = path } }
	command := func(run ...string) change {
		return config(func(c *Config) {
			c.Reward.Commands = []reward.Command{{Name: "mine", Weight: 1, Run: run, TimeoutS: 0.3}}
		})
	}
	for name, x := range map[string]struct {
		change change
		want   string
	}{
		"more tokens than positions": {config(func(c *Config) { c.Rollout.MaxTokens = 100000 }),
			"rollout.max_tokens is 100000, the longest prompt has"},
		"one token more than positions": {config(func(c *Config) { c.Rollout.MaxTokens = 1025 }), "at most"},
		"int8": {option(func(o *Options) { o.DType = "int8" }),
			"train with float32 or bfloat16"},
		"int4": {option(func(o *Options) { o.DType = "int4" }),
			"--dtype int4 is for generating"},
		"no such dtype": {option(func(o *Options) { o.DType = "float8" }),
			`unknown dtype "float8"`},
		"no such backend": {option(func(o *Options) { o.Backend = "tpu" }),
			`unknown backend "tpu"`},
		"no such plugin": {option(func(o *Options) { o.Backend = "xla:/no/plugin.so" }),
			"/no/plugin.so"},
		"no such kernels": {option(func(o *Options) { o.Kernels = "fast" }),
			`unknown kernels "fast"`},
		"no such program":     {command("/no/such/program"), "/no/such/program"},
		"a program that dies": {command("sh", "-c", "echo why >&2; exit 3"), "why"},
		"a program that says nothing": {command("sh", "-c", "cat >/dev/null"),
			"after 0 answers to 1 lines"},
		"a program that hangs": {command("sh", "-c", "sleep 100"), "did not end within 300ms"},
		"a program that talks": {command("sh", "-c",
			"cat >/dev/null; echo loading; echo '{\"reward\": 1}'"),
			`"loading": expected {"reward": number or null}`},
		"a little memory": {option(func(o *Options) { o.Memory = 1 << 20 }), "1 MiB are available"},
		"a little disk": {config(func(c *Config) { c.Steps, c.Save.KeepLast = 1<<40, 0 }),
			"of disk"},
		"a file for a folder":        {folder(file), "is no folder"},
		"a folder in a file":         {folder(filepath.Join(file, "run")), "is no folder"},
		"a folder of something else": {folder(foreign), "holds no run"},
		"no such model": {config(func(c *Config) { c.Model = "/no/such/model" }),
			"/no/such/model"},
		"no such benchmark": {config(func(c *Config) { c.Data.Bench = "nothing" }), "nothing"},
		"no such language": {config(func(c *Config) { c.Data.Languages = []string{"en", "xx"} }),
			"xx"},
		"no chat template": {config(func(c *Config) { c.Data.Template = "no-such-template" }),
			"no-such-template"},
		"prompts that are too long": {config(func(c *Config) { c.Rollout.MaxPrompt = 3 }),
			"at most 3 tokens"},
		"NaN":      {config(func(c *Config) { c.Loss.Beta = math.NaN() }), "loss.beta is NaN"},
		"infinity": {config(func(c *Config) { c.Optimizer.LR = math.Inf(1) }), "optimizer.lr is +Inf"},
		"an evaluation that cannot be": {func(c *Config, o *Options, _ *string) {
			c.Eval.Bench = "mgsm"
			o.CheckEvaluation = func(model *engine.Source) error {
				_, err := os.ReadFile(filepath.Join(model.Dir, "no-such-data"))
				return err
			}
		}, "eval: open"},
		"no weights": {func(c *Config, _ *Options, _ *string) {
			if err := os.Remove(filepath.Join(c.Model, "model.safetensors")); err != nil {
				t.Fatal(err)
			}
		}, "model.safetensors"},
	} {
		t.Run(name, func(t *testing.T) {
			c, o, dir := tinyRun(t, 1), Options{Backend: "go", DType: "float32"}, filepath.Join(t.TempDir(),
				"run")
			x.change(&c, &o, &dir)
			plan, refusal := Check(context.Background(), c, dir, o)
			if refusal == nil || !strings.Contains(refusal.Error(), x.want) ||
				strings.Contains(refusal.Error(), "\n") {
				t.Errorf("the check says %v, want %q in a line", refusal, x.want)
			}
			if plan != nil && plan.Refusal != refusal.Error() {
				t.Errorf("the plan says %q", plan.Refusal)
			}
			if err := Run(context.Background(), c, dir, o); err == nil ||
				withoutNumbers(err) != withoutNumbers(refusal) {
				t.Errorf("the run says  %v\nthe check says %v", err, refusal)
			}
			if _, err := os.Stat(filepath.Join(dir, "metrics.jsonl")); err == nil {
				t.Error("something was written")
			}
			if dir != file && dir != foreign {
				if _, err := os.Stat(dir); err == nil {
					t.Error("the folder was made")
				}
			}
		})
	}
}

// TestOneWriter: two processes do not write one run.
func TestOneWriter(t *testing.T) {
	c, dir := tinyRun(t, 1), t.TempDir()
	release, err := runlock.Lock(t.Context(), dir, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Backend: "go", DType: "float32"}
	_, refusal := Check(context.Background(), c, dir, o)
	if err := Run(context.Background(), c, dir, o); err == nil ||
		!strings.Contains(err.Error(), "another process") || err.Error() != refusal.Error() {
		t.Errorf("%v; the check says %v", err, refusal)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	mustRun(t, c, dir, o)
}

// withoutNumbers is an error but for numbers, such as what is free at the moment.
func withoutNumbers(err error) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, err.Error())
}

// TestIgnored: settings that will have no effect are named, and no others.
func TestIgnored(t *testing.T) {
	for _, x := range []struct {
		settings []string
		dtype    string
		want     []string
	}{
		{nil, "float32", nil},
		{[]string{"preset=dapo"}, "float32", nil},
		{[]string{"preset=dapo", "rollout.max_gen_batches=3", "optimizer.masters=false"}, "bfloat16", nil},
		{[]string{"rollout.max_gen_batches=3"}, "float32",
			[]string{"rollout.max_gen_batches=3 has no effect: rollout.dynamic_sampling is false"}},
		{[]string{"algorithm=sft", "rollout.group_size=8", "rollout.max_prompt=9",
			"reward.commands=[{name: a, run: [b], weight: 1}]"}, "float32",
			[]string{"rollout.group_size=8 has no effect: algorithm is sft",
				"reward.commands=[{name: a, run: [b], weight: 1.0, timeout_s: 0.0}] has no effect: " +
					"algorithm is sft"}},
		{[]string{"preset=dapo", "loss.kl=k1"}, "float32",
			[]string{"loss.kl=k1 has no effect: loss.beta is 0"}},
		{[]string{"update.batch=4", "lora.alpha=3", "eval.every=2", "loss.length=5"}, "float32", []string{
			"loss.length=5 has no effect: loss.aggregation is not seq-mean-token-sum-norm",
			"update.batch=4 has no effect: algorithm is grpo",
			"lora.alpha=3.0 has no effect: lora.rank is 0",
			"eval.every=2 has no effect: eval.bench is not set"}},
		{[]string{"data.fields={answer: a.b}", "data.dir=x", "eval.bench=arith", "eval.dir=there",
			"reward.accuracy=0", "reward.grader=strict"}, "float32", []string{
			"data.dir=x has no effect: data.bench is arith, which is built in",
			"data.fields={answer: a.b} has no effect: data.bench is not a path or a hub id, and arith has " +
				"its own",
			"reward.grader=strict has no effect: reward.accuracy is 0",
			"eval.dir=there has no effect: eval.bench is arith, which is built in"}},
		{[]string{"data.bench=x/y.jsonl", "data.fields={answer: a.b}", "data.dir=x", "reward.grader=strict"},
			"float32", nil},
		// groups are kept by it
		{[]string{"preset=dapo", "reward.accuracy=0", "reward.grader=strict"}, "float32", nil},
		{[]string{"optimizer.masters=false"}, "float32",
			[]string{"optimizer.masters=false has no effect: weights in float32 need no masters"}},
	} {
		c, err := LoadConfig("", append([]string{"model=m", "data.bench=arith"}, x.settings...))
		if err != nil {
			t.Errorf("%v: %v", x.settings, err)
			continue
		}
		if got := c.Ignored(x.dtype); !slices.Equal(got, x.want) {
			t.Errorf("%v: %q, want %q", x.settings, got, x.want)
		}
	}
}

// TestTogether: what has no effect for one reason is said in one line.
func TestTogether(t *testing.T) {
	got := Together([]string{"a=1 has no effect: x", "b=2 has no effect: y", "c=3 has no effect: x", "other"})
	if !slices.Equal(got, []string{"other", "a=1, c=3 have no effect: x", "b=2 has no effect: y"}) {
		t.Errorf("%q", got)
	}
}

// TestIdleSettingsExist: every setting that a rule names is one.
func TestIdleSettingsExist(t *testing.T) {
	for _, w := range idle {
		for name := range strings.SplitSeq(w.keys, ",") {
			found := false
			for key := range defaults().settings() {
				found = found || (without{keys: name}).names(key)
			}
			if !found {
				t.Errorf("%s is no setting", name)
			}
		}
	}
}

// TestResumeConfig: a run goes on with the configuration that it has, and with settings
// over it.
func TestResumeConfig(t *testing.T) {
	c := tinyRun(t, 1)
	c.Reward.Commands = []reward.Command{lineLength()}
	dir := filepath.Join(t.TempDir(), "run")
	mustRun(t, c, dir, Options{})
	for _, x := range []struct {
		settings []string
		change   func(*Config)
		same     bool
	}{
		{nil, func(*Config) {}, true}, {[]string{"steps=2"}, func(c *Config) { c.Steps = 2 }, true},
		{[]string{"loss.beta=0.5"}, func(c *Config) { c.Loss.Beta = 0.5 }, false},
	} {
		got, err := ResumeConfig(dir, x.settings)
		if err != nil {
			t.Fatal(err)
		}
		want := c
		x.change(&want)
		if now := want; now.sameAs(got) != nil || got.Steps != want.Steps {
			t.Errorf("%v: %+v, want %+v", x.settings, got, want)
		}
		if _, err := Check(context.Background(), got, dir,
			Options{Backend: "go", DType: "float32", Resume: true}); (err == nil) != x.same {
			t.Errorf("%v: the check says %v", x.settings, err)
		}
	}
	if _, err := ResumeConfig(t.TempDir(), nil); err == nil ||
		!strings.Contains(err.Error(), "holds no run") {
		t.Errorf("without a run: %v", err)
	}
}

// TestBeginsAfterKill: what a run leaves that was killed before it had a manifest is no run of somebody
// else's, and the next one removes it.
func TestBeginsAfterKill(t *testing.T) {
	c := tinyRun(t, 1)
	for files, want := range map[string]string{
		".lock": "", ".lock .manifest.json.partial-12": "", ".lock metrics.jsonl": "",
		".lock .metrics.jsonl.partial-3 metrics.jsonl": "",
		"metrics.jsonl=x": "holds no run", ".notes.partial-3": "holds no run", "metrics.json": "holds no run",
	} {
		dir := t.TempDir()
		for _, name := range strings.Fields(files) {
			name, text, _ := strings.Cut(name, "=")
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Check(context.Background(), c, dir, Options{Backend: "go", DType: "float32"})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", files, err, want)
		}
		if len(strings.Fields(files)) == 3 {
			mustRun(t, c, dir, Options{})
			if left, _ := filepath.Glob(filepath.Join(dir, ".*.partial-*")); left != nil {
				t.Errorf("left: %v", left)
			}
		}
	}
}

// TestAnotherKindOfRun: a folder with an evaluation in it is neither gone on with nor
// written to.
func TestAnotherKindOfRun(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"),
		[]byte(`{"stele": "1", "settings": {"benchmarks": ["arith"]}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := ResumeConfig(dir, nil)
	errs := []error{err}
	for _, resume := range []bool{false, true} {
		_, err := Check(t.Context(), tinyRun(t, 1), dir,
			Options{Backend: "go", DType: "float32", Resume: resume})
		errs = append(errs, err)
	}
	for _, err := range errs {
		if err == nil || !strings.Contains(err.Error(), "not that of a training run") {
			t.Errorf("%v", err)
		}
	}
}

// TestCheckSpeaks: what the data leaves out, or asks twice, is said without being asked.
func TestCheckSpeaks(t *testing.T) {
	c := tinyRun(t, 1)
	c.Rollout.MaxPrompt, c.Rollout.Questions, c.Rollout.MaxTokens = 7, 1000, 1020
	var said words
	if _, err := Check(context.Background(), c, "",
		Options{Backend: "go", DType: "float32", Say: &said}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"questions are left out", "a completion ends at 1017 and counts as cut off",
		"rollout.questions is 1000 and the data has", "memory planned"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("it did not say %q: %s", want, said.String())
		}
	}
}
