package reward

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"

	"github.com/stele-lm/stele/eval/answer"
	"github.com/stele-lm/stele/internal/command"
	"github.com/stele-lm/stele/internal/threads"
)

// Session scores the rollouts of one sampling, beside it.
type Session struct {
	scorer  *Scorer
	pools   []*pool // of the commands
	slots   chan struct{}
	working sync.WaitGroup
	broken  chan struct{} // closed when a command has failed
	breaks  func()        // closes it

	mu     sync.Mutex
	types  []io.Closer // the types of the answers so far that hold something open
	err    error       // the first of grading
	scores []*Score    // in the order of Add
}

// NewSession starts the commands. The session must be ended with Close.
func (s *Scorer) NewSession() (*Session, error) {
	session := &Session{scorer: s, slots: make(chan struct{}, threads.Count), broken: make(chan struct{})}
	session.breaks = sync.OnceFunc(func() { close(session.broken) })
	for _, c := range s.config.Commands {
		p, err := c.startAll(s.logs, session.breaks)
		if err != nil {
			return nil, errors.Join(err, session.abandon())
		}
		session.pools = append(session.pools, p)
	}
	return session, nil
}

func (s *Session) abandon() error {
	errs := make([]error, len(s.pools))
	for i, p := range s.pools {
		errs[i] = p.abandon()
	}
	return errors.Join(errs...)
}

// Broken is closed when it is known that a command has failed: Close will say how.
func (s *Session) Broken() <-chan struct{} { return s.broken }

// Add has a rollout scored; score is filled in by the time Close returns. It does
// not wait, and returns what has gone wrong with a command so far.
func (s *Session) Add(r Rollout, score *Score) error {
	s.working.Go(func() {
		s.slots <- struct{}{}
		scored, err := s.scorer.Score(r)
		*score = scored
		s.mu.Lock()
		s.err = cmp.Or(s.err, err)
		s.mu.Unlock()
		<-s.slots
	})
	s.mu.Lock()
	failed := s.err
	if closer, ok := r.Type.(io.Closer); ok && !slices.Contains(s.types, closer) {
		s.types = append(s.types, closer)
	}
	s.mu.Unlock()
	if len(s.pools) == 0 || failed != nil {
		return failed
	}
	line, err := r.line()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scores = append(s.scores, score)
	errs := make([]error, len(s.pools))
	for i, p := range s.pools {
		errs[i] = p.send(command.Asked{ID: r.ID, Sample: r.Sample}, line)
	}
	return errors.Join(errs...)
}

// Close waits for the scores, for each command at most as long as its time limit.
// When ctx is done the commands are ended at once.
func (s *Session) Close(ctx context.Context) error {
	s.working.Wait()
	errs := make([]error, len(s.pools))
	rewards := make([][]float64, len(s.pools))
	var ending sync.WaitGroup
	for i, p := range s.pools {
		ending.Go(func() { rewards[i], errs[i] = p.finish(ctx) })
	}
	ending.Wait()
	for _, of := range s.types {
		errs = append(errs, of.Close())
	}
	if err := causesOf(append(errs, s.err)); err != nil {
		return err
	}
	for i, c := range s.scorer.config.Commands {
		for j, reward := range rewards[i] {
			score := s.scores[j]
			if score.Commands == nil {
				score.Commands = map[string]float64{}
			}
			score.Commands[c.Name] = reward
			if !math.IsNaN(reward) {
				score.Total += c.Weight * reward
			}
		}
	}
	if s.scorer.config.builtIn() {
		return nil
	}
	for _, score := range s.scores {
		if score.scoredBy() == 0 {
			score.Total = math.NaN()
		}
	}
	return nil
}

// Try has each command judge one rollout, and finds the program that judges answers of its
// type, so that one that cannot is found before anything is sampled.
func (c Config) Try(ctx context.Context, r Rollout) error {
	c = c.Effective()
	if r.Type != nil {
		if err := answer.Check(r.Type); err != nil {
			return err
		}
	}
	line, err := r.line()
	if err != nil {
		return err
	}
	errs := make([]error, len(c.Commands))
	var trying sync.WaitGroup
	for i, own := range c.Commands {
		trying.Go(func() {
			p, err := own.start()
			if err == nil {
				_ = p.Send(command.Asked{ID: r.ID, Sample: r.Sample}, line) // finish says what went wrong
				_, err = p.Finish(ctx)
			}
			if errs[i] = err; err != nil && ctx.Err() == nil {
				errs[i] = fmt.Errorf("tried with one rollout: %w", err)
			}
		})
	}
	trying.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// line is a rollout as a command reads it.
func (r Rollout) line() ([]byte, error) {
	line, err := json.Marshal(query{r.ID, r.Sample, r.Language, r.Prompt, r.Output, r.Answer, r.Tokens,
		r.Truncated})
	return append(line, '\n'), err
}
