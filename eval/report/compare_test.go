package report

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stele-lm/stele/eval"
)

// put is an evaluation to be written: of which questions, and which of them are right.
type put struct {
	model        string
	weights      string // of the model; "" is not known, as during training
	trained      *eval.Lineage
	first, until int // questions
	right        func(language string, question int) bool
	reference    string
	words        string // before the question in the prompt
	change       func(*eval.Spec)
	languages    []string // putLanguages where nil
}

var putLanguages = []string{"en", "de", "ru"}

// write makes the folder of an evaluation with its samples.
func (p put) write(t *testing.T, dir string) string {
	t.Helper()
	putLanguages := putLanguages
	if p.languages != nil {
		putLanguages = p.languages
	}
	spec := eval.Spec{Benchmarks: []string{"mgsm"}, Languages: putLanguages,
		Samples:  map[string]int{"mgsm": 1},
		Sampling: eval.Sampling{Temperature: 0.6, TopP: 0.95}, MaxTokens: 64, Template: "plain",
		Grader: "qwen"}
	if p.change != nil {
		p.change(&spec)
	}
	m := eval.Manifest{Origin: eval.Origin{Model: p.model, Trained: p.trained}, Settings: spec,
		Questions: len(putLanguages) * (p.until - p.first)}
	if p.weights != "" {
		m.Weights = map[string]string{"model.safetensors": p.weights}
	}
	var lines strings.Builder
	for _, l := range putLanguages {
		for i := p.first; i < p.until; i++ {
			right := p.right(l, i)
			line, err := json.Marshal(eval.Sample{ID: fmt.Sprintf("q%d", i), Benchmark: "mgsm", Language: l,
				Prompt: p.words + fmt.Sprint(l, i), Reference: p.reference,
				Verdict: right, Verdicts: map[string]bool{"qwen": right, "strict": right},
				FinishReason: eval.FinishStop, Identified: eval.Identified{Lang: l, AnswerLang: "none"}})
			if err != nil {
				t.Fatal(err)
			}
			lines.Write(append(line, '\n'))
		}
	}
	manifest, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "manifest.json"), manifest)
	writeFile(t, filepath.Join(dir, "samples.jsonl"), []byte(lines.String()))
	results, _, err := eval.Partial(dir)
	if err != nil {
		t.Fatal(err)
	}
	writeResults(t, dir, results)
	return dir
}

func allRight(string, int) bool { return true }

