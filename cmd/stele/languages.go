package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/eval/language"
	"github.com/stele-lm/stele/internal/nearest"
)

// settleLanguages puts the user's languages into the spec and says in which languages each benchmark is
// asked: those of the spec that it has, or all that it has where the spec names none. What is left out
// is said, and kept in the spec; it is an error when nothing is left.
func settleLanguages(spec *eval.Spec, source bench.Options, say io.Writer) error {
	if len(spec.Benchmarks) == 0 {
		return usagef("no benchmark is named: see --bench")
	}
	known, err := source.LanguageTable()
	if err != nil {
		return usageError{err}
	}
	spec.OwnLanguages = known.Own()
	asked := spec.Languages
	has := map[string][]string{}
	for _, b := range spec.Benchmarks {
		if _, err := bench.Lookup(b, source); err != nil {
			return usageError{err}
		}
		here, away, named, err := bench.Languages(b, source)
		if err != nil {
			return err
		}
		switch {
		case !named && len(asked) == 0:
			here = []string{"en"}
			fmt.Fprintf(say, "%s: its records name no language: taken for English; --lang names another\n", b)
		case !named:
			here = asked[:1] // a record that names none is in the first
		case len(asked) > 0:
			here = append(here, away...) // what is asked for and away is an error when it is read
		case len(here) == 0:
			_, err := bench.Load(b, away[:1], source)
			return err
		case len(away) > 0:
			fmt.Fprintf(say, "%s: no data in %s: left out; it is asked in %s\n", b, strings.Join(away, " "),
				strings.Join(here, " "))
		}
		if asks, mute := withPrompts(here, known); len(asked) == 0 && named && len(asks) > 0 && len(mute) > 0 {
			fmt.Fprintf(say, "%s: no prompts in %s: left out; write them into %s beside "+
				"the data\n", b, strings.Join(mute, " "), language.File)
			here = asks
		}
		has[b] = here
	}
	languages := asked
	if len(asked) == 0 {
		languages = nil
		for _, b := range spec.Benchmarks {
			for _, l := range has[b] {
				if !slices.Contains(languages, l) {
					languages = append(languages, l)
				}
			}
		}
		slices.SortStableFunc(languages, func(a, b string) int { return known.Rank(a) - known.Rank(b) })
	}
	spec.Absent = nil
	var there []string
	for _, l := range languages {
		if slices.ContainsFunc(spec.Benchmarks, func(b string) bool { return slices.Contains(has[b], l) }) {
			there = append(there, l)
		}
	}
	var left []string
	for _, b := range spec.Benchmarks {
		var not []string
		for _, l := range languages {
			if !slices.Contains(has[b], l) {
				not = append(not, l)
				spec.Absent = append(spec.Absent, b+"|"+l)
			}
		}
		if len(not) < len(languages) {
			left = append(left, b)
		}
		if len(not) > 0 && len(asked) > 0 {
			hint := ""
			if len(not) == 1 {
				hint = nearest.Hint(not[0], has[b])
			}
			fmt.Fprintf(say, "%s is not available in %s%s: left out; it has %s\n", b, strings.Join(not, " "),
				hint, strings.Join(has[b], " "))
		}
	}
	if len(left) == 0 {
		return usagef("none of %s is available in %s", strings.Join(spec.Benchmarks, ", "),
			strings.Join(asked, " "))
	}
	spec.Benchmarks, spec.Languages = left, there
	return nil
}

// withPrompts splits languages into those that have prompts and those that have none.
func withPrompts(codes []string, known *language.Table) (asks, mute []string) {
	for _, code := range codes {
		if l := known.Exact(code); l != nil && l.Prompts != nil {
			asks = append(asks, code)
		} else {
			mute = append(mute, code)
		}
	}
	return asks, mute
}
