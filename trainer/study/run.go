package study

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/runlock"
	"github.com/stele-lm/stele/internal/threads"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/trainer"
)

// Runner does a job's work. Each goes on with what is in the folder already, and returns
// the context's error when that ends.
type Runner interface {
	// Train trains. Which settings have no effect has been said.
	Train(ctx context.Context, config trainer.Config, w Work) error
	// Evaluate measures the model in a folder, or of a name, with the work's adapter; called is what the
	// results call it.
	Evaluate(ctx context.Context, e Evaluation, model, called string, w Work) error
}

// Work says where and how a job is done.
type Work struct {
	Job string // its name
	Out string // its folder
	// ModelTail is the model's path in the study's folder, which may lie elsewhere than when the job
	// was begun; empty for a model that is not of the study.
	ModelTail string
	// AdapterTail is that of the adapter that is trained further.
	AdapterTail string
	// Adapter is the folder or hub id of the one that is added to the model; empty for none.
	Adapter string
	Threads int       // of host kernels; no number depends on them
	Say     io.Writer `json:"-"` // gets what everybody must know
}

// Run is a study in the making.
type Run struct {
	Study   *Study
	Dir     string
	Runner  Runner
	Options Options
	// Update does again what the file changed; otherwise a change is an error.
	Update bool
	// Workers is how many jobs may be done at the same time, in this process; 0 is 1. What
	// they leave does not depend on it.
	Workers int
	// Say gets what everybody must know: of jobs that are done at the same time whole lines,
	// each after the job's name. It may be nil.
	Say io.Writer
	// Version is that of stele, for the report.
	Version string
	// Guard watches over the reading and writing of records until done is called, while other processes wait for
	// this one: a file system that hangs says nothing. It may be nil.
	Guard runlock.Guard

	voice  voice
	mu     sync.Mutex
	failed []string // jobs that were not done, with the reason
	missed map[string]bool
	jobs   []*Job
}

