package bench

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stele-lm/stele/engine/text"
)

// TestLayouts reads what verl's and TRL's data preparation and the authors of common
// datasets write, as it is, and says what it took.
func TestLayouts(t *testing.T) {
	user := text.TurnsOf([]text.Message{{Role: "user", Content: "What is 9 + 9?"}})
	system := text.TurnsOf([]text.Message{{Role: "system", Content: "Be brief."}, user[0].Message})
	for _, c := range []struct {
		name, line string
		fields     map[string]string
		want       Problem
		says       string // "" for nothing
	}{
		{"stele", `{"id": "a", "problem": "What is 9 + 9?", "answer": "18"}`, nil,
			Problem{ID: "a", Problem: "What is 9 + 9?", Answer: "18"}, ""},
		{"verl", `{"data_source": "openai/gsm8k", "prompt": [{"role": "user", "content": "What is 9 + ` +
			`9?"}], "ability": "math",
			"reward_model": {"style": "rule", "ground_truth": "18"}, "extra_info": {"split": "train", "index": 7, "answer": "9 + 9 = 18\n#### 18", "question": "q"}}`, nil,
			Problem{ID: "7", Problem: "What is 9 + 9?", Answer: "18", Solution: "9 + 9 = 18", Type: "math",
				Messages: user},
			"question from prompt, answer from reward_model.ground_truth; a conversation is used as it " +
				"is, without Stele's instructions; not used: data_source"},
		{"dapo", `{"data_source": "math_dapo", "prompt": [{"content": "What is 9 + 9?", "role": "user"}], ` +
			`"reward_model": {"ground_truth": "18", "style": "rule-lighteval/MATH_v2"}, "extra_info": ` +
			`{"index": "9a9b"}}`,
			nil, Problem{ID: "9a9b", Problem: "What is 9 + 9?", Answer: "18", Messages: user},
			"answer from reward_model.ground_truth"},
		{"verl, a number from Json()", `{"prompt": [{"role": "user", "content": "What is 9 + 9?"}], ` +
			`"reward_model": {"ground_truth": 18.0}}`, nil,
			Problem{ID: "0", Problem: "What is 9 + 9?", Answer: "18", Messages: user},
			"reward_model.ground_truth"},
		{"trl, text", `{"prompt": "What is 9 + 9?", "solution": "$18$"}`, nil,
			Problem{ID: "0", Problem: "What is 9 + 9?", Answer: "$18$", Solution: "$18$"},
			"question from prompt, answer from solution"},
		{"trl, conversation", `{"prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", ` +
			`"content": "What is 9 + 9?"}], "ground_truth": "18"}`, nil,
			Problem{ID: "0", Problem: "What is 9 + 9?", Answer: "18", Messages: system},
			"answer from ground_truth"},
		{"trl, prompt and completion", `{"prompt": [{"role": "user", "content": "What is 9 + 9?"}], ` +
			`"completion": [{"role": "assistant", "content": "It is \\boxed{18}."}]}`, nil,
			Problem{ID: "0", Problem: "What is 9 + 9?", Answer: "18", Solution: `It is \boxed{18}.`,
				Messages: user}, `1 answers cut out of worked solutions`},
		{"messages", `{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", ` +
			`"content": [{"type": "text", "text": "What is 9 + 9?"}]}, {"role": "assistant", "content": ` +
			`"So \\boxed{18}"}]}`, nil,
			Problem{ID: "0", Problem: "What is 9 + 9?", Answer: "18", Solution: `So \boxed{18}`,
				Messages: system}, "1 conversations end with a turn of the assistant's, which is cut off"},
		{"sharegpt", `{"conversations": [{"from": "human", "value": "What is 9 + 9?"}, {"from": "gpt", ` +
			`"value": "9 + 9\n#### 18"}]}`, nil,
			Problem{ID: "0", Problem: "What is 9 + 9?", Answer: "18", Solution: "9 + 9", Messages: user},
			"answer from conversations"},
		{"gsm8k", `{"question": "What is 9 + 9?", "answer": "9 + 9 = <<9+9=18>>18\n#### 1,018"}`, nil,
			Problem{ID: "0", Problem: "What is 9 + 9?", Answer: "1018", Solution: "9 + 9 = <<9+9=18>>18"},
			"1 answers cut out"},
		{"math", `{"problem": "What is 9 + 9?", "level": "Level 3", "type": "Algebra", "solution": "First ` +
			`\\boxed{1}, then \\boxed{\\frac{36}{2}}."}`, nil,
			Problem{ID: "0", Problem: "What is 9 + 9?", Answer: `\frac{36}{2}`,
				Solution: `First \boxed{1}, then \boxed{\frac{36}{2}}.`, Level: 3, Type: "Algebra"},
			"answer from solution"},
		{"aime", `{"ID": "2024-I-1", "Problem": "What is 9 + 9?", "Solution": "s", "Answer": 18}`, nil,
			Problem{ID: "2024-I-1", Problem: "What is 9 + 9?", Answer: "18", Solution: "s"},
			"question from Problem, answer from Answer"},
		{"a long answer", `{"question": "What is 9 + 9?", "answer": "` + strings.Repeat("so ", 100) + `"}`,
			nil,
			Problem{ID: "0", Problem: "What is 9 + 9?", Answer: strings.Repeat("so ", 100)},
			"1 answers are longer than 200 bytes"},
		{"final_answer in a list", `{"question": "What is 9 + 9?", "final_answer": ["18"]}`, nil,
			Problem{ID: "0", Problem: "What is 9 + 9?", Answer: "18"}, "final_answer"},
		{"JSON as text", `{"prompt": "[{\"role\": \"user\", \"content\": \"What is 9 + 9?\"}]", ` +
			`"reward_model": "{\"ground_truth\": \"18\"}"}`, nil,
			Problem{ID: "0", Problem: "What is 9 + 9?", Answer: "18", Messages: user},
			"reward_model.ground_truth"},
		{"named", `{"q": [{"role": "user", "content": "What is 9 + 9?"}], "x": {"y": [{"z": "18"}]}, ` +
			`"x.y": "no", "answer": "wrong"}`,
			map[string]string{"problem": "q.0.content", "answer": "x.y.-1.z"},
			Problem{ID: "0", Problem: "What is 9 + 9?", Answer: "18"}, ""},
		{"named, with dots in it", `{"q": "What is 9 + 9?", "x": {"y": "wrong"}, "x.y": "18"}`,
			map[string]string{"problem": "q", "answer": "x.y"},
			Problem{ID: "0", Problem: "What is 9 + 9?", Answer: "18"}, ""},
		{"one named", `{"prompt": [{"role": "user", "content": "What is 9 + 9?"}], "answer": "no", ` +
			`"extra_info": {"answer": "9 + 9\n#### 18"}}`,
			map[string]string{"answer": "extra_info.answer"},
			Problem{ID: "0", Problem: "What is 9 + 9?", Answer: "18", Solution: "9 + 9", Messages: user},
			"question from prompt"},
	} {
		var said strings.Builder
		path := write(t, "data.jsonl", strings.ReplaceAll(c.line, "\n", " "))
		problems, err := Load(path, []string{"en"}, Options{Fields: c.fields, Say: &said})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		c.want.Language = "en"
		if d := cmp.Diff([]Problem{c.want}, problems); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		if !strings.Contains(said.String(), c.says) || c.says == "" && said.Len() > 0 ||
			strings.Count(said.String(), "\n") > 1 {
			t.Errorf("%s: says %q, want %q", c.name, said.String(), c.says)
		}
	}
}

