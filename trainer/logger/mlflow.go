package logger

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/stele-lm/stele/internal/jsonl"
)

// mlflow writes RUN/mlruns, MLflow's file store: mlruns/EXPERIMENT/RUN with meta.yaml, a file for each
// metric, in which a line is a time in milliseconds, a value and a step, and one for each parameter and tag.
type mlflow struct {
	dir     string // of the run in the store
	meta    mlflowRun
	files   map[string]string // of metrics, relative to metrics/, by the metric
	metrics map[string]string // the other way round
	folders map[string]bool   // of such files
	last    time.Time
}

// experiment is the number of the experiment, which is the same in all runs: so their stores can be copied
// into one.
const experiment = "735846275109243817"

// Values of mlflowRun.Status.
const (
	mlflowRunning  = 1
	mlflowFinished = 3
	mlflowKilled   = 5
)

// mlflowLocal is the value of mlflowRun.SourceType of what was run here.
const mlflowLocal = 4

// mlflowRun is the meta.yaml of a run; mlflowExperiment that of an experiment. Times are in milliseconds.
type mlflowRun struct {
	ArtifactURI    string   `json:"artifact_uri"`
	EndTime        *int64   `json:"end_time"`
	EntryPointName string   `json:"entry_point_name"`
	ExperimentID   string   `json:"experiment_id"`
	LifecycleStage string   `json:"lifecycle_stage"`
	RunID          string   `json:"run_id"`
	RunName        string   `json:"run_name"`
	RunUUID        string   `json:"run_uuid"`
	SourceName     string   `json:"source_name"`
	SourceType     int      `json:"source_type"`
	SourceVersion  string   `json:"source_version"`
	StartTime      int64    `json:"start_time"`
	Status         int      `json:"status"`
	Tags           []string `json:"tags"`
	UserID         string   `json:"user_id"`
}

type mlflowExperiment struct {
	ArtifactLocation string `json:"artifact_location"`
	CreationTime     int64  `json:"creation_time"`
	ExperimentID     string `json:"experiment_id"`
	LastUpdateTime   int64  `json:"last_update_time"`
	LifecycleStage   string `json:"lifecycle_stage"`
	Name             string `json:"name"`
}

func newMLflow(run Run, id identity, past []Point) (tool, error) {
	fresh, err := partial(run, "mlruns", id)
	if err != nil {
		return nil, err
	}
	store, err := filepath.Abs(filepath.Join(run.Dir, "mlruns"))
	if err != nil {
		return nil, err
	}
	uri := func(dir string) string { return (&url.URL{Scheme: "file", Path: filepath.ToSlash(dir)}).String() }
	final := filepath.Join(store, experiment, id.ID)
	m := &mlflow{
		dir: fresh, files: map[string]string{}, metrics: map[string]string{}, folders: map[string]bool{},
		last: id.Began,
		meta: mlflowRun{
			ArtifactURI: uri(filepath.Join(final, "artifacts")), ExperimentID: experiment, LifecycleStage: "active",
			RunID: id.ID, RunName: run.Name, RunUUID: id.ID, SourceName: "stele", SourceType: mlflowLocal,
			StartTime: id.Began.UnixMilli(), Status: mlflowRunning, Tags: []string{},
		},
	}
	for _, folder := range []string{"artifacts", "metrics", "params", "tags"} {
		if err := os.Mkdir(filepath.Join(fresh, folder), 0o755); err != nil {
			return nil, err
		}
	}
	texts := map[string]string{
		"tags/mlflow.runName": run.Name, "tags/mlflow.source.name": "stele train",
		"tags/mlflow.source.type": "LOCAL", "tags/stele.version": run.Version,
	}
	for key, value := range run.Params {
		texts["params/"+mlflowName(key)] = value
	}
	for name, value := range texts {
		if err := os.WriteFile(filepath.Join(fresh, filepath.FromSlash(name)), []byte(value), 0o644); err != nil {
			return nil, err
		}
	}
	if err := m.writeAll(past); err != nil {
		return nil, err
	}
	if err := m.writeMeta(); err != nil {
		return nil, err
	}
	if err := install(fresh, final); err != nil {
		return nil, err
	}
	m.dir = final
	about := filepath.Join(store, experiment, "meta.yaml")
	if _, err := os.Stat(about); !errors.Is(err, fs.ErrNotExist) {
		return m, err
	}
	began := id.Began.UnixMilli()
	return m, jsonl.WriteFile(about, mlflowExperiment{
		uri(filepath.Dir(final)), began, experiment, began, "active", Project,
	})
}

