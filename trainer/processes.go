package trainer

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/trainer/learner"
	"github.com/stele-lm/stele/trainer/memory"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/problems"
	"github.com/stele-lm/stele/trainer/reward"
)

// Several processes take a step together. Each samples questions that it is handed while it has room, scores them and
// takes some of the step's gradient passes; what came of a question, and of a pass, is given to all, so that each
// computes advantages and metrics of the whole step and takes the same update. Process 0 alone writes and speaks, and
// what depends on a clock, a disk or a signal is decided by one and known to all before anybody acts on it.

// writes reports whether this process writes the run's folder.
func (r *run) writes() bool { return r.job.Rank == 0 }

// together waits for all processes, and returns an error to all where one has one. Who was asked to stop asks all.
func (r *run) together(own error) error {
	_, err := r.exchange(nil, own)
	return err
}

// exchange is together that gives everybody's data to all, in the order of processes.
func (r *run) exchange(data []byte, own error) ([][]byte, error) {
	if r.job.Size == 1 {
		return [][]byte{data}, own
	}
	all, err := r.job.Exchange(data, own)
	if !cluster.IsAgreed(err) {
		return all, err
	}
	stopped, other := r.anyStopped() // all are here
	r.stopAgreed = stopped
	return nil, cmp.Or(other, err)
}

// anyStopped reports whether a process was asked to stop, in which case this one was, too: the letter that says so may
// be on its way.
func (r *run) anyStopped() (bool, error) {
	all, err := r.job.AllGather([]byte{bit(r.interruption.stopped())})
	if err != nil || !slices.ContainsFunc(all, func(one []byte) bool { return one[0] != 0 }) {
		return false, err
	}
	r.interruption.ask()
	return true, nil
}

// dropped is the interruption's, with what all processes know of whether they were asked to stop.
func (r *run) dropped(ctx context.Context, err error) error {
	if r.job.Size > 1 && !(cluster.IsAgreed(err) && r.stopAgreed) {
		return err
	}
	return r.interruption.dropped(ctx, err)
}

// enter begins a phase on all processes, or on none where one was asked to stop.
func (r *run) enter(ctx context.Context, p phase, step int) (context.Context, error) {
	if r.job.Size == 1 {
		return r.interruption.enter(ctx, p, step)
	}
	stopped, err := r.anyStopped()
	if err != nil {
		return nil, err
	}
	if stopped {
		return nil, errStopped
	}
	return r.interruption.begin(ctx, p, step), nil
}

// first returns what process 0 says.
func (r *run) first(decide func() bool) (bool, error) {
	if r.job.Size == 1 {
		return decide(), nil
	}
	var said []byte
	if r.job.Rank == 0 {
		said = []byte{bit(decide())}
	}
	said, err := r.job.Broadcast(said)
	return err == nil && said[0] != 0, err
}

// processes is how many there are, as a checkpoint has it.
func (r *run) processes() int {
	if r.job.Size == 1 {
		return 0
	}
	return r.job.Size
}

// guard watches over the reading or writing of as many bytes, while others wait for it: a file system that hangs says
// nothing.
func (r *run) guard(what string, bytes int64) (done func()) { return r.job.GuardFiles(what, bytes) }

// guarded does work that guard watches over.
func (r *run) guarded(what string, bytes int64, work func() error) error {
	defer r.guard(what, bytes)()
	return work()
}

// digest is the SHA-256 of data, or as much of it as tells it from others.
func digest(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data))[:16] }

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// stopTogether has all processes stop where one was asked to, until end is called.
func (r *run) stopTogether(stop <-chan struct{}) (asked <-chan struct{}, end func()) {
	if r.job.Size == 1 {
		return stop, func() {}
	}
	ended := make(chan struct{})
	go func() {
		select {
		case <-stop:
			r.job.Stop()
		case <-ended:
		}
	}()
	return r.job.Stopped(), func() { close(ended) }
}

// choice is what memory: auto chose.
type choice struct {
	Remat              bool
	MicroTokens, Batch int
	State              string
	ZeROStage          int
	Settings           []string
}

