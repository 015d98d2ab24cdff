package eval

import (
	"bytes"
	"encoding/json"
	"math"

	"stele/eval/grade"
)

// Sample is a line of RUN/samples.jsonl: what a model said to a question and
// what became of it.
type Sample struct {
	ID        string  `json:"id"`
	Benchmark string  `json:"benchmark"`
	Language  string  `json:"language"` // that was asked for
	Sample    int     `json:"sample"`   // from 0
	Prompt    string  `json:"prompt"`
	PromptIDs []int32 `json:"prompt_ids"`
	// Output is what was graded: the reasoning prefix of the prompt, if there was
	// one, and the text generated.
	Output        string  `json:"output"`
	Extracted     string  `json:"extracted"`      // final answer as found in Output
	Pred          string  `json:"pred"`           // what was compared
	GT            string  `json:"gt"`             // with what
	Verdict       bool    `json:"verdict"`        // as the Qwen2.5-Math code judges
	VerdictStrict bool    `json:"verdict_strict"` // as a person would
	Via           string  `json:"via"`            // the rule that decided Verdict
	Lang          string  `json:"lang"`           // language of Output, "none" without letters
	Confidence    float64 `json:"confidence"`     // of Lang, 0 to 1, to four decimals
	OffTarget     bool    `json:"off_target"`     // Lang is not Language
	Tokens        int     `json:"tokens"`         // generated
	FinishReason  string  `json:"finish_reason"`
}

// Identified is what language an output is in.
type Identified struct {
	Lang       string // code, or "none"
	Confidence float64
	OffTarget  bool // another language than the one asked for
}

// judge grades a completion of q and identifies its language.
func judge(q *Question, done Completion, identify func(output, language string) Identified) Sample {
	output := q.Prefix + done.Text
	result := grade.Grade(output, q.Answer, q.DataName, grade.Qwen)
	language := identify(output, q.Language)
	return Sample{
		ID: q.ID, Benchmark: q.Benchmark, Language: q.Language, Sample: done.Sample,
		Prompt: q.Prompt, PromptIDs: q.PromptIDs, Output: output,
		Extracted: result.Extracted, Pred: result.Pred, GT: result.GT, Verdict: result.Verdict, Via: result.Via,
		VerdictStrict: grade.Grade(output, q.Answer, q.DataName, grade.Strict).Verdict,
		Lang:          language.Lang, Confidence: rounded(language.Confidence), OffTarget: language.OffTarget,
		Tokens: len(done.TokenIDs), FinishReason: done.FinishReason,
	}
}

// rounded drops the digits in which a detector that sums in no fixed order, as
// lingua does, differs from itself.
func rounded(confidence float64) float64 { return math.Round(confidence*1e4) / 1e4 }

// line is the sample as JSON with a newline.
func (s *Sample) line() ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(s)
	return b.Bytes(), err
}

// outcome is what the results need of a sample.
type outcome struct {
	right, strict, off, cut bool
	tokens                  int
}

func (s *Sample) outcome() outcome {
	return outcome{right: s.Verdict, strict: s.VerdictStrict, off: s.OffTarget,
		cut: s.FinishReason == FinishLength, tokens: s.Tokens}
}
