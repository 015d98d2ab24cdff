package problems

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine/text"
)

// goldenTurns is a case of testdata/turns.json: see third_party/turns-goldens.py.
type goldenTurns struct {
	Name, Model, Template, Plain string
	Conversations                []struct {
		Name     string
		Messages json.RawMessage
		IDs      []int32
		Mask     []int
	}
}

// loaded is a model's tokenizer; the test closes it.
func loaded(t *testing.T, model string) *text.Tokenizer {
	t.Helper()
	tokenizer, err := text.Load(filepath.Join("../../testdata/models", model))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tokenizer.Close)
	return tokenizer
}

// template parses a chat template with the special tokens of a model.
func template(t *testing.T, model, source string) *text.Template {
	t.Helper()
	own, err := text.LoadTemplate(filepath.Join("../../testdata/models", model))
	if err != nil {
		t.Fatal(err)
	}
	bos, _ := own.Special("bos_token")
	eos, _ := own.Special("eos_token")
	parsed, err := text.NewTemplate(source, bos, eos)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// readRecords loads records for SFT with a chat template, and returns what was said.
func readRecords(t *testing.T, tokenizer *text.Tokenizer, chat *text.Template, d Options, records ...string) (*Set,
	string, error) {
	t.Helper()
	d.Bench, d.Languages = filepath.Join(t.TempDir(), "data.jsonl"), []string{"en"}
	if err := os.WriteFile(d.Bench, []byte(strings.Join(records, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	r := Reader{Options: d, Tokenizer: tokenizer, Template: chat, MaxPrompt: 1024, Positions: 4096, MaxSolution: 4096,
		Solutions: true, Say: &said}
	set, err := r.Load()
	return set, said.String(), err
}

// learnt is a problem's tokens, and which of them are learnt from.
func learnt(p *Problem) (ids []int32, mask []int) {
	ids = slices.Concat(p.IDs, p.SolutionIDs)
	mask = make([]int, len(ids))
	for first, n := range p.LearntRuns() {
		for i := range n {
			mask[len(p.IDs)+first+i] = 1
		}
	}
	return ids, mask
}

// TestTurns: of a conversation those tokens are learnt from that transformers' masks have: all of them where the
// template marks what the assistant says, and where it does not all but white space around a turn, and an end of
// text after the last.
func TestTurns(t *testing.T) {
	data, err := os.ReadFile("testdata/turns.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []goldenTurns
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		tokenizer := loaded(t, c.Model)
		for _, source := range []string{c.Template, c.Plain} {
			if source == "" {
				continue
			}
			chat := template(t, c.Model, source)
			for _, want := range c.Conversations {
				set, _, err := readRecords(t, tokenizer, chat, Options{}, `{"messages": `+string(want.Messages)+`}`)
				if err != nil {
					t.Errorf("%s, %s: %v", c.Name, want.Name, err)
					continue
				}
				ids, mask := learnt(&set.Problems[0])
				white := func(i int) bool {
					said, err := tokenizer.Decode(want.IDs[i:i+1], false)
					return err == nil && (text.White(said) || i == len(want.IDs)-1 && strings.HasPrefix(said, "<|"))
				}
				for i := range want.IDs {
					got := 0
					if i < len(mask) {
						got = mask[i]
					}
					exact := source == c.Template || got == 1 || !white(i)
					if i < len(ids) && ids[i] != want.IDs[i] || exact && got != want.Mask[i] {
						said, _ := tokenizer.Decode(want.IDs[i:i+1], false)
						t.Errorf("%s, %s (marked %t): token %d, %q: learnt %d, want %d", c.Name, want.Name,
							source == c.Template, i, said, got, want.Mask[i])
						break
					}
				}
			}
		}
	}
}

const chatML = `{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}`

// thinking is as Qwen3's template: earlier turns lose their reasoning, the last gets one.
const thinking = `{% for m in messages %}<|im_start|>{{ m.role }}
{% if m.role == 'assistant' and loop.last and '</think>' not in m.content %}<think>

</think>

{% endif %}{{ m.content if loop.last else m.content.split('</think>')[-1].lstrip() }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}`

// reasoning reads a field of its own.
const reasoning = `{% for m in messages %}<|im_start|>{{ m.role }}
{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}`

// TestVerbatim: a prompt and a completion are put together as they stand.
func TestVerbatim(t *testing.T) {
	tokenizer := loaded(t, "tiny-qwen2")
	set, said, err := readRecords(t, tokenizer, nil, Options{Template: "verbatim"},
		`{"prompt": "The sky is", "completion": " blue.\n"}`)
	if err != nil {
		t.Fatal(err)
	}
	ids, _ := learnt(&set.Problems[0])
	if text, err := tokenizer.Decode(ids, false); err != nil || text != "The sky is blue.\n" ||
		strings.Contains(said, "instructions") {
		t.Errorf("%q is learnt from, error %v; it said %q", text, err, said)
	}
}

// TestLearntWords: what is learnt from is the words of the assistant's turns with the tokens that end them, in each
// layout that data come in.
func TestLearntWords(t *testing.T) {
	tokenizer := loaded(t, "tiny-qwen2")
	user, said := `{"role": "user", "content": "1 + 1?"}`, `{"role": "assistant", "content": "It is 2."}`
	more := `{"role": "user", "content": "Sure?"}, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nYes"}`
	for name, c := range map[string]struct {
		record, template string
		d                Options
		want             []string
		says             string
	}{
		"messages": {`{"messages": [` + user + `, ` + said + `]}`, chatML, Options{}, []string{"It is 2.<|im_end|>"},
			"question from messages, solution from messages"},
		"several": {`{"messages": [` + user + `, ` + said + `, ` + more + `]}`, chatML, Options{},
			[]string{"It is 2.<|im_end|>", "<think>\nhm\n</think>\n\nYes<|im_end|>"}, "every turn of the assistant's"},
		"a template that thinks": {`{"messages": [` + user + `, ` + said + `, ` + more + `]}`, thinking, Options{},
			[]string{"It is 2.<|im_end|>", "<think>\nhm\n</think>\n\nYes<|im_end|>"}, ""},
		"a template that thinks itself": {`{"messages": [` + user + `, ` + said + `]}`, thinking, Options{},
			[]string{"<think>\n\n</think>\n\nIt is 2.<|im_end|>"}, ""},
		"reasoning that is left out": {`{"messages": [` + user + `, {"role": "assistant", "content": ` +
			`"<think>so</think>2"}, ` + user + `, ` + said + `]}`, thinking, Options{},
			[]string{"2<|im_end|>", "<think>\n\n</think>\n\nIt is 2.<|im_end|>"}, "reasoning (<think>) of 1 turns"},
		"empty and white": {`{"messages": [{"role": "system", "content": ""}, ` + user + `, {"role": "assistant", ` +
			`"content": ""}, {"role": "user", "content": ""}, {"role": "assistant", "content": "  so \n"}]}`, chatML,
			Options{}, []string{"<|im_end|>", "  so \n<|im_end|>"}, ""},
		"what follows": {`{"messages": [` + user + `, ` + said + `, ` + user + `]}`, chatML, Options{},
			[]string{"It is 2.<|im_end|>"}, "1 conversations continue after the assistant's last turn"},
		"trl, prompt and completion": {`{"prompt": [` + user + `], "completion": [` + said + `, ` + more + `]}`, chatML,
			Options{}, []string{"It is 2.<|im_end|>", "<think>\nhm\n</think>\n\nYes<|im_end|>"},
			"question from prompt, solution from completion"},
		"trl, earlier turns": {`{"prompt": [` + user + `, ` + said + `, ` + user + `], "completion": [` +
			`{"role": "assistant", "content": "2"}]}`, chatML, Options{}, []string{"2<|im_end|>"},
			"1 turns in questions are not, as in TRL"},
		"trl, earlier turns and a text": {`{"prompt": [` + user + `, ` + said + `, ` + user + `], "completion": "2"}`,
			chatML, Options{}, []string{"2<|im_end|>"}, "1 turns in questions are not, as in TRL"},
		"verl": {`{"data_source": "x", "prompt": [` + user + `], "reward_model": {"ground_truth": "2"}, "extra_info": ` +
			`{"answer": "1 + 1 = 2\n#### 2"}}`, chatML, Options{}, []string{"1 + 1 = 2<|im_end|>"},
			"solution from extra_info.answer"},
		"sharegpt": {`{"conversations": [{"from": "human", "value": "1?"}, {"from": "gpt", "value": "2"}], "tools": []}`,
			chatML, Options{}, []string{"2<|im_end|>"}, "not used: tools"},
		"ultrachat": {`{"prompt": "1 + 1?", "messages": [` + user + `, ` + said + `, ` + more + `]}`, chatML, Options{},
			[]string{"It is 2.<|im_end|>", "<think>\nhm\n</think>\n\nYes<|im_end|>"}, "not used: prompt"},
		"texts": {`{"prompt": "1 + 1?", "completion": "It is 2."}`, chatML, Options{}, []string{"It is 2.<|endoftext|>"},
			"question from prompt, solution from completion"},
		"question and answer": {`{"question": "1 + 1?", "answer": "It is 2."}`, "", Options{Template: "plain"},
			[]string{"It is 2.<|endoftext|>"}, "solution from answer"},
		"named": {`{"dialog": {"turns": [` + user + `, ` + said + `]}, "answer": "2"}`, chatML,
			Options{Fields: map[string]string{"problem": "dialog.turns"}}, []string{"It is 2.<|im_end|>"}, ""},
		"named, in two": {`{"a": {"q": "1 + 1?"}, "b": [{"x": "It is 2."}]}`, "", Options{Template: "plain",
			Fields: map[string]string{"problem": "a.q", "solution": "b.0.x"}}, []string{"It is 2.<|endoftext|>"}, ""},
		"columns together": {`{"instruction": "Add", "input": "1 + 1", "output": "2"}`, "", Options{Template: "plain",
			Fields: map[string]string{"problem": "{instruction}: {input}"}}, []string{"2<|endoftext|>"},
			"solution from output"},
		"weight 0": {`{"messages": [` + user + `, {"role": "assistant", "content": "3", "weight": 0}, ` + user + `, ` +
			`{"role": "assistant", "content": "2", "weight": 1}]}`, chatML, Options{}, []string{"2<|im_end|>"},
			"1 of these turns are not (weight 0 or train false)"},
		"train false": {`{"conversations": [{"from": "human", "value": "1?"}, {"from": "gpt", "value": "2", "train": ` +
			`true}, {"from": "human", "value": "2?"}, {"from": "gpt", "value": "4", "train": false}]}`, chatML, Options{},
			[]string{"2<|im_end|>"}, "1 of these turns"},
		"reasoning_content": {`{"messages": [` + user + `, {"role": "assistant", "content": "2", "reasoning_content": ` +
			`"1 and 1"}]}`, reasoning, Options{}, []string{"<think>1 and 1</think>2<|im_end|>"}, ""},
		"reasoning_content after a prompt": {`{"prompt": [` + user + `], "completion": [{"role": "assistant", ` +
			`"content": "2", "reasoning_content": "1 and 1"}]}`, reasoning, Options{},
			[]string{"<think>1 and 1</think>2<|im_end|>"}, ""},
		"a field that no template reads": {`{"messages": [` + user + `, {"role": "assistant", "content": "2", ` +
			`"thinking": "1 and 1"}]}`, reasoning, Options{}, []string{"2<|im_end|>"}, "reads nothing from the field thinking of messages"},
		"fields of a question and an answer, in words": {`{"prompt": [{"role": "user", "name": "Ann", ` +
			`"content": "1?"}], "completion": [{"role": "assistant", "content": "2", "reasoning_content": "1 and 1"}]}`,
			"", Options{Template: "none"}, []string{"2<|endoftext|>"}, "from the field name of messages: 1 " +
				"conversations are learnt from without it\ndata: the template reads nothing from the field " +
				"reasoning_content of messages: 1 "},
		"white space and a mark": {`{"prompt": "The sky is", "completion": " blue.\n#### 2"}`, "",
			Options{Template: "verbatim"}, []string{" blue.\n#### 2<|endoftext|>"}, ""},
		"a prompt in instructions": {`{"prompt": "The sky is", "completion": " blue"}`, "",
			Options{Template: "none"}, []string{" blue<|endoftext|>"}, "1 questions were put into the " +
				"instructions of the template none; for text to continue as it is, set data.template to verbatim"},
		"GSM8K": {`{"question": "1 + 1?", "answer": "It is <<1+1=2>>2.\n#### 2"}`, "", Options{Template: "plain"},
			[]string{"It is <<1+1=2>>2.<|endoftext|>"}, "#### and what follows it are left out of 1 solutions"},
		"qwen-instruct": {`{"messages": [` + user + `, ` + said + `, ` + more + `]}`, "",
			Options{Template: "qwen-instruct"},
			[]string{"It is 2.<|im_end|>", "<think>\nhm\n</think>\n\nYes<|im_end|>"}, ""},
	} {
		var chat *text.Template
		if c.template != "" {
			chat = template(t, "tiny-qwen2", c.template)
		}
		eos, _ := tokenizer.ID("<|endoftext|>")
		c.d.Languages = []string{"en"}
		c.d.Bench = filepath.Join(t.TempDir(), "data.jsonl")
		if err := os.WriteFile(c.d.Bench, []byte(c.record+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		r := Reader{Options: c.d, Tokenizer: tokenizer, Template: chat, MaxPrompt: 1024, Positions: 4096,
			MaxSolution: 4096, Solutions: true, Say: &said, EOS: []int32{eos}}
		set, err := r.Load()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p := &set.Problems[0]
		var got []string
		for first, n := range p.LearntRuns() {
			words, err := tokenizer.Decode(p.SolutionIDs[first:first+n], false)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, words)
		}
		if !slices.Equal(got, c.want) || !strings.Contains(said.String(), c.says) {
			t.Errorf("%s: %q is learnt from, want %q; it said %q", name, got, c.want, said.String())
		}
	}
}

// named is a template that writes the name and the reasoning of messages.
const named = `{% for m in messages %}<|im_start|>{{ m.name or m.role }}
{{ m.reasoning_content }}{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}`

// TestAskedFields: what is asked in training by rewards is given to the chat template with all fields of its messages,
// as apply_chat_template gives it; those that it does not read, and messages that it leaves out, are said once.
func TestAskedFields(t *testing.T) {
	tokenizer := loaded(t, "tiny-qwen2")
	const brief = `{"role": "system", "content": "Be brief."}, `
	const ann = `{"role": "user", "name": "Ann", "content": "1 + 1?"}`
	const earlier = `{"role": "user", "content": "1?"}, ` +
		`{"role": "assistant", "content": "1", "reasoning_content": "so: "}, `
	for name, c := range map[string]struct{ messages, source, template, want, says string }{
		"read": {earlier + ann, named, "auto", "<|im_start|>user\n1?<|im_end|>\n" +
			"<|im_start|>assistant\nso: 1<|im_end|>\n<|im_start|>Ann\n1 + 1?<|im_end|>\n<|im_start|>assistant\n", ""},
		"not read": {ann, chatML, "auto", "<|im_start|>user\n1 + 1?<|im_end|>\n<|im_start|>assistant\n",
			"data: the template reads nothing from the field name of messages: 2 conversations are asked without it\n"},
		"null":          {strings.Replace(ann, `"Ann"`, "null", 1), chatML, "auto", "", ""},
		"qwen-instruct": {brief + ann, "", "qwen-instruct", "", "the field name of messages: 2 conversations"},
		"a question alone": {brief + ann, "", "r1-like", "",
			"the other messages of 2 conversations (system messages) are left out"},
		"one message": {`{"role": "user", "content": "1 + 1?"}`, "", "r1-like", "", ""},
	} {
		var chat *text.Template
		if c.source != "" {
			chat = template(t, "tiny-qwen2", c.source)
		}
		path := filepath.Join(t.TempDir(), "data.jsonl")
		record := `{"prompt": [` + c.messages + `], "answer": "2"}` + "\n"
		if err := os.WriteFile(path, []byte(record+record), 0o644); err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		r := Reader{Options: Options{Bench: path, Languages: []string{"en"}, Template: c.template}, Template: chat,
			Tokenizer: tokenizer, MaxPrompt: 1024, Positions: 4096, Say: &said}
		set, err := r.Load()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_, of, _ := strings.Cut(said.String(), "\n") // the first line is of the columns
		if got := set.Problems[0].Text; c.want != "" && got != c.want ||
			c.says != "" && strings.Count(of, c.says) != 1 || c.says == "" && of != "" {
			t.Errorf("%s: asked %q, want %q; it said %q", name, got, c.want, of)
		}
	}
}

// TestNoSolution: data without what SFT learns from are refused by the fields that were looked for and those there are.
func TestNoSolution(t *testing.T) {
	tokenizer := loaded(t, "tiny-qwen2")
	user, said := `{"role": "user", "content": "1?"}`, `{"role": "assistant", "content": "2"}`
	for _, c := range []struct {
		record, template string
		d                Options
		wanted           []string
	}{
		{`{"prompt": "x", "ground_truth": "18"}`, chatML, Options{}, []string{"no solution to learn from",
			"looked for solution, completion", "the record has prompt, ground_truth"}},
		{`{"prompt": "x", "text": "18"}`, chatML, Options{Fields: map[string]string{"solution": "txt"}},
			[]string{`no field "txt"`, `did you mean "text"`}},
		{`{"messages": [` + user + `]}`, chatML, Options{}, []string{`"messages"`, "no turn of the assistant's"}},
		{`{"question": "x", "answer": "#### 2"}`, chatML, Options{}, []string{`"answer" is the answer alone`}},
		{`{"messages": [` + user + `, {"role": "tool", "content": "2"}, ` + said + `]}`, chatML, Options{},
			[]string{"message 1", "its role is tool"}},
		{`{"messages": [` + user + `, {"role": "assistant", "content": "2", "weight": 0}]}`, chatML, Options{},
			[]string{"not learnt from", "weight 0"}},
		{`{"messages": [` + user + `, {"role": "assistant", "content": "2", "weight": 0.5}]}`, chatML, Options{},
			[]string{"message 1", "0.5", "expected 0"}},
		{`{"messages": [` + said + `, ` + user + `, ` + said + `]}`, chatML, Options{}, []string{"answers no user's"}},
		{`{"prompt": "x", "completion": ""}`, chatML, Options{}, []string{"no solution to learn from",
			`field "completion" is empty`}},
		{`{"messages": [` + user + `, ` + said + `, ` + user + `, ` + said + `]}`, "", Options{},
			[]string{"2 turns of the assistant's", "data.template"}},
		{`{"messages": [` + user + `, ` + said + `, ` + user + `, ` + said + `]}`, chatML, Options{Hack: true},
			[]string{"data.hack"}},
		{`{"prompt": [` + user + `, ` + said + `], "completion": [` + said + `]}`, chatML, Options{},
			[]string{"prompt", "assistant"}},
		{`{"messages": [` + user + `, ` + said + `, ` + user + `, ` + said + `]}`,
			`{{ messages[-1].content }}{% if add_generation_prompt %}:{% endif %}`, Options{}, []string{"message 1", "template"}},
	} {
		var chat *text.Template
		if c.template != "" {
			chat = template(t, "tiny-qwen2", c.template)
		}
		_, _, err := readRecords(t, tokenizer, chat, c.d, c.record)
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one line", c.record, err)
			continue
		}
		for _, want := range c.wanted {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %q", c.record, err, want)
			}
		}
	}
}
