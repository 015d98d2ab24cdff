package report

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"stele/eval"
	"stele/eval/metric"
)

// sample is what a report reads of a line of samples.jsonl. Runs of older versions
// have fewer verdicts.
type sample struct {
	ID            string `json:"id"`
	Benchmark     string `json:"benchmark"`
	Language      string `json:"language"`
	Sample        int    `json:"sample"`
	Extracted     string `json:"extracted"`
	GT            string `json:"gt"`
	Verdict       bool   `json:"verdict"`
	VerdictQwen   *bool  `json:"verdict_qwen"`
	VerdictStrict *bool  `json:"verdict_strict"`
	OffTarget     bool   `json:"off_target"`
	Tokens        int    `json:"tokens"`
	FinishReason  string `json:"finish_reason"`
}

// verdicts are those of the two graders; strict is qwen's where it was not asked.
func (s *sample) verdicts() (qwen, strict bool) {
	qwen = s.Verdict
	if s.VerdictQwen != nil {
		qwen = *s.VerdictQwen
	}
	if s.VerdictStrict == nil {
		return qwen, qwen
	}
	return qwen, *s.VerdictStrict
}

// dispute is a sample on which the graders differ.
type dispute struct {
	benchmark, language, id string
	sample                  int
	extracted, reference    string
	qwen                    bool // what qwen says; strict says the opposite
}

// tally counts the samples of a benchmark and language.
type tally struct {
	samples, qwen, strict, off, cut, tokens int
	qwenOnly, strictOnly                    int
}

// outcomes are what samples.jsonl says beyond the results.
type outcomes struct {
	samples  int
	right    metric.Answers // by the grader of the settings
	tallies  map[[2]string]*tally
	disputes []dispute
}

// readSamples reads samples.jsonl; a last line that is not whole belongs to a run
// that is writing it. It is nil when there is no such file.
func readSamples(path, grader string) (*outcomes, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseSamples(path, f, grader)
}

