// Package reward scores a rollout: accuracy, format and language (Eq. 7 of the paper; language also by
// the share of words), each a pure function, and what the user's own commands say, summed with weights.
//
// Invariants: a built-in reward never fails and never hangs and is in [0, 1]; a
// command that hangs, dies or talks nonsense is an error that says so within its
// time limit, and leaves no process behind.
package reward

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval/answer"
	"github.com/stele-lm/stele/eval/grade"
	"github.com/stele-lm/stele/eval/langid"
	"github.com/stele-lm/stele/eval/language"
	"github.com/stele-lm/stele/eval/metric"
	"github.com/stele-lm/stele/internal/nearest"
)

// Config holds the weights λ of Eq. 7.
type Config struct {
	// Only names the rewards that count: accuracy, format, language, overlong and those of commands. The
	// others get no weight, whatever their setting, and commands that are not named do not run. Empty means
	// all.
	Only []string `yaml:"only" json:"only,omitempty"`
	// Accuracy is λ1, the weight of a correct answer.
	Accuracy float64 `yaml:"accuracy" json:"accuracy"`
	// Format is λ2, the weight of an answer in the format that the prompt asks for.
	Format float64 `yaml:"format" json:"format"`
	// Language is λ3, the weight of reasoning in the language of the problem.
	Language float64 `yaml:"language" json:"language"`
	// LanguageBy says how the language reward is given: verdict gives all of it if the reasoning is in the
	// language of the problem and otherwise none (as in the paper); share gives the share of its words in
	// that language.
	LanguageBy string `yaml:"language_by" json:"language_by"`
	// Words measures the share of words in the language of the problem even if it is not rewarded: words/*
	// in metrics.jsonl. It takes about 50 µs of one core per word.
	Words bool `yaml:"words" json:"words"`
	// Grader is the grader whose verdicts make the accuracy: qwen (also if empty) or strict.
	Grader string `yaml:"grader" json:"grader"`
	// Think makes the format reward require <think>…</think> before the answer.
	Think bool `yaml:"think" json:"think"`

	// LangCandidates are the languages among which rollouts in a shared script are distinguished: codes,
	// all, or study for the eleven. Evaluations during training use them, too.
	LangCandidates []string `yaml:"lang_candidates" json:"lang_candidates"`

	// OverlongBuffer is the share of the maximum length, at its end, in which long completions are
	// punished; 0 is off (DAPO).
	OverlongBuffer float64 `yaml:"overlong_buffer" json:"overlong_buffer"`
	// OverlongPenalty is the largest penalty within OverlongBuffer.
	OverlongPenalty float64 `yaml:"overlong_penalty" json:"overlong_penalty"`

	// Commands are rewards that your own programs compute (docs/training.md).
	Commands []Command `yaml:"commands" json:"commands"`
}

// Values of Config.LanguageBy.
const (
	ByVerdict = "verdict"
	ByShare   = "share"
)

// DefaultConfig is the paper's λ = 0.8, 0.1, 0.1.
func DefaultConfig() Config {
	return Config{Accuracy: 0.8, Format: 0.1, Language: 0.1, LanguageBy: ByVerdict,
		Grader: grade.Default.Name, LangCandidates: []string{"all"}}
}

// overlong names the punishment of long completions among the rewards.
const overlong = "overlong"

// builtins are the names of Stele's own rewards.
var builtins = []string{"accuracy", "format", "language", overlong}

// Effective returns the rewards that count: those that Only names, where it names any.
func (c Config) Effective() Config {
	if len(c.Only) == 0 {
		return c
	}
	named := func(name string) bool { return slices.Contains(c.Only, name) }
	for name, weight := range map[string]*float64{"accuracy": &c.Accuracy, "format": &c.Format,
		"language": &c.Language, overlong: &c.OverlongBuffer} {
		if !named(name) {
			*weight = 0
		}
	}
	c.Commands = slices.DeleteFunc(slices.Clone(c.Commands), func(command Command) bool { return !named(command.Name) })
	c.Only = nil
	return c
}

