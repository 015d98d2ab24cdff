package eval

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"stele/engine/jsonl"
)

// Origin is where a run's numbers come from, apart from its settings.
type Origin struct {
	Stele string `json:"stele"` // version
	Model string `json:"model"` // as the user named it
	// Weights maps weight files to their SHA-256, which is also what model hubs
	// list for them. It is nil for weights that are on no disk, as during training.
	Weights map[string]string `json:"weights"`
	Backend string            `json:"backend"`
	DType   string            `json:"dtype"`
}

// Manifest is RUN/manifest.json: what must be equal for a run to go on, and all
// that is needed to do it again.
type Manifest struct {
	Origin
	Seed            uint64 `json:"seed"`
	Settings        Spec   `json:"settings"`
	Questions       int    `json:"questions"`
	QuestionsSHA256 string `json:"questions_sha256"` // of prompts and reference answers
}

// HashWeights returns the SHA-256 of each safetensors file of a model's folder.
func HashWeights(dir string) (map[string]string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.safetensors"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s holds no .safetensors file", dir)
	}
	sums := make(map[string]string, len(paths))
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		sums[filepath.Base(path)] = hex.EncodeToString(h.Sum(nil))
	}
	return sums, nil
}

// claim makes dir the folder of the run m, or finds that it is already.
func (m *Manifest) claim(dir string) error {
	path := filepath.Join(dir, "manifest.json")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if entries, _ := os.ReadDir(dir); len(entries) > 0 {
			return fmt.Errorf("%s is not empty and holds no evaluation: choose another folder", dir)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		return jsonl.WriteFile(path, m)
	}
	if err != nil {
		return err
	}
	var old Manifest
	if err := json.Unmarshal(data, &old); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if old.Weights != nil && m.Weights != nil {
		old.Model = m.Model // the same files under another name are the same model
	}
	difference, err := firstDifference(old, m)
	if err != nil || difference == "" {
		return err
	}
	return fmt.Errorf("%s: the run was started with other settings: %s: use the same, or choose another folder", path, difference)
}

// firstDifference names the first field in which two manifests differ.
func firstDifference(old, now any) (string, error) {
	a, err := flatten(old)
	if err != nil {
		return "", err
	}
	b, err := flatten(now)
	if err != nil {
		return "", err
	}
	both := maps.Clone(a)
	maps.Copy(both, b)
	for _, key := range slices.Sorted(maps.Keys(both)) {
		if was, is := a[key], b[key]; was != is {
			return fmt.Sprintf("%s was %s, is %s", key, orNone(was), orNone(is)), nil
		}
	}
	return "", nil
}

func orNone(s string) string {
	if s == "" {
		return "not there"
	}
	return s
}

// flatten turns a value into dotted keys and JSON texts.
func flatten(v any) (map[string]string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	flat := map[string]string{}
	var walk func(prefix string, data json.RawMessage)
	walk = func(prefix string, data json.RawMessage) {
		var object map[string]json.RawMessage
		if !bytes.HasPrefix(data, []byte("{")) || json.Unmarshal(data, &object) != nil {
			flat[prefix] = string(data)
			return
		}
		for key, value := range object {
			if prefix != "" {
				key = prefix + "." + key
			}
			walk(key, value)
		}
	}
	walk("", data)
	return flat, nil
}
