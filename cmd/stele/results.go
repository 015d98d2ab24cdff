package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/stele-lm/stele/eval"
)

// showResults prints the results of a run, as a table or as JSON, and says on stderr
// where many samples were cut off.
func showResults(w io.Writer, g *globals, r *eval.Results) error {
	sayTruncation(g.stderr(), r, "--max-tokens")
	if !g.json {
		return r.WriteTable(w)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// sayResults says what an evaluation measured. Nothing ends where nobody hears it: a terminal may be gone.
func (g *globals) sayResults(r *eval.Results) {
	if g.means {
		printMeans(g.stderr(), r)
		return
	}
	_ = printResults(g.stderr(), r)
}

// sayTruncation warns of samples that were cut off; length is what messages call the setting of the most
// tokens.
func sayTruncation(w io.Writer, r *eval.Results, length string) {
	if warning := r.Truncation(); warning != "" {
		fmt.Fprintf(w, "warning: %s: raise %s\n", warning, length)
	}
}

// printMeans writes a line for each benchmark of a run: the mean over its languages.
func printMeans(w io.Writer, r *eval.Results) {
	for _, name := range r.Settings.Benchmarks {
		languages, m := r.Settings.LanguagesOf(name), r.Benchmarks[name].Mean
		of := strings.Join(languages, "")
		if len(languages) > 1 {
			of = fmt.Sprintf("mean of %d languages", len(languages))
		}
		margin := ""
		switch {
		case m.AccuracySE != nil:
			margin = fmt.Sprintf(" (se %.1f)", 100**m.AccuracySE)
		case m.AccuracyCI != nil:
			margin = fmt.Sprintf(" (95 %%: %.1f to %.1f)", 100*m.AccuracyCI[0], 100*m.AccuracyCI[1])
		}
		fmt.Fprintf(w, "%s, %s: accuracy %.1f %%%s, off-target %.1f %%, %.0f tokens, %.0f %% cut off\n", name, of,
			100*m.Accuracy, margin, 100*m.OffTarget, m.MeanTokens, 100*m.Truncated)
	}
}

// printResults writes a short table of a run: a line for each benchmark and language.
func printResults(w io.Writer, r *eval.Results) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "benchmark\tlanguage\tquestions\taccuracy\t± se or 95 %\toff-target\ttokens\tcut off")
	row := func(name, language string, s eval.Score) {
		margin := ""
		switch {
		case s.AccuracySE != nil:
			margin = fmt.Sprintf("± %.1f", 100**s.AccuracySE)
		case s.AccuracyCI != nil:
			margin = fmt.Sprintf("[%.1f, %.1f]", 100*s.AccuracyCI[0], 100*s.AccuracyCI[1])
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%.1f %%\t%s\t%.1f %%\t%.0f\t%.0f %%\n", name, language, s.Questions,
			100*s.Accuracy, margin, 100*s.OffTarget, s.MeanTokens, 100*s.Truncated)
	}
	for _, name := range r.Settings.Benchmarks {
		b := r.Benchmarks[name]
		for _, language := range r.Settings.LanguagesOf(name) {
			row(name, language, b.Languages[language])
		}
		row(name, "mean", b.Mean)
	}
	return t.Flush()
}
