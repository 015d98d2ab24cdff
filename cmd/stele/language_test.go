package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/internal/jsonl"
)

// ownLanguages describe a language written from right to left with digits and separators
// of its own, one that the detector has models for, and one that nothing knows.
const ownLanguages = `
qz:
  name: Quzi
  native: qusi
  scripts: [Latin]
  words: kima wasu tari uqu nima hatu sapi
  prompts:
    prefix: Kima wasu tari qusi.
    instruction: Hatu sapi wasu.
    question: |-
      Tari: {problem}

      Sapi 'nima: \boxed{final_answer}.'
ar:
  native: العربية
  digits: ٠١٢٣٤٥٦٧٨٩
  decimal: "٫"
  grouping: "٬"
  prompts:
    prefix: بناءً على الطلب، سأبدأ التفكير بالعربية.
    instruction: يرجى التفكير دائمًا بالعربية.
    question: |-
      المسألة: {problem}

      يجب أن تكون الإجابة بالصيغة 'الإجابة هي: \boxed{final_answer}.'
id:
  native: Bahasa Indonesia
  decimal: ","
  grouping: "."
  prompts:
    prefix: Sesuai permintaan, saya akan mulai berpikir dalam bahasa Indonesia.
    instruction: Harap selalu berpikir dalam bahasa Indonesia.
    question: |-
      Soal: {problem}

      Jawabannya ditulis sebagai 'Jawabannya adalah: \boxed{final_answer}.'
`

// own are the languages of ownLanguages in their order.
var own = []string{"qz", "ar", "id"}

// ownData is a folder of benchmarks with languages of the user's.
func ownData(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	font, err := filepath.Abs("../../eval/report/testdata/arabic.ttf")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"languages.yaml": strings.Replace(ownLanguages, "native: العربية", "native: العربية\n  font: "+font,
			1),
		"benchmarks.yaml": "sums:\n  languages: [id, ar, qz, en]\n  sources:\n  - path: " +
			"sums/{language}.jsonl\n",
	}
	for _, code := range append([]string{"en"}, own...) {
		files["sums/"+code+".jsonl"] = `{"id": "a", "problem": "1230 + 4.5 = ?", "answer": "1234.5"}` + "\n" +
			`{"id": "b", "problem": "3 + 0.5 = ?", "answer": "3.5"}` + "\n"
	}
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// reasoned holds what a model says in each language, to both questions; right says whether
// that is the answer.
var reasoned = map[string]struct {
	text  [2]string
	right [2]bool
}{
	"en": {[2]string{`First we add the two numbers, so the answer is \boxed{1234.5}.`,
		`First we add them, so the answer is \boxed{3,5}.`}, [2]bool{true, false}},
	"ar": {[2]string{`أولا نجمع العددين ثم نكتب الجواب: الإجابة هي \boxed{١٬٢٣٤٫٥}.`,
		`أولا نجمع العددين ثم نكتب الجواب، إذن ٣٫٥`}, [2]bool{true, true}},
	"id": {[2]string{`Pertama kita jumlahkan kedua bilangan, jadi jawabannya adalah \boxed{1.234,5}.`,
		`Kita jumlahkan kedua bilangan itu, jadi jawabannya adalah 3,5.`}, [2]bool{true, true}},
	"ko": {[2]string{`먼저 두 금액을 더합니다. 따라서 모두 얼마인지 구하면 \boxed{1천 234.5원}입니다.`,
		`우선 두 수를 더하고 나서 확인합니다. 그러므로 답은 \boxed{삼십오}입니다.`}, [2]bool{true, false}},
	"qz": {[2]string{`Kima lopu wasu remita tari, hatu nima besolu uqu \boxed{1234.5}.`,
		`Wasu lopu tari remita nima sapi \boxed{4}.`}, [2]bool{true, false}},
}

// TestOwnLanguages: a benchmark in languages that languages.yaml adds is asked in their
// words, judged by their digits and by the detector, and reported in their own names, order
// and direction; the built-in languages stay as they are.
func TestOwnLanguages(t *testing.T) {
	data, runs := ownData(t), t.TempDir()
	run, graded, out := filepath.Join(runs, "run"), filepath.Join(runs, "graded"),
		filepath.Join(runs, "report")
	must0(t, "eval", "-m", "builtin:nano", "--backend", "go", "--bench", "sums", "--data", data, "--out", run,
		"--hack", "--template", "none", "--max-tokens", "4")
	spec, err := eval.ReadSpec(run)
	if err != nil {
		t.Fatal(err)
	}
	if want := append([]string{"en"}, own...); !slices.Equal(spec.Languages, want) {
		t.Errorf("languages %v, want %v", spec.Languages, want)
	}
	samples := sayInstead(t, filepath.Join(run, "samples.jsonl"))
	for code, begin := range map[string]string{
		"ar": "يرجى التفكير دائمًا بالعربية.\n\nالمسألة: 1230 + 4.5 = ?\n\nيجب أن",
		"id": "Harap selalu berpikir dalam bahasa Indonesia.\n\nSoal: 1230 + 4.5 = ?\n\nJawabannya ditulis",
		"qz": "Hatu sapi wasu.\n\nTari: 1230 + 4.5 = ?\n\nSapi",
	} {
		if s := samples[code][0]; !strings.HasPrefix(s.Prompt, begin) || s.Prefix == "" ||
			!strings.HasSuffix(s.Prompt, s.Prefix) {
			t.Errorf("%s is asked with %q", code, s.Prompt)
		}
	}

	for _, grader := range []string{"qwen", "strict"} {
		must0(t, "grade", "--run", run, "--grader", grader, "--out", graded+grader)
		for code, both := range samplesOf(t, filepath.Join(graded+grader, "samples.jsonl")) {
			for i, s := range both {
				if s.Verdict != reasoned[code].right[i] && !(grader == "strict" && code == "en") ||
					s.Lang != code {
					t.Errorf("%s: %q is %v in %s, extracted %q", grader, s.Output, s.Verdict, s.Lang,
						s.Extracted)
				}
			}
		}
	}

	must0(t, "report", graded+"qwen", "--out", out)
	page, err := os.ReadFile(filepath.Join(out, "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<small lang="ar" dir="rtl">العربية</small>`, `<small lang="id">Bahasa Indonesia</small>`,
		`<small lang="qz">qusi</small>`,
		`lang="ar" direction="rtl">العربية</text>`, `lang="id">Bahasa Indonesia</text>`,
		"<title>\u2067العربية\u2069", "unicode-range: U+0627, U+0644,",
	} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page lacks %s", want)
		}
	}
	text, err := os.ReadFile(filepath.Join(out, "report.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte("| en | qz | ar | id |")) {
		t.Errorf("the report's tables are in another order:\n%s", text)
	}
}

