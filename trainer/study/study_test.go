package study

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// small is a study of each kind of entry.
const small = `
evaluate: {benchmarks: [arith], languages: [en, te], preset: paper, temperature: 1, template: plain,
  stop: ["a, b: {", "\n"]}
train:
  preset: dr-grpo
  data: {bench: arith, levels: [1], fields: {answer: a.b}}
  optimizer: {lr: 1e-3}
  reward: {commands: [{name: short, run: [python3, "a b.py"], weight: 0.5}]}
seeds: [1, 2]
models:
- {name: nano, model: "builtin:nano"}
- {name: none, model: "builtin:nano", evaluate: {template: none, preset: paper-32b}}
arms:
- {name: en, model: warm, languages: [en]}
- {name: warm, model: nano, algorithm: sft, seeds: [1], languages: [en, sw],
   data: {shares: {1: 0.25, 2: 0.75}, count: 4}}
- {name: dapo, model: "builtin:tiny", preset: dapo, template: none, data: {languages: [sw]}}
report: {title: Small, comparisons: [{name: arms, runs: [en, dapo]}]}
`

// TestJobs: which jobs a file makes, in what order, from what, with which settings.
func TestJobs(t *testing.T) {
	s, err := Parse([]byte(small), ".")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, j := range s.Jobs {
		names = append(names, strings.TrimSpace(j.Name+" "+strings.Join(j.Needs, " ")))
	}
	want := []string{
		"eval/nano", "eval/none", "eval/tiny", "train/warm.1", "eval/warm.1 train/warm.1",
		"train/en.1 train/warm.1", "eval/en.1 train/en.1", "train/en.2 train/warm.1", "eval/en.2 train/en.2",
		"train/dapo.1", "eval/dapo.1 train/dapo.1", "train/dapo.2", "eval/dapo.2 train/dapo.2", "report",
	}
	if !slices.Equal(names, want) {
		t.Errorf("jobs\n%q, want\n%q", names, want)
	}
	en, warm, dapo := s.Job("train/en.2").Config, s.Job("train/warm.1").Config, s.Job("train/dapo.1").Config
	if en.Algorithm != "grpo" || en.Seed != 2 || !slices.Equal(en.Data.Languages, []string{"en"}) ||
		en.Optimizer.LR != 1e-3 ||
		en.Loss.Std || en.Data.Fields["answer"] != "a.b" || en.Reward.Commands[0].Run[1] != "a b.py" {
		t.Errorf("en: %+v", en)
	}
	if warm.Algorithm != "sft" || warm.Seed != 1 || warm.Data.Shares[2] != 0.75 || warm.Data.Count != 4 ||
		warm.Data.Bench != "arith" {
		t.Errorf("warm: %+v", warm)
	}
	if !dapo.Loss.Std || dapo.Loss.ClipHigh != 0.28 || dapo.Data.Template != "none" ||
		!slices.Equal(dapo.Data.Languages, []string{"sw"}) || dapo.Model != "builtin:tiny" {
		t.Errorf("dapo: %+v", dapo)
	}
	if j := s.Job("eval/en.1"); j.From != "train/en.1" || j.Start != "builtin:nano" {
		t.Errorf("eval/en.1 is of %q, which started from %q", j.From, j.Start)
	}
	// A setting comes before the study's preset, and a model's own preset before both.
	spec, err := s.Job("eval/nano").Evaluation.Spec()
	if err != nil || spec.Temperature != 1 || spec.MaxTokens != 8912 || !spec.Hack ||
		spec.Stop[0] != "a, b: {" || spec.Stop[1] != "\n" {
		t.Errorf("eval/nano: %+v, %v", spec, err)
	}
	spec, err = s.Job("eval/none").Evaluation.Spec()
	if err != nil || spec.Temperature != 0.6 || spec.MaxTokens != 32768 || spec.Template != "none" ||
		spec.Benchmarks[0] != "arith" {
		t.Errorf("eval/none: %+v, %v", spec, err)
	}
	if spec.Template == s.Job("eval/nano").Evaluation.Template {
		t.Error("the evaluation of one model changed another's")
	}
}

