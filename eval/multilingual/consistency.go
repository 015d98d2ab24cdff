package multilingual

import (
	"github.com/stele-lm/stele/eval/langid"
	"github.com/stele-lm/stele/eval/metric"
)

// languagesOf are the languages of a sample: of the question, as it was asked, of the reasoning and
// of the answer.
type languagesOf struct {
	id                          string // of the question
	question, reasoning, answer string
	right                       bool
}

// worded reports whether the answer has words.
func (l *languagesOf) worded() bool { return l.answer != langid.None && l.answer != "" }

// all reports whether the reasoning, and the answer if it has words, is in the question's language.
func (l *languagesOf) all() bool {
	return l.reasoning == l.question && (!l.worded() || l.answer == l.question)
}

// Consistencies are shares of samples in which question, reasoning and answer are in the same
// language. The question's is the one asked for.
type Consistencies struct {
	Samples int `json:"samples"`
	// Answers is the number of samples whose answer has words; what is said of answers is said of
	// these.
	Answers           int      `json:"answers_with_words"`
	QuestionReasoning *float64 `json:"question_reasoning"`
	ReasoningAnswer   *float64 `json:"reasoning_answer"`
	QuestionAnswer    *float64 `json:"question_answer"`
	// All is the share, of all samples, whose reasoning, and whose answer if it has words, is in the
	// language of the question; AllRight of those that are right too.
	All      *float64         `json:"all"`
	AllCI    *metric.Interval `json:"all_ci95,omitempty"`
	AllRight *float64         `json:"all_and_right"`
}

func consistencyOf(all []languagesOf) *Consistencies {
	c := &Consistencies{Samples: len(all)}
	var reasoning, both, answer, whole, right float64
	for _, s := range all {
		thinks := s.reasoning == s.question
		if thinks {
			reasoning++
		}
		if s.worded() {
			c.Answers++
			if s.answer == s.reasoning && s.answer != langid.Undetermined {
				both++
			}
			if s.answer == s.question {
				answer++
			}
		}
		if s.all() {
			whole++
			if s.right {
				right++
			}
		}
	}
	n, answers := float64(len(all)), float64(c.Answers)
	c.QuestionReasoning, c.All, c.AllRight = share(reasoning, n), share(whole, n), share(right, n)
	c.ReasoningAnswer, c.QuestionAnswer = share(both, answers), share(answer, answers)
	return c
}

func meanConsistency(all []*Consistencies) *Consistencies {
	m := &Consistencies{}
	var parts [5][]*float64
	for _, c := range all {
		m.Samples += c.Samples
		m.Answers += c.Answers
		for i, x := range []*float64{c.QuestionReasoning, c.ReasoningAnswer, c.QuestionAnswer, c.All,
			c.AllRight} {
			parts[i] = append(parts[i], x)
		}
	}
	m.QuestionReasoning, m.ReasoningAnswer, m.QuestionAnswer = average(parts[0]...), average(parts[1]...),
		average(parts[2]...)
	m.All, m.AllRight = average(parts[3]...), average(parts[4]...)
	return m
}
