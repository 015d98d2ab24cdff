// Package schedule decides which sequence runs which tokens in the next step:
// continuous batching with chunked prefill, shared prompts and preemption. It is
// bookkeeping only and knows no tensors.
//
// A step has a budget of tokens. Sequences that decode go first, one token each,
// every one of them in every step; what is left of the budget is filled with
// chunks of prompts, the oldest first. So a long prompt delays decoding by its
// chunk and never by its length.
//
// Invariants: every position of a sequence is computed once before it is read,
// in order, and again after a preemption; a sequence is told nothing of the
// others, so that what it generates cannot depend on them; the oldest sequence is
// never preempted, so that everything ends; a row reads nothing that another row
// of its step writes; a finished sequence holds no page.
package schedule

import (
	"errors"
	"fmt"
	"slices"

	"github.com/stele-lm/stele/engine/paged"
)

// Options bound a step.
type Options struct {
	MaxBatch int // rows of a step: sequences that decode, and prompts under way
	// StepTokens is the budget of a step, decoding and prompts together (vLLM's
	// max_num_batched_tokens). Less than MaxBatch counts as MaxBatch, so that there
	// is always a token left for a prompt.
	StepTokens  int
	ChunkTokens int  // prompt tokens of one sequence in a step
	PrefixCache bool // share full pages of equal prefixes between requests
	// Draft guesses the tokens that a sequence goes on with, beside a number of rows that decode; nil, or no tokens,
	// makes no guess. They are computed together with its last token, and Accept says how many were right.
	Draft  func(seq *Sequence, rows int) []int32
	MaxLen int // most tokens of a sequence; 0 for no bound
}

// Stats count what a scheduler has done.
type Stats struct {
	Steps         int
	PrefillTokens int // computed of prompts, and again after a preemption
	DecodeTokens  int // computed of what was generated
	CachedTokens  int // found in the prefix cache instead of being computed
	SharedTokens  int // prompt tokens that members of a group took from its first
	DraftTokens   int // that were guessed, beside those of DecodeTokens
	AcceptTokens  int // guessed rightly
	Preemptions   int
	PeakPages     int // most pages in use in a step
}

// Add counts what another scheduler has done too, over another pool; PeakPages is that of the fuller one.
func (s *Stats) Add(o Stats) {
	s.Steps += o.Steps
	s.PrefillTokens += o.PrefillTokens
	s.DecodeTokens += o.DecodeTokens
	s.CachedTokens += o.CachedTokens
	s.SharedTokens += o.SharedTokens
	s.DraftTokens += o.DraftTokens
	s.AcceptTokens += o.AcceptTokens
	s.Preemptions += o.Preemptions
	s.PeakPages = max(s.PeakPages, o.PeakPages)
}

// Sequence is one completion in the making.
type Sequence struct {
	Request, Sample int
	Tokens          []int32 // the prompt and what was generated
	Prompt          int     // length of the prompt
	Computed        int     // tokens whose keys and values are in the pool, once the step is done
	// Table has pages for all tokens of a prompt from its first chunk on.
	Table paged.Table

	arrival int          // number in the order of Add
	known   int          // tokens that it had when it was started: a prompt, and more after a preemption
	members int          // samples that a shared prefill has to serve, itself included
	hashes  []uint64     // of its full pages, for the prefix cache
	awaits  uint64       // a page that another sequence computes and this one wants
	self    [1]*Sequence // Item.Sample most of the time
}

// left counts the tokens that are not computed yet: one while it decodes.
func (s *Sequence) left() int { return len(s.Tokens) - s.Computed }

// Item is one row of a step.
type Item struct {
	Seq    *Sequence
	Start  int     // position of the first token that is fed
	Tokens []int32 // fed in this step
	Draft  int     // the last so many of them are a guess
	// Sample lists the sequences that draw their next token from the logits of
	// this row's last position that is no guess: the sequence itself, its whole group when a shared
	// prompt is complete, or nobody when the prompt goes on.
	Sample []*Sequence
}

// Step lists the rows that run next. It is valid until Next is called again.
type Step struct {
	// Items are the rows. Those of one token come first, longer ones follow.
	Items []Item
	// Copies must be carried out in the pool before the step.
	Copies []paged.Copy
}

// Scheduler holds all sequences of a generation. It is not safe for concurrent use.
type Scheduler struct {
	pages   *paged.Allocator
	options Options
	stats   Stats
	added   int

	// A sequence is in one of these lists until it is finished.
	fresh    []*Sequence // never started, in the order of Add
	returned ages        // preempted, or waiting for a page that another one computes
	running  ages        // the rows: decoding, or a prompt under way
	parked   ages        // of a group whose prompt is computed, without a row yet

	ones, chunks []Item // of the step in the making
	step         Step
	budget       int
	unsealed     []*Sequence // prompts that the last step went on with
}

