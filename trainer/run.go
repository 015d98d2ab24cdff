package trainer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"time"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/answer"
	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/eval/langid"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/runlock"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/trainer/learner"
	"github.com/stele-lm/stele/trainer/logger"
	"github.com/stele-lm/stele/trainer/lora"
	"github.com/stele-lm/stele/trainer/memory"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/problems"
	"github.com/stele-lm/stele/trainer/reward"
)

// Options of a run that are no settings: where it runs, whom it tells.
type Options struct {
	Backend, DType string
	Kernels        engine.Kernels // of the rollouts
	// Devices is among how many devices of the backend sequences and gradient passes are divided; 0 means 1.
	Devices int
	Version string // of stele, for the manifest
	// Shared and Threads are those of the model, as in engine.Options.
	Shared  *backend.Shared
	Threads int
	Resume  bool // go on with the run in the output folder
	// GoOn says how a run that is stopped goes on, where that is not by stele train.
	GoOn string
	// IgnoredSaid says that somebody has said which settings have no effect (Config.Ignored).
	IgnoredSaid bool
	// ModelTail is the end of the model's path that tells which it is: what a run goes on with may
	// lie elsewhere than it did, under another path before it. Empty where the path is the model.
	ModelTail string
	// AdapterTail is that of the adapter that is trained further.
	AdapterTail string
	// Memory is the limit on the run's use of the device, bytes; 0 takes what is free on a
	// CPU's machine, and elsewhere what the device says, if it does.
	Memory int64
	// Log gets remarks for a person who wants to know more; Say what everybody must
	// know. Either may be nil.
	Log, Say io.Writer
	// Stop ends the run when it is closed, with what it has on disk (see Run); nil never
	// does.
	Stop <-chan struct{}
	// Job is the processes that take the run's steps together; nil for this one alone.
	Job *cluster.Job
	// OnStep is called with each step's metrics once they are on disk.
	OnStep func(step, steps int, metrics Metrics)
	// Evaluate measures the model as it is and keeps what it finds in the folder
	// out; it is called when the configuration names a benchmark.
	Evaluate func(ctx context.Context, e *engine.Engine, out string) (*eval.Results, error)
	// CheckEvaluation refuses what Evaluate would refuse, before the run begins.
	CheckEvaluation func(model *engine.Source) error
}

// run is a training run in progress.
type run struct {
	config  Config
	options Options
	dir     string
	job     *cluster.Job

	engine      *engine.Engine
	reference   *model.Weights // nil without KL
	adapter     *lora.Adapter  // nil without LoRA
	objective   objective.Objective
	learner     *learner.Learner
	order       problems.Order
	scorer      *reward.Scorer
	dataName    string      // the benchmark's, as the grader knows it
	answers     answer.Type // of the benchmark
	loggers     *logger.Set
	evaluations evaluations
	memory      memory.Plan
	available   int64   // bytes that the plan may take; 0 where that is not known
	warned      bool    // of truncated rollouts
	peak        float64 // of the device, FLOP/s; 0 until it is measured

	// What a checkpoint holds besides the model and the optimiser.
	done   int // steps taken
	cursor int // problems taken
	kl     objective.KLController

	peaks        []int64  // the most memory that each process has had, or its first device
	started      Manifest // of a run that is gone on with
	interruption interruption
	stopAgreed   bool         // that a process was asked to stop, when all had an error last
	release      func() error // of the folder
	ended        bool         // with all its steps
	saved        string       // the dtype of checkpoints
	interim      bool         // the checkpoint that is written is that of a run that was stopped
}

func newRun(config Config, dir string, options Options) *run {
	l := config.Loss
	r := &run{
		config: config, options: options, dir: dir, job: jobOf(options),
		evaluations: evaluations{path: filepath.Join(dir, "eval.jsonl")},
		kl:          objective.KLController{Beta: l.Beta, Target: l.KLTarget, Horizon: l.KLHorizon},
	}
	r.interruption.say = r.sayf
	return r
}