// All does every job that is not done, and then the report. A job that fails is said, and
// the others go on; the error says how many were not done.
func (r *Run) All(ctx context.Context) error {
	if err := r.prepare(r.Study.Jobs); err != nil {
		return err
	}
	if err := errors.Join(r.sayOthers(), r.sayIgnored(r.Study.Jobs)); err != nil {
		return err
	}
	r.missed, r.jobs = map[string]bool{}, r.Study.Jobs
	used := watchCores()
	defer used()
	newPool(r.Study.Jobs, max(r.Workers, 1)).run(ctx, func(j *Job, others int) {
		err := r.job(ctx, j, others, false)
		switch {
		case ctx.Err() != nil && err != nil:
			r.stopped(j, err)
		case err != nil:
			r.say("%s: not done: %v", j.Name, err)
			r.mu.Lock()
			r.missed[j.Name] = true
			r.failed = append(r.failed, fmt.Sprintf("%s: %v", j.Name, err))
			r.mu.Unlock()
		}
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	compiled, reused := backend.Compiled()
	onDisk := ""
	if n := backend.Loaded(); n > 0 {
		onDisk = fmt.Sprintf("; %d of them were found on disk", n)
	}
	r.say("%d jobs in %v; %d programs compiled, and used again %d times%s", len(r.jobs), used(), compiled, reused,
		onDisk)
	if len(r.failed) > 0 {
		return fmt.Errorf("%d of %d jobs were not done; the same command tries them again: %s", len(r.failed),
			len(r.Study.Jobs), strings.Join(r.failed, "; "))
	}
	return nil
}

// stopped says that a job was stopped, and what else went wrong with it then.
func (r *Run) stopped(j *Job, err error) {
	if !errors.Is(err, context.Canceled) {
		r.say("%s: %v", j.Name, err)
	}
	r.say("stopped at %s: the same command continues from there", j.Name)
}

// One does a job, and before it those of the jobs that it needs that are not done. A job
// that another process has is waited for.
func (r *Run) One(ctx context.Context, j *Job) error {
	jobs := r.before(j)
	if err := r.prepare(jobs); err != nil {
		return err
	}
	if err := r.sayIgnored(jobs); err != nil {
		return err
	}
	r.missed, r.jobs = map[string]bool{}, jobs
	for _, j := range jobs {
		if err := r.job(ctx, j, 0, true); err != nil {
			if ctx.Err() != nil {
				r.stopped(j, err)
				return ctx.Err()
			}
			return fmt.Errorf("%s: %w", j.Name, err)
		}
	}
	return nil
}

// before lists a job after all that it needs.
func (r *Run) before(j *Job) (all []*Job) {
	for _, need := range j.Needs {
		for _, k := range r.before(r.Study.Job(need)) {
			if !slices.Contains(all, k) {
				all = append(all, k)
			}
		}
	}
	return append(all, j)
}

// sayOthers says which jobs of the folder are none of the file's.
func (r *Run) sayOthers() error {
	records, err := filepath.Glob(filepath.Join(r.Dir, jobsName, "*", "*.json"))
	var others []string
	for _, path := range records {
		name, err := filepath.Rel(filepath.Join(r.Dir, jobsName), strings.TrimSuffix(path, ".json"))
		if err != nil {
			return err
		}
		if name = filepath.ToSlash(name); r.Study.Job(name) == nil && !strings.HasPrefix(filepath.Base(path), ".") {
			others = append(others, name)
		}
	}
	if len(others) > 0 {
		r.say("%s also has %s, which the file does not name: left as it is, and not reported", r.Dir, some(others))
	}
	return err
}

// prepare refuses a folder of something else, and a file that changed what was begun.
func (r *Run) prepare(jobs []*Job) error {
	if r.Say == nil {
		r.Say = io.Discard
	}
	r.voice.w = r.Say
	err := r.guarded("reading "+r.Dir, func() error {
		if err := r.owns(); err != nil {
			return err
		}
		if _, err := r.Study.changes(r.Dir, jobs, r.Options); err != nil && !r.Update {
			return err
		}
		return os.MkdirAll(filepath.Join(r.Dir, jobsName), 0o755)
	})
	if err != nil {
		return err
	}
	if r.Update {
		if err := r.forget(jobs); err != nil {
			return err
		}
	}
	return r.keepFile()
}

// keepFile puts the study's file into its folder, one process at a time.
func (r *Run) keepFile() (err error) {
	release, err := r.take(context.Background(), "study", true)
	if err != nil {
		return err
	}
	path := filepath.Join(r.Dir, "study.yaml")
	defer r.guard("writing " + path)()
	defer func() { err = errors.Join(err, release()) }()
	if err := sweep(path); err != nil {
		return err
	}
	if there, err := os.ReadFile(path); err == nil && bytes.Equal(there, r.Study.text) {
		return nil
	}
	return jsonl.WriteBytes(path, r.Study.text)
}

// owns refuses a folder that holds something that is no study.
func (r *Run) owns() error {
	if err := jsonl.CheckFolder(r.Dir); err != nil {
		return err
	}
	entries, err := os.ReadDir(r.Dir)
	if errors.Is(err, fs.ErrNotExist) || len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(r.Dir, jobsName)); err != nil {
		return fmt.Errorf("%s is not empty (%s) and holds no study: choose another folder", r.Dir,
			entries[0].Name())
	}
	return nil
}

// changes finds the jobs that were begun with other settings; the error names the settings.
func (s *Study) changes(dir string, jobs []*Job, options Options) (map[string]bool, error) {
	changed := map[string]bool{}
	of := map[string][]string{} // jobs by what differs
	var order []string
	for _, j := range jobs {
		r, err := readRecord(dir, j.Name)
		if err != nil {
			return nil, err
		}
		if r == nil || j.Kind == Reports || !r.produced(dir) {
			continue
		}
		now, err := s.settings(dir, j, options)
		if err != nil {
			return nil, err
		}
		for _, differ := range r.changed(now) {
			changed[j.Name] = true
			if of[differ] == nil {
				order = append(order, differ)
			}
			of[differ] = append(of[differ], j.Name)
		}
	}
	if len(order) == 0 {
		return changed, nil
	}
	for i, differ := range order {
		order[i] = fmt.Sprintf("%s (%s)", differ, some(of[differ]))
	}
	return changed, fmt.Errorf("%s was begun with other settings: %s: put them back, choose another folder, "+
		"or run what they affect again with --update", dir, strings.Join(order, "; "))
}

// some names jobs: all where they are few.
func some(jobs []string) string {
	if n := len(jobs); n > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(jobs[:2], ", "), n-2)
	}
	return strings.Join(jobs, ", ")
}

