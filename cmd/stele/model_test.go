package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine/checkpoint"
)

// modelWith is a copy of tiny-qwen2 that holds other tensors, too.
func modelWith(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../testdata/models/tiny-qwen2")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "model.safetensors")
	file, err := checkpoint.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	err = checkpoint.WriteFile(path, func(yield func(checkpoint.Tensor, error) bool) {
		for _, name := range file.Names() {
			if tensor, err := file.Tensor(name); !yield(tensor, err) {
				return
			}
		}
		for _, name := range names {
			if !yield(checkpoint.Float32Tensor(name, []int{2}, []float32{1, 2}), nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestUnreadTensorsAreNamed: every command that loads a model names in one line on stderr
// what it does not read of it, and fails where that changes the model.
func TestUnreadTensorsAreNamed(t *testing.T) {
	named, refused := modelWith(t, "model.layers.0.self_attn.q_proj.lora_A.weight", "score.weight"),
		modelWith(t, "model.layers.1.self_attn.q_norm.weight")
	out := t.TempDir()
	pairs := filepath.Join(out, "pairs.jsonl")
	if err := os.WriteFile(pairs, []byte(`{"prompt_ids":[5,6],"completion_ids":[7]}`+"\n"),
		0o644); err != nil {
		t.Fatal(err)
	}
	commands := map[string][]string{
		"generate": {"generate", "-p", "1 + 1", "--raw", "--max-tokens", "2", "-m"},
		"score":    {"score", "--in", pairs, "-m"},
		"bench":    {"bench", "-p", "8", "-n", "2", "-r", "1", "--train=false", "-m"},
		"eval": {"eval", "--bench", "arith", "--level", "1", "--lang", "en", "--limit", "1", "-n", "1",
			"--max-tokens", "2", "--template", "plain",
			"--out", filepath.Join(out, "eval"), "-m"},
		"doctor": {"doctor", "-m"},
		"train": {"train", "--set", "algorithm=sft", "--set", "steps=1", "--set", "update.batch=1", "--set",
			"data.bench=arith", "--set", "data.limit=4",
			"--set", "data.languages=[en]", "--set", "eval.bench=", "--out", filepath.Join(out, "train"),
			"--set"},
		"dry run": {"train", "--dry-run", "--set", "data.bench=arith", "--set", "data.limit=4", "--set"},
	}
	for name, args := range commands {
		for _, dir := range []string{refused, named} {
			model := dir
			if args[len(args)-1] == "--set" {
				model = "model=" + dir
			}
			var stdout, stderr bytes.Buffer
			c := program(&stderr, append(append([]string{}, args...), model, "--backend", "go")...)
			c.Stdout = &stdout
			err := c.Run()
			said := stderr.String()
			if name == "doctor" {
				said += stdout.String()
			}
			lines := 0
			for line := range strings.Lines(said) {
				if strings.Contains(line, "q_norm") || strings.Contains(line, "lora_A") &&
					strings.Contains(line, "score.weight") {
					lines++
				}
			}
			if lines != 1 {
				t.Errorf("%s: %d lines name the tensors, want 1:\n%s", name, lines, said)
			}
			if (err != nil) != (dir == refused) {
				t.Errorf("%s: %v\n%s", name, err, said)
			}
		}
	}
}

// TestScoreWithBiases: stele score of a model with biases everywhere gives transformers'
// log-probabilities by the kernels that auto takes, host ones and graphs.
func TestScoreWithBiases(t *testing.T) {
	dir := t.TempDir()
	for _, from := range []string{"../../testdata/models/tiny-qwen2",
		"../../testdata/variants/llama-biases"} {
		for _, name := range []string{"tokenizer.json", "tokenizer_config.json", "config.json",
			"model.safetensors"} {
			if data, err := os.ReadFile(filepath.Join(from, name)); err == nil {
				if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	data, err := os.ReadFile("../../testdata/variants/forward.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]struct {
		Cases []struct {
			IDs      []int32   `json:"prompt_ids"`
			LogProbs []float64 `json:"token_logprobs"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	c := golden["llama-biases"].Cases[2]
	line, err := json.Marshal(map[string]any{"prompt_ids": c.IDs[:1], "completion_ids": c.IDs[1:]})
	if err != nil {
		t.Fatal(err)
	}
	in, out := filepath.Join(dir, "in.jsonl"), filepath.Join(dir, "out.jsonl")
	if err := os.WriteFile(in, append(line, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, kernels := range []string{"auto", "host", "graph"} {
		must0(t, "score", "-m", dir, "--in", in, "--out", out, "--kernels", kernels, "--backend", "go")
		var got struct {
			LogProbs []float64 `json:"logprobs"`
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &got); err != nil || len(got.LogProbs) != len(c.LogProbs) {
			t.Fatalf("%s: %s, %v", kernels, data, err)
		}
		for i, want := range c.LogProbs {
			if math.Abs(got.LogProbs[i]-want) > 1e-4 {
				t.Fatalf("%s: log-probability %d is %g, want %g", kernels, i, got.LogProbs[i], want)
			}
		}
	}
}
