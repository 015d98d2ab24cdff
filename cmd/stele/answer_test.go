package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/answer"
	"github.com/stele-lm/stele/eval/evaltest"
	"github.com/stele-lm/stele/eval/grade"
)

// vowels is an answer type of this test's own: the answer is whether a text has an even or
// an odd number of vowels.
type vowels struct{ answer.Boxed }

var _ = answer.Register(vowels{})

func (vowels) Name() string { return "vowels" }

func (vowels) Read(reference string) (string, error) {
	switch r := strings.ToLower(strings.TrimSpace(reference)); r {
	case "even", "odd":
		return r, nil
	}
	return "", fmt.Errorf("answer is %q: expected even or odd", reference)
}

func (vowels) Instruction(language string) string {
	if language == "en" {
		return "Mind your vowels."
	}
	return ""
}

func (vowels) Grade(o answer.Output, graders ...*grade.Grader) ([]grade.Result, error) {
	n := 0
	for _, r := range strings.ToLower(o.Text) {
		if strings.ContainsRune("aeiou", r) {
			n++
		}
	}
	found := []string{"even", "odd"}[n%2]
	results := make([]grade.Result, len(graders))
	for i := range results {
		results[i] = grade.Result{Extracted: strconv.Itoa(n), Pred: found, GT: o.Reference,
			Verdict: found == o.Reference, Via: "vowels"}
	}
	return results, nil
}

func (vowels) Groups(predictions []string, _ *grade.Grader) []int {
	first := map[string]int{}
	groups := make([]int, len(predictions))
	for i, p := range predictions {
		if _, ok := first[p]; !ok {
			first[p] = i
		}
		groups[i] = first[p]
	}
	return groups
}