// TestPairsOnSharedQuestions: a base of 100 questions and a trained model of 40 are
// compared on the 40, and table, text and JSON say so.
func TestPairsOnSharedQuestions(t *testing.T) {
	dir := t.TempDir()
	// 20 of 40, 26 of 100
	easyFirst := func(l string, i int) bool { return i < 40 && i%2 == 0 || i >= 40 && i%10 == 0 }
	better := func(l string, i int) bool { return i%2 == 0 || i%4 == 1 } // 30 of 40
	lineage := &eval.Lineage{Model: "b", Algorithm: "grpo", Languages: []string{"en"},
		Weights: map[string]string{"a.safetensors": "base"}}
	base := put{model: "b", weights: "base", until: 100, right: easyFirst}.write(t,
		filepath.Join(dir, "base"))
	trained := put{model: "t", weights: "trained", trained: lineage, until: 40, right: better}.write(t,
		filepath.Join(dir, "trained"))
	r := reportOf(t, open(t, base, trained))
	if len(r.study.pairs) != 1 {
		t.Fatalf("pairs %v, refused %v", pairsOf(r), r.study.refused)
	}
	p := r.study.pairs[0]
	for _, l := range putLanguages {
		if d := p.delta["mgsm"][l]; math.Abs(d.x-0.5) > 1e-12 {
			t.Errorf("ΔR in %s is %v, want (30/40 − 20/40) / (20/40)", l, d)
		}
		if x := p.points["mgsm"][l]; math.Abs(x.x-0.25) > 1e-12 {
			t.Errorf("points in %s: %v", l, x)
		}
	}
	if page := r.Markdown(); !strings.Contains(page, "| mgsm 40 of 100 |") ||
		!strings.Contains(page, "compared on those that both were put: mgsm 40 of 100") {
		t.Errorf("the report does not say on which questions:\n%s", page)
	}
	data, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Pairs []struct {
			Questions map[string]map[string]asked                   `json:"questions"`
			Checked   bool                                          `json:"questions_checked"`
			Points    map[string]map[string]struct{ Value float64 } `json:"delta_points"`
			DeltaR    map[string]map[string]struct{ Value float64 } `json:"delta_r"`
		}
	}
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	if q := out.Pairs[0]; q.Questions["mgsm"]["de"] != (asked{40, 100}) || !q.Checked ||
		math.Abs(q.Points["mgsm"]["de"].Value-25) > 1e-9 ||
		math.Abs(q.DeltaR["mgsm"]["de"].Value-0.5) > 1e-12 {
		t.Errorf("JSON: %+v", q)
	}
	// A reader who divides the numbers of the table of accuracy gets ΔR, too: the base's on
	// the 40 are a row of their own, 20 right, beside the 26 of 100.
	for _, want := range []string{"| base | 100 | 26.0 ± 4.4 |", "| trained | 40 | 75.0 ± 6.9 |",
		"| base, shared with trained | 40 | 50.0 ± 8.0 |"} {
		if !strings.Contains(r.Markdown(), want) {
			t.Errorf("no row %q in\n%s", want, r.Markdown())
		}
	}
	if strings.Contains(r.Markdown(), "trained, shared with") {
		t.Error("all questions of the trained model are shared, and there is a row of these")
	}
	for _, n := range r.numbers() {
		if n.name == "transfer" &&
			!strings.HasSuffix(strings.Join(n.rows[0], ","), ",0.5,25,,40,100,0.5,0.75") {
			t.Errorf("transfer.csv: %v", n.rows[0])
		}
	}
	if x := *p.on.baseOn.Benchmarks["mgsm"].Mean.AccuracySE; p.on.trainedOn != nil ||
		math.Abs(x-math.Sqrt(0.25/39)) > 1e-12 {
		t.Errorf("standard error of 20 of 40 alike in all languages: %g", x)
	}
	// The interval is of the 40, too: here every question is worth the same in all
	// languages, so MTI is 1 in every replicate that defines it.
	if p.mean.x != 1 {
		t.Errorf("MTI %v", p.mean)
	}
	// What is as right after as before has not changed by a last bit.
	thirds := func(l string, i int) bool { return i%3 == 0 || i >= 40 }
	same := reportOf(t, open(t, put{model: "b", weights: "base", until: 97, right: thirds}.write(t,
		filepath.Join(dir, "all")),
		put{model: "t", weights: "z", trained: lineage, until: 40, right: thirds}.write(t,
			filepath.Join(dir, "some"))))
	if d := same.study.pairs[0].delta["mgsm"]["ru"]; d.x != 0 {
		t.Errorf("nothing changed, and ΔR is %g", d.x)
	}
	// Neither has all of the other's: 60 of 0..100 and 20..80 shared with 20..80.
	middle := put{model: "t", weights: "x", trained: lineage, first: 20, until: 120, right: better}.write(t,
		filepath.Join(dir, "middle"))
	if page := reportOf(t, open(t, base, middle)).Markdown(); !strings.Contains(page, "mgsm 80 of 120") {
		t.Error("80 of 120 questions are shared, and the report does not say so")
	}
	// Without samples nobody knows which questions are shared.
	if err := os.Remove(filepath.Join(base, "samples.jsonl")); err != nil {
		t.Fatal(err)
	}
	blind := reportOf(t, open(t, base, trained))
	if len(blind.study.pairs) != 0 || !strings.Contains(blind.Markdown(), "nothing says which they share") {
		t.Errorf("without samples: pairs %v, refused %v", pairsOf(blind), blind.study.refused)
	}
	// Questions of the same name with other answers are other questions.
	renamed := put{model: "t", weights: "y", trained: lineage, until: 40, right: better,
		reference: "7"}.write(t, filepath.Join(dir, "renamed"))
	put{model: "b", weights: "base", until: 100, right: easyFirst, reference: "8"}.write(t, base)
	if other := reportOf(t, open(t, base, renamed)); len(other.study.pairs) != 0 ||
		!strings.Contains(strings.Join(other.study.refused, ""), "no question in common") {
		t.Errorf("other answers: pairs %v, refused %v", pairsOf(other), other.study.refused)
	}
}

