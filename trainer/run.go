package trainer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"stele/engine"
	"stele/engine/checkpoint"
	"stele/engine/jsonl"
	"stele/engine/model"
	"stele/engine/text"
	"stele/eval"
	"stele/eval/bench"
	"stele/eval/langid"
	"stele/kernels"
	"stele/kernels/host"
	"stele/trainer/reward"
)

// Options are what a run needs besides its configuration.
type Options struct {
	Backend, DType string
	Kernels        engine.Kernels // of the rollouts
	Version        string         // of stele, for the manifest
	Resume         bool           // go on with the run in the output folder
	// Memory is what the run may use of the device, bytes; 0 is what a CPU's machine
	// has free, and is not checked elsewhere, where the device does not say.
	Memory int64
	// Log gets remarks for a person who wants to know more; Say what everybody must
	// know. Either may be nil.
	Log, Say io.Writer
	// OnStep is called with each step's metrics once they are on disk.
	OnStep func(step, steps int, metrics Metrics)
	// Evaluate measures the model as it is and keeps what it finds in the folder
	// out; it is called when the configuration names a benchmark.
	Evaluate func(ctx context.Context, e *engine.Engine, out string) (*eval.Results, error)
}

// run is a training run in progress.
type run struct {
	config  Config
	options Options
	dir     string

	engine      *engine.Engine
	reference   *model.Weights // nil without KL
	adapter     *Adapter       // nil without LoRA
	learner     *Learner
	order       order
	scorer      *reward.Scorer
	dataName    string
	events      eventWriter
	evaluations evaluations
	memory      MemoryPlan
	warned      bool    // of truncated rollouts
	peak        float64 // of the device, FLOP/s; 0 until it is measured

	// What a checkpoint holds besides the model and the optimiser.
	done   int // steps taken
	cursor int // problems taken
	kl     KLController

	started Manifest // of a run that is gone on with
}

// Run trains as config says and writes metrics.jsonl, rollouts, checkpoints and a
// manifest to dir. An interrupted run loses nothing but the step it was in and
// goes on with Options.Resume.
func Run(ctx context.Context, config Config, dir string, options Options) (err error) {
	if err := config.validate(); err != nil {
		return err
	}
	l := config.Loss
	r := &run{
		config: config, options: options, dir: dir, events: eventWriter{dir: dir},
		evaluations: evaluations{path: filepath.Join(dir, "eval.jsonl")},
		kl:          KLController{Beta: l.Beta, Target: l.KLTarget, Horizon: l.KLHorizon},
	}
	latest, at, err := r.prepare()
	if err != nil {
		return err
	}
	defer r.close()
	if err := r.load(latest, at); err != nil {
		return err
	}
	for {
		stalled := r.evaluations.stalled(config.Eval.Patience)
		last := r.done >= config.Steps || stalled
		if err := r.measure(ctx, last); err != nil {
			return err
		}
		if !last && r.evaluations.stalled(config.Eval.Patience) {
			continue
		}
		if last {
			if stalled && r.done < config.Steps {
				r.sayf("stopped after step %d: accuracy has not risen in %d evaluations", r.done, config.Eval.Patience)
			}
			return r.prune()
		}
		step := r.done + 1
		metrics, err := r.step(ctx, step)
		if err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
		r.done = step
		r.warnTruncated(step, metrics)
		// A checkpoint is written before the metrics, which say how long that took, and
		// gets its name after them: there is none without its step's metrics.
		if r.saves(step) {
			began := time.Now()
			if err := r.stage(); err != nil {
				return err
			}
			took := time.Since(began).Seconds()
			metrics["timing_s/save_checkpoint"] = took
			metrics["timing_s/step"] += took
		}
		if err := appendMetrics(r.metricsPath(), metrics); err != nil {
			return err
		}
		if err := r.events.write(step, float64(time.Now().UnixNano())/1e9, metrics); err != nil {
			return err
		}
		if options.OnStep != nil {
			options.OnStep(step, config.Steps, metrics)
		}
		if peak := PeakMemory(); r.engine.Device().IsCPU() && peak > 0 {
			r.logf("memory: %d MiB at most so far, planned %d MiB", peak>>20, r.memory.Total>>20)
		}
		if r.saves(step) {
			if err := r.publish(); err != nil {
				return err
			}
		}
	}
}

