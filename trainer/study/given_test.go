package study

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// givenFile has accuracies of models that were measured elsewhere.
const givenFile = `
unit: percent
questions: {arith: 50}
models:
  start: {arith: {en: 40, te: 20}}
  after: {arith: {en: 60, te: 24}}
`

// another is an entry of the group that givenStudy has, with a seed.
const another = "- {name: b, results: printed.yaml, entry: after, base: start, group: sft, seed: %d}\n- {name: nano,"

// givenStudy has models of which there are results, and one that is evaluated.
const givenStudy = `
evaluate: {benchmarks: [arith], template: plain}
models:
- {name: start, results: printed.yaml}
- {name: trained, results: printed.yaml, entry: after, base: start, method: SFT, languages: [en], group: sft, seed: 2}
- {name: nano, model: "builtin:nano"}
report: {comparisons: [{name: both, runs: [trained]}]}
`

func readGiven(t *testing.T, study, accuracies string) (*Study, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"study.yaml": study, "printed.yaml": accuracies} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return Read(filepath.Join(dir, "study.yaml"))
}

// TestGiven: results that are given have no job, and the settings that the study says.
func TestGiven(t *testing.T) {
	s, err := readGiven(t, givenStudy, givenFile)
	if err != nil {
		t.Fatal(err)
	}
	var jobs []string
	for _, j := range s.Jobs {
		jobs = append(jobs, j.Name)
	}
	if !slices.Equal(jobs, []string{"eval/nano", "report"}) {
		t.Errorf("jobs %q", jobs)
	}
	given := s.Given()
	if len(given) != 2 || given[1].Model != "trained" ||
		given[1].Entry != "after" || given[1].Results != "printed.yaml" ||
		!slices.Equal(given[1].Languages, []string{"en", "te"}) {
		t.Errorf("%+v", given)
	}
	set := s.runs[1].given().results.Settings
	if set.Template != "plain" || set.Temperature != 0.6 || set.MaxTokens == 0 || set.Samples["arith"] != 1 {
		t.Errorf("%+v", set)
	}
	done, err := s.evaluated(t.TempDir())
	if err != nil || len(done) != 2 {
		t.Errorf("%d done, %v", len(done), err)
	}
	// A file that changed, and nothing else, makes another report.
	other, err := readGiven(t, givenStudy, strings.Replace(givenFile, "te: 24", "te: 26", 1))
	if err != nil {
		t.Fatal(err)
	}
	if s.runs[0].given().sum != other.runs[0].given().sum || s.runs[1].given().sum == other.runs[1].given().sum {
		t.Error("what the report is made of does not follow the file")
	}
	// What has no effect is said.
	s, err = readGiven(t, strings.Replace(givenStudy, "results: printed.yaml}",
		"results: printed.yaml, evaluate: {limit: 3, hack: false}}", 1), givenFile)
	if want := "model start: evaluate.limit: no effect, since its results are given"; err != nil ||
		!slices.Equal(s.Said, []string{want}) {
		t.Errorf("%v, %q", err, s.Said)
	}
	// Without evaluate nothing is known of how they were measured.
	s, err = readGiven(t, "models: [{name: start, results: printed.yaml}]", givenFile)
	if err != nil || s.runs[0].given().results.Settings.MaxTokens != 0 || len(s.Jobs) != 1 {
		t.Errorf("%v", err)
	}
}

// TestGivenRefused: what is wrong is named, with the file and what was expected.
func TestGivenRefused(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"entry: after", "entry: afte", `model trained: results: printed.yaml has no model "afte", did you mean "after"?`},
		{"results: printed.yaml, entry", "results: printd.yaml, entry", "model trained: results: there is no "},
		{"name: start, results: printed.yaml", "name: start, results: printed.yaml, model: x",
			"model start: results: model and results are both set"},
		{`model: "builtin:nano"`, `model: "builtin:nano", entry: x`, "model nano: entry names a model of a results file"},
		{"report:", "arms: [{name: a, model: start, data: {bench: arith}}]\nreport:",
			"arm a: it starts from start, of which there are results (printed.yaml) and no weights to train"},
		{"base: start,", "base: start, evaluate: {temperature: 1},",
			"model trained: it is evaluated in another way than its base start (temperature)"},
		{"base: start,", "base: start, evaluate: {preset: papr},", `model trained: results: evaluate: unknown preset "papr"`},
		{", seed: 2", "", "model trained: expected group and seed together"},
		{"base: start,", "", "model trained: group sft is of trained models: base is not set"},
		{"group: sft", "group: nano", "model trained: group nano is the name of a model or an arm too"},
		{"- {name: nano,", fmt.Sprintf(another, 2),
			"model b: group sft has seed 2 twice"},
		{"- {name: nano,", fmt.Sprintf(another, 3),
			"models trained and b of group sft differ in more than the seed"},
		{"name: nano", "name: trained", "trained is the name of two"},
	} {
		text := strings.Replace(givenStudy, c.from, c.to, 1)
		if text == givenStudy {
			t.Errorf("%q is not there", c.from)
		}
		if _, err := readGiven(t, text, givenFile); err == nil || !strings.Contains(err.Error(), c.want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s → %s: %v, want %s", c.from, c.to, err, c.want)
		}
	}
	_, err := readGiven(t, givenStudy, strings.Replace(givenFile, "te: 24", "te: 240", 1))
	if err == nil || !strings.Contains(err.Error(), "printed.yaml: models.after.arith.te is 240: expected 0 to 100") {
		t.Error(err)
	}
}

// TestGivenRegistry: a benchmark that one model's registry describes is not known for another model of the
// same file of accuracies.
func TestGivenRegistry(t *testing.T) {
	registry := filepath.Join(t.TempDir(), "own.yaml")
	text := "own:\n  about: mine\n  languages: [en]\n  answer: math\n  sources:\n  - path: own/{language}.jsonl\n"
	if err := os.WriteFile(registry, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	const accuracies = "unit: percent\nmodels:\n  start: {own: {en: 40}}\n  after: {own: {en: 60}}\n"
	model := "- {name: %s, results: printed.yaml, evaluate: {registry: %q}}\n"
	both := "models:\n" + fmt.Sprintf(model, "start", registry) + fmt.Sprintf(model, "after", registry)
	if _, err := readGiven(t, both, accuracies); err != nil {
		t.Fatal(err)
	}
	one := "models:\n" + fmt.Sprintf(model, "start", registry) + "- {name: after, results: printed.yaml}\n"
	if _, err := readGiven(t, one, accuracies); err == nil ||
		!strings.Contains(err.Error(), "model after: results: ") || !strings.Contains(err.Error(), `unknown benchmark "own"`) {
		t.Error(err)
	}
}
