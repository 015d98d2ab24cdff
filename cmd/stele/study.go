package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/builtin"
	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/internal/threads"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/trainer"
	"github.com/stele-lm/stele/trainer/study"
)

func newStudyCommand(g *globals) *cobra.Command {
	var out, job string
	var dryRun, list, update bool
	var workers int
	var tokens float64
	c := &cobra.Command{
		Use:   "study FILE.yaml --out DIR [--dry-run | --jobs | --job NAME]",
		Short: "Run all trainings and evaluations of a study, and make its report, from one file",
		Long: `Run all trainings and evaluations of a study, and make its report, from one file.

The file says how models are evaluated, which are evaluated as they are, which are trained
(arms) with which seeds, and what is reported. examples/studies has some, and
docs/studies.md explains it. DIR gets eval/NAME, train/ARM.SEED and eval/ARM.SEED, which
are folders of stele eval and stele train, and report/.

The same command continues after a stop or a kill, and ends with the same bytes. A run
that fails is reported, and the others continue. What was begun with settings other than
the file's is refused, or run again with --update.

--job runs one job, by name or number, and whatever it needs that is not done. Many
machines that share DIR can do this in any order. The job report is made from what is done.

A small model leaves cores idle: --workers N runs N jobs at the same time. At the end the
command says how much of the cores' time was used.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("%s needs one study's file: see --help", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) (err error) {
			s, err := study.Read(args[0])
			if err != nil {
				return usageError{err}
			}
			for _, said := range slices.Concat(s.Ignored, s.Said) {
				fmt.Fprintln(c.ErrOrStderr(), said)
			}
			if c.Flags().Changed("tokens-per-second") && !(tokens > 0) {
				return usagef("--tokens-per-second %g: expected a number above 0", tokens)
			}
			if c.Flags().Changed("tokens-per-second") && !dryRun {
				fmt.Fprintln(c.ErrOrStderr(), "--tokens-per-second has no effect without --dry-run")
			}
			// A script's variable that is not set must not mean the current folder, or all jobs.
			if out == "" {
				return usagef("--out is empty: it is the folder of the study")
			}
			if c.Flags().Changed("job") && job == "" {
				return usagef("--job is empty: --jobs lists the jobs")
			}
			if workers < 1 {
				return usagef("--workers %d: expected at least 1", workers)
			}
			if workers > 1 && g.devices > 1 {
				return usagef("--workers %d: with --devices %d one job after another uses all of the GPUs", workers,
					g.devices)
			}
			backend.Reproducible() // a study continues exactly, whatever it did before in this process
			w := &studyWork{g: g, perSecond: tokens, known: map[string]study.Estimate{}}
			evaluations := 0
			w.bases = map[string]int{}
			for _, j := range s.Jobs {
				if j.Kind == study.Evaluate {
					evaluations++
					w.bases[j.Start]++
				}
			}
			defer w.unload()
			w.means = evaluations > 1
			if !c.Flags().Changed("dtype") {
				done := g.guard("reading "+out, 0)
				g.dtype, err = s.DType(out)
				if done(); err != nil {
					return err
				}
				if g.dtype != engine.AutoDType {
					fmt.Fprintf(c.ErrOrStderr(), "%s was begun with --dtype %s, and continues with it\n", out, g.dtype)
				}
			}
			several := g.processes().Size > 1
			if several && workers > 1 {
				return usagef("--workers %d: several processes work together on one job after another", workers)
			}
			options := study.Options{Backend: g.backend, DType: g.dtype, Kernels: g.kernels}
			switch {
			case several && g.job.Rank > 0 && (dryRun || list):
				return nil
			case dryRun:
				return printStudyPlan(c.Context(), c.OutOrStdout(), g, s, out, options, workers, w)
			case list:
				return printJobs(c.OutOrStdout(), g, s, out, options)
			}
			r := &study.Run{Study: s, Dir: out, Runner: w, Options: options, Update: update,
				Workers: workers, Say: c.ErrOrStderr(), Version: buildVersion(), Guard: g.guard}
			if several && g.job.Rank > 0 {
				return s.Follow(c.Context(), g.job, w, threads.Count)
			}
			if several {
				runner, end := study.Lead(g.job, w)
				r.Runner = runner
				defer func() { err = errors.Join(err, end()) }()
			}
			if job == "" {
				if workers > 1 { // each job asks alone whether it fits
					plan, err := s.Plan(c.Context(), out, options, w)
					if err == nil {
						err = plan.Beside(workers)
					}
					if err != nil {
						return err
					}
				}
				return r.All(c.Context())
			}
			j, err := s.Find(job)
			if err != nil {
				return usageError{err}
			}
			return r.One(c.Context(), j)
		},
	}
	flags := c.Flags()
	flags.StringVar(&out, "out", "", "folder of the study")
	flags.BoolVar(&dryRun, "dry-run", false,
		"print every job, what is missing, memory, tokens and hours, and stop there")
	flags.BoolVar(&list, "jobs", false, "list the jobs, their progress and what they need, and stop there")
	flags.StringVar(&job, "job", "", "run one job, by name or number, and what it needs")
	flags.BoolVar(&update, "update", false,
		"run again what was begun with other settings, and what depends on it")
	flags.IntVar(&workers, "workers", 1, "number of jobs to run at the same time, in one process that compiles each "+
		"program once and divides the cores; the results do not depend on it")
	flags.Float64Var(&tokens, "tokens-per-second", 0,
		"speed for the time estimates of --dry-run; by default what stele bench measured here")
	g.devicesFlag(c)
	must(c.MarkFlagRequired("out"))
	c.MarkFlagsMutuallyExclusive("dry-run", "jobs", "job")
	c.MarkFlagsMutuallyExclusive("dry-run", "update")
	c.MarkFlagsMutuallyExclusive("workers", "jobs", "job")
	c.MarkFlagsMutuallyExclusive("jobs", "update")
	return c
}

// printStudyPlan says what a study would do. What is missing does not make it fail: it is
// what the plan is for.
func printStudyPlan(
	ctx context.Context, w io.Writer, g *globals, s *study.Study, dir string, options study.Options,
	workers int, planner study.Planner,
) error {
	plan, err := s.Plan(ctx, dir, options, planner)
	if err != nil {
		return err
	}
	refusal := plan.Beside(workers)
	if g.json {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return errors.Join(encoder.Encode(plan), refusal)
	}
	return errors.Join(plan.Write(w), refusal)
}

// listedJob is a job in the list of --jobs --json.
type listedJob struct {
	Number int         `json:"number"`
	Job    string      `json:"job"`
	Kind   study.Kind  `json:"kind"`
	Needs  []string    `json:"needs"`
	State  study.State `json:"state"`
	// Given, of the report, are the models whose results are given: they have no jobs.
	Given []study.Given `json:"given,omitempty"`
}

func printJobs(w io.Writer, g *globals, s *study.Study, dir string, options study.Options) error {
	states, err := s.State(dir, options)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, j := range s.Jobs {
		listed := listedJob{Number: i, Job: j.Name, Kind: j.Kind, Needs: append([]string{}, j.Needs...),
			State: states[j.Name]}
		if j.Kind == study.Reports {
			listed.Given = s.Given()
		}
		if g.json {
			if err := json.NewEncoder(w).Encode(listed); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(t, "%d\t%s\t%s", i, j.Name, listed.State)
		for _, need := range j.Needs {
			fmt.Fprintf(t, "\t%s", need)
		}
		fmt.Fprintln(t)
	}
	if !g.json {
		for _, given := range s.Given() {
			fmt.Fprintf(t, "-\t%s\tgiven\t%s\n", given.Model, given.Results)
		}
	}
	return t.Flush()
}

// studyWork does the work of a study's jobs, and says what it will be.
type studyWork struct {
	g         *globals
	shared    backend.Shared
	perSecond float64                   // given; 0 for what was measured
	known     map[string]study.Estimate // of jobs that are alike
	means     bool                      // are said of evaluations, and not each language
	kept      keptModels
	bases     map[string]int // models that evaluations begin with, and how many of them
	// warned says that it was said that answers of a built-in model were cut off. Random weights hardly
	// ever end an answer, so once is enough; the line of each evaluation has its share.
	warned atomic.Bool
}

// linesEvery is the time between lines of progress of a training, of which a study has many.
const linesEvery = 20 * time.Second

// Train implements study.Runner.
func (w *studyWork) Train(ctx context.Context, config trainer.Config, at study.Work) error {
	w.unload() // the plan of a training counts no other model
	live := newTrainProgress(at.Say)
	live.every = linesEvery
	options := w.globals(at).trainOptions(config, live)
	options.Resume, options.OnStep, options.ModelTail = true, live.step, at.ModelTail
	options.AdapterTail = at.AdapterTail
	options.IgnoredSaid, options.GoOn = true, "the study goes on with it"
	options.Job = w.g.job
	hard, stop, done := twoSignals(ctx)
	defer done()
	options.Stop = stop
	return trainer.Run(hard, config, at.Out, options)
}

// globals are those of a job.
func (w *studyWork) globals(at study.Work) *globals {
	g := *w.g
	g.shared, g.threads, g.say, g.means = &w.shared, at.Threads, at.Say, w.means
	return &g
}

// spec makes the spec of an evaluation, with the languages that there are data in.
func (w *studyWork) spec(e study.Evaluation, say io.Writer) (eval.Spec, bench.Options, error) {
	source := e.Source()
	source.Say = say
	spec, err := e.Spec()
	if err != nil {
		return spec, source, err
	}
	if err := settleLanguages(&spec, source, say); err != nil {
		return spec, source, err
	}
	spec.Samples = eval.SamplesFor(spec.Benchmarks, e.Samples)
	if err := spec.SetDefaults(source); err != nil {
		return spec, source, err
	}
	return spec, source, spec.Validate()
}

// prepare finds and loads what an evaluation needs, which done lets go of.
func (w *studyWork) prepare(g *globals, e study.Evaluation, model, called string, at study.Work) (
	found *evaluation, deps eval.Deps, done func(), err error,
) {
	var ends []func()
	done = func() {
		for _, end := range slices.Backward(ends) {
			end()
		}
	}
	spec, source, err := w.spec(e, at.Say)
	if err != nil {
		return nil, deps, done, err
	}
	batch := cmp.Or(e.Batch, evaluationBatch)
	if found, err = g.findEvaluation(model, "evaluate.max_tokens", spec, source, batch); err != nil {
		return nil, deps, done, err
	}
	ends = append(ends, func() { found.model.Close() })
	run := adapted{origin: found.origin}
	if at.Adapter != "" {
		if run, err = found.with(at.Adapter); err != nil {
			return nil, deps, done, err
		}
		ends = append(ends, run.close)
	}
	run.origin.Model = called // the same wherever the study lies
	out := at.Out
	if g.processes().Rank > 0 {
		out = "" // process 0 alone looks at the folder
	}
	read := g.guard("reading "+at.Out, 0)
	err = eval.Check(found.spec, found.questions, eval.Shard{}, run.origin, out)
	if read(); err != nil {
		return nil, deps, done, err
	}
	loaded, release, err := w.loaded(found.model, at.Threads, batch)
	if err != nil {
		return nil, deps, done, err
	}
	ends = append(ends, release)
	if err := loaded.Attach(run.adapter); err != nil {
		return nil, deps, done, err
	}
	deps, err = evalDeps(loaded, found.spec, run.origin, batch, at.Say)
	deps.Processes = g.processes()
	return found, deps, done, err
}

// evaluationBatch is the number of samples generated together where a study does not say.
const evaluationBatch = 32

// Evaluate implements study.Runner.
func (w *studyWork) Evaluate(ctx context.Context, e study.Evaluation, model, called string,
	at study.Work) error {
	g := w.globals(at)
	found, deps, done, err := w.prepare(g, e, model, called, at)
	defer done()
	if err := w.g.processes().Agree(err); err != nil {
		return err
	}
	results, err := eval.Run(ctx, found.spec, found.questions, deps, at.Out)
	if err != nil {
		return err
	}
	g.sayResults(results)
	if _, random := builtin.Cut(model); !random || results.Truncation() != "" && !w.warned.Swap(true) {
		sayTruncation(at.Say, results, "evaluate.max_tokens")
	}
	return nil
}
