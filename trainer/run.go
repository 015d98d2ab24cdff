package trainer

import (
	"context"
	"encoding/json"
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
	"stele/eval/bench"
	"stele/eval/langid"
	"stele/trainer/reward"
)

// Options are what a run needs besides its configuration.
type Options struct {
	Backend, DType string
	Version        string // of stele, for the manifest
	Resume         bool   // go on with the run in the output folder
	// Log gets progress and remarks for a person.
	Log io.Writer
	// OnStep is called with each step's metrics once they are on disk.
	OnStep func(step, steps int, metrics Metrics)
	// Evaluate measures the model as it is; it is called with "before" at the
	// start and "after" at the end when the configuration names a benchmark.
	Evaluate func(ctx context.Context, e *engine.Engine, when string) error
}

// Manifest is RUN/manifest.json: what was run, so that it can be run again.
type Manifest struct {
	Stele   string `json:"stele"`
	Backend string `json:"backend"`
	DType   string `json:"dtype"`
	Model   string `json:"model_dir"`
	Config  Config `json:"config"`
}

// run is a training run in progress.
type run struct {
	config  Config
	options Options
	dir     string

	engine    *engine.Engine
	reference *model.Weights // nil without KL
	learner   *Learner
	problems  []problem
	scorer    *reward.Scorer
	dataName  string
	events    eventWriter
	done      int // steps taken
}

// Run trains as config says and writes metrics.jsonl, rollouts, checkpoints and a
// manifest to dir. An interrupted run loses nothing but the step it was in and
// goes on with Options.Resume.
func Run(ctx context.Context, config Config, dir string, options Options) (err error) {
	if err := config.validate(); err != nil {
		return err
	}
	r := &run{config: config, options: options, dir: dir, events: eventWriter{dir: dir}}
	latest, err := r.prepare()
	if err != nil {
		return err
	}
	if err := r.load(latest); err != nil {
		return err
	}
	defer r.close()
	if r.done == 0 {
		if err := r.evaluate(ctx, "before", config.Eval.Before); err != nil {
			return err
		}
	}
	for r.done < config.Steps {
		step := r.done + 1
		metrics, err := r.step(ctx, step)
		if err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
		r.done = step
		if err := appendMetrics(r.metricsPath(), metrics); err != nil {
			return err
		}
		if err := r.events.write(step, float64(time.Now().UnixNano())/1e9, metrics); err != nil {
			return err
		}
		if options.OnStep != nil {
			options.OnStep(step, config.Steps, metrics)
		}
		if step%config.Save.Every == 0 || step == config.Steps {
			if err := r.save(); err != nil {
				return err
			}
		}
	}
	return r.evaluate(ctx, "after", true)
}

func (r *run) step(ctx context.Context, step int) (Metrics, error) {
	if r.config.Algorithm == AlgorithmSFT {
		return r.stepSFT(ctx, step)
	}
	return r.stepGRPO(ctx, step)
}

func (r *run) evaluate(ctx context.Context, when string, wanted bool) error {
	if !wanted || r.config.Eval.Bench == "" || r.options.Evaluate == nil {
		return nil
	}
	return r.options.Evaluate(ctx, r.engine, when)
}

// prepare makes the run's folder, or finds the newest checkpoint in it.
func (r *run) prepare() (latest string, err error) {
	path := filepath.Join(r.dir, "manifest.json")
	old, err := readManifest(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if entries, _ := os.ReadDir(r.dir); len(entries) > 0 {
			return "", fmt.Errorf("%s is not empty and holds no run: choose another folder", r.dir)
		}
		return "", os.MkdirAll(r.dir, 0o755)
	case err != nil:
		return "", err
	case !r.options.Resume:
		return "", fmt.Errorf("%s holds a run already: go on with --resume, or choose another folder", r.dir)
	}
	if err := sameRun(old.Config, r.config); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	if err := sweep(r.dir); err != nil {
		return "", err
	}
	return latestCheckpoint(r.dir)
}

// sameRun compares configurations; only the number of steps may change.
func sameRun(old, now Config) error {
	now.Steps = old.Steps
	if reflect.DeepEqual(old, now) {
		return nil
	}
	a, b := reflect.ValueOf(old), reflect.ValueOf(now)
	for i := range a.NumField() {
		if x, y := a.Field(i).Interface(), b.Field(i).Interface(); !reflect.DeepEqual(x, y) {
			return fmt.Errorf("the run was started with other settings: %s was %+v, is %+v", a.Type().Field(i).Name, x, y)
		}
	}
	return nil
}

// load opens the models and the data; latest is the checkpoint to go on from, or
// empty.
func (r *run) load(latest string) error {
	c := &r.config
	from := c.Model
	if latest != "" {
		from = latest
	}
	e, err := engine.Load(from, engine.Options{
		Backend: r.options.Backend, DType: r.options.DType, MaxBatch: c.Rollout.Batch, Log: r.options.Log,
	})
	if err != nil {
		return err
	}
	r.engine = e
	if n := e.Device().Note; n != "" {
		r.logf("%s", n)
	}
	grpo := c.Algorithm == AlgorithmGRPO
	if grpo && c.Loss.Beta > 0 {
		if r.reference, err = r.loadReference(); err != nil {
			return err
		}
	}
	r.learner, err = NewLearner(e.Weights, LearnerOptions{
		AdamW: c.Optimizer, Loss: c.Loss, SFT: !grpo, Remat: c.Update.Remat,
	})
	if err != nil {
		return err
	}
	if latest != "" {
		if r.done, err = r.learner.restore(latest); err != nil {
			return err
		}
		r.logf("resumed after step %d from %s", r.done, latest)
	}
	if err := r.rewind(r.done); err != nil {
		return err
	}
	maxPrompt := c.Rollout.MaxPrompt
	problems, left, err := loadProblems(c.Data, e.Tokenizer, e.Template, maxPrompt)
	if err != nil {
		return err
	}
	if left > 0 {
		r.logf("data: %d prompts of more than %d tokens left out", left, maxPrompt)
	}
	r.problems = problems
	if grpo {
		r.scorer = reward.NewScorer(c.Reward, langid.New())
		r.dataName = bench.DataName(c.Data.Bench)
	}
	if latest != "" {
		return nil
	}
	dir, err := engine.Resolve(c.Model)
	if err != nil {
		return err
	}
	return jsonl.WriteFile(filepath.Join(r.dir, "manifest.json"), Manifest{
		Stele: r.options.Version, Backend: e.Device().Name, DType: r.options.DType, Model: dir, Config: *c,
	})
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
	r.learner.Close()
	if r.reference != nil {
		r.reference.Close()
	}
	r.engine.Close()
}

func (r *run) logf(format string, args ...any) {
	if r.options.Log != nil {
		fmt.Fprintf(r.options.Log, format+"\n", args...)
	}
}

func readManifest(path string) (Manifest, error) {
	var m Manifest
	data, err := os.ReadFile(path)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}