// forget removes the jobs whose settings changed, and what was made from them: those that
// depend on others first, so that what is there is always of what is there.
func (r *Run) forget(jobs []*Job) error {
	changed, err := r.Study.changes(r.Dir, r.Study.Jobs, r.Options)
	if err != nil && len(changed) == 0 {
		return err
	}
	maps.DeleteFunc(changed, func(name string, _ bool) bool {
		return !slices.ContainsFunc(jobs, func(j *Job) bool { return j.Name == name })
	})
	for _, j := range slices.Backward(r.Study.stale(changed)) {
		if err := r.remove(j); err != nil {
			return fmt.Errorf("%s: %w", j.Name, err)
		}
	}
	return nil
}

// stale lists the jobs that changed and those that are made from them, in the study's order.
func (s *Study) stale(changed map[string]bool) (all []*Job) {
	for _, j := range s.Jobs { // in the order in which they depend on each other
		if changed[j.Name] || slices.ContainsFunc(all, func(a *Job) bool { return slices.Contains(j.Needs, a.Name) }) {
			all = append(all, j)
		}
	}
	return all
}

// remove removes a job's folder and record.
func (r *Run) remove(j *Job) error {
	record, err := r.record(j.Name)
	if err != nil || record == nil {
		return err
	}
	release, err := r.take(context.Background(), j.Name, false)
	if err != nil {
		return err
	}
	r.say("%s: removed, to be run again", j.Name)
	folder, removed := r.folder(j), r.removed(j)
	defer r.guard("removing " + folder)()
	err = os.RemoveAll(removed)
	if moved := os.Rename(folder, removed); err == nil && !errors.Is(moved, fs.ErrNotExist) {
		err = moved
	}
	if err == nil {
		err = os.Remove(recordPath(r.Dir, j.Name))
	}
	return errors.Join(err, os.RemoveAll(removed), release())
}

// folder returns the path that a job writes to.
func (r *Run) folder(j *Job) string { return filepath.Join(r.Dir, filepath.FromSlash(j.Name)) }

// removed returns the path that a job's folder has while it is being removed.
func (r *Run) removed(j *Job) string {
	folder := r.folder(j)
	return filepath.Join(filepath.Dir(folder), "."+filepath.Base(folder)+".removed")
}

// job does a job, or finds that it is done; others may be done beside it.
func (r *Run) job(ctx context.Context, j *Job, others int, wait bool) (err error) {
	for _, need := range j.Needs {
		r.mu.Lock()
		missed := r.missed[need]
		r.mu.Unlock()
		if missed {
			return fmt.Errorf("it needs %s, which was not done", need)
		}
	}
	number := slices.Index(r.jobs, j) + 1
	release, err := r.take(ctx, j.Name, wait)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	now, err := r.begin(j, number)
	if err != nil || now.State == Done {
		return err
	}
	r.say("[%d/%d] %s", number, len(r.jobs), j.Name)
	err = r.work(ctx, j, others, now)
	switch {
	case err == nil:
		now.State = Done
	case ctx.Err() != nil:
		return err
	default:
		now.State, now.Error = Failed, err.Error()
	}
	return errors.Join(err, r.keepRecord(now))
}

// begin returns the record of a job that this process has taken: one that is done, or else one that was just begun.
func (r *Run) begin(j *Job, number int) (*record, error) {
	defer r.guard("reading " + recordPath(r.Dir, j.Name))()
	if err := sweep(recordPath(r.Dir, j.Name)); err != nil {
		return nil, err
	}
	settings, err := r.Study.settings(r.Dir, j, r.Options)
	if err != nil {
		return nil, err
	}
	now, err := readRecord(r.Dir, j.Name)
	if err != nil {
		return nil, err
	}
	if now != nil && j.Kind == Reports && now.changed(settings) != nil {
		now = nil // it is made of what is done now
	}
	if now != nil && !now.produced(r.Dir) {
		now = nil // it left nothing that other settings could change
	}
	if now != nil { // another process may have begun it since
		if differ := now.changed(settings); len(differ) > 0 {
			return nil, fmt.Errorf("it was begun with other settings: %s: put them back, or run it again with --update",
				strings.Join(differ, ", "))
		}
		if now.State == Done {
			r.say("[%d/%d] %s is done", number, len(r.jobs), j.Name)
			return now, nil
		}
	}
	if err := os.RemoveAll(r.removed(j)); err != nil { // of an update that was killed
		return nil, err
	}
	now = &record{Job: j.Name, State: Begun, Settings: settings}
	return now, r.keepRecord(now)
}

