package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stele-lm/stele/eval"
)

// evaluated writes an evaluation's folder.
func evaluated(t *testing.T, dir, name, model string, change func(*eval.Results)) string {
	t.Helper()
	r := scores([]string{"mgsm"}, 0.3, 0.01)
	r.Model = model
	if change != nil {
		change(r)
	}
	path := filepath.Join(dir, name)
	writeResults(t, path, r)
	return path
}

func pairsOf(r *Report) []string {
	var pairs []string
	for _, p := range r.study.pairs {
		pairs = append(pairs, fmt.Sprintf("%s < %s, %s, %s", p.base.name, p.name(), p.method,
			strings.Join(p.languages, " ")))
	}
	return pairs
}

// TestPairsFromManifests: a checkpoint's evaluation finds the training run that made
// it, and that run's manifest names the base.
func TestPairsFromManifests(t *testing.T) {
	dir := t.TempDir()
	trained := filepath.Join(dir, "grpo")
	writeFile(t, filepath.Join(trained, "manifest.json"),
		[]byte(`{"config": {"model": "hub/base", "algorithm": "sft", "data": {"bench": "mgsm", "languages": ["de", "en"]}}}`))
	checkpoint := filepath.Join(trained, "checkpoints", "step-20")
	dirs := []string{
		evaluated(t, dir, "base", "hub/base", nil),
		evaluated(t, dir, "other-template", "hub/base",
			func(r *eval.Results) { r.Settings.Template = "none" }),
		evaluated(t, dir, "after", checkpoint, nil),
		evaluated(t, dir, "lonely", "hub/lonely", nil),
	}
	r := reportOf(t, open(t, dirs...))
	if diff := cmp.Diff([]string{"base < after, SFT, en de"}, pairsOf(r)); diff != "" {
		t.Errorf("pairs (-want +got):\n%s", diff)
	}
	if in := r.study.pairs[0].inDistribution; !slices.Equal(in, []string{"mgsm"}) {
		t.Errorf("in distribution: %v", in)
	}
	if groups := r.study.templateGroups(); len(groups["hub/base"]) != 2 || len(groups) != 1 {
		t.Errorf("templates: %v", slices.Collect(maps.Keys(groups)))
	}
}

// TestPlan: what a plan says comes before what manifests say.
func TestPlan(t *testing.T) {
	dir := t.TempDir()
	dirs := []string{
		evaluated(t, dir, "a", "x", nil),
		evaluated(t, dir, "b", "y", func(r *eval.Results) { r.Settings.Seed = 2 }),
		evaluated(t, dir, "c", "z", func(r *eval.Results) { r.Settings.Seed = 3 }),
		trainingFolder(t, "grpo", 2, []string{"mgsm"}),
	}
	writeFile(t, filepath.Join(dir, PlanFile), []byte(`
title: A plan
in_distribution: [mgsm]
runs:
  a: {label: Base}
  b: {base: a, method: RL, languages: [en], arm: x}
  c: {base: a, method: RL, languages: [ru, en, de], arm: x}
  grpo: {label: Mine, base: a, method: other, languages: [sw]}
`))
	plan, err := FindPlan(dirs)
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(open(t, dirs...), plan)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Base < b, RL, en", "Base < c, RL, en ru de", "Base < Mine, other, sw"}
	if diff := cmp.Diff(want, pairsOf(r)); diff != "" {
		t.Errorf("pairs (-want +got):\n%s", diff)
	}
	if len(r.study.arms) != 1 || r.study.arms[0].name != "x" || len(r.study.arms[0].pairs) != 2 {
		t.Errorf("arms %+v", r.study.arms)
	}
	if r.Title != "A plan" {
		t.Errorf("title %q", r.Title)
	}
}

