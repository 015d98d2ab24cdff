package reward

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"runtime"
	"sync"
)

// Session scores the rollouts of one sampling, beside it.
type Session struct {
	scorer    *Scorer
	processes []*process
	slots     chan struct{}
	working   sync.WaitGroup

	mu     sync.Mutex
	scores []*Score // in the order of Add
}

// NewSession starts the commands. The session must be ended with Close.
func (s *Scorer) NewSession() (*Session, error) {
	session := &Session{scorer: s, slots: make(chan struct{}, runtime.GOMAXPROCS(0))}
	for _, command := range s.config.Commands {
		p, err := command.start()
		if err != nil {
			return nil, errors.Join(err, session.abandon())
		}
		session.processes = append(session.processes, p)
	}
	return session, nil
}

func (s *Session) abandon() error {
	for _, p := range s.processes {
		p.fail(errors.New("another command did not start"))
		_, _ = p.finish(context.Background())
	}
	return nil
}

// Add has a rollout scored; score is filled in by the time Close returns. It does
// not wait, and returns what has gone wrong with a command so far.
func (s *Session) Add(r Rollout, score *Score) error {
	s.working.Go(func() {
		s.slots <- struct{}{}
		*score = s.scorer.Score(r)
		<-s.slots
	})
	if len(s.processes) == 0 {
		return nil
	}
	line, err := json.Marshal(query{r.ID, r.Sample, r.Language, r.Prompt, r.Output, r.Answer, r.Tokens, r.Truncated})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scores = append(s.scores, score)
	errs := make([]error, len(s.processes))
	for i, p := range s.processes {
		errs[i] = p.send(asked{r.ID, r.Sample}, append(line, '\n'))
	}
	return errors.Join(errs...)
}

// Close waits for the scores, for each command at most as long as its time limit.
// When ctx is done the commands are ended at once.
func (s *Session) Close(ctx context.Context) error {
	s.working.Wait()
	errs := make([]error, len(s.processes))
	rewards := make([][]float64, len(s.processes))
	var ending sync.WaitGroup
	for i, p := range s.processes {
		ending.Go(func() { rewards[i], errs[i] = p.finish(ctx) })
	}
	ending.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i, p := range s.processes {
		for j, reward := range rewards[i] {
			score := s.scores[j]
			if score.Commands == nil {
				score.Commands = map[string]float64{}
			}
			score.Commands[p.command.Name] = reward
			if !math.IsNaN(reward) {
				score.Total += p.command.Weight * reward
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
