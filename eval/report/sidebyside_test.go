package report

import (
	"fmt"
	"strings"
	"testing"
)

// TestSideBySide: two to six training runs share panels, one curve each; a metric that
// a single run has is in none.
func TestSideBySide(t *testing.T) {
	var runs []*Run
	for i := range styles + 1 {
		var steps []Step
		for n := range 3 + i {
			s := Step{"step": float64(n + 1), "reward": 0.1 * float64(n*(i+1))}
			if i == 0 {
				s["kl"] = 0.5
			}
			steps = append(steps, s)
		}
		runs = append(runs, &Run{Name: fmt.Sprintf("run-%d", i), Training: &Training{Steps: steps}})
	}
	evaluated := &Run{Name: "no training"}
	for n, want := range map[int]bool{0: false, 1: false, 2: true, styles: true, styles + 1: false} {
		f, ok := (&study{}).sideBySide(append([]*Run{evaluated}, runs[:n]...))
		if ok != want {
			t.Errorf("%d runs: drawn %v, want %v", n, ok, want)
		}
		if !ok {
			continue
		}
		svg := f.SVG()
		for _, run := range runs[:n] {
			if got := strings.Count(svg, ">"+run.Name+"<"); got != 1 {
				t.Errorf("%d runs: %s is named %d times, expected once, beside its reward", n, run.Name, got)
			}
		}
		if strings.Contains(svg, "KL to the reference") {
			t.Errorf("%d runs: a panel for a metric that one run has", n)
		}
	}
}
