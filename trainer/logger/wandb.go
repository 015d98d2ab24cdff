package logger

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// wandb writes RUN/wandb/offline-run-DATE-ID/run-ID.wandb, as Weights & Biases' client does where it is
// offline, and as wandb sync reads it: a log (see transactionLog) of wandb_internal.Record messages.
type wandb struct {
	log   transactionLog
	began int64 // Unix seconds
	num   uint64
	steps pending
}

// Fields of wandb_internal.Record and of what it holds (wandb/proto/wandb_internal.proto).
const (
	recordNum, recordHistory, recordSummary, recordRun = 1, 2, 3, 17
	recordExit, recordHeader                           = 18, 21
	headerVersion, versionProducer, versionConsumer    = 1, 1, 2
	runID, runProject, runConfig, runName              = 1, 3, 4, 8
	runStartTime, timestampSeconds                     = 17, 1
	configUpdate, summaryUpdate, historyItem           = 1, 1, 1
	historyStep, stepNum                               = 2, 1
	itemKey, itemValue                                 = 1, 16 // the same in configurations, summaries and history
	exitCode, exitRuntime                              = 1, 2
)

// minWandb is the oldest client that these records are for.
const minWandb = "0.16.0"

func newWandb(run Run, id identity, past []Point) (tool, error) {
	short := id.ID[:12]
	fresh, err := partial(run, "wandb", id)
	if err != nil {
		return nil, err
	}
	name := "run-" + short + ".wandb"
	f, err := os.Create(filepath.Join(fresh, name))
	if err != nil {
		return nil, err
	}
	w := &wandb{log: transactionLog{file: grown{file: f}}, began: id.Began.Unix()}
	w.steps.row = w.row
	err = w.begin(run, id, short, past)
	if err == nil {
		err = os.Mkdir(filepath.Join(fresh, "files"), 0o755)
	}
	if err == nil {
		err = install(fresh, filepath.Join(run.Dir, "wandb",
			"offline-run-"+id.Began.Format("20060102_150405")+"-"+short))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return w, nil
}

// begin writes what the file begins with, and the points that there are.
func (w *wandb) begin(run Run, id identity, short string, past []Point) error {
	if err := w.log.begin(); err != nil {
		return err
	}
	version := bytesField(nil, versionProducer, []byte(minWandb))
	version = bytesField(version, versionConsumer, []byte(minWandb))
	if err := w.record(recordHeader, bytesField(nil, headerVersion, version)); err != nil {
		return err
	}
	var config map[string]json.RawMessage
	if err := json.Unmarshal(run.Config, &config); err != nil {
		return fmt.Errorf("the configuration is no JSON object: %w", err)
	}
	var settings []byte
	for _, key := range slices.Sorted(maps.Keys(config)) {
		settings = bytesField(settings, configUpdate, item(key, config[key]))
	}
	about := bytesField(nil, runID, []byte(short))
	about = bytesField(about, runProject, []byte(Project))
	about = bytesField(about, runConfig, settings)
	about = bytesField(about, runName, []byte(run.Name))
	about = bytesField(about, runStartTime, varintField(nil, timestampSeconds, uint64(id.Began.Unix())))
	if err := w.record(recordRun, about); err != nil {
		return err
	}
	return w.steps.replay(past)
}

// record adds a Record that holds a message as one of its fields.
func (w *wandb) record(field protowire.Number, message []byte) error {
	w.num++
	return w.log.write(bytesField(varintField(nil, recordNum, w.num), field, message))
}

func (w *wandb) write(p Point) error { return w.steps.write(p) }

// row writes a step: a row of the history, and the summary, which has the latest value of each.
func (w *wandb) row(p Point) error {
	var history, summary []byte
	add := func(key string, value any) error {
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		history = bytesField(history, historyItem, item(key, text))
		summary = bytesField(summary, summaryUpdate, item(key, text))
		return nil
	}
	for _, name := range p.names() {
		if err := add(name, p.Values[name]); err != nil {
			return err
		}
	}
	seconds := float64(p.Time.UnixMilli()) / 1e3
	for _, own := range []struct {
		key   string
		value any
	}{{"_step", p.Step}, {"_timestamp", seconds}, {"_runtime", max(seconds-float64(w.began), 0)}} {
		if err := add(own.key, own.value); err != nil {
			return err
		}
	}
	history = bytesField(history, historyStep, varintField(nil, stepNum, uint64(p.Step)))
	if err := w.record(recordHistory, history); err != nil {
		return err
	}
	return w.record(recordSummary, summary)
}

// close writes the last step and, of a run that has all its steps, that it ended well. Without that the
// client takes the run for one that crashed, as it does with its own.
func (w *wandb) close(ended bool) error {
	last := w.steps.point
	err := w.steps.flush()
	if err == nil && ended {
		exit := varintField(nil, exitCode, 0)
		if last != nil {
			exit = varintField(exit, exitRuntime, uint64(max(last.Time.Unix()-w.began, 0)))
		}
		err = w.record(recordExit, exit)
	}
	if e := w.log.file.close(); err == nil {
		err = e
	}
	return err
}

// item is a key and its value in JSON.
func item(key string, value []byte) []byte {
	return bytesField(bytesField(nil, itemKey, []byte(key)), itemValue, value)
}
