// Package multilingual measures what the samples of a run say of languages: which words of a
// reasoning are in the language asked for, how often it switches, whether question, reasoning and
// answer agree in language, whether answers agree across languages, and accuracy by level of
// difficulty. docs/evaluation.md defines each.
//
// Invariants: nothing is generated, and the run's folder is only read; the same samples give the
// same numbers; what is not defined is null, never 0.
package multilingual

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/grade"
	"github.com/stele-lm/stele/eval/langid"
	"github.com/stele-lm/stele/eval/metric"
	"github.com/stele-lm/stele/internal/nearest"
	"github.com/stele-lm/stele/internal/threads"
)

// Names of the measures, as a user asks for them.
const (
	Words       = "words"
	Switches    = "switches"
	Consistency = "consistency"
	Agreement   = "agreement"
	Levels      = "levels"
)

// All stands for every measure where names are asked for.
const All = "all"

// Names lists the measures.
func Names() []string { return []string{Words, Switches, Consistency, Agreement, Levels} }

// Asked says what is to be measured, and how.
type Asked struct {
	Measures []string // of Names; nil is all
	// LevelOf returns a question's level where its samples do not say it, 0 where it is not known;
	// nil knows none.
	LevelOf func(benchmark, id string) int
	// Weights are those of levels; nil is 2^(level-1).
	Weights map[int]float64
	// Replicates is how often questions are drawn anew for 95 % intervals, by Seed; 0 makes none.
	Replicates int
	Seed       uint64
}

// Check refuses a measure that there is not.
func (a *Asked) Check() error {
	for _, name := range a.Measures {
		if names := Names(); !slices.Contains(names, name) {
			return fmt.Errorf("%q is no measure: expected %s%s", name, strings.Join(names, ", "),
				nearest.Hint(name, names))
		}
	}
	for _, level := range slices.Sorted(maps.Keys(a.Weights)) {
		weight := a.Weights[level]
		if level < 1 || !(weight >= 0) || math.IsInf(weight, 0) {
			return fmt.Errorf("the weight of level %d is %g: expected levels from 1, and weights of 0 or more",
				level, weight)
		}
	}
	return nil
}

func (a *Asked) has(name string) bool { return a.Measures == nil || slices.Contains(a.Measures, name) }

// Measures are the numbers of an evaluation, each by benchmark; nil where it was not asked for.
type Measures struct {
	Words       map[string]*ByLanguage[WordShares]    `json:"words,omitempty"`
	Switches    map[string]*ByLanguage[SwitchCounts]  `json:"switches,omitempty"`
	Consistency map[string]*ByLanguage[Consistencies] `json:"consistency,omitempty"`
	Agreement   map[string]*Agreements                `json:"agreement,omitempty"`
	Levels      map[string]*ByLevel                   `json:"levels,omitempty"`
	// Samples is how many were read.
	Samples int `json:"samples"`
}

// ByLanguage holds a measure in each language asked for, and its mean over them.
type ByLanguage[T any] struct {
	Languages map[string]*T `json:"languages"`
	Mean      *T            `json:"mean"`
}

// samplesName is the file of samples in a run's folder.
const samplesName = "samples.jsonl"

// Measure reads the samples of an evaluation's folder. spec holds the run's settings.
func Measure(dir string, spec *eval.Spec, asked Asked) (*Measures, error) {
	if err := asked.Check(); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, samplesName)
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return measure(eval.NewSampleReader(path, f), spec, asked)
}

// said is what the words of one output are.
type said struct {
	id                 string // of the question
	language           string // asked for
	output             string
	reasoning, outputs float64 // shares of words
	words, outputWords float64
	parts              []float64
	switches           int
}

// tell finds the languages of outputs, several at a time.
func tell(detector *langid.Detector, all []*said) {
	queue := make(chan *said)
	var workers errgroup.Group
	for range threads.Count {
		workers.Go(func() error {
			for s := range queue {
				reasoning, output := detector.OutputWords(s.output, s.language)
				s.reasoning, s.words = langid.Share(reasoning, s.language)
				s.outputs, s.outputWords = langid.Share(output, s.language)
				s.parts, s.switches = langid.Parts(reasoning, s.language, Positions), langid.Switches(reasoning)
				s.output = ""
			}
			return nil
		})
	}
	for _, s := range all {
		queue <- s
	}
	close(queue)
	_ = workers.Wait() // they return none
}

// batchSize is how many outputs are held in memory at once.
const batchSize = 512

