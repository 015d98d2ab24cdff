package report

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/multilingual"
	"github.com/stele-lm/stele/internal/jsonl"
)

// measuredReport reports runs with a plan's measures.
func measuredReport(t *testing.T, plan Plan, dirs ...string) map[string]Section {
	t.Helper()
	r, err := New(open(t, dirs...), plan)
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]Section{}
	for _, s := range r.Sections {
		sections[s.ID] = s
	}
	return sections
}

// TestMeasuresSections: each measure makes its section, and no other does.
func TestMeasuresSections(t *testing.T) {
	ids := []string{"words", "consistency", "agreement", "levels"}
	const run = "testdata/runs/grpo"
	for measures, want := range map[string][]string{
		"": nil, "all": ids, "words": {"words"}, "switches": {"words"}, "consistency": {"consistency"},
		"agreement": {"agreement"}, "levels": {"levels"}, "agreement levels": {"agreement", "levels"},
	} {
		sections := measuredReport(t, Plan{Measures: strings.Fields(measures)}, run)
		for _, id := range ids {
			if _, there := sections[id]; there != slices.Contains(want, id) {
				t.Errorf("measures %q: section %s is there: %v", measures, id, there)
			}
		}
	}
	// A folder's name may look like a pattern.
	bracketed := filepath.Join(t.TempDir(), "grpo[1]")
	if err := os.CopyFS(bracketed, os.DirFS(run)); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{run, bracketed} {
		r, err := New(open(t, dir), Plan{Measures: []string{"all"}})
		if err != nil {
			t.Fatal(err)
		}
		// Rollouts that were kept give their steps what the run did not measure itself.
		kept := 0
		for _, s := range r.runs[0].Training.Steps {
			words, there := s["words/reasoning/mean"]
			_, too := s["switches/mean"]
			if there != too || words < 0 || words > 1 {
				t.Errorf("step %g: %v", s["step"], s)
			}
			if there && s["groups/mixed"]+s["groups/all_wrong"]+s["groups/all_right"] > 0 {
				kept++
			}
		}
		if kept == 0 {
			t.Errorf("%s: no step has the words of its rollouts, and how hard they were", dir)
		}
	}
}

// written writes an evaluation of two questions in English and German, whose samples say what is
// given for each: language, id, answer and output.
func written(t *testing.T, dir, name string, samples [][4]string) string {
	t.Helper()
	path := evaluated(t, dir, name, "m-"+name, func(r *eval.Results) {
		r.Settings.Languages, r.Settings.Grader = []string{"en", "de"}, "qwen"
	})
	w, err := jsonl.Create(filepath.Join(path, "samples.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for _, s := range samples {
		err := w.Write(eval.Sample{Benchmark: "mgsm", Language: s[0], ID: s[1], Pred: s[2], GT: "7", Reference: "7",
			Verdict: s[2] == "7", Verdicts: map[string]bool{"qwen": s[2] == "7", "strict": s[2] == "7"}, Output: s[3],
			Level: 1 + int(s[1][0]-'1')})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMeasuresTables has numbers worked by hand, of one model and of the mean over two seeds.
func TestMeasuresTables(t *testing.T) {
	const english, german = "First we add the two numbers.", "Zuerst addieren wir die beiden Zahlen."
	dir := t.TempDir()
	// en: both right; de: 1 right, 2 wrong, in English. They agree on one of two questions; by chance
	// they would on 1 · 1/2.
	one := written(t, dir, "one", [][4]string{{"en", "1", "7", english}, {"en", "2", "7", english},
		{"de", "1", "7", german}, {"de", "2", "8", english}})
	// Nothing is right, and all agree.
	two := written(t, dir, "two", [][4]string{{"en", "1", "8", english}, {"en", "2", "8", english},
		{"de", "1", "8", german}, {"de", "2", "8", german}})
	tables := map[string]Table{}
	plan := Plan{Measures: []string{"all"}, LevelWeights: map[int]float64{1: 1, 2: 3}}
	sections := measuredReport(t, plan, one, two)
	if facts := strings.Join(sections["agreement"].Facts, " "); !strings.Contains(facts, "Answers of mgsm are free") {
		t.Errorf("of chance the report says %q", facts)
	}
	for _, s := range sections {
		for _, table := range s.Tables {
			tables[s.ID+"/"+table.Name] = table
		}
	}
	for name, want := range map[string][][]string{
		"words/words": {{"mgsm", "one", "100.0", "50.0", "75.0"}, {"mgsm", "two", "100.0", "100.0", "100.0"}},
		"words/switches": {{"mgsm", "one", "0.00 (0.0)", "0.00 (0.0)", "0.00 (0.0)"},
			{"mgsm", "two", "0.00 (0.0)", "0.00 (0.0)", "0.00 (0.0)"}},
		"agreement/agreement": {{"mgsm", "one", "1", "50.0", "–", "0.00"},
			{"mgsm", "two", "1", "100.0", "100.0", "1.00"}},
		"agreement/agreement-mgsm-one": {{"en", "–", "50.0 (0.00)"}, {"de", "50.0 (0.00)", "–"}},
		"levels/levels": {{"mgsm", "one", "100.0 (1)", "50.0 (3)"},
			{"mgsm", "two", "0.0 (1)", "0.0 (3)"}},
		"levels/levels-weighted": {{"mgsm", "one", "100.0", "25.0", "62.5"},
			{"mgsm", "two", "0.0", "0.0", "0.0"}},
	} {
		rows := tables[name].Rows
		if !slices.EqualFunc(rows, want, slices.Equal[[]string]) {
			t.Errorf("%s: %q, want %q", name, rows, want)
		}
	}
	if all := tables["agreement/agreement"].all; len(all) != 2 || !slices.Equal(all[0],
		[]string{"mgsm", "one", "en", "de", "2", "0.5", "", "0"}) {
		t.Errorf("agreement.csv: %q", all)
	}
	seeds := Plan{Measures: []string{"all"}, Runs: map[string]PlanRun{"one": {Of: "arm", Seed: 1},
		"two": {Of: "arm", Seed: 2}}}
	words := measuredReport(t, seeds, one, two)["words"].Tables[0].Rows
	if len(words) != 1 || !slices.Equal(words[0], []string{"mgsm", "arm", "100.0", "75.0", "87.5"}) {
		t.Errorf("of two seeds: %q", words)
	}
}

func TestMeasuresAskedWrongly(t *testing.T) {
	runs := open(t, "testdata/runs/grpo")
	for want, plan := range map[string]Plan{
		`"word" is no measure`: {Measures: []string{"word"}},
		"without levels":       {LevelWeights: map[int]float64{1: 1}},
		"weight of level 1":    {Measures: []string{"levels"}, LevelWeights: map[int]float64{1: math.NaN()}},
	} {
		if _, err := New(runs, plan); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", plan, err, want)
		}
	}
	// A model without samples is spoken of.
	r, err := New(open(t, evaluated(t, t.TempDir(), "bare", "m", nil)), Plan{Measures: multilingual.Names()})
	if err != nil || !slices.ContainsFunc(r.Remarks(), func(s string) bool {
		return strings.Contains(s, "bare kept no samples")
	}) {
		t.Errorf("%v, %q", err, r.Remarks())
	}
}