// TestNotUsed: fields that only later records have are spoken of, too, and not those that any record was read from.
func TestNotUsed(t *testing.T) {
	var said strings.Builder
	path := write(t, "data.jsonl", `{"prompt": "1 + 1?", "answer": "2"}`+"\n"+
		`{"question": "1 + 2?", "answer": "3", "tools": []}`+"\n"+`{"prompt": "2 + 2?", "answer": "4", "hint": 1}`)
	if _, err := Load(path, []string{"en"}, Options{Say: &said}); err != nil {
		t.Fatal(err)
	}
	if want := "question from prompt or question, answer from answer; not used: tools, hint\n"; !strings.HasSuffix(
		said.String(), want) {
		t.Errorf("said %q, want %q", said.String(), want)
	}
}

// TestWholeSolutions: where some solutions have a marked answer, those without one are spoken of; where none has, they
// are answers.
func TestWholeSolutions(t *testing.T) {
	for text, want := range map[string]string{
		`{"problem": "x", "solution": "so \\boxed{3}"}` + "\n" + `{"problem": "y", "solution": "I give up"}`: "" +
			`; 1 answers cut out of worked solutions (\boxed or ####), 1 have neither and are compared as a whole` + "\n",
		`{"problem": "x", "solution": "3"}`: "answer from solution\n",
	} {
		var said strings.Builder
		if _, err := Load(write(t, "data.jsonl", text), []string{"en"}, Options{Say: &said}); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(said.String(), want) {
			t.Errorf("%s: said %q, want %q", text, said.String(), want)
		}
	}
}

