package schedule

import (
	"maps"
	"slices"
	"testing"

	"github.com/stele-lm/stele/engine/paged"
)

// pool simulates the memory that the scheduler only keeps books on, and the model
// that reads it: a slot holds a number that stands for the token written there and
// all tokens before it, made from what the slot before holds.
type pool struct {
	size  int
	slots []uint64
	dirty []bool // written in this step
}

func newPool(a *paged.Allocator) *pool {
	n := (a.NumPages() + 1) * a.PageSize()
	return &pool{a.PageSize(), make([]uint64, n), make([]bool, n)}
}

func (p *pool) slot(t *paged.Table, at int) int {
	return int(t.Pages[at/p.size])*p.size + at%p.size
}

func (p *pool) copy(copies []paged.Copy) {
	var from [][]uint64
	for _, c := range copies {
		from = append(from, slices.Clone(p.slots[int(c.Src)*p.size:][:p.size]))
	}
	for i, c := range copies {
		copy(p.slots[int(c.Dst)*p.size:], from[i])
	}
}

// extend returns what a slot holds, given the slot before.
func extend(before uint64, token int32) uint64 {
	h := (before ^ uint64(uint32(token)) + 1) * 0x9e3779b97f4a7c15
	return h ^ h>>29
}

// failer is a test, of rapid's kind or of testing's.
type failer interface {
	Fatal(...any)
	Fatalf(string, ...any)
}

// watch compares what a scheduler does with what it promises.
type watch struct {
	failer
	*Scheduler
	pool     *pool
	thorough bool // look at every slot in every step, not only when a sequence starts
	computed map[*Sequence]int
	hash     map[*Sequence]uint64 // what the last slot of the computed tokens shall hold
	started  map[*Sequence]int    // where hash stands
	decoding map[*Sequence]bool   // had rows of their own in the step before and go on
	results  map[[2]int][]int32
}

// live are the sequences that may hold pages.
func (w *watch) live() []*Sequence { return slices.Concat(w.running, w.parked, w.returned) }