// writeMeta writes JSON, which is YAML that leaves nothing to guess: a run called 12:30 is not a number.
func (m *mlflow) writeMeta() error { return jsonl.WriteFile(filepath.Join(m.dir, "meta.yaml"), m.meta) }

func (m *mlflow) write(p Point) error { return m.writeAll([]Point{p}) }

// writeAll adds the lines of some points, file by file.
func (m *mlflow) writeAll(points []Point) error {
	lines := map[string][]byte{}
	for _, p := range points {
		m.last = p.Time
		for _, name := range p.names() {
			if _, err := m.file(name); err != nil {
				return err
			}
			line := strconv.AppendInt(lines[name], p.Time.UnixMilli(), 10)
			line = strconv.AppendFloat(append(line, ' '), p.Values[name], 'g', -1, 64)
			lines[name] = append(strconv.AppendInt(append(line, ' '), int64(p.Step), 10), '\n')
		}
	}
	for name, text := range lines {
		if err := appendTo(filepath.Join(m.dir, "metrics", filepath.FromSlash(m.files[name])), text); err != nil {
			return err
		}
	}
	return nil
}

// appendTo adds lines to a file, or leaves it as it was.
func appendTo(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	about, err := f.Stat()
	if err != nil {
		return err
	}
	return (&grown{f, about.Size()}).write(text)
}

func (m *mlflow) close(ended bool) error {
	end := m.last.UnixMilli()
	m.meta.EndTime, m.meta.Status = &end, mlflowKilled
	if ended {
		m.meta.Status = mlflowFinished
	}
	return m.writeMeta()
}

// file returns the file of a metric. Metrics with a slash lie in folders, and a name cannot be that of a file
// and of a folder: where reward/en is a metric, the one that is called reward is in reward/all. That holds
// whichever comes first.
func (m *mlflow) file(metric string) (string, error) {
	if file, ok := m.files[metric]; ok {
		return file, nil
	}
	name := mlflowName(metric)
	for parent := path.Dir(name); parent != "."; parent = path.Dir(parent) {
		if other, taken := m.metrics[parent]; taken {
			if err := m.move(other, parent); err != nil {
				return "", err
			}
		}
	}
	if m.folders[name] {
		name += "/all"
	}
	for m.metrics[name] != "" || m.folders[name] {
		name += "_"
	}
	m.place(metric, name)
	return name, nil
}

// move takes a metric's file out of the way of a folder.
func (m *mlflow) move(metric, folder string) error {
	delete(m.metrics, folder)
	m.place(metric, folder+"/all")
	from := filepath.Join(m.dir, "metrics", filepath.FromSlash(folder))
	aside := from + ".moved"
	if err := os.Rename(from, aside); err != nil {
		if errors.Is(err, fs.ErrNotExist) { // it has no line yet
			return nil
		}
		return err
	}
	if err := os.MkdirAll(from, 0o755); err != nil {
		return err
	}
	return os.Rename(aside, filepath.Join(from, "all"))
}

func (m *mlflow) place(metric, name string) {
	m.files[metric], m.metrics[name] = name, metric
	for parent := path.Dir(name); parent != "."; parent = path.Dir(parent) {
		m.folders[parent] = true
	}
}

// mlflowName is a name as MLflow has it: a relative path of letters, digits, spaces and _.- with nothing
// that leads elsewhere.
func mlflowName(name string) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_.- /", r) {
			return r
		}
		return '_'
	}, name)
	parts := strings.Split(clean, "/")
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" || part == "." })
	for i, part := range parts {
		if part == ".." {
			parts[i] = "__"
		}
	}
	if len(parts) == 0 {
		return "_"
	}
	return strings.Join(parts, "/")
}
