package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stele-lm/stele/eval"
)

// scaled is a study with its accuracies in another unit, as a program would write them.
func scaled(in metricsInput, factor float64) metricsInput {
	table := func(scores map[string]map[string]*float64) map[string]map[string]*float64 {
		out := map[string]map[string]*float64{}
		for b, cells := range scores {
			out[b] = map[string]*float64{}
			for l, v := range cells {
				out[b][l] = nil
				if v != nil {
					x := *v * factor
					out[b][l] = &x
				}
			}
		}
		return out
	}
	out := in
	out.Base, out.Trained = table(in.Base), map[string]trainedScores{}
	for name, t := range in.Trained {
		out.Trained[name] = trainedScores{t.TrainLanguages, table(t.Scores)}
	}
	return out
}

func metricsOf(t interface{ Fatal(...any) }, in metricsInput) string {
	s, err := in.study(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(s.output(20, 1))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestMetricsUnits: fractions and percent give the same output to the last digit, with
// counts and without, whatever the accuracies.
func TestMetricsUnits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 600).Draw(t, "n")
		printed := rapid.Bool().Draw(t, "printed") // two decimals of a percentage, as tables have
		scores := func(what string) map[string]map[string]*float64 {
			out := map[string]map[string]*float64{"a": {}, "b": {}}
			for b := range out {
				for i, l := range []string{"en", "de", "ru"} {
					x := float64(rapid.IntRange(0, n).Draw(t, what+b+l)) / float64(n) * 100
					if b == "a" && i == 0 {
						x = max(x, 50) // some are above 1 %
					}
					if printed {
						x = math.Round(x*100) / 100
					}
					out[b][l] = &x
				}
			}
			return out
		}
		in := metricsInput{Languages: []string{"en", "de", "ru"}, Base: scores("base"),
			Trained: map[string]trainedScores{
				"one": {[]string{"en"}, scores("one")}, "two": {[]string{"en", "de"}, scores("two")}}}
		if rapid.Bool().Draw(t, "counted") {
			in.Counts = map[string]int{"a": n, "b": n}
		}
		want := metricsOf(t, in)
		if got := metricsOf(t, scaled(in, 0.01)); got != want {
			t.Fatalf("fractions give\n%s\npercent\n%s", got, want)
		}
		for unit, factor := range map[string]float64{unitPercent: 1, unitFraction: 0.01} {
			said := scaled(in, factor)
			said.Unit = unit
			if got := metricsOf(t, said); got != want {
				t.Fatalf("as %s it is\n%s\nwant\n%s", unit, got, want)
			}
		}
	})
}

// TestMetricsFractionAmongPercent: a fraction among percentages is spoken of.
func TestMetricsFractionAmongPercent(t *testing.T) {
	half, forty, fifty := 0.5, 40.0, 50.0
	in := metricsInput{Languages: []string{"en", "de"},
		Base: map[string]map[string]*float64{"a": {"en": &forty, "de": &half}},
		Trained: map[string]trainedScores{"one": {[]string{"en"},
			map[string]map[string]*float64{"a": {"en": &fifty, "de": &fifty}}}}}
	var said strings.Builder
	if _, err := in.factor(&said); err != nil ||
		!strings.Contains(said.String(), "0.5 of a in de, base, too, is percent then") {
		t.Errorf("says %q, %v", said.String(), err)
	}
}