// choose returns the workload with settings that make it fit, those that process 0 chose: what another would choose
// may be others, as a plan depends on a process's threads.
func (r *run) choose(w memory.Workload, available int64) (smaller memory.Workload, settings []string, err error) {
	if r.job.Size == 1 {
		smaller, settings = w.Choose(available)
		return smaller, settings, nil
	}
	var said []byte
	if r.job.Rank == 0 {
		s, settings := w.Choose(available)
		said, err = json.Marshal(choice{s.Remat, s.Layout.MicroTokens, s.Decoded, s.Optimizer.State,
			s.Optimizer.ZeROStage, settings})
		if err != nil {
			return w, nil, err
		}
	}
	if said, err = r.job.Broadcast(said); err != nil {
		return w, nil, err
	}
	var c choice
	if err := jsonl.Unmarshal(said, &c); err != nil {
		return w, nil, err
	}
	w.Remat, w.Layout.MicroTokens, w.Decoded = c.Remat, c.MicroTokens, c.Batch
	w.Optimizer.State, w.Optimizer.ZeROStage = c.State, c.ZeROStage
	return w, c.Settings, nil
}

// answered is a question with what a process sampled for it.
type answered struct {
	Question    int
	Completions []engine.Completion
	Scores      []reward.Score
}

// samplings is the counter that numbers samplings, of all trainings of the job; that of a queue is the sum of both.
const samplings = 0x7361 << 48

// newQueue returns a counter that nothing was handed out of yet, to all processes the same.
func (r *run) newQueue() (counter uint64, err error) {
	if r.job.Size == 1 {
		return 0, nil
	}
	var said []byte
	if r.job.Rank == 0 {
		n, err := r.job.Next(samplings)
		if err != nil {
			return 0, err
		}
		said = binary.LittleEndian.AppendUint64(nil, samplings+1+uint64(n))
	}
	if said, err = r.job.Broadcast(said); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(said), nil
}

// errGivenUp ends the sampling of a process because another's has failed.
var errGivenUp = errors.New("another process gave up the step")

// heed has cancel called where another process gives up what a counter hands out, until end is called.
func (r *run) heed(counter uint64, cancel context.CancelCauseFunc) (end func()) {
	if r.job.Size == 1 {
		return func() {}
	}
	ended := make(chan struct{})
	go func() {
		select {
		case <-r.job.GivenUp(counter):
			cancel(errGivenUp)
		case <-ended:
		}
	}()
	return func() { close(ended) }
}

// draw generates for the requests, on all processes, and calls emit for completions of this one's. counter is that of
// this call.
func (r *run) draw(ctx context.Context, counter uint64, requests []engine.Request,
	emit func(engine.Completion) error) error {
	if r.job.Size == 1 {
		return r.engine.Generate(ctx, requests, emit)
	}
	group, longest := r.config.Rollout.GroupSize, 2
	for i := range requests {
		longest = max(longest, len(requests[i].Prompt)+requests[i].MaxTokens)
	}
	parts, of := divide(requests, r.job.Size*r.engine.Devices(), r.config.Rollout.Batch)
	room := cluster.Room{Devices: r.engine.Devices(), Batch: r.config.Rollout.Batch} // of all: see checkAlike
	deal := cluster.NewDeal(r.job.Rank, slices.Repeat([]cluster.Room{room}, r.job.Size), len(parts), group,
		func() (int, error) { return r.job.Next(counter) })
	return r.engine.GenerateFrom(ctx, engine.Queue{
		Held: deal.Held, Group: group, Longest: longest,
		Next: func(ctx context.Context) (int, *engine.Request, error) {
			if err := ctx.Err(); err != nil {
				return 0, nil, err
			}
			n, more, err := deal.Next()
			if err != nil || !more {
				return 0, nil, err
			}
			return of[n], &parts[n], nil
		},
	}, emit)
}

