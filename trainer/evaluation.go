package trainer

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/metric"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/trainer/logger"
)

// Evaluation is a line of RUN/eval.jsonl: the model after a step, measured. The
// samples and results behind it are in RUN/eval/step-N.
type Evaluation struct {
	Step       int                `json:"step"` // 0 is the initial model
	Accuracy   float64            `json:"accuracy"`
	AccuracySE *float64           `json:"accuracy_se"`
	OffTarget  float64            `json:"off_target"`
	Truncated  float64            `json:"truncated"`   // share of samples cut off at the limit
	Scores     metric.Scores      `json:"scores"`      // accuracy by benchmark and language
	OffTargets map[string]float64 `json:"off_targets"` // by language, over the benchmarks
	// DeltaR, a ratio, DeltaRTrain and MTI compare with step 0, by benchmark; they are left
	// out where the initial model was not measured.
	DeltaR      map[string]map[string]*float64 `json:"delta_r,omitempty"`
	DeltaRTrain map[string]*float64            `json:"delta_r_train,omitempty"`
	MTI         map[string]*float64            `json:"mti,omitempty"`
}

// evaluations are the measurements of a run, by ascending step.
type evaluations struct {
	path string
	all  []Evaluation
}

// read loads eval.jsonl; a last line that was cut off is left out.
func (e *evaluations) read() error {
	data, err := os.ReadFile(e.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for line := range bytes.Lines(data) {
		var one Evaluation
		if json.Unmarshal(line, &one) != nil {
			break
		}
		e.all = append(e.all, one)
	}
	return nil
}

// write puts eval.jsonl on disk, whole.
func (e *evaluations) write() error {
	w, err := jsonl.Create(e.path)
	if err != nil {
		return err
	}
	defer w.Abort()
	for _, one := range e.all {
		if err := w.Write(one); err != nil {
			return err
		}
	}
	return w.Close()
}

// has reports whether a step was measured.
func (e *evaluations) has(step int) bool {
	return slices.ContainsFunc(e.all, func(one Evaluation) bool { return one.Step == step })
}

// rewind forgets what was measured after steps that are not to be kept.
func (e *evaluations) rewind(keep func(step int) bool) error {
	e.all = nil
	if err := e.read(); err != nil {
		return err
	}
	n := len(e.all)
	e.all = slices.DeleteFunc(e.all, func(one Evaluation) bool { return !keep(one.Step) })
	if len(e.all) != n {
		if err := e.write(); err != nil {
			return err
		}
	}
	folders, err := filepath.Glob(filepath.Join(filepath.Dir(e.path), "eval", "step-*"))
	if err != nil {
		return err
	}
	for _, folder := range folders {
		if at, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(folder), "step-")); err == nil &&
			!keep(at) {
			if err := os.RemoveAll(folder); err != nil {
				return err
			}
		}
	}
	return nil
}

// best returns those n of some steps that were measured to be most accurate; of
// equals the earlier.
func (e *evaluations) best(steps []int, n int) []int {
	var measured []Evaluation
	for _, one := range e.all {
		if slices.Contains(steps, one.Step) {
			measured = append(measured, one)
		}
	}
	slices.SortStableFunc(measured, func(a, b Evaluation) int { return cmp.Compare(b.Accuracy, a.Accuracy) })
	var best []int
	for _, one := range measured[:min(n, len(measured))] {
		best = append(best, one.Step)
	}
	return best
}

// stalled reports whether the last patience evaluations were none of them more
// accurate than the best before them.
func (e *evaluations) stalled(patience int) bool {
	if patience == 0 || len(e.all) <= patience {
		return false
	}
	before, last := e.all[:len(e.all)-patience], e.all[len(e.all)-patience:]
	accuracy := func(a, b Evaluation) int { return cmp.Compare(a.Accuracy, b.Accuracy) }
	return slices.MaxFunc(last, accuracy).Accuracy <= slices.MaxFunc(before, accuracy).Accuracy
}

