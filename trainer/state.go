package trainer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gomlx/compute/dtypes"

	"stele/engine/checkpoint"
	"stele/engine/jsonl"
	"stele/kernels"
)

// state is trainer_state.json of a checkpoint.
type state struct {
	Step    int `json:"step"`    // of the run
	Updates int `json:"updates"` // of the optimiser
	Version int `json:"version"` // of the weights
}

const (
	stateFile   = "trainer_state.json"
	momentsFile = "trainer_state.safetensors"
)

// save writes RUN/checkpoints/step-N: a Hugging Face folder that any program
// loads, and beside the weights what the trainer needs to go on bit for bit. The
// folder gets its name when all of it is on disk.
func (r *run) save() error {
	parent := filepath.Join(r.dir, "checkpoints")
	final := filepath.Join(parent, fmt.Sprintf("step-%d", r.done))
	staging := filepath.Join(parent, fmt.Sprintf(".step-%d.partial", r.done))
	if err := errors.Join(os.RemoveAll(staging), os.MkdirAll(parent, 0o755)); err != nil {
		return err
	}
	if err := r.engine.Save(staging); err != nil {
		return err
	}
	if err := r.learner.writeMoments(filepath.Join(staging, momentsFile)); err != nil {
		return err
	}
	s := state{Step: r.done, Updates: r.learner.updates, Version: r.engine.Weights.Version}
	if err := jsonl.WriteFile(filepath.Join(staging, stateFile), s); err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(final), os.Rename(staging, final)); err != nil {
		return err
	}
	return r.prune(parent)
}

// prune removes checkpoints before the last Save.KeepLast.
func (r *run) prune(parent string) error {
	keep := r.config.Save.KeepLast
	steps, err := checkpointSteps(parent)
	if err != nil || keep == 0 || len(steps) <= keep {
		return err
	}
	var errs []error
	for _, step := range steps[:len(steps)-keep] {
		errs = append(errs, os.RemoveAll(filepath.Join(parent, fmt.Sprintf("step-%d", step))))
	}
	return errors.Join(errs...)
}

