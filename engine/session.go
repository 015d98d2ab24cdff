package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/stele-lm/stele/engine/model/dense"
)

// Session generates for requests that come at any time and from any goroutine, in the batches of an engine's devices.
// What a request generates is what Generate does for it alone.
type Session struct {
	// MaxLen is the most tokens that a sequence may have, its prompt included.
	MaxLen int

	lanes []*lane // one for each device

	mu   sync.Mutex
	load []int // tokens that the requests of each lane may still have, of prompts and of completions
}

// lane is what a session does on one device.
type lane struct {
	engine *Engine
	maxLen int
	wake   chan struct{} // has room for one: something is in the lists below

	mu            sync.Mutex
	arrived, gone []*ticket
	err           error // why run returned
}

// ticket is a request of a session.
type ticket struct {
	*pending
	instead func() error // what to do in place of generating
	index   int          // of the request in the generation; -1 before it is there
	// done gets one word, after which nothing of the request is called any more.
	done chan error
}

// ErrSessionEnded is returned for requests that a session leaves undone.
var ErrSessionEnded = errors.New("the session has ended")

// NewSession makes a pool of so many token slots (0 is the engine's choice) on each device, which bounds how long a
// sequence may be. Nothing else may use the engine until Run has returned.
func (e *Engine) NewSession(tokens int) (*Session, error) {
	positions := e.Weights.Config.MaxPositions
	if tokens == 0 {
		tokens = min(e.poolTokens(positions, e.options.MaxBatch),
			int(e.poolBytes()/e.Weights.Config.KVBytesPerToken(e.poolDType())))
	}
	longest := min(positions, tokens)
	if longest < 2 {
		return nil, fmt.Errorf("a pool of %d tokens holds no prompt and its completion", tokens)
	}
	e.Weights.Replicas() // which have the adapter from then on
	s := &Session{MaxLen: longest, load: make([]int, e.Devices())}
	for _, one := range e.all() {
		if err := one.ensurePool(longest, tokens); err != nil {
			return nil, err
		}
		s.lanes = append(s.lanes, &lane{engine: one, maxLen: longest, wake: make(chan struct{}, 1)})
	}
	return s, nil
}

// choose returns the lane with the least to do, and counts so many tokens as its own until done is called.
func (s *Session) choose(tokens int) (l *lane, done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	least := 0
	for i := range s.load {
		if s.load[i] < s.load[least] {
			least = i
		}
	}
	s.load[least] += tokens
	return s.lanes[least], func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.load[least] -= tokens
	}
}

// Generate waits until all samples of a request have ended, or ctx is done. The request's Piece and emit are called
// from one goroutine of Run's, which they must not hold up; an error of theirs ends the request alone. All samples of a
// request are generated on one device, that with the least to do.
func (s *Session) Generate(ctx context.Context, r Request, emit func(Completion) error) error {
	if err := s.lanes[0].engine.CheckRequest(&r); err != nil {
		return err
	}
	if n := len(r.Prompt) + 1; n > s.MaxLen {
		return fmt.Errorf("the prompt has %d tokens, of %d that a sequence may have", len(r.Prompt), s.MaxLen)
	}
	r.MaxTokens = min(r.MaxTokens, s.MaxLen-len(r.Prompt))
	l, done := s.choose(len(r.Prompt) + max(r.N, 1)*r.MaxTokens)
	defer done()
	t := &ticket{pending: l.engine.pend(&r, emit), index: -1, done: make(chan error, 1)}
	if err := l.tell(&l.arrived, t); err != nil {
		return err
	}
	select {
	case err := <-t.done:
		return err
	case <-ctx.Done():
		if err := l.tell(&l.gone, t); err == nil {
			<-t.done
		}
		return ctx.Err()
	}
}

// Score is Engine's ScoreTop of one pair, on the device with the least to do, while nothing else runs there.
func (s *Session) Score(ctx context.Context, pair dense.Pair, temperature float64, top int) (Score, error) {
	if err := s.lanes[0].engine.CheckPair(pair); err != nil {
		return Score{}, err
	}
	l, done := s.choose(len(pair.Prompt) + len(pair.Completion))
	defer done()
	var scores []Score
	t := &ticket{done: make(chan error, 1)}
	t.instead = func() (err error) {
		scores, err = l.engine.ScoreTop(ctx, []dense.Pair{pair}, temperature, top)
		return err
	}
	if err := l.tell(&l.arrived, t); err != nil {
		return Score{}, err
	}
	if err := <-t.done; err != nil {
		return Score{}, err
	}
	return scores[0], nil
}

