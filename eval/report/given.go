package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval"
)

// Given makes a run of results that lie in no folder. Source names the file in which somebody stated
// them, and is empty for results of stele eval. Settings without a limit of tokens are not known.
func Given(name string, results *eval.Results, source string) *Run {
	return &Run{Name: name, Results: results, given: source}
}

// unsettled reports whether nothing is known of how a model was measured.
func (m *model) unsettled() bool { return m.given != "" && m.results.Settings.MaxTokens == 0 }

// given says which accuracies were stated elsewhere, and what is not known of them.
func (s *study) given() (facts []string) {
	var sources []string
	of := map[string][]*model{}
	for _, m := range s.models {
		if m.given == "" {
			continue
		}
		if of[m.given] == nil {
			sources = append(sources, m.given)
		}
		of[m.given] = append(of[m.given], m)
	}
	for _, source := range sources {
		var without, several []string
		unsettled := false
		for _, m := range of[source] {
			unsettled = unsettled || m.unsettled()
			for _, b := range m.results.Settings.Benchmarks {
				for _, s := range m.results.Benchmarks[b].Languages {
					switch {
					case s.Questions == 0 && !slices.Contains(without, b):
						without = append(without, b)
					case s.Samples > s.Questions && s.Questions > 0 && !slices.Contains(several, b):
						several = append(several, b)
					}
				}
			}
		}
		said := fmt.Sprintf("Accuracies of %s are as %s states them, without the outcomes of single questions: "+
			"standard errors and intervals are binomial in the number of questions, drawn for each model and "+
			"language on its own, so that intervals of differences are wider than with the same questions; means "+
			"over languages have no standard error.", count(len(of[source]), "model"), source)
		if several != nil {
			said += fmt.Sprintf(" On %s, with several samples a question, the errors are at most these.",
				strings.Join(several, ", "))
		}
		if without != nil {
			said += fmt.Sprintf(" It does not say how many questions %s had: these accuracies have no errors and "+
				"are taken as exact.", strings.Join(without, ", "))
		}
		if partial := partly(of[source]); partial != "" {
			said += " Means are over the languages that it has, which are not all of: " + partial + "."
		}
		if unsettled {
			said += " How they were measured is not said."
		}
		facts = append(facts, said)
	}
	return facts
}

// partly names the models that lack languages which others have, with how many there are by benchmark.
func partly(models []*model) string {
	known := map[string]bool{}
	for _, m := range models {
		for _, l := range m.results.Settings.Languages {
			known[l] = true
		}
	}
	var all []string
	for _, m := range models {
		var some []string
		for _, b := range m.results.Settings.Benchmarks {
			if n := len(m.results.Benchmarks[b].Languages); n < len(known) {
				some = append(some, fmt.Sprintf("%s %d of %d", b, n, len(known)))
			}
		}
		if some != nil {
			all = append(all, fmt.Sprintf("%s (%s)", m.name, strings.Join(some, ", ")))
		}
	}
	return strings.Join(all, ", ")
}
