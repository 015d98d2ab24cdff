package report

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// legendEntry is a series in a figure's legend: its paint, and what it is called.
var legendEntry = regexp.MustCompile(`url\(#[^)]*-p(\d+)\)" class="bar b\d+"></rect>\n<text[^>]*>([^<]+)</text>`)

// TestLooks: a model has one paint in all figures, and no two of a pair have the same.
func TestLooks(t *testing.T) {
	r := simulatedReport(t)
	paints := map[string][]string{}
	for _, x := range r.Sections {
		for i := range x.Figures {
			for _, entry := range legendEntry.FindAllStringSubmatch(x.Figures[i].SVG()+x.Figures[i].Narrow(), -1) {
				name := strings.TrimSuffix(strings.TrimSuffix(entry[2], " (before)"), " (after)")
				if r.study.looks[name] > 0 || slices.ContainsFunc(r.study.models,
					func(m *model) bool { return m.name == name }) {
					paints[name] = append(paints[name], entry[1])
				}
			}
		}
	}
	several := 0
	for name, all := range paints {
		if len(all) > 2 {
			several++
		}
		if slices.Sort(all); all[0] != all[len(all)-1] {
			t.Errorf("%s is painted %v", name, slices.Compact(all))
		}
	}
	if several < 3 {
		t.Errorf("only %d models are in several figures: %v", several, paints)
	}
	for _, p := range r.study.pairs {
		if r.study.look(p.base.name) == r.study.look(p.name()) {
			t.Errorf("%s looks like its base", p.name())
		}
	}
}

// TestManyLooks: more models than there are looks have some twice, but a trained one never its base's.
func TestManyLooks(t *testing.T) {
	s := &study{}
	for i := range 40 {
		base, trained := &model{evaluation: evaluation{name: "base " + number(float64(i/5))}},
			&model{evaluation: evaluation{name: "trained " + number(float64(i))}}
		for _, m := range s.models {
			if m.name == base.name {
				base = m
			}
		}
		if !slices.Contains(s.models, base) {
			s.models = append(s.models, base)
		}
		s.models = append(s.models, trained)
		s.pairs = append(s.pairs, &pair{base: base, trained: trained})
	}
	used := map[int]bool{}
	for _, p := range s.pairs {
		a, b := s.look(p.base.name), s.look(p.name())
		if a == b {
			t.Errorf("%s and %s look alike", p.base.name, p.name())
		}
		used[a], used[b] = true, true
	}
	if len(used) != looks {
		t.Errorf("%d looks are used of %d", len(used), looks)
	}
}

// TestPanelsAreGrouped: panels of a run are in figures of what belongs together, and those in which nothing moves in
// one that is folded and says what they were.
func TestPanelsAreGrouped(t *testing.T) {
	var steps []Step
	for i := range 5 {
		x := float64(i)
		steps = append(steps, Step{"step": x + 1, "reward": x, "loss": x, "grad_norm": x, "completions/mean_length": x,
			"timing_s/step": x, "learning_rate": 1e-6, "kl": 0, "my/own": x, "frac_reward_zero_std": 0.5})
	}
	training := &Training{Steps: append(steps, Step{"step": 6, "perf/throughput": 3})}
	var names, folded []string
	for _, f := range training.curves("run", 2) {
		if f.Name != "run-curves-completions" && !strings.Contains(f.SVG(), "curve k2") { // one of several
			t.Errorf("%s does not look like its model", f.Name)
		}
		if names = append(names, f.Name); f.Folded {
			folded = append(folded, f.Caption)
		}
	}
	want := []string{"run-curves-evaluation-and-reward", "run-curves-completions", "run-curves-objective",
		"run-curves-time-and-memory", "run-curves-other-metrics", "run-curves-still"}
	if !slices.Equal(names, want) {
		t.Errorf("figures %q, want %q", names, want)
	}
	if !slices.Equal(folded, []string{"What did not change from step to step: Groups of equal rewards, share 0.5; KL " +
		"to the reference, nats a token 0; Learning rate 1e−06."}) {
		t.Errorf("folded: %q", folded)
	}
}
