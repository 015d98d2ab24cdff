package eval

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/eval/metric"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/progress"
	"github.com/stele-lm/stele/internal/threads"
)

// Deps holds the generator and the other means of a run.
type Deps struct {
	Generator Generator
	// Identify says what language an output is in, given the one asked for. It is
	// called from several goroutines.
	Identify func(output, language string) Identified
	Origin   Origin
	// Processes share the run, all of which call Run with the same. The zero value is this one alone.
	Processes Processes
	// Parallel counts the samples that the generator makes beside each other, for the time
	// that is said to be left; 0 is 1.
	Parallel int
	// Devices is how many make as many each; 0 is 1.
	Devices int
	// Log gets progress and remarks for a person; nil is silent.
	Log io.Writer
	// WithinRun is set where a training run evaluates, which says itself how it goes on when it
	// is stopped.
	WithinRun bool
}

// samplesName and resultsName are files of a run's folder.
const (
	samplesName = "samples.jsonl"
	resultsName = "results.json"
)

// Run puts the questions to the model and writes samples.jsonl, results.json and
// manifest.json to the folder out. A run that was stopped goes on where it was;
// one that is done is only read. When ctx ends, samples that are complete are
// graded and written first.
func Run(ctx context.Context, spec Spec, questions []Question, deps Deps, out string) (*Results, error) {
	manifest, err := newManifest(spec, questions, deps.Origin, Shard{})
	if err != nil {
		return nil, err
	}
	return run(ctx, manifest, questions, deps, out)
}

// RunShard is Run for a part of the questions. The folder gets no results.json:
// Merge makes that of all parts. The number of the part's samples is returned.
func RunShard(
	ctx context.Context, spec Spec, questions []Question, shard Shard, deps Deps, out string,
) (samples int, err error) {
	manifest, err := newManifest(spec, questions, deps.Origin, shard)
	if err != nil {
		return 0, err
	}
	mine := shard.take(questions)
	for i := range mine {
		samples += spec.Samples[mine[i].Benchmark]
	}
	_, err = run(ctx, manifest, mine, deps, out)
	return samples, err
}

// Check refuses what Run, or RunShard, would refuse before the first sample, and writes
// nothing.
func Check(spec Spec, questions []Question, shard Shard, origin Origin, out string) error {
	manifest, err := newManifest(spec, questions, origin, shard)
	if err != nil {
		return err
	}
	if err := spec.CheckCommands(); err != nil {
		return err
	}
	if out == "" {
		return nil // a plan alone
	}
	return goesInto(out, manifest)
}

// newManifest checks what is to be run.
func newManifest(spec Spec, questions []Question, origin Origin, shard Shard) (*Manifest, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	if err := checkQuestions(questions, &spec); err != nil {
		return nil, err
	}
	hash, err := hashQuestions(questions)
	return &Manifest{Origin: origin, Seed: spec.Seed, Settings: spec,
		Questions: len(questions), QuestionsSHA256: hash, Shard: shard}, err
}

// run does what the manifest says; questions are those of its shard.
func run(
	ctx context.Context, manifest *Manifest, questions []Question, deps Deps, out string,
) (_ *Results, err error) {
	var j *journal
	p := deps.Processes
	if p.Rank > 0 {
		j = newJournal("", questions, &manifest.Settings)
		p.deliver(j)
		deps.Log = nil // process 0 speaks of all
	} else {
		release, opened, err := openRun(ctx, out, manifest, questions, deps)
		if err != nil {
			if p.several() {
				return nil, p.Agree(err)
			}
			return nil, err
		}
		j = opened
		defer func() {
			done := p.guard("closing "+j.path, 0)
			err = errors.Join(err, j.close())
			done()
			err = errors.Join(err, release())
		}()
	}
	r := &running{spec: manifest.Settings, questions: questions, deps: deps, journal: j}
	if p.several() {
		own := cluster.Room{Devices: max(1, deps.Devices), Batch: max(1, deps.Parallel)}
		if r.queue, r.rooms, err = p.share(manifest, j, own); err != nil {
			return nil, err
		}
	}
	if err = p.Agree(r.fill(ctx)); err != nil {
		if ctx.Err() != nil && !deps.WithinRun {
			r.logf("stopped after %d of %d samples: the same command continues from there", j.done,
				len(j.entries))
		}
		return nil, err
	}
	var results *Results
	if p.Rank == 0 {
		defer p.guard("writing "+out, j.size)()
		results, err = finish(manifest, questions, j, out)
	}
	if p.several() {
		return p.results(results, err)
	}
	return results, err
}

