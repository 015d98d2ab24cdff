package report

import (
	"fmt"

	"github.com/stele-lm/stele/eval/metric"
)

// Comparison is a model beside the one that it was trained from, on the questions that
// both were put. Accuracies are fractions of 1.
type Comparison struct {
	Name           string // of the trained model's run
	TrainLanguages []string
	Languages      []string // of the questions
	Base, Trained  metric.Measured
	Questions      string // how many, for a person
	Differing      string // settings that differ, and are allowed to; "" for none
	Precision      string // in what each computed, where that differs
}

// Compare lays evaluations beside that of the model that they were trained from. A
// training run stands for its evaluation after training and, as base, for that before.
// Without a base each trained run must be a training run with both. allow names
// settings in which they may differ. The languages trained on are those given, else those of the
// manifests; a run of which no manifest says them is an error.
func Compare(base *Run, trained []*Run, allow, languages []string) ([]Comparison, error) {
	plan := Plan{Runs: map[string]PlanRun{}}
	runs := trained
	if base != nil {
		runs = append([]*Run{base}, trained...)
	}
	distinguish(runs)
	for _, r := range trained {
		if _, twice := plan.Runs[r.Name]; twice || base != nil && base.Name == r.Name {
			return nil, fmt.Errorf("%s is named twice: a training run without a base is compared with its "+
				"own first evaluation", r.dir)
		}
		p := PlanRun{Allow: allow, Arm: "none", Languages: languages}
		switch {
		case base != nil && base.Training != nil && base.Training.Before != nil:
			p.Base = base.Name + "/before"
		case base != nil:
			p.Base = base.Name
		case r.Training == nil || r.Training.Before == nil || r.Training.After == nil:
			return nil, fmt.Errorf("%s: no base is named, and this is no training run with evaluations "+
				"before and after: name the base model's evaluation", r.dir)
		}
		plan.Runs[r.Name] = p
	}
	if err := plan.check(runs); err != nil {
		return nil, err
	}
	s := &study{flagged: true}
	if err := s.fill(runs, plan); err != nil {
		return nil, err
	}
	var all []Comparison
	for _, p := range s.pairs {
		if _, asked := plan.Runs[p.run]; !asked {
			continue
		}
		if len(p.languages) == 0 {
			return nil, fmt.Errorf("%s: nothing says which languages its model was trained on: name them with "+
				"--languages, or evaluate the checkpoint where it lies, in RUN/checkpoints, beside RUN's "+
				"manifest.json", p.run)
		}
		c := p.on
		all = append(all, Comparison{
			Name: p.run, TrainLanguages: p.languages, Languages: c.languages, Questions: p.questions(),
			Differing: c.allowed, Precision: c.precision,
			Base: c.measured(p.base, c.base, c.baseAnswers), Trained: c.measured(p.trained, c.trained,
				c.trainedAnswers),
		})
	}
	if len(all) < len(trained) {
		return nil, fmt.Errorf("%d of %d runs have a base to be compared with: %v", len(all), len(trained),
			s.refused)
	}
	return all, nil
}

// Settings returns the names of the settings that Compare may be told to let differ.
func Settings() []string { return settingNames() }

// Unfinished says of a run that is going on how far it is; "" for others.
func (r *Run) Unfinished() string { return r.unfinished }
