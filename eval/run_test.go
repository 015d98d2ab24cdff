package eval

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/eval/evaltest"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func testSpec() Spec {
	return Spec{
		Benchmarks: []string{"mgsm", "aime24"}, Languages: []string{"en", "ru", "th", "te"},
		Samples:  map[string]int{"mgsm": 1, "aime24": 4},
		Sampling: Sampling{Temperature: 0.6, TopP: 0.95}, MaxTokens: 20,
		Seed: 7, Template: "qwen-math", Grader: "qwen",
	}
}

func testQuestions(spec Spec) []Question {
	var questions []Question
	for _, b := range spec.Benchmarks {
		for _, l := range spec.Languages {
			for i := range 6 {
				questions = append(questions, Question{
					Benchmark: b, Language: l, ID: fmt.Sprintf("%s-%d", b, i),
					Prompt: "Q: <" + l + ">", PromptIDs: []int32{1, int32(i)}, Prefix: "Hm. ",
					Answer: "1", DataName: b,
				})
			}
		}
	}
	return questions
}

func testDeps(g Generator) Deps {
	return Deps{Generator: g, Identify: identifyScript, Origin: Origin{
		Stele: "1.0", Model: "tiny", Weights: map[string]string{"model.safetensors": "ab"}, Backend: "go",
		DType: "float32"}}
}

// whole is a run that nothing disturbs.
func whole(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	if _, err := Run(t.Context(), testSpec(), testQuestions(testSpec()), testDeps(&script{}),
		dir); err != nil {
		t.Fatal(err)
	}
	return evaltest.Files(t, dir)
}

func TestOrderOfSamplesLeavesNoTrace(t *testing.T) {
	want := whole(t)
	for order := uint64(1); order < 5; order++ {
		dir := t.TempDir()
		if _, err := Run(t.Context(), testSpec(), testQuestions(testSpec()), testDeps(&script{order: order}),
			dir); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, evaltest.Files(t, dir)); diff != "" {
			t.Fatalf("order %d (-want +got):\n%s", order, diff)
		}
	}
}

func TestResumeAfterCancel(t *testing.T) {
	want := whole(t)
	random := rand.New(rand.NewPCG(3, 4))
	for round := range 20 {
		dir := t.TempDir()
		spec := testSpec()
		for stops := 0; ; stops++ {
			ctx, cancel := context.WithCancel(t.Context())
			g := &script{order: random.Uint64(), stopAfter: 1 + random.IntN(60), stop: cancel}
			_, err := Run(ctx, spec, testQuestions(spec), testDeps(g), dir)
			cancel()
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if stops > 200 {
				t.Fatal("the run does not come to an end")
			}
			if random.IntN(2) == 0 {
				tear(t, filepath.Join(dir, "samples.jsonl"), random)
			}
		}
		if diff := cmp.Diff(want, evaltest.Files(t, dir)); diff != "" {
			t.Fatalf("round %d (-want +got):\n%s", round, diff)
		}
	}
}

// tear cuts a file off at a random byte.
func tear(t *testing.T, path string, random *rand.Rand) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() == 0 {
		return
	}
	if err := os.Truncate(path, random.Int64N(info.Size())); err != nil {
		t.Fatal(err)
	}
}

func TestTornEnd(t *testing.T) {
	want := whole(t)
	lines := strings.SplitAfter(want["samples.jsonl"], "\n")
	for name, torn := range map[string]string{
		"nothing":             "",
		"half a line":         lines[0] + lines[1][:20],
		"a line of zeros":     lines[0] + "\x00\x00\x00",
		"zeros and a newline": lines[0] + "\x00\x00\x00\n",
		"no last newline":     strings.TrimSuffix(lines[0], "\n"),
		"a line twice":        lines[3] + lines[3] + lines[0],
		"complete":            want["samples.jsonl"],
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeRun(t, dir, want["manifest.json"], torn)
			if _, err := Run(t.Context(), testSpec(), testQuestions(testSpec()), testDeps(&script{}),
				dir); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, evaltest.Files(t, dir)); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
		})
	}
}

