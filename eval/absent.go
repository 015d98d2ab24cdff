package eval

import "slices"

// LanguagesOf are the languages that a benchmark is asked in: the run's, but for those
// that it does not have.
func (s *Spec) LanguagesOf(benchmark string) []string {
	var out []string
	for _, l := range s.Languages {
		if !slices.Contains(s.Absent, benchmark+"|"+l) {
			out = append(out, l)
		}
	}
	return out
}