func TestPlansThatAreWrong(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, PlanFile)
	run := evaluated(t, dir, "a", "x", nil)
	for text, want := range map[string]string{
		"runs: {a: {bse: b}}":   "bse",
		"runs: [a]":             PlanFile,
		"runs: {a: {base: b}}":  "names b as the base of a",
		"runs: {a: {base: a}}":  "its own base",
		"in_distribution: {a: ": PlanFile,
	} {
		writeFile(t, path, []byte(text))
		plan, err := FindPlan([]string{run})
		if err == nil {
			_, err = New(open(t, run), plan)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
}

// TestArmsOfTrainingRuns: runs from one model share its evaluation before, and those
// that differ in how many languages they were trained on make a curve.
func TestArmsOfTrainingRuns(t *testing.T) {
	var dirs []string
	for i, languages := range []string{`"en"`, `"en", "ru"`, `"en", "ru", "de"`, `"en", "ru", "de", "fr"`} {
		dir := trainingFolder(t, fmt.Sprintf("run%d", i+1), 1, []string{"mgsm"})
		writeFile(t, filepath.Join(dir, "manifest.json"),
			[]byte(`{"config": {"model": "tiny", "algorithm": "grpo", "steps": 1, "data": {"languages": [`+languages+
				`]}}}`))
		writeResults(t, filepath.Join(dir, "eval", "after"),
			scores([]string{"mgsm"}, 0.2, 0.02+0.01*float64(i)))
		dirs = append(dirs, dir)
	}
	r := reportOf(t, open(t, dirs...))
	if len(r.study.models) != 5 {
		t.Errorf("%d models, want one base and four trained", len(r.study.models))
	}
	if len(r.study.arms) != 1 || len(r.study.arms[0].pairs) != 4 || !r.study.arms[0].accuracy.ok {
		t.Fatalf("arms %+v", r.study.arms)
	}
	if ci := r.study.arms[0].accuracy.beta.ci; ci == nil || ci[0] >= ci[1] {
		t.Errorf("interval of β: %v", ci)
	}
	if few := reportOf(t, open(t, dirs[:3]...)); len(few.study.arms) != 1 || few.study.arms[0].accuracy.ok {
		t.Error("two points with parallel languages were fitted")
	}
}

// TestEvaluationThatIsGoingOn: samples without results are reported as far as they are.
func TestEvaluationThatIsGoingOn(t *testing.T) {
	whole := "testdata/runs/grpo/eval/after"
	dir := filepath.Join(t.TempDir(), "going")
	for _, name := range []string{"manifest.json", "samples.jsonl"} {
		data, err := os.ReadFile(filepath.Join(whole, name))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, name), data)
	}
	going := open(t, dir)[0]
	done := open(t, whole)[0]
	if going.unfinished == "" {
		t.Error("nothing says that the run is going on")
	}
	for l, want := range done.Results.Benchmarks["arith"].Languages {
		got := going.Results.Benchmarks["arith"].Languages[l]
		if fmt.Sprintf("%.9f %.9f %.9f", got.Accuracy, *got.AccuracySE,
			got.OffTarget) != fmt.Sprintf("%.9f %.9f %.9f", want.Accuracy, *want.AccuracySE, want.OffTarget) {
			t.Errorf("%s: %+v from samples, %+v in the results", l, got, want)
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "samples.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "samples.jsonl"), data[:len(data)/2])
	half := open(t, dir)[0]
	if n := half.answers.samples; n < 20 || n >= 72 {
		t.Errorf("half a file holds %d samples", n)
	}
	out := t.TempDir()
	if err := reportOf(t, open(t, dir)).Write(out); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(out, "report.md"))
	if err != nil || !strings.Contains(string(page), "is not done") {
		t.Errorf("the report does not say that the run is going on (%v)", err)
	}
}

