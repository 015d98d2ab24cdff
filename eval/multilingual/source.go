package multilingual

import (
	"fmt"
	"maps"
	"slices"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/bench"
)

// LevelSource finds the levels of questions in a benchmark's data, for samples that do not say them.
type LevelSource struct {
	spec  *eval.Spec
	dir   string
	known map[string]map[string]int // by benchmark and question; nil where they cannot be read
	// errors say by benchmark why its data could not be read.
	errors map[string]error
}

// NewLevels makes a source of the levels of a run's benchmarks, whose data are in dir, or built in, or
// in the hub's cache.
func NewLevels(spec *eval.Spec, dir string) *LevelSource {
	return &LevelSource{spec: spec, dir: dir, known: map[string]map[string]int{}, errors: map[string]error{}}
}

// Of returns the level of a question; 0 where it has none or is not known.
func (l *LevelSource) Of(benchmark, id string) int {
	if _, there := l.known[benchmark]; !there {
		l.known[benchmark] = l.read(benchmark)
	}
	return l.known[benchmark][id]
}

func (l *LevelSource) read(benchmark string) map[string]int {
	languages := l.spec.LanguagesOf(benchmark)
	problems, err := bench.Load(benchmark, languages[:min(1, len(languages))], bench.Options{Dir: l.dir})
	if err != nil {
		l.errors[benchmark] = err
		return nil
	}
	levels := map[string]int{}
	for _, p := range problems {
		levels[p.ID] = p.Level
	}
	return levels
}

// Lacks says of which benchmarks there is no accuracy by difficulty, or none that is weighted, or not of
// all samples, and why.
// remedy says what to do where data were not found.
func (l *LevelSource) Lacks(m *Measures, remedy string) (said []string) {
	for _, b := range slices.Sorted(maps.Keys(m.Levels)) {
		switch of := m.Levels[b]; {
		case of.Weights == nil && l.errors[b] != nil:
			said = append(said, fmt.Sprintf("no accuracy by difficulty of %s: its samples say no level, and its data "+
				"were not found (%v; %s)", b, l.errors[b], remedy))
		case of.Weights == nil:
			said = append(said, fmt.Sprintf("no accuracy by difficulty of %s: its questions have no levels", b))
		case !of.weighted():
			said = append(said, fmt.Sprintf("accuracy on %s is not weighted by difficulty: none of its levels, up to "+
				"%d, has a weight (levels above %d need weights that are given)", b, of.highest(), mostWeighed))
		case of.Without > 0:
			said = append(said, fmt.Sprintf("%d samples of %s are of questions without a level, and do not count in "+
				"its accuracy by difficulty", of.Without, b))
		}
	}
	return said
}
