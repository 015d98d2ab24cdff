package multilingual

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// ByLevel is the accuracy of a benchmark by the levels of difficulty that its questions have.
type ByLevel struct {
	// Weights are those of the levels, all 0 where none is given and they are too many for WeightOf; nil,
	// with everything else, where questions have no levels.
	Weights   map[int]float64             `json:"weights"`
	Languages map[string]*LevelAccuracies `json:"languages"`
	Mean      *LevelAccuracies            `json:"mean"`
	// Without is the number of samples whose question has no level; they do not count.
	Without int `json:"without_level,omitempty"`
}

// highest is the highest level of the questions; 0 where they have none.
func (b *ByLevel) highest() (most int) {
	for level := range b.Weights {
		most = max(most, level)
	}
	return most
}

// weighted reports whether a level has a weight.
func (b *ByLevel) weighted() bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(b.Weights)), func(w float64) bool { return w > 0 })
}

// LevelAccuracies are accuracies by level, each a mean over questions, and their mean by weights.
type LevelAccuracies struct {
	Accuracy map[int]*float64 `json:"accuracy"`
	// Weighted is Σ weight · accuracy / Σ weight over the levels of the benchmark; null where
	// the language has no question of one that has a weight, or none has one.
	Weighted *float64 `json:"weighted"`
	SE       *float64 `json:"weighted_se"`
}

// levelled is a sample's verdict with the level of its question; levels are from 1, and what is below
// is none.
type levelled struct {
	id    string
	level int
	right bool
}

// WeightOf is the weight of a level: each is worth twice the one below it.
func WeightOf(level int) float64 { return math.Ldexp(1, level-1) }

// mostWeighed is the highest level that WeightOf is used for. Levels beyond are ratings rather than steps:
// the lower ones would weigh nothing beside them, and the weights soon be infinite.
const mostWeighed = 32

func byLevel(all map[cell][]levelled, weights map[int]float64) (map[string]*ByLevel, error) {
	out := map[string]*ByLevel{}
	for _, at := range cellsOf(all) {
		samples := all[at]
		if out[at.benchmark] == nil {
			out[at.benchmark] = &ByLevel{}
		}
		b := out[at.benchmark]
		for _, s := range samples {
			if s.level < 1 {
				b.Without++
				continue
			}
			if b.Weights == nil {
				b.Weights, b.Languages = map[int]float64{}, map[string]*LevelAccuracies{}
			}
			weight, given := weights[s.level]
			if !given && weights != nil {
				return nil, fmt.Errorf("%s has questions of level %d, and no weight is given for it",
					at.benchmark, s.level)
			}
			b.Weights[s.level] = weight
		}
	}
	for _, b := range out {
		if weights == nil && b.highest() <= mostWeighed {
			for level := range b.Weights {
				b.Weights[level] = WeightOf(level)
			}
		}
	}
	for at, samples := range all {
		if b := out[at.benchmark]; b.Weights != nil {
			b.Languages[at.language] = accuraciesOf(samples, b.Weights)
		}
	}
	for _, b := range out {
		if b.Weights == nil {
			continue
		}
		b.Mean = &LevelAccuracies{Accuracy: map[int]*float64{}}
		var weighted []*float64
		byLevels := map[int][]*float64{}
		for _, l := range values(b.Languages) {
			weighted = append(weighted, l.Weighted)
			for level, x := range l.Accuracy {
				byLevels[level] = append(byLevels[level], x)
			}
		}
		for level, of := range byLevels {
			b.Mean.Accuracy[level] = average(of...)
		}
		b.Mean.Weighted = average(weighted...)
	}
	return out, nil
}

// accuraciesOf computes a language's; weights are of all levels of the benchmark.
func accuraciesOf(samples []levelled, weights map[int]float64) *LevelAccuracies {
	type question struct{ right, samples float64 }
	questions := map[int]map[string]*question{}
	for _, s := range samples {
		if s.level < 1 {
			continue
		}
		if questions[s.level] == nil {
			questions[s.level] = map[string]*question{}
		}
		if questions[s.level][s.id] == nil {
			questions[s.level][s.id] = &question{}
		}
		q := questions[s.level][s.id]
		q.samples++
		if s.right {
			q.right++
		}
	}
	out := &LevelAccuracies{Accuracy: map[int]*float64{}}
	sum, total, variance, defined, known := 0.0, 0.0, 0.0, true, true
	for _, level := range slices.Sorted(maps.Keys(weights)) {
		n, accuracy, squares := float64(len(questions[level])), 0.0, 0.0
		for _, id := range sortedKeys(questions[level]) {
			accuracy += questions[level][id].right / questions[level][id].samples / n
		}
		for _, id := range sortedKeys(questions[level]) {
			d := questions[level][id].right/questions[level][id].samples - accuracy
			squares += d * d
		}
		if n > 0 {
			out.Accuracy[level] = new(accuracy)
		} else {
			out.Accuracy[level] = nil
		}
		if weights[level] == 0 {
			continue
		}
		if n == 0 {
			defined = false
			continue
		}
		sum += weights[level] * accuracy
		total += weights[level]
		if n < 2 {
			known = false
		} else {
			variance += weights[level] * weights[level] * squares / (n - 1) / n
		}
	}
	if !defined || total == 0 {
		return out
	}
	out.Weighted = new(sum / total)
	if known && variance > 0 {
		out.SE = new(math.Sqrt(variance) / total)
	}
	return out
}

// ParseWeights reads the weights of levels as LEVEL=WEIGHT; nil of none.
func ParseWeights(texts []string) (map[int]float64, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	weights := map[int]float64{}
	for _, text := range texts {
		var level int
		var weight float64
		name, value, ok := strings.Cut(text, "=")
		var err error
		if ok {
			if level, err = strconv.Atoi(name); err == nil {
				weight, err = strconv.ParseFloat(value, 64)
			}
		}
		if !ok || err != nil || level < 1 || !(weight >= 0) || math.IsInf(weight, 0) {
			return nil, fmt.Errorf("the weight of a level is %q, expected LEVEL=WEIGHT, as in 2=1.5", text)
		}
		if _, there := weights[level]; there {
			return nil, fmt.Errorf("level %d is given two weights", level)
		}
		weights[level] = weight
	}
	return weights, nil
}
