package trainer

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/runlock"
)

// state is the content of a checkpoint's trainer_state.json.
type state struct {
	Step    int     `json:"step"`    // of the run
	Updates int     `json:"updates"` // of the optimiser
	Version int     `json:"version"` // of the weights
	Cursor  int     `json:"cursor"`  // problems taken
	Beta    float64 `json:"beta"`    // of the KL divergence
	// Processes took the step together; 0 is one alone.
	Processes int `json:"processes,omitempty"`
	// Interim says that the checkpoint is there because the run was stopped: it goes as
	// soon as there is a later one.
	Interim bool `json:"interim,omitempty"`
	// Files maps the checkpoint's other files to their SHA-256.
	Files map[string]string `json:"files"`
}

const (
	stateFile   = "trainer_state.json"
	momentsFile = "trainer_state.safetensors"
)

func checkpointName(step int) string { return fmt.Sprintf("step-%d", step) }

// checkpointPath returns the folder of a checkpoint after the steps taken, and the hidden
// one beside it in which it is written.
func (r *run) checkpointPath() (final, staging string) {
	parent := filepath.Join(r.dir, "checkpoints")
	return filepath.Join(parent, checkpointName(r.done)),
		filepath.Join(parent, "."+checkpointName(r.done)+".partial")
}

// stage writes what publish will make RUN/checkpoints/step-N: a Hugging Face folder
// that any program loads, and beside the weights what the trainer needs to go on bit
// for bit.
func (r *run) stage() (err error) {
	if r.learner.Divided() {
		defer func() {
			if err != nil && !cluster.IsAgreed(err) { // the others wait to give their parts
				r.job.Abort(fmt.Errorf("checkpoint of step %d: %w", r.done, err))
			}
		}()
		if !r.writes() {
			return r.learner.SaveState("", nil)
		}
	}
	if !r.writes() {
		return nil
	}
	_, staging := r.checkpointPath()
	defer r.guard("writing "+staging, r.memory.Total)()
	if err := errors.Join(os.RemoveAll(staging), os.MkdirAll(filepath.Dir(staging), 0o755)); err != nil {
		return err
	}
	if r.adapter == nil || r.config.LoRA.Merge {
		if err := r.engine.SaveIn(staging, r.savedDType()); err != nil {
			return err
		}
	}
	if r.adapter != nil {
		if err := r.adapter.Save(filepath.Join(staging, checkpoint.AdapterFolder), r.config.Model); err != nil {
			return err
		}
	}
	if err := r.learner.SaveState(filepath.Join(staging, momentsFile), r.exact(r.engine.Weights)); err != nil {
		return fmt.Errorf("optimiser state: %w", err)
	}
	files, err := hashFolder(staging)
	if err != nil {
		return err
	}
	s := state{
		Step: r.done, Updates: r.learner.Optimizer().Updates, Version: r.engine.Weights.Version,
		Cursor: r.cursor, Beta: r.kl.Beta, Processes: r.processes(),
		Interim: r.interim, Files: files,
	}
	return jsonl.WriteFile(filepath.Join(staging, stateFile), s)
}

// publish gives what stage wrote its name, all at once, and removes older checkpoints.
func (r *run) publish() error {
	if !r.writes() {
		return nil
	}
	final, staging := r.checkpointPath()
	defer r.guard("naming "+final, r.memory.Total)()
	if err := errors.Join(remove(final), os.Rename(staging, final),
		syncFolder(filepath.Dir(final))); err != nil {
		return err
	}
	return r.prune()
}

// remove takes a checkpoint away: first its name, so that a process killed
// meanwhile leaves no half of one.
func remove(dir string) error {
	gone := filepath.Join(filepath.Dir(dir), "."+filepath.Base(dir)+".gone")
	if err := os.Rename(dir, gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(gone)
}

// syncFolder makes the names in a folder last.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// hashFolder returns the SHA-256 of every file below dir, by its path in it.
func hashFolder(dir string) (map[string]string, error) {
	sums := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		sums[filepath.ToSlash(name)], err = hashFile(path)
		return err
	})
	return sums, err
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// hashGuarded is hashFile for a file of which nobody knows how large it is, watched over.
func hashGuarded(path string, guard runlock.Guard) (string, error) {
	size, done := int64(0), guard("reading "+path, 0)
	if info, err := os.Stat(path); err == nil {
		size = info.Size()
	}
	done()
	defer guard("reading "+path, size)()
	return hashFile(path)
}

