package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNotAModel names what was given in place of a model, in one line.
func TestNotAModel(t *testing.T) {
	nano, err := Resolve("builtin:nano")
	if err != nil {
		t.Fatal(err)
	}
	const lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
	for _, c := range []struct {
		files map[string]string // over, or - for in place of, nano's
		bare  bool
		want  string
	}{
		{map[string]string{"model.safetensors": lfs}, false, "model.safetensors is a Git LFS pointer"},
		{map[string]string{"tokenizer.json": lfs}, false, "tokenizer.json is a Git LFS pointer"},
		{map[string]string{"config.json": lfs}, false, "config.json is a Git LFS pointer"},
		{map[string]string{"model.safetensors": "<!doctype html>"}, false,
			"model.safetensors is an HTML page"},
		{map[string]string{"model.safetensors": ""}, false, "model.safetensors is empty"},
		{map[string]string{"model.safetensors": "-", "pytorch_model.bin": "PK\x03\x04"}, false,
			"PyTorch's own format (pytorch_model.bin)"},
		{map[string]string{"model.safetensors": "-", "m.gguf": "GGUF"}, false,
			"a folder of GGUF files, llama.cpp's format: name one of them, such as"},
		{map[string]string{"tokenizer.json": "-", "tokenizer.model": "x"}, false,
			"no tokenizer.json, but tokenizer.model"},
		{map[string]string{"adapter_config.json": `{"base_model_name_or_path": "org/base"}`,
			"adapter_model.safetensors": "\x02\x00\x00\x00\x00\x00\x00\x00{}"}, true,
			"an adapter (PEFT) of org/base"},
		{map[string]string{"adapter_config.json": `{"base_model_name_or_path": "org/base"}`,
			"model.safetensors": "-", "config.json": "-"}, false, "an adapter (PEFT) of org/base"},
		{map[string]string{"x.gguf": "GGUF"}, true, "x.gguf: 4 bytes are too few for a GGUF file"},
		{map[string]string{"notes.txt": "x"}, true, "neither config.json nor tokenizer.json"},
	} {
		dir := t.TempDir()
		if !c.bare {
			entries, err := os.ReadDir(nano)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				data, err := os.ReadFile(filepath.Join(nano, e.Name()))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, e.Name()), data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		for name, text := range c.files {
			path := filepath.Join(dir, name)
			if text == "-" {
				os.Remove(path)
			} else if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		e, err := Load(dir, Options{Backend: "go", MaxBatch: 1})
		if err == nil {
			e.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: error %v, want %q", c.files, err, c.want)
		}
	}
	file := filepath.Join(t.TempDir(), "m.gguf")
	if err := os.WriteFile(file, []byte("GGUF\x03"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file, Options{Backend: "go"}); err == nil || !strings.Contains(err.Error(), "m.gguf: 5 bytes") {
		t.Errorf("%v", err)
	}
}