// parseSamples reads the lines of samples; path is for messages.
func parseSamples(path string, r io.Reader, grader string) (*outcomes, error) {
	type answer struct{ right, samples float64 }
	answers := map[[3]string]*answer{}
	o := &outcomes{right: metric.Answers{}, tallies: map[[2]string]*tally{}}
	err := eachLine(path, r, func(line []byte) error {
		var s sample
		if err := json.Unmarshal(line, &s); err != nil {
			return err
		}
		qwen, strict := s.verdicts()
		right := qwen
		if grader == "strict" {
			right = strict
		}
		o.samples++
		key := [3]string{s.Benchmark, s.Language, s.ID}
		if answers[key] == nil {
			answers[key] = &answer{}
		}
		answers[key].samples++
		answers[key].right += indicator(right)
		cell := [2]string{s.Benchmark, s.Language}
		if o.tallies[cell] == nil {
			o.tallies[cell] = &tally{}
		}
		t := o.tallies[cell]
		t.samples++
		t.tokens += s.Tokens
		t.qwen += int(indicator(qwen))
		t.strict += int(indicator(strict))
		t.off += int(indicator(s.OffTarget))
		t.cut += int(indicator(s.FinishReason == eval.FinishLength))
		if qwen != strict {
			t.qwenOnly += int(indicator(qwen))
			t.strictOnly += int(indicator(strict))
			o.disputes = append(o.disputes, dispute{s.Benchmark, s.Language, s.ID, s.Sample, s.Extracted, s.GT, qwen})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for key, a := range answers {
		if o.right[key[0]] == nil {
			o.right[key[0]] = map[string]map[string]float64{}
		}
		if o.right[key[0]][key[1]] == nil {
			o.right[key[0]][key[1]] = map[string]float64{}
		}
		o.right[key[0]][key[1]][key[2]] = a.right / a.samples
	}
	return o, nil
}

// eachLine calls f for each line of JSON. What is wrong with a last line is
// forgiven: a run is writing it.
func eachLine(path string, r io.Reader, f func([]byte) error) error {
	in := bufio.NewReaderSize(r, 1<<16)
	for number := 1; ; number++ {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := f(line); err != nil {
			if _, end := in.Peek(1); end == io.EOF {
				return nil
			}
			return fmt.Errorf("%s:%d: %w", path, number, err)
		}
	}
}

func indicator(ok bool) float64 {
	if ok {
		return 1
	}
	return 0
}

// results are those of the samples so far, of a run that is still going on.
func (o *outcomes) results(model string, spec eval.Spec) *eval.Results {
	r := &eval.Results{Model: model, Settings: spec, Benchmarks: map[string]eval.BenchmarkResult{}, Languages: map[string]eval.Score{}}
	byLanguage := map[string][]eval.Score{}
	var means []eval.Score
	for _, b := range spec.Benchmarks {
		result := eval.BenchmarkResult{Languages: map[string]eval.Score{}}
		var all []eval.Score
		for _, l := range spec.Languages {
			t := o.tallies[[2]string{b, l}]
			if t == nil {
				continue
			}
			n := float64(t.samples)
			var shares []float64
			for _, id := range sortedKeys(o.right[b][l]) {
				shares = append(shares, o.right[b][l][id])
			}
			s := eval.Score{Questions: len(shares), Samples: t.samples,
				AccuracyQwen: float64(t.qwen) / n, AccuracyStrict: float64(t.strict) / n,
				OffTarget: float64(t.off) / n, MeanTokens: float64(t.tokens) / n, Truncated: float64(t.cut) / n}
			s.Accuracy = *metric.Mean(shares)
			s.AccuracySE = standardError(shares)
			result.Languages[l] = s
			byLanguage[l] = append(byLanguage[l], s)
			all = append(all, s)
		}
		result.Mean = meanScore(all)
		r.Benchmarks[b] = result
		if len(all) > 0 {
			means = append(means, result.Mean)
		}
	}
	for l, scores := range byLanguage {
		r.Languages[l] = meanScore(scores)
	}
	r.Mean = meanScore(means)
	return r
}

// standardError of a mean; nil of fewer than two values.
func standardError(values []float64) *float64 {
	n := float64(len(values))
	if n < 2 {
		return nil
	}
	mean, squares := *metric.Mean(values), 0.0
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	se := math.Sqrt(squares / (n - 1) / n)
	return &se
}

// meanScore is the plain mean, without a standard error: translations are not
// independent, and what is compared is not known yet.
func meanScore(scores []eval.Score) eval.Score {
	var m eval.Score
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
	return m
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// readRollouts adds to the steps of a run how hard their questions were: the share
// of groups of rollouts that were all wrong, mixed and all right. Steps whose
// rollouts were not kept stay as they are.
func readRollouts(dir string, steps []Step) error {
	paths, err := filepath.Glob(filepath.Join(dir, "step-*.jsonl"))
	if err != nil {
		return err
	}
	bySteps := map[float64]Step{}
	for _, s := range steps {
		bySteps[s["step"]] = s
	}
	for _, path := range paths {
		number, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "step-"), ".jsonl"), 64)
		if err != nil || bySteps[number] == nil {
			continue
		}
		if err := groupDifficulty(path, bySteps[number]); err != nil {
			return err
		}
	}
	return nil
}

// Names of what readRollouts adds.
const (
	groupsWrong = "groups/all_wrong"
	groupsMixed = "groups/mixed"
	groupsRight = "groups/all_right"
)

func groupDifficulty(path string, s Step) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	type group struct{ right, rollouts int }
	groups := map[[2]string]*group{}
	err = eachLine(path, f, func(line []byte) error {
		var r struct {
			ID       string  `json:"id"`
			Language string  `json:"language"`
			Accuracy float64 `json:"accuracy"`
		}
		if err := json.Unmarshal(line, &r); err != nil {
			return err
		}
		key := [2]string{r.ID, r.Language}
		if groups[key] == nil {
			groups[key] = &group{}
		}
		groups[key].rollouts++
		groups[key].right += int(indicator(r.Accuracy > 0))
		return nil
	})
	if err != nil || len(groups) == 0 {
		return err
	}
	s[groupsWrong], s[groupsMixed], s[groupsRight] = 0, 0, 0
	for _, g := range groups {
		switch share := 1 / float64(len(groups)); g.right {
		case 0:
			s[groupsWrong] += share
		case g.rollouts:
			s[groupsRight] += share
		default:
			s[groupsMixed] += share
		}
	}
	return nil
}
