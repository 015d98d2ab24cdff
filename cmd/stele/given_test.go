package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/eval"
)

// givenMix is a study of a model that is evaluated, and of results of three kinds.
const givenMix = `
evaluate: {benchmarks: [arith], levels: [1], languages: [en, te], limit: 6, samples: 2, template: plain,
  temperature: 1, max_tokens: 8}
models:
- {name: nano, model: "builtin:nano"}
- {name: folder, results: elsewhere, base: nano, method: SFT, languages: [en]}
- {name: file, results: alone.json, base: nano, method: SFT, languages: [en]}
- {name: one, results: typed.yaml, entry: a, base: nano, method: RL, languages: [en], group: g, seed: 1}
- {name: two, results: typed.yaml, entry: b, base: nano, method: RL, languages: [en], group: g, seed: 2}
report: {title: Mix, comparisons: [{name: typed, runs: [g]}]}
`

// TestStudyGiven: a folder, a results.json and a file of accuracies stand beside what is evaluated here;
// a group is one row; what changes is reported anew, and stele report finds the plan of what is here.
func TestStudyGiven(t *testing.T) {
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	must0(t, "eval", "--backend", "go", "--model", "builtin:nano", "--bench", "arith", "--level", "1", "--lang",
		"en,te", "-n", "2", "--limit", "6", "--max-tokens", "8", "--template", "plain", "--temperature", "1",
		"--top-p", "0.95", "--out", at("elsewhere"))
	alone, err := os.ReadFile(at("elsewhere/results.json"))
	if err != nil {
		t.Fatal(err)
	}
	const typed = "unit: percent\nquestions: {arith: 6}\nsamples: {arith: 2}\nmodels:\n" +
		"  a: {arith: {en: 50, te: 25}}\n  b: {arith: {en: 100, te: 75, off_target: 10}}\n"
	for name, text := range map[string]string{"alone.json": string(alone), "typed.yaml": typed,
		"study.yaml": givenMix} {
		if err := os.WriteFile(at(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func() (report struct {
		Models []struct {
			Name string
			Mean eval.Score
		}
		Pairs []struct {
			Trained string
			Checked bool `json:"questions_checked"`
		}
	}) {
		if code, _, said := studyRun(t, at("study.yaml"), "--out", at("out")); code != 0 {
			t.Fatal(said)
		}
		data, err := os.ReadFile(at("out/report/report.json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &report); err != nil {
			t.Fatal(err)
		}
		return report
	}
	r := run()
	means := map[string]float64{}
	for _, m := range r.Models {
		means[m.Name] = m.Mean.Accuracy
	}
	if len(r.Models) != 4 || means["g"] != (0.375+0.875)/2 || means["nano"] != means["folder"] ||
		means["nano"] != means["file"] {
		t.Errorf("%v", means)
	}
	if len(r.Pairs) != 3 || !r.Pairs[0].Checked || r.Pairs[1].Checked || r.Pairs[2].Checked {
		t.Errorf("%+v", r.Pairs)
	}
	page, err := os.ReadFile(at("out/report/report.md"))
	if err != nil || strings.Count(string(page), "as typed.yaml states them") != 1 ||
		strings.Contains(string(page), "as alone.json states them") {
		t.Errorf("%v\n%.3000s", err, page)
	}
	if _, err := os.Stat(at("out/report/typed/report.html")); err != nil {
		t.Error(err)
	}
	must0(t, "report", at("out/eval/nano"), "--out", at("again"))

	changed := strings.Replace(typed, "te: 25", "te: 75", 1)
	if err := os.WriteFile(at("typed.yaml"), []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	r = run()
	i := slices.IndexFunc(r.Models, func(m struct {
		Name string
		Mean eval.Score
	}) bool {
		return m.Name == "g"
	})
	if i < 0 || r.Models[i].Mean.Accuracy != 0.75 {
		t.Errorf("%+v", r.Models)
	}
}
