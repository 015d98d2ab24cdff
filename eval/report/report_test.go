package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/language"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestMain gives all runs one day: goldens have it.
func TestMain(m *testing.M) {
	if err := os.Setenv("SOURCE_DATE_EPOCH", "1767225600"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

var allLanguages = []string{"en", "es", "ru", "de", "fr", "bn", "th", "sw", "zh", "ja", "te"}

// scores makes results in which language i of benchmark k has the accuracy
// (start + step·i) / (k+1).
func scores(benchmarks []string, start, step float64) *eval.Results {
	r := &eval.Results{Model: "tiny", Benchmarks: map[string]eval.BenchmarkResult{},
		Languages: map[string]eval.Score{},
		Settings: eval.Spec{Benchmarks: benchmarks, Languages: allLanguages,
			Samples:  eval.SamplesFor(benchmarks, 1),
			Sampling: eval.Sampling{Temperature: 0.6, TopP: 0.95}, MaxTokens: 64, Seed: 1,
			Template: "qwen-math", Grader: "qwen"}}
	se := 0.025
	score := func(i int, k float64) eval.Score {
		a := (start + step*float64(i)) / k
		return eval.Score{Questions: 100, Samples: 100, Accuracy: a, AccuracySE: &se,
			Accuracies: map[string]float64{"qwen": a, "strict": a},
			OffTarget:  float64(i) / 20, OffTargetSE: &se, MeanTokens: 40 + float64(i), Truncated: 0.125}
	}
	for k, b := range benchmarks {
		result := eval.BenchmarkResult{Languages: map[string]eval.Score{}, Mean: score(5, float64(k+1))}
		for i, l := range allLanguages {
			result.Languages[l] = score(i, float64(k+1))
		}
		r.Benchmarks[b] = result
	}
	for i, l := range allLanguages {
		r.Languages[l] = score(i, 1.5)
	}
	r.Mean = score(5, 1.5)
	return r
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func writeResults(t *testing.T, dir string, r *eval.Results) {
	t.Helper()
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "results.json"), data)
}

// trainingFolder writes a run of some steps whose last line is torn.
func trainingFolder(t *testing.T, name string, steps int, benchmarks []string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	before := scores(benchmarks, 0.1, 0.02)
	zero := before.Benchmarks[benchmarks[0]].Languages["te"]
	zero.Accuracy = 0
	before.Benchmarks[benchmarks[0]].Languages["te"] = zero
	writeResults(t, filepath.Join(dir, "eval", "before"), before)
	writeResults(t, filepath.Join(dir, "eval", "after"), scores(benchmarks, 0.2, 0.03))
	writeFile(t, filepath.Join(dir, "manifest.json"),
		[]byte(`{"config": {"model": "tiny", "algorithm": "grpo", "steps": 100, "data": {"languages": ["ru", "en"]}}}`))
	var lines bytes.Buffer
	for s := 1; s <= steps; s++ {
		x := float64(s)
		fmt.Fprintf(&lines,
			`{"step":%d,"reward":%g,"reward_std":0.2,"rewards/accuracy/mean":%g,"rewards/format/mean":0.9,"rewards/language/mean":1,"rewards/accuracy/en":%g,"rewards/accuracy/ru":0.25,"completions/mean_length":%g,"kl":%g,"entropy":0.5,"grad_norm":1.5,"loss":-0.001,"lr":1e-06}`+"\n",
			s, 0.5+x/1000, 0.3+x/1000, 0.4+x/1000, 100+x, x/1e5)
	}
	lines.WriteString(`{"step":`)
	writeFile(t, filepath.Join(dir, "metrics.jsonl"), lines.Bytes())
	return dir
}

func open(t *testing.T, dirs ...string) []*Run {
	t.Helper()
	var runs []*Run
	for _, dir := range dirs {
		run, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, run)
	}
	return runs
}

