package gpucheck

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/stele-lm/stele/internal/jsonl"
)

// recordsFile is the file of the output folder that a later call goes on from.
const recordsFile = "gpu-check.json"

// Outcome says how a part ended.
type Outcome string

// The outcomes of a part. One that was stopped, by the end of the time for all or by a signal, has none and is
// done again.
const (
	Done    Outcome = "done"
	Failed  Outcome = "failed"
	TooLong Outcome = "took too long"
	Cannot  Outcome = "could not run"
)

// Figure is a number that was found.
type Figure struct {
	// Key is its name for goals, as in 7B/decode/256.
	Key     string  `json:"key"`
	What    string  `json:"what"`
	Value   float64 `json:"value"`
	Unit    string  `json:"unit"`
	Command string  `json:"command,omitempty"`
}

// record is what a part left.
type record struct {
	Part    string    `json:"part"`
	Outcome Outcome   `json:"outcome"`
	Why     string    `json:"why,omitempty"` // where it is not done
	Seconds float64   `json:"seconds"`
	Ended   time.Time `json:"ended"`
	Figures []Figure  `json:"figures,omitempty"`
	// Commands are those that it ran.
	Commands []string `json:"commands,omitempty"`
}

// records are what calls of the check have found so far.
type records struct {
	Backend string            `json:"backend"`
	Small   bool              `json:"small,omitempty"`
	Version string            `json:"version"`
	Calls   int               `json:"calls"`
	Seconds float64           `json:"seconds"` // of all calls
	Machine map[string]string `json:"machine,omitempty"`
	Parts   []record          `json:"parts"`
}

// readRecords reads what earlier calls left in a folder, or begins anew. What they measured must be what is asked
// for now.
func readRecords(o *Options) (*records, error) {
	fresh := &records{Backend: o.Backend, Small: o.Small, Version: o.Version}
	path := filepath.Join(o.Out, recordsFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fresh, nil
	}
	if err != nil {
		return nil, err
	}
	var r records
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("%s: %w: give --out another folder, or remove the file to begin again", path, err)
	}
	if r.Backend != o.Backend || r.Small != o.Small || r.Version != o.Version {
		return nil, fmt.Errorf("%s is of backend %s, small %v, %s, and this is backend %s, small %v, %s: "+
			"give --out another folder, or remove the file to begin again",
			path, r.Backend, r.Small, r.Version, o.Backend, o.Small, o.Version)
	}
	return &r, nil
}

// of returns what is recorded of a part, nil where it is still to be done.
func (r *records) of(part string) *record {
	for i := range r.Parts {
		if r.Parts[i].Part == part {
			return &r.Parts[i]
		}
	}
	return nil
}

// set records a part, in the place of what was recorded of it.
func (r *records) set(now record) {
	if old := r.of(now.Part); old != nil {
		*old = now
		return
	}
	r.Parts = append(r.Parts, now)
}

// figure finds a figure of any part.
func (r *records) figure(key string) (Figure, bool) {
	for _, p := range r.Parts {
		for _, f := range p.Figures {
			if f.Key == key {
				return f, true
			}
		}
	}
	return Figure{}, false
}

func (r *records) write(dir string) error { return jsonl.WriteFile(filepath.Join(dir, recordsFile), r) }
