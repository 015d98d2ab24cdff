package trainer

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/problems"
)

// TestSFTLearnsTurns: of a conversation the loss is the mean over what the assistant says in all its turns, and over
// nothing else.
func TestSFTLearnsTurns(t *testing.T) {
	dir := t.TempDir()
	model := filepath.Join(dir, "model")
	if err := os.CopyFS(model, os.DirFS("../testdata/models/tiny-qwen2")); err != nil {
		t.Fatal(err)
	}
	chat := "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}" +
		"{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
	if err := os.WriteFile(filepath.Join(model, "chat_template.jinja"), []byte(chat), 0o644); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data.jsonl")
	if err := os.WriteFile(data, []byte(`{"messages": [{"role": "user", "content": "1?"}, {"role": "assistant", `+
		`"content": "one"}, {"role": "user", "content": "and two"}, {"role": "assistant", "content": "2, so 3"}]}`),
		0o644); err != nil {
		t.Fatal(err)
	}
	c := tinyRun(t, 1)
	c.Model, c.Algorithm, c.Update.Batch, c.Save.Rollouts = model, objective.SFT, 1, false
	c.Data = problems.Options{Bench: data, Languages: []string{"en"}, Template: "chat"}
	run := filepath.Join(dir, "run")
	mustRun(t, c, run, Options{})
	metrics, err := ReadMetrics(filepath.Join(run, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Load(model, engine.Options{Backend: "go"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	encode := func(s string) []int32 {
		ids, err := e.Tokenizer.Encode(s, false)
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	const begin, between = "<|im_start|>user\n1?<|im_end|>\n<|im_start|>assistant\n",
		"\n<|im_start|>user\nand two<|im_end|>\n<|im_start|>assistant\n"
	first, second := encode("one<|im_end|>"), encode("2, so 3<|im_end|>")
	pairs := []dense.Pair{{Prompt: encode(begin), Completion: first},
		{Prompt: slices.Concat(encode(begin), first, encode(between)), Completion: second}}
	scores, err := e.Score(context.Background(), pairs, 1)
	if err != nil {
		t.Fatal(err)
	}
	sum, n := 0.0, 0
	for _, s := range scores {
		for _, p := range s.LogProbs {
			sum, n = sum-float64(p), n+1
		}
	}
	if got, want := metrics[0]["loss"], sum/float64(n); math.Abs(got-want) > 1e-4 || n != len(first)+len(second) {
		t.Errorf("the loss is %g, expected %g, the mean of %d tokens: %v", got, want, n, metrics[0])
	}
}