func reportOf(t *testing.T, runs []*Run) *Report {
	t.Helper()
	r, err := New(runs, Plan{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// golden compares a file of the report with testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		writeFile(t, path, got)
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestTables(t *testing.T) {
	evaluated := filepath.Join(t.TempDir(), "base")
	writeResults(t, evaluated, scores([]string{"mgsm"}, 0.3, 0.01))
	out := t.TempDir()
	runs := open(t, trainingFolder(t, "grpo", 3, []string{"mgsm", "aime24"}),
		trainingFolder(t, "short", 1, []string{"mgsm"}), evaluated)
	if err := reportOf(t, runs).Write(out); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"report.md", "tables/accuracy.csv", "tables/transfer.csv",
		"tables/steps.csv"} {
		data, err := os.ReadFile(filepath.Join(out, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Base(name), data)
	}
}

// external matches what a page must not have: anything fetched from elsewhere.
var external = regexp.MustCompile(`(?i)(src|href)="[^#]|url\([^#)]|@import|<script [^>]|<link|<iframe`)

// embedded is a font inside the file.
var embedded = regexp.MustCompile(`url\(data:font/ttf;base64,[A-Za-z0-9+/=]+\)`)

func wellFormed(t *testing.T, name string, data []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(data))
	ids := map[string]bool{}
	var references []string
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%s is not well-formed: %v", name, err)
		}
		element, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		for _, a := range element.Attr {
			if a.Name.Local == "id" {
				if ids[a.Value] {
					t.Errorf("%s: id %q appears twice", name, a.Value)
				}
				ids[a.Value] = true
			}
			if reference, ok := strings.CutPrefix(a.Value, "url(#"); ok {
				references = append(references, strings.TrimSuffix(reference, ")"))
			}
			if a.Name.Local == "href" {
				references = append(references, strings.TrimPrefix(a.Value, "#"))
			}
			if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
				t.Errorf("%s: <%s %s=%q>", name, element.Name.Local, a.Name.Local, a.Value)
			}
		}
	}
	for _, r := range references {
		if !ids[r] {
			t.Errorf("%s: nothing has the id %q", name, r)
		}
	}
	if found := external.FindString(embedded.ReplaceAllString(string(data), "")); found != "" {
		t.Errorf("%s refers to something outside itself: %s", name, found)
	}
}

func TestPage(t *testing.T) {
	evaluated := filepath.Join(t.TempDir(), `a & "b" <c>`)
	writeResults(t, evaluated, scores([]string{"mgsm"}, 0.3, 0.01))
	out := t.TempDir()
	runs := open(t, trainingFolder(t, "grpo", 60, []string{"mgsm", "aime24"}),
		trainingFolder(t, "grpo", 1, []string{"mgsm"}), evaluated)
	if err := reportOf(t, runs).Write(out); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(out, "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, "report.html", bytes.TrimPrefix(page, []byte("<!DOCTYPE html>\n")))
	for _, code := range language.Study() {
		for _, want := range []string{
			fmt.Sprintf(`lang="%s">%s</text>`, code, language.Builtin().Lookup(code).Native),
			fmt.Sprintf(`<small lang="%s">%s</small>`, code, language.Builtin().Lookup(code).Native),
		} {
			if !bytes.Contains(page, []byte(want)) {
				t.Errorf("the page lacks %s", want)
			}
		}
	}
	for _, want := range []string{"Reward, mean", "Parts of the reward", "Completion length", "trained on",
		"MTI", "mean of the last 4 steps"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page lacks %q", want)
		}
	}
	pictures, err := filepath.Glob(filepath.Join(out, "figures", "*.svg"))
	if err != nil || 2*len(pictures) != bytes.Count(page, []byte("<svg")) { // wide and narrow
		t.Errorf("%d pictures beside a page of %d", len(pictures), bytes.Count(page, []byte("<svg")))
	}
	for _, path := range pictures {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		wellFormed(t, filepath.Base(path), data)
		if bytes.Contains(data, []byte("$")) || bytes.Contains(data, []byte("var(--")) {
			t.Errorf("%s has a colour that only the page defines", path)
		}
	}
}

func TestSameFoldersSameBytes(t *testing.T) {
	dir := trainingFolder(t, "grpo", 5, []string{"mgsm"})
	a, err := reportOf(t, open(t, dir)).HTML()
	if err != nil {
		t.Fatal(err)
	}
	b, err := reportOf(t, open(t, dir)).HTML()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Error("two reports of one run differ")
	}
}