// record is readRecord, watched over.
func (r *Run) record(job string) (*record, error) {
	defer r.guard("reading " + recordPath(r.Dir, job))()
	return readRecord(r.Dir, job)
}

// keepRecord writes a job's record.
func (r *Run) keepRecord(now *record) error {
	defer r.guard("writing " + recordPath(r.Dir, now.Job))()
	return now.write(r.Dir)
}

// guard is Guard, where there is one.
func (r *Run) guard(what string) (done func()) {
	if r.Guard == nil {
		return func() {}
	}
	return r.Guard(what, 0)
}

// guarded does work that guard watches over.
func (r *Run) guarded(what string, work func() error) error {
	defer r.guard(what)()
	return work()
}

// work does a training or an evaluation.
func (r *Run) work(ctx context.Context, j *Job, others int, now *record) error {
	w := Work{Job: j.Name, Out: r.folder(j), Threads: max(1, threads.Count/(others+1)), Say: r.Say}
	if r.Workers > 1 {
		w.Say = r.voice.of(j.Name)
	}
	model, called := j.Model, withAdapter(j.Model, j.Adapter)
	config := j.Config
	w.Adapter = j.Adapter
	if j.From != "" {
		from, err := r.record(j.From)
		if err != nil {
			return err
		}
		if from == nil || from.State != Done {
			return fmt.Errorf("it needs %s, which is not done", j.From)
		}
		called = j.From + "/" + from.Checkpoint
		w.ModelTail = filepath.FromSlash(called)
		model = filepath.Join(r.Dir, filepath.FromSlash(called))
		if made := r.Study.Job(j.From); made.savesAdapter() {
			w.Adapter = filepath.Join(model, checkpoint.AdapterFolder)
			w.AdapterTail = filepath.Join(w.ModelTail, checkpoint.AdapterFolder)
			if base := made.Config.LoRA.Base; j.Kind == Evaluate && made.Config.LoRA.Format().Quantises() &&
				w.Say != nil {
				fmt.Fprintf(w.Say, "%s was trained over a base in %s and is measured over the base as it is: set "+
					"lora.merge for the model that was trained\n", j.From, base)
			}
			if model, w.ModelTail, err = r.startOf(made); err != nil {
				return err
			}
			config.LoRA.Adapter = w.Adapter
		}
	}
	switch j.Kind {
	case Reports:
		return r.report(ctx)
	case Evaluate:
		return r.Runner.Evaluate(ctx, j.Evaluation, model, called, w)
	}
	config.Model = model
	if err := r.Runner.Train(ctx, config, w); err != nil {
		return err
	}
	var err error
	now.Checkpoint, err = trainer.LastCheckpoint(w.Out)
	return err
}

// startOf returns the whole model that a training began with, and its path in the study's folder, "" for one that
// is not of the study. An adapter is trained further over the model that it was begun with.
func (r *Run) startOf(training *Job) (model, tail string, err error) {
	if training.From == "" {
		return training.Model, "", nil
	}
	if made := r.Study.Job(training.From); made.savesAdapter() {
		return r.startOf(made)
	}
	from, err := r.record(training.From)
	if err != nil {
		return "", "", err
	}
	if from == nil || from.State != Done {
		return "", "", fmt.Errorf("it needs %s, which is not done", training.From)
	}
	tail = filepath.FromSlash(training.From + "/" + from.Checkpoint)
	return filepath.Join(r.Dir, tail), tail, nil
}

// sweep removes what processes that were killed while they wrote the file at path left of it.
// None may write it now.
func sweep(path string) error {
	dir, name := filepath.Dir(path), filepath.Base(path)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if jsonl.IsPartial(e.Name(), name) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

func (r *Run) say(format string, args ...any) { r.voice.say(format, args...) }
