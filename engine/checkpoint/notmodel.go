package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/stele-lm/stele/engine/checkpoint/gguf"
	"github.com/stele-lm/stele/internal/filetype"
)

// CheckFiles refuses a model's folder in which a file is not what its name says, such as
// a Git LFS pointer, and a folder that is no model's at all.
func CheckFiles(dir string) error {
	if gguf.Is(dir) {
		return nil // it is checked whole when it is opened
	}
	if !exists(dir, "config.json") && !exists(dir, "tokenizer.json") {
		return NotModel(dir, fmt.Errorf("%s has neither config.json nor tokenizer.json: "+
			"expected the folder of a Hugging Face model", dir))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		expected := ""
		switch {
		case strings.HasSuffix(name, ".safetensors"):
			expected = "a safetensors file"
		case name == "config.json" || name == "generation_config.json" || name == indexFile,
			strings.HasPrefix(name, "tokenizer") && strings.HasSuffix(name, ".json"):
			expected = "JSON"
		default:
			continue
		}
		path := filepath.Join(dir, name)
		if kind := filetype.OfFile(path); kind != filetype.Unknown && string(kind) != expected {
			return fmt.Errorf("%s is %s (expected %s)", path, kind, expected)
		}
	}
	return nil
}

// NotModel returns the error of a folder without a model that Stele reads. It says what the
// folder is where its files tell; otherwise it is err.
func NotModel(dir string, err error) error {
	if exists(dir, "config.json") && (exists(dir, singleFile) || exists(dir, indexFile)) {
		return err
	}
	if what := filetype.Folder(dir); what != "" {
		return fmt.Errorf("%s is %s", dir, what)
	}
	return err
}

// NoTokenizer returns the error of a folder without tokenizer.json: it names the file that the
// folder has instead, and how to make one.
func NoTokenizer(dir string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) || exists(dir, "tokenizer.json") {
		return err
	}
	others := []string{"tokenizer.model", "vocab.json", "tekken.json", "tiktoken.model", "spiece.model"}
	for _, other := range others {
		if exists(dir, other) {
			return fmt.Errorf("%s has no tokenizer.json, but %s: write one with "+
				"AutoTokenizer.from_pretrained(...).save_pretrained(...) of transformers", dir, other)
		}
	}
	return fmt.Errorf("%s has no tokenizer.json: fetch it with the model", dir)
}

func exists(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}
