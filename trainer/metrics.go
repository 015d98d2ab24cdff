package trainer

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"slices"

	"github.com/stele-lm/stele/eval/metric"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/reward"
)

// Metrics are the numbers of a step, under the names that TRL and verl log and with their
// meaning (docs/training.md). What is not defined is NaN, in JSON null.
type Metrics map[string]float64

// MarshalJSON implements json.Marshaler.
func (m Metrics) MarshalJSON() ([]byte, error) {
	all := make(map[string]number, len(m))
	for key, x := range m {
		all[key] = number(x)
	}
	return json.Marshal(all)
}

// UnmarshalJSON implements json.Unmarshaler.
func (m *Metrics) UnmarshalJSON(data []byte) error {
	var all map[string]*float64
	if err := jsonl.Unmarshal(data, &all); err != nil {
		return err
	}
	*m = make(Metrics, len(all))
	for key, x := range all {
		if (*m)[key] = math.NaN(); x != nil {
			(*m)[key] = *x
		}
	}
	return nil
}

// number is a float64 that JSON has as null where it is not defined.
type number float64

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) {
	if x := float64(n); math.IsNaN(x) || math.IsInf(x, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// component is one of the rewards that are added up, by its name in metrics.
type component struct {
	name  string
	value func(reward.Score) float64
}

// components lists the rewards that the run adds up.
func (r *run) components() []component {
	all := []component{
		{"accuracy", func(s reward.Score) float64 { return s.Accuracy }},
		{"format", func(s reward.Score) float64 { return s.Format }},
		{"language", func(s reward.Score) float64 { return s.Language }},
	}
	counts := r.config.Reward.Effective()
	if counts.OverlongBuffer > 0 {
		all = append(all, component{"overlong", func(s reward.Score) float64 { return s.Overlong }})
	}
	for _, c := range counts.Commands {
		all = append(all, component{c.Name, func(s reward.Score) float64 { return s.Commands[c.Name] }})
	}
	return all
}

// rolloutMetrics describes what was sampled: rewards, groups, lengths. It looks at
// every group, also those that dynamic sampling left out. Rewards are TRL's metrics: a
// reward that is null is left out of them, and so is a rollout that has none.
func (r *run) rolloutMetrics(step int, s sampled) Metrics {
	m := Metrics{"step": float64(step)}
	by := map[string]*series{}
	add := func(key string, x float64) {
		if by[key] == nil {
			by[key] = &series{}
		}
		by[key].addDefined(x)
	}
	var rewards, prompts, lengths, ended, truncated, spread, flat, unscored series
	components := r.components()
	for _, group := range s.all {
		var own series
		for _, o := range group {
			language, n := o.problem.Language, float64(len(o.Tokens))
			rewards.addDefined(o.score.Total)
			own.addDefined(o.score.Total)
			unscored.add(metric.Indicator(math.IsNaN(o.score.Total)))
			add("reward/"+language, o.score.Total)
			for _, c := range components {
				add("rewards/"+c.name, c.value(o.score))
				add("rewards/"+c.name+"/"+language, c.value(o.score))
			}
			if r.config.Reward.MeasuresWords() {
				for _, of := range []string{"mean", language} {
					add("words/reasoning/"+of, o.score.ReasoningWords)
					add("words/rollout/"+of, o.score.OutputWords)
				}
			}
			lengths.add(n)
			if !o.truncated() {
				ended.add(n)
			}
			truncated.add(metric.Indicator(o.truncated()))
			prompts.add(float64(len(o.problem.IDs)))
			m["perf/total_num_tokens"] += n + float64(len(o.problem.IDs))
		}
		spread.addDefined(own.definedStd())
		flat.add(metric.Indicator(own.n > 1 && own.min == own.max))
	}
	for key, values := range by {
		m[key] = values.definedMean()
	}
	for _, c := range components {
		name := "rewards/" + c.name
		m[name+"/mean"], m[name+"/std"] = by[name].definedMean(), by[name].definedStd()
		delete(m, name)
	}
	m["reward"], m["reward_std"], m["reward_group_std"] = rewards.definedMean(), rewards.definedStd(),
		spread.definedMean()
	m["frac_reward_zero_std"] = flat.mean()
	if len(r.config.Reward.Effective().Commands) > 0 {
		m["frac_reward_null"] = unscored.mean()
	}
	m["prompt_length/mean"], m["prompt_length/min"], m["prompt_length/max"] = prompts.mean(), prompts.min,
		prompts.max
	m["completions/mean_length"], m["completions/min_length"], m["completions/max_length"] = lengths.mean(),
		lengths.min, lengths.max
	m["completions/mean_terminated_length"] = ended.mean()
	m["completions/min_terminated_length"], m["completions/max_terminated_length"] = ended.min, ended.max
	m["completions/clipped_ratio"] = truncated.mean() // TRL's name, and verl's
	m["response_length/clip_ratio"] = truncated.mean()
	if r.config.Rollout.DynamicSampling {
		m["train/num_gen_batches"] = float64(s.batches)
		m["train/kept_groups"] = float64(len(s.groups))
	}
	return m
}

// advantageMetrics describes the rollouts that are learnt from, as verl's critic/*: their
// scores, their rewards, which are scores less the KL penalty, and the advantages of
// their tokens. A rollout without a token is left out, and one without a score.
func advantageMetrics(rollouts []*rollout, m Metrics) {
	var scores, rewards, advantages series
	for _, o := range rollouts {
		if len(o.Tokens) == 0 {
			continue
		}
		scores.addDefined(o.score.Total)
		rewards.addDefined(o.score.Total - o.klPenalty)
		for range o.Tokens {
			advantages.add(float64(o.advantage))
		}
	}
	for name, s := range map[string]*series{"score": &scores, "rewards": &rewards,
		"advantages": &advantages} {
		lowest, highest := s.min, s.max
		if s.n == 0 {
			lowest, highest = math.NaN(), math.NaN()
		}
		m["critic/"+name+"/mean"], m["critic/"+name+"/min"], m["critic/"+name+"/max"] = s.definedMean(),
			lowest, highest
	}
}

// series accumulates a mean, a sample standard deviation and the extremes.
type series struct {
	n, centre, squares, min, max float64 // squares are those of distances from the mean
}

func (s *series) add(x float64) {
	if s.n == 0 {
		s.min, s.max = x, x
	}
	s.n++
	before := x - s.centre
	s.centre += before / s.n
	s.squares += before * (x - s.centre)
	s.min, s.max = min(s.min, x), max(s.max, x)
}

// addDefined leaves NaN out.
func (s *series) addDefined(x float64) {
	if !math.IsNaN(x) {
		s.add(x)
	}
}

// mean is 0 of nothing.
func (s *series) mean() float64 { return s.centre }

// definedMean is NaN of nothing, as torch.nanmean.
func (s *series) definedMean() float64 {
	if s.n == 0 {
		return math.NaN()
	}
	return s.centre
}

// definedStd is NaN of fewer than two, as TRL's nanstd, and 0 of equals.
func (s *series) definedStd() float64 {
	switch {
	case s.n < 2:
		return math.NaN()
	case s.min == s.max:
		return 0
	}
	return math.Sqrt(s.squares / (s.n - 1))
}

// passStats sums what gradient passes saw.
type passStats struct {
	objective.Totals
	compared, difference, maxDifference float64
	gradNorm                            float64
	flops                               float64 // see learner.FLOPs
	computed, filled                    float64 // tokens of the passes, and those of them that are no padding
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

// add joins the statistics of an update.
func (s *passStats) add(o passStats) {
	s.Totals.Add(o.Totals)
	s.compared += o.compared
	s.difference += o.difference
	s.maxDifference = max(s.maxDifference, o.maxDifference)
	s.gradNorm += o.gradNorm
	s.flops += o.flops
	s.computed += o.computed
	s.filled += o.filled
}

// report writes the means over updates and tokens; of a step without an update
// there is nothing to say.
func (s *passStats) report(m Metrics, o objective.Objective, beta float64) {
	if s.Tokens == 0 {
		return
	}
	o.Report(&s.Totals, beta, m)
	m["grad_norm"] = s.gradNorm / s.Updates
	m["train/padding"] = 1 - s.filled/s.computed
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
