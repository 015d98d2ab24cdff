package eval

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/internal/markdown"
)

// WriteTable writes the scores as the table that lm-evaluation-harness ends with:
// Markdown, a line for each metric, with its standard error; an arrow says which
// way is better. Beside that harness's columns stand the language and the
// bootstrap interval.
func (r *Results) WriteTable(w io.Writer) error {
	t := markdown.Table{Head: []string{"Tasks", "Language", "n-shot", "Grader", "Metric", "", "Value", "",
		"Stderr", "95 % interval"},
		Right: []bool{2: true, 6: true, 8: true, 9: false}}
	shots := strconv.Itoa(r.Settings.FewShot)
	add := func(task, language string, s Score) {
		for _, m := range r.metrics(s) {
			row := []string{task, language, shots, m.grader, m.name, m.arrow, fmt.Sprintf("%.4f", m.Value),
				"±", "N/A", ""}
			if m.SE != nil {
				row[8] = fmt.Sprintf("%.4f", *m.SE)
			}
			if m.CI != nil {
				row[9] = fmt.Sprintf("%.4f to %.4f", m.CI[0], m.CI[1])
			}
			t.Rows = append(t.Rows, row)
			task, language = "", ""
		}
	}
	for _, name := range r.Settings.Benchmarks {
		b := r.Benchmarks[name]
		languages := r.Settings.LanguagesOf(name)
		for _, language := range languages {
			add(name, language, b.Languages[language])
		}
		if len(languages) > 1 {
			add(name, "all", b.Mean)
		}
	}
	if len(r.Settings.Benchmarks) > 1 {
		add("all", "all", r.Mean)
	}
	_, err := io.WriteString(w, t.Aligned("", 0))
	return err
}

// metricRow is a metric as the table shows it.
type metricRow struct {
	name, grader, arrow string
	Estimate
}

// metrics are the rows of a score. Of pass@k, only the largest k is there.
func (r *Results) metrics(s Score) []metricRow {
	rows := []metricRow{{"acc", r.Settings.Grader, "↑",
		Estimate{Value: s.Accuracy, SE: s.AccuracySE, CI: s.AccuracyCI}}}
	names := SeveralNames(s.Several)
	for i, name := range names {
		last := i+1 == len(names) || !strings.HasPrefix(names[i+1], "pass@")
		if strings.HasPrefix(name, "maj@") || strings.HasPrefix(name, "pass@") && last {
			rows = append(rows, metricRow{name, r.Settings.Grader, "↑", s.Several[name]})
		}
	}
	return append(rows, metricRow{"off_target", "none", "↓",
		Estimate{Value: s.OffTarget, SE: s.OffTargetSE, CI: s.OffTargetCI}},
		metricRow{"truncated", "none", "↓", Estimate{Value: s.Truncated}})
}
