package report

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stele-lm/stele/internal/settings"
)

// PlanFile is the name under which a run's folder may hold a plan.
const PlanFile = "report.yaml"

// Plan says of runs what their folders do not: which model is whose base, what
// belongs together, what to call it. Everything in it is optional.
type Plan struct {
	Title string `yaml:"title"`
	// ID are the benchmarks of the kind that was trained on; the others are out of
	// distribution. Empty: those that the training data came from, where that is known.
	ID   []string           `yaml:"in_distribution"`
	Runs map[string]PlanRun `yaml:"runs"` // by the run folder's name
	// Measures names what is measured in samples beside accuracy (multilingual.Names, or all), and
	// LevelWeights the weights of levels of difficulty.
	Measures     []string        `yaml:"measures,omitempty"`
	LevelWeights map[int]float64 `yaml:"level_weights,omitempty"`
	// Paper asks for the tables and figures of the paper, under its names, and for what they show in
	// sentences.
	Paper       bool             `yaml:"paper"`
	Comparisons []PlanComparison `yaml:"comparisons"`
	// lying are the folders that lie where a plan was found, by the names that it has for
	// them: runs that it may name though they are not reported.
	lying map[string]string
}

// PlanComparison is some runs, or arms, that are laid beside each other: the first against each other.
type PlanComparison struct {
	Name  string   `yaml:"name"`
	Title string   `yaml:"title"`
	Runs  []string `yaml:"runs"`
	// Makes are the paper's tables and figures, such as "table 1", that are made of these runs.
	Makes []string `yaml:"makes"`
}

// PlanRun is a run's entry in a plan.
type PlanRun struct {
	Label string `yaml:"label"` // instead of the folder's name
	// Base is the folder's name of the evaluation of the model that this one was
	// trained from.
	Base      string   `yaml:"base"`
	Method    string   `yaml:"method"`    // such as RL or SFT
	Languages []string `yaml:"languages"` // trained on
	// Model and Template name the rows of the table of templates.
	Model    string `yaml:"model"`
	Template string `yaml:"template"`
	// Allow names settings, such as temperature or template, in which the run may differ
	// from its base.
	Allow []string `yaml:"allow"`
	// Arm names the scaling curve that the run is a point of; "none" keeps it out.
	Arm string `yaml:"arm"`
	// Of names the arm of which the run is one seed: runs of one arm are reported as their mean.
	Of   string `yaml:"of"`
	Seed uint64 `yaml:"seed"`
	// Alone keeps the run from being compared with the model that it was trained from.
	Alone bool `yaml:"alone,omitempty"`
	// baseAt is the folder of Base where that is not reported.
	baseAt string
}

// ReadPlan reads a plan. Unknown keys are errors.
func ReadPlan(path string) (Plan, error) {
	var p Plan
	data, err := os.ReadFile(path)
	if err != nil {
		return p, err
	}
	if err := settings.Read(data, &p); err != nil {
		return p, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// FindPlan reads the plans that lie in the runs' folders, or in the folder that
// they all lie in, and puts them together. It is empty when there are none.
func FindPlan(dirs []string) (Plan, error) {
	merged := Plan{Runs: map[string]PlanRun{}, lying: map[string]string{}}
	var folders []string
	for _, dir := range dirs {
		absolute, err := filepath.Abs(dir)
		if err != nil {
			return merged, err
		}
		folders = append(folders, filepath.Dir(absolute), absolute)
	}
	slices.Sort(folders)
	for _, folder := range slices.Compact(folders) {
		p, err := ReadPlan(filepath.Join(folder, PlanFile))
		if ok, err := exists(err); err != nil {
			return merged, err
		} else if !ok {
			continue
		}
		if p.Title != "" {
			merged.Title = p.Title
		}
		merged.ID = append(merged.ID, p.ID...)
		for _, name := range p.Measures {
			if !slices.Contains(merged.Measures, name) {
				merged.Measures = append(merged.Measures, name)
			}
		}
		if p.LevelWeights != nil {
			merged.LevelWeights = p.LevelWeights
		}
		merged.Paper = merged.Paper || p.Paper
		merged.Comparisons = append(merged.Comparisons, p.Comparisons...)
		for name, run := range p.Runs {
			merged.Runs[name] = run
			merged.look(folder, name)
			merged.look(folder, strings.TrimSuffix(run.Base, "/before"))
		}
	}
	return merged, nil
}

// look notes where a run lies that a plan in folder names: in it or beside it.
func (p *Plan) look(folder, name string) {
	for _, above := range []string{folder, filepath.Dir(folder)} {
		dir := filepath.Join(above, name)
		if info, err := os.Stat(dir); err == nil && info.IsDir() && name != "" {
			p.lying[name] = dir
		}
	}
}

// given returns the plan as far as it is about the runs, and what it says of others that lie
// where it was found; the error names one that is nowhere.
func (p Plan) given(runs []*Run) (Plan, []string, error) {
	known := map[string]bool{}
	for _, r := range runs {
		known[r.Name], known[r.Name+"/before"] = true, true
	}
	about := p
	about.Runs = map[string]PlanRun{}
	var left []string
	for _, name := range sortedKeys(p.Runs) {
		run := p.Runs[name]
		if !known[name] && p.lying[name] != "" {
			left = append(left, name)
			continue
		}
		if at := p.lying[strings.TrimSuffix(run.Base, "/before")]; run.Base != "" && !known[run.Base] &&
			at != "" {
			run.Base, run.baseAt = "", at
		}
		about.Runs[name] = run
	}
	var said []string
	if left != nil {
		said = []string{fmt.Sprintf("The plan also names %s, not among the runs given.",
			strings.Join(left, ", "))}
	}
	for _, run := range about.Runs {
		known[run.Of] = true
	}
	for _, c := range p.Comparisons {
		missing := slices.DeleteFunc(slices.Clone(c.Runs), func(name string) bool { return known[name] })
		if len(missing) > 0 {
			said = append(said, fmt.Sprintf("The comparison %s also names %s, not among the runs given.", c.Name,
				strings.Join(missing, ", ")))
		}
	}
	return about, said, about.check(runs)
}

// check reports what a plan says of runs that are not there.
func (p *Plan) check(runs []*Run) error {
	known := map[string]bool{}
	var names []string
	for _, r := range runs {
		known[r.Name] = true
		names = append(names, r.Name)
		if r.Training != nil && r.Training.Before != nil {
			known[r.Name+"/before"] = true
		}
	}
	for _, c := range p.Comparisons {
		for _, m := range c.Makes {
			if _, err := PaperItem(m); err != nil {
				return fmt.Errorf("the plan's comparison %s: %w", c.Name, err)
			}
		}
	}
	for _, name := range sortedKeys(p.Runs) {
		run := p.Runs[name]
		for _, a := range run.Allow {
			if !slices.ContainsFunc(mustAgree, func(c setting) bool { return c.name == a }) {
				return fmt.Errorf("the plan allows %s to differ in %q, which is no setting: expected %s",
					name, a, strings.Join(settingNames(), ", "))
			}
		}
		switch {
		case !known[name]:
			return fmt.Errorf("the plan names the run %s, but no run's folder is called so: there are %s",
				name, strings.Join(names, ", "))
		case run.Base == name:
			return fmt.Errorf("the plan names %s as its own base", name)
		case run.Base != "" && !known[run.Base]:
			return fmt.Errorf("the plan names %s as the base of %s, but no run's folder is called so: "+
				"there are %s", run.Base, name, strings.Join(names, ", "))
		}
	}
	return nil
}
