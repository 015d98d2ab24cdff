// Package filetype tells what a file or a folder is by what is in it, for errors about
// one that is not what it was taken for.
package filetype

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// headLength is the number of bytes of a file that are looked at.
const headLength = 512

// Kind names the format of a file.
type Kind string

// Kinds that callers ask about; others are only words.
const (
	Unknown Kind = ""
	Gzip    Kind = "a gzip file"
	Parquet Kind = "a Parquet file"
	Arrow   Kind = "an Arrow file"
	Empty   Kind = "empty: nothing was written to it, or a download ended before it began"
)

const fetchAgain = ", which was saved in place of the file: fetch the file again"

// Of says what bytes at the head of a file mark it as; Unknown for text, and for what
// has no mark. size is that of the whole file.
func Of(head []byte, size int64) Kind {
	if size == 0 {
		return Empty
	}
	// First, since it begins with a length, whose bytes may be another format's mark.
	if len(head) > 9 && head[8] == '{' && head[9] == '"' && bytes.IndexByte(head[:8], 0) >= 0 {
		return "a safetensors file"
	}
	for _, mark := range []struct {
		magic string
		kind  Kind
	}{
		{"version https://git-lfs.github.com/spec/",
			"a Git LFS pointer, not the file itself: fetch it with git lfs pull, or download it from the hub"},
		{"GGUF", "a GGUF file, llama.cpp's format"},
		{"GGML", "a GGML file, an older format of llama.cpp's"},
		{"PAR1", Parquet}, {"ARROW1", Arrow}, {"FEA1", "a Feather file of the first version"},
		{"\x1f\x8b", Gzip}, {"\x28\xb5\x2f\xfd", "a zstd file: unpack it with zstd -d"},
		{"BZh", "a bzip2 file: unpack it with bunzip2"}, {"\xfd7zXZ\x00", "an xz file: unpack it with unxz"},
		{"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it"},
		{"\x04\x22\x4d\x18", "an lz4 file: unpack it with lz4 -d"},
		{"PK\x03\x04", "a zip archive (PyTorch's .bin and .pt files are such, and so are .npz and .xlsx)"},
		{"\x89HDF\r\n\x1a\n", "an HDF5 file"}, {"\x93NUMPY", "a NumPy file"},
		{"SQLite format 3\x00", "an SQLite database"},
		{"%PDF-", "a PDF file"}, {"\x89PNG", "a PNG image"}, {"\xff\xd8\xff", "a JPEG image"},
		{"\x7fELF", "a program"},
		{"Obj\x01", "an Avro file"}, {"ORC", "an ORC file"},
		{"\xff\xfe", "text in UTF-16: write it as UTF-8"}, {"\xfe\xff", "text in UTF-16: write it as UTF-8"},
	} {
		if bytes.HasPrefix(head, []byte(mark.magic)) {
			return mark.kind
		}
	}
	if withoutMark(head) {
		return "text in UTF-16: write it as UTF-8"
	}
	if len(head) > 262 && string(head[257:262]) == "ustar" {
		return "a tar archive: unpack it"
	}
	if len(head) > 2 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5 {
		return "a Python pickle"
	}
	text := strings.ToLower(string(bytes.TrimLeft(head, "\xef\xbb\xbf \t\r\n")))
	for _, mark := range []struct {
		begins string
		kind   Kind
	}{
		{"<!doctype html", "an HTML page" + fetchAgain}, {"<html", "an HTML page" + fetchAgain},
		{"<?xml", "an XML document" + fetchAgain},
		{"entry not found", `the hub's answer "Entry not found"` + fetchAgain},
		{"repository not found", `the hub's answer "Repository not found"` + fetchAgain},
		{"invalid username or password", `the hub's answer "Invalid username or password"` + fetchAgain},
	} {
		if strings.HasPrefix(text, mark.begins) {
			return mark.kind
		}
	}
	return Unknown
}

// withoutMark reports whether bytes begin as JSON or YAML in UTF-16 without its mark do:
// every other one of ASCII, the rest NUL.
func withoutMark(head []byte) bool {
	const enough = 4 // characters
	if len(head) < 2*enough {
		return false
	}
	for first := range 2 {
		all := true
		for i := 0; i < 2*enough; i += 2 {
			c := head[i+first]
			all = all && head[i+1-first] == 0 && (c >= ' ' && c <= '~' || c == '\t' || c == '\r' || c == '\n')
		}
		if all {
			return true
		}
	}
	return false
}

