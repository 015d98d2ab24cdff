package eval

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// ManyTruncated is the share of samples cut off at their limit above which numbers say
// as much about the limit as about the model.
const ManyTruncated = 0.1

// mostNamed cells are named in a warning.
const mostNamed = 3

// Truncation says where more than ManyTruncated of the samples were cut off at the
// limit, the worst first; "" when that is nowhere.
func (r *Results) Truncation() string {
	type cell struct {
		name  string
		share float64
	}
	var cells []cell
	samples, cut := 0.0, 0.0
	for _, b := range r.Settings.Benchmarks {
		for _, l := range r.Settings.Languages {
			s := r.Benchmarks[b].Languages[l]
			samples += float64(s.Samples)
			cut += s.Truncated * float64(s.Samples)
			if s.Truncated > ManyTruncated {
				cells = append(cells, cell{b + " " + l, s.Truncated})
			}
		}
	}
	if cells == nil {
		return ""
	}
	slices.SortStableFunc(cells, func(a, b cell) int { return cmp.Compare(b.share, a.share) })
	var names []string
	for _, c := range cells[:min(mostNamed, len(cells))] {
		names = append(names, fmt.Sprintf("%s %.0f %%", c.name, 100*c.share))
	}
	if more := len(cells) - mostNamed; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("%.0f %% of the samples were cut off at the limit of %d tokens, and an answer that "+
		"is not reached counts as wrong (%s)",
		100*cut/samples, r.Settings.MaxTokens, strings.Join(names, ", "))
}