// step runs what Next returns, as an engine would, and checks it. length is how
// many tokens a sample ends after.
func (w *watch) step(step *Step, holders []*Sequence, length func(request, sample int) int) {
	w.preemptions(holders)
	o, p := w.options, w.pool
	p.copy(step.Copies)
	fed, longer := 0, false
	rows := map[*Sequence]bool{}
	for _, item := range step.Items {
		n := len(item.Tokens)
		fed += n
		if n == 0 || n > max(1, o.ChunkTokens) || n == 1 && longer {
			w.Fatalf("a row of %d tokens, after longer ones: %v", n, longer)
		}
		longer = longer || n > 1
		if rows[item.Seq] {
			w.Fatal("a sequence has two rows")
		}
		rows[item.Seq] = true
		if item.Start != w.computed[item.Seq] {
			// Only the prefix cache may know more, and only at the start.
			if w.computed[item.Seq] != 0 || !o.PrefixCache || item.Start%p.size != 0 ||
				item.Start >= len(item.Seq.Tokens) {
				w.Fatalf("a row begins at %d, computed are %d", item.Start, w.computed[item.Seq])
			}
		}
		if w.computed[item.Seq] = item.Start + n - item.Draft; item.Draft > 0 &&
			(len(item.Sample) != 1 || w.computed[item.Seq] != len(item.Seq.Tokens)) {
			w.Fatalf("a guess for %d sequences, at %d of %d tokens", len(item.Sample), w.computed[item.Seq],
				len(item.Seq.Tokens))
		}
	}
	if len(rows) == 0 || len(rows) > o.MaxBatch || fed > o.StepTokens {
		w.Fatalf("%d rows and %d tokens, at most %d and %d", len(rows), fed, o.MaxBatch, o.StepTokens)
	}
	for seq := range w.decoding {
		if !rows[seq] && !slices.Contains(w.returned, seq) {
			w.Fatalf("request %d sample %d decoded, was not preempted, and waits", seq.Request, seq.Sample)
		}
	}
	clear(w.decoding)
	w.books()

	// Rows may run in any order and even at once: all is read before all is written.
	for _, item := range step.Items {
		seq := item.Seq
		if fresh := w.started[seq] != item.Start; w.thorough || fresh {
			hash := uint64(0)
			for at, id := range seq.Tokens[:item.Start] {
				if hash = extend(hash, id); p.slots[p.slot(&seq.Table, at)] != hash {
					w.Fatalf("request %d sample %d reads something else at position %d",
						seq.Request, seq.Sample, at)
				}
			}
			w.hash[seq] = hash
		} else if item.Start > 0 && p.slots[p.slot(&seq.Table, item.Start-1)] != w.hash[seq] {
			w.Fatalf("request %d sample %d reads something else before position %d",
				seq.Request, seq.Sample, item.Start)
		}
		for _, id := range item.Tokens[:len(item.Tokens)-item.Draft] {
			w.hash[seq] = extend(w.hash[seq], id)
		}
		w.started[seq] = item.Start + len(item.Tokens) - item.Draft
		for _, member := range item.Sample {
			w.hash[member], w.started[member] = w.hash[seq], w.started[seq]
		}
	}
	var written []int
	for _, item := range step.Items {
		for i, id := range item.Tokens {
			at := item.Start + i
			if i < len(item.Tokens)-item.Draft && item.Seq.Tokens[at] != id {
				w.Fatalf("position %d is fed %d, holds %d", at, id, item.Seq.Tokens[at])
			}
			slot := p.slot(&item.Seq.Table, at)
			if p.dirty[slot] {
				w.Fatalf("slot %d is written twice in a step", slot)
			}
			p.dirty[slot] = true
			written = append(written, slot)
			before := uint64(0)
			if at > 0 {
				before = p.slots[p.slot(&item.Seq.Table, at-1)]
			}
			p.slots[slot] = extend(before, id)
		}
	}
	for _, slot := range written {
		p.dirty[slot] = false
	}
	for _, item := range step.Items {
		at := item.Start + len(item.Tokens) - item.Draft - 1
		last := p.slots[p.slot(&item.Seq.Table, at)]
		for _, seq := range item.Sample {
			ended := w.draw(seq, last, length(seq.Request, seq.Sample))
			right := 0
			for right < item.Draft && !ended && item.Tokens[len(item.Tokens)-item.Draft+right] ==
				seq.Tokens[len(seq.Tokens)-1] {
				right++
				last = p.slots[p.slot(&item.Seq.Table, at+right)]
				w.hash[seq] = last
				ended = w.draw(seq, last, length(seq.Request, seq.Sample))
			}
			if item.Draft > 0 && !ended {
				w.Accept(seq, right)
				w.computed[seq], w.started[seq] = seq.Computed, seq.Computed
			}
		}
	}
}

// goesOn is the token that a sequence goes on with after last.
func goesOn(seq *Sequence, last uint64) int32 {
	return int32(extend(last, int32(seq.Sample)) >> 40 % 5)
}

// draw appends what the model says after last, and ends the sequence when it is
// long enough.
func (w *watch) draw(seq *Sequence, last uint64, length int) (ended bool) {
	if seq.Computed > len(seq.Tokens) || seq.Table.Len < len(seq.Tokens) {
		w.Fatalf("%d tokens computed, %d slots, and the next after %d is drawn", seq.Computed, seq.Table.Len,
			len(seq.Tokens))
	}
	w.computed[seq] = seq.Computed
	w.Append(seq, goesOn(seq, last))
	if len(seq.Tokens)-seq.Prompt < length {
		if slices.Contains(w.running, seq) {
			w.decoding[seq] = true
		}
		return false
	}
	key := [2]int{seq.Request, seq.Sample}
	if w.results[key] != nil {
		w.Fatalf("%v ended twice", key)
	}
	w.results[key] = slices.Clone(seq.Tokens[seq.Prompt:])
	w.Finish(seq)
	delete(w.decoding, seq)
	delete(w.computed, seq)
	delete(w.hash, seq)
	delete(w.started, seq)
	if len(seq.Table.Pages) > 0 {
		w.Fatal("a finished sequence holds pages")
	}
	return true
}

