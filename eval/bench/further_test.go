package bench

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stele-lm/stele/eval/language"
)

// cacheHub lays the files of datasets into a hub cache of the test's own.
func cacheHub(t *testing.T, repositories map[string]map[string]string) {
	t.Helper()
	cache := t.TempDir()
	t.Setenv("HF_HUB_CACHE", cache)
	for id, files := range repositories {
		root := lay(t, filepath.Join(cache, "datasets--"+strings.ReplaceAll(id, "/", "--")),
			map[string]string{"refs/main": "abc"})
		lay(t, filepath.Join(root, "snapshots/abc"), files)
	}
}

// TestFurther reads each benchmark of other people's from files of its layout, as far as it is known:
// names of files and columns are the source's, JSON lines stand for Parquet.
func TestFurther(t *testing.T) {
	arena := `{"problem_idx":3,"problem":"P","answer":"\\frac{1}{2}","problem_type":["Algebra"]}`
	fields := map[string]map[string]string{
		"MathArena/aime_2026":     {"data/train-0.jsonl": `{"problem_idx":3,"problem":"P","answer":277}`},
		"MathArena/hmmt_feb_2025": {"data/train-0.jsonl": arena},
		"MathArena/hmmt_nov_2025": {"data/train-0.jsonl": arena},
		"MathArena/hmmt_feb_2026": {"data/train-0.jsonl": arena},
		"math-ai/minervamath":     {"test.jsonl": `{"question":"P","answer":"1.6e-19"}`, "README.md": "# Minerva"},
		"Hothan/OlympiadBench": {
			"OlympiadBench/OE_TO_maths_zh_COMP/OE_TO_maths_zh_COMP.jsonl": `{"id":1610,"question":"P",` +
				`"context":null,"final_answer":["$2$, $3$"],"is_multiple_answer":true,"subfield":"Algebra"}`},
		"Qwen/PolyMath": {
			"ko/high.jsonl": `{"id":"high-ko-0","question":"H","answer":"$\\frac{5}{4}$"}`,
			"ko/low.jsonl":  `{"id":"low-ko-0","question":"L","answer":"18"}`,
			"en/low.jsonl":  `{"id":"low-en-0","question":"L","answer":"18"}`,
			"en/high.jsonl": `{"id":"high-en-0","question":"H","answer":"$\\frac{5}{4}$"}`},
		"amphora/MCLM": {
			"mt-math100.jsonl":  `{"en":"E","ko":"K","zh-cn":"Z","no":"N","answer":"3\\sqrt{13}"}`,
			"mt-aime2024.jsonl": `{"en":"E","ko":"K","zh-cn":"Z","answer":204}`},
		"Mathoctopus/MSVAMP": {"test_French.json": `{"query":"E","equation":"- number0 number1",` +
			`"response":"8.0","m_query":"F"}`},
		"masakhane/afrimgsm": {"data/swa/test.tsv": "question\tanswer\tanswer_number\tequation_solution\n" +
			"\"S \"\"x\"\"\"\t\t1,430\t\n"},
		"li-lab/MMLU-ProX": {"ko/test-00000-of-00001.jsonl": `{"question_id":70,"question":"P","option_0":"a",` +
			`"option_1":"b","option_2":"c","option_3":"d","option_4":"e","option_5":"f","option_6":null,` +
			`"option_7":null,"option_8":null,"option_9":null,"answer":"F","answer_index":5,"category":"math"}`},
		"li-lab/MMLU-ProX-Lite": {"ko/test-00000-of-00001.jsonl": `{"question_id":70,"question":"P",` +
			`"option_0":"a","option_1":"b","option_2":"c","option_3":null,"option_4":null,"option_5":null,` +
			`"option_6":null,"option_7":null,"option_8":null,"option_9":null,"answer":"C","category":"law"}`},
		"CohereLabs/Global-MMLU": {"fil/test-00000-of-00001.jsonl": `{"sample_id":"abstract_algebra/test/0",` +
			`"subject":"abstract_algebra","question":"P","option_a":"0","option_b":"4","option_c":"2",` +
			`"option_d":"6","answer":"B"}`},
	}
	cacheHub(t, fields)
	dir := lay(t, t.TempDir(), map[string]string{
		"MMATH/mmath/ko.json": `[{"question":"P","answer":"204","data_source":"aime2024","data_source_id":0,` +
			`"lang":"ko","gid":0}]`,
		"MathOctopus/step1_supervised_finetuning/data/msvamp/test_Swahili.json": `{"m_query":"S","response":"1.5"}`,
	})
	for _, c := range []struct {
		name, language string
		want           Problem
	}{
		{"aime26", "en", Problem{ID: "aime26-3", Problem: "P", Answer: "277"}},
		{"hmmt_feb25", "en", Problem{ID: "hmmt_feb25-3", Problem: "P", Answer: `\frac{1}{2}`}},
		{"hmmt_nov25", "en", Problem{ID: "hmmt_nov25-3", Problem: "P", Answer: `\frac{1}{2}`}},
		{"hmmt_feb26", "en", Problem{ID: "hmmt_feb26-3", Problem: "P", Answer: `\frac{1}{2}`}},
		{"minerva", "en", Problem{ID: "minerva-0", Problem: "P", Answer: "1.6e-19"}},
		{"olympiadbench", "zh", Problem{ID: "olympiadbench-1610", Problem: "P", Answer: "$2$, $3$", Type: "Algebra"}},
		{"polymath", "ko", Problem{ID: "high-0", Problem: "H", Answer: `$\frac{5}{4}$`, Level: 3}},
		{"mmath", "ko", Problem{ID: "mmath-0", Problem: "P", Answer: "204", Type: "aime2024"}},
		{"mclm_math100", "zh", Problem{ID: "mclm_math100-0", Problem: "Z", Answer: `3\sqrt{13}`}},
		{"mclm_math100", "nb", Problem{ID: "mclm_math100-0", Problem: "N", Answer: `3\sqrt{13}`}},
		{"mclm_aime24", "ko", Problem{ID: "mclm_aime24-0", Problem: "K", Answer: "204"}},
		{"msvamp", "fr", Problem{ID: "msvamp-0", Problem: "F", Answer: "8.0"}},
		{"msvamp", "sw", Problem{ID: "msvamp-0", Problem: "S", Answer: "1.5"}},
		{"afrimgsm", "sw", Problem{ID: "afrimgsm-0", Problem: `S "x"`, Answer: "1430"}},
		{"mmlu_prox", "ko", Problem{ID: "mmlu_prox-70", Answer: "F", Type: "math", AnswerType: "choice of 6",
			Problem: "P\n\n(A) a\n(B) b\n(C) c\n(D) d\n(E) e\n(F) f"}},
		{"mmlu_prox_lite", "ko", Problem{ID: "mmlu_prox-70", Answer: "C", Type: "law",
			Problem: "P\n\n(A) a\n(B) b\n(C) c"}},
		{"global_mmlu", "tl", Problem{ID: "abstract_algebra/test/0", Answer: "B", Type: "abstract_algebra",
			Problem: "P\n\n(A) 0\n(B) 4\n(C) 2\n(D) 6"}},
	} {
		// Where the source is Parquet, the file of the test is not: the path keeps all else.
		entry := Registry[c.name]
		sources := slices.Clone(entry.Sources)
		for i := range sources {
			if sources[i].Hub != "" {
				sources[i].Path = strings.ReplaceAll(sources[i].Path, ".parquet", ".jsonl")
			}
		}
		entry.Sources = sources
		got, err := entry.load([]string{c.language}, Options{Dir: dir})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		c.want.Benchmark, c.want.Language = c.name, c.language
		if d := cmp.Diff(c.want, got[0]); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}

// TestRegistryLanguages: the languages of every benchmark have codes as the table of languages writes them,
// so that what is asked in one is not looked for under another name.
func TestRegistryLanguages(t *testing.T) {
	for name, entry := range Registry {
		for _, code := range entry.Languages {
			if got := language.Builtin().Code(code); got != code {
				t.Errorf("%s: %s is %s in the table", name, code, got)
			}
		}
		seen := slices.Sorted(slices.Values(entry.Languages))
		if len(slices.Compact(seen)) != len(entry.Languages) {
			t.Errorf("%s names a language twice: %v", name, entry.Languages)
		}
	}
}

// TestCalled: a source names languages in words of its own, and a name of none is refused.
func TestCalled(t *testing.T) {
	dir := lay(t, t.TempDir(), map[string]string{
		"benchmarks.yaml": `
wide:
  languages: [ko, fr]
  sources:
  - path: "{language}.csv"
    called: {ko: Korean}
    fields: {problem: "{language}", answer: a, id: n}
    patterns: {id: '^([a-z]+)-\w+(-\d+)$'}
`,
		"Korean.csv": "n,Korean,a\nlow-ko-7,몇?,3\n",
		"fr.csv":     "n,fr,a\nlow-fr-7,Combien ?,3\n",
	})
	got, err := Load("wide", []string{"ko", "fr"}, Options{Dir: dir})
	want := []Problem{{ID: "low-7", Benchmark: "wide", Language: "ko", Problem: "몇?", Answer: "3"},
		{ID: "low-7", Benchmark: "wide", Language: "fr", Problem: "Combien ?", Answer: "3"}}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v: %s", err, d)
	}
	for entry, want := range map[string]string{
		"x: {languages: [en], sources: [{path: a, called: {ko: Korean}}]}":     `called: "ko" is none`,
		"x: {languages: [en], sources: [{path: a, patterns: {answer: 'x'}}]}":  "no group",
		"x: {languages: [en], sources: [{path: a, patterns: {answer: '(x'}}]}": "patterns: answer",
	} {
		if _, err := parseRegistry([]byte(entry)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", entry, err, want)
		}
	}
}