// tell puts a ticket into a list that run reads.
func (l *lane) tell(list *[]*ticket, t *ticket) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	*list = append(*list, t)
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return nil
}

// Run generates until ctx is done or a device fails. It is called once.
func (s *Session) Run(ctx context.Context) error {
	return onEach(ctx, len(s.lanes), func(ctx context.Context, device int) error { return s.lanes[device].run(ctx) })
}

// run is Run of one device.
func (l *lane) run(ctx context.Context) error {
	run := &serving{generation: l.engine.newGeneration(l.maxLen), lane: l}
	err := run.loop(ctx)
	l.mu.Lock()
	l.err = ErrSessionEnded
	if err != nil && ctx.Err() == nil {
		l.err = fmt.Errorf("%w: %w", ErrSessionEnded, err)
	}
	waiting := slices.Concat(run.tickets, run.instead, l.arrived)
	l.mu.Unlock()
	for _, t := range waiting {
		if t != nil {
			t.done <- l.err
		}
	}
	l.engine.dropPool() // a step may have been cut short
	return err
}

// serving is the generation of a lane.
type serving struct {
	*generation
	lane    *lane
	tickets []*ticket // by the request's index; nil where one has ended
	instead []*ticket // what is to be done between steps, one a step: generation goes on
	free    []int     // indices that are
}

func (g *serving) loop(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		g.look()
		step, err := g.scheduler.Next()
		if err != nil {
			return err
		}
		if len(g.instead) > 0 {
			t := g.instead[0]
			g.instead = g.instead[1:]
			t.done <- t.instead()
			if step == nil {
				continue
			}
		}
		if step == nil {
			select {
			case <-g.lane.wake:
			case <-ctx.Done():
			}
			continue
		}
		draws, err := g.step(step)
		if err != nil {
			return err
		}
		for _, d := range draws {
			t := g.tickets[d.sequence.Request]
			if t == nil { // its request ended with an error in this step
				continue
			}
			if err := g.take(d, len(draws)); err != nil {
				g.end(t, err)
			}
		}
	}
}

// look begins what has arrived and ends what nobody waits for.
func (g *serving) look() {
	l := g.lane
	l.mu.Lock()
	arrived, gone := l.arrived, l.gone
	l.arrived, l.gone = nil, nil
	l.mu.Unlock()
	for _, t := range arrived {
		switch {
		case t.instead != nil:
			g.instead = append(g.instead, t)
		case !slices.Contains(gone, t):
			g.begin(t)
		}
	}
	for _, t := range gone {
		if t.left > 0 { // otherwise it has ended meanwhile
			g.end(t, context.Canceled)
		}
	}
}

func (g *serving) begin(t *ticket) {
	if len(g.free) == 0 {
		g.free = append(g.free, len(g.tickets))
		g.tickets, g.requests = append(g.tickets, nil), append(g.requests, nil)
	}
	index := g.free[len(g.free)-1]
	if err := g.scheduler.Add(index, t.Prompt, t.left, t.MaxTokens); err != nil {
		t.left = 0
		t.done <- err
		return
	}
	g.free = g.free[:len(g.free)-1]
	emit := t.emit
	t.index, t.emit = index, func(done Completion) error {
		done.Request = 0
		if err := emit(done); err != nil {
			return err
		}
		if t.left == 0 {
			g.forget(t)
			t.done <- nil
		}
		return nil
	}
	g.tickets[index], g.requests[index] = t, t.pending
}

// end ends a request before its time.
func (g *serving) end(t *ticket, err error) {
	t.left = 0
	if t.index >= 0 {
		g.scheduler.Cancel(t.index)
		for seq := range g.live {
			if seq.Request == t.index {
				delete(g.live, seq)
			}
		}
		g.drafts.cancelled(t.index)
		g.forget(t)
	}
	t.done <- err
}

func (g *serving) forget(t *ticket) {
	g.tickets[t.index], g.requests[t.index] = nil, nil
	g.free = append(g.free, t.index)
}
