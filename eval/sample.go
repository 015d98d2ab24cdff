package eval

import (
	"github.com/stele-lm/stele/internal/jsonl"
)

// Sample is a line of RUN/samples.jsonl: what a model said to a question and
// what became of it. It holds all that is needed to judge it again.
type Sample struct {
	ID        string  `json:"id"`
	Benchmark string  `json:"benchmark"`
	Language  string  `json:"language"` // that was asked for
	Sample    int     `json:"sample"`   // from 0
	Prompt    string  `json:"prompt"`
	PromptIDs []int32 `json:"prompt_ids"`
	Prefix    string  `json:"prefix"` // the end of Prompt that counts as the model's own words
	// Output is the text that was graded: Prefix and the text generated.
	Output    string `json:"output"`
	Reference string `json:"reference"` // the benchmark's answer
	DataName  string `json:"data_name"` // the benchmark's name as the grader knows it
	// AnswerType is the answer.Label of the type of Reference.
	AnswerType string `json:"answer_type,omitempty"`
	Level      int    `json:"level,omitempty"` // of difficulty, where the benchmark has levels
	Extracted  string `json:"extracted"`       // final answer as found in Output
	Pred       string `json:"pred"`            // what was compared
	GT         string `json:"gt"`              // with what
	// Verdict is that of the grader that the settings name. Verdicts are those of all
	// graders by name; in JSON they follow Verdict, as "verdict_qwen".
	Verdict  bool            `json:"verdict"`
	Verdicts map[string]bool `json:"-"`
	Via      string          `json:"via"` // the rule that decided Verdict
	Identified
	Tokens       int    `json:"tokens"` // generated
	FinishReason string `json:"finish_reason"`
}

// Identified holds the languages of an output: its reasoning and the answer that
// it ends in are judged apart.
type Identified struct {
	Lang       string  `json:"lang"`       // of the reasoning: a code, or "none" without letters
	Confidence float64 `json:"confidence"` // of Lang, 0 to 1, to four decimals
	OffTarget  bool    `json:"off_target"` // Lang is not the language asked for
	AnswerLang string  `json:"answer_lang"`
	// AnswerOffTarget: the answer has words, and in another language.
	AnswerOffTarget bool `json:"answer_off_target"`
}

// question is the question that the sample answers.
func (s *Sample) question() Question {
	return Question{Benchmark: s.Benchmark, Language: s.Language, ID: s.ID, Prompt: s.Prompt,
		PromptIDs: s.PromptIDs, Prefix: s.Prefix, Answer: s.Reference, DataName: s.DataName,
		AnswerType: s.AnswerType, Level: s.Level}
}

// bareSample is Sample without its methods.
type bareSample Sample

// MarshalJSON implements json.Marshaler.
func (s Sample) MarshalJSON() ([]byte, error) {
	record, err := withGraders(bareSample(s), "verdict", "verdict_", s.Verdicts)
	if err != nil {
		return nil, err
	}
	return record.MarshalJSON()
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Sample) UnmarshalJSON(text []byte) (err error) {
	if err := jsonl.Unmarshal(text, (*bareSample)(s)); err != nil {
		return err
	}
	s.Verdicts, err = fromGraders[bool](text, "verdict_")
	return err
}

// sampleOf is the sample of a completion of q, not judged yet.
func sampleOf(q *Question, done *Completion) Sample {
	return Sample{
		ID: q.ID, Benchmark: q.Benchmark, Language: q.Language, Sample: done.Sample,
		Prompt: q.Prompt, PromptIDs: q.PromptIDs, Prefix: q.Prefix, Output: q.Prefix + done.Text,
		Reference: q.Answer, DataName: q.DataName, AnswerType: q.AnswerType, Level: q.Level,
		Tokens: len(done.TokenIDs), FinishReason: done.FinishReason,
	}
}

// RightBy lists the graders that call the sample right.
func (s *Sample) RightBy() []string { return rightBy(s.Verdicts) }

// line is the sample as JSON with a newline.
func (s *Sample) line() ([]byte, error) {
	line, err := s.MarshalJSON()
	return append(line, '\n'), err
}

// outcome holds the fields of a sample that results are made of.
type outcome struct {
	right, off, answerOff, cut bool
	verdicts                   map[string]bool // by grader
	tokens                     int
	pred, gt                   string
}

func (s *Sample) outcome() outcome {
	return outcome{right: s.Verdict, verdicts: s.Verdicts, off: s.OffTarget,
		answerOff: s.AnswerOffTarget, cut: s.FinishReason == FinishLength, tokens: s.Tokens, pred: s.Pred,
		gt: s.GT}
}