func measure(in *eval.SampleReader, spec *eval.Spec, asked Asked) (*Measures, error) {
	detector, err := langid.Among(spec.LangCandidates, spec.LanguageTable())
	if err != nil {
		return nil, err
	}
	grader, err := grade.Named(spec.Grader)
	if err != nil {
		return nil, err
	}
	out := &Measures{}
	words := map[cell][]*said{}
	languages := map[cell][]languagesOf{}
	answers := map[string]map[string]*answered{} // by benchmark and question
	levels := map[cell][]levelled{}
	needWords := asked.has(Words) || asked.has(Switches)
	var batch []*said
	for {
		s, _, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		out.Samples++
		at := cell{s.Benchmark, s.Language}
		if needWords {
			one := &said{id: s.ID, language: s.Language, output: s.Output}
			words[at] = append(words[at], one)
			if batch = append(batch, one); len(batch) == batchSize {
				tell(detector, batch)
				batch = batch[:0]
			}
		}
		if asked.has(Consistency) {
			languages[at] = append(languages[at],
				languagesOf{s.ID, s.Language, s.Lang, s.AnswerLang, s.Verdict})
		}
		if asked.has(Agreement) {
			if answers[s.Benchmark] == nil {
				answers[s.Benchmark] = map[string]*answered{}
			}
			if answers[s.Benchmark][s.ID] == nil {
				answers[s.Benchmark][s.ID] = &answered{}
			}
			answers[s.Benchmark][s.ID].add(s)
		}
		if asked.has(Levels) {
			level := s.Level
			if level < 1 && asked.LevelOf != nil {
				level = asked.LevelOf(s.Benchmark, s.ID)
			}
			levels[at] = append(levels[at], levelled{s.ID, level, s.Verdict})
		}
	}
	tell(detector, batch)
	if asked.has(Words) {
		out.Words = byLanguage(words, shareOf, meanShares)
		bound(&asked, words, out.Words,
			func(s *said) point { return point{s.id, s.reasoning, s.words > 0} },
			func(w *WordShares, ci *metric.Interval) { w.ReasoningCI = ci })
	}
	if asked.has(Switches) {
		out.Switches = byLanguage(words, switchesOf, meanSwitches)
		bound(&asked, words, out.Switches,
			func(s *said) point { return point{s.id, float64(s.switches), s.words > 0} },
			func(c *SwitchCounts, ci *metric.Interval) { c.MeanCI = ci })
	}
	if asked.has(Consistency) {
		out.Consistency = map[string]*ByLanguage[Consistencies]{}
		for at, of := range languages {
			put(out.Consistency, at, consistencyOf(of))
		}
		for _, b := range out.Consistency {
			b.Mean = meanConsistency(values(b.Languages))
		}
		bound(&asked, languages, out.Consistency,
			func(l languagesOf) point { return point{l.id, metric.Indicator(l.all()), true} },
			func(c *Consistencies, ci *metric.Interval) { c.AllCI = ci })
	}
	if asked.has(Agreement) {
		out.Agreement = map[string]*Agreements{}
		for b, questions := range answers {
			out.Agreement[b] = agreementsOf(questions, &asked, func(s *sameType, predictions []string) []int {
				return spec.Groups(b, s.label, grader, predictions)
			})
		}
	}
	if asked.has(Levels) {
		if out.Levels, err = byLevel(levels, asked.Weights); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// cell is a benchmark in a language.
type cell struct{ benchmark, language string }

// cellsOf lists cells in an order that depends on no map.
func cellsOf[V any](of map[cell]V) []cell {
	return slices.SortedFunc(maps.Keys(of), func(a, b cell) int {
		return cmp.Or(strings.Compare(a.benchmark, b.benchmark), strings.Compare(a.language, b.language))
	})
}

func put[T any](into map[string]*ByLanguage[T], at cell, value *T) {
	if into[at.benchmark] == nil {
		into[at.benchmark] = &ByLanguage[T]{Languages: map[string]*T{}}
	}
	into[at.benchmark].Languages[at.language] = value
}

func byLanguage[T any](words map[cell][]*said, of func([]*said) *T, mean func([]*T) *T,
) map[string]*ByLanguage[T] {
	out := map[string]*ByLanguage[T]{}
	for at, said := range words {
		put(out, at, of(said))
	}
	for _, b := range out {
		b.Mean = mean(values(b.Languages))
	}
	return out
}

// values are those of languages, in an order that depends on no map.
func values[T any](of map[string]*T) (all []*T) {
	for _, language := range slices.Sorted(maps.Keys(of)) {
		all = append(all, of[language])
	}
	return all
}

// average is the mean of what is defined; nil where nothing is.
func average(all ...*float64) *float64 {
	sum, n := 0.0, 0.0
	for _, x := range all {
		if x != nil {
			sum += *x
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return new(sum / n)
}

// share is the mean of values; nil of none.
func share(sum, n float64) *float64 {
	if n == 0 {
		return nil
	}
	return new(sum / n)
}