// LeftOut names the commands that Only leaves out.
func (c Config) LeftOut() (names []string) {
	for _, command := range c.Commands {
		if len(c.Only) > 0 && !slices.Contains(c.Only, command.Name) {
			names = append(names, command.Name)
		}
	}
	return names
}

// checkOnly refuses names of no reward, and of one that has no weight.
func (c Config) checkOnly() error {
	names := slices.Clone(builtins)
	for _, command := range c.Commands {
		names = append(names, command.Name)
	}
	for i, name := range c.Only {
		switch {
		case !slices.Contains(names, name):
			return fmt.Errorf("reward.only: there is no reward %q: expected %s%s", name, nearest.List(names),
				nearest.Hint(name, names))
		case slices.Contains(c.Only[:i], name):
			return fmt.Errorf("reward.only names %s twice", name)
		}
	}
	for name, weight := range map[string]float64{"accuracy": c.Accuracy, "format": c.Format, "language": c.Language,
		overlong: c.OverlongBuffer * c.OverlongPenalty} {
		if weight == 0 && slices.Contains(c.Only, name) {
			setting := name
			if name == overlong {
				setting = "overlong_buffer or overlong_penalty"
			}
			return fmt.Errorf("reward.only names %s, and reward.%s is 0: give it a weight", name, setting)
		}
	}
	return nil
}

// Validate refuses weights of Eq. 7 that are negative, no reward at all, and candidates that
// are not among the known languages.
func (c Config) Validate(known *language.Table) error {
	if _, err := grade.Named(c.Grader); err != nil && c.Grader != "" {
		return fmt.Errorf("reward.grader: %w", err)
	}
	if ways := []string{ByVerdict, ByShare}; c.LanguageBy != "" && !slices.Contains(ways, c.LanguageBy) {
		return fmt.Errorf("reward.language_by is %q, expected %s%s", c.LanguageBy, strings.Join(ways, " or "),
			nearest.Hint(c.LanguageBy, ways))
	}
	if c.Accuracy < 0 || c.Format < 0 || c.Language < 0 {
		return fmt.Errorf("reward: accuracy %g, format %g and language %g must not be negative", c.Accuracy,
			c.Format, c.Language)
	}
	if err := c.checkOnly(); err != nil {
		return err
	}
	if e := c.Effective(); e.Accuracy+e.Format+e.Language == 0 && len(e.Commands) == 0 {
		return errors.New("reward: all weights are zero and there is no command: nothing would be learnt")
	}
	if c.OverlongBuffer < 0 || c.OverlongBuffer > 1 || c.OverlongPenalty < 0 {
		return fmt.Errorf("reward: overlong_buffer %g must be from 0 to 1, overlong_penalty %g not negative",
			c.OverlongBuffer, c.OverlongPenalty)
	}
	if _, err := langid.Among(c.LangCandidates, known); err != nil {
		return fmt.Errorf("reward: lang_candidates: %w", err)
	}
	names := map[string]bool{}
	for _, name := range builtins {
		names[name] = true
	}
	for _, command := range c.Commands {
		if err := command.validate(); err != nil {
			return err
		}
		if names[command.Name] {
			return fmt.Errorf("reward: the name %q appears twice", command.Name)
		}
		names[command.Name] = true
	}
	return nil
}

// MeasuresWords reports whether the words of rollouts are told apart by language.
func (c Config) MeasuresWords() bool {
	return c.Words || c.Effective().Language > 0 && c.LanguageBy == ByShare
}

// builtIn reports whether a reward of Stele's own counts, which always is a number.
func (c Config) builtIn() bool {
	return c.Accuracy+c.Format+c.Language > 0 || c.OverlongBuffer > 0 && c.OverlongPenalty > 0
}

