package report

import (
	"hash/fnv"
	"io"
	"os"
	"slices"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/metric"
)

// dispute is a sample on which the graders differ.
type dispute struct {
	benchmark, language, id string
	sample                  int
	extracted, reference    string
	qwen                    bool // what qwen says; strict says the opposite
}

// tally counts the samples of a benchmark and language by the graders' verdicts.
type tally struct {
	samples, qwen, strict int
	qwenOnly, strictOnly  int
}

// question is what was asked and expected, as hashes.
type question struct{ prompt, reference uint64 }

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

// outcomes are what samples.jsonl says beyond the results.
type outcomes struct {
	samples  int
	right    metric.Answers         // by the grader of the settings
	asked    map[[3]string]question // by benchmark, language and id
	tallies  map[[2]string]*tally
	disputes []dispute
}

// readSamples reads samples.jsonl; nil when there is no such file.
func readSamples(path string) (*outcomes, error) {
	f, err := os.Open(path)
	if ok, err := there(err); !ok {
		return nil, err
	}
	defer f.Close()
	return newOutcomes(eval.NewSampleReader(path, f))
}

func newOutcomes(in *eval.SampleReader) (*outcomes, error) {
	type answer struct{ right, samples float64 }
	answers := map[[3]string]*answer{}
	o := &outcomes{right: metric.Answers{}, asked: map[[3]string]question{}, tallies: map[[2]string]*tally{}}
	for {
		s, _, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		o.samples++
		key := [3]string{s.Benchmark, s.Language, s.ID}
		if answers[key] == nil {
			answers[key] = &answer{}
			o.asked[key] = question{hash(s.Prompt), hash(s.Reference)}
		}
		answers[key].samples++
		answers[key].right += metric.Indicator(s.Verdict)
		cell := [2]string{s.Benchmark, s.Language}
		if o.tallies[cell] == nil {
			o.tallies[cell] = &tally{}
		}
		t := o.tallies[cell]
		t.samples++
		t.qwen += int(metric.Indicator(s.VerdictQwen))
		t.strict += int(metric.Indicator(s.VerdictStrict))
		if s.VerdictQwen != s.VerdictStrict {
			t.qwenOnly += int(metric.Indicator(s.VerdictQwen))
			t.strictOnly += int(metric.Indicator(s.VerdictStrict))
			o.disputes = append(o.disputes, dispute{s.Benchmark, s.Language, s.ID, s.Sample, s.Extracted, s.GT, s.VerdictQwen})
		}
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
		m.AnswerOffTarget += s.AnswerOffTarget / n
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
