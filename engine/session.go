package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/stele-lm/stele/engine/model/dense"
)

// Session generates for requests that come at any time and from any goroutine, in the batches of one engine. What a
// request generates is what Generate does for it alone.
type Session struct {
	// MaxLen is the most tokens that a sequence may have, its prompt included.
	MaxLen int

	engine *Engine
	wake   chan struct{} // has room for one: something is in the lists below

	mu            sync.Mutex
	arrived, gone []*ticket
	err           error // why Run returned
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

// NewSession makes a pool of so many token slots (0 is the engine's choice), which bounds how long a sequence may be.
// Nothing else may use the engine until Run has returned.
func (e *Engine) NewSession(tokens int) (*Session, error) {
	if n := e.Devices(); n > 1 {
		return nil, fmt.Errorf("a session generates on one device, the model is on %d", n)
	}
	positions := e.Weights.Config.MaxPositions
	if tokens == 0 {
		tokens = min(e.poolTokens(positions, e.options.MaxBatch),
			int(e.poolBytes()/e.Weights.Config.KVBytesPerToken(e.poolDType())))
	}
	longest := min(positions, tokens)
	if longest < 2 {
		return nil, fmt.Errorf("a pool of %d tokens holds no prompt and its completion", tokens)
	}
	if err := e.ensurePool(longest, tokens); err != nil {
		return nil, err
	}
	return &Session{MaxLen: longest, engine: e, wake: make(chan struct{}, 1)}, nil
}

// Generate waits until all samples of a request have ended, or ctx is done. The request's Piece and emit are called
// from the goroutine of Run, which they must not hold up; an error of theirs ends the request alone.
func (s *Session) Generate(ctx context.Context, r Request, emit func(Completion) error) error {
	if err := s.engine.CheckRequest(&r); err != nil {
		return err
	}
	if n := len(r.Prompt) + 1; n > s.MaxLen {
		return fmt.Errorf("the prompt has %d tokens, of %d that a sequence may have", len(r.Prompt), s.MaxLen)
	}
	r.MaxTokens = min(r.MaxTokens, s.MaxLen-len(r.Prompt))
	t := &ticket{pending: s.engine.pend(&r, emit), index: -1, done: make(chan error, 1)}
	if err := s.tell(&s.arrived, t); err != nil {
		return err
	}
	select {
	case err := <-t.done:
		return err
	case <-ctx.Done():
		if err := s.tell(&s.gone, t); err == nil {
			<-t.done
		}
		return ctx.Err()
	}
}

// Score is Engine's ScoreTop of one pair, while nothing else runs.
func (s *Session) Score(ctx context.Context, pair dense.Pair, temperature float64, top int) (Score, error) {
	if err := s.engine.CheckPair(pair); err != nil {
		return Score{}, err
	}
	var scores []Score
	t := &ticket{done: make(chan error, 1)}
	t.instead = func() (err error) {
		scores, err = s.engine.ScoreTop(ctx, []dense.Pair{pair}, temperature, top)
		return err
	}
	if err := s.tell(&s.arrived, t); err != nil {
		return Score{}, err
	}
	if err := <-t.done; err != nil {
		return Score{}, err
	}
	return scores[0], nil
}

// tell puts a ticket into a list that Run reads.
func (s *Session) tell(list *[]*ticket, t *ticket) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	*list = append(*list, t)
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return nil
}

// Run generates until ctx is done or the device fails. It is called once.
func (s *Session) Run(ctx context.Context) error {
	run := &serving{generation: s.engine.newGeneration(s.MaxLen), session: s}
	err := run.loop(ctx)
	s.mu.Lock()
	s.err = ErrSessionEnded
	if err != nil && ctx.Err() == nil {
		s.err = fmt.Errorf("%w: %w", ErrSessionEnded, err)
	}
	waiting := slices.Concat(run.tickets, run.instead, s.arrived)
	s.mu.Unlock()
	for _, t := range waiting {
		if t != nil {
			t.done <- s.err
		}
	}
	s.engine.dropPool() // a step may have been cut short
	return err
}

// serving is the generation of a session.
type serving struct {
	*generation
	session *Session
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
			case <-g.session.wake:
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
	s := g.session
	s.mu.Lock()
	arrived, gone := s.arrived, s.gone
	s.arrived, s.gone = nil, nil
	s.mu.Unlock()
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
