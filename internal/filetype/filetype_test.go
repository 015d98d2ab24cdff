package filetype

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	for _, c := range []struct{ head, want string }{
		{"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "a Git LFS pointer"},
		{"GGUF\x03\x00\x00\x00", "a GGUF file"},
		{"\x1f\x8b\x08\x00", "a gzip file"},
		{"\x28\xb5\x2f\xfd\x04", "a zstd file"},
		{"<!DOCTYPE html>\n<html>", "an HTML page"},
		{"\n <html lang=\"en\">", "an HTML page"},
		{"PK\x03\x04xx", "a zip archive"},
		{"PAR1\x15", "a Parquet file"},
		{"\x80\x04\x95\x00", "a Python pickle"},
		{"\x10\x00\x00\x00\x00\x00\x00\x00{\"a\":{}}", "a safetensors file"},
		{"\x80\x02\x00\x00\x00\x00\x00\x00{\"a\":{}}", "a safetensors file"},
		{"\x1f\x8b\x00\x00\x00\x00\x00\x00{\"a\":{}}", "a safetensors file"},
		{"\xff\xfe\x00\x00\x00\x00\x00\x00{\"a\":{}}", "a safetensors file"},
		{"BZh\x00\x00\x00\x00\x00{\"a\":{}}", "a safetensors file"},
		{"Entry not found", "Entry not found"},
		{"\xff\xfe{\x00", "UTF-16"}, {"{\x00\"\x00a\x00\"\x00:\x00", "UTF-16"},
		{"\x00{\x00\"\x00a\x00\"", "UTF-16"}, {"\x00\x00\x00\x00\x00\x00\x00\x00", ""},
		{"", "empty"},
		{`{"problem": "x"}`, ""}, {"problem\tanswer\n", ""}, {"version,answer\n1,2\n", ""}, {"[1, 2]", ""},
		{`{"error": "x"}`, ""},
	} {
		got := Of([]byte(c.head), int64(len(c.head)))
		if c.want == "" && got != Unknown || !strings.Contains(string(got), c.want) {
			t.Errorf("%q: %q, want %q", c.head, got, c.want)
		}
	}
}

// TestFolder has one folder of each kind, by its files' names.
func TestFolder(t *testing.T) {
	for _, c := range []struct {
		files map[string]string
		want  string
	}{
		{map[string]string{"adapter_config.json": `{"base_model_name_or_path": "org/base", "peft_type": "LORA"}`,
			"adapter_model.safetensors": "x", "tokenizer.json": "{}"},
			"an adapter (LORA) of org/base, not a model: name that with --model, and --adapter "},
		{map[string]string{"adapter_config.json": `{`}, "that it was trained on, with --adapter "},
		{map[string]string{"adapter/adapter_config.json": "{}", "trainer_state.json": "{}"},
			"a checkpoint of an adapter alone"},
		{map[string]string{"m-q4.gguf": "GGUF", "README.md": "x"}, "m-q4.gguf"},
		{map[string]string{"config.json": "{}", "pytorch_model-00001-of-00002.bin": "x"},
			"PyTorch's own format (pytorch_model-00001-of-00002.bin)"},
		{map[string]string{"consolidated.00.pth": "x", "params.json": "{}"}, "its authors' own layout"},
		{map[string]string{"onnx/model.onnx": "x", "config.json": "{}"}, "ONNX"},
		{map[string]string{".git/HEAD": "x", "README.md": "x", ".gitattributes": "x"},
			"a repository without its files"},
		{map[string]string{"refs/main": "x", "snapshots/abc/config.json": "{}", "blobs/x": "x"},
			"cache folder of a hub repository"},
		{map[string]string{"checkpoint-9/config.json": "{}", "checkpoint-10/config.json": "{}"},
			"checkpoint-10"},
		{map[string]string{"checkpoints/step-20/config.json": "{}", "manifest.json": "{}"},
			filepath.Join("checkpoints", "step-20")},
		{nil, "an empty folder"},
		{map[string]string{"a.jsonl": "{}"}, ""},
	} {
		dir := t.TempDir()
		for name, text := range c.files {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got := Folder(dir)
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%v: %q, want %q", c.files, got, c.want)
		}
	}
}

func FuzzOf(f *testing.F) {
	f.Add([]byte("version https://git-lfs"))
	f.Add([]byte{0x80, 4})
	f.Fuzz(func(_ *testing.T, head []byte) { Of(head, int64(len(head))) })
}