// TestUnusualData is about data that cannot be what was meant: one line says why.
func TestUnusualData(t *testing.T) {
	for _, c := range []struct {
		text   string
		o      Options
		wanted []string
	}{
		{`{"problem": "x", "answer": "MTg="}` + "\n" + `{"problem": "y", "answer": "MTAw"}`, Options{},
			[]string{"every answer is base64", `"MTg="`, `"18"`}},
		{`{"question": "x", "solution": "long\nand without an end"}`, Options{},
			[]string{"solution", "no final answer", "--fields"}},
		{`{"prompt": "[{'content': 'x', 'role': 'user'}]", "answer": "1"}`, Options{},
			[]string{"prompt", "Python"}},
		{`{"prompt": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}], "answer": "1"}`,
			Options{}, []string{"prompt", "message 0", "image_url"}},
		{`{"prompt": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}], "answer": ` +
			`"1"}`, Options{}, []string{"prompt", "assistant"}},
		{`{"prompt": ["x", "y"], "answer": "1"}`, Options{}, []string{"prompt", "neither text nor a number"}},
		{`{"prompt": "x", "reward_model": {"ground_truth": {"target": 98, "numbers": [1]}}}`, Options{},
			[]string{"reward_model.ground_truth", "target, numbers"}},
		{`{"prompt": "x", "reward_model": {"ground_truth": "1"}}`,
			Options{Fields: map[string]string{"answer": "reward_model.groundtruth"}},
			[]string{`no field "reward_model.groundtruth"`, `did you mean "reward_model.ground_truth"`}},
		{`{"prompt": "x", "answer": "1"}`, Options{Fields: map[string]string{"answer": "answr"}},
			[]string{`no field "answr"`, "prompt, answer", `did you mean "answer"`}},
		{`{"prompt": [{"content": "x"}], "answer": "1"}`,
			Options{Fields: map[string]string{"problem": "prompt.3.content"}},
			[]string{"prompt is a list of 1"}},
		{`{"prompt": "x", "answer": "1"}`, Options{Fields: map[string]string{"anwser": "answer"}},
			[]string{"unknown part", `did you mean "answer"`}},
		{`{"prompt": "x", "answer": "1", "level": 2}` + "\n" +
			`{"prompt": "x", "answer": "1", "level": "Level 5"}`, Options{Levels: []int{3, 4}},
			[]string{"no question of level 3 or 4", "1 of level 2, 1 of level 5"}},
		{`{"prompt": "x", "answer": "1", "level": "hard"}`, Options{Levels: []int{3}},
			[]string{"no level that is a number"}},
		{`{"prompt": "x", "answer": "1", "language": "fr"}`, Options{},
			[]string{"no question in en", "records are in fr"}},
	} {
		_, err := Load(write(t, "data.jsonl", c.text), []string{"en"}, c.o)
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: error %v, want one line", c.text, err)
			continue
		}
		for _, want := range c.wanted {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: error %v, want %q", c.text, err, want)
			}
		}
	}
}

// TestUnanswered: questions need no answer where nobody compares with it; what there is of one is kept.
func TestUnanswered(t *testing.T) {
	for line, want := range map[string]Problem{
		`{"prompt": "What?"}`:                             {Problem: "What?"},
		`{"prompt": "What?", "completion": "It is\nso."}`: {Problem: "What?", Answer: "It is\nso.", Solution: "It is\nso."},
		`{"prompt": "What?", "answer": "18"}`:             {Problem: "What?", Answer: "18"},
	} {
		path := write(t, "data.jsonl", line)
		var said strings.Builder
		problems, err := Load(path, []string{"en"}, Options{Unanswered: true, Say: &said})
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		want.ID, want.Language = "0", "en"
		if d := cmp.Diff([]Problem{want}, problems); d != "" ||
			strings.Contains(said.String(), "1 questions have no answer") != (want.Answer == "") {
			t.Errorf("%s: %s; it said %q", line, d, said.String())
		}
		if _, err := Load(path, []string{"en"}, Options{}); (err == nil) != (want.Answer == "18") {
			t.Errorf("%s: where answers are compared: %v", line, err)
		}
	}
}

// TestNotBase64 reads answers that could be base64 and are not.
func TestNotBase64(t *testing.T) {
	for _, answer := range []string{"ABCD", "2x=4", "abcd", "1234", "x=y=", "true"} {
		problems, err := Load(write(t, "data.jsonl", `{"problem": "x", "answer": "`+answer+`"}`),
			[]string{"en"}, Options{})
		if err != nil || problems[0].Answer != answer {
			t.Errorf("%q: %+v, %v", answer, problems, err)
		}
	}
}

// TestRepeatedIndex numbers rows where verl's index appears twice, as it is in mixtures.
func TestRepeatedIndex(t *testing.T) {
	line := `{"prompt": "x", "answer": "1", "extra_info": {"index": 3}}` + "\n"
	var said strings.Builder
	problems, err := Load(write(t, "data.jsonl", line+line), []string{"en"}, Options{Say: &said})
	if err != nil || len(problems) != 2 || problems[0].ID != "0" || problems[1].ID != "1" ||
		!strings.Contains(said.String(), "ids repeat") {
		t.Errorf("%+v, %v, %q", problems, err, said.String())
	}
}
