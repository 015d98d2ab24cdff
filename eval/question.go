package eval

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
)

// Question is a problem ready to be put to a model.
type Question struct {
	Benchmark, Language, ID string
	Prompt                  string  // the whole text, template and prefix included
	PromptIDs               []int32 // its tokens
	Prefix                  string  // the end of Prompt that counts as the model's own words
	Answer                  string  // the reference
	DataName                string  // the benchmark's name as the grader knows it
	AnswerType              string  `json:",omitempty"` // the answer.Label of the type of Answer
	Level                   int     `json:"-"`          // of difficulty; 0 where it has none
}

// key names a question in a run.
func (q *Question) key() string { return q.Benchmark + "/" + q.Language + "/" + q.ID }

// cell names the question's benchmark and language as results.json does.
func (q *Question) cell() string { return Cell(q.Benchmark, q.Language) }

// Cell is the name of a benchmark in a language, a key of results.json.
func Cell(benchmark, language string) string { return benchmark + "|" + language }

// checkQuestions refuses questions that a run cannot tell apart or cannot put.
func checkQuestions(questions []Question, spec *Spec) error {
	seen := make(map[string]bool, len(questions))
	asked := map[[2]string]bool{}
	for i := range questions {
		q := &questions[i]
		switch {
		case seen[q.key()]:
			return fmt.Errorf("question %s appears twice", q.key())
		case len(q.PromptIDs) == 0:
			return fmt.Errorf("question %s has an empty prompt", q.key())
		case spec.Samples[q.Benchmark] < 1:
			return fmt.Errorf("question %s is of a benchmark that the settings do not name", q.key())
		}
		seen[q.key()] = true
		asked[[2]string{q.Benchmark, q.Language}] = true
	}
	for _, b := range spec.Benchmarks {
		for _, l := range spec.LanguagesOf(b) {
			if !asked[[2]string{b, l}] {
				return fmt.Errorf("%s has no question in %s", b, l)
			}
		}
	}
	return nil
}

// questionHash is a SHA-256 over everything that is asked and expected, so that a
// run notices when the data or a template changed under it.
type questionHash struct {
	hash    hash.Hash
	encoder *json.Encoder
}

func newQuestionHash() *questionHash {
	h := sha256.New()
	return &questionHash{h, json.NewEncoder(h)}
}

func (h *questionHash) add(q *Question) error { return h.encoder.Encode(q) }

func (h *questionHash) sum() string { return hex.EncodeToString(h.hash.Sum(nil)) }

func hashQuestions(questions []Question) (string, error) {
	h := newQuestionHash()
	for i := range questions {
		if err := h.add(&questions[i]); err != nil {
			return "", err
		}
	}
	return h.sum(), nil
}
