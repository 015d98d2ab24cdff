package report

import (
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/grade"
	"github.com/stele-lm/stele/eval/metric"
)

// numbers is a table for programs: one number a cell, one kind of thing a row,
// nothing rounded.
type numbers struct {
	name string
	head []string
	rows [][]string
}

// numbers returns all that the report rests on.
func (r *Report) numbers() []numbers {
	accuracy := numbers{name: "accuracy", head: []string{"run", "when", "benchmark", "language", "questions",
		"samples",
		"accuracy", "accuracy_se"}}
	for _, g := range grade.Graders {
		accuracy.head = append(accuracy.head, "accuracy_"+g.Name)
	}
	accuracy.head = append(accuracy.head, "off_target", "off_target_se", "answer_off_target", "mean_tokens",
		"truncated", "accuracy_low", "accuracy_high", "off_target_low", "off_target_high")
	change := numbers{name: "transfer", head: []string{"run", "base", "benchmark", "language", "trained",
		"delta_r", "delta_points", "mti", "questions", "questions_either",
		"accuracy_before", "accuracy_after"}}
	steps := numbers{name: "steps"}
	var keys []string
	for _, run := range r.runs {
		if run.Training != nil {
			for _, s := range run.Training.Steps {
				keys = slices.AppendSeq(keys, maps.Keys(s))
			}
		}
	}
	slices.Sort(keys)
	keys = slices.DeleteFunc(slices.Compact(keys), func(k string) bool { return k == "step" })
	steps.head = append([]string{"run", "step"}, keys...)
	for _, run := range r.runs {
		if run.Results != nil {
			accuracy.addResults(run.Name, "", run.Results)
			continue
		}
		t := run.Training
		if t.Before != nil {
			accuracy.addResults(run.Name, "before", t.Before)
		}
		if t.After != nil {
			accuracy.addResults(run.Name, "after", t.After)
		}
		for _, s := range t.Steps {
			row := []string{run.Name, number(s["step"])}
			for _, k := range keys {
				if x, ok := s[k]; ok {
					row = append(row, number(x))
				} else {
					row = append(row, "")
				}
			}
			steps.rows = append(steps.rows, row)
		}
	}
	for _, p := range slices.Concat(r.study.pairs, r.study.singlePairs) {
		change.addTransfer(p)
	}
	return slices.DeleteFunc([]numbers{accuracy, change, steps, r.curveNumbers()},
		func(n numbers) bool { return len(n.rows) == 0 })
}

func (n *numbers) addResults(run, when string, r *eval.Results) {
	for _, b := range r.Settings.Benchmarks {
		for _, l := range knownLanguagesOf(evaluation{results: r}).inOrder(r.Settings.Languages) {
			s, ok := r.Benchmarks[b].Languages[l]
			if !ok {
				continue
			}
			questions, samples := strconv.Itoa(s.Questions), strconv.Itoa(s.Samples)
			if s.Questions == 0 && s.Samples > 0 {
				questions, samples = "", "" // not known
			}
			row := []string{run, when, b, l, questions, samples,
				number(s.Accuracy), optional(s.AccuracySE)}
			for _, g := range grade.Graders {
				x, ok := s.Accuracies[g.Name]
				row = append(row, defined(value{x: x, ok: ok}))
			}
			n.rows = append(n.rows, append(row,
				number(s.OffTarget), optional(s.OffTargetSE), number(s.AnswerOffTarget), number(s.MeanTokens),
				number(s.Truncated),
				bound(s.AccuracyCI, 0), bound(s.AccuracyCI, 1), bound(s.OffTargetCI, 0),
				bound(s.OffTargetCI, 1)))
		}
	}
}

func (n *numbers) addTransfer(p *pair) {
	t := p.transfer
	points := inPoints(t.points)
	for _, b := range t.benchmarks {
		for _, l := range t.languages {
			n.rows = append(n.rows,
				[]string{p.run, p.base.name, b, l, strconv.FormatBool(slices.Contains(p.languages, l)),
					defined(t.delta[b][l]), defined(points[b][l]), defined(t.mti[b][l]),
					strconv.Itoa(p.on.asked[b][l].Shared), strconv.Itoa(p.on.asked[b][l].Either),
					cell(p.on.base, b, l), cell(p.on.trained, b, l)})
		}
	}
}

// cell returns an accuracy where there is one.
func cell(s metric.Scores, benchmark, language string) string {
	x, ok := s[benchmark][language]
	return defined(value{x: x, ok: ok})
}

func number(x float64) string {
	if math.IsNaN(x) {
		return "" // not known
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// bound returns an end of an interval.
func bound(i *eval.Interval, end int) string {
	if i == nil {
		return ""
	}
	return number(i[end])
}

func optional(x *float64) string {
	if x == nil {
		return ""
	}
	return number(*x)
}

func defined(v value) string {
	if !v.ok {
		return ""
	}
	return number(v.x)
}
