package eval

import (
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Progress counts the samples of a run that is not finished.
type Progress struct {
	Samples   int // written so far
	Questions int // of the whole run
}

// Partial computes the results so far of a run that is going on, or was stopped: of
// the questions that have all their samples. Its benchmarks and languages are those
// of which there is a question.
func Partial(dir string) (*Results, Progress, error) {
	return resultsOf(dir, func(_, _, _ string) bool { return true })
}

// Only computes the results of a run on some of its questions, told by benchmark,
// language and id.
func Only(dir string, keep func(benchmark, language, id string) bool) (*Results, error) {
	r, _, err := resultsOf(dir, keep)
	return r, err
}

func resultsOf(dir string, keep func(benchmark, language, id string) bool) (*Results, Progress, error) {
	m, err := manifestOf(dir)
	if err != nil {
		return nil, Progress{}, err
	}
	progress := Progress{Questions: m.Questions}
	path := filepath.Join(dir, samplesName)
	f, err := os.Open(path)
	if err != nil {
		return nil, progress, err
	}
	defer f.Close()
	byQuestion := map[string][]outcome{}
	var questions []Question
	for in := NewSampleReader(path, f); ; {
		s, _, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, progress, err
		}
		progress.Samples++
		q := s.question()
		if !keep(q.Benchmark, q.Language, q.ID) {
			continue
		}
		q.Prompt, q.PromptIDs = "", nil
		if byQuestion[q.key()] == nil {
			questions = append(questions, q)
		}
		byQuestion[q.key()] = append(byQuestion[q.key()], s.outcome())
	}
	questions = slices.DeleteFunc(questions, func(q Question) bool {
		return len(byQuestion[q.key()]) != m.Settings.Samples[q.Benchmark]
	})
	without := func(of func(Question) string) func(string) bool {
		return func(name string) bool {
			return !slices.ContainsFunc(questions, func(q Question) bool { return of(q) == name })
		}
	}
	m.Settings.Benchmarks = slices.DeleteFunc(m.Settings.Benchmarks,
		without(func(q Question) string { return q.Benchmark }))
	m.Settings.Languages = slices.DeleteFunc(m.Settings.Languages,
		without(func(q Question) string { return q.Language }))
	var outcomes []outcome
	for i := range questions {
		outcomes = append(outcomes, byQuestion[questions[i].key()]...)
	}
	return summarize(m, questions, outcomes), progress, nil
}