// layOwn lays a folder with one benchmark whose entry has some lines more.
func layOwn(t *testing.T, entry, records string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	registry := "own:\n  languages: [en]\n  sources:\n  - path: own.jsonl\n" + entry
	for name, text := range map[string]string{"benchmarks.yaml": registry, "own.jsonl": records} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func evalOwn(data, out string) []string {
	return []string{"eval", "-m", "builtin:nano", "--backend", "go", "--bench", "own", "--data", data, "-n",
		"3", "--temperature", "1",
		"--max-tokens", "24", "--template", "none", "--seed", "2", "--out", out}
}

// TestOwnAnswerType: a type that is registered is all that a benchmark needs to be read,
// asked, graded, voted on, judged again and reported by it.
func TestOwnAnswerType(t *testing.T) {
	records := ""
	for i := range 8 {
		records += fmt.Sprintf(`{"id":"%d","problem":"What is %d + 7?","answer":" %s "}`+"\n", i, i,
			[]string{"Even", "odd"}[i%2])
	}
	data := layOwn(t, "  answer: vowels\n", records)
	root := t.TempDir()
	run := filepath.Join(root, "run")
	if out, said, err := stele(t, evalOwn(data, run)...); err != nil {
		t.Fatal(err, out, said)
	}
	samples := samplesOf(t, filepath.Join(run, "samples.jsonl"))["en"]
	if len(samples) != 24 {
		t.Fatalf("%d samples", len(samples))
	}
	right, majority := 0, 0
	votes := map[string]int{}
	for i, s := range samples {
		want, _ := vowels{}.Grade(answer.Output{Text: s.Output, Reference: s.Reference}, grade.Graders...)
		got := grade.Result{Extracted: s.Extracted, Pred: s.Pred, GT: s.GT, Verdict: s.Verdict, Via: s.Via}
		if diff := cmp.Diff(want[0], got); diff != "" || s.AnswerType != "vowels" ||
			s.Verdicts["qwen"] != s.Verdict || s.Verdicts["strict"] != s.Verdict {
			t.Errorf("%+v: %s", s, diff)
		}
		if !strings.HasPrefix(s.Prompt, "Mind your vowels.\n\nProblem: What is ") ||
			strings.Contains(s.Prompt, "boxed") {
			t.Errorf("it was asked with %q", s.Prompt)
		}
		if votes[s.Pred]++; s.Verdict {
			right++
		}
		if i%3 == 2 {
			if votes[s.Reference] >= 2 {
				majority++
			}
			clear(votes)
		}
	}
	if right == 0 || right == len(samples) {
		t.Fatalf("%d of %d are right: nothing is told apart", right, len(samples))
	}
	results, err := eval.ReadResults(run)
	if err != nil {
		t.Fatal(err)
	}
	if got := results.Mean; math.Abs(got.Accuracy-float64(right)/24) > 1e-12 ||
		got.Several["maj@3"].Value != float64(majority)/8 {
		t.Errorf("accuracy %g, maj@3 %g, want %d of 24 and %d of 8", got.Accuracy, got.Several["maj@3"].Value,
			right, majority)
	}
	again := filepath.Join(root, "again")
	if _, said, err := stele(t, "grade", "--run", run, "--out", again); err != nil {
		t.Fatal(err, said)
	}
	if diff := cmp.Diff(evaltest.Files(t, run), evaltest.Files(t, again)); diff != "" {
		t.Errorf("judged again: %s", diff)
	}
	if _, said, err := stele(t, "report", run, "--out", filepath.Join(root, "report")); err != nil {
		t.Fatal(err, said)
	}
	report, err := os.ReadFile(filepath.Join(root, "report", "report.md"))
	if err != nil || !strings.Contains(string(report), fmt.Sprintf("%.1f", 100*float64(right)/24)) {
		t.Errorf("the report lacks the accuracy: %v", err)
	}
	if _, _, err := stele(t, evalOwn(layOwn(t, "  answer: vowels\n", `{"id":"1","problem":"?","answer":"7"}`),
		filepath.Join(root, "no"))...); err == nil || !strings.Contains(err.Error(), "expected even or odd") {
		t.Errorf("a reference that is none: %v", err)
	}
}

// judge answers lines: an output is right where the reference is yes. While the file
// "broken" is there it dies at the third line.
const judgeScript = `echo start >> "$1/starts"
n=0
while IFS= read -r line; do
  n=$((n+1))
  if [ $n = 3 ] && [ -e "$1/broken" ]; then echo "out of luck" >&2; exit 7; fi
  case "$line" in *'"reference":"yes"'*) verdict=true;; *) verdict=false;; esac
  echo "{\"verdict\": $verdict, \"extracted\": \"word $n\", \"group\": \"same\"}"
done
`

// TestAnswerCommand: a program judges the answers of a benchmark; one that dies is an error
// that names it and what it said, what was judged stays, and the run goes on from there.
func TestAnswerCommand(t *testing.T) {
	records := `{"id":"1","problem":"What is 1 + 7?","answer":"yes"}` + "\n" +
		`{"id":"2","problem":"What is 2 + 7?","answer":"no"}` + "\n"
	data := layOwn(t, "", records)
	script := filepath.Join(data, "judge.sh")
	entry := fmt.Sprintf("  answer: {command: [sh, %q, %q], timeout_s: 20, instruction: {en: Just say it.}}\n",
		script, data)
	registry, _ := os.ReadFile(filepath.Join(data, "benchmarks.yaml"))
	for name, text := range map[string]string{"judge.sh": judgeScript,
		"benchmarks.yaml": string(registry) + entry, "broken": ""} {
		if err := os.WriteFile(filepath.Join(data, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	root := t.TempDir()
	run, whole := filepath.Join(root, "run"), filepath.Join(root, "whole")
	_, _, err := stele(t, evalOwn(data, run)...)
	for _, want := range []string{"own", "sh " + script, "ended with exit status 7, after 2 answers",
		"it said: out of luck"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("%v, want %q", err, want)
		}
	}
	if kept, _ := os.ReadFile(filepath.Join(run, "samples.jsonl")); strings.Count(string(kept), "\n") != 2 {
		t.Errorf("%d samples stayed, 2 were judged", strings.Count(string(kept), "\n"))
	}
	if err := os.Remove(filepath.Join(data, "broken")); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{run, whole} {
		if _, said, err := stele(t, evalOwn(data, out)...); err != nil {
			t.Fatal(err, said)
		}
	}
	if starts, _ := os.ReadFile(filepath.Join(data, "starts")); strings.Count(string(starts), "start") != 3 {
		t.Errorf("three runs started it %d times", strings.Count(string(starts), "start"))
	}
	for name, out := range map[string]string{"gone on": run, "whole": whole} {
		results, err := eval.ReadResults(out)
		if err != nil || results.Mean.Accuracy != 0.5 || results.Mean.Several["maj@3"].Value != 0.5 {
			t.Errorf("%s: %+v, %v", name, results.Mean, err)
		}
		for _, s := range samplesOf(t, filepath.Join(out, "samples.jsonl"))["en"] {
			if s.AnswerType != "command" || s.Via != answer.ViaCommand ||
				s.Verdict != (s.Reference == "yes") || s.Pred != "same" ||
				!strings.HasPrefix(s.Extracted, "word ") {
				t.Errorf("%s: %+v", name, s)
			}
			if !strings.HasPrefix(s.Prompt, "Just say it.\n\nProblem: What is ") ||
				strings.Contains(s.Prompt, "boxed") {
				t.Errorf("it was asked with %q", s.Prompt)
			}
		}
	}
	if _, said, err := stele(t, "grade", "--run", whole, "--grader", "strict"); err != nil {
		t.Error(err, said)
	}
	for want, entry := range map[string]string{
		"there is no program":  "  answer: {command: [no-such-program-here]}\n",
		"has nothing to run":   "  answer: {command: []}\n",
		`"own.answer.timeout"`: "  answer: {command: [cat], timeout: 3}\n",
	} {
		if _, _, err := stele(t, evalOwn(layOwn(t, entry, records),
			filepath.Join(root, "no"))...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
