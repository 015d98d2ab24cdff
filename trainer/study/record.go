package study

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/runlock"
	"github.com/stele-lm/stele/trainer"
)

// State tells how far a job has come.
type State string

// The states of a job.
const (
	Ready   State = "ready"   // to be done
	Waiting State = "waiting" // for a job that it needs
	Begun   State = "begun"   // and stopped, or going on in another process
	Failed  State = "failed"
	Done    State = "done"
)

// record is DIR/jobs/NAME.json: what a job is made with, and how far it is.
type record struct {
	Job   string `json:"job"`
	State State  `json:"state"`
	Error string `json:"error,omitempty"`
	// Checkpoint is a training's last, in its folder.
	Checkpoint string            `json:"checkpoint,omitempty"`
	Settings   map[string]string `json:"settings"`
}

// DType is --dtype as the study in a folder was begun, or as it is where nobody gives it. All of a study is in one, so
// that its models can be compared.
func (s *Study) DType(dir string) (string, error) {
	for _, j := range s.Jobs {
		r, err := readRecord(dir, j.Name)
		if err != nil {
			return "", err
		}
		if r != nil && j.Kind != Reports && r.Settings["--dtype"] != "" {
			return r.Settings["--dtype"], nil
		}
	}
	return engine.AutoDType, nil
}

// jobsName is the folder of the records.
const jobsName = "jobs"

func recordPath(dir, job string) string {
	return filepath.Join(dir, jobsName, filepath.FromSlash(job)+".json")
}

// readRecord reads a job's record; it is nil where there is none.
func readRecord(dir, job string) (*record, error) {
	path := recordPath(dir, job)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var r record
	if err := jsonl.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !r.there(dir) {
		r.State = Begun // its folder was removed
	}
	return &r, nil
}

// there reports whether what a job that is done leaves is in its folder.
func (r *record) there(dir string) bool {
	if r.State != Done {
		return true
	}
	proof := "results.json"
	switch {
	case r.Job == string(Reports):
		proof = "report.html"
	case r.Checkpoint != "":
		proof = filepath.Join(r.Checkpoint, "config.json")
		rank := r.Settings["lora.rank"]
		adapts := rank != "" && rank != "0" || r.Settings["lora.adapter"] != ""
		if adapts && r.Settings["lora.merge"] == "false" {
			proof = filepath.Join(r.Checkpoint, checkpoint.AdapterFolder, checkpoint.AdapterConfigFile)
		}
	}
	_, err := os.Stat(filepath.Join(dir, filepath.FromSlash(r.Job), proof))
	return err == nil
}

// produced reports whether there is something in a job's folder.
func (r *record) produced(dir string) bool {
	entries, _ := os.ReadDir(filepath.Join(dir, filepath.FromSlash(r.Job)))
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !strings.HasPrefix(e.Name(), ".") })
}

func (r *record) write(dir string) error {
	path := recordPath(dir, r.Job)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return jsonl.WriteFile(path, r)
}

// changed lists the settings in which a job that was begun differs from now.
func (r *record) changed(now map[string]string) (out []string) {
	both := maps.Clone(r.Settings)
	maps.Copy(both, now)
	for _, key := range slices.Sorted(maps.Keys(both)) {
		if r.State == Done && decidesNothing(key) {
			continue
		}
		if was, is := r.Settings[key], now[key]; was != is {
			out = append(out, fmt.Sprintf("%s was %s, is %s", key, trainer.OrUnset(was), trainer.OrUnset(is)))
		}
	}
	return out
}

// decidesNothing reports whether a setting decides no number of a run that is done: what
// was kept of it, and how much was computed at a time.
func decidesNothing(key string) bool {
	return strings.HasPrefix(key, "save.") || key == "rollout.batch"
}

// errBusy is that another process has a job.
var errBusy = errors.New("another process is doing it")

// take keeps other processes off a job until release is called. wait is whether to wait
// until one that has it lets go.
func (r *Run) take(ctx context.Context, job string, wait bool) (release func() error, err error) {
	path := strings.TrimSuffix(recordPath(r.Dir, job), ".json") + ".lock"
	err = r.guarded("making "+filepath.Dir(path), func() error { return os.MkdirAll(filepath.Dir(path), 0o755) })
	if err != nil {
		return nil, err
	}
	for told := false; ; {
		done := r.guard("locking " + path)
		release, locked, err := runlock.Take(path)
		done()
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", path, err)
		case locked:
			return release, nil
		case !wait:
			return nil, errBusy
		case !told:
			r.say("%s: another process is doing it: waiting", job)
			told = true
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// State says how far each job is. A report is done when it is of all that is done.
func (s *Study) State(dir string, options Options) (map[string]State, error) {
	states := map[string]State{}
	for _, j := range s.Jobs {
		r, err := readRecord(dir, j.Name)
		if err != nil {
			return nil, err
		}
		states[j.Name] = Ready
		if r != nil && j.Kind == Reports {
			now, err := s.settings(dir, j, options)
			if err != nil {
				return nil, err
			}
			if r.changed(now) != nil {
				r = nil // there is more to report
			}
		}
		if r != nil {
			states[j.Name] = r.State
		} else if slices.ContainsFunc(j.Needs, func(need string) bool { return states[need] != Done }) {
			states[j.Name] = Waiting
		}
	}
	return states, nil
}
