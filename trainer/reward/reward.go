// Package reward scores a rollout: accuracy, format and language (Eq. 7 of the
// paper), each a pure function, summed with weights.
//
// Invariants: a reward never fails and never hangs; each component is in [0, 1].
package reward

import (
	"fmt"
	"strings"

	"stele/eval/grade"
	"stele/eval/langid"
)

// Config holds the weights λ of Eq. 7.
type Config struct {
	Accuracy float64 `yaml:"accuracy" json:"accuracy"` // λ1
	Format   float64 `yaml:"format" json:"format"`     // λ2
	Language float64 `yaml:"language" json:"language"` // λ3
	// Think asks the format reward for <think>…</think> before the answer.
	Think bool `yaml:"think" json:"think"`
}

// DefaultConfig is the paper's λ = 0.8, 0.1, 0.1.
func DefaultConfig() Config { return Config{Accuracy: 0.8, Format: 0.1, Language: 0.1} }

// Validate refuses weights that are negative or all zero.
func (c Config) Validate() error {
	if c.Accuracy < 0 || c.Format < 0 || c.Language < 0 || c.Accuracy+c.Format+c.Language == 0 {
		return fmt.Errorf("reward: weights %g, %g, %g must not be negative nor all zero", c.Accuracy, c.Format, c.Language)
	}
	return nil
}

// Rollout is what is scored.
type Rollout struct {
	Output    string // the model's text, with the reasoning prefix it was given
	Answer    string // the reference answer
	DataName  string // the benchmark's name as the grader knows it
	Language  string // the language that was asked for
	Truncated bool   // ended by length rather than by itself
}

// Score is a rollout's reward and what it is made of.
type Score struct {
	Total     float64 `json:"total"`
	Accuracy  float64 `json:"accuracy"`
	Format    float64 `json:"format"`
	Language  float64 `json:"language"`
	Extracted string  `json:"extracted"`
	Detected  string  `json:"detected"`
}

// Scorer computes rewards; it is safe for concurrent use.
type Scorer struct {
	config   Config
	detector *langid.Detector
}

// NewScorer prepares a scorer. The detector is shared with the off-target metric,
// so that reward and measurement agree.
func NewScorer(config Config, detector *langid.Detector) *Scorer {
	return &Scorer{config, detector}
}

// Score is Eq. 7: λ1·R_acc + λ2·R_format + λ3·R_lang.
func (s *Scorer) Score(r Rollout) Score {
	result := grade.Grade(r.Output, r.Answer, r.DataName, grade.Qwen)
	off, detected := s.detector.OffTarget(r.Output, r.Language)
	score := Score{
		Accuracy:  indicator(result.Verdict),
		Format:    indicator(!r.Truncated && WellFormed(r.Output, s.config.Think)),
		Language:  indicator(!off),
		Extracted: result.Extracted,
		Detected:  detected,
	}
	score.Total = s.config.Accuracy*score.Accuracy + s.config.Format*score.Format + s.config.Language*score.Language
	return score
}

// WellFormed reports whether a text gives exactly one final answer in \boxed{},
// closed and not empty, after a reasoning that is not empty; with think, the
// reasoning is inside one <think>…</think>.
func WellFormed(output string, think bool) bool {
	reasoning, answer := output, output
	if think {
		if strings.Count(output, "<think>") > 1 || strings.Count(output, "</think>") != 1 {
			return false
		}
		reasoning, answer, _ = strings.Cut(output, "</think>")
		reasoning = strings.TrimPrefix(strings.TrimSpace(reasoning), "<think>")
	}
	const open = `\boxed{`
	i := strings.Index(answer, open)
	if i < 0 || strings.Count(answer, open) != 1 {
		return false
	}
	if !think {
		reasoning = answer[:i]
	}
	content, closed := braced(answer[i+len(open):])
	return closed && strings.TrimSpace(content) != "" && strings.TrimSpace(reasoning) != ""
}

// braced returns the text up to the brace that closes one already open.
func braced(text string) (content string, closed bool) {
	depth := 1
	for i, r := range text {
		switch r {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return text[:i], true
			}
		}
	}
	return text, false
}

func indicator(ok bool) float64 {
	if ok {
		return 1
	}
	return 0
}