// Run trains as config says and writes metrics.jsonl, rollouts, checkpoints and a
// manifest to dir. What Check refuses is refused before anything is written. When
// Options.Stop says so the run ends as soon as it can keep what it has, with an error
// that is context.Canceled; when ctx ends, it drops the step that it is in. Either way,
// and after a kill, Options.Resume goes on as if nothing had happened.
func Run(ctx context.Context, config Config, dir string, options Options) error {
	r := newRun(config, dir, options)
	stop, end := r.stopTogether(options.Stop)
	defer end()
	defer r.interruption.watch(stop)()
	sayKept := sync.OnceFunc(r.sayKept)
	if r.job.Size > 1 { // this process may wait for others then
		defer context.AfterFunc(ctx, func() {
			time.Sleep(time.Second)
			sayKept()
		})()
	}
	before, _ := backend.Compiled()
	loaded, took := backend.Loaded(), backend.CompileTime()
	err := r.run(ctx)
	r.ended = err == nil
	compiled, _ := backend.Compiled()
	r.logf("%d programs, %d of them found compiled on disk, took %.1f s", compiled-before, backend.Loaded()-loaded,
		(backend.CompileTime() - took).Seconds())
	if errors.Is(err, errStopped) && ctx.Err() == nil {
		err = r.keep()
	} else if err != nil && ctx.Err() != nil {
		sayKept()
	}
	if err != nil && r.job.Size > 1 && ctx.Err() == nil && !errors.Is(err, errStopped) && !cluster.IsAgreed(err) {
		r.job.Abort(err) // the others wait for this process
	}
	r.close()
	if r.release != nil {
		err = cmp.Or(err, r.release())
	}
	return err
}

// run takes the steps that are left.
func (r *run) run(ctx context.Context) error {
	look, err := r.enter(ctx, starting, 0)
	if err != nil {
		return err
	}
	found, err := r.check(look)
	if found != nil {
		defer found.close()
	}
	if err != nil {
		return r.dropped(ctx, err)
	}
	if _, err := r.enter(ctx, loading, 0); err != nil {
		return err
	}
	if err := r.together(r.take(ctx)); err != nil {
		return err
	}
	if err := r.checkShared(); err != nil {
		return err
	}
	if err = r.load(found); !cluster.IsAgreed(err) {
		err = r.together(err)
	}
	if err != nil {
		return err
	}
	if err := r.together(r.openLoggers()); err != nil {
		return err
	}
	config := r.config
	if r.done >= config.Steps {
		r.sayf("the run already has all of its %d steps: --set steps=N with a larger N continues it", config.Steps)
	}
	for {
		stalled, err := r.stalled()
		if err != nil {
			return err
		}
		last := r.done >= config.Steps || stalled
		if err := r.measure(ctx, last); err != nil {
			return err
		}
		if again, err := r.stalled(); err != nil || !last && again {
			if err != nil {
				return err
			}
			continue
		}
		if last {
			if stalled && r.done < config.Steps {
				r.sayf("stopped after step %d: accuracy has not risen in %d evaluations", r.done,
					config.Eval.Patience)
			}
			return r.together(r.prune())
		}
		if err := r.advance(ctx); err != nil {
			return err
		}
	}
}

// stalled reports whether evaluations end the run, as process 0 has them.
func (r *run) stalled() (bool, error) {
	if r.config.Eval.Patience == 0 {
		return false, nil
	}
	return r.first(func() bool { return r.evaluations.stalled(r.config.Eval.Patience) })
}

// take makes the folder this run's, and clears away what a killed one left half written.
func (r *run) take(ctx context.Context) (err error) {
	if !r.writes() {
		return nil
	}
	err = r.guarded("making "+r.dir, 0, func() error { return os.MkdirAll(r.dir, 0o755) })
	if err != nil {
		return err
	}
	if r.release, err = runlock.Lock(ctx, r.dir, r.options.Say, r.guard); err != nil {
		return err
	}
	defer r.guard("clearing "+r.dir, 0)()
	return sweep(r.dir)
}

