package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stele-lm/stele/sampler"
)

// serve runs a session of an engine until the test ends.
func serve(t *testing.T, e *Engine, tokens int) *Session {
	t.Helper()
	s, err := e.NewSession(tokens)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the session ended with %v", err)
		}
		if err := s.Generate(context.Background(), Request{Prompt: []int32{5}, MaxTokens: 1},
			nil); !errors.Is(err, ErrSessionEnded) {
			t.Errorf("a request to a session that has ended: %v", err)
		}
	})
	return s
}

// TestSession: requests that come from many goroutines at random times generate what Generate does for all of them,
// some of which nobody waits for in the end; their pieces make their text.
func TestSession(t *testing.T) {
	requests := groups()
	for i := range requests {
		requests[i].Sampling = sampler.Params{Temperature: 1, TopP: 0.95}
		requests[i].MaxTokens = 20 + 5*i
		if i%3 == 0 {
			requests[i].Stop = []string{"e", "in the"}
		}
	}
	want := generate(t, nano(t, Options{Backend: "go", Kernels: KernelsHost, MaxBatch: 8}), requests)
	e := nano(t, Options{Backend: "go", Kernels: KernelsHost, MaxBatch: 8})
	s := serve(t, e, 2000)
	var wait sync.WaitGroup
	var mu sync.Mutex
	got := map[[2]int]Completion{}
	for round := range 3 {
		for i, r := range requests {
			wait.Go(func() {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				time.Sleep(time.Duration((i*7+round*13)%29) * time.Millisecond)
				leaves := (i+round)%4 == 0
				texts := map[int]*strings.Builder{}
				var returned atomic.Bool
				r.Piece = func(p Piece) error {
					if returned.Load() {
						t.Error("a piece came after Generate had returned")
					}
					if texts[p.Sample] == nil {
						texts[p.Sample] = &strings.Builder{}
					}
					texts[p.Sample].WriteString(p.Text)
					if leaves && texts[p.Sample].Len() > 3 {
						cancel()
					}
					return nil
				}
				err := s.Generate(ctx, r, func(c Completion) error {
					if texts[c.Sample].String() != c.Text {
						t.Errorf("pieces %q, text %q", texts[c.Sample], c.Text)
					}
					mu.Lock()
					defer mu.Unlock()
					key := [2]int{i, c.Sample}
					c.Request = i
					if old, ok := got[key]; ok && !slices.Equal(old.Tokens, c.Tokens) {
						t.Errorf("%v: %v, and %v in another round", key, c.Tokens, old.Tokens)
					}
					got[key] = c
					return nil
				})
				returned.Store(true)
				if err != nil && !(leaves && errors.Is(err, context.Canceled)) {
					t.Error(err)
				}
			})
		}
	}
	wait.Wait()
	compare(t, "session", got, want)
	if n := e.pool.allocator.NumUsed(); n != 0 {
		t.Errorf("%d pages leak", n)
	}
}

// TestSessionRefuses: a request that cannot be generated, or whose caller fails, ends alone.
func TestSessionRefuses(t *testing.T) {
	e := nano(t, Options{Backend: "go", Kernels: KernelsHost, MaxBatch: 4})
	s := serve(t, e, 100)
	ctx := context.Background()
	if err := s.Generate(ctx, Request{MaxTokens: 1}, nil); err == nil {
		t.Error("an empty prompt is not refused")
	}
	err := s.Generate(ctx, Request{Prompt: make([]int32, 150), MaxTokens: 1}, nil)
	if err == nil || !strings.Contains(err.Error(), "150 tokens") {
		t.Errorf("a prompt that does not fit: %v", err)
	}
	broken := fmt.Errorf("broken")
	r := Request{Prompt: []int32{5, 6, 7}, N: 3, MaxTokens: 500, IgnoreEOS: true}
	if err := s.Generate(ctx, r, func(Completion) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("a caller that fails: %v", err)
	}
	ended := 0
	if err := s.Generate(ctx, r, func(c Completion) error {
		if ended++; len(c.Tokens) != s.MaxLen-3 || c.FinishReason != FinishLength {
			t.Errorf("%d tokens, %s", len(c.Tokens), c.FinishReason)
		}
		return nil
	}); err != nil || ended != 3 {
		t.Errorf("after them %d samples ended, %v", ended, err)
	}
}
