package report

import (
	"fmt"
	"slices"
)

// comparedPanels are the metrics in which training runs are laid beside each other.
var comparedPanels = []curvePanel{
	{title: "Evaluation: accuracy", keys: []string{evalAccuracy}},
	{title: "Reward", keys: []string{"reward"}},
	{title: "Accuracy of rollouts", keys: []string{"rewards/accuracy/mean"}},
	{title: "Loss", keys: []string{"loss"}},
	{title: "KL to the reference, nats a token", keys: []string{"kl"}},
	{title: "Entropy, nats a token", keys: []string{"entropy"}},
	{title: "Completion length, tokens", keys: []string{"completions/mean_length"}},
	{title: "Tokens a second", keys: []string{"perf/throughput"}},
}

// sideBySide lays the curves of training runs over each other, by step: of two to as
// many as can be told apart.
func (s *study) sideBySide(runs []*Run) (Figure, bool) {
	runs = slices.DeleteFunc(slices.Clone(runs), func(r *Run) bool {
		return r.Training == nil ||
			len(r.Training.Steps) == 0
	})
	if len(runs) < 2 || len(runs) > styles {
		return Figure{}, false
	}
	var merged []Step // keys are "metric\nrun"
	most := 0
	for _, run := range runs {
		most = max(most, len(run.Training.Steps))
		for _, at := range slices.Concat(run.Training.Measured, run.Training.Steps) {
			step := Step{"step": at["step"]}
			for _, p := range comparedPanels {
				if y, ok := at[p.keys[0]]; ok {
					step[p.keys[0]+"\n"+run.Name] = y
				}
			}
			merged = append(merged, step)
		}
	}
	slices.SortStableFunc(merged, func(a, b Step) int { return int(a["step"] - b["step"]) })
	var panels []curvePanel
	for _, p := range comparedPanels {
		panel := curvePanel{title: p.title}
		for _, run := range runs {
			key := p.keys[0] + "\n" + run.Name
			if len(seriesOf(merged, key)) > 0 {
				panel.keys, panel.names = append(panel.keys, key), append(panel.names, run.Name)
				panel.looks = append(panel.looks, s.runLook(run))
			}
		}
		if len(panel.keys) > 1 {
			panels = append(panels, panel)
		}
	}
	if len(panels) == 0 {
		return Figure{}, false
	}
	caption := "Training runs by step."
	if most >= smoothFrom {
		caption += fmt.Sprintf(" Thin: each step; thick: mean of the last steps, of %d in a run of %d.",
			window(most), most)
	}
	return Figure{Name: "side-by-side", Title: "Training runs side by side", Caption: caption}.drawn(
		func(name string, width float64) *canvas { return layOut(name, width, panels, merged, 2) }), true
}

// runLook is the look of the model that a training run makes, where it was evaluated, or one of its own.
func (s *study) runLook(run *Run) int {
	for _, m := range s.models {
		if m.source == run && m.after {
			return s.look(m.name)
		}
	}
	return s.look("training " + run.Name)
}