// add sums results up and compares them with the initial model's.
func (e *evaluations) add(step int, results *eval.Results, trained []string) Evaluation {
	one := Evaluation{
		Step: step, Accuracy: results.Mean.Accuracy, AccuracySE: results.Mean.AccuracySE,
		OffTarget: results.Mean.OffTarget, Truncated: results.Mean.Truncated,
		Scores: metric.Scores{}, OffTargets: map[string]float64{},
	}
	for name, b := range results.Benchmarks {
		one.Scores[name] = map[string]float64{}
		for language, score := range b.Languages {
			one.Scores[name][language] = score.Accuracy
		}
	}
	for language, score := range results.Languages {
		one.OffTargets[language] = score.OffTarget
	}
	if step > 0 && len(e.all) > 0 && e.all[0].Step == 0 {
		t := metric.NewTransfer(e.all[0].Scores, one.Scores, results.Settings.Languages, trained)
		one.DeltaR, one.DeltaRTrain, one.MTI = t.DeltaR, t.DeltaRTrain, t.MTI
	}
	e.all = append(e.all, one)
	return one
}

// metrics are an evaluation's numbers for loggers.
func (one Evaluation) metrics() Metrics {
	m := Metrics{"step": float64(one.Step), "eval/accuracy": one.Accuracy, "eval/off_target": one.OffTarget,
		"eval/truncated": one.Truncated}
	for name, languages := range one.Scores {
		for language, accuracy := range languages {
			m["eval/"+name+"/"+language] = accuracy
		}
	}
	for name, mti := range one.MTI {
		if mti != nil {
			m["eval/"+name+"/mti"] = *mti
		}
	}
	return m
}

// due reports whether the model is to be measured after a step.
func (c Eval) due(step int, last bool) bool {
	switch {
	case c.Bench == "":
		return false
	case step == 0:
		return c.Before
	}
	return last || c.Every > 0 && step%c.Every == 0
}

// measure evaluates the model as it is, unless that was done before.
func (r *run) measure(ctx context.Context, last bool) error {
	step := r.done
	if !r.config.Eval.due(step, last) || r.options.Evaluate == nil {
		return nil
	}
	folder := fmt.Sprintf("step-%d", step)
	done, err := r.first(func() bool { return r.evaluations.has(step) })
	if err != nil {
		return err
	}
	if !done {
		asking, err := r.enter(ctx, evaluating, step)
		if err != nil {
			return err
		}
		if err := r.together(r.evaluate(asking, folder)); err != nil {
			return r.dropped(ctx, err)
		}
	}
	// The first and the last evaluation are also found under the names that say so.
	if step == 0 {
		return r.together(r.link("before", folder))
	}
	if last {
		return r.together(r.link("after", folder))
	}
	return nil
}

// evaluate measures the model after the steps taken. Processes share the questions, and process 0 notes the results.
func (r *run) evaluate(ctx context.Context, folder string) error {
	dir := filepath.Join(r.dir, "eval", folder)
	if r.started.older && r.writes() { // half an evaluation with settings that are not all known
		if err := r.guarded("clearing "+dir, 0, func() error { return os.RemoveAll(dir) }); err != nil {
			return err
		}
	}
	results, err := r.options.Evaluate(ctx, r.engine, dir)
	if err != nil && r.job.Size > 1 && !cluster.IsAgreed(err) {
		r.job.Abort(err) // the others are in the evaluation, and wait for this process
	}
	if err != nil || !r.writes() {
		return err
	}
	one := r.evaluations.add(r.done, results, r.config.Data.Languages)
	if err := r.guarded("writing "+r.evaluations.path, 0, r.evaluations.write); err != nil {
		return err
	}
	r.loggers.Write(logger.Point{Step: r.done, Time: time.Now(), Values: one.metrics().forLoggers()})
	return nil
}

// link makes RUN/eval/name lead to a folder beside it.
func (r *run) link(name, folder string) error {
	if !r.writes() {
		return nil
	}
	parent := filepath.Join(r.dir, "eval")
	defer r.guard("naming "+filepath.Join(parent, name), 0)()
	fresh := filepath.Join(parent, "."+name)
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return errors.Join(os.Symlink(folder, fresh), os.Rename(fresh, filepath.Join(parent, name)))
}