// TestPairsOfOneWayOfAsking: evaluations that sampled, asked or judged differently are
// not compared, unless a plan says which difference it allows, and then it is said.
func TestPairsOfOneWayOfAsking(t *testing.T) {
	lineage := &eval.Lineage{Model: "b", Algorithm: "grpo", Languages: []string{"en"},
		Weights: map[string]string{"a": "base"}}
	for name, change := range map[string]func(*eval.Spec){
		"temperature": func(s *eval.Spec) { s.Temperature = 1 }, "top_p": func(s *eval.Spec) { s.TopP = 1 },
		"top_k": func(s *eval.Spec) { s.TopK = 5 }, "min_p": func(s *eval.Spec) { s.MinP = 0.1 },
		"max_tokens":    func(s *eval.Spec) { s.MaxTokens = 128 },
		"stop":          func(s *eval.Spec) { s.Stop = []string{"\n"} },
		"template":      func(s *eval.Spec) { s.Template = "none" },
		"template_args": func(s *eval.Spec) { s.TemplateArgs = map[string]string{"enable_thinking": "false"} },
		"hack":          func(s *eval.Spec) { s.Hack = true },
		"few_shot":      func(s *eval.Spec) { s.FewShot = 4 },
		"grader":        func(s *eval.Spec) { s.Grader = "strict" },
		"":              func(s *eval.Spec) { s.Seed, s.Limit = 9, 10 },
	} {
		dir := t.TempDir()
		dirs := []string{put{model: "b", weights: "base", until: 10, right: allRight}.write(t,
			filepath.Join(dir, "base")),
			put{model: "t", weights: "t", trained: lineage, until: 10, right: allRight,
				change: change}.write(t, filepath.Join(dir, "trained"))}
		r := reportOf(t, open(t, dirs...))
		if (len(r.study.pairs) == 1) != (name == "") {
			t.Errorf("%q differs: pairs %v", name, pairsOf(r))
		}
		if name == "" {
			continue
		}
		if page := r.Markdown(); !strings.Contains(page, "were evaluated differently: "+name+" is ") {
			t.Errorf("%s differs, and the report does not say why there is no pair", name)
		}
		_, err := New(open(t, dirs...), Plan{Runs: map[string]PlanRun{"trained": {Base: "base"}}})
		if err == nil || !strings.Contains(err.Error(), name+" is ") {
			t.Errorf("%s differs in what a plan pairs: %v", name, err)
		}
		allowed, err := New(open(t, dirs...),
			Plan{Runs: map[string]PlanRun{"trained": {Base: "base", Allow: []string{name}}}})
		if err != nil || len(allowed.study.pairs) != 1 ||
			!strings.Contains(allowed.Markdown(), "which the plan allows: "+name) {
			t.Errorf("%s may differ: %v", name, err)
		}
	}
	// Questions in other words are other questions, unless a plan allows it.
	dir := t.TempDir()
	dirs := []string{put{model: "b", weights: "base", until: 10, right: allRight, words: "Q: "}.write(t,
		filepath.Join(dir, "base")),
		put{model: "t", weights: "t", trained: lineage, until: 10, right: allRight,
			words: "Question: "}.write(t, filepath.Join(dir, "trained"))}
	if r := reportOf(t, open(t, dirs...)); len(r.study.pairs) != 0 ||
		!strings.Contains(r.Markdown(), "in other words, all 30 of them") {
		t.Errorf("other words: pairs %v", pairsOf(r))
	}
	for _, allow := range []string{"prompt", "template"} {
		r, err := New(open(t, dirs...), Plan{Runs: map[string]PlanRun{"trained": {Allow: []string{allow}}}})
		if err != nil || len(r.study.pairs) != 1 ||
			!strings.Contains(r.Markdown(),
				"30 of the questions that they share in other words, which the plan allows") {
			t.Errorf("other words, %s allowed: %v", allow, err)
		}
	}
	// Candidates of language identification change off-target rates alone: it is said.
	dir = t.TempDir()
	if page := reportOf(t, open(t,
		put{model: "b", weights: "base", until: 10, right: allRight,
			change: func(s *eval.Spec) { s.LangCandidates = []string{"study"} }}.write(t, filepath.Join(dir,
			"base")),
		put{model: "t", weights: "t", trained: lineage, until: 10, right: allRight,
			change: func(s *eval.Spec) { s.LangCandidates = []string{"all"} }}.write(t,
			filepath.Join(dir, "trained")))).Markdown(); !strings.Contains(page,
		"languages of base were told apart among study, of trained among all") {
		t.Error("languages were told apart among others, and the report does not say so")
	}
	// Of several evaluations of the base, the one that asked in the same way is taken.
	dir = t.TempDir()
	r := reportOf(t, open(t,
		put{model: "b", weights: "base", until: 10, right: allRight,
			change: func(s *eval.Spec) { s.Temperature = 1 }}.write(t, filepath.Join(dir, "hot")),
		put{model: "b", weights: "base", until: 10, right: allRight}.write(t, filepath.Join(dir, "base")),
		put{model: "t", weights: "t", trained: lineage, until: 10, right: allRight}.write(t,
			filepath.Join(dir, "trained"))))
	if len(r.study.pairs) != 1 || r.study.pairs[0].base.run != "base" {
		t.Errorf("pairs %v", pairsOf(r))
	}
}

