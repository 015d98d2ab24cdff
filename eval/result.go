package eval

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/stele-lm/stele/eval/grade"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/threads"
)

// Results is RUN/results.json.
type Results struct {
	Stele      string                     `json:"stele"`
	Model      string                     `json:"model"`
	Settings   Spec                       `json:"settings"`
	Benchmarks map[string]BenchmarkResult `json:"benchmarks"`
	// Languages holds each language's mean over the benchmarks.
	Languages map[string]Score `json:"languages"`
	// Mean is the mean over benchmarks of their means over languages.
	Mean Score `json:"mean"`
	// Table holds the same as other harnesses name it: keys are "benchmark|language",
	// "benchmark|all" for the mean over languages, and "all"; values are metrics, each
	// with its standard error beside it as "<metric>_stderr", null when there is none.
	Table map[string]map[string]*float64 `json:"results"`
	// Graders counts the verdicts of the graders, with the keys of Table.
	Graders map[string]Agreement `json:"graders"`
	// Differences are the samples on which the graders differ, in the order of
	// samples.jsonl.
	Differences []Difference `json:"grader_differences"`
	Bootstrap   Bootstrap    `json:"bootstrap"`
}

// BenchmarkResult is a benchmark's scores and their mean over the languages.
type BenchmarkResult struct {
	Languages map[string]Score `json:"languages"`
	Mean      Score            `json:"mean"`
}

// Difference is a sample on which the graders differ; Right names those that call
// it right.
type Difference struct {
	Benchmark string `json:"benchmark"`
	Language  string `json:"language"`
	ID        string `json:"id"`
	Sample    int    `json:"sample"`
	Right     string `json:"right"`
	Pred      string `json:"pred"`
	GT        string `json:"gt"`
}

// Bootstrap says how the intervals were made: percentiles of means over questions
// drawn with replacement.
type Bootstrap struct {
	Replicates int     `json:"replicates"`
	Confidence float64 `json:"confidence"`
	Seed       uint64  `json:"seed"`
}

// ReadResults reads the results.json of a run's folder.
func ReadResults(dir string) (*Results, error) {
	return ReadResultsFile(filepath.Join(dir, resultsName))
}

// ReadResultsFile reads a results.json of whatever name.
func ReadResultsFile(path string) (*Results, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var r Results
	if err := jsonl.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r.widen()
	return &r, nil
}

// widen gives results of older versions and from elsewhere, whose errors are 0 where all
// questions came out alike, the intervals that they would have now.
func (r *Results) widen() {
	for name, b := range r.Benchmarks {
		n := 0
		for l, s := range b.Languages {
			n = max(n, s.Questions)
			s.widen(s.Questions)
			b.Languages[l] = s
		}
		b.Mean.widen(n)
		r.Benchmarks[name] = b
	}
	for l, s := range r.Languages {
		s.widen(0)
		r.Languages[l] = s
	}
	r.Mean.widen(0)
}

// widen does it for a score of n questions; 0 where it is a mean over benchmarks, of
// which nothing is known then.
func (s *Score) widen(n int) {
	s.AccuracySE, s.AccuracyCI = widened(s.Accuracy, s.AccuracySE, s.AccuracyCI, n)
	s.OffTargetSE, s.OffTargetCI = widened(s.OffTarget, s.OffTargetSE, s.OffTargetCI, n)
	for name, e := range s.Several {
		e.SE, e.CI = widened(e.Value, e.SE, e.CI, n)
		s.Several[name] = e
	}
}

func widened(x float64, se *float64, ci *Interval, n int) (*float64, *Interval) {
	if se == nil || *se >= alike || ci != nil && ci[1]-ci[0] >= alike {
		return se, ci
	}
	if n < 2 {
		return nil, nil
	}
	interval, _ := wilson(min(1, max(0, x)), float64(n))
	return nil, &interval
}

