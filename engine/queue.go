package engine

import (
	"context"
	"fmt"
	"sync"

	"github.com/stele-lm/stele/engine/schedule"
)

// Queue hands requests out while they are generated: one that several processes share gives each to whoever has room
// for it.
type Queue struct {
	// Next returns a request and the number that its completions have; nil where there are no more. An error ends
	// the generation. It is called by one goroutine at a time.
	Next func(ctx context.Context) (number int, r *Request, err error)
	// Held is how many samples a device has at most, but for the last request's, those included that wait for their
	// turn: with fewer it asks for a request.
	Held int
	// Group is the most samples that a request asks for.
	Group int
	// Longest is the most tokens that a sequence may have, its prompt included.
	Longest int
}

// GenerateFrom is Generate of requests that a queue hands out. What a request generates does not depend on who is
// given which, nor when.
func (e *Engine) GenerateFrom(ctx context.Context, q Queue, emit func(Completion) error) error {
	if q.Held < 1 || q.Group < 1 || q.Longest < 2 {
		return fmt.Errorf("a queue of %d samples at a time, %d a request, of %d tokens: expected 1, 1 and 2, or more",
			q.Held, q.Group, q.Longest)
	}
	q.Longest = min(q.Longest, e.Weights.Config.MaxPositions)
	if len(e.others) == 0 {
		return e.generateFrom(ctx, q, emit)
	}
	e.Weights.Replicas() // which have the adapter from then on
	var asking, one sync.Mutex
	next := q.Next
	q.Next = func(ctx context.Context) (int, *Request, error) {
		asking.Lock()
		defer asking.Unlock()
		return next(ctx)
	}
	err := onEach(ctx, e.Devices(), func(ctx context.Context, device int) error {
		return e.all()[device].generateFrom(ctx, q, func(c Completion) error {
			one.Lock()
			defer one.Unlock()
			if err := ctx.Err(); err != nil {
				return err
			}
			return emit(c)
		})
	})
	var sum schedule.Stats
	for _, one := range e.all() {
		sum.Add(one.stats)
	}
	e.stats = sum
	return err
}

// generateFrom is GenerateFrom on one device.
func (e *Engine) generateFrom(ctx context.Context, q Queue, emit func(Completion) error) (err error) {
	together := min(q.Held-1+q.Group, e.options.MaxBatch)
	if err := e.ensurePool(q.Longest, e.poolTokens(q.Longest, together)); err != nil {
		return err
	}
	run := e.newGeneration(q.Longest)
	defer func() {
		e.stats = run.scheduler.Stats()
		if err != nil {
			e.dropPool() // see generate
		}
	}()
	held, more := 0, true
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		for more && held < q.Held {
			number, r, err := q.Next(ctx)
			if err != nil {
				return err
			}
			if more = r != nil; !more {
				break
			}
			if err := e.enqueue(run, q, r, func(c Completion) error {
				held--
				c.Request = number
				return emit(c)
			}); err != nil {
				return fmt.Errorf("request %q: %w", r.ID, err)
			}
			held += max(r.N, 1)
		}
		step, err := run.scheduler.Next()
		if err != nil || step == nil {
			return err
		}
		draws, err := run.step(step)
		if err != nil {
			return err
		}
		for _, d := range draws {
			if err := run.take(d, len(draws)); err != nil {
				return err
			}
		}
	}
}

// enqueue adds a request to a generation under way.
func (e *Engine) enqueue(run *generation, q Queue, r *Request, emit func(Completion) error) error {
	if err := e.CheckRequest(r); err != nil {
		return err
	}
	if n := max(r.N, 1); n > q.Group {
		return fmt.Errorf("it asks for %d samples, and the queue said %d", n, q.Group)
	}
	if n := min(len(r.Prompt)+r.MaxTokens, e.Weights.Config.MaxPositions); n > q.Longest {
		return fmt.Errorf("it may have %d tokens, and the queue said %d", n, q.Longest)
	}
	run.requests = append(run.requests, e.pend(r, emit))
	return run.scheduler.Add(len(run.requests)-1, r.Prompt, max(r.N, 1), r.MaxTokens)
}