// TestPairsWhereverTheyLie: runs are paired from any folder, after they were moved, and
// whatever the model was called; those of older versions by their relative names.
func TestPairsWhereverTheyLie(t *testing.T) {
	lay := func(root string, lineage *eval.Lineage, weights [2]string) {
		put{model: "models/base", weights: weights[0], until: 10, right: allRight}.write(t,
			filepath.Join(root, "runs", "base"))
		put{model: "runs/grpo/checkpoints/step-20", weights: weights[1], trained: lineage, until: 10,
			right: allRight}.write(t, filepath.Join(root, "runs", "after"))
	}
	check := func(what string, dirs ...string) {
		t.Helper()
		if r := reportOf(t, open(t, dirs...)); len(r.study.pairs) != 1 || r.study.pairs[0].method != "RL" ||
			strings.Join(r.study.pairs[0].languages, " ") != "en ru" {
			t.Errorf("%s: pairs %v, refused %v", what, pairsOf(r), r.study.refused)
		}
	}
	root := filepath.Join(t.TempDir(), "here")
	manifest := []byte(`{"model_dir": "/gone/models/other-name", "weights": {"model.safetensors": "cafe"}, "config": {"model": "../elsewhere", "algorithm": "grpo", "data": {"bench": "mgsm", "languages": ["ru", "en"]}}}`)
	writeFile(t, filepath.Join(root, "runs", "grpo", "manifest.json"), manifest)
	if err := os.MkdirAll(filepath.Join(root, "runs", "grpo", "checkpoints", "step-20"), 0o755); err != nil {
		t.Fatal(err)
	}
	lineage, err := eval.LineageOf(filepath.Join(root, "runs", "grpo", "checkpoints", "step-20"))
	if err != nil || lineage == nil || lineage.Weights["model.safetensors"] != "cafe" {
		t.Fatalf("lineage %+v, %v", lineage, err)
	}
	lay(root, lineage, [2]string{"cafe", "beef"})
	check("by weights", filepath.Join(root, "runs", "base"), filepath.Join(root, "runs", "after"))
	t.Chdir(filepath.Join(root, "runs", "base"))
	check("from a run's folder", ".", "../after")
	t.Chdir(t.TempDir())
	if err := os.RemoveAll(filepath.Join(root, "runs", "grpo")); err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(t.TempDir(), "there")
	if err := os.Rename(root, moved); err != nil {
		t.Fatal(err)
	}
	check("moved, without the training run", filepath.Join(moved, "runs", "base"),
		filepath.Join(moved, "runs", "after"))

	// A checkpoint's own state beside its weights is no part of the model.
	again := filepath.Join(moved, "runs", "base", "manifest.json")
	data, err := os.ReadFile(again)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, again, []byte(strings.Replace(string(data), `{"model.safetensors"`,
		`{"trainer_state.safetensors":"0","model.safetensors"`, 1)))
	check("a checkpoint as base", filepath.Join(moved, "runs", "base"), filepath.Join(moved, "runs", "after"))

	// Other weights under the same name are another model.
	lay(moved, lineage, [2]string{"f00d", "beef"})
	r := reportOf(t, open(t, filepath.Join(moved, "runs", "base"), filepath.Join(moved, "runs", "after")))
	if len(r.study.pairs) != 0 || !strings.Contains(r.Markdown(), "of which there is no evaluation here") {
		t.Errorf("another base: pairs %v", pairsOf(r))
	}

	// Older manifests know names only.
	old := t.TempDir()
	writeFile(t, filepath.Join(old, "runs", "grpo", "manifest.json"),
		[]byte(`{"model_dir": "models/base", "config": {"model": "models/base", "algorithm": "grpo", "data": {"bench": "mgsm", "languages": ["ru", "en"]}}}`))
	lay(old, nil, [2]string{"cafe", "beef"})
	check("older", filepath.Join(old, "runs", "base"), filepath.Join(old, "runs", "after"))
}