// New makes a scheduler over an allocator's pages.
func New(a *paged.Allocator, o Options) *Scheduler {
	o.StepTokens = max(o.StepTokens, o.MaxBatch)
	return &Scheduler{pages: a, options: o}
}

// Stats returns what was counted so far.
func (s *Scheduler) Stats() Stats { return s.stats }

// Add queues samples completions of a prompt, of at most maxNew tokens each. The
// prompt is computed once; it is not copied and must stay as it is. A sequence
// that could never fit in the pool is an error.
func (s *Scheduler) Add(request int, prompt []int32, samples, maxNew int) error {
	if len(prompt) == 0 || samples < 1 || maxNew < 1 {
		return fmt.Errorf("prompt of %d tokens, %d samples, %d new tokens: each must be at least 1",
			len(prompt), samples, maxNew)
	}
	length := len(prompt) + maxNew
	if s.options.MaxLen > 0 {
		length = min(length, max(s.options.MaxLen, len(prompt)+1))
	}
	if need := s.pages.PagesFor(length); need > s.pages.NumPages() {
		return fmt.Errorf("%d tokens need %d pages of %d, the key-value pool has %d",
			length, need, s.pages.PageSize(), s.pages.NumPages())
	}
	seq := &Sequence{
		Request: request, Tokens: slices.Clip(prompt), Prompt: len(prompt),
		arrival: s.added, members: samples,
	}
	seq.self[0] = seq
	s.fresh = append(s.fresh, seq)
	s.added++
	return nil
}

// Next returns the next step, or nil when nothing is left. The tokens of the step
// before must have been appended, and its finished sequences finished.
func (s *Scheduler) Next() (*Step, error) {
	s.seal()
	for {
		preempted := s.stats.Preemptions
		s.fill()
		if len(s.step.Items) > 0 {
			s.stats.Steps++
			s.stats.PeakPages = max(s.stats.PeakPages, s.pages.NumUsed())
			return &s.step, nil
		}
		if len(s.fresh)+len(s.returned)+len(s.parked) == 0 {
			return nil, nil
		}
		// All that ran may have made room for an older group without rows, which
		// runs next.
		if s.stats.Preemptions == preempted {
			return nil, errors.New("schedule: sequences wait and nothing can run")
		}
	}
}

// fill makes the step.
func (s *Scheduler) fill() {
	s.ones, s.chunks = s.ones[:0], s.chunks[:0]
	s.step.Copies = s.step.Copies[:0]
	s.budget = s.options.StepTokens
	preempted := s.stats.Preemptions
	s.promote()
	s.decode()
	s.prefill()
	if s.stats.Preemptions == preempted { // who was preempted shall not return in the same step
		s.admit()
	}
	s.ones = append(s.ones, s.chunks...)
	s.step.Items = s.ones
}

// Append adds the token that seq drew.
func (s *Scheduler) Append(seq *Sequence, token int32) { seq.Tokens = append(seq.Tokens, token) }

// Finish ends a sequence that drew a token in the last step; its pages are free
// at once.
func (s *Scheduler) Finish(seq *Sequence) {
	s.release(seq)
	if !s.running.remove(seq) {
		s.parked.remove(seq)
	}
}

// Cancel ends all sequences of a request, whatever they are doing, once the tokens of the last step were appended
// or are not wanted any more. Their pages are free at once.
func (s *Scheduler) Cancel(request int) {
	s.seal()
	for _, list := range []*[]*Sequence{&s.fresh, (*[]*Sequence)(&s.returned), (*[]*Sequence)(&s.running),
		(*[]*Sequence)(&s.parked)} {
		*list = slices.DeleteFunc(*list, func(seq *Sequence) bool {
			if seq.Request != request {
				return false
			}
			s.release(seq) // those of the first two lists hold nothing
			return true
		})
	}
}

// promote gives rows to parked sequences while there are rows, and pages for
// everybody to grow: parked, they hold the prompt that they share and no more.
func (s *Scheduler) promote() {
	for len(s.parked) > 0 && len(s.running) < s.options.MaxBatch {
		if len(s.running) > 0 && len(s.running)+1 > s.pages.NumFree() {
			return
		}
		s.running.insert(s.parked[0])
		s.parked = slices.Delete(s.parked, 0, 1)
	}
}

