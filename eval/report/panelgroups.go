package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// panelGroups are the figures that the panels of a training run are divided among, by how the first metric of a
// panel begins; what none knows is in the last.
var panelGroups = []struct {
	name   string
	begins []string
}{
	{"evaluation and reward", []string{"eval/", "reward", "groups/", "frac_reward", "words/", "switches/"}},
	{"completions", []string{"completions/", "train/num_", "train/kept", "prompt_length/", "response_length/"}},
	{"objective", []string{"loss", "kl", "actor/", "critic/", "entropy", "clip_ratio/", "sampling/",
		"mean_token_probability", "grad_norm", "learning_rate"}},
	{"time and memory", []string{"timing_s/", "perf/", "train/padding"}},
	{"other metrics", []string{""}},
}

// group is the number of the panel's group.
func (p *curvePanel) group() int {
	for i, g := range panelGroups {
		for _, begin := range g.begins {
			if strings.HasPrefix(p.keys[0], begin) {
				return i
			}
		}
	}
	return len(panelGroups) - 1
}

// still reports whether nothing in the panel moved in all steps, but for the last bits.
func (p *curvePanel) still(steps []Step) bool {
	for _, key := range append(p.keys, p.band) {
		points := seriesOf(steps, key)
		if len(points) == 1 {
			return false // not known
		}
		for _, q := range points {
			if math.Abs(q[1]-points[0][1]) > 1e-9*math.Abs(points[0][1]) {
				return false
			}
		}
	}
	return true
}

// stood says what a panel's metrics were all the time.
func (p *curvePanel) stood(steps []Step) string {
	var values []string
	for i, key := range p.keys {
		points := seriesOf(steps, key)
		if len(points) == 0 {
			continue
		}
		value := minus(strconv.FormatFloat(points[0][1], 'g', 6, 64))
		if len(p.keys) > 1 {
			value = p.names[i] + " " + value
		}
		values = append(values, value)
	}
	if len(values) == 1 {
		_, value, several := strings.Cut(values[0], " ")
		if several {
			values[0] = value
		}
	}
	return p.title + " " + strings.Join(values, ", ")
}

// lookLike gives the curves that stand alone in their panels the look of the model that is trained.
func lookLike(look int, panels []curvePanel) []curvePanel {
	for i := range panels {
		if p := &panels[i]; len(p.keys) == 1 && len(p.names) == 0 {
			p.looks = []int{look}
		}
	}
	return panels
}

// curveFigures draw panels: those that moved by groups, or in one figure, and those that did not in a last one that
// is folded.
func curveFigures(name, title, caption string, panels []curvePanel, steps []Step, grouped bool) []Figure {
	var still []curvePanel
	var stood []string
	groups := make([][]curvePanel, len(panelGroups))
	for _, p := range panels {
		switch {
		case p.still(steps):
			still, stood = append(still, p), append(stood, p.stood(steps))
		case grouped:
			groups[p.group()] = append(groups[p.group()], p)
		default:
			groups[0] = append(groups[0], p)
		}
	}
	var figures []Figure
	add := func(f Figure, panels []curvePanel) {
		if len(panels) > 0 {
			figures = append(figures, f.drawn(func(name string, width float64) *canvas {
				return layOut(name, width, panels, steps, 3)
			}))
		}
	}
	for i, group := range groups {
		f := Figure{Name: name, Title: title, Caption: caption}
		if grouped {
			f.Name = name + "-" + slug(panelGroups[i].name)
			f.Title += ": " + panelGroups[i].name
			f.Caption = strings.Replace(caption, " by step", ", "+panelGroups[i].name+", by step", 1)
		}
		add(f, group)
	}
	f := Figure{Name: name + "-still", Title: title + ": what did not change", Folded: true,
		Caption: fmt.Sprintf("What did not change from step to step: %s.", strings.Join(stood, "; "))}
	add(f, still)
	return figures
}