// TestPairsOfOtherLanguages: where the trained model was asked in fewer languages, the
// base's mean over these is there to be laid beside its own.
func TestPairsOfOtherLanguages(t *testing.T) {
	dir := t.TempDir()
	lineage := &eval.Lineage{Model: "b", Algorithm: "grpo", Languages: []string{"en"},
		Weights: map[string]string{"a": "base"}}
	r := reportOf(t, open(t, put{model: "b", weights: "base", until: 20,
		right: func(l string, i int) bool { return l != "ru" && i < 10 }}.write(t,
		filepath.Join(dir, "base")),
		put{model: "t", weights: "t", trained: lineage, until: 20, right: allRight,
			languages: []string{"de", "en"}}.write(t, filepath.Join(dir, "trained"))))
	if page := r.Markdown(); !strings.Contains(page,
		"| base, shared with trained | 20 | 50.0 ± 11.5 | – | 50.0 ± 11.5 | 50.0 ± 11.5 |") {
		t.Errorf("the base's mean over the languages of both is not there:\n%s", page)
	}
}

// TestCopiedCheckpoint: an evaluation of a checkpoint that was copied out of its run is
// paired with nothing, and the report says so, beside pairs too.
func TestCopiedCheckpoint(t *testing.T) {
	dir := t.TempDir()
	lineage := &eval.Lineage{Model: "b", Algorithm: "grpo", Languages: []string{"en"},
		Weights: map[string]string{"a": "base"}}
	runs := []string{put{model: "b", weights: "base", until: 5, right: allRight}.write(t,
		filepath.Join(dir, "base")),
		put{model: "c", weights: "copy", until: 5, right: allRight}.write(t, filepath.Join(dir, "copied")),
		put{model: "t", weights: "t", trained: lineage, until: 5, right: allRight}.write(t,
			filepath.Join(dir, "trained"))}
	path := filepath.Join(runs[1], "manifest.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, []byte(strings.Replace(string(data), `{"model.safetensors"`,
		`{"trainer_state.safetensors":"0","model.safetensors"`, 1)))
	for _, dirs := range [][]string{runs, runs[1:2], runs[:2]} {
		r := reportOf(t, open(t, dirs...))
		if want := "copied is of a training run's checkpoint that lies outside"; !strings.Contains(r.Markdown(),
			want) || !strings.Contains(strings.Join(r.Remarks(), "\n"), want) {
			t.Errorf("%v: nothing says why copied has no base", dirs)
		}
		for _, p := range r.study.pairs {
			if p.run == "copied" || p.base.run == "copied" {
				t.Errorf("a guess: %v", pairsOf(r))
			}
		}
	}
}

