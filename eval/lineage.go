package eval

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/stele-lm/stele/internal/jsonl"
)

// Lineage names the training run that made a model. By it an evaluation of the model is paired
// with one of the model that it was trained from, wherever the folders lie later.
type Lineage struct {
	Run       string   `json:"run"` // its folder, absolute
	Algorithm string   `json:"algorithm"`
	Bench     string   `json:"bench"`     // trained on
	Languages []string `json:"languages"` // trained on
	// Model names the model that training started from, as the user did, Dir its folder and
	// Weights its files' SHA-256; nil where the run is older than the field.
	Model   string            `json:"model"`
	Dir     string            `json:"model_dir"`
	Weights map[string]string `json:"weights"`
}

// checkpointsName is the folder of a training run's checkpoints.
const checkpointsName = "checkpoints"

// LineageOf finds the training run that made a model, whose folder is
// RUN/checkpoints/step-N, by RUN's manifest; nil where the folder is no such one.
func LineageOf(dir string) (*Lineage, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	checkpoints := filepath.Dir(absolute)
	if filepath.Base(checkpoints) != checkpointsName {
		return nil, nil
	}
	return TrainingLineage(filepath.Dir(checkpoints))
}

// TrainingLineage reads what a training run's manifest says of the models that it
// makes; nil where there is none.
func TrainingLineage(run string) (*Lineage, error) {
	path := filepath.Join(run, manifestName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var m struct {
		Dir     string            `json:"model_dir"`
		Weights map[string]string `json:"weights"`
		Config  struct {
			Model     string `json:"model"`
			Algorithm string `json:"algorithm"`
			Data      struct {
				Bench     string   `json:"bench"`
				Languages []string `json:"languages"`
			} `json:"data"`
		} `json:"config"`
	}
	if err := jsonl.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if m.Config.Model == "" {
		return nil, nil
	}
	run, err = filepath.Abs(run)
	return &Lineage{Run: run, Algorithm: m.Config.Algorithm, Bench: m.Config.Data.Bench,
		Languages: m.Config.Data.Languages,
		Model:     m.Config.Model, Dir: m.Dir, Weights: m.Weights}, err
}