// sayInstead puts what is in reasoned into the samples of a run, and returns them.
func sayInstead(t *testing.T, path string) map[string][]eval.Sample {
	t.Helper()
	all := samplesOf(t, path)
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	for _, code := range append([]string{"en", "ko"}, own...) {
		for i := range all[code] {
			all[code][i].Output = reasoned[code].text[i]
			if err := encoder.Encode(all[code][i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return all
}

// samplesOf reads the samples of a run by language.
func samplesOf(t *testing.T, path string) map[string][]eval.Sample {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]eval.Sample{}
	for line := range bytes.Lines(text) {
		var s eval.Sample
		if err := jsonl.Unmarshal(line, &s); err != nil {
			t.Fatal(err)
		}
		all[s.Language] = append(all[s.Language], s)
	}
	return all
}

// TestOwnLanguageCommands: the other commands know languages.yaml too, and a language that
// is not in it has an error that says where to write it.
func TestOwnLanguageCommands(t *testing.T) {
	data := ownData(t)
	texts := write(t, fmt.Sprintf("{\"text\": %q}\n{\"text\": %q}\n", reasoned["qz"].text[0],
		reasoned["en"].text[0]))
	file := filepath.Join(t.TempDir(), "out.jsonl")
	written := func(args ...string) string {
		t.Helper()
		if _, _, err := stele(t, append(args, "--out", file)...); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if out := written("langid", "--in", texts, "--data", data); !strings.Contains(out, `"lang":"qz"`) ||
		!strings.Contains(out, `"lang":"en"`) {
		t.Error(out)
	}
	if out := written("langid", "--in", texts); strings.Contains(out, `"qz"`) {
		t.Errorf("without the file: %s", out)
	}
	answers := write(t, `{"language": "ar", "output": "\\boxed{٣٫٥}", "reference": "3.5"}`+"\n")
	if out := written("grade", "--in", answers, "--data", data); !strings.Contains(out, `"verdict":true`) {
		t.Error(out)
	}
	must0(t, "eval", "-m", "builtin:nano", "--backend", "go", "--bench", "sums", "--data", data, "--lang",
		"ar,qz", "--dry-run",
		"--lang-candidates", "qz,ar")
	must0(t, "train", "--config", write(t, fmt.Sprintf("algorithm: grpo\nmodel: builtin:nano\nsteps: 1\n"+
		"data: {bench: sums, dir: %s, languages: [en, ar], hack: true}\n"+
		"rollout: {max_tokens: 64, questions: 2, group_size: 2}\nreward: {lang_candidates: [qz, ar, en]}\n",
		data)), "--dry-run", "--backend", "go")
	config := write(t,
		fmt.Sprintf("algorithm: grpo\nmodel: builtin:nano\nsteps: 1\ndata: {bench: sums, dir: %s, "+
			"languages: [en, ar]}\n"+
			"rollout: {max_tokens: 8, questions: 1, group_size: 2}\nloss: {beta: 0}\n", data))
	run := filepath.Join(t.TempDir(), "run")
	must0(t, "train", "--config", config, "--out", run, "--backend", "go")
	changed := strings.Replace(ownLanguages, "Hatu sapi wasu.", "Hatu sapi.", 1)
	if err := os.WriteFile(filepath.Join(data, "languages.yaml"), []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	if err := program(&log, "train", "--config", config, "--set", "steps=2", "--out", run, "--resume",
		"--backend", "go").Run(); err == nil ||
		!strings.Contains(log.String(), "other languages of your own") {
		t.Errorf("resumed with other words: %v\n%s", err, log.String())
	}
	if err := os.Remove(filepath.Join(data, "languages.yaml")); err != nil {
		t.Fatal(err)
	}
	_, _, err := stele(t, "eval", "-m", "builtin:nano", "--backend", "go", "--bench", "sums", "--data", data,
		"--lang", "qz", "--dry-run")
	if err == nil || !strings.Contains(err.Error(), "languages.yaml") {
		t.Errorf("without languages.yaml: %v", err)
	}
}