// TestPlanOfMoreRuns: a plan beside the runs may name others that lie there; these are
// left out, and what is not compared for it is said. Others are an error as before.
func TestPlanOfMoreRuns(t *testing.T) {
	dir := t.TempDir()
	lay := func(name string) string {
		return put{model: name, weights: name, until: 5, right: allRight}.write(t, filepath.Join(dir, name))
	}
	base, one, two := lay("base"), lay("one"), lay("two")
	writeFile(t, filepath.Join(dir, PlanFile),
		[]byte("runs: {one: {base: base, languages: [en]}, two: {base: base, languages: [en, de]}}"))
	report := func(dirs ...string) (*Report, error) {
		plan, err := FindPlan(dirs)
		if err != nil {
			t.Fatal(err)
		}
		return New(open(t, dirs...), plan)
	}
	for _, c := range []struct {
		dirs  []string
		pairs int
		said  string
	}{
		{[]string{base, one, two}, 2, ""},
		{[]string{base, one}, 1, "The plan also names two, not among the runs given."},
		{[]string{base}, 0, "The plan also names one, two"},
		{[]string{one}, 0, "one is not compared with its base: the plan names " + base},
	} {
		r, err := report(c.dirs...)
		if err != nil {
			t.Errorf("%v: %v", c.dirs, err)
		} else if said := strings.Join(r.Remarks(), "\n"); len(r.study.pairs) != c.pairs ||
			!strings.Contains(said, c.said) || c.said == "" && said != "" {
			t.Errorf("%v: pairs %v, said %q", c.dirs, pairsOf(r), said)
		}
	}
	if err := os.RemoveAll(two); err != nil {
		t.Fatal(err)
	}
	if _, err := report(base, one); err == nil || !strings.Contains(err.Error(), "names the run two") {
		t.Errorf("a run that is nowhere: %v", err)
	}
	// A plan that is named is of the runs that are given.
	plan, err := ReadPlan(filepath.Join(dir, PlanFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(open(t, one), plan); err == nil {
		t.Error("--plan names runs that are not given, and there is a report")
	}
}

// TestPlanNamesAbsentRuns: whatever a plan names must be there.
func TestPlanNamesAbsentRuns(t *testing.T) {
	dir := t.TempDir()
	runs := []string{put{model: "b", until: 5, right: allRight}.write(t, filepath.Join(dir, "a")),
		trainingFolder(t, "grpo", 1, []string{"mgsm"})}
	for text, plan := range map[string]map[string]PlanRun{
		"names the run ghost":          {"ghost": {Label: "x"}},
		"names ghost as the base of a": {"a": {Base: "ghost"}},
		"there are a, grpo":            {"A": {}},
		"which is no setting":          {"a": {Allow: []string{"heat"}}},
	} {
		if _, err := New(open(t, runs...), Plan{Runs: plan}); err == nil ||
			!strings.Contains(err.Error(), text) {
			t.Errorf("%v: error %v, want %q", plan, err, text)
		}
	}
	if err := os.RemoveAll(filepath.Join(runs[1], "eval")); err != nil {
		t.Fatal(err)
	}
	for _, plan := range []map[string]PlanRun{{"grpo": {Base: "a"}}, {"a": {Base: "grpo"}}} {
		if _, err := New(open(t, runs...), Plan{Runs: plan}); err == nil ||
			!strings.Contains(err.Error(), "evaluation") {
			t.Errorf("%v: error %v", plan, err)
		}
	}
}
