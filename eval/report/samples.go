package report

import (
	"hash/fnv"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/grade"
	"github.com/stele-lm/stele/eval/metric"
)

// dispute is a sample on which the graders differ.
type dispute struct {
	benchmark, language, id string
	sample                  int
	extracted, reference    string
	right                   string // the graders that call it right
}

// tally counts the samples of a benchmark and language by the graders' verdicts.
type tally struct {
	samples     int
	right, only map[string]int // by grader: that it calls right, and that it alone does
}

func newTally() *tally { return &tally{right: map[string]int{}, only: map[string]int{}} }

// add counts a sample by the graders that call it right, and reports whether they
// differ.
func (t *tally) add(right []string) (differ bool) {
	t.samples++
	for _, g := range right {
		t.right[g]++
	}
	if len(right) == 1 {
		t.only[right[0]]++
	}
	return len(right) > 0 && len(right) < len(grade.Graders)
}

// question holds hashes of the prompt and of the reference answer.
type question struct{ prompt, reference uint64 }

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

// outcomes are numbers from samples.jsonl that the results do not have.
type outcomes struct {
	samples  int
	right    metric.Answers         // by the grader of the settings
	asked    map[[3]string]question // by benchmark, language and id
	tallies  map[[2]string]*tally
	disputes []dispute
	// lines are where each sample is in the file at path; nil of a mean over seeds.
	path  string
	keys  [][3]string // benchmark, language and id of a question
	lines []sampleLine
}

// readSamples reads samples.jsonl; nil when there is no such file.
func readSamples(path string) (*outcomes, error) {
	f, err := os.Open(path)
	if ok, err := exists(err); !ok {
		return nil, err
	}
	defer f.Close()
	o, err := newOutcomes(eval.NewSampleReader(path, f))
	if o != nil {
		o.path = path
	}
	return o, err
}

func newOutcomes(in *eval.SampleReader) (*outcomes, error) {
	type answer struct {
		right, samples float64
		key            int32
	}
	answers := map[[3]string]*answer{}
	o := &outcomes{right: metric.Answers{}, asked: map[[3]string]question{}, tallies: map[[2]string]*tally{}}
	offset := int64(0)
	for {
		s, line, err := in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		o.samples++
		key := [3]string{s.Benchmark, s.Language, s.ID}
		if answers[key] == nil {
			answers[key] = &answer{key: int32(len(o.keys))}
			o.asked[key] = question{hash(s.Prompt), hash(s.Reference)}
			o.keys = append(o.keys, key)
		}
		o.lines = append(o.lines, sampleLine{key: answers[key].key, sample: int32(s.Sample), tokens: int32(s.Tokens),
			marks: marksOf(s), offset: offset, length: int32(len(line))})
		offset += int64(len(line))
		answers[key].samples++
		answers[key].right += metric.Indicator(s.Verdict)
		cell := [2]string{s.Benchmark, s.Language}
		if o.tallies[cell] == nil {
			o.tallies[cell] = newTally()
		}
		t := o.tallies[cell]
		if right := s.RightBy(); t.add(right) {
			o.disputes = append(o.disputes, dispute{s.Benchmark, s.Language, s.ID, s.Sample, s.Extracted,
				s.GT, strings.Join(right, " ")})
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

// meanScore returns the plain mean, without a standard error: translations are not
// independent, and what is compared is not known yet.
func meanScore(scores []eval.Score) eval.Score {
	m := eval.Score{Accuracies: map[string]float64{}}
	n := float64(len(scores))
	for _, s := range scores {
		m.Questions += s.Questions
		m.Samples += s.Samples
		m.Accuracy += s.Accuracy / n
		for name, x := range s.Accuracies {
			m.Accuracies[name] += x / n
		}
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
