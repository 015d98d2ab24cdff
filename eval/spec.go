package eval

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/eval/grade"
	"github.com/stele-lm/stele/eval/langid"
	"github.com/stele-lm/stele/eval/language"
	"github.com/stele-lm/stele/sampler"
)

// Spec holds the settings that decide the numbers of a run, apart from the model. It is written
// to the manifest and the results as it is.
type Spec struct {
	Benchmarks []string `json:"benchmarks"`
	Languages  []string `json:"languages"`
	// Absent are benchmarks in languages that they do not have, as "math500|sw": they
	// were asked for, or another benchmark of the run has the language.
	Absent []string `json:"absent,omitempty"`
	Levels []int    `json:"levels"` // of difficulty; empty for all
	Limit  int      `json:"limit"`  // first questions of each language; 0 for all
	// Samples are the samples a question by benchmark.
	Samples map[string]int `json:"samples"`
	Sampling
	MaxTokens int      `json:"max_tokens"`
	Stop      []string `json:"stop"`
	Seed      uint64   `json:"seed"`
	Template  string   `json:"template"`
	// TemplateArgs are variables of the model's own chat template (see prompt.Values).
	TemplateArgs map[string]string `json:"template_args,omitempty"`
	Hack         bool              `json:"hack"`     // reasoning begins with a prefix in the language
	FewShot      int               `json:"few_shot"` // worked examples before each question
	// FewShotStop are the texts at which a further example of the model's own would
	// begin, by "benchmark|language"; completions end there too.
	FewShotStop map[string][]string `json:"few_shot_stop,omitempty"`
	// Grader names whose verdicts make the accuracy. Samples hold those of all graders.
	Grader string `json:"grader"`
	// AnswerCommands are the programs that judge answers, by benchmark.
	AnswerCommands map[string]bench.Answer `json:"answer_commands,omitempty"`
	// LangCandidates are the languages among which the language of an output is chosen
	// where they share a script (see langid.Among); empty for all.
	LangCandidates []string `json:"lang_candidates,omitempty"`
	// OwnLanguages are the user's, as languages.yaml beside the data describes them.
	OwnLanguages []*language.Language `json:"own_languages,omitempty"`
}

// LanguageTable returns the languages that the run knows: the built-in ones and the user's.
func (s *Spec) LanguageTable() *language.Table { return language.Builtin().With(s.OwnLanguages) }

// Validate reports the first setting that cannot be run.
func (s *Spec) Validate() error {
	switch {
	case len(s.Benchmarks) == 0:
		return errors.New("no benchmark is named")
	case len(s.Languages) == 0:
		return errors.New("no language is named")
	case s.Limit < 0:
		return fmt.Errorf("limit is %d, expected 0 (all) or more", s.Limit)
	case s.FewShot < 0:
		return fmt.Errorf("few-shot is %d, expected 0 (none) or more", s.FewShot)
	case s.MaxTokens < 1:
		return fmt.Errorf("max tokens is %d, expected at least 1", s.MaxTokens)
	case slices.Contains(s.Stop, ""):
		return errors.New("stop has an empty text, which ends nothing")
	}
	if _, err := grade.Named(s.Grader); err != nil {
		return err
	}
	if _, err := sampler.NewParams(s.Temperature, s.TopK, s.TopP, s.MinP); err != nil {
		return err
	}
	for _, b := range s.Benchmarks {
		if s.Samples[b] < 1 {
			return fmt.Errorf("samples for %s is %d, expected at least 1", b, s.Samples[b])
		}
	}
	for name, c := range s.AnswerCommands {
		if _, err := c.Type(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, b := range s.Benchmarks {
		if len(s.Languages) > 0 && len(s.LanguagesOf(b)) == 0 {
			return fmt.Errorf("%s is in none of the languages %s", b, strings.Join(s.Languages, " "))
		}
	}
	if _, err := langid.Among(s.LangCandidates, s.LanguageTable()); err != nil {
		return fmt.Errorf("lang candidates: %w", err)
	}
	if b, ok := repeated(s.Benchmarks); ok {
		return fmt.Errorf("benchmark %s is named twice", b)
	}
	if l, ok := repeated(s.Languages); ok {
		return fmt.Errorf("language %s is named twice", l)
	}
	return nil
}

func repeated(names []string) (string, bool) {
	for i, n := range names {
		if slices.Contains(names[:i], n) {
			return n, true
		}
	}
	return "", false
}

// SetDefaults takes what is 0 from the benchmarks' registry entries: the samples of
// each, and the largest of their token limits.
func (s *Spec) SetDefaults(o bench.Options) error {
	samples := make(map[string]int, len(s.Benchmarks))
	limit := 0
	s.AnswerCommands = nil
	for _, b := range s.Benchmarks {
		entry, err := bench.Lookup(b, o)
		if err != nil {
			return err
		}
		if samples[b] = s.Samples[b]; samples[b] == 0 {
			samples[b] = max(1, entry.Samples)
		}
		limit = max(limit, entry.MaxTokens)
		if len(entry.Answer.Command) > 0 {
			if s.AnswerCommands == nil {
				s.AnswerCommands = map[string]bench.Answer{}
			}
			s.AnswerCommands[b] = entry.Answer
		}
	}
	s.Samples = samples
	if s.MaxTokens == 0 {
		s.MaxTokens = limit
	}
	return nil
}

// SamplesFor is n samples a question for each benchmark. 0 leaves the number to
// SetDefaults, which takes the registry's: the paper's 16 for AIME, 1 for others.
func SamplesFor(benchmarks []string, n int) map[string]int {
	samples := make(map[string]int, len(benchmarks))
	for _, b := range benchmarks {
		samples[b] = n
	}
	return samples
}

// Presets are the paper's evaluation settings by name: sampling, length and the
// reasoning prefix. The samples a question are those of SetDefaults: 16 on AIME, one
// on MATH500 and GPQA. What a preset does not name stays as it was.
var Presets = map[string]func(*Spec){
	"paper":     preset(Sampling{Temperature: 0.6, TopP: 0.95}, 8912),
	"paper-32b": preset(Sampling{Temperature: 0.6, TopP: 0.95}, 32768), // models of 32 billion parameters
	"dapo-32b":  preset(Sampling{Temperature: 1, TopP: 0.7}, 20480),    // DAPO-Qwen-32B
}

func preset(sampling Sampling, maxTokens int) func(*Spec) {
	return func(s *Spec) { s.Sampling, s.MaxTokens, s.Hack = sampling, maxTokens, true }
}