// openRun makes out the run's folder, which is this process's until release is called, and reads what is there.
func openRun(ctx context.Context, out string, m *Manifest, questions []Question, deps Deps) (
	release func() error, j *journal, err error,
) {
	if release, err = lockFolder(ctx, out, m, deps.Log, deps.Processes.guard); err != nil {
		return nil, nil, err
	}
	path := filepath.Join(out, samplesName)
	done, size := deps.Processes.guard("reading "+path, 0), int64(0)
	if info, err := os.Stat(path); err == nil {
		size = info.Size()
	}
	done()
	defer deps.Processes.guard("reading "+path, size)()
	if j, err = openJournal(path, questions, &m.Settings); err != nil {
		return nil, nil, errors.Join(err, release())
	}
	j.guard = deps.Processes.guard
	return release, j, nil
}

// finish puts the samples, which are all there, into order and sums them up, unless they are a shard's.
func finish(m *Manifest, questions []Question, j *journal, out string) (*Results, error) {
	if err := j.sort(); err != nil || m.Shard.Of > 0 {
		return nil, err
	}
	outcomes := make([]outcome, len(j.entries))
	for i, e := range j.entries {
		outcomes[i] = e.outcome
	}
	results := summarize(m, questions, outcomes)
	return results, jsonl.WriteFile(filepath.Join(out, resultsName), results)
}

// running is an evaluation in progress.
type running struct {
	spec      Spec
	questions []Question
	deps      Deps
	journal   *journal
	judges    *judge
	queue     uint64         // the counter that hands out questions, where processes share them
	rooms     []cluster.Room // of those processes

	mu            sync.Mutex
	judged, right int // of the run, for the meter: what an earlier start left counts too
}

// fill generates the samples that are missing. A question with some of its
// samples on disk is asked as a whole again, so that a sample keeps its index;
// what is there already is not graded twice.
func (r *running) fill(ctx context.Context) (err error) {
	var requests []Request
	var asked []*Question // of each request
	var slots []int       // first entry of each request
	slot, missing := 0, 0
	for i := range r.questions {
		q := &r.questions[i]
		n, need := r.spec.Samples[q.Benchmark], 0
		for k := range n {
			if !r.journal.has(slot + k) {
				missing++
				need = k + 1
			}
		}
		if need > 0 {
			requests = append(requests, r.request(q, need))
			asked, slots = append(asked, q), append(slots, slot)
		}
		slot += n
	}
	if missing == 0 {
		r.logf("all %d samples are there already: nothing was generated", len(r.journal.entries))
		return nil
	}
	for _, e := range r.journal.entries {
		if e.length > 0 {
			r.judged++
			r.right += int(metric.Indicator(e.outcome.right))
		}
	}
	if r.journal.done > 0 {
		r.logf("continuing after %d of %d samples", r.journal.done, len(r.journal.entries))
	} else {
		r.logf("%d samples of %d questions, at most %d tokens each", missing, len(requests), r.spec.MaxTokens)
	}
	p, meter := r.deps.Processes, r.meter()
	work, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer p.heed(r.queue, cancel)()
	fail := func(err error) { // ends the work, that of the others too
		cancel(err)
		if p.several() {
			p.GiveUp(r.queue)
		}
	}
	var received sync.WaitGroup
	if p.several() && p.Rank == 0 {
		received.Go(func() {
			p.collect(ctx, r.journal, func(s *Sample) { r.count(s, meter) }, fail)
		})
	}
	if err = r.complete(work, fail, requests, asked, slots, missing, meter); err != nil {
		fail(err)
	}
	if p.Rank > 0 {
		err = errors.Join(err, p.finished())
	}
	received.Wait()
	meter.Close()
	switch cause := context.Cause(work); {
	case cause == errGivenUp:
		return ctx.Err() // who gave it up says why
	case cause != nil && !errors.Is(cause, context.Canceled):
		return cause
	}
	if err == nil && p.several() {
		err = ctx.Err() // which the others may have seen before their part was done
	}
	if err == nil && p.Rank == 0 && r.journal.done < len(r.journal.entries) {
		err = fmt.Errorf("the engine ended with %d of %d samples", r.journal.done, len(r.journal.entries))
	}
	return err
}