// sweep removes what a killed process left of a checkpoint it was writing.
func sweep(dir string) error {
	partial, err := filepath.Glob(filepath.Join(dir, "checkpoints", ".*"))
	for _, path := range partial {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}

// checkpointSteps lists the steps of the complete checkpoints, ascending.
func checkpointSteps(parent string) ([]int, error) {
	entries, err := os.ReadDir(parent)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var steps []int
	for _, entry := range entries {
		number, ok := strings.CutPrefix(entry.Name(), "step-")
		if step, err := strconv.Atoi(number); ok && err == nil {
			if _, err := os.Stat(filepath.Join(parent, entry.Name(), stateFile)); err == nil {
				steps = append(steps, step)
			}
		}
	}
	slices.Sort(steps)
	return steps, err
}

// latestCheckpoint finds the newest complete checkpoint of a run; empty when the
// run has none yet.
func latestCheckpoint(dir string) (string, error) {
	parent := filepath.Join(dir, "checkpoints")
	steps, err := checkpointSteps(parent)
	if err != nil || len(steps) == 0 {
		return "", err
	}
	return filepath.Join(parent, fmt.Sprintf("step-%d", steps[len(steps)-1])), nil
}

// tensors yields the optimiser's state by name.
func (l *Learner) tensors() iter.Seq2[checkpoint.Tensor, error] {
	return func(yield func(checkpoint.Tensor, error) bool) {
		for _, group := range l.stateGroups() {
			for i, buffer := range group.buffers {
				values, err := kernels.Float32s(buffer)
				t := checkpoint.Float32Tensor(group.prefix+l.weights.Specs[i].Name, l.weights.Specs[i].Shape, values)
				if !yield(t, err) || err != nil {
					return
				}
			}
		}
	}
}

type stateGroup struct {
	prefix  string
	buffers []kernels.Buffer
}

func (l *Learner) stateGroups() []stateGroup {
	return []stateGroup{{"m.", l.m}, {"v.", l.v}, {"master.", l.masters}}
}

func (l *Learner) writeMoments(path string) error {
	if err := checkpoint.WriteFile(path, l.tensors()); err != nil {
		return fmt.Errorf("optimiser state: %w", err)
	}
	return nil
}

// restore reads a checkpoint's trainer state and returns its step. The weights
// were loaded from the same folder.
func (l *Learner) restore(dir string) (step int, err error) {
	path := filepath.Join(dir, stateFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	var s state
	if err := json.Unmarshal(data, &s); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	file, err := checkpoint.OpenFile(filepath.Join(dir, momentsFile))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	for _, group := range l.stateGroups() {
		for i := range group.buffers {
			spec := l.weights.Specs[i]
			tensor, err := file.Tensor(group.prefix + spec.Name)
			if err != nil {
				return 0, err
			}
			if !slices.Equal(tensor.Shape, spec.Shape) {
				return 0, fmt.Errorf("%s: %s has shape %v, expected %v", dir, tensor.Name, tensor.Shape, spec.Shape)
			}
			values := make([]float32, tensor.Len())
			tensor.Float32s(values)
			buffer, err := kernels.UploadFloat32(l.weights.Device, dtypes.Float32, values, spec.Shape...)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", tensor.Name, err)
			}
			kernels.Free(group.buffers[i])
			group.buffers[i] = buffer
		}
	}
	l.updates, l.weights.Version = s.Updates, s.Version
	return s.Step, nil
}

func (r *run) metricsPath() string { return filepath.Join(r.dir, "metrics.jsonl") }

// rewind cuts what a killed run wrote after its last checkpoint: those steps are
// taken again.
func (r *run) rewind(step int) error {
	metrics, err := ReadMetrics(r.metricsPath())
	if err != nil {
		return err
	}
	var kept bytes.Buffer
	for _, m := range metrics {
		if m["step"] > float64(step) {
			break
		}
		line, err := json.Marshal(m)
		if err != nil {
			return err
		}
		kept.Write(append(line, '\n'))
	}
	if err := jsonl.WriteBytes(r.metricsPath(), kept.Bytes()); err != nil {
		return err
	}
	rollouts, err := filepath.Glob(filepath.Join(r.dir, "rollouts", "step-*.jsonl"))
	if err != nil {
		return err
	}
	for _, path := range rollouts {
		number := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "step-"), ".jsonl")
		if n, err := strconv.Atoi(number); err == nil && n > step {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// line is one rollout as RUN/rollouts/step-N.jsonl keeps it.
type line struct {
	ID           string  `json:"id"`
	Language     string  `json:"language"`
	Sample       int     `json:"sample"`
	Prompt       string  `json:"prompt"`
	Output       string  `json:"output"`
	Answer       string  `json:"answer"`
	Extracted    string  `json:"extracted"`
	Lang         string  `json:"lang"`
	Reward       float64 `json:"reward"`
	Accuracy     float64 `json:"accuracy"`
	Format       float64 `json:"format"`
	LanguageOK   float64 `json:"language_reward"`
	Advantage    float32 `json:"advantage"`
	Tokens       int     `json:"tokens"`
	FinishReason string  `json:"finish_reason"`
	Version      int     `json:"weights_version"`
	TokenIDs     []int32 `json:"token_ids"`
}

func (r *run) keepRollouts(step int, rollouts []*rollout) error {
	if !r.config.Save.Rollouts {
		return nil
	}
	path := r.rolloutPath(step)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	w, err := jsonl.Create(path)
	if err != nil {
		return err
	}
	defer w.Abort()
	for _, o := range rollouts {
		err := w.Write(line{
			ID: o.problem.ID, Language: o.problem.Language, Sample: o.Sample, Prompt: o.problem.text,
			Output: o.problem.prefix + o.Text, Answer: o.problem.Answer, Extracted: o.score.Extracted, Lang: o.score.Detected,
			Reward: o.score.Total, Accuracy: o.score.Accuracy, Format: o.score.Format, LanguageOK: o.score.Language,
			Advantage: o.advantage, Tokens: len(o.Tokens), FinishReason: string(o.FinishReason),
			Version: r.engine.Weights.Version, TokenIDs: o.Tokens,
		})
		if err != nil {
			return err
		}
	}
	return w.Close()
}
