package eval

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval/grade"
	"github.com/stele-lm/stele/eval/metric"
	"github.com/stele-lm/stele/internal/jsonl"
)

// Score sums up the samples of some questions. Accuracy and shares are fractions
// of 1.
//
// Of results that were only stated (see Accuracies) NaN, and 0 questions of some samples, stand for what
// is not known; in JSON that is null.
type Score struct {
	Questions int `json:"questions"`
	Samples   int `json:"samples"`
	// Accuracy is by the grader that the settings name, with its standard error and
	// bootstrap interval (see Estimate).
	Accuracy   float64   `json:"accuracy"`
	AccuracySE *float64  `json:"accuracy_se"`
	AccuracyCI *Interval `json:"accuracy_ci95"`
	// Accuracies are by the name of the grader; in JSON they stand here, as
	// "accuracy_qwen".
	Accuracies  map[string]float64 `json:"-"`
	OffTarget   float64            `json:"off_target"` // share of samples that reason in another language
	OffTargetSE *float64           `json:"off_target_se"`
	OffTargetCI *Interval          `json:"off_target_ci95"`
	// share of samples that answer in another language
	AnswerOffTarget float64 `json:"answer_off_target"`
	MeanTokens      float64 `json:"mean_tokens"` // generated, a sample
	Truncated       float64 `json:"truncated"`   // share of samples cut off at the limit
	// Several are the measures that need several samples a question, by name: avg@n,
	// pass@k and maj@n. In JSON they stand beside the others, as "pass@4",
	// "pass@4_se" and "pass@4_ci95".
	Several map[string]Estimate `json:"-"`
}

// severalName is the name of a measure in Several.
var severalName = regexp.MustCompile(`^(avg|pass|maj)@([0-9]+)$`)

// bare is Score without its methods.
type bare Score

// MarshalJSON implements json.Marshaler.
func (s Score) MarshalJSON() ([]byte, error) {
	unknown := s.unknown()
	record, err := withGraders(bare(s), "accuracy_ci95", "accuracy_", s.Accuracies)
	if err != nil {
		return nil, err
	}
	for _, name := range unknown {
		if err := record.Set(name, nil); err != nil {
			return nil, err
		}
	}
	for _, name := range SeveralNames(s.Several) {
		e := s.Several[name]
		for _, field := range []struct {
			suffix string
			value  any
		}{{"", e.Value}, {"_se", e.SE}, {"_ci95", e.CI}} {
			if err := record.Set(name+field.suffix, field.value); err != nil {
				return nil, err
			}
		}
	}
	return record.MarshalJSON()
}

// mayBeUnknown are the shares that may be NaN, by their names in JSON.
func (s *Score) mayBeUnknown() map[string]*float64 {
	return map[string]*float64{"off_target": &s.OffTarget, "answer_off_target": &s.AnswerOffTarget,
		"mean_tokens": &s.MeanTokens, "truncated": &s.Truncated}
}

// unknown names what is not known, and makes numbers of it that JSON can have.
func (s *Score) unknown() (names []string) {
	for name, x := range s.mayBeUnknown() {
		if math.IsNaN(*x) {
			names, *x = append(names, name), 0
		}
	}
	if s.Questions == 0 && s.Samples > 0 {
		names = append(names, "questions", "samples")
	}
	return names
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Score) UnmarshalJSON(text []byte) error {
	if err := jsonl.Unmarshal(text, (*bare)(s)); err != nil {
		return err
	}
	var fields map[string]json.RawMessage
	if err := jsonl.Unmarshal(text, &fields); err != nil {
		return err
	}
	var err error
	if s.Accuracies, err = fromGraders[float64](text, "accuracy_"); err != nil {
		return err
	}
	for name, x := range s.mayBeUnknown() {
		if string(fields[name]) == "null" {
			*x = math.NaN()
		}
	}
	if string(fields["samples"]) == "null" {
		s.Samples = 1
	}
	s.Several = nil
	for name := range fields {
		if !severalName.MatchString(name) {
			continue
		}
		var e Estimate
		for suffix, to := range map[string]any{"": &e.Value, "_se": &e.SE, "_ci95": &e.CI} {
			if value, ok := fields[name+suffix]; ok {
				if err := jsonl.Unmarshal(value, to); err != nil {
					return fmt.Errorf("%s%s: %w", name, suffix, err)
				}
			}
		}
		if s.Several == nil {
			s.Several = map[string]Estimate{}
		}
		s.Several[name] = e
	}
	return nil
}