// TestMetricsUnitInDoubt: what may be in one unit or the other is refused, or told by the
// counts or by the user.
func TestMetricsUnitInDoubt(t *testing.T) {
	of := func(base, trained float64) metricsInput {
		return metricsInput{Languages: []string{"en"},
			Base: map[string]map[string]*float64{"a": {"en": &base}},
			Trained: map[string]trainedScores{"t": {[]string{"en"},
				map[string]map[string]*float64{"a": {"en": &trained}}}}}
	}
	for _, c := range []struct {
		base, trained float64
		unit          string
		count         int
		points        float64 // NaN: an error
	}{
		{0.25, 0.5, "", 0, 25}, {25, 50, "", 0, 25}, {0, 0.5, "", 0, 50}, {0, 50, "", 0, 50},
		{0.5, 60, "", 0, math.NaN()}, {30, 0.6, "", 0, math.NaN()}, // of two tables one in another unit?
		{0.5, 60, "percent", 0, 59.5}, {0.5, 60, "fraction", 0, math.NaN()}, {0.25, 0.5, "percent", 0, 0.25},
		{0.83, 5, "", 120, 5 - 100.0/120}, // 1 of 120 as a table prints it, and no fraction of 120
		{0.5, 60, "", 200, math.NaN()},    // 1 of 200, or 100 of 200
		{0.25, 1, "", 0, 75}, {0.25, 0.5, "per mille", 0, math.NaN()},
	} {
		in := of(c.base, c.trained)
		in.Unit = c.unit
		if c.count > 0 {
			in.Counts = map[string]int{"a": c.count}
		}
		var said strings.Builder
		s, err := in.study(&said)
		if math.IsNaN(c.points) {
			if err == nil || !strings.Contains(err.Error(), `"unit"`) {
				t.Errorf("%+v: %v", c, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		if got := *s.output(0,
			0)["t"].(transferOutput).DeltaPoints["a"]["en"]; math.Abs(got-c.points) > 1e-9 {
			t.Errorf("%+v: %g points", c, got)
		}
		if c.unit == "" && !strings.Contains(said.String(), "taken as") {
			t.Errorf("%+v: nothing says what the accuracies are taken for", c)
		}
	}
}

// layEvaluation writes an evaluation's folder with samples; right says which are.
func layEvaluation(t *testing.T, dir string, trained *eval.Lineage, until int, temperature float64,
	right func(l string, i int) bool) string {
	t.Helper()
	m := eval.Manifest{Origin: eval.Origin{Model: dir, Trained: trained}, Questions: 2 * until,
		Settings: eval.Spec{Benchmarks: []string{"mgsm"},
			Languages: []string{"en", "de"}, Samples: map[string]int{"mgsm": 1},
			Sampling: eval.Sampling{Temperature: temperature, TopP: 1}, MaxTokens: 9, Grader: "qwen"}}
	var lines []byte
	for _, l := range m.Settings.Languages {
		for i := range until {
			line, err := json.Marshal(eval.Sample{ID: fmt.Sprint(i), Benchmark: "mgsm", Language: l,
				Verdict: right(l, i)})
			if err != nil {
				t.Fatal(err)
			}
			lines = append(append(lines, line...), '\n')
		}
	}
	manifest, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("manifest.json", manifest)
	write("samples.jsonl", lines)
	results, _, err := eval.Partial(dir)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(results)
	if err != nil {
		t.Fatal(err)
	}
	write("results.json", data)
	return dir
}

// TestMetricsOfRuns: run folders give what their accuracies give as JSON, on the questions
// that they share, with the languages of the manifest.
func TestMetricsOfRuns(t *testing.T) {
	dir := t.TempDir()
	lineage := &eval.Lineage{Model: "b", Algorithm: "grpo", Languages: []string{"en"}}
	third := func(l string, i int) bool { return i%3 == 0 }
	half := func(l string, i int) bool { return i%2 == 0 }
	base := layEvaluation(t, filepath.Join(dir, "base"), nil, 60, 0.6, third)
	one := layEvaluation(t, filepath.Join(dir, "one"), lineage, 60, 0.6, half)
	few := layEvaluation(t, filepath.Join(dir, "few"), lineage, 30, 0.6, half)
	hot := layEvaluation(t, filepath.Join(dir, "hot"), lineage, 60, 1, half)
	bare := layEvaluation(t, filepath.Join(dir, "bare"), nil, 60, 0.6, half)
	run := func(args ...string) (map[string]json.RawMessage, string, error) {
		out := filepath.Join(t.TempDir(), "out.json")
		var said strings.Builder
		c := newMetricsCommand(&globals{})
		c.SetArgs(append(args, "--out", out))
		c.SetErr(&said)
		c.SetOut(&said)
		if err := c.Execute(); err != nil {
			return nil, said.String(), err
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		var object map[string]json.RawMessage
		if err := json.Unmarshal(data, &object); err != nil {
			t.Fatal(err)
		}
		return object, said.String(), nil
	}
	object, said, err := run("--base", base, "--trained", one, few)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said, "mgsm 30 of 60") || !strings.Contains(said, "trained on [en]") {
		t.Errorf("it said %q", said)
	}
	input := filepath.Join(dir, "in.json")
	text := `{"languages": ["en", "de"], "base": {"mgsm": {"en": 0.3333333333333333, "de": 0.3333333333333333}},
		"trained": {"one": {"train_languages": ["en"], "scores": {"mgsm": {"en": 0.5, "de": 0.5}}}}}`
	if err := os.WriteFile(input, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	asJSON, _, err := run("--in", input)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "few"} {
		var got, want transferOutput
		if err := json.Unmarshal(object[name], &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(asJSON["one"], &want); err != nil {
			t.Fatal(err)
		}
		if got.MTIAvgCI == nil && got.MTICI == nil {
			t.Errorf("%s: no interval", name)
		}
		got.MTIAvgCI, got.MTICI = nil, nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-JSON +run):\n%s", name, diff)
		}
	}
	if _, _, err := run("--base", base, "--trained", hot); err == nil ||
		!strings.Contains(err.Error(), "temperature is 0.6 and 1 (it can be allowed: --allow temperature)") ||
		strings.Contains(err.Error(), "plan") {
		t.Errorf("another temperature: %v", err)
	}
	if _, said, err := run("--base", base, "--trained", hot, "--allow", "temperature"); err != nil ||
		!strings.Contains(said, "temperature is 0.6 and 1") {
		t.Errorf("another temperature that is allowed: %v, %q", err, said)
	}
	for want, args := range map[string][]string{
		"which languages":       {"--base", base, "--trained", bare},
		"no base is named":      {"--trained", one},
		"named twice":           {"--base", base, "--trained", one, one},
		"is no run":             {"--base", base, "--trained", dir},
		"give accuracies":       {},
		"in none of the others": {"--in", input, "--base", base},
		"--in takes no runs":    {"--in", input, one},
		"is not a setting":      {"--base", base, "--trained", one, "--allow", "heat"},
		"expected 0 (no interv": {"--in", input, "--replicates", "-1"},
		"nowhere is no run":     {"--base", filepath.Join(dir, "nowhere"), "--trained", one},
	} {
		if _, _, err := run(args...); err == nil || want != "in none of the others" &&
			!strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
}

// TestMetricsInput: what is ambiguous or no accuracy is refused in a line that says why;
// languages beyond the study's are taken as they are.
func TestMetricsInput(t *testing.T) {
	const good = `{"languages": ["en", "ko"], "base": {"a": {"en": 20, "ko": 10}}, "trained": {"t": {"train_languages": ["en"], "scores": {"a": {"en": 30, "ko": 12}}}}}`
	of := func(old, replacement string) string { return strings.Replace(good, old, replacement, 1) }
	for text, want := range map[string]string{
		"":                                      "is empty",
		" \n":                                   "is empty",
		"[]":                                    "found a list, expected an object",
		good + good:                             "more follows",
		of(`"ko": 10`, `"ko": NaN`):             "NaN is no number of JSON",
		of(`"ko": 10`, `"ko": "10"`):            "found text, expected a number",
		of(`"ko": 10`, `"ko": -1`):              "outside 0 to 100",
		of(`"ko": 10`, `"ko": 101`):             "outside 0 to 100",
		of(`"ko": 10`, `"fr": 10`):              `language "fr" is not among`,
		of(`"ko": 10`, `"en": 10`):              "base, a, en appears twice",
		of(`"base"`, `"b": {}, "base"`):         "unknown field",
		of(`"t": {`, `"fits": {`):               `called "fits"`,
		of(`"t": {`, `"": {`):                   `called ""`,
		of(`["en", "ko"]`, `["en", "en"]`):      `"languages": "en" appears twice`,
		of(`["en", "ko"]`, `["en", ""]`):        `"" is not a language`,
		of(`["en"]`, `["en", "en"]`):            `"train_languages": "en" appears twice`,
		of(`["en"]`, `[]`):                      `no "train_languages"`,
		of(`{"a": {"en": 30, "ko": 12}}`, `{}`): `no "scores"`,
		of(`"scores"`,
			`"scores": {"a": {"en": 1}}, "scores"`): "trained, t, scores appears twice",
		of(`"scores": {"a"`,
			`"scores": {"b"`): `the base has no benchmark "b"`,
		`{"languages": ["en"], "base": {"a": {"en": 1}}, "trained": {}}`:              "must not be empty",
		of(`"languages"`, `"counts": {"a": 0}, "languages"`):                          "expected at least 1",
		of(`"base": {"a": {"en": 20, "ko": 10}}`, `"base": {"a": {"en": 20, "ko": 1`): "ends in the middle",
	} {
		in := &metricsInput{}
		err := in.decode([]byte(text))
		if err == nil {
			_, err = in.study(io.Discard)
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
	for text, said := range map[string]string{good: "",
		strings.ReplaceAll(good, `"ko"`, `"xzq"`): `language "xzq" is taken as it is`} {
		in := &metricsInput{}
		if err := in.decode([]byte(text)); err != nil {
			t.Fatal(err)
		}
		var say strings.Builder
		s, err := in.study(&say)
		if err != nil || !strings.Contains(say.String(), said) || said == "" &&
			strings.Contains(say.String(), "as it is") {
			t.Errorf("%s: %v, said %q", text, err, say.String())
			continue
		}
		// Twelve digits of a percentage are as good as none lost: 12/10 less 1 is 0.2.
		if got := s.output(0, 0)["t"].(transferOutput); math.Abs(*got.MTI["a"]-0.4) > 1e-15 {
			t.Errorf("MTI %v, want 0.2 / 0.5", *got.MTI["a"])
		}
	}
}

// FuzzMetricsInput: whatever the input holds, it is refused or computed.
func FuzzMetricsInput(f *testing.F) {
	f.Add(`{"languages": ["en", "de"], "base": {"a": {"en": 0.5, "de": null}}, "trained": {"t": {"train_languages": ["en"], "scores": {"a": {"en": 60}}}}, "counts": {"a": 3}}`)
	f.Add(`{"languages": ["en"], "base": {"a": {"en": 0}}, "trained": {"t": {"train_languages": ["en"], "scores": {"b": {"en": 1e300}}}}, "unit": "fraction"}`)
	f.Add(`{"languages": ["en"], "base": {"a": {}}, "trained": {"t": {"train_languages": ["en", "en"], "scores": {}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		in := &metricsInput{}
		if in.decode([]byte(text)) != nil {
			return
		}
		s, err := in.study(io.Discard)
		if err != nil {
			return
		}
		if _, err := json.Marshal(s.output(2, 0)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	})
}