// Rollout is one completion to score, and its question.
type Rollout struct {
	ID        string      // of the problem
	Sample    int         // among the rollouts of the problem
	Prompt    string      // without the reasoning prefix
	Output    string      // the model's text, with the reasoning prefix it was given
	Answer    string      // the reference answer
	DataName  string      // the benchmark's name as the grader knows it
	Type      answer.Type // of the answers; nil is answer.Math
	Language  string      // the language that was asked for
	Truncated bool        // ended by length rather than by itself
	Tokens    int         // generated
	MaxTokens int         // that could have been
}

// Score is a rollout's reward and what it is made of, unweighted.
type Score struct {
	// Total is NaN where nothing judged the rollout: no built-in reward has a weight and
	// every command said null.
	Total     float64
	Accuracy  float64
	Format    float64
	Language  float64
	Overlong  float64            // 0, or a punishment below 0
	Commands  map[string]float64 // NaN where one said null, which then does not count
	Extracted string
	Detected  string
	// ReasoningWords and OutputWords are the shares of words of the reasoning, and of the whole
	// output, in the language asked for; NaN where there are no words or they were not measured.
	ReasoningWords, OutputWords float64
}

// scoredBy counts the commands that gave a reward other than null.
func (s *Score) scoredBy() int {
	n := 0
	for _, reward := range s.Commands {
		if !math.IsNaN(reward) {
			n++
		}
	}
	return n
}

// Scorer computes rewards; it is safe for concurrent use.
type Scorer struct {
	config   Config
	grader   *grade.Grader
	detector *langid.Detector
	logs     string // the folder of what commands say; "" keeps none
}

// LogTo has what commands say on standard error kept in a folder, a file NAME.log each.
func (s *Scorer) LogTo(folder string) { s.logs = folder }

// NewScorer prepares a scorer. The detector is shared with the off-target metric,
// so that reward and measurement agree.
func NewScorer(config Config, detector *langid.Detector) *Scorer {
	grader, err := grade.Named(config.Grader)
	if err != nil { // Validate has let nothing but an empty name through
		grader = grade.Default
	}
	return &Scorer{config: config.Effective(), grader: grader, detector: detector}
}

// Score is Eq. 7, λ1·R_acc + λ2·R_format + λ3·R_lang, and the overlong punishment;
// commands have their say in a Session. An error is that of a program that judges answers.
func (s *Scorer) Score(r Rollout) (Score, error) {
	c := s.config
	if r.Type == nil {
		r.Type = answer.Math
	}
	results, err := r.Type.Grade(answer.Output{
		ID: r.ID, Sample: r.Sample, Language: r.Language, Prompt: r.Prompt,
		Text:      s.detector.Languages().Figures(r.Language, r.Output, answer.Label(r.Type) == ""),
		Reference: s.detector.Languages().Reference(r.Language, r.Answer, answer.Label(r.Type) == ""),
		DataName:  r.DataName,
	}, s.grader)
	if err != nil {
		return Score{}, err
	}
	off, detected := s.detector.OffTarget(r.Output, r.Language)
	score := Score{
		Accuracy: metric.Indicator(results[0].Verdict),
		Format:   metric.Indicator(!r.Truncated && r.Type.WellFormed(r.Output, c.Think)),
		Language: metric.Indicator(!off),
		Overlong: Overlong(r.Tokens, r.MaxTokens, int(c.OverlongBuffer*float64(r.MaxTokens)),
			c.OverlongPenalty),
		Extracted:      results[0].Extracted,
		Detected:       detected,
		ReasoningWords: math.NaN(), OutputWords: math.NaN(),
	}
	if c.MeasuresWords() {
		reasoning, all := s.detector.OutputWords(r.Output, r.Language)
		share, n := langid.Share(reasoning, r.Language)
		if n > 0 {
			score.ReasoningWords = share
		}
		if c.LanguageBy == ByShare {
			score.Language = share
		}
		if share, n := langid.Share(all, r.Language); n > 0 {
			score.OutputWords = share
		}
	}
	score.Total = c.Accuracy*score.Accuracy + c.Format*score.Format + c.Language*score.Language +
		score.Overlong
	return score, nil
}
