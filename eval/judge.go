package eval

import (
	"errors"
	"fmt"

	"github.com/stele-lm/stele/eval/answer"
	"github.com/stele-lm/stele/eval/grade"
	"github.com/stele-lm/stele/eval/langid"
	"github.com/stele-lm/stele/eval/language"
)

// judge grades samples and identifies their languages as a run's settings say. It must be
// closed.
type judge struct {
	grader    string // whose verdict is the sample's
	languages *language.Table
	identify  func(output, language string) Identified
	commands  map[string]answer.Type // types that programs judge, by benchmark
}

// newJudge starts the programs that judge answers.
func newJudge(spec *Spec, identify func(output, language string) Identified) (*judge, error) {
	j := &judge{spec.Grader, spec.LanguageTable(), identify, map[string]answer.Type{}}
	for name, c := range spec.AnswerCommands {
		of, err := c.Type()
		if err == nil {
			err = answer.Open(of)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", name, err), j.close())
		}
		j.commands[name] = of
	}
	return j, nil
}

// close ends the programs.
func (j *judge) close() error {
	var errs []error
	for name, of := range j.commands {
		if err := answer.Close(of); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// judge grades a sample's output anew and identifies its language.
func (j *judge) judge(s *Sample) error {
	of, err := answer.Labelled(s.AnswerType, j.commands[s.Benchmark])
	if err != nil {
		return fmt.Errorf("sample %d of %s (%s) of %s: %w", s.Sample, s.ID, s.Language, s.Benchmark, err)
	}
	results, err := of.Grade(answer.Output{
		ID: s.ID, Sample: s.Sample, Language: s.Language, Prompt: s.Prompt,
		Text:      j.languages.Figures(s.Language, s.Output, answer.Label(of) == ""),
		Reference: j.languages.Reference(s.Language, s.Reference, answer.Label(of) == ""), DataName: s.DataName,
	}, grade.Graders...)
	if err != nil {
		return fmt.Errorf("sample %d of %s (%s) of %s: %w", s.Sample, s.ID, s.Language, s.Benchmark, err)
	}
	s.Verdicts = map[string]bool{}
	for i, g := range grade.Graders {
		r := results[i]
		s.Verdicts[g.Name] = r.Verdict
		if g.Name == j.grader {
			s.Extracted, s.Pred, s.GT, s.Verdict, s.Via = r.Extracted, r.Pred, r.GT, r.Verdict, r.Via
		}
	}
	s.Identified = j.identify(s.Output, s.Language)
	s.Confidence = langid.RoundConfidence(s.Confidence)
	return nil
}

// CheckCommands finds the programs that judge answers.
func (s *Spec) CheckCommands() error {
	for name, c := range s.AnswerCommands {
		of, err := c.Type()
		if err == nil {
			err = answer.Check(of)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// Groups tells which predictions on a question of a benchmark are the same answer; label is the
// answer.Label of the question's type.
func (s *Spec) Groups(benchmark, label string, g *grade.Grader, predictions []string) []int {
	var own answer.Type
	if c, ok := s.AnswerCommands[benchmark]; ok {
		own, _ = c.Type() // the manifest was checked
	}
	return answer.Groups(label, own, predictions, g)
}