// advance takes a step and puts what came of it on disk.
func (r *run) advance(ctx context.Context) error {
	step, cursor := r.done+1, r.cursor
	metrics, err := r.step(ctx, step)
	if errors.Is(err, errStopped) {
		r.cursor = cursor // the step took problems and changed nothing else
		return err
	}
	if err != nil {
		return fmt.Errorf("step %d: %w", step, err)
	}
	r.done = step
	r.interruption.updated(metrics)
	r.warnTruncated(step, metrics)
	// A checkpoint is written before the metrics, which say how long that took, and
	// gets its name after them: there is none without its step's metrics.
	if r.saves(step) {
		r.interruption.carry(saving, step)
		began := time.Now()
		if err := r.together(r.stage()); err != nil {
			return err
		}
		took := time.Since(began).Seconds()
		metrics["timing_s/save_checkpoint"] = took
		metrics["timing_s/step"] += took
	}
	if err := r.together(r.note(step, metrics)); err != nil {
		return err
	}
	if len(r.peaks) > 0 && r.peaks[0] > 0 {
		r.logf("memory: %s MiB at most so far, planned %d MiB%s", mebibytes(r.peaks), r.memory.Total>>20,
			r.memory.Each())
	}
	if r.saves(step) {
		return r.together(r.publish())
	}
	return nil
}

// note puts a step's metrics on disk and tells of them.
func (r *run) note(step int, metrics Metrics) error {
	if !r.writes() {
		return nil
	}
	err := r.guarded("writing "+r.metricsPath(), 0, func() error { return appendMetrics(r.metricsPath(), metrics) })
	if err != nil {
		return err
	}
	r.loggers.Write(logger.Point{Step: step, Time: time.Now(), Values: metrics.forLoggers()})
	if r.options.OnStep != nil {
		r.options.OnStep(step, r.config.Steps, metrics)
	}
	return nil
}

// warnTruncated says, once, that many rollouts of a step were cut off.
func (r *run) warnTruncated(step int, m Metrics) {
	if share := m["completions/clipped_ratio"]; share > eval.ManyTruncated && !r.warned {
		r.warned = true
		advice := "raise rollout.max_tokens, or leave them out of the loss with loss.mask_truncated"
		if r.config.Loss.MaskTruncated {
			advice = "raise rollout.max_tokens: loss.mask_truncated leaves them out of the loss"
		}
		wrong := "" // what commands make of it is theirs
		if counts := r.config.Reward.Effective(); counts.Accuracy > 0 || counts.Format > 0 {
			wrong = ", and what they did not reach is rewarded as wrong"
		}
		r.sayf("warning: step %d: %.0f %% of the rollouts were cut off at rollout.max_tokens %d%s: %s "+
			"(completions/clipped_ratio has each step's share)",
			step, 100*share, r.config.Rollout.MaxTokens, wrong, advice)
	}
}

// saves reports whether a step gets a checkpoint: every few, the last, and those
// that are measured when the run may end there or the best are kept.
func (r *run) saves(step int) bool {
	c := r.config
	chosen := (c.Save.KeepBest > 0 || c.Eval.Patience > 0) && c.Eval.due(step, false)
	return step%c.Save.Every == 0 || step == c.Steps || chosen
}

func (r *run) step(ctx context.Context, step int) (Metrics, error) {
	if r.config.Samples() {
		return r.stepRollouts(ctx, step)
	}
	return r.stepSolutions(ctx, step)
}

