package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKorean: a benchmark of one's own in a language beside the study's is asked in its words, told apart, judged by
// its digits and words, rewarded and reported, without a file of languages.
func TestKorean(t *testing.T) {
	data, runs := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		"benchmarks.yaml": "shop:\n  languages: [ko, en]\n  answer: number\n  sources:\n  - path: {language}.jsonl\n",
		"ko.jsonl": `{"id": "a", "problem": "1230원과 4.5원을 더하면 얼마입니까?", "answer": "1234.5"}` + "\n" +
			`{"id": "b", "problem": "30에 6을 더하면 얼마입니까?", "answer": "36"}` + "\n",
		"en.jsonl": `{"id": "a", "problem": "1230 + 4.5 = ?", "answer": "1234.5"}` + "\n" +
			`{"id": "b", "problem": "30 + 6 = ?", "answer": "36"}` + "\n",
	} {
		text = strings.Replace(text, "{language}.jsonl", `"{language}.jsonl"`, 1)
		if err := os.WriteFile(filepath.Join(data, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run, graded, out := filepath.Join(runs, "run"), filepath.Join(runs, "graded"), filepath.Join(runs, "report")
	must0(t, "eval", "-m", "builtin:nano", "--backend", "go", "--bench", "shop", "--data", data, "--out", run,
		"--hack", "--template", "none", "--max-tokens", "4")
	asked := sayInstead(t, filepath.Join(run, "samples.jsonl"))["ko"]
	if len(asked) != 2 || !strings.HasPrefix(asked[0].Prompt, "항상 한국어로 생각해 주세요.") ||
		!strings.Contains(asked[0].Prompt, "문제: 1230원과 4.5원을 더하면 얼마입니까?\n\n답은 '정답은") ||
		asked[0].Prefix != "요청하신 대로 한국어로 생각하기 시작하겠습니다." {
		t.Errorf("asked with %+v", asked)
	}
	for _, grader := range []string{"qwen", "strict"} {
		must0(t, "grade", "--run", run, "--grader", grader, "--out", graded+grader)
		for i, s := range samplesOf(t, filepath.Join(graded+grader, "samples.jsonl"))["ko"] {
			if s.Verdict != reasoned["ko"].right[i] || s.Lang != "ko" {
				t.Errorf("%s: %q is %v in %s, extracted %q", grader, s.Output, s.Verdict, s.Lang, s.Extracted)
			}
		}
	}
	must0(t, "report", graded+"qwen", "--out", out)
	text, err := os.ReadFile(filepath.Join(out, "report.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte("| en | ko |")) {
		t.Errorf("the report:\n%s", text)
	}
	answers := write(t, `{"language": "ko", "output": "답은 \\boxed{3만 5천 원}입니다.", "reference": "35000"}`+"\n")
	file := filepath.Join(runs, "graded.jsonl")
	must0(t, "grade", "--in", answers, "--out", file)
	if text, err := os.ReadFile(file); err != nil || !bytes.Contains(text, []byte(`"verdict":true`)) {
		t.Errorf("%v: %s", err, text)
	}
	must0(t, "train", "--config", write(t, "algorithm: grpo\nmodel: builtin:nano\nsteps: 1\ndata: {bench: shop, dir: "+
		data+", languages: [ko, en], hack: true}\nrollout: {max_tokens: 8, questions: 2, group_size: 2}\n"+
		"loss: {beta: 0}\n"), "--out", filepath.Join(runs, "trained"), "--backend", "go")
}
