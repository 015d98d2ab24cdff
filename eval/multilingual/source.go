package multilingual

import (
	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/bench"
)

// LevelSource finds the levels of questions in a benchmark's data, for samples that do not say them.
type LevelSource struct {
	spec  *eval.Spec
	dir   string
	known map[string]map[string]int // by benchmark and question; nil where they cannot be read
	// Errors say by benchmark why its data could not be read.
	Errors map[string]error
}

// NewLevels makes a source of the levels of a run's benchmarks, whose data are in dir, or built in, or
// in the hub's cache.
func NewLevels(spec *eval.Spec, dir string) *LevelSource {
	return &LevelSource{spec: spec, dir: dir, known: map[string]map[string]int{}, Errors: map[string]error{}}
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
		l.Errors[benchmark] = err
		return nil
	}
	levels := map[string]int{}
	for _, p := range problems {
		levels[p.ID] = p.Level
	}
	return levels
}