func writeRun(t *testing.T, dir, manifest, samples string) {
	t.Helper()
	for name, data := range map[string]string{"manifest.json": manifest, "samples.jsonl": samples} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDamageIsNamed(t *testing.T) {
	good := whole(t)
	lines := strings.SplitAfter(good["samples.jsonl"], "\n")
	foreign := strings.Replace(lines[1], `"benchmark":"mgsm"`, `"benchmark":"gpqa"`, 1)
	for name, c := range map[string]struct{ samples, want string }{
		"a broken line": {lines[0] + "{\n" + lines[2], "samples.jsonl:2: not a sample"},
		"a foreign question": {lines[0] + foreign + lines[2],
			"samples.jsonl:2: sample 0 of gpqa/en/mgsm-1 is not asked for"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeRun(t, dir, good["manifest.json"], c.samples)
			_, err := Run(t.Context(), testSpec(), testQuestions(testSpec()), testDeps(&script{}), dir)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestDoneRunAsksNothing(t *testing.T) {
	dir := t.TempDir()
	g := &script{}
	for range 2 {
		if _, err := Run(t.Context(), testSpec(), testQuestions(testSpec()), testDeps(g), dir); err != nil {
			t.Fatal(err)
		}
	}
	if want := 6 * 4 * (1 + 4); g.asked != want {
		t.Errorf("%d samples were generated, want %d", g.asked, want)
	}
}

// TestOneQueue: all benchmarks and languages are put to the engine in one call, so
// that it can always fill its batch.
func TestOneQueue(t *testing.T) {
	g := &script{}
	if _, err := Run(t.Context(), testSpec(), testQuestions(testSpec()), testDeps(g),
		t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if len(g.calls) != 1 {
		t.Fatalf("the engine was called %d times, want once", len(g.calls))
	}
	cells := map[string]bool{}
	for _, id := range g.calls[0] {
		cells[id[:strings.LastIndex(id, "/")]] = true
	}
	if len(g.calls[0]) != 2*4*6 || len(cells) != 2*4 {
		t.Errorf("the call held %d questions of %d benchmarks and languages", len(g.calls[0]), len(cells))
	}
}

// TestGenerationWaitsForNobody: the engine can hand over all samples before the
// first of them is judged.
func TestGenerationWaitsForNobody(t *testing.T) {
	generated := make(chan struct{})
	g := &script{after: func() { close(generated) }}
	deps := testDeps(g)
	deps.Identify = func(output, language string) Identified {
		<-generated
		return identifyScript(output, language)
	}
	if _, err := Run(t.Context(), testSpec(), testQuestions(testSpec()), deps, t.TempDir()); err != nil {
		t.Fatal(err)
	}
}

func TestOtherSettingsAreRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := Run(t.Context(), testSpec(), testQuestions(testSpec()), testDeps(&script{}),
		dir); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Spec, *[]Question, *Deps)
		want   string
	}{
		"seed": {func(s *Spec, _ *[]Question, _ *Deps) { s.Seed = 8 }, "seed was 7, is 8"},
		"temperature": {func(s *Spec, _ *[]Question, _ *Deps) { s.Temperature = 1 },
			"settings.temperature was 0.6, is 1"},
		"samples": {func(s *Spec, _ *[]Question, _ *Deps) { s.Samples["mgsm"] = 2 },
			"settings.samples.mgsm was 1, is 2"},
		"answer": {func(_ *Spec, q *[]Question, _ *Deps) { (*q)[3].Answer = "2" },
			"questions_sha256 was"},
		"weights": {func(_ *Spec, _ *[]Question,
			d *Deps) {
			d.Origin.Weights = map[string]string{"model.safetensors": "cd"}
		},
			`weights.model.safetensors was "ab", is "cd"`},
		"backend": {func(_ *Spec, _ *[]Question, d *Deps) { d.Origin.Backend = "xla:cpu" },
			`backend was "go", is "xla:cpu"`},
	} {
		t.Run(name, func(t *testing.T) {
			spec, deps := testSpec(), testDeps(&script{})
			questions := testQuestions(spec)
			c.change(&spec, &questions, &deps)
			_, err := Run(t.Context(), spec, questions, deps, dir)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	deps := testDeps(&script{})
	deps.Origin.Model = "a copy of tiny"
	if _, err := Run(t.Context(), testSpec(), testQuestions(testSpec()), deps, dir); err != nil {
		t.Errorf("the same weights under another name: %v", err)
	}
}

func TestForeignFolderIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.tex"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Run(t.Context(), testSpec(), testQuestions(testSpec()), testDeps(&script{}), dir)
	if err == nil || !strings.Contains(err.Error(), "holds no evaluation") {
		t.Errorf("error %v", err)
	}
}

func TestTwoProcessesAtOnce(t *testing.T) {
	dir := t.TempDir()
	m, err := newManifest(testSpec(), testQuestions(testSpec()), testDeps(nil).Origin, Shard{})
	if err != nil {
		t.Fatal(err)
	}
	release, err := lockFolder(t.Context(), dir, m, nil, Processes{}.guard)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), testSpec(), testQuestions(testSpec()), testDeps(&script{}),
		dir); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("error %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), testSpec(), testQuestions(testSpec()), testDeps(&script{}),
		dir); err != nil {
		t.Error(err)
	}
}

func TestProgressGoesToTheLog(t *testing.T) {
	var log bytes.Buffer
	deps := testDeps(&script{})
	deps.Log = &log
	if _, err := Run(t.Context(), testSpec(), testQuestions(testSpec()), deps, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "120/120 samples") {
		t.Errorf("log: %q", log.String())
	}
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Spec)
		want   string
	}{
		"no benchmark": {func(s *Spec) { s.Benchmarks = nil }, "no benchmark"},
		"twice": {func(s *Spec) { s.Languages = append(s.Languages, "en") },
			"language en is named twice"},
		"top-p":         {func(s *Spec) { s.TopP = math.NaN() }, "top-p"},
		"temperature":   {func(s *Spec) { s.Temperature = -1 }, "temperature"},
		"max tokens":    {func(s *Spec) { s.MaxTokens = 0 }, "max tokens"},
		"grader":        {func(s *Spec) { s.Grader = "kind" }, `unknown grader "kind"`},
		"samples":       {func(s *Spec) { s.Samples["mgsm"] = 0 }, "samples for mgsm"},
		"not in a list": {func(s *Spec) { s.Languages = append(s.Languages, "ja") }, "no question in ja"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := testSpec()
			questions := testQuestions(spec)
			c.change(&spec)
			_, err := Run(t.Context(), spec, questions, testDeps(&script{}), t.TempDir())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// TestPresets holds the paper's settings.
func TestPresets(t *testing.T) {
	type paper struct {
		temperature, topP float64
		maxTokens         int
	}
	want := map[string]paper{"paper": {0.6, 0.95, 8912}, "paper-32b": {0.6, 0.95, 32768},
		"dapo-32b": {1, 0.7, 20480}}
	got := map[string]paper{}
	for name, apply := range Presets {
		s := testSpec()
		s.TopK, s.MinP = 5, 0.5
		apply(&s)
		got[name] = paper{s.Temperature, s.TopP, s.MaxTokens}
		if !s.Hack || s.TopK != 0 || s.MinP != 0 || s.Seed != 7 {
			t.Errorf("%s gives %+v", name, s)
		}
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(paper{})); diff != "" {
		t.Error(diff)
	}
}

func TestSamplesFor(t *testing.T) {
	want := map[string]int{"aime24": 16, "aime25": 16, "math500": 1, "gpqa_diamond": 1}
	spec := Spec{Benchmarks: []string{"aime24", "aime25", "math500", "gpqa_diamond"}}
	spec.Samples = SamplesFor(spec.Benchmarks, 0)
	if err := spec.SetDefaults(bench.Options{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, spec.Samples); diff != "" {
		t.Error(diff)
	}
	if got := SamplesFor([]string{"aime24"}, 3)["aime24"]; got != 3 {
		t.Errorf("asked for 3 samples, got %d", got)
	}
}
