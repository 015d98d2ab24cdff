package report

import (
	"fmt"
	"slices"
	"strings"
)

// trainingSection reports a training run.
func (s *study) trainingSection(id string, run *Run) Section {
	t := run.Training
	x := Section{ID: id, Title: "Training run " + run.Name, Facts: t.facts()}
	for _, p := range s.pairs {
		if p.run == run.Name {
			x.Figures = append(x.Figures, s.languageFigure(p, id))
			if p.mean.ok {
				x.Facts = append(x.Facts, fmt.Sprintf("Multilingual transferability index (MTI) %s.",
					p.mean.text(2, 1)))
			}
		}
	}
	x.Figures = append(x.Figures, t.curves(id, s.runLook(run))...)
	return x
}

// facts say in sentences what was run and what came of it.
func (t *Training) facts() []string {
	var facts []string
	if t.Model != "" {
		facts = append(facts, fmt.Sprintf("%s, trained with %s on %s.",
			modelLabel(t.Model), strings.ToUpper(t.Algorithm), strings.Join(t.Languages, ", ")))
	}
	if n := len(t.Steps); n > 0 {
		last := int(t.Steps[n-1]["step"])
		if t.Planned > last {
			facts = append(facts, fmt.Sprintf("%d of %d steps are done.", last, t.Planned))
		} else {
			facts = append(facts, fmt.Sprintf("%d steps.", last))
		}
	}
	if t.Before != nil && t.After != nil {
		facts = append(facts,
			fmt.Sprintf("Mean accuracy over languages and benchmarks %s before and %s after; reasoning in "+
				"another language than asked %s before and %s after.",
				printAccuracy(t.Before.Mean)+" %", printAccuracy(t.After.Mean)+" %",
				percent(t.Before.Mean.OffTarget), percent(t.After.Mean.OffTarget)))
	}
	return facts
}

func (t *Training) curves(id string, look int) []Figure {
	if len(t.Steps) == 0 {
		return nil
	}
	steps := slices.Concat(t.Measured, t.Steps)
	caption := "Training by step."
	if n := len(t.Steps); n >= smoothFrom {
		caption += fmt.Sprintf(" Thin: each step; thick: mean of the last %d steps.", window(n))
	}
	return curveFigures(id+"-curves", "Training", caption, lookLike(look, panelsOf(steps)), steps, true)
}

// Trained are the training runs of an arm, one with each seed.
type Trained struct {
	Name string
	Runs []*Run
}

// untold are the metrics of training that a study's curves leave out, by how they begin: times and
// memory, which no two runs have alike, and what says how the algorithm fared rather than what was
// learned. They are in the runs' own reports.
var untold = []string{"timing_s/", "perf/", "actor/", "clip_ratio/", "sampling/", "critic/", "prompt_length/", "train/",
	"grad_norm", "learning_rate", "mean_token_probability", "response_length/", "reward_std", "reward_group_std"}

// AddTraining adds the training curves of arms: means over the seeds, with the least and the most. They
// hold no times, so that the same trainings have the same.
func (r *Report) AddTraining(arms []Trained) {
	x := Section{ID: "training", Title: "Training"}
	used := map[string]bool{}
	for _, arm := range arms {
		var runs [][]Step
		var names []string
		for _, run := range arm.Runs {
			if t := run.Training; t != nil && len(t.Steps) > 0 {
				runs, names = append(runs, told(slices.Concat(t.Measured, t.Steps))), append(names, run.Name)
			}
		}
		if len(runs) == 0 {
			continue
		}
		mean, low, high := overSeeds(runs)
		panels := lookLike(r.study.look(arm.Name), panelsOf(mean))
		for i := range panels {
			p := &panels[i]
			if p.title == "Reward, mean ± standard deviation" {
				p.title, p.band = "Reward", ""
			}
			if len(runs) > 1 {
				p.low, p.high = low, high
			}
		}
		name := numbered("training-"+slug(arm.Name), used)
		caption := arm.Name + ": training by step"
		if len(runs) > 1 {
			caption += fmt.Sprintf(", mean of %d seeds; the band goes from the least to the most of them", len(runs))
		}
		caption += "."
		if n := len(mean); n >= smoothFrom {
			caption += fmt.Sprintf(" Thin: each step; thick: mean of the last %d steps.", window(n))
		}
		x.Figures = append(x.Figures, curveFigures(name, "Training of "+arm.Name, caption, panels, mean, false)...)
		for i, run := range runs {
			r.curves = append(r.curves, curve{arm.Name, names[i], run})
		}
	}
	if len(x.Figures) > 0 {
		r.Sections = append(r.Sections, x)
	}
}

// curve is what is told of a training run.
type curve struct {
	arm, run string
	steps    []Step
}

// told are steps without what is left out. The loss is of interest where there is no reward.
func told(steps []Step) []Step {
	rewarded := slices.ContainsFunc(steps, func(s Step) bool { _, ok := s["reward"]; return ok })
	out := make([]Step, len(steps))
	for i, s := range steps {
		out[i] = Step{}
		for key, x := range s {
			if !slices.ContainsFunc(untold, func(begin string) bool { return strings.HasPrefix(key, begin) }) &&
				(key != "loss" || !rewarded) {
				out[i][key] = x
			}
		}
	}
	return out
}

// overSeeds returns the mean, the least and the most of runs at each step that all of them took, of what
// all of them measured.
func overSeeds(runs [][]Step) (mean, low, high []Step) {
	// A step may be there twice: measured, and trained.
	at := make([]map[[2]string]Step, len(runs))
	key := func(s Step) [2]string {
		_, measured := s[evalAccuracy]
		return [2]string{number(s["step"]), fmt.Sprint(measured)}
	}
	for i, run := range runs {
		at[i] = map[[2]string]Step{}
		for _, s := range run {
			at[i][key(s)] = s
		}
	}
	for _, first := range runs[0] {
		k := key(first)
		if slices.ContainsFunc(at, func(steps map[[2]string]Step) bool { return steps[k] == nil }) {
			continue
		}
		m, l, h := Step{}, Step{}, Step{}
	metrics:
		for _, name := range sortedKeys(first) {
			sum, least, most := 0.0, first[name], first[name]
			for _, steps := range at {
				x, ok := steps[k][name]
				if !ok {
					continue metrics
				}
				sum, least, most = sum+x, min(least, x), max(most, x)
			}
			m[name], l[name], h[name] = sum/float64(len(runs)), least, most
		}
		m["step"], l["step"], h["step"] = first["step"], first["step"], first["step"]
		mean, low, high = append(mean, m), append(low, l), append(high, h)
	}
	return mean, low, high
}

// curveNumbers is the table of the curves for programs.
func (r *Report) curveNumbers() numbers {
	n := numbers{name: "training", head: []string{"arm", "run", "step"}}
	all := map[string]bool{}
	for _, c := range r.curves {
		for _, s := range c.steps {
			for key := range s {
				all[key] = true
			}
		}
	}
	delete(all, "step")
	keys := sortedKeys(all)
	n.head = append(n.head, keys...)
	for _, c := range r.curves {
		for _, s := range c.steps {
			row := []string{c.arm, c.run, number(s["step"])}
			for _, key := range keys {
				x, ok := s[key]
				row = append(row, defined(value{x: x, ok: ok}))
			}
			n.rows = append(n.rows, row)
		}
	}
	return n
}
