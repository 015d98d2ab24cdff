package engine

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint/gguf"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/internal/jsonl"
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

// TestGGUFVocabularies: real vocabularies divide texts as they did, after they were written to a file and read
// from it, but for special tokens, of which a file has no flag for those that transformers keeps in texts.
func TestGGUFVocabularies(t *testing.T) {
	goldens := filepath.Join("../../shared/goldens")
	if _, err := os.Stat(filepath.Join(goldens, "tokenizer.jsonl.gz")); err != nil {
		t.Skipf("the reference ids are not here: %v", err)
	}
	for _, c := range []struct {
		name   string
		family *architecture.Architecture
		size   int
	}{{"qwen2_5", architecture.Qwen2, 151936}, {"llama3_1", architecture.Llama, 128256}} {
		f, err := os.Open(filepath.Join(goldens, "tokenizers", c.name, "tokenizer.json.gz"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		unpacked, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(unpacked)
		if err != nil {
			t.Fatal(err)
		}
		m := gguf.Model{Files: map[string][]byte{"tokenizer.json": data}, Config: &architecture.Config{
			Architecture: c.family, VocabSize: c.size, Rope: architecture.Rope{Type: architecture.PlainRope}}}
		fields, _, err := m.Metadata()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), c.name+gguf.Ext)
		if err := gguf.Write(path, fields, nil); err != nil {
			t.Fatal(err)
		}
		file, err := gguf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		files, err := file.Files()
		if err != nil {
			t.Fatal(err)
		}
		folder := fstest.MapFS{}
		for name, data := range files {
			folder[name] = &fstest.MapFile{Data: data}
		}
		tokenizer, err := text.LoadFrom(folder, path)
		if err != nil {
			t.Fatal(err)
		}
		defer tokenizer.Close()
		if bos, ok := tokenizer.Special("<|begin_of_text|>"); ok {
			if ids, err := tokenizer.Encode("a", true); err != nil || len(ids) != 2 || ids[0] != bos {
				t.Errorf("%s: a text begins as %v, %v", c.name, ids, err)
			}
		}
		checkVocabulary(t, tokenizer, c.name, filepath.Join(goldens, "tokenizer.jsonl.gz"))
	}
}

func checkVocabulary(t *testing.T, tokenizer *text.Tokenizer, name, golden string) {
	in, err := jsonl.Open(golden)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for n := 0; ; n++ {
		record, err := in.Next()
		if err == io.EOF {
			if n < 900 {
				t.Errorf("%s: only %d texts", name, n)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		var s string
		var want []int32
		_, err1 := record.Decode("text", &s)
		_, err2 := record.Decode(name, &want)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if strings.Contains(s, "\x00") {
			continue
		}
		if got, err := tokenizer.Encode(s, false); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s %s: ids %v, %v, want %v", name, in.Where(), got, err, want)
		}
	}
}
