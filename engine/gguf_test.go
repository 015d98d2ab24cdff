package engine

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint/gguf"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/sampler"
)

const ggufFiles = "../testdata/gguf"

// ggufCase is what transformers and llama.cpp make of a text with one of the models: see
// third_party/gguf-goldens.py.
type ggufCase struct {
	Text     string    `json:"text"`
	IDs      []int32   `json:"ids"`
	TheirIDs []int32   `json:"llama.cpp_ids"`
	LogProbs []float64 `json:"logprobs"`
	Greedy   []int32   `json:"greedy"`
	Theirs   []int32   `json:"llama.cpp_greedy"`
}

// TestGGUF: models of the three families, by the name of their file, tokenise, score and go on as
// transformers' and llama.cpp's do with the same numbers; and so do copies that are made of them.
func TestGGUF(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(ggufFiles, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Models map[string][]ggufCase `json:"models"`
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	for name, cases := range golden.Models {
		if architecture.Find(name) == nil {
			continue
		}
		original := filepath.Join(ggufFiles, name+gguf.Ext)
		folder, again := filepath.Join(t.TempDir(), name), filepath.Join(t.TempDir(), name+gguf.Ext)
		for _, step := range [][2]string{{original, folder}, {folder, again}} {
			if _, err := Convert(step[0], step[1], gguf.F32); err != nil {
				t.Fatal(err)
			}
		}
		for _, model := range []string{original, folder, again} {
			t.Run(filepath.Base(model), func(t *testing.T) { checkGGUF(t, model, cases) })
		}
	}
}

func checkGGUF(t *testing.T, name string, cases []ggufCase) {
	e, err := Load(name, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if e.Template == nil {
		t.Error("it has no chat template")
	} else if got, err := e.Template.Render([]text.Message{{Role: "user", Content: "1"}}, true); err != nil ||
		got != "<|im_start|>user\n1<|im_end|>\n<|im_start|>assistant\n" {
		t.Errorf("the template writes %q, %v", got, err)
	}
	if !slices.Contains(e.Weights.Config.EOS, 296) || !slices.Contains(e.Weights.Config.EOS, 294) {
		t.Errorf("sequences end at %v", e.Weights.Config.EOS)
	}
	greedy, err := sampler.NewParams(0, 0, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		ids, err := e.Tokenizer.Encode(c.Text, true)
		if err != nil || !slices.Equal(ids, c.IDs) || !slices.Equal(ids, c.TheirIDs) {
			t.Errorf("%q is %v, %v; want %v, and %v in llama.cpp", c.Text, ids, err, c.IDs, c.TheirIDs)
		}
		scores, err := e.Score(t.Context(), []dense.Pair{{Prompt: c.IDs[:1], Completion: c.IDs[1:]}}, 1)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range c.LogProbs {
			if got := float64(scores[0].LogProbs[i]); math.Abs(got-want) > 1e-4 {
				t.Errorf("%q: log-probability %d is %g, want %g", c.Text, i, got, want)
				break
			}
		}
		request := Request{Prompt: c.IDs, MaxTokens: len(c.Greedy), Sampling: greedy, IgnoreEOS: true}
		err = e.Generate(t.Context(), []Request{request}, func(got Completion) error {
			if !slices.Equal(got.Tokens, c.Greedy) || !slices.Equal(got.Tokens, c.Theirs) {
				t.Errorf("%q goes on with %v, want %v, and %v in llama.cpp", c.Text, got.Tokens, c.Greedy, c.Theirs)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