// divide divides the last questions of a step, those that are too few for all of some places that decode, by their
// samples, so that each place has as many; of says which question a part is of. Where batches are full more than once
// nothing is divided: who is free takes what is left, and a prompt is computed once.
func divide(requests []engine.Request, places, batch int) (parts []engine.Request, of []int) {
	left := len(requests) % places
	group := 1
	for i := range requests {
		group = max(group, requests[i].N)
	}
	if (len(requests)+places-1)/places*group > batch {
		left = 0
	}
	for i, r := range requests {
		pieces := 1
		if i >= len(requests)-left {
			common := left
			for common > 1 && (places%common != 0 || left%common != 0) {
				common--
			}
			pieces = min(places/common, r.N)
		}
		for k := range pieces {
			part := r
			part.First = r.N * k / pieces
			part.N = r.N*(k+1)/pieces - part.First
			parts, of = append(parts, part), append(of, i)
		}
	}
	return parts, of
}

// share gives all processes what each sampled: groups has this one's questions, and gets the others'. own is the error
// that this process met.
func (r *run) share(groups [][]*rollout, chosen []problems.Problem, own error) error {
	if r.job.Size == 1 {
		return own
	}
	var mine []answered
	for i, group := range groups {
		a := answered{Question: i}
		for _, o := range group {
			if o != nil {
				a.Completions, a.Scores = append(a.Completions, o.Completion), append(a.Scores, o.score)
			}
		}
		if len(a.Completions) > 0 {
			mine = append(mine, a)
		}
	}
	var b bytes.Buffer
	if own == nil {
		own = gob.NewEncoder(&b).Encode(mine)
	}
	all, err := r.exchange(b.Bytes(), own)
	if err != nil {
		return err
	}
	for rank, data := range all {
		if rank == r.job.Rank {
			continue
		}
		var theirs []answered
		if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&theirs); err != nil {
			return fmt.Errorf("rollouts of rank %d: %w", rank, err)
		}
		for _, a := range theirs {
			for i, c := range a.Completions {
				groups[a.Question][c.Sample] = &rollout{Completion: c, problem: &chosen[a.Question], old: c.LogProbs,
					score: a.Scores[i]}
			}
		}
	}
	for i, group := range groups {
		if slices.Contains(group, nil) {
			return fmt.Errorf("question %d of the step was not sampled, or only in part", i+1)
		}
	}
	return nil
}

// scoreWith is the engine's ScoreWith of which each process takes some passes.
func (r *run) scoreWith(ctx context.Context, w *model.Weights, rollouts []*rollout) (logprobs [][]float32, err error) {
	logprobs = make([][]float32, len(rollouts))
	pairs := pairsOf(rollouts)
	passes, _ := r.scoringPasses(pairs)
	scores, own := r.engine.ScorePart(ctx, w, pairs, r.config.Rollout.Temperature, passes)
	var b []byte
	for i, s := range scores {
		logprobs[i] = s.LogProbs
		if s.LogProbs != nil && r.job.Size > 1 {
			b = appendNumbers(binary.LittleEndian.AppendUint32(b, uint32(i)), s.LogProbs)
		}
	}
	all, err := r.exchange(b, own)
	if err != nil || r.job.Size == 1 {
		return logprobs, err
	}
	for rank, data := range all {
		for len(data) > 0 && rank != r.job.Rank {
			i := binary.LittleEndian.Uint32(data)
			logprobs[i], data = numbers(data[4:])
		}
	}
	return logprobs, nil
}

// scoringPasses plans passes that score pairs, and returns this process's. They have at most so many tokens as leave
// passes that processes share about evenly, as the weights are read in each; of few sizes, for each is compiled.
func (r *run) scoringPasses(pairs []dense.Pair) (own []dense.Grouping, most int) {
	const fewest, uneven = 256, 1.15
	for most = engine.ScoreTokens; ; most /= 2 {
		plan := dense.Plan(pairs, most)
		if r.job.Size == 1 {
			return plan, most
		}
		var costs []int
		sum := 0
		for _, g := range plan {
			costs = append(costs, g.Tokens())
			sum += g.Tokens()
		}
		of, loads := assign(costs, r.job.Size)
		if most > fewest && float64(slices.Max(loads)*r.job.Size) > uneven*float64(sum) {
			continue
		}
		for i, rank := range of {
			if rank == r.job.Rank {
				own = append(own, plan[i])
			}
		}
		return own, most
	}
}