// decode adds one token of every sequence that lacks no more. When pages run out
// a younger one lets go of its pages and is computed again later.
func (s *Scheduler) decode() {
	for i := 0; i < len(s.running); i++ {
		seq := s.running[i]
		if seq.left() == 1 && s.grow(seq) {
			if draft := s.draft(seq); draft != nil {
				s.addDraft(seq, draft)
			} else {
				s.add(seq, 1)
			}
		}
	}
}

// grow makes room for one more token of a running sequence, or preempts it.
func (s *Scheduler) grow(seq *Sequence) bool {
	if seq.Computed < seq.known {
		return true // the last token of a prompt has its room
	}
	for {
		copies, ok := s.pages.Grow(&seq.Table, 1)
		if ok {
			s.step.Copies = append(s.step.Copies, copies...)
			return true
		}
		// Rows of this step so far are all older than seq, and so never victims.
		// Those who run go before those who are parked: they have pages of their own.
		victim := seq
		if last := s.running.youngest(); last != seq {
			victim = last
		} else if last := s.parked.youngest(); last != nil && last.before(seq) > 0 {
			victim = last
		}
		s.preempt(victim)
		if victim == seq {
			return false
		}
	}
}

// prefill goes on with the prompts that are under way.
func (s *Scheduler) prefill() {
	for _, seq := range s.running {
		if s.budget < 1 {
			return
		}
		if seq.left() > 0 { // whoever decodes has its token in the step already
			s.add(seq, min(seq.left(), s.options.ChunkTokens, s.budget))
		}
	}
}

// add makes a row of the next n tokens of a sequence, which has room for them.
func (s *Scheduler) add(seq *Sequence, n int) {
	item := Item{Seq: seq, Start: seq.Computed, Tokens: seq.Tokens[seq.Computed : seq.Computed+n]}
	if seq.Computed >= seq.known {
		s.stats.DecodeTokens++
	} else {
		s.stats.PrefillTokens += n
		s.unsealed = append(s.unsealed, seq)
	}
	seq.Computed += n
	s.budget -= n
	if seq.left() == 0 {
		item.Sample = seq.self[:]
		if seq.members > 1 {
			item.Sample = s.split(seq)
		}
	}
	if n == 1 {
		s.ones = append(s.ones, item)
	} else {
		s.chunks = append(s.chunks, item)
	}
}

// draft returns the guess of how a sequence that decodes goes on, for which it has made room: only where that takes
// nothing from anybody.
func (s *Scheduler) draft(seq *Sequence) []int32 {
	if s.options.Draft == nil || seq.Computed < seq.known || seq.members > 1 {
		return nil
	}
	draft := s.options.Draft(seq, len(s.running))
	n := len(draft)
	switch {
	case n == 0, 1+n > s.options.ChunkTokens,
		s.budget-1-n < len(s.running),
		s.options.MaxLen > 0 && len(seq.Tokens)+n >= s.options.MaxLen,
		s.pages.PagesFor(n)+1+len(s.running) > s.pages.NumFree():
		return nil
	}
	if _, ok := s.pages.Grow(&seq.Table, n); !ok {
		return nil
	}
	return draft
}

// addDraft makes a row of the last token of a sequence and a guess of those that follow.
func (s *Scheduler) addDraft(seq *Sequence, draft []int32) {
	last := slices.Clip(seq.Tokens[seq.Computed:])
	s.chunks = append(s.chunks, Item{
		Seq: seq, Start: seq.Computed, Tokens: append(last, draft...), Draft: len(draft), Sample: seq.self[:],
	})
	s.stats.DecodeTokens++
	s.stats.DraftTokens += len(draft)
	s.budget -= 1 + len(draft)
	seq.Computed++
}

// Accept says that the first n tokens of a sequence's guess were drawn, once they and the one after them have been
// appended. It is called for every row with a guess whose sequence goes on.
func (s *Scheduler) Accept(seq *Sequence, n int) {
	seq.Computed += n
	s.stats.AcceptTokens += n
	s.pages.Shrink(&seq.Table, seq.Computed)
}

// split makes the members of a group whose prompt is complete. They share its
// pages, and all but the first wait for a row.
func (s *Scheduler) split(leader *Sequence) []*Sequence {
	group := []*Sequence{leader}
	for sample := 1; sample < leader.members; sample++ {
		member := &Sequence{
			Request: leader.Request, Sample: sample,
			Tokens: slices.Clip(leader.Tokens), Prompt: leader.Prompt,
			Computed: leader.Computed, Table: s.pages.Fork(&leader.Table),
			arrival: leader.arrival, members: 1,
			known: leader.known, hashes: slices.Clip(leader.hashes),
		}
		member.self[0] = member
		s.parked.insert(member)
		s.stats.SharedTokens += leader.Prompt
		group = append(group, member)
	}
	leader.members = 1 // from now on it is computed for itself alone
	return group
}