// prune removes checkpoints other than the last Save.KeepLast and the
// Save.KeepBest that did best in evaluation. One that is there because the run was
// stopped counts among none of them, and stays while it is the newest.
func (r *run) prune() error {
	if !r.writes() {
		return nil
	}
	keep := r.config.Save
	parent := filepath.Join(r.dir, "checkpoints")
	defer r.guard("removing checkpoints of "+parent, r.memory.Total)()
	all, err := checkpointSteps(parent)
	if err != nil || len(all) == 0 {
		return err
	}
	newest := all[len(all)-1]
	steps := slices.DeleteFunc(slices.Clone(all), func(step int) bool {
		return isInterim(filepath.Join(parent,
			checkpointName(step)))
	})
	stay := steps
	if n := len(steps); keep.KeepLast > 0 && n > keep.KeepLast {
		stay = append(slices.Clone(steps[n-keep.KeepLast:]), r.evaluations.best(steps, keep.KeepBest)...)
	}
	var errs []error
	for _, step := range all {
		if step != newest && !slices.Contains(stay, step) {
			errs = append(errs, remove(filepath.Join(parent, checkpointName(step))))
		}
	}
	return errors.Join(errs...)
}

// isInterim reports whether a checkpoint says that it is there because its run was
// stopped.
func isInterim(dir string) bool {
	var s state
	data, err := os.ReadFile(filepath.Join(dir, stateFile))
	return err == nil && json.Unmarshal(data, &s) == nil && s.Interim
}

// sweep removes what a killed process left of a checkpoint that it was writing or
// removing, and of other files that it was writing (see jsonl.Create).
func sweep(dir string) error {
	var errs []error
	for _, pattern := range []string{"checkpoints/.*", ".*.partial-*", "rollouts/.*.partial-*"} {
		left, err := filepath.Glob(filepath.Join(dir, pattern))
		errs = append(errs, err)
		for _, path := range left {
			errs = append(errs, os.RemoveAll(path))
		}
	}
	return errors.Join(errs...)
}

// checkpointSteps lists the steps that have a checkpoint, ascending.
func checkpointSteps(parent string) ([]int, error) {
	entries, err := os.ReadDir(parent)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var steps []int
	for _, entry := range entries {
		number, ok := strings.CutPrefix(entry.Name(), "step-")
		if step, err := strconv.Atoi(number); ok && err == nil {
			steps = append(steps, step)
		}
	}
	slices.Sort(steps)
	return steps, err
}

// LastCheckpoint names the newest checkpoint of the run in a folder, relative to it, without
// reading it.
func LastCheckpoint(dir string) (string, error) {
	steps, err := checkpointSteps(filepath.Join(dir, "checkpoints"))
	if err == nil && len(steps) == 0 {
		err = fmt.Errorf("%s has no checkpoint", dir)
	}
	if err != nil {
		return "", err
	}
	return "checkpoints/" + checkpointName(steps[len(steps)-1]), nil
}

// latestCheckpoint finds the newest checkpoint of a run that is whole; empty when
// the run has none yet. One that is damaged is passed over, and said to be.
func latestCheckpoint(dir string, logf func(format string, args ...any), guard runlock.Guard) (string, state, error) {
	parent := filepath.Join(dir, "checkpoints")
	done := guard("reading "+parent, 0)
	steps, err := checkpointSteps(parent)
	done()
	if err != nil || len(steps) == 0 {
		return "", state{}, err
	}
	slices.SortFunc(steps, func(a, b int) int { return cmp.Compare(b, a) })
	for _, step := range steps {
		path := filepath.Join(parent, checkpointName(step))
		s, bad := readState(path, guard)
		if bad == nil {
			return path, s, nil
		}
		logf("checkpoint %s is skipped: %v", path, bad)
	}
	return "", state{}, fmt.Errorf("none of the %d checkpoints in %s is whole: restore one, or remove the "+
		"folder to begin again", len(steps), parent)
}

// readState reads a checkpoint's state and checks that its files are those that
// were written.
func readState(dir string, guard runlock.Guard) (s state, err error) {
	path := filepath.Join(dir, stateFile)
	done := guard("reading "+path, 0)
	data, err := os.ReadFile(path)
	if done(); err != nil {
		return s, err
	}
	if err := jsonl.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	if len(s.Files) == 0 || s.Step < 1 {
		return s, fmt.Errorf("%s names no files or no step", path)
	}
	for name, want := range s.Files {
		if !filepath.IsLocal(name) {
			return s, fmt.Errorf("%s: %q points outside the folder", path, name)
		}
		got, err := hashGuarded(filepath.Join(dir, filepath.FromSlash(name)), guard)
		if err != nil {
			return s, err
		}
		if got != want {
			return s, fmt.Errorf("%s is not the file that was written: its SHA-256 is %.12s…, expected "+
				"%.12s…", name, got, want)
		}
	}
	return s, nil
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
	if err := r.evaluations.rewind(func(at int) bool {
		// A run that was to be shorter measured its last step in any case.
		return at <= step && r.config.Eval.due(at, at == r.config.Steps)
	}); err != nil {
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
