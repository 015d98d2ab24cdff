package trainer

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"slices"

	"stele/engine"
)

// Metrics is what is known of a step, under the names that TRL and verl log.
type Metrics map[string]float64

// rolloutMetrics describes what was sampled: rewards, groups, lengths.
func rolloutMetrics(step int, groups [][]*rollout) Metrics {
	m := Metrics{"step": float64(step)}
	var rewards, accuracy, format, language, lengths, truncated series
	by := map[string]*series{}
	flat := 0.0
	var spread series
	for _, group := range groups {
		var own series
		for _, o := range group {
			rewards.add(o.score.Total)
			own.add(o.score.Total)
			accuracy.add(o.score.Accuracy)
			format.add(o.score.Format)
			language.add(o.score.Language)
			lengths.add(float64(len(o.Tokens)))
			truncated.add(indicator(o.FinishReason == engine.FinishLength))
			l := o.problem.Language
			if by[l] == nil {
				by[l] = &series{}
			}
			by[l].add(o.score.Accuracy)
			m["num_tokens"] += float64(len(o.Tokens) + len(o.problem.ids))
		}
		spread.add(own.std())
		flat += indicator(own.min == own.max)
	}
	m["reward"], m["reward_std"] = rewards.mean(), spread.mean()
	m["rewards/accuracy/mean"], m["rewards/format/mean"], m["rewards/language/mean"] = accuracy.mean(), format.mean(), language.mean()
	for l, s := range by {
		m["rewards/accuracy/"+l] = s.mean()
	}
	m["frac_reward_zero_std"] = flat / float64(len(groups))
	m["completions/mean_length"], m["completions/min_length"], m["completions/max_length"] = lengths.mean(), lengths.min, lengths.max
	m["completions/clipped_ratio"] = truncated.mean()
	return m
}

// series accumulates a mean, a sample standard deviation and the extremes.
type series struct {
	n, sum, squares, min, max float64
}

func (s *series) add(x float64) {
	if s.n == 0 {
		s.min, s.max = x, x
	}
	s.n++
	s.sum += x
	s.squares += x * x
	s.min, s.max = min(s.min, x), max(s.max, x)
}

func (s *series) mean() float64 {
	if s.n == 0 {
		return 0
	}
	return s.sum / s.n
}

func (s *series) std() float64 {
	if s.n < 2 {
		return 0
	}
	return math.Sqrt(max(0, (s.squares-s.sum*s.sum/s.n)/(s.n-1)))
}

func indicator(ok bool) float64 {
	if ok {
		return 1
	}
	return 0
}

// passStats sums what gradient passes saw of tokens.
type passStats struct {
	updates                             float64
	loss                                float64 // set by report
	policy, kl                          float64 // weighted as the loss is
	tokens, entropy, ratio              float64
	clipLow, clipHigh, oldKL            float64
	compared, difference, maxDifference float64
	gradNorm                            float64
}

// see adds n tokens from entry at.
func (s *passStats) see(t TokenStats, tokens Tokens, at, n int) {
	for i := at; i < at+n; i++ {
		w := float64(tokens.Weight[i])
		s.policy += w * float64(t.Policy[i])
		s.kl += w * float64(t.KL[i])
		s.entropy += float64(t.Entropy[i])
		s.ratio += float64(t.Ratio[i])
		s.clipLow += float64(t.ClipLow[i])
		s.clipHigh += float64(t.ClipHigh[i])
		s.oldKL += float64(tokens.Old[i] - t.LogProb[i])
		s.loss += w * float64(t.LogProb[i]) // any value that is not finite shows here
	}
	s.tokens += float64(n)
}

// compare notes the distance of the trainer's log-probabilities from the engine's.
func (s *passStats) compare(trainer, engine []float32) {
	for i := range trainer {
		d := math.Abs(float64(trainer[i]) - float64(engine[i]))
		s.compared++
		s.difference += d
		if !(d <= s.maxDifference) {
			s.maxDifference = d
		}
	}
}

func (s *passStats) add(o passStats) {
	s.updates += o.updates
	s.policy += o.policy
	s.kl += o.kl
	s.tokens += o.tokens
	s.entropy += o.entropy
	s.ratio += o.ratio
	s.clipLow += o.clipLow
	s.clipHigh += o.clipHigh
	s.oldKL += o.oldKL
	s.compared += o.compared
	s.difference += o.difference
	s.maxDifference = max(s.maxDifference, o.maxDifference)
	s.gradNorm += o.gradNorm
}

// report writes the means over updates and tokens.
func (s *passStats) report(m Metrics, l Loss) {
	tokens := max(s.tokens, 1)
	m["actor/pg_loss"] = s.policy / s.updates
	m["entropy"] = s.entropy / tokens
	loss := m["actor/pg_loss"]
	if l.Beta != 0 {
		m["kl"] = s.kl / s.updates
		loss += l.Beta * m["kl"]
	}
	if l.Entropy != 0 {
		loss -= l.Entropy * m["entropy"]
	}
	m["loss"] = loss
	m["clip_ratio/low_mean"], m["clip_ratio/high_mean"] = s.clipLow/tokens, s.clipHigh/tokens
	m["clip_ratio/region_mean"] = (s.clipLow + s.clipHigh) / tokens
	m["actor/ppo_kl"] = s.oldKL / tokens
	m["actor/ratio_mean"] = s.ratio / tokens
	m["grad_norm"] = s.gradNorm / s.updates
	if s.compared > 0 {
		m["sampling/sampling_logp_difference/mean"] = s.difference / s.compared
		m["sampling/sampling_logp_difference/max"] = s.maxDifference
	}
}

// appendMetrics adds a line and makes sure of it: the next step begins only when
// this one's numbers are on disk.
func appendMetrics(path string, m Metrics) error {
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(append(line, '\n')); err != nil {
		return err
	}
	return f.Sync()
}

// ReadMetrics reads metrics.jsonl; a last line that was cut off is left out.
func ReadMetrics(path string) ([]Metrics, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Metrics
	for line := range bytes.Lines(data) {
		var m Metrics
		if json.Unmarshal(line, &m) != nil {
			break
		}
		all = append(all, m)
	}
	return slices.Clip(all), nil
}