// warnTruncated says, once, that many rollouts of a step were cut off.
func (r *run) warnTruncated(step int, m Metrics) {
	if share := m["completions/clipped_ratio"]; share > eval.ManyTruncated && !r.warned {
		r.warned = true
		advice := "raise rollout.max_tokens, or leave them out of the loss with loss.mask_truncated"
		if r.config.Loss.MaskTruncated {
			advice = "raise rollout.max_tokens: loss.mask_truncated leaves them out of the loss"
		}
		r.sayf("warning: step %d: %.0f %% of the rollouts were cut off at rollout.max_tokens %d, and what they did not reach is "+
			"rewarded as wrong: %s (completions/clipped_ratio has each step's share)", step, 100*share, r.config.Rollout.MaxTokens, advice)
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
	if r.config.Algorithm == AlgorithmSFT {
		return r.stepSFT(ctx, step)
	}
	return r.stepGRPO(ctx, step)
}

// prepare makes the run's folder, or finds the newest checkpoint in it.
func (r *run) prepare() (latest string, at state, err error) {
	path := filepath.Join(r.dir, "manifest.json")
	old, err := readManifest(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if entries, _ := os.ReadDir(r.dir); len(entries) > 0 {
			return "", at, fmt.Errorf("%s is not empty and holds no run: choose another folder", r.dir)
		}
		return "", at, os.MkdirAll(r.dir, 0o755)
	case err != nil:
		return "", at, err
	case !r.options.Resume:
		return "", at, fmt.Errorf("%s holds a run already: go on with --resume, or choose another folder", r.dir)
	}
	if err := old.Config.sameAs(r.config); err != nil {
		return "", at, fmt.Errorf("%s: %w", path, err)
	}
	r.started = old
	if err := sweep(r.dir); err != nil {
		return "", at, err
	}
	return latestCheckpoint(r.dir, r.sayf)
}

// load opens the models and the data; latest is the checkpoint to go on from, with
// its state, or empty.
func (r *run) load(latest string, at state) error {
	c := &r.config
	from := c.Model
	if latest != "" && c.LoRA.Rank == 0 {
		from = latest // an adapter is merged into the base model anew
	}
	kernels.Reproducible() // a run goes on exactly
	e, err := engine.Load(from, engine.Options{
		Backend: r.options.Backend, DType: r.options.DType, Kernels: r.options.Kernels, MaxBatch: c.Rollout.Batch, Log: r.options.Log, Say: r.options.Say,
		PoolBytes: engine.DefaultPoolBytes, // as planMemory counts
	})
	if err != nil {
		return err
	}
	r.engine = e
	if err := e.KeepCompanions(); err != nil {
		return err
	}
	if n := e.Device().Note; n != "" {
		r.logf("%s", n)
	}
	now := Manifest{
		Stele: r.options.Version, Backend: e.Device().Name, DType: r.options.DType, Rollout: e.Executor(),
		Kernels: host.Kind(), Config: *c,
	}
	if latest != "" {
		if err := r.started.goesOnAs(now); err != nil {
			return fmt.Errorf("%s: %w", r.dir, err)
		}
		if was := r.started.Kernels; was != now.Kernels {
			r.sayf("this machine computes with %s, the run began with %s: it goes on, but not bit for bit as it would have there",
				now.Kernels, was)
		}
	}
	grpo := c.Algorithm == AlgorithmGRPO
	set, err := c.reader(e.Tokenizer, e.Template, e.Weights.Config).load()
	if err != nil {
		return err
	}
	if set.long > 0 {
		r.logf("data: %d questions with prompts or solutions that are too long left out", set.long)
	}
	if err := r.checkMemory(set); err != nil {
		return err
	}
	r.order = order{problems: set.problems, seed: c.Seed, curriculum: c.Data.Curriculum}
	if c.LoRA.Rank > 0 {
		if r.adapter, err = NewAdapter(e.Weights, c.LoRA, c.Seed); err != nil {
			return err
		}
	}
	if grpo && c.Loss.Beta > 0 {
		if r.adapter != nil {
			r.reference = r.adapter.Base()
		} else if r.reference, err = r.loadReference(); err != nil {
			return err
		}
	}
	r.learner, err = NewLearner(e.Weights, LearnerOptions{
		AdamW: c.Optimizer, Loss: c.Loss, SFT: !grpo, Remat: c.Update.Remat, Adapter: r.adapter, Seed: c.Seed,
	})
	if err != nil {
		return err
	}
	if latest != "" {
		if err := r.restore(latest, at); err != nil {
			return err
		}
	}
	if err := r.rewind(r.done); err != nil {
		return err
	}
	if grpo {
		if r.scorer, r.dataName, err = c.scorer(); err != nil {
			return err
		}
	}
	if latest != "" {
		// What may change in a run that goes on, such as its number of steps, is as of now.
		if reflect.DeepEqual(r.started.Config, *c) {
			return nil
		}
		now = r.started
		now.Config = *c
		return jsonl.WriteFile(filepath.Join(r.dir, "manifest.json"), now)
	}
	if now.Model, err = engine.Resolve(c.Model); err != nil {
		return err
	}
	if now.Model, err = filepath.Abs(now.Model); err != nil {
		return err
	}
	if now.Weights, err = eval.HashWeights(now.Model); err != nil {
		return err
	}
	return jsonl.WriteFile(filepath.Join(r.dir, "manifest.json"), now)
}

// checkMemory prints what the run needs and refuses one that does not fit into what
// the options allow, or else what the machine has free where the device is its CPU, and
// what may be allocated where the device says so.
func (r *run) checkMemory(set *dataset) error {
	c, m := r.config, r.engine.Weights.Config
	longest, prompt := longestSequence(&c, m, set), 0
	for _, p := range set.problems {
		prompt = max(prompt, len(p.ids))
	}
	r.memory = planMemory(c, m, r.options.DType, longest, prompt)
	if r.options.Log != nil {
		if err := r.memory.Write(r.options.Log); err != nil {
			return err
		}
	}
	r.sayf("memory planned: %d MiB (weights %d, reference %d, gradients and optimizer %d, kv pool %d, activations and logits %d)",
		r.memory.Total>>20, r.memory.Weights>>20, r.memory.Reference>>20, (r.memory.Gradients+r.memory.Optimizer)>>20,
		r.memory.KVPool>>20, (r.memory.Activations+r.memory.Logits)>>20)
	available := r.options.Memory
	if available == 0 && r.engine.Device().IsCPU() {
		if free := availableMemory(); free > 0 {
			// The weights are loaded by now, and so is most of the program.
			available = free + residentMemory()
		}
	} else if available == 0 {
		if h, err := r.engine.Device().Hardware(); err == nil {
			available = h.Limit
		}
	}
	if available == 0 {
		return nil
	}
	return r.memory.fits(available, c, m, r.options.DType, longest, prompt)
}

// scorer judges as an evaluation of the same benchmark does: dataName is what its
// registry entry, be it the user's own, says the grader knows it by.
func (c *Config) scorer() (s *reward.Scorer, dataName string, err error) {
	entry, err := bench.Lookup(c.Data.Bench, c.Data.source())
	return reward.NewScorer(c.Reward, langid.New()), entry.DataName, err
}

// restore goes back to where a checkpoint was written.
func (r *run) restore(latest string, s state) error {
	if r.adapter != nil {
		if err := r.adapter.restore(filepath.Join(latest, adapterFolder)); err != nil {
			return err
		}
	}
	if err := r.learner.restore(latest, s); err != nil {
		return err
	}
	r.done, r.cursor, r.kl.Beta = s.Step, s.Cursor, s.Beta
	r.logf("resumed after step %d from %s", r.done, latest)
	return nil
}

// reader prepares the data of a configuration for a model.
func (c *Config) reader(tokenizer *text.Tokenizer, template *text.Template, m *checkpoint.Config) *reader {
	rd := &reader{
		data: c.Data, tokenizer: tokenizer, template: template, maxPrompt: c.Rollout.MaxPrompt, eos: m.EOS,
		sft: c.Algorithm == AlgorithmSFT, maxSolution: c.Data.MaxSolution, positions: m.MaxPositions,
	}
	if rd.maxSolution == 0 {
		rd.maxSolution = m.MaxPositions
	}
	return rd
}

// loadReference loads the model that the run started from, which does not move.
func (r *run) loadReference() (*model.Weights, error) {
	dir, err := engine.Resolve(r.config.Model)
	if err != nil {
		return nil, err
	}
	folder, err := checkpoint.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("reference model: %w", err)
	}
	defer folder.Close()
	return model.LoadWeights(folder, r.engine.Device(), r.engine.Weights.DType)
}

func (r *run) close() {
	_ = r.events.close() // what it says is in metrics.jsonl too
	if r.learner != nil {
		r.learner.Close()
	}
	switch {
	case r.adapter != nil:
		r.adapter.Close() // the reference is part of it
	case r.reference != nil:
		r.reference.Close()
	}
	if r.engine != nil {
		r.engine.Close()
	}
}

// logf tells a person who asked for more.
func (r *run) logf(format string, args ...any) {
	if r.options.Log != nil {
		fmt.Fprintf(r.options.Log, format+"\n", args...)
	}
}

// sayf tells a person what they must know.
func (r *run) sayf(format string, args ...any) {
	if r.options.Say != nil {
		fmt.Fprintf(r.options.Say, format+"\n", args...)
	}
}