// TestRefused: what is wrong is named, with what was probably meant.
func TestRefused(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"seeds: [1, 2]", "seed: [1]", `unknown setting "seed", did you mean "seeds"?`},
		{"seeds: [1, 2]", "seeds: [1, 1]", "seeds: 1 appears twice"},
		{"seeds: [1, 2]", "seeds: [1.5]", "expected a whole number"},
		{"languages: [en]}", "langages: [en]}",
			`unknown setting "arms.0.langages", did you mean "arms.0.languages"?`},
		{"levels: [1]", "lvels: [1]", `unknown setting "train.data.lvels", did you mean "train.data.levels"?`},
		{"preset: paper,", "presets: paper,", `unknown setting "evaluate.presets", did you mean "evaluate.preset"?`},
		{"preset: paper,", "preset: papr,", `evaluate: unknown preset "papr"`},
		{"preset: paper-32b", "preset: paper-33b", `model none: evaluate: unknown preset "paper-33b"`},
		{"benchmarks: [arith]", "benchmarks: [arit]", `evaluate: unknown benchmark "arit"`},
		{"benchmarks: [arith]", "benchmarks: []", "evaluate: benchmarks is empty"},
		{"template: plain", "template: plan", `evaluate: unknown template "plan"`},
		{"model: warm", "model: wram", `arm en: model "wram" is no model or arm of the study, did you mean "warm"?`},
		{"model: nano, algorithm", "model: en, algorithm", "starts from itself"},
		{"algorithm: sft", "algorithm: sfd", `arm warm: unknown algorithm "sfd"`},
		{"preset: dapo", "preset: dap", `arm dapo: unknown preset "dap"`},
		{"seeds: [1],", "seeds: [3, 4],", "arm en: it starts from warm, which is not trained with seed 1"},
		{"preset: dapo,", "preset: dapo, seed: 3,", "arm dapo: seed is set"},
		{"data: {languages: [sw]}", "languages: [en], data: {languages: [sw]}",
			"languages and data.languages are the same setting"},
		{"name: en,", "name: warm,", "warm is the name of two"},
		{"name: en,", `name: "../x",`, "cannot name a folder"},
		{"name: en,", "", "arm 1 has no name"},
		{`model: "builtin:nano"}`, "base: none}", "model nano: model is not set"},
		{`- {name: none, model: "builtin:nano", evaluate: {template: none, preset: paper-32b}}`,
			`- {name: none, model: "builtin:nano"}`,
			"models nano and none are one model, evaluated alike"},
		{"{name: none,", "{name: none, base: nana,",
			`base names "nana", which is not a model of the study, did you mean "nano"?`},
		{"{name: none,", "{name: none, base: nano,",
			"model none: it is evaluated in another way than its base nano (temperature, max_tokens, template)"},
		{"{name: none,", "{name: none, allow: [templat],", `model none: allow names "templat"`},
		{"model: \"builtin:tiny\"", "model: \"builtin:nano\"",
			"model builtin:nano is evaluated in several ways: name one of [nano none]"},
		{"name: none,", "name: en.1,", "two runs would be eval/en.1"},
		{"runs: [en,", "runs: [enn,",
			`report.comparisons arms names "enn", which is not a model or arm of the study, did you mean "en"?`},
		{"runs: [en, dapo]", "runs: [en, dapo], makes: [tabel 4]",
			`report.comparisons arms: makes names "tabel 4": expected table 1 to table 10 or figure 1 to figure 10, did ` +
				`you mean "table 4"?`},
		{"report: {", "report: {measures: [word], ", `report: measures: "word" is no measure: expected words`},
		{"report: {", "report: {measures: [words], level_weights: {1: 1}, ", "report: level_weights has no effect"},
		{"lr: 1e-3", "lr: much", "expected a number"},
		{"train:", "train: missing.yaml\nother:", `unknown setting "other"`},
	} {
		text := strings.Replace(small, c.from, c.to, 1)
		if text == small {
			t.Errorf("%q is not there", c.from)
		}
		if _, err := Parse([]byte(text), "."); err == nil || !strings.Contains(err.Error(), c.want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s → %s: %v, want %s", c.from, c.to, err, c.want)
		}
	}
}

// pathStudy has the settings of training in a file.
const pathStudy = `
evaluate: {benchmarks: [arith]}
train: %s.yaml
arms: [{name: a, model: "builtin:nano", steps: 4}]
`

// TestArmAgain: a model that names an arm evaluates that arm's runs in another way, and nothing else.
func TestArmAgain(t *testing.T) {
	text := strings.Replace(small, "models:\n", "models:\n- {name: bare, model: en, evaluate: {template: none}}\n", 1)
	s, err := Parse([]byte(text), ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, seed := range []string{".1", ".2"} {
		j, as := s.Job("eval/bare"+seed), s.Job("eval/en"+seed)
		if j == nil || j.From != "train/en"+seed || !slices.Equal(j.Needs, as.Needs) || j.Start != as.Start ||
			j.Evaluation.Template != "none" || as.Evaluation.Template != "plain" {
			t.Fatalf("%+v beside %+v", j, as)
		}
	}
	if i := slices.IndexFunc(s.runs, func(r run) bool { return r.name == "bare" }); i < 0 || !s.runs[i].again ||
		s.runs[i].base != "" || s.runs[i].model.Family != "en" || s.runs[i].model.Group != "bare" {
		t.Errorf("%+v", s.runs)
	}
	for _, c := range []struct{ from, to, want string }{
		{"model: en, evaluate", "model: en, method: SFT, evaluate", "model bare: it is en evaluated in another way"},
		{"model: warm, languages", "model: bare, languages",
			"arm en: it starts from bare, which is en evaluated in another"},
	} {
		if _, err := Parse([]byte(strings.Replace(text, c.from, c.to, 1)), "."); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.to, err)
		}
	}
}