// preemptions checks who lost its pages: never the oldest of those that had some.
func (w *watch) preemptions(holders []*Sequence) {
	for _, seq := range w.returned {
		if len(seq.Table.Pages) > 0 || seq.Computed != 0 {
			w.Fatal("a waiting sequence holds pages")
		}
		w.computed[seq] = 0
		delete(w.started, seq)
		delete(w.hash, seq)
	}
	if len(holders) == 0 {
		return
	}
	if oldest := slices.MinFunc(holders, (*Sequence).before); slices.Contains(w.returned, oldest) {
		w.Fatal("the oldest was preempted")
	}
}

// books compares the allocator's count with the tables, and looks for a row that
// writes to a page of several tables.
func (w *watch) books() {
	if !w.thorough {
		if used := w.pages.NumUsed(); used > w.pages.NumPages() {
			w.Fatalf("%d of %d pages in use", used, w.pages.NumPages())
		}
		return
	}
	users := map[int32]int{}
	for _, seq := range w.live() {
		for _, b := range seq.Table.Pages {
			if b <= 0 || int(b) > w.pages.NumPages() {
				w.Fatalf("page %d was handed out, there are 1 to %d", b, w.pages.NumPages())
			}
			users[b]++
		}
	}
	if w.pages.NumUsed() != len(users) {
		w.Fatalf("the allocator counts %d pages in use, the tables hold %d", w.pages.NumUsed(), len(users))
	}
	for _, item := range w.Scheduler.step.Items {
		for at := item.Start; at < item.Start+len(item.Tokens); at++ {
			b := item.Seq.Table.Pages[at/w.pool.size]
			shared := users[b]
			for _, member := range item.Sample { // forked for after this step
				if member != item.Seq && slices.Contains(member.Table.Pages, b) {
					shared--
				}
			}
			if shared != 1 {
				w.Fatalf("a page of %d tables is written", shared)
			}
		}
	}
}

// drive runs a scheduler to its end and returns what was generated. cancelled lists the requests that are not wanted
// any more before a step; nil is none.
func drive(
	t failer, s *Scheduler, thorough bool, length func(request, sample int) int, cancelled func(step int) []int,
) map[[2]int][]int32 {
	w := &watch{
		failer: t, Scheduler: s, pool: newPool(s.pages), thorough: thorough,
		computed: map[*Sequence]int{}, hash: map[*Sequence]uint64{}, started: map[*Sequence]int{},
		decoding: map[*Sequence]bool{}, results: map[[2]int][]int32{},
	}
	for steps := 0; ; steps++ {
		if steps > 1_000_000 {
			t.Fatal("it does not end")
		}
		if cancelled != nil {
			for _, request := range cancelled(steps) {
				s.Cancel(request)
				maps.DeleteFunc(w.decoding, func(seq *Sequence, _ bool) bool { return seq.Request == request })
			}
		}
		holders := slices.Concat(w.running, w.parked)
		oldest, done := (*Sequence)(nil), 0
		for _, seq := range s.running {
			if seq.left() > 1 { // the oldest prompt under way must go on
				oldest, done = seq, seq.Computed
				break
			}
		}
		step, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		if step == nil {
			break
		}
		if oldest != nil && oldest.Computed == done && !slices.Contains(s.returned, oldest) {
			t.Fatalf("request %d stands still at %d of %d prompt tokens", oldest.Request, done, oldest.Prompt)
		}
		w.step(step, holders, length)
	}
	if n := s.pages.NumUsed(); n != 0 {
		t.Fatalf("%d pages leak", n)
	}
	if n := len(w.live()) + len(s.fresh); n != 0 {
		t.Fatalf("%d sequences are left", n)
	}
	return w.results
}

var _ failer = (*testing.T)(nil)
