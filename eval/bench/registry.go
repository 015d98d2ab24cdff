package bench

import (
	"maps"
	"slices"
)

// Entry describes a benchmark: where it lies and how it is asked.
type Entry struct {
	// Path under Options.Dir, with {language} and {split} to be filled in.
	Path      string
	Languages []string
	// DataName is the benchmark's name as the grader knows it.
	DataName string
	// Samples a question that the paper drew.
	Samples int
}

var eleven = []string{"en", "es", "ru", "de", "fr", "bn", "th", "sw", "zh", "ja", "te"}

// Registry holds the benchmarks that are known by name.
var Registry = map[string]Entry{
	Arith:          {"", eleven, "math", 1},
	"aime24":       {"aime24/{language}.jsonl", eleven, "aime24", 16},
	"aime25":       {"aime25/{language}.jsonl", eleven, "aime25", 16},
	"gpqa_diamond": {"gpqa_diamond/{language}.jsonl", eleven, "gpqa", 1},
	"gsm8k":        {"gsm8k/{split}.jsonl", []string{"en"}, "gsm8k", 1},
	"math500":      {"math500/{language}.jsonl", []string{"en"}, "math500", 1},
	"mgsm":         {"mgsm/{language}.jsonl", eleven, "mgsm", 1},
}

// Names lists the known benchmarks.
func Names() []string { return slices.Sorted(maps.Keys(Registry)) }

// DataName is a benchmark's name as the grader knows it; files of the user's own
// are graded as mathematics.
func DataName(name string) string {
	if e, ok := Registry[name]; ok {
		return e.DataName
	}
	return "math"
}