// loadModels opens the model, the reference and the adapter.
func (r *run) loadModels(found *checked) error {
	c := &r.config
	err := r.guarded("loading "+found.source.Dir, r.memory.Total, func() (err error) {
		r.engine, err = found.source.Load()
		return err
	})
	if err != nil {
		return err
	}
	e := r.engine
	if err := e.KeepCompanions(); err != nil {
		return err
	}
	if n := e.Device().Note; n != "" {
		r.logf("%s", n)
	}
	if r.objective, err = c.objective(); err != nil {
		return err
	}
	r.order = problems.Order{Problems: found.set.Problems, Seed: c.Seed, Curriculum: c.Data.Curriculum}
	switch {
	case found.adapter != nil:
		r.adapter, err = lora.Resume(e.Weights, c.LoRA, found.adapter)
	case c.LoRA.Trains():
		r.adapter, err = lora.New(e.Weights, c.LoRA, c.Seed)
	}
	if err != nil {
		return err
	}
	if c.compares() {
		err := r.guarded("loading the reference model", r.memory.Total, func() (err error) {
			r.reference, err = r.loadReference(found.adapter)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// load opens the models and goes back to where the checkpoint was written that the run
// goes on from, if there is one.
func (r *run) load(found *checked) error {
	c, latest, now := &r.config, found.latest, found.now
	err := r.together(r.loadModels(found)) // which learners need
	if err != nil {
		return err
	}
	r.learner, err = learner.New(r.engine.Weights, learner.Options{
		AdamW: c.Optimizer, Objective: r.objective, Beta: c.Loss.Beta, Remat: c.Update.Remat,
		Adapter: r.adapter, Seed: c.Seed, Job: r.job, Say: r.sayf,
	})
	if err != nil {
		return err
	}
	if latest != "" {
		err := r.guarded("reading "+latest, r.memory.Total, func() error { return r.restore(latest, found.at) })
		if err != nil {
			return err
		}
	}
	if r.done < c.Steps {
		if err := r.rehearse(found.plan.workload); err != nil {
			return err
		}
	}
	if r.writes() {
		err := r.guarded("rewriting "+r.metricsPath(), 0, func() error { return r.rewind(r.done) })
		if err != nil {
			return err
		}
	}
	if c.Samples() {
		if r.scorer, r.dataName, r.answers, err = c.scorer(); err != nil {
			return err
		}
		logs := filepath.Join(r.dir, "rewards")
		if r.job.Rank > 0 {
			logs = filepath.Join(logs, fmt.Sprintf("rank-%d", r.job.Rank))
		}
		r.scorer.LogTo(logs)
	}
	if !r.writes() {
		return nil
	}
	path := filepath.Join(r.dir, "manifest.json")
	if latest != "" {
		// What may change in a run that goes on, such as its number of steps, is as of now.
		if reflect.DeepEqual(r.started.Config, *c) {
			return nil
		}
		now = r.started
		if now.Config.Model != c.Model {
			if now.Model, err = modelDir(c.Model); err != nil {
				return err
			}
		}
		now.Config = *c
		return r.guarded("writing "+path, 0, func() error { return jsonl.WriteFile(path, now) })
	}
	if now.Model, err = modelDir(c.Model); err != nil {
		return err
	}
	if now.Weights = found.hashes; now.Weights == nil {
		if now.Weights, err = eval.HashWeights(now.Model); err != nil {
			return err
		}
	}
	if found.adapter != nil {
		done := r.guard("reading "+found.adapter.Dir, r.memory.Total)
		files, err := eval.HashAdapter(found.adapter.Dir)
		if done(); err != nil {
			return err
		}
		maps.Copy(now.Weights, files)
	}
	return r.guarded("writing "+path, 0, func() error { return jsonl.WriteFile(path, now) })
}

// modelDir returns the absolute path of a model's folder.
func modelDir(name string) (string, error) {
	dir, err := engine.Resolve(name)
	if err != nil {
		return "", err
	}
	return filepath.Abs(dir)
}

// scorer judges as an evaluation of the same benchmark does: dataName is what its
// registry entry, be it the user's own, says the grader knows it by.
func (c *Config) scorer() (s *reward.Scorer, dataName string, answers answer.Type, err error) {
	entry, err := bench.Lookup(c.Data.Bench, c.Data.Source(nil))
	if err != nil {
		return nil, "", nil, err
	}
	if answers, err = entry.Answer.Type(); err != nil {
		return nil, "", nil, err
	}
	known, err := c.Data.Source(nil).LanguageTable()
	if err != nil {
		return nil, "", nil, err
	}
	detector, err := langid.Among(c.Reward.LangCandidates, known)
	return reward.NewScorer(c.Reward, detector), entry.DataName, answers, err
}

// restore goes back to where a checkpoint was written.
func (r *run) restore(latest string, s state) error {
	if r.adapter != nil {
		if err := r.adapter.Restore(filepath.Join(latest, checkpoint.AdapterFolder)); err != nil {
			return err
		}
	}
	moments := filepath.Join(latest, momentsFile)
	if err := errors.Join(r.learner.Restore(moments, s.Updates), r.restoreExact(moments)); err != nil {
		return err
	}
	r.engine.Weights.Version = s.Version
	r.done, r.cursor, r.kl.Beta = s.Step, s.Cursor, s.Beta
	r.logf("resumed after step %d from %s", r.done, latest)
	return nil
}

// reader prepares the data of a configuration for a model.
func (c *Config) reader(
	tokenizer *text.Tokenizer, template *text.Template, m *checkpoint.Config,
) *problems.Reader {
	return &problems.Reader{
		Options: c.Data, Tokenizer: tokenizer, Template: template, MaxPrompt: c.Rollout.MaxPrompt, EOS: m.EOS,
		Solutions: !c.Samples(), MaxSolution: cmp.Or(c.Data.MaxSolution, m.MaxPositions),
		Positions: m.MaxPositions, Unanswered: !c.needsAnswers(),
	}
}

// needsAnswers reports whether rollouts are compared with answers: for the reward, or to choose groups.
func (c *Config) needsAnswers() bool {
	return c.Reward.Effective().Accuracy > 0 || c.Rollout.DynamicSampling && c.Rollout.FilterBy == FilterByAccuracy
}

// loadReference loads the model that the run started from, which does not move: weights of its own or, where an
// adapter is trained, those of the engine, with the adapter that the run began with.
func (r *run) loadReference(initial *checkpoint.Adapter) (*model.Weights, error) {
	if r.adapter != nil {
		base, err := r.engine.Weights.Base()
		if err == nil && initial != nil {
			base.Adapter = model.ReadAdapter(initial)
			err = base.Upload()
		}
		return base, err
	}
	dir, err := engine.Resolve(r.config.Model)
	if err != nil {
		return nil, err
	}
	folder, err := checkpoint.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("reference model: %w", err)
	}
	defer folder.Close()
	reference := model.Open(folder, r.engine.Device(), r.engine.Weights.DType)
	reference.Replicate(r.engine.Mesh())
	return reference, reference.Upload()
}

func (r *run) close() {
	if !r.writes() {
		r.loggers = nil
	}
	if err := r.loggers.Close(r.ended); err != nil { // what they say is in metrics.jsonl too
		r.sayf("warning: %v", err)
	}
	if r.learner != nil {
		r.learner.Close()
	}
	switch {
	case r.reference == nil:
	case r.adapter == nil:
		r.reference.Close()
	default: // else it is the engine's weights
		r.reference.Adapter.Close()
	}
	if r.engine != nil {
		r.engine.Close()
	}
}

// logf tells a person who asked for more.
func (r *run) logf(format string, args ...any) {
	if r.options.Log != nil && r.writes() {
		fmt.Fprintf(r.options.Log, format+"\n", args...)
	}
}

// sayf tells a person what they must know.
func (r *run) sayf(format string, args ...any) {
	if r.options.Say != nil && r.writes() {
		fmt.Fprintf(r.options.Say, format+"\n", args...)
	}
}