// TestGradersDiffer lists what only one grader calls right, and shortens what a
// model wrote.
func TestGradersDiffer(t *testing.T) {
	dir := evaluated(t, t.TempDir(), "run", "x",
		func(r *eval.Results) { r.Settings.Languages = []string{"en"} })
	var lines strings.Builder
	for i := range 40 {
		fmt.Fprintf(&lines,
			`{"id":"q%d","benchmark":"mgsm","language":"en","extracted":"%s","gt":"7","verdict":%t,"verdict_qwen":%t,"verdict_strict":%t}`+"\n",
			i, strings.Repeat("x", 60), i%2 == 0, i%2 == 0, i%2 == 1)
	}
	writeFile(t, filepath.Join(dir, "samples.jsonl"), []byte(lines.String()))
	tables := graderTables(reportOf(t, open(t, dir)).study.models)
	if len(tables) != 2 {
		t.Fatalf("%d tables", len(tables))
	}
	if diff := cmp.Diff([][]string{{"mgsm", "run", "40", "50.0", "50.0", "20", "20"}},
		tables[0].Rows); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if len(tables[1].Rows) != mostDisputes || len(tables[1].all) != 40 {
		t.Errorf("%d rows of %d", len(tables[1].Rows), len(tables[1].all))
	}
	if row := tables[1].Rows[0]; row[7] != "qwen" || len([]rune(row[5])) != 40 {
		t.Errorf("first row %q", row)
	}
	data, err := tables[1].CSV()
	if err != nil || strings.Count(string(data), "\n") != 41 {
		t.Errorf("the CSV has %d lines (%v)", strings.Count(string(data), "\n"), err)
	}
}

// TestSeveralSamples: avg@n and the like are taken from results.json when there.
func TestSeveralSamples(t *testing.T) {
	dir := t.TempDir()
	data, err := json.Marshal(scores([]string{"mgsm"}, 0.3, 0.01))
	if err != nil {
		t.Fatal(err)
	}
	var r map[string]any
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	mean := r["benchmarks"].(map[string]any)["mgsm"].(map[string]any)["mean"].(map[string]any)
	mean["pass@4"], mean["pass@16"], mean["avg@16"] = 0.75, 0.875, 0.5
	mean["pass@4_ci95"], mean["pass@4_se"] = []float64{0.7, 0.8}, 0.025
	if data, err = json.Marshal(r); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "results.json"), data)
	table, ok := severalTable(reportOf(t, open(t, dir)).study.models)
	if !ok || !slices.Equal(table.Head[2:], []string{"avg@16", "pass@4", "pass@16"}) ||
		!slices.Equal(table.Rows[0][2:], []string{"50.0", "75.0 [70.0, 80.0]", "87.5"}) {
		t.Errorf("table %+v", table)
	}
}

func TestRunsWithOneName(t *testing.T) {
	dir := t.TempDir()
	runs := open(t, evaluated(t, filepath.Join(dir, "x"), "base", "m", nil),
		evaluated(t, filepath.Join(dir, "y"), "base", "m", nil))
	reportOf(t, runs)
	if runs[0].Name != "x/base" || runs[1].Name != "y/base" {
		t.Errorf("names %q and %q", runs[0].Name, runs[1].Name)
	}
}

