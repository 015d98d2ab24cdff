package report

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/internal/jsonl"
)

// provenance says where a run's numbers are from. What is empty or nil is not known.
type provenance struct {
	Run          string   `json:"run"`
	Kind         string   `json:"kind"` // evaluation or training
	Model        string   `json:"model"`
	Date         string   `json:"date"` // of its last number, in UTC
	Stele        string   `json:"stele"`
	Seed         *uint64  `json:"seed"`
	Algorithm    string   `json:"algorithm,omitempty"`
	Preset       string   `json:"preset,omitempty"`
	LearningRate *float64 `json:"learning_rate,omitempty"`
	Backend      string   `json:"backend"`
	DType        string   `json:"dtype"`
	Hardware     string   `json:"hardware"`

	dir string
}

// trainingManifest is what the report says of a training run's.
type trainingManifest struct {
	Stele    string `json:"stele"`
	Backend  string `json:"backend"`
	DType    string `json:"dtype"`
	Hardware string `json:"hardware"`
	CPU      string `json:"cpu_tier"` // of runs from before hardware was noted
	Config   struct {
		Model     string  `json:"model"`
		Algorithm string  `json:"algorithm"`
		Preset    string  `json:"preset"`
		Seed      *uint64 `json:"seed"`
		Steps     int     `json:"steps"`
		Data      struct {
			Bench     string   `json:"bench"`
			Languages []string `json:"languages"`
		} `json:"data"`
		Optimizer struct {
			LR *float64 `json:"lr"`
		} `json:"optimizer"`
	} `json:"config"`
}

// readTrainingManifest reads a training run's manifest; nil where there is none.
func readTrainingManifest(path string) (*trainingManifest, error) {
	data, err := os.ReadFile(path)
	if ok, err := exists(err); !ok {
		return nil, err
	}
	var m trainingManifest
	if err := jsonl.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &m, nil
}

// provenance says where a training run's numbers are from.
func (m *trainingManifest) provenance(dir string) provenance {
	p := provenance{Run: filepath.Base(dir), Kind: "training", dir: dir,
		Date: dateOf(dir, "metrics.jsonl", "eval.jsonl", "eval/before/results.json", "eval/after/results.json")}
	if m == nil {
		return p
	}
	p.Model, p.Stele, p.Backend, p.DType = modelLabel(m.Config.Model), m.Stele, m.Backend, m.DType
	p.Seed, p.Algorithm, p.Preset = m.Config.Seed, m.Config.Algorithm, m.Config.Preset
	p.LearningRate, p.Hardware = m.Config.Optimizer.LR, m.Hardware
	if p.Hardware == "" && m.CPU != "" {
		p.Hardware = "a CPU with " + m.CPU
	}
	return p
}

// provenances are those of the runs, and of the trainings that made the models evaluated as far as they are here.
func (r *Report) provenances() ([]provenance, error) {
	var all []provenance
	if given := os.Getenv(sourceDate); given != "" {
		if _, err := strconv.ParseInt(given, 10, 64); err != nil {
			return nil, fmt.Errorf("%s is %q, expected seconds since 1970", sourceDate, given)
		}
	}
	for _, run := range r.runs {
		switch {
		case run.Training != nil:
			p := run.Training.manifest.provenance(run.dir)
			p.Run = run.Name
			all = append(all, p)
		case run.dir != "":
			p := provenance{Run: run.Name, Kind: "evaluation", Model: modelLabel(run.Results.Model),
				Seed: &run.Results.Settings.Seed, dir: run.dir, Date: dateOf(run.dir, "results.json", "samples.jsonl")}
			if m := run.manifest; m != nil {
				p.Stele, p.Backend, p.DType, p.Hardware = m.Stele, m.Backend, m.DType, m.Hardware
			}
			all = append(all, p)
		}
	}
	for _, run := range r.runs {
		if run.origin == nil {
			continue
		}
		dir, m, err := trainingOf(run.dir, run.origin)
		if err != nil {
			return nil, err
		}
		if m != nil && !slices.ContainsFunc(all, func(p provenance) bool { return p.dir == dir }) {
			all = append(all, m.provenance(dir))
		}
	}
	return all, nil
}

// trainingOf finds the training that made the model of an evaluation in dir: where it was then, or, where both were
// moved together, as in a study's folder, where it is now beside dir. The manifest is nil where it is not here.
func trainingOf(dir string, origin *eval.Lineage) (string, *trainingManifest, error) {
	m, err := readTrainingManifest(filepath.Join(origin.Run, "manifest.json"))
	if m != nil || err != nil {
		return origin.Run, m, err
	}
	name := filepath.Base(origin.Run)
	within := filepath.Join(filepath.Base(filepath.Dir(origin.Run)), name)
	above := filepath.Dir(dir)
	for _, place := range []string{filepath.Join(filepath.Dir(above), within), filepath.Join(above, name)} {
		m, err := readTrainingManifest(filepath.Join(place, "manifest.json"))
		if err == nil && m != nil && m.Config.Model == origin.Model && m.Config.Algorithm == origin.Algorithm &&
			slices.Equal(m.Config.Data.Languages, origin.Languages) {
			return place, m, nil
		}
	}
	return origin.Run, nil, nil
}

// sourceDate is the variable of the environment by which builds are made reproducible.
const sourceDate = "SOURCE_DATE_EPOCH"

// dateOf is the day on which the newest of a folder's files was written, or SOURCE_DATE_EPOCH's where that was
// before: the report itself has no date, so that the same folders give the same report.
func dateOf(dir string, files ...string) string {
	var last time.Time
	for _, name := range files {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
		if err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	if seconds, err := strconv.ParseInt(os.Getenv(sourceDate), 10, 64); err == nil &&
		last.After(time.Unix(seconds, 0)) {
		last = time.Unix(seconds, 0)
	}
	if last.IsZero() {
		return ""
	}
	return last.UTC().Format(time.DateOnly)
}

// provenanceTable says where numbers are from.
func provenanceTable(all []provenance) Table {
	t := Table{Name: "provenance", Labels: 10,
		Caption: "Where the numbers are from: the day of each run's last number (UTC, by its files), the Stele that " +
			"made it, seeds, preset and learning rate of trainings, and what computed.",
		Head: []string{"run", "what", "weights", "date", "seed", "preset", "learning rate", "Stele", "backend",
			"hardware"}}
	for _, p := range all {
		what, seed, rate, backend := p.Kind, "", "", strings.TrimSuffix(p.Backend+", "+p.DType, ", ")
		if p.Algorithm != "" {
			what += ", " + strings.ToUpper(p.Algorithm)
		}
		if p.Seed != nil {
			seed = fmt.Sprint(*p.Seed)
		}
		if p.LearningRate != nil {
			rate = number(*p.LearningRate)
		}
		row := []string{p.Run, what, p.Model, p.Date, seed, p.Preset, rate, p.Stele, backend, p.Hardware}
		for i := range row {
			row[i] = orDash(row[i])
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// days are the first and the last day of the runs; "" where none is known.
func days(all []provenance) string {
	var dates []string
	for _, p := range all {
		if p.Date != "" {
			dates = append(dates, p.Date)
		}
	}
	switch {
	case dates == nil:
		return ""
	case slices.Min(dates) == slices.Max(dates):
		return slices.Min(dates)
	}
	return slices.Min(dates) + " to " + slices.Max(dates)
}
