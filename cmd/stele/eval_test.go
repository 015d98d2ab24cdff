package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/eval/evaltest"
	"github.com/stele-lm/stele/eval/prompt"
)

// asProgram in the environment makes the test binary the program itself.
const asProgram = "STELE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	// Programs that tests start compile for each other, and not for the user.
	dir, err := os.MkdirTemp("", "stele-programs-")
	if err == nil {
		err = os.Setenv(programsSetting, dir)
	}
	if err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// program is stele in a process of its own; what it says goes to log.
func program(log io.Writer, args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), asProgram+"=1")
	c.Stdout, c.Stderr = log, log
	return c
}

// must0 runs stele in a process of its own to its good end.
func must0(t *testing.T, args ...string) {
	t.Helper()
	var log bytes.Buffer
	if err := program(&log, args...).Run(); err != nil {
		t.Fatalf("stele %s: %v\n%s", strings.Join(args, " "), err, log.String())
	}
}

// TestEvalKilled: a run that is killed again and again, and goes on at another
// batch size, comes to the same files as one that was left alone; so do shards that
// are merged, and a run that is graded anew.
func TestEvalKilled(t *testing.T) {
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	args := func(out string, batch int, more ...string) []string {
		return append([]string{"eval", "-m", "builtin:nano", "--backend", "go", "--bench", "arith", "--level",
			"1", "--lang", "en,te",
			"--limit", "4", "-n", "3", "--temperature", "1", "--max-tokens", "16", "--template", "plain",
			"--batch", fmt.Sprint(batch), "--out", at(out)}, more...)
	}
	must0(t, args("whole", 32)...)
	want := evaltest.Files(t, at("whole"))
	size := int64(len(want["samples.jsonl"]))

	random := rand.New(rand.NewPCG(8, 9))
	for attempt := 0; ; attempt++ {
		if attempt == 30 {
			t.Fatal("the run does not come to an end")
		}
		var log bytes.Buffer
		c := start(t, program(&log, args("killed", 1+random.IntN(5))...))
		// The signal comes when a few more samples are there, or a little later.
		before := sizeOf(at("killed/samples.jsonl"))
		enough, late := before+size/12+random.Int64N(size/3), time.Duration(random.IntN(20))*time.Millisecond
		signal := []syscall.Signal{syscall.SIGKILL, syscall.SIGKILL, syscall.SIGINT}[attempt%3]
		err := c.interrupt(func() bool { return sizeOf(at("killed/samples.jsonl")) >= enough }, late,
			signal)
		if err == nil {
			break
		}
		code := c.ProcessState.ExitCode()
		if killed := c.ProcessState.Sys().(syscall.WaitStatus).Signaled(); !killed &&
			code != exitInterrupted {
			t.Fatalf("exit code %d\n%s", code, log.String())
		} else if !killed && !strings.Contains(log.String(), "the same command continues from there") {
			t.Errorf("interrupted, it said\n%s", log.String())
		}
	}
	if diff := cmp.Diff(want, evaltest.Files(t, at("killed"))); diff != "" {
		t.Errorf("killed (-want +got):\n%s", diff)
	}

	must0(t, args("part-2", 2, "--shard", "2/2")...)
	must0(t, args("part-1", 7, "--shard", "1/2")...)
	must0(t, "eval", "merge", at("part-2"), at("part-1"), "--out", at("merged"))
	if diff := cmp.Diff(want, evaltest.Files(t, at("merged"))); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
	must0(t, "grade", "--run", at("whole"), "--out", at("graded"))
	if diff := cmp.Diff(want, evaltest.Files(t, at("graded"))); diff != "" {
		t.Errorf("graded anew (-want +got):\n%s", diff)
	}
}

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// TestEvalDryRun: the plan counts what the run would ask, writes nothing, and what it
// refuses the run refuses with the same line and exit code.
func TestEvalDryRun(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	call := func(args ...string) (said string, code int) {
		var log bytes.Buffer
		c := program(&log, append([]string{"eval", "-m", "builtin:nano", "--backend", "go", "--level", "1",
			"--limit", "3", "--template", "plain"}, args...)...)
		_ = c.Run()
		return log.String(), c.ProcessState.ExitCode()
	}
	out := filepath.Join(root, "run")
	said, code := call("--lang", "en,te", "-n", "2", "--max-tokens", "5000", "--out", out, "--dry-run",
		"--json")
	var plan evalPlan
	at := strings.Index(said, "{")
	if code != 0 || at < 0 || json.Unmarshal([]byte(said[at:]), &plan) != nil {
		t.Fatalf("%d: %s", code, said)
	}
	if len(plan.Parts) != 2 || plan.Samples != 12 || plan.Parts[0].Questions != 3 ||
		plan.Parts[0].Samples != 6 || plan.Tokens < 12*900 || plan.Tokens > 12*1024 {
		t.Errorf("%+v", plan)
	}
	if !strings.Contains(said, "--max-tokens 5000 is more than the model has positions for (1024)") {
		t.Errorf("it said %s", said)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("the folder was made")
	}
	for name, x := range map[string]struct {
		args []string
		code int
		want string
	}{
		"dtype":     {[]string{"--dtype", "float8", "--out", out}, exitUsage, "float8"},
		"folder":    {[]string{"--out", filepath.Join(file, "run")}, exitFailed, "is no folder"},
		"benchmark": {[]string{"--bench", "no-such", "--out", out}, exitUsage, "no-such"},
		"shard":     {[]string{"--shard", "9/8", "--out", out}, exitUsage, "9/8"},
	} {
		plain, code := call(x.args...)
		dry, dryCode := call(append(x.args, "--dry-run")...)
		if code != x.code || dryCode != code || plain != dry || !strings.Contains(plain, x.want) ||
			strings.Contains(plain, "goroutine") {
			t.Errorf("%s: the run: %d %s\nthe dry run: %d %s", name, code, plain, dryCode, dry)
		}
	}
}