// ours says which of some pieces of work are this process's, by what they cost.
func (r *run) ours(costs []int) []bool {
	of, _ := assign(costs, r.job.Size)
	own := make([]bool, len(costs))
	for i, rank := range of {
		own[i] = rank == r.job.Rank
	}
	return own
}

// assign gives each of some pieces of work to a process, by what they cost: the next costliest goes to who has least,
// which all compute alike. loads are what each then has.
func assign(costs []int, processes int) (of, loads []int) {
	of, loads = make([]int, len(costs)), make([]int, processes)
	order := make([]int, len(costs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return costs[b] - costs[a] })
	for _, i := range order {
		least := 0
		for rank, load := range loads {
			if load < loads[least] {
				least = rank
			}
		}
		loads[least] += costs[i]
		of[i] = least
	}
	return of, loads
}

// accumulate adds up the gradients of passes, each on one process, and returns to all what was seen of all.
func (r *run) accumulate(ctx context.Context, passes []learner.Pass, temperature float32) ([]objective.Seen, error) {
	if r.job.Size == 1 {
		return r.learner.AccumulateAll(ctx, passes, temperature)
	}
	costs := make([]int, len(passes))
	for i, p := range passes {
		costs[i] = p.Batch.Shape.Tokens()
	}
	ours := r.ours(costs)
	var own []learner.Pass
	var at []int
	for i, p := range passes {
		if ours[i] {
			own, at = append(own, p), append(at, i)
		}
	}
	saw, failed := r.learner.AccumulateAll(ctx, own, temperature)
	seen := make([]objective.Seen, len(passes))
	names := append([]string{objective.LogProb, objective.Entropy}, r.objective.Statistics...)
	var b []byte
	if failed == nil {
		for k, one := range saw {
			seen[at[k]] = one
			b = binary.LittleEndian.AppendUint32(b, uint32(at[k]))
			for _, name := range names {
				b = appendNumbers(b, one[name])
			}
		}
	}
	all, err := r.exchange(b, failed)
	if err != nil {
		return nil, err
	}
	for rank, data := range all {
		for len(data) > 0 && rank != r.job.Rank {
			one := objective.Seen{}
			seen[binary.LittleEndian.Uint32(data)], data = one, data[4:]
			for _, name := range names {
				one[name], data = numbers(data)
			}
		}
	}
	return seen, nil
}

// update takes the optimiser's step, and makes sure that all processes took the same.
func (r *run) update(rate float64) (norm float64, err error) {
	norm, err = r.learner.Update(rate)
	if r.job.Size == 1 || err != nil {
		return norm, err
	}
	norms, err := r.job.AllGather(binary.LittleEndian.AppendUint64(nil, math.Float64bits(norm)))
	if err != nil {
		return norm, err
	}
	for rank, other := range norms {
		if !bytes.Equal(other, norms[0]) {
			return norm, fmt.Errorf("the gradient's norm is %v on rank 0 (%s) and %v on rank %d (%s): their "+
				"weights are no longer the same",
				math.Float64frombits(binary.LittleEndian.Uint64(norms[0])), r.job.Hosts[0],
				math.Float64frombits(binary.LittleEndian.Uint64(other)), rank, r.job.Hosts[rank])
		}
	}
	return norm, nil
}

func appendNumbers(b []byte, x []float32) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(x)))
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// numbers reads what appendNumbers wrote, and returns the rest.
func numbers(b []byte) (x []float32, rest []byte) {
	x = make([]float32, binary.LittleEndian.Uint32(b))
	b = b[4:]
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return x, b[4*len(x):]
}

// jobOf is the job of a run's options.
func jobOf(options Options) *cluster.Job {
	if options.Job != nil {
		return options.Job
	}
	return cluster.Alone()
}
