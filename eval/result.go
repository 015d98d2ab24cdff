package eval

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
)

// Results is RUN/results.json. Accuracy and shares are fractions of 1.
type Results struct {
	Stele      string                     `json:"stele"`
	Model      string                     `json:"model"`
	Settings   Spec                       `json:"settings"`
	Benchmarks map[string]BenchmarkResult `json:"benchmarks"`
	// Languages holds each language's mean over the benchmarks.
	Languages map[string]Score `json:"languages"`
	// Mean is the mean over benchmarks of their means over languages.
	Mean Score `json:"mean"`
}

// BenchmarkResult is a benchmark's scores and their mean over the languages.
type BenchmarkResult struct {
	Languages map[string]Score `json:"languages"`
	Mean      Score            `json:"mean"`
}

// Score sums up the samples of some questions.
type Score struct {
	Questions int     `json:"questions"`
	Samples   int     `json:"samples"`
	Accuracy  float64 `json:"accuracy"` // by the grader that the settings name
	// AccuracySE is the standard error of Accuracy; questions are what was drawn:
	// samples of one question, and its translations, are not independent. It is
	// null with a single question.
	AccuracySE     *float64 `json:"accuracy_se"`
	AccuracyQwen   float64  `json:"accuracy_qwen"`
	AccuracyStrict float64  `json:"accuracy_strict"`
	OffTarget      float64  `json:"off_target"` // share of samples in another language
	OffTargetSE    *float64 `json:"off_target_se"`
	MeanTokens     float64  `json:"mean_tokens"` // generated, a sample
	Truncated      float64  `json:"truncated"`   // share of samples cut off at the limit
}

// ReadResults reads the results.json of a run's folder.
func ReadResults(dir string) (*Results, error) {
	path := filepath.Join(dir, "results.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var r Results
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &r, nil
}

// answered is a question with the outcomes of its samples.
type answered struct {
	id       string
	outcomes []outcome
}

// summarize computes the results. outcomes are question by question, sample by
// sample.
func summarize(origin Origin, spec Spec, questions []Question, outcomes []outcome) *Results {
	cells := map[[2]string][]answered{}
	for i := range questions {
		q := &questions[i]
		n := spec.Samples[q.Benchmark]
		cell := [2]string{q.Benchmark, q.Language}
		cells[cell] = append(cells[cell], answered{q.ID, outcomes[:n]})
		outcomes = outcomes[n:]
	}
	r := &Results{Stele: origin.Stele, Model: origin.Model, Settings: spec,
		Benchmarks: map[string]BenchmarkResult{}, Languages: map[string]Score{}}
	strict := spec.Grader == "strict"
	byLanguage := map[string][]Score{}
	var means []Score
	for _, b := range spec.Benchmarks {
		scores := map[string]Score{}
		var all [][]answered
		for _, l := range spec.Languages {
			cell := cells[[2]string{b, l}]
			scores[l] = score([][]answered{cell}, strict)
			byLanguage[l] = append(byLanguage[l], scores[l])
			all = append(all, cell)
		}
		r.Benchmarks[b] = BenchmarkResult{Languages: scores, Mean: score(all, strict)}
		means = append(means, r.Benchmarks[b].Mean)
	}
	for _, l := range spec.Languages {
		r.Languages[l] = meanScore(byLanguage[l])
	}
	r.Mean = meanScore(means)
	return r
}

// score is the mean over strata (a benchmark's languages) of the mean over their
// questions of the mean over samples.
func score(strata [][]answered, strict bool) Score {
	var s Score
	for _, stratum := range strata {
		s.Questions += len(stratum)
		for _, q := range stratum {
			s.Samples += len(q.outcomes)
		}
	}
	s.AccuracyQwen, s.AccuracySE = clustered(strata, func(o outcome) float64 { return indicator(o.right) })
	var se *float64
	s.AccuracyStrict, se = clustered(strata, func(o outcome) float64 { return indicator(o.strict) })
	s.Accuracy = s.AccuracyQwen
	if strict {
		s.Accuracy, s.AccuracySE = s.AccuracyStrict, se
	}
	s.OffTarget, s.OffTargetSE = clustered(strata, func(o outcome) float64 { return indicator(o.off) })
	s.MeanTokens, _ = clustered(strata, func(o outcome) float64 { return float64(o.tokens) })
	s.Truncated, _ = clustered(strata, func(o outcome) float64 { return indicator(o.cut) })
	return s
}

func indicator(ok bool) float64 {
	if ok {
		return 1
	}
	return 0
}

// clustered is the mean of value over strata and its standard error with the
// question as the cluster: the deviations of a question's samples and
// translations are summed before they are squared (Miller, "Adding Error Bars to
// Evals", 2024, §2.2). With one stratum and one sample a question this is the
// sample standard deviation over √n.
func clustered(strata [][]answered, value func(outcome) float64) (mean float64, se *float64) {
	means := make([][]float64, len(strata))
	centre := make([]float64, len(strata))
	for i, stratum := range strata {
		for _, q := range stratum {
			sum := 0.0
			for _, o := range q.outcomes {
				sum += value(o)
			}
			means[i] = append(means[i], sum/float64(len(q.outcomes)))
			centre[i] += means[i][len(means[i])-1] / float64(len(stratum))
		}
		mean += centre[i] / float64(len(strata))
	}
	index := map[string]int{}
	var deviations []float64 // of each question, in the order met
	for i, stratum := range strata {
		for k, q := range stratum {
			at, ok := index[q.id]
			if !ok {
				at = len(deviations)
				index[q.id] = at
				deviations = append(deviations, 0)
			}
			deviations[at] += (means[i][k] - centre[i]) / float64(len(stratum)*len(strata))
		}
	}
	n := float64(len(deviations))
	if n < 2 {
		return mean, nil
	}
	squares := 0.0
	for _, d := range deviations {
		squares += d * d
	}
	root := math.Sqrt(squares * n / (n - 1))
	return mean, &root
}

// meanScore is the mean over benchmarks, which are independent of each other.
func meanScore(scores []Score) Score {
	var m Score
	n := float64(len(scores))
	for _, s := range scores {
		m.Questions += s.Questions
		m.Samples += s.Samples
		m.Accuracy += s.Accuracy / n
		m.AccuracyQwen += s.AccuracyQwen / n
		m.AccuracyStrict += s.AccuracyStrict / n
		m.OffTarget += s.OffTarget / n
		m.MeanTokens += s.MeanTokens / n
		m.Truncated += s.Truncated / n
	}
	m.AccuracySE = meanSE(scores, func(s Score) *float64 { return s.AccuracySE })
	m.OffTargetSE = meanSE(scores, func(s Score) *float64 { return s.OffTargetSE })
	return m
}

func meanSE(scores []Score, of func(Score) *float64) *float64 {
	squares := 0.0
	for _, s := range scores {
		se := of(s)
		if se == nil {
			return nil
		}
		squares += *se * *se
	}
	root := math.Sqrt(squares) / float64(len(scores))
	return &root
}
