package main

import (
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stele-lm/stele/eval"
)

// TestCompare: differences are counted on the questions that both runs were put, in the languages that folders or
// flags name; an interval leaves out 0 where training has turned many questions, and not where it has turned few.
func TestCompare(t *testing.T) {
	dir := t.TempDir()
	third := func(_ string, i int) bool { return i%3 == 0 }
	// English gains a third of the questions, German one of sixty.
	gained := func(l string, i int) bool { return i%3 == 0 || l == "en" && i%3 == 1 || i == 5 }
	base := layEvaluation(t, filepath.Join(dir, "base"), nil, 60, 0.6, third)
	bare := layEvaluation(t, filepath.Join(dir, "bare"), nil, 60, 0.6, gained)
	few := layEvaluation(t, filepath.Join(dir, "few"), &eval.Lineage{Model: "b", Algorithm: "grpo",
		Languages: []string{"en"}}, 30, 0.6, gained)
	for want, args := range map[string][]string{
		"--languages": {base, bare},
		"--allow":     {base, few, "--allow", "heat"},
		"name the":    {},
		"no base":     {bare},
	} {
		if _, _, err := stele(t, append([]string{"compare"}, args...)...); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want an error with %q", args, err, want)
		}
	}
	text, _, err := stele(t, "compare", base, bare, few, "--languages", "en", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string][]difference
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	for run, questions := range map[string]int{"bare": 60, "few": 30} {
		rows := map[string]difference{}
		for _, r := range all[run] {
			rows[r.Language] = r
		}
		one := 100 / float64(questions)
		for language, points := range map[string]float64{"en": 100.0/3 + one, "de": one, "trained on": 100.0/3 + one,
			"others": one} {
			r := rows[language]
			if language == "others" { // the last of two such rows has the mean of MTI alone
				r = all[run][len(all[run])-2]
			}
			if r.Points == nil || math.Abs(*r.Points-points) > 1e-9 || r.PointsCI == nil ||
				math.Abs(*r.Trained-*r.Base-points) > 1e-9 {
				t.Errorf("%s %s: %+v, want %g points", run, language, r, points)
				continue
			}
			if r.PointsCI[0] > points || r.PointsCI[1] < points || (r.PointsCI[0] > 0) != (points > 20) {
				t.Errorf("%s %s: %g points, interval %v", run, language, points, *r.PointsCI)
			}
		}
		if r := rows["de"]; r.Questions != questions || math.Abs(*r.DeltaR-3*one/100) > 1e-9 {
			t.Errorf("%s de: %+v", run, r)
		}
		mti := *rows["de"].DeltaR / *rows["en"].DeltaR
		if r := all[run][len(all[run])-1]; r.MTI == nil || math.Abs(*r.MTI-mti) > 1e-9 {
			t.Errorf("%s: MTI %+v, want %g", run, r, mti)
		}
	}
	table, _, err := stele(t, "compare", base, few)
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"few, trained on en:", "mgsm", "others", "+36.7", "] *"} {
		if !strings.Contains(table, words) {
			t.Errorf("the table lacks %q:\n%s", words, table)
		}
	}
	t.Log(table)
}
