// Package schedule decides which sequence runs which tokens in the next step:
// continuous batching with chunked prefill, shared prompts and preemption. It is
// bookkeeping only and knows no tensors.
//
// Invariants: every position of a sequence is computed once before it is read,
// in order, and again after a preemption; a sequence is told nothing of the
// others, so that what it generates cannot depend on them; the oldest sequence is
// never preempted, so that everything ends; a finished sequence holds no block.
package schedule

import (
	"errors"
	"fmt"
	"slices"

	"stele/engine/paged"
)

// Options bound a step.
type Options struct {
	MaxBatch         int  // sequences that decode together
	MaxPrefillTokens int  // prompt tokens of a step, over all sequences
	ChunkTokens      int  // prompt tokens of a step of one sequence
	PrefixCache      bool // share full blocks of equal prefixes between requests
	MaxLen           int  // most tokens of a sequence; 0 for no bound
}

// Sequence is one completion in the making.
type Sequence struct {
	Request, Sample int
	Tokens          []int32 // the prompt and what was generated
	Prompt          int     // length of the prompt
	Computed        int     // tokens whose keys and values are in the pool, once the step is done
	Table           paged.Table

	arrival int // place in the order of Add
	members int // samples that a shared prefill has to serve, itself included
}

// before is the order of age: requests as they came, samples as they are counted.
func (s *Sequence) before(o *Sequence) int {
	if s.arrival != o.arrival {
		return s.arrival - o.arrival
	}
	return s.Sample - o.Sample
}

// Item is one row of a step.
type Item struct {
	Seq    *Sequence
	Start  int     // position of the first token that is fed
	Tokens []int32 // fed in this step
	// Sample lists the sequences that draw their next token from the logits of
	// this row's last position: the sequence itself, its whole group when a shared
	// prompt is complete, or nobody when the prompt goes on.
	Sample []*Sequence
}

// Step is what runs next: rows of one token each, or chunks of prompts.
type Step struct {
	Prefill bool
	Items   []Item
	// Copies must be carried out in the pool before the step.
	Copies []paged.Copy
}

// Scheduler holds all sequences of a generation. It is not safe for concurrent use.
type Scheduler struct {
	blocks  *paged.Allocator
	options Options

	waiting []*Sequence // to be prefilled, the next first
	running []*Sequence // decoding, by age
	parked  []*Sequence // prompt computed, no place in the batch yet; by age
	added   int

	unsealed    []*Sequence // prefilled by the last step
	lastPrefill bool
}

// New makes a scheduler over an allocator's blocks.
func New(a *paged.Allocator, o Options) *Scheduler {
	return &Scheduler{blocks: a, options: o}
}

// Add queues samples completions of a prompt, of at most maxNew tokens each. The
// prompt is computed once. A sequence that could never fit in the pool is an
// error.
func (s *Scheduler) Add(request int, prompt []int32, samples, maxNew int) error {
	if len(prompt) == 0 || samples < 1 || maxNew < 1 {
		return fmt.Errorf("prompt of %d tokens, %d samples, %d new tokens: each must be at least 1", len(prompt), samples, maxNew)
	}
	length := len(prompt) + maxNew
	if s.options.MaxLen > 0 {
		length = min(length, max(s.options.MaxLen, len(prompt)+1))
	}
	if need := s.blocks.BlocksFor(length); need > s.blocks.NumBlocks() {
		return fmt.Errorf("%d tokens need %d blocks of %d, the key-value pool has %d", length, need, s.blocks.BlockSize(), s.blocks.NumBlocks())
	}
	s.waiting = append(s.waiting, &Sequence{
		Request: request, Tokens: slices.Clone(prompt), Prompt: len(prompt), arrival: s.added, members: samples,
	})
	s.added++
	return nil
}

// Next returns the next step, or nil when nothing is left. The tokens of the step
// before must have been appended, and its finished sequences finished.
//
// Prompts go first while fewer than half of the places in the batch are taken;
// then prefill and decode steps alternate, so that neither starves.
func (s *Scheduler) Next() (*Step, error) {
	s.seal()
	s.admit()
	full := len(s.running)+len(s.parked) >= s.options.MaxBatch
	wait := s.lastPrefill && len(s.running) >= (s.options.MaxBatch+1)/2
	if len(s.waiting) > 0 && !full && !wait {
		if step := s.prefill(); step != nil {
			s.lastPrefill = true
			return step, nil
		}
	}
	s.lastPrefill = false
	if len(s.running) > 0 {
		if step := s.decode(); step != nil {
			return step, nil
		}
		return s.Next() // everything was preempted but one, which now has room
	}
	if len(s.waiting) > 0 {
		return nil, errors.New("schedule: sequences wait and nothing can run")
	}
	return nil, nil
}

// Append adds the token that seq drew.
func (s *Scheduler) Append(seq *Sequence, token int32) { seq.Tokens = append(seq.Tokens, token) }

// Finish ends a sequence; its blocks are free at once.
func (s *Scheduler) Finish(seq *Sequence) {
	s.release(seq)
	s.running = remove(s.running, seq)
	s.parked = remove(s.parked, seq)
}

// admit gives free places in the batch to sequences whose prompt is computed.
func (s *Scheduler) admit() {
	n := min(len(s.parked), s.options.MaxBatch-len(s.running))
	if n > 0 {
		s.running = append(s.running, s.parked[:n]...)
		slices.SortFunc(s.running, (*Sequence).before)
		s.parked = slices.Delete(s.parked, 0, n)
	}
}