func TestGroupDifficulty(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "step-3.jsonl"), []byte(`{"id":"a","language":"en","accuracy":1}
{"id":"a","language":"en","accuracy":0}
{"id":"a","language":"ru","accuracy":1}
{"id":"a","language":"ru","accuracy":1}
{"id":"b","language":"en","accuracy":0}
{"id":"c","language":"en","accuracy":0}
{"id":"d","lan`))
	steps := []Step{{"step": 2}, {"step": 3}}
	if err := readRollouts(dir, steps); err != nil {
		t.Fatal(err)
	}
	want := []Step{{"step": 2}, {"step": 3, groupsWrong: 0.5, groupsMixed: 0.25, groupsRight: 0.25}}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDifficulty(t *testing.T) {
	d := newDifficulty(map[string]map[string]float64{
		"en": {"a": 1, "b": 0.5, "c": 0, "d": 0.1},
		"ru": {"a": 0.75, "b": 0.3, "c": 0, "d": 0.9},
	})
	if diff := cmp.Diff([]float64{0.25, 0.125, 0.25, 0.125, 0.125, 0.125}, d.bins); diff != "" {
		t.Errorf("bins (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]float64{0.25, 0.5, 0.25}, d.languages); diff != "" {
		t.Errorf("languages (-want +got):\n%s", diff)
	}
}

func TestLatexText(t *testing.T) {
	for in, want := range map[string]string{
		`50 % ± 2_a`:     `50 \% $\pm$ 2\_a`,
		`\frac{1}{2}$x$`: `\textbackslash{}frac\{1\}\{2\}\$x\$`,
		"a\x00b\nc":      "ab c",
		"中é":             "U+4E2Dé",
		"−3.5 ^ ~":       `$-$3.5 \textasciicircum{} \textasciitilde{}`,
		"α·X^β, R²":      `$\alpha$$\cdot$X\textasciicircum{}$\beta$, R$^{2}$`,
	} {
		if got := latexText(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestModelLabel(t *testing.T) {
	for in, want := range map[string]string{
		"Qwen/Qwen2.5-0.5B": "Qwen/Qwen2.5-0.5B", "builtin:tiny": "builtin:tiny",
		"runs/grpo/checkpoints/step-20": "grpo step-20", "/models/smollm2": "smollm2", "./here": "here",
	} {
		if got := modelLabel(in); got != want {
			t.Errorf("%s is called %q, want %q", in, got, want)
		}
	}
}

// FuzzSamples: no file makes reading panic, and what is read adds up.
func FuzzSamples(f *testing.F) {
	data, err := os.ReadFile("testdata/runs/grpo/eval/before/samples.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data[:bytes.IndexByte(data, '\n')+1])
	f.Add([]byte(`{"verdict":true,"verdict_strict":null}` + "\n{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := newOutcomes(eval.NewSampleReader("samples.jsonl", bytes.NewReader(data)))
		if err != nil {
			return
		}
		sum := 0
		for _, tally := range o.tallies {
			sum += tally.samples
		}
		if sum != o.samples {
			t.Errorf("%d samples by cell, %d in all", sum, o.samples)
		}
	})
}

// FuzzPlan: no plan makes reading panic.
func FuzzPlan(f *testing.F) {
	f.Add("title: x\nruns: {a: {base: b, languages: [en]}}")
	f.Add("in_distribution: [a")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), PlanFile)
		writeFile(t, path, []byte(text))
		if p, err := ReadPlan(path); err == nil {
			_ = p.check([]*Run{{Name: "a"}})
		}
	})
}

// FuzzLatexText: no text leaves a character that TeX reads as a command.
func FuzzLatexText(f *testing.F) {
	f.Add(`\a{b}$c$ % # & _ ^ ~`)
	f.Fuzz(func(t *testing.T, text string) {
		got := latexText(text)
		for _, command := range []string{`\textbackslash{}`, `\textasciitilde{}`, `\textasciicircum{}`,
			`\textless{}`, `\textgreater{}`, `\textbar{}`, `\dots{}`} {
			got = strings.ReplaceAll(got, command, "")
		}
		for _, escaped := range []string{`\{`, `\}`, `\$`, `\&`, `\#`, `\_`, `\%`} {
			got = strings.ReplaceAll(got, escaped, "")
		}
		for sign := range strings.SplitSeq(`$-$ $\pm$ $\cdot$ $\times$ $\geq$ $\leq$ $\rightarrow$ $\Delta$ $\alpha$ $\beta$ $\lambda$ $\varepsilon$ $\pi$ $^{-}$ $^{0}$ $^{1}$ $^{2}$ $^{3}$ $^{4}$ $^{5}$ $^{6}$ $^{7}$ $^{8}$ $^{9}$`, " ") {
			got = strings.ReplaceAll(got, sign, "")
		}
		if strings.ContainsAny(got, `\{}$&#_%^~`) {
			t.Errorf("%q becomes %q", text, latexText(text))
		}
	})
}