// OfFile is Of for a file on disk; what cannot be read, or is no regular file, is
// Unknown.
func OfFile(path string) Kind {
	f, err := os.Open(path)
	if err != nil {
		return Unknown
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return Unknown
	}
	head := make([]byte, headLength)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && err != io.EOF {
		return Unknown
	}
	return Of(head[:n], info.Size())
}

// Folder says what a folder is in which no model was found, or no dataset; "" where it
// cannot be told.
func Folder(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	has := func(name string) bool { return slices.Contains(names, name) }
	first := func(pattern string) string {
		for _, n := range names {
			if ok, _ := filepath.Match(pattern, n); ok {
				return n
			}
		}
		return ""
	}
	switch {
	case len(names) == 0:
		return "an empty folder"
	case has("adapter_config.json"):
		return adapter(dir)
	case has("adapter") && has("trainer_state.json"):
		return fmt.Sprintf("a checkpoint of an adapter alone: name the model that it was trained on, with "+
			"--adapter %s in generate, score and eval", filepath.Join(dir, "adapter"))
	case has("refs") && has("snapshots"):
		return "the cache folder of a hub repository: name the repository, as owner/name, or a folder in " +
			filepath.Join(dir, "snapshots")
	case first("*.gguf") != "":
		return fmt.Sprintf("a folder of GGUF files, llama.cpp's format: name one of them, such as %s",
			filepath.Join(dir, first("*.gguf")))
	case has("checkpoints") && has("manifest.json"):
		return "the folder of a run: name a checkpoint in it, such as " + latest(filepath.Join(dir,
			"checkpoints"), "step-*")
	case first("checkpoint-*") != "":
		return "a folder of checkpoints: name one of them, such as " + latest(dir, "checkpoint-*")
	case first("step-*") != "":
		return "a folder of checkpoints: name one of them, such as " + latest(dir, "step-*")
	case first("pytorch_model*.bin") != "":
		return fmt.Sprintf("a model in PyTorch's own format (%s): write it as safetensors, with "+
			"save_pretrained of transformers", first("pytorch_model*.bin"))
	case first("consolidated*.pth") != "" || first("consolidated*.safetensors") != "":
		return fmt.Sprintf("a model in its authors' own layout (%s): name the folder of its Hugging Face form",
			first("consolidated*"))
	case has("tf_model.h5") || has("flax_model.msgpack"):
		return fmt.Sprintf("a model for another framework (%s): write it as safetensors, with "+
			"save_pretrained of transformers", first("*_model.*"))
	case first("*.onnx") != "" || has("onnx"):
		return "a model in ONNX: name the Hugging Face model that it was exported from"
	case first("*.pt") != "" || first("*.pth") != "" || first("*.bin") != "":
		return fmt.Sprintf("a folder of PyTorch files (%s%s%s): write the model as safetensors, with "+
			"save_pretrained of transformers", first("*.pt"), first("*.pth"), first("*.bin"))
	case has("model_index.json"):
		return "a pipeline of diffusers, not a language model"
	case !slices.ContainsFunc(names, func(n string) bool {
		return n != ".git" && n != ".gitattributes" && n != ".gitignore" && n != ".cache" &&
			!strings.EqualFold(n, "README.md") && !strings.HasPrefix(n, "LICENSE")
	}):
		return "a repository without its files: fetch them, with git lfs pull or stele pull"
	case has("dataset_dict.json") || has("dataset_info.json") && has("state.json"):
		return "a dataset that save_to_disk wrote, not a model"
	case has("config.json") && first("*.safetensors") != "":
		return "the folder of a model, not a dataset"
	}
	return ""
}

// adapter describes a folder that PEFT wrote, or a training run's checkpoint that has one.
func adapter(dir string) string {
	var config struct {
		Base string `json:"base_model_name_or_path"`
		Type string `json:"peft_type"`
	}
	data, err := os.ReadFile(filepath.Join(dir, "adapter_config.json"))
	if err != nil || json.Unmarshal(data, &config) != nil || config.Base == "" {
		return fmt.Sprintf("an adapter (adapter_config.json), not a model: name the model that it was trained on, "+
			"with --adapter %s in generate, score and eval", dir)
	}
	if config.Type == "" {
		config.Type = "PEFT"
	}
	return fmt.Sprintf("an adapter (%s) of %s, not a model: name that with --model, and --adapter %s in "+
		"generate, score and eval",
		config.Type, config.Base, dir)
}

// latest is the path that sorts last of those that match, the longest names last: step-10
// after step-9.
func latest(dir, pattern string) string {
	found, _ := filepath.Glob(filepath.Join(dir, pattern))
	if len(found) == 0 {
		return filepath.Join(dir, pattern)
	}
	return slices.MaxFunc(found, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
}