// prefill makes a step of the waiting prompts, or nil when there is no room.
func (s *Scheduler) prefill() *Step {
	step := &Step{Prefill: true}
	budget := s.options.MaxPrefillTokens
	places := s.options.MaxBatch - len(s.running) - len(s.parked)
	var rest []*Sequence
	for i, seq := range s.waiting {
		if budget < 1 || places < 1 {
			rest = append(rest, s.waiting[i:]...)
			break
		}
		if seq.Computed == 0 && s.options.PrefixCache {
			seq.Table = s.blocks.Match(seq.Tokens)
			seq.Computed = seq.Table.Len
		}
		// A prompt begins only when all of it would fit beside what runs and grows:
		// otherwise it would soon be preempted, or preempt.
		left := len(seq.Tokens) - seq.Computed
		if len(s.running) > 0 && s.blocks.BlocksFor(left)+len(s.running) > s.blocks.NumFree() {
			rest = append(rest, s.waiting[i:]...)
			break
		}
		n := min(left, s.options.ChunkTokens, budget)
		copies, ok := s.blocks.Grow(&seq.Table, n)
		if !ok && len(step.Items) == 0 && len(s.running) == 0 {
			// Nobody runs who could make room: the prompts behind let go of theirs.
			for _, other := range s.waiting[i+1:] {
				s.forget(other)
			}
			copies, ok = s.blocks.Grow(&seq.Table, n)
		}
		if !ok {
			rest = append(rest, s.waiting[i:]...)
			break
		}
		step.Copies = append(step.Copies, copies...)
		item := Item{Seq: seq, Start: seq.Computed, Tokens: seq.Tokens[seq.Computed : seq.Computed+n]}
		seq.Computed += n
		budget -= n
		places--
		s.unsealed = append(s.unsealed, seq)
		if seq.Computed < len(seq.Tokens) {
			rest = append(rest, seq)
		} else {
			item.Sample = s.enter(seq)
		}
		step.Items = append(step.Items, item)
	}
	s.waiting = rest
	if len(step.Items) == 0 {
		return nil
	}
	return step
}

// enter makes the members of a group whose prompt is complete. They share its
// blocks and wait for a place.
func (s *Scheduler) enter(leader *Sequence) []*Sequence {
	group := []*Sequence{leader}
	for sample := 1; sample < leader.members; sample++ {
		group = append(group, &Sequence{
			Request: leader.Request, Sample: sample, Tokens: slices.Clone(leader.Tokens), Prompt: leader.Prompt,
			Computed: leader.Computed, Table: s.blocks.Fork(&leader.Table), arrival: leader.arrival, members: 1,
		})
	}
	leader.members = 1 // from now on it is computed for itself alone
	s.parked = append(s.parked, group...)
	slices.SortFunc(s.parked, (*Sequence).before)
	return group
}

// decode makes a step of one token of every running sequence. When blocks run
// out the youngest sequence lets go of its blocks and is computed again later.
func (s *Scheduler) decode() *Step {
	step := &Step{}
	for _, seq := range slices.Clone(s.running) {
		if !slices.Contains(s.running, seq) {
			continue // preempted for an older one
		}
		copies, ok := s.blocks.Grow(&seq.Table, 1)
		for !ok {
			victim := s.youngest()
			s.preempt(victim)
			if victim == seq {
				break
			}
			copies, ok = s.blocks.Grow(&seq.Table, 1)
		}
		if !ok {
			continue
		}
		step.Copies = append(step.Copies, copies...)
		step.Items = append(step.Items, Item{
			Seq: seq, Start: seq.Computed, Tokens: seq.Tokens[seq.Computed:], Sample: []*Sequence{seq},
		})
		seq.Computed++
	}
	if len(step.Items) == 0 {
		return nil
	}
	return step
}

// youngest picks who lets go: a prompt half computed, a sequence without a place,
// one that runs; of these the youngest.
func (s *Scheduler) youngest() *Sequence {
	var holders []*Sequence
	for _, seq := range s.waiting {
		if len(seq.Table.Blocks) > 0 {
			holders = append(holders, seq)
		}
	}
	for _, group := range [][]*Sequence{holders, s.parked, s.running} {
		if len(group) > 0 {
			return slices.MaxFunc(group, (*Sequence).before)
		}
	}
	return nil // not reached: the caller itself runs
}

// preempt takes a sequence's blocks and puts it in front of those that wait, by
// age. What it has generated stays and is computed again with its prompt.
func (s *Scheduler) preempt(seq *Sequence) {
	s.forget(seq)
	if slices.Contains(s.waiting, seq) {
		return
	}
	s.running = remove(s.running, seq)
	s.parked = remove(s.parked, seq)
	at, _ := slices.BinarySearchFunc(s.waiting, seq, (*Sequence).before)
	s.waiting = slices.Insert(s.waiting, at, seq)
}

// forget lets go of what is computed of a sequence.
func (s *Scheduler) forget(seq *Sequence) {
	s.release(seq)
	seq.Computed = 0
}

// release gives blocks back; full ones may be found again by their content.
func (s *Scheduler) release(seq *Sequence) {
	if s.options.PrefixCache {
		s.blocks.Seal(&seq.Table, seq.Tokens[:min(seq.Computed, len(seq.Tokens))])
	}
	s.blocks.Release(&seq.Table)
}

// seal makes the prompts of the step before findable, now that they are computed.
func (s *Scheduler) seal() {
	if s.options.PrefixCache {
		for _, seq := range s.unsealed {
			s.blocks.Seal(&seq.Table, seq.Tokens[:min(seq.Computed, seq.Table.Len)])
		}
	}
	s.unsealed = s.unsealed[:0]
}

func remove(list []*Sequence, seq *Sequence) []*Sequence {
	if i := slices.Index(list, seq); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}