// preempt takes the pages of a sequence, which is the last of its list. What it
// has generated stays and is computed again with its prompt.
func (s *Scheduler) preempt(seq *Sequence) {
	s.release(seq)
	seq.Computed = 0
	if !s.running.remove(seq) {
		s.parked.remove(seq)
	}
	s.returned.insert(seq)
	s.stats.Preemptions++
}

// admit starts waiting sequences, the oldest first, while there are rows, budget
// and pages. One that wants a page which another is computing lets younger ones
// pass, as many as a batch; one that lacks pages lets nobody pass.
func (s *Scheduler) admit() {
	rows := len(s.parked) // sequences that have a row or wait for one
	for _, seq := range s.running {
		rows += seq.members
	}
	free := func() bool { return s.budget > 0 && rows < s.options.MaxBatch }
	for i := 0; i < len(s.returned) && free(); {
		seq, members := s.returned[i], s.returned[i].members
		switch s.start(seq, rows) {
		case started:
			s.returned = slices.Delete(s.returned, i, i+1)
			rows += members
		case waits:
			i++
		case noRoom:
			return
		}
	}
	for len(s.fresh) > 0 && len(s.returned) < s.options.MaxBatch && free() {
		seq, members := s.fresh[0], s.fresh[0].members
		outcome := s.start(seq, rows)
		if outcome == noRoom {
			return
		}
		s.fresh[0] = nil
		s.fresh = s.fresh[1:]
		if outcome == waits {
			s.returned.insert(seq)
		} else {
			rows += members
		}
	}
}

// outcome is the result of an attempt to start a sequence.
type outcome int

const (
	started outcome = iota
	waits           // for a page that another sequence is computing
	noRoom
)

// start finds what is known of a sequence, takes pages for all that it lacks and
// adds its first chunk. rows counts the sequences that are running or will be when
// the prompts under way are done.
func (s *Scheduler) start(seq *Sequence, rows int) outcome {
	// It begins only when there is a page more for each that runs to grow into:
	// otherwise it would soon be preempted, or preempt.
	growth := min(rows+seq.members, s.options.MaxBatch)
	if len(s.running) > 0 && 1+growth > s.pages.NumFree() {
		return noRoom
	}
	var hit paged.Hit
	if s.options.PrefixCache {
		if s.pages.Promised(seq.awaits) {
			return waits
		}
		seq.hashes = s.pages.Hash(seq.hashes, seq.Tokens)
		hit = s.pages.Find(seq.hashes, seq.Tokens)
		seq.awaits = hit.Pending
		if hit.Pending != 0 {
			return waits
		}
	}
	need := s.pages.PagesFor(len(seq.Tokens)) - hit.Pages + hit.Unused
	if len(s.running) > 0 && need+growth > s.pages.NumFree() {
		return noRoom
	}
	seq.Table = s.pages.Share(hit, seq.hashes)
	seq.Computed, seq.known = seq.Table.Len, len(seq.Tokens)
	// With nobody running all pages are free, and Add has compared.
	if _, ok := s.pages.Grow(&seq.Table, seq.left()); !ok {
		s.pages.Release(&seq.Table)
		seq.Computed = 0
		return noRoom
	}
	s.pages.Promise(&seq.Table, seq.hashes)
	s.stats.CachedTokens += seq.Computed
	s.running.insert(seq)
	s.add(seq, min(seq.left(), s.options.ChunkTokens, s.budget))
	return started
}

// release gives pages back; full ones may be found again by their content.
func (s *Scheduler) release(seq *Sequence) {
	s.sealOne(seq)
	s.pages.Release(&seq.Table)
}

// seal makes the prompts of the step before findable, now that they are computed.
func (s *Scheduler) seal() {
	for _, seq := range s.unsealed {
		s.sealOne(seq)
	}
	s.unsealed = s.unsealed[:0]
}

// sealOne makes the pages findable that the computed tokens of a sequence fill.
func (s *Scheduler) sealOne(seq *Sequence) {
	if s.options.PrefixCache {
		computed := seq.Tokens[:min(seq.Computed, len(seq.Tokens), seq.Table.Len)]
		seq.hashes = s.pages.Hash(seq.hashes, computed)
		s.pages.Seal(&seq.Table, seq.hashes, computed)
	}
}