func TestRunThatIsGoingOn(t *testing.T) {
	for name, remove := range map[string][]string{
		"no evaluation yet": {"eval"},
		"not yet after":     {"eval/after"},
		"no step yet":       {"metrics.jsonl", "eval/after"},
		"no manifest":       {"manifest.json"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := trainingFolder(t, "grpo", 2, []string{"mgsm"})
			for _, path := range remove {
				if err := os.RemoveAll(filepath.Join(dir, path)); err != nil {
					t.Fatal(err)
				}
			}
			if err := reportOf(t, open(t, dir)).Write(t.TempDir()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFoldersThatAreNoRun(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"empty":         {nil, "is no run"},
		"results":       {map[string]string{"results.json": "{"}, "results.json: the JSON ends early"},
		"a broken step": {map[string]string{"metrics.jsonl": "{\n{\"step\": 1}\n"}, "metrics.jsonl:1:"},
		"no step": {map[string]string{"metrics.jsonl": "{\"reward\": 1}\n"},
			`metrics.jsonl:1: no number "step"`},
		"manifest": {map[string]string{"metrics.jsonl": "{\"step\": 1}\n", "manifest.json": "[]"},
			"manifest.json:"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range c.files {
				writeFile(t, filepath.Join(dir, file), []byte(text))
			}
			_, err := Open(dir)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestStepsTakenAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	writeFile(t, path, []byte(`{"step":1,"reward":1}
{"step":2,"reward":2}
{"step":3,"reward":null,"note":"x"}
{"step":2,"reward":5}
{"step":3,"rew`))
	got, err := readSteps(path)
	if err != nil {
		t.Fatal(err)
	}
	want := []Step{{"step": 1, "reward": 1}, {"step": 2, "reward": 5}, {"step": 3}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAxis(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      string
	}{
		{0, 0.93, "0 0.2 0.4 0.6 0.8 1.0"},
		{0, 100, "0 20 40 60 80 100"},
		{-0.004, 0.0071, "−0.005 0 0.005 0.010"},
		{610, 1130, "600 800 1000 1200"},
		{1e-6, 1e-6, "0.90·10⁻⁶ 0.95·10⁻⁶ 1.00·10⁻⁶ 1.05·10⁻⁶ 1.10·10⁻⁶"},
		{0, 0, "0 0.2 0.4 0.6 0.8 1.0"},
		{0.4, math.Nextafter(0.4, 1), "0.36 0.38 0.40 0.42 0.44"}, // the mean of three times 0.4
		{0, 2e6, "0 0.5·10⁶ 1.0·10⁶ 1.5·10⁶ 2.0·10⁶"},
	} {
		a := newAxis(c.low, c.high, 0, 100, 5)
		var labels []string
		for _, x := range a.ticks {
			labels = append(labels, a.label(x))
		}
		if got := strings.Join(labels, " "); got != c.want {
			t.Errorf("axis of %g to %g: %s, want %s", c.low, c.high, got, c.want)
		}
		if a.at(a.low) != 0 || math.Abs(a.at(a.high)-100) > 1e-9 {
			t.Errorf("axis of %g to %g does not fill its span", c.low, c.high)
		}
	}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct{ in, want []float64 }{
		{[]float64{10, 50, 90}, []float64{10, 50, 90}},
		{[]float64{50, 51, 52}, []float64{50, 60, 70}},
		{[]float64{99, 98}, []float64{100, 90}},
		{[]float64{0, 0}, []float64{0, 10}},
	} {
		if diff := cmp.Diff(c.want, spread(c.in, 10, 0, 100)); diff != "" {
			t.Errorf("spread(%v) (-want +got):\n%s", c.in, diff)
		}
	}
}

// TestCalled: languages beyond the paper's have names, and unknown codes are no fault.
func TestCalled(t *testing.T) {
	for code, want := range map[string]string{"de": "Deutsch", "ko": "Korean", "pt-BR": "Portuguese",
		"no": "Norwegian Bokmål", "xx": "xx", "": "", "none": "no words", "und": "undetermined"} {
		if got := (knownLanguages{}).called(code); got != want {
			t.Errorf("%q is called %q, want %q", code, got, want)
		}
	}
	if got := (knownLanguages{}).inOrder([]string{"ko", "xx", "sw", "en", "ar"}); !slices.Equal(got,
		[]string{"en", "sw", "ar", "ko", "xx"}) {
		t.Errorf("in order: %v", got)
	}
}
