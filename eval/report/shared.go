package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/metric"
)

// measureShared computes the results of base and trained model on what is compared, of
// each that was put other questions, languages or benchmarks too: numbers that a reader
// can lay beside ΔR.
func (c *comparison) measureShared(base, trained *model) error {
	if !c.checked {
		return nil
	}
	for _, side := range []struct {
		of      *model
		answers metric.Answers
		into    **eval.Results
	}{{base, c.baseAnswers, &c.baseOn}, {trained, c.trainedAnswers, &c.trainedOn}} {
		shared := func(benchmark, language, id string) bool {
			_, ok := side.answers[benchmark][language][id]
			return ok
		}
		others := false
		for key := range side.of.answers.asked {
			others = others || !shared(key[0], key[1], key[2])
		}
		if !others {
			continue
		}
		r, err := eval.Only(side.of.folder, shared)
		if err != nil {
			return err
		}
		*side.into = r
	}
	return nil
}

// before and after are a pair's results on what is compared.
func (p *pair) before() *eval.Results { return orElse(p.on.baseOn, p.base.results) }
func (p *pair) after() *eval.Results  { return orElse(p.on.trainedOn, p.trained.results) }

func orElse(r, other *eval.Results) *eval.Results {
	if r != nil {
		return r
	}
	return other
}

// sharedOnly returns the models' results on those of their questions that a pair is compared on,
// with the names of the pair in theirs. What is alike is there once.
func (s *study) sharedOnly() []evaluation {
	type result struct {
		model   string
		with    []string
		results *eval.Results
	}
	var shared []*result
	byPrint := map[string]*result{}
	add := func(m, other *model, r *eval.Results) {
		if r == nil {
			return
		}
		print := m.name + "\n" + fingerprint(r)
		if byPrint[print] == nil {
			byPrint[print] = &result{model: m.name, results: r}
			shared = append(shared, byPrint[print])
		}
		if x := byPrint[print]; !slices.Contains(x.with, other.name) {
			x.with = append(x.with, other.name)
		}
	}
	for _, p := range s.pairs {
		add(p.base, p.trained, p.on.baseOn)
		add(p.trained, p.base, p.on.trainedOn)
	}
	var all []evaluation
	for _, x := range shared {
		all = append(all, evaluation{x.model + sharedWith + strings.Join(x.with, ", "), x.results})
	}
	return all
}

// sharedWith is between the model's name and those of others in what rows of shared questions are called.
const sharedWith = ", shared with "

// sharedNote says what rows of shared questions are.
const sharedNote = " Rows “shared with” are of what a model and the one that it is compared with were " +
	"both put: ΔR, points and MTI come from these."

// questionsOf says how many questions a benchmark's results rest on, a language.
func questionsOf(r eval.BenchmarkResult) string {
	low, high := -1, 0
	for _, s := range r.Languages {
		if s.Samples == 0 {
			continue
		}
		if high = max(high, s.Questions); low < 0 || s.Questions < low {
			low = s.Questions
		}
	}
	switch {
	case low < 0:
		return "–"
	case low < high:
		return fmt.Sprintf("%d to %d", low, high)
	}
	return numberOf(low)
}

// numberOf writes a number of questions; 0, of results that were only stated, is not known.
func numberOf(questions int) string {
	if questions == 0 {
		return "not known"
	}
	return fmt.Sprint(questions)
}

// questionsOfAll does it for all benchmarks.
func questionsOfAll(r *eval.Results) string {
	var all []string
	for _, b := range r.Settings.Benchmarks {
		if result, ok := r.Benchmarks[b]; ok {
			all = append(all, b+" "+questionsOf(result))
		}
	}
	return strings.Join(all, ", ")
}
