package logger

import (
	"bytes"
	_ "embed" // import.py
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/stele-lm/stele/internal/jsonl"
)

// trackio writes RUN/trackio/metrics.csv, a row for each step, which trackio.import_csv reads. That function
// cuts the names of columns off after ten letters, and refuses a project that has runs: so there is
// import.py beside it, which gives trackio the rows as they are.
type trackio struct {
	path    string
	columns []string // after step and timestamp, in the order of their first appearance
	rows    []Point
	steps   pending
	file    *grown
}

//go:embed import.py
var importTrackio []byte

func newTrackio(run Run, _ identity, past []Point) (tool, error) {
	dir := filepath.Join(run.Dir, "trackio")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := jsonl.WriteBytes(filepath.Join(dir, "import.py"), importTrackio); err != nil {
		return nil, err
	}
	about := struct {
		Project string `json:"project"`
		Name    string `json:"name"`
		Config  any    `json:"config"`
	}{Project, run.Name, run.Config}
	if err := jsonl.WriteFile(filepath.Join(dir, "run.json"), about); err != nil {
		return nil, err
	}
	t := &trackio{path: filepath.Join(dir, "metrics.csv")}
	t.steps.row = func(p Point) error {
		t.note(p)
		return nil
	}
	if err := t.steps.replay(past); err != nil {
		return nil, err
	}
	if err := t.rewrite(); err != nil {
		return nil, err
	}
	t.steps.row = t.row
	return t, nil
}

// note keeps a row, and reports whether it has columns that those before have not.
func (t *trackio) note(p Point) (more bool) {
	t.rows = append(t.rows, p)
	for _, name := range p.names() {
		if !slices.Contains(t.columns, name) {
			t.columns, more = append(t.columns, name), true
		}
	}
	return more
}

func (t *trackio) write(p Point) error { return t.steps.write(p) }

// row writes a step: at the end of the file or, where there is a new column, all of it again.
func (t *trackio) row(p Point) error {
	if t.note(p) {
		return t.rewrite()
	}
	text, err := t.text(nil, p)
	if err != nil {
		return err
	}
	return t.file.write(text)
}

// rewrite writes the file, whole or not at all.
func (t *trackio) rewrite() error {
	text, err := t.text(append([]string{"step", "timestamp"}, t.columns...), t.rows...)
	if err != nil {
		return err
	}
	if err := jsonl.WriteBytes(t.path, text); err != nil {
		return err
	}
	if t.file != nil {
		t.file.file.Close() // of what is no longer there
	}
	f, err := os.OpenFile(t.path, os.O_WRONLY, 0)
	t.file = &grown{f, int64(len(text))}
	return err
}

// text is a header, if there is one, and rows as CSV.
func (t *trackio) text(header []string, points ...Point) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if header != nil {
		if err := w.Write(header); err != nil {
			return nil, err
		}
	}
	for _, p := range points {
		cells := []string{strconv.Itoa(p.Step), p.Time.UTC().Format("2006-01-02T15:04:05.000+00:00")}
		defined := p.names()
		for _, name := range t.columns {
			cell := ""
			if _, found := slices.BinarySearch(defined, name); found {
				cell = strconv.FormatFloat(p.Values[name], 'g', -1, 64)
			}
			cells = append(cells, cell)
		}
		if err := w.Write(cells); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

func (t *trackio) close(bool) error {
	err := t.steps.flush()
	if e := t.file.close(); err == nil {
		err = e
	}
	return err
}
