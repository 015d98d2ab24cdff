package eval

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// TestTruncation: a share of samples cut off at the limit stands in table, results and
// warning where it is large, and the warning names the worst cells.
func TestTruncation(t *testing.T) {
	of := func(cut int) *Results {
		spec := Spec{Benchmarks: []string{"a"}, Languages: []string{"en", "ru"},
			Samples: map[string]int{"a": 1}, MaxTokens: 16, Grader: "qwen"}
		var questions []Question
		var outcomes []outcome
		for _, l := range spec.Languages {
			for i := range 30 {
				questions = append(questions, Question{Benchmark: "a", Language: l, ID: fmt.Sprint(i)})
				outcomes = append(outcomes, outcome{cut: l == "ru" && i < cut})
			}
		}
		return summarize(&Manifest{Settings: spec}, questions, outcomes)
	}
	for cut, want := range map[int]string{0: "", 3: "",
		4: "7 % of the samples were cut off at the limit of 16 tokens", 25: "42 % of the samples"} {
		r := of(cut)
		got := r.Truncation()
		if (want == "") != (got == "") || !strings.HasPrefix(got, want) || want != "" &&
			(!strings.Contains(got, "a ru ") || strings.Contains(got, "a en")) {
			t.Errorf("%d of 30 cut off: %q, want %q", cut, got, want)
		}
		var table strings.Builder
		if err := r.WriteTable(&table); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(table.String(), fmt.Sprintf("|truncated |↓|%.4f|", float64(cut)/30)) ||
			math.Abs(*r.Table["a|ru"]["truncated"]-float64(cut)/30) > 1e-12 {
			t.Errorf("%d of 30 cut off: the table is\n%s", cut, table.String())
		}
	}
}