// summarize computes the results. outcomes are question by question, sample by
// sample.
func summarize(m *Manifest, questions []Question, outcomes []outcome) *Results {
	spec := m.Settings
	r := &Results{Stele: m.Stele, Model: m.Model, Settings: spec,
		Benchmarks: map[string]BenchmarkResult{}, Languages: map[string]Score{},
		Table: map[string]map[string]*float64{}, Graders: map[string]Agreement{}, Differences: []Difference{},
		Bootstrap: Bootstrap{Replicates: replicates, Confidence: 0.95, Seed: spec.Seed}}
	all := make([]answered, len(questions))
	cells := map[[2]string][]answered{}
	for i := range questions {
		q := &questions[i]
		n := spec.Samples[q.Benchmark]
		all[i] = answered{id: q.ID, outcomes: outcomes[:n]}
		outcomes = outcomes[n:]
		r.compare(q, all[i].outcomes)
	}
	grader, _ := grade.Named(spec.Grader) // Validate has looked at it
	vote(all, func(i int, predictions []string) []int {
		return spec.Groups(questions[i].Benchmark, questions[i].AnswerType, grader, predictions)
	})
	for i := range questions {
		cell := [2]string{questions[i].Benchmark, questions[i].Language}
		cells[cell] = append(cells[cell], all[i])
	}
	byLanguage := map[string][]estimates{}
	var means []estimates
	for _, b := range spec.Benchmarks {
		n := spec.Samples[b]
		var s strata
		var languages []string
		for _, l := range spec.Languages {
			if cell := cells[[2]string{b, l}]; cell != nil { // a run that goes on may lack it
				s, languages = append(s, cell), append(languages, l)
			}
		}
		draws := newResample(b, spec.Seed, s)
		scores := map[string]Score{}
		for i, l := range languages {
			e := s[i:i+1].estimate(n, draws)
			scores[l] = e.score()
			r.tabulate(b+"|"+l, scores[l])
			byLanguage[l] = append(byLanguage[l], e)
		}
		mean := s.estimate(n, draws)
		r.Benchmarks[b] = BenchmarkResult{Languages: scores, Mean: mean.score()}
		r.tabulate(b+"|all", r.Benchmarks[b].Mean)
		means = append(means, mean)
	}
	for _, l := range spec.Languages {
		e := averageOf(byLanguage[l])
		r.Languages[l] = e.score()
	}
	if means != nil {
		mean := averageOf(means)
		r.Mean = mean.score()
	}
	r.tabulate("all", r.Mean)
	return r
}

// vote finds the majority of each question's samples, question by question beside
// each other: comparing answers takes longer than all the rest.
func vote(all []answered, groups func(i int, predictions []string) []int) {
	var workers sync.WaitGroup
	n := threads.Count
	for w := range n {
		workers.Go(func() {
			for i := w; i < len(all); i += n {
				if len(all[i].outcomes) > 1 {
					all[i].majority = majority(all[i].outcomes,
						func(predictions []string) []int { return groups(i, predictions) })
				}
			}
		})
	}
	workers.Wait()
}

// compare notes the verdicts of the graders on a question's samples.
func (r *Results) compare(q *Question, outcomes []outcome) {
	for k, o := range outcomes {
		for _, key := range []string{q.Benchmark + "|" + q.Language, q.Benchmark + "|all", "all"} {
			a := r.Graders[key]
			a.add(o.verdicts)
			r.Graders[key] = a
		}
		if right := rightBy(o.verdicts); len(right) > 0 && len(right) < len(grade.Graders) {
			r.Differences = append(r.Differences, Difference{q.Benchmark, q.Language, q.ID, k,
				strings.Join(right, " "), o.pred, o.gt})
		}
	}
}

// tabulate adds a row of Table.
func (r *Results) tabulate(key string, s Score) {
	row := map[string]*float64{
		"acc": &s.Accuracy, "acc_stderr": s.AccuracySE, "off_target": &s.OffTarget,
		"off_target_stderr": s.OffTargetSE,
		"truncated":         &s.Truncated, "truncated_stderr": nil,
	}
	for name, e := range s.Several {
		row[name], row[name+"_stderr"] = &e.Value, e.SE
	}
	r.Table[key] = row
}