func TestPresetsAndFlags(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want eval.Spec
	}{
		{"none", nil, eval.Spec{Sampling: eval.Sampling{Temperature: 0.6, TopP: 0.95}, MaxTokens: 8912,
			Samples: map[string]int{"aime24": 16, "math500": 1}}},
		{"paper", []string{"--preset", "paper"},
			eval.Spec{Sampling: eval.Sampling{Temperature: 0.6, TopP: 0.95}, MaxTokens: 8912, Hack: true,
				Samples: map[string]int{"aime24": 16, "math500": 1}}},
		{"32B", []string{"--preset", "paper-32b", "-n", "4"},
			eval.Spec{Sampling: eval.Sampling{Temperature: 0.6, TopP: 0.95}, MaxTokens: 32768, Hack: true,
				Samples: map[string]int{"aime24": 4, "math500": 4}}},
		{"DAPO, all flags", []string{"--preset", "dapo-32b", "--temperature", "0.5", "--top-p", "0.9",
			"--top-k", "7", "--min-p", "0.1", "--max-tokens", "99", "--no-hack"},
			eval.Spec{Sampling: eval.Sampling{Temperature: 0.5, TopP: 0.9, TopK: 7, MinP: 0.1}, MaxTokens: 99,
				Samples: map[string]int{"aime24": 16, "math500": 1}}},
		{"DAPO, one flag", []string{"--preset", "dapo-32b", "--max-tokens", "2048"},
			eval.Spec{Sampling: eval.Sampling{Temperature: 1, TopP: 0.7}, MaxTokens: 2048, Hack: true,
				Samples: map[string]int{"aime24": 16, "math500": 1}}},
	} {
		f := &evalFlags{}
		command := evalCommand(&globals{}, f)
		if err := command.ParseFlags(append([]string{"--bench", "aime24,math500", "--lang", "en"},
			c.args...)); err != nil {
			t.Fatal(err)
		}
		got, err := f.resolve(command, bench.Options{})
		if err != nil {
			t.Fatal(err)
		}
		c.want.Benchmarks, c.want.Languages, c.want.Template, c.want.Grader = []string{"aime24", "math500"},
			[]string{"en"}, "auto", "qwen"
		c.want.LangCandidates = []string{"all"}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestEvalWrongUsage(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{
		{"eval", "-m", "builtin:nano", "--out", dir, "--preset", "pepper"},
		{"eval", "-m", "builtin:nano", "--out", dir, "--shard", "0/2"},
		{"eval", "-m", "builtin:nano", "--out", dir, "--hack", "--no-hack"},
		{"eval", "-m", "builtin:nano", "--out", dir, "--grader", "kind"},
		{"eval", "-m", "builtin:nano", "--out", dir, "-n", "-1"},
		{"eval", "-m", "builtin:nano"},
		{"eval", "merge", "--out", dir},
		{"eval", "merge", dir},
		{"grade"},
		{"grade", "--run", dir, "--in", "-"},
		{"grade", "--run", dir, "--grader", "kind"},
	} {
		root := newRootCommand()
		root.SetArgs(args)
		root.SetOut(io.Discard)
		err := root.Execute()
		if usage := (usageError{}); !errors.As(err, &usage) {
			t.Errorf("stele %s: error %v, want wrong usage", strings.Join(args, " "), err)
		}
	}
}

// parrot is a generator that gives every third question its reference answer, in
// some language.
type parrot map[string]string

func (p parrot) Generate(_ context.Context, requests []eval.Request, emit func(eval.Completion) error) error {
	said := []string{"So the answer is", "Die Antwort lautet also nach der Rechnung",
		"Следовательно, ответ равен", "所以答案是", ""}
	for i, r := range requests {
		for k := range r.N {
			h := fnv.New32a()
			fmt.Fprint(h, r.ID, k)
			answer := "7"
			if h.Sum32()%3 == 0 {
				answer = p[r.ID]
			}
			text := fmt.Sprintf("%s $%s$.\n\n\\boxed{%s}", said[h.Sum32()%5], answer, answer)
			if err := emit(eval.Completion{Request: i, Sample: k, TokenIDs: make([]int32, 9), Text: text,
				FinishReason: eval.FinishStop}); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestEvalOnEveryBenchmark runs all benchmarks that are here, in all their
// languages, up to the model.
func TestEvalOnEveryBenchmark(t *testing.T) {
	data := filepath.FromSlash("../../../shared/data")
	if _, err := os.Stat(data); err != nil {
		t.Skipf("the benchmarks are not here: %v", err)
	}
	e, err := engine.Load("builtin:nano", engine.Options{Backend: "go"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	tried := 0
	for _, name := range bench.Names() {
		if _, err := os.Stat(filepath.Join(data, name)); err != nil && name != "arith" {
			continue // known by name, and not here
		}
		tried++
		spec := eval.Spec{
			Benchmarks: []string{name}, Languages: bench.Registry[name].Languages, Limit: 4,
			Samples:  eval.SamplesFor([]string{name}, 0),
			Sampling: eval.Sampling{Temperature: 0.6, TopP: 0.95}, MaxTokens: 9, Template: "auto", Hack: true,
			Grader: "qwen",
		}
		source := bench.Options{Dir: data, Limit: spec.Limit}
		if err := spec.SetDefaults(source); err != nil {
			t.Fatal(err)
		}
		questions, _, err := questionsFor(e.Tokenizer, e.Template, spec, source)
		if err != nil {
			t.Error(err)
			continue
		}
		answers := parrot{}
		for _, q := range questions {
			answers[q.Benchmark+"/"+q.Language+"/"+q.ID] = q.Answer
		}
		deps, err := evalDeps(e, spec, eval.Origin{Model: "builtin:nano"}, 1, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		deps.Generator = answers
		dir := t.TempDir()
		results, err := eval.Run(t.Context(), spec, questions, deps, dir)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for language, score := range results.Benchmarks[name].Languages {
			if score.Questions != 4 || score.Samples != 4*spec.Samples[name] {
				t.Errorf("%s in %s: %d questions, %d samples", name, language, score.Questions, score.Samples)
			}
		}
		// Every reference that was given as the answer counts as right.
		samples, err := os.ReadFile(filepath.Join(dir, "samples.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		given := 0
		for line := range strings.Lines(string(samples)) {
			var s eval.Sample
			if err := json.Unmarshal([]byte(line), &s); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(s.Output, `\boxed{`+s.Reference+"}") {
				given++
				if !s.Verdicts["qwen"] {
					t.Errorf("%s, %s, %s: %q is wrong for itself (%s)", name, s.Language, s.ID, s.Reference,
						s.Via)
				}
			}
		}
		if given == 0 {
			t.Errorf("%s: no reference was given as the answer", name)
		}
	}
	if tried < 7 { // the study's, MGSM, GSM8K and arith
		t.Errorf("%d benchmarks were tried", tried)
	}
}

// TestFewShotStops: each benchmark and language of a few-shot evaluation has its own stops,
// with every template; without examples there are none.
func TestFewShotStops(t *testing.T) {
	data := filepath.FromSlash("../../../shared/data")
	if _, err := os.Stat(data); err != nil {
		t.Skipf("the benchmarks are not here: %v", err)
	}
	e, err := engine.Load("builtin:nano", engine.Options{Backend: "go"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	spec := eval.Spec{Benchmarks: []string{"mgsm"}, Languages: bench.Registry["mgsm"].Languages, Limit: 1,
		FewShot: 2}
	headings := map[string][2]string{ // of native-cot, and of the templates that ask in the paper's words
		"en": {"\nQuestion:", "\nProblem:"}, "zh": {"\n问题：", "\n问题："}, "fr": {"\nQuestion :", "\nProblème :"},
		"te": {"\nప్రశ్న:", "\nసమస్య:"},
		"sw": {"\nSwali:", "\nTatizo:"}, "th": {"\nโจทย์:", "\nปัญหา:"}, "ru": {"\nЗадача:", "\nЗадача:"},
	}
	for _, spec.Template = range prompt.Templates() {
		_, stops, err := questionsFor(e.Tokenizer, e.Template, spec, bench.Options{Dir: data, Limit: 1})
		if spec.Template == "verbatim" {
			if err == nil || !strings.Contains(err.Error(), "verbatim") {
				t.Errorf("verbatim: error %v, want one about worked examples", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(stops) != len(spec.Languages) {
			t.Errorf("%s: stops for %d cells, want %d", spec.Template, len(stops), len(spec.Languages))
		}
		for language, heading := range headings {
			got, want := stops["mgsm|"+language], heading[1]
			switch spec.Template {
			case "native-cot":
				want = heading[0]
			case "plain":
				want = "\n\n"
			}
			if !slices.Contains(got, want) {
				t.Errorf("%s, %s: stops at %q, want %q among them", spec.Template, language, got, want)
			}
			if turns := spec.Template == "chat" || spec.Template == "auto" ||
				strings.HasPrefix(spec.Template, "qwen"); turns != slices.Contains(got, "<|im_end|>") {
				t.Errorf("%s, %s: stops at %q: the end of a turn should be among them: %v", spec.Template,
					language, got, turns)
			}
		}
		spec.FewShot = 0
		if spec.Template != "native-cot" {
			if _, stops, err := questionsFor(e.Tokenizer, e.Template, spec,
				bench.Options{Dir: data, Limit: 1}); err != nil || stops != nil {
				t.Errorf("%s without examples: stops %q, %v", spec.Template, stops, err)
			}
		}
		spec.FewShot = 2
	}
}