// SeveralNames are the names of measures of several samples, avg before pass before
// maj, and by number.
func SeveralNames[V any](several map[string]V) []string {
	order := func(name string) (kind, k int) {
		m := severalName.FindStringSubmatch(name)
		if m == nil {
			return 0, 0
		}
		_, _ = fmt.Sscan(m[2], &k)
		return slices.Index([]string{"avg", "pass", "maj"}, m[1]), k
	}
	return slices.SortedFunc(maps.Keys(several), func(a, b string) int {
		kindA, kA := order(a)
		kindB, kB := order(b)
		switch {
		case kindA != kindB:
			return kindA - kindB
		case kA != kB:
			return kA - kB
		}
		return strings.Compare(a, b)
	})
}

// estimates are the parts of a score that are kept for averages over benchmarks.
type estimates struct {
	questions, samples                          int
	accuracy, off, answerOff, tokens, truncated Estimate
	accuracies                                  map[string]Estimate // by grader
	several                                     map[string]Estimate
}

// perSample is the mean of a sample's value over the samples of a question.
func perSample(of func(*outcome) float64) func(*answered) float64 {
	return func(a *answered) float64 {
		sum := 0.0
		for i := range a.outcomes {
			sum += of(&a.outcomes[i])
		}
		return sum / float64(len(a.outcomes))
	}
}

// estimate measures questions with n samples each.
func (s strata) estimate(n int, r *resample) estimates {
	var e estimates
	for _, stratum := range s {
		e.questions += len(stratum)
		e.samples += n * len(stratum)
	}
	share := func(of func(*outcome) bool, r *resample) Estimate {
		return s.mean(perSample(func(o *outcome) float64 { return metric.Indicator(of(o)) }), r)
	}
	e.accuracy = share(func(o *outcome) bool { return o.right }, r)
	e.accuracies = map[string]Estimate{}
	for _, g := range grade.Graders {
		e.accuracies[g.Name] = share(func(o *outcome) bool { return o.verdicts[g.Name] }, nil)
	}
	e.off = share(func(o *outcome) bool { return o.off }, r)
	e.answerOff = share(func(o *outcome) bool { return o.answerOff }, nil)
	e.truncated = share(func(o *outcome) bool { return o.cut }, nil)
	e.tokens = s.mean(perSample(func(o *outcome) float64 { return float64(o.tokens) }), nil)
	names, values := several(n)
	for i, name := range names {
		if e.several == nil {
			e.several = map[string]Estimate{}
		}
		e.several[name] = s.mean(values[i], r)
	}
	return e
}

// averageOf is the mean over benchmarks. Measures that not all of them have, such
// as avg@16 beside avg@1, are left out.
func averageOf(all []estimates) estimates {
	var m estimates
	mean := func(of func(*estimates) Estimate) Estimate {
		var parts []Estimate
		for i := range all {
			parts = append(parts, of(&all[i]))
		}
		return average(parts)
	}
	for _, e := range all {
		m.questions += e.questions
		m.samples += e.samples
	}
	m.accuracy = mean(func(e *estimates) Estimate { return e.accuracy })
	m.accuracies = map[string]Estimate{}
	for _, g := range grade.Graders {
		m.accuracies[g.Name] = mean(func(e *estimates) Estimate { return e.accuracies[g.Name] })
	}
	m.off = mean(func(e *estimates) Estimate { return e.off })
	m.answerOff = mean(func(e *estimates) Estimate { return e.answerOff })
	m.truncated = mean(func(e *estimates) Estimate { return e.truncated })
	m.tokens = mean(func(e *estimates) Estimate { return e.tokens })
	for name := range all[0].several {
		shared := !slices.ContainsFunc(all, func(e estimates) bool { _, ok := e.several[name]; return !ok })
		if !shared {
			continue
		}
		if m.several == nil {
			m.several = map[string]Estimate{}
		}
		m.several[name] = mean(func(e *estimates) Estimate { return e.several[name] })
	}
	return m
}

// score takes the fields of the estimates that are written.
func (e *estimates) score() Score {
	accuracies := map[string]float64{}
	for name, of := range e.accuracies {
		accuracies[name] = of.Value
	}
	return Score{
		Questions: e.questions, Samples: e.samples,
		Accuracy: e.accuracy.Value, AccuracySE: e.accuracy.SE, AccuracyCI: e.accuracy.CI,
		Accuracies: accuracies,
		OffTarget:  e.off.Value, OffTargetSE: e.off.SE, OffTargetCI: e.off.CI,
		AnswerOffTarget: e.answerOff.Value,
		MeanTokens:      e.tokens.Value, Truncated: e.truncated.Value, Several: e.several,
	}
}
