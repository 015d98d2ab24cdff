package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/internal/jsonl"
)

// speed holds tokens a second that stele bench measured with a model's shape on this machine; 0
// where it was not measured.
type speed struct {
	Decode float64 `json:"decode"` // of the largest batch measured
	Batch  int     `json:"batch"`
	Step   float64 `json:"step"`   // generated tokens of a GRPO step, rollout and update
	Update float64 `json:"update"` // of an update alone
}

// speedPath is the file that speeds are kept in, in the user's cache folder.
func speedPath() (string, error) {
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "stele", "speed.json"), err
}

// speedKey names a model's shape, and what runs it on this machine: what the speed depends on.
// executor is what generates (engine.Engine.Executor), or the backend that trains, on so many devices. Keys of
// older files do not name it, and are left alone.
func speedKey(c *checkpoint.Config, dtype, executor string, devices int) string {
	host, _ := os.Hostname()
	key := fmt.Sprintf("%s: %d parameters, %d layers of %d, vocabulary of %d, %s, %s", host, c.NumParameters(),
		c.NumLayers, c.HiddenSize, c.VocabSize, dtype, executor)
	if devices > 1 {
		key += fmt.Sprintf(", %d devices", devices)
	}
	return key
}

func readSpeeds(path string) (map[string]speed, error) {
	all := map[string]speed{}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	return all, err
}

// keepSpeed notes what a benchmark measured, beside what others did.
func keepSpeed(c *checkpoint.Config, report *benchReport) error {
	path, err := speedPath()
	if err != nil {
		return err
	}
	all, err := readSpeeds(path)
	if err != nil {
		all = map[string]speed{} // not readable any more
	}
	for _, r := range report.Rows {
		key := speedKey(c, r.DType, r.Backend, r.Devices)
		s := all[key]
		switch {
		case r.Generate > 0 && r.Batch >= s.Batch:
			s.Decode, s.Batch = r.Tokens, r.Batch
		case strings.HasPrefix(r.Test, "train step"):
			s.Step = r.Tokens
		case strings.HasPrefix(r.Test, "train update"):
			s.Update = r.Tokens
		}
		all[key] = s
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return jsonl.WriteFile(path, all)
}