// TestTrainPath: train may be the path of a file, beside the study's; its seed is that of
// a study without seeds.
func TestTrainPath(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "base.yaml"),
		[]byte("model: x\nseed: 7\nsteps: 3\ndata: {bench: arith}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := Parse([]byte(fmt.Sprintf(pathStudy, "base")), dir)
	if err != nil {
		t.Fatal(err)
	}
	if j := s.Job("train/a.7"); j == nil || j.Config.Steps != 4 || j.Config.Data.Bench != "arith" ||
		j.Config.Model != "builtin:nano" {
		t.Errorf("%+v", j)
	}
	if _, err := Parse([]byte(fmt.Sprintf(pathStudy, "bas")), dir); err == nil ||
		!strings.Contains(err.Error(), "train: there is no") {
		t.Error(err)
	}
}

// TestExamples: the studies of examples/studies are understood, and are those of the paper.
func TestExamples(t *testing.T) {
	t.Chdir("../..") // as they name their files
	for name, want := range map[string]struct{ trained, evaluated int }{
		"tiny": {7, 8}, "observational": {0, 24}, "interventional": {5, 10}, "parallel": {12, 13},
		"printed": {},
	} {
		s, err := Read(filepath.Join("examples/studies", name+".yaml"))
		if err != nil {
			t.Error(err)
			continue
		}
		kinds := map[Kind]int{}
		for _, j := range s.Jobs {
			kinds[j.Kind]++
		}
		if kinds[Train] != want.trained || kinds[Evaluate] != want.evaluated || kinds[Reports] != 1 {
			t.Errorf("%s: %v, want %v", name, kinds, want)
		}
	}
}

// TestChanged: what was computed at a time, and what was kept, decides no number of a run
// that is done; everything else does.
func TestChanged(t *testing.T) {
	was := record{State: Done, Settings: map[string]string{"steps": "2", "save.every": "1",
		"rollout.batch": "4"}}
	if got := was.changed(map[string]string{"steps": "2", "save.every": "2", "rollout.batch": "8"}); got != nil {
		t.Error(got)
	}
	if got := was.changed(map[string]string{"steps": "3", "--dtype": "bfloat16"}); !slices.Equal(got, []string{
		"--dtype was not set, is bfloat16", "steps was 2, is 3",
	}) {
		t.Error(got)
	}
	was.State = Begun
	if got := was.changed(map[string]string{"steps": "2", "save.every": "2",
		"rollout.batch": "4"}); !slices.Equal(got, []string{"save.every was 1, is 2"}) {
		t.Error(got)
	}
}

// TestReportFollows: a report is made anew where a training has other settings, though the results of its
// evaluation are the same, and where its metrics come to be there.
func TestReportFollows(t *testing.T) {
	s, err := Parse([]byte(small), ".")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	put := func(name, text string) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("eval/warm.1/results.json", "{}")
	for _, r := range []record{
		{Job: "eval/warm.1", State: Done},
		{Job: "train/warm.1", State: Done, Settings: map[string]string{"steps": "2"}},
	} {
		if err := r.write(dir); err != nil {
			t.Fatal(err)
		}
	}
	var seen []string
	made := func(what string) {
		settings, err := s.settings(dir, s.Job("report"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprint(settings) // of a map, in the order of its keys
		if slices.Contains(seen, text) {
			t.Errorf("%s: the report is as it was", what)
		}
		seen = append(seen, text)
	}
	made("without metrics")
	put("train/warm.1/metrics.jsonl", "")
	made("with metrics")
	r := record{Job: "train/warm.1", State: Done, Settings: map[string]string{"steps": "3"}}
	if err := r.write(dir); err != nil {
		t.Fatal(err)
	}
	made("with other settings")
}

// FuzzParse: no file panics, and an error is one line.
func FuzzParse(f *testing.F) {
	f.Add(small)
	f.Add("evaluate: {benchmarks: [arith]}\narms: [{name: a, model: a}]")
	f.Add("models: [{name: x, evaluate: [1]}]")
	f.Add("arms: [a]\ntrain: !x")
	f.Add("evaluate: &e {benchmarks: [arith]}\nmodels: [{name: a, model: b, evaluate: *e}]")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse([]byte(text), dir)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q", err)
			}
			return
		}
		for i, j := range s.Jobs {
			for _, need := range j.Needs {
				if !slices.ContainsFunc(s.Jobs[:i], func(before *Job) bool { return before.Name == need }) {
					t.Errorf("%s needs %s, which does not come before it", j.Name, need)
				}
			}
		}
	})
}