// complete generates and judges what this process takes of the requests: asked are their questions, slots their first
// entries. fail is told at once of what cannot be judged or kept.
func (r *running) complete(ctx context.Context, fail func(error), requests []Request, asked []*Question, slots []int,
	missing int, meter *progress.Meter) (err error) {
	if r.judges, err = newJudge(&r.spec, r.deps.Identify); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.judges.close()) }()
	// The queue has room for everything: generation never waits for grading.
	queue := make(chan judgement, missing)
	var workers sync.WaitGroup
	for range min(missing, threads.Count) {
		workers.Go(func() {
			for task := range queue {
				if err := r.judge(task, meter); err != nil {
					fail(err)
				}
			}
		})
	}
	sent := make(map[int]bool, missing)
	err = r.generate(ctx, requests, func(c Completion) error {
		if c.Request < 0 || c.Request >= len(requests) || c.Sample < 0 || c.Sample >= requests[c.Request].N {
			return fmt.Errorf("the engine returned sample %d of request %d, which was not asked for",
				c.Sample, c.Request)
		}
		slot := slots[c.Request] + c.Sample
		if sent[slot] || r.journal.has(slot) {
			return context.Cause(ctx)
		}
		sent[slot] = true
		c.LogProbs = nil
		queue <- judgement{slot, asked[c.Request], c}
		return context.Cause(ctx)
	})
	close(queue)
	workers.Wait()
	return err
}

// judgement is a completion on its way to the journal.
type judgement struct {
	slot     int
	question *Question
	done     Completion
}

func (r *running) judge(task judgement, meter *progress.Meter) error {
	sample := sampleOf(task.question, &task.done)
	if err := r.judges.judge(&sample); err != nil {
		return err
	}
	if err := r.journal.append(task.slot, &sample); err != nil {
		return err
	}
	r.count(&sample, meter)
	return nil
}

// count notes a sample that was judged, here or by another process.
func (r *running) count(s *Sample, meter *progress.Meter) {
	r.mu.Lock()
	r.judged++
	if s.Verdict {
		r.right++
	}
	note := fmt.Sprintf("%.1f %% right", 100*float64(r.right)/float64(r.judged))
	r.mu.Unlock()
	meter.AddTokens(s.Tokens)
	meter.Add(1, note)
}

// generate completes the requests: all, or those that this process takes from the queue.
func (r *running) generate(ctx context.Context, requests []Request, emit func(Completion) error) error {
	p := r.deps.Processes
	if !p.several() {
		return r.deps.Generator.Generate(ctx, requests, emit)
	}
	generator, ok := r.deps.Generator.(QueueGenerator)
	if !ok {
		return fmt.Errorf("%T takes no requests from a queue", r.deps.Generator)
	}
	longest, group := 0, 1
	for i := range requests {
		longest = max(longest, len(requests[i].Prompt)+requests[i].MaxTokens)
		group = max(group, requests[i].N)
	}
	deal := cluster.NewDeal(p.Rank, r.rooms, len(requests), group, func() (int, error) { return p.Next(r.queue) })
	return generator.GenerateFrom(ctx, Queue{Held: deal.Held, Group: group, Longest: longest,
		Next: func(context.Context) (int, *Request, error) {
			n, more, err := deal.Next()
			if err != nil || !more {
				return 0, nil, err
			}
			return n, &requests[n], nil
		}}, emit)
}

func (r *running) request(q *Question, n int) Request {
	return Request{
		ID: q.key(), Prompt: q.PromptIDs, N: n, Sampling: r.spec.Sampling,
		MaxTokens: r.spec.MaxTokens, Stop: slices.Concat(r.spec.Stop, r.spec.FewShotStop[q.cell()]),
		Seed: r.spec.Seed,
	}
}

func (r *running) meter() *progress.Meter {
	if r.deps.Log == nil {
		return nil
	}
	return progress.New(r.deps.Log, "eval", "samples", r.journal.done, len(r.journal.entries),
		r.deps.Parallel)
}

func (r *running) logf(format string, args ...any) {
	if r.deps.Log != nil {
		fmt.Fprintf(r.deps.Log, format+"\n", args...)
	}
}
