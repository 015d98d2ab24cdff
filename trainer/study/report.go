package study

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/stele-lm/stele/eval/report"
	"github.com/stele-lm/stele/internal/jsonl"
)

// report makes DIR/report of the evaluations that are done, whole or not at all.
func (r *Run) report(ctx context.Context) error {
	done, err := r.Study.evaluated(r.Dir)
	if err != nil {
		return err
	}
	if len(done) == 0 {
		return errors.New("no evaluation is done: there is nothing to report")
	}
	target := filepath.Join(r.Dir, string(Reports))
	made, old := filepath.Join(r.Dir, ".report.partial"), filepath.Join(r.Dir, ".report.old")
	if err := errors.Join(os.RemoveAll(made), os.RemoveAll(old)); err != nil {
		return err
	}
	opened, err := r.open(ctx, done)
	if err != nil {
		return err
	}
	plan, remarks, err := r.write(done, opened, r.Study.Report.Title, made, true)
	if err != nil {
		return err
	}
	for _, remark := range remarks { // those of comparisons are about what was left out of them
		r.say("%s", remark)
	}
	for _, c := range r.Study.Report.Comparisons {
		some := r.Study.of(c, done)
		if len(some) == 0 {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		title := c.Title
		if title == "" {
			title = c.Name
		}
		if _, _, err := r.write(some, opened, title, filepath.Join(made, c.Name), false); err != nil {
			return fmt.Errorf("comparison %s: %w", c.Name, err)
		}
	}
	if err := r.keep(plan, done); err != nil {
		return err
	}
	if err := os.Rename(target, old); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(made, target); err != nil {
		return err
	}
	r.say("%s: of %d of %d evaluations", filepath.Join(target, "report.html"), len(done), len(r.Study.runs))
	return os.RemoveAll(old)
}

// keep writes the plan beside the evaluations, where stele report finds it, without what is not there:
// runs whose results are given.
func (r *Run) keep(plan report.Plan, done []run) error {
	evaluated := false
	for _, one := range done {
		name := path.Base(one.job)
		if one.given() == nil {
			evaluated = true
			continue
		}
		delete(plan.Runs, name)
		for of, p := range plan.Runs {
			if p.Base == name {
				p.Base = ""
				plan.Runs[of] = p
			}
		}
	}
	if !evaluated {
		return nil
	}
	text, err := yaml.Marshal(plan)
	if err != nil {
		return err
	}
	path := filepath.Join(r.Dir, string(Evaluate), report.PlanFile)
	if err := sweep(path); err != nil {
		return err
	}
	return jsonl.WriteBytes(path, text)
}

// open reads what the report needs of each run, by job: once for all its pages.
func (r *Run) open(ctx context.Context, runs []run) (map[string]*report.Run, error) {
	opened := map[string]*report.Run{}
	for _, one := range runs {
		var err error
		if g := one.given(); g != nil {
			opened[one.job], err = g.run(path.Base(one.job))
		} else {
			opened[one.job], err = report.Open(filepath.Join(r.Dir, filepath.FromSlash(one.job)))
		}
		if err = cmp.Or(err, ctx.Err()); err != nil {
			return nil, err
		}
	}
	return opened, nil
}

// evaluated lists the runs whose evaluations are done, or whose results are given.
func (s *Study) evaluated(dir string) (done []run, err error) {
	for _, one := range s.runs {
		if one.given() != nil {
			done = append(done, one)
			continue
		}
		record, err := readRecord(dir, one.job)
		if err != nil {
			return nil, err
		}
		if record != nil && record.State == Done {
			done = append(done, one)
		}
	}
	return done, nil
}

// in reports whether a comparison names a run, its arm or its group.
func (r *run) in(c Comparison) bool {
	return slices.Contains(c.Runs, r.name) || r.model != nil && slices.Contains(c.Runs, r.model.Name)
}

// of lists those of the runs that a comparison is of, and their bases.
func (s *Study) of(c Comparison, done []run) (some []run) {
	bases := map[string]bool{}
	for _, one := range done {
		if one.in(c) {
			bases[one.base] = true
		}
	}
	for _, one := range done {
		if one.in(c) || bases[one.job] {
			some = append(some, one)
		}
	}
	return some
}

// write writes the report of some runs to a folder, and returns what it was made by and what
// it remarks. Of a base that is not among them the plan says nothing. The whole study's has the paper's
// tables and figures and the training curves too.
func (r *Run) write(
	runs []run, opened map[string]*report.Run, title, out string, whole bool,
) (report.Plan, []string, error) {
	plan := report.Plan{Title: title, ID: r.Study.Report.InDistribution, Runs: map[string]report.PlanRun{},
		Measures: r.Study.Report.Measures, LevelWeights: r.Study.Report.LevelWeights}
	there := map[string]bool{}
	for _, one := range runs {
		there[one.job] = true
	}
	var folders []*report.Run
	for _, one := range runs {
		folders = append(folders, opened[one.job])
		p := report.PlanRun{Label: one.label, Method: one.method, Languages: one.languages}
		if there[one.base] {
			p.Base = path.Base(one.base)
		}
		if one.model != nil {
			p.Model, p.Arm, p.Allow = one.model.Family, one.model.Curve, one.model.Allow
			p.Alone = one.again
			if one.model.Seed != nil {
				p.Of, p.Seed = one.model.Group, *one.model.Seed
			}
		} else {
			p.Arm, p.Allow, p.Of, p.Seed = one.arm.Curve, one.arm.Allow, one.arm.Name, one.seed
		}
		plan.Runs[path.Base(one.job)] = p
	}
	if whole {
		plan.Paper = true
		for _, c := range r.Study.Report.Comparisons {
			plan.Comparisons = append(plan.Comparisons, report.PlanComparison(c))
		}
	}
	made, err := report.New(folders, plan)
	if err != nil {
		return plan, nil, err
	}
	made.Version = r.Version
	if whole {
		arms, err := r.trained(runs)
		if err != nil {
			return plan, nil, err
		}
		made.AddTraining(arms)
	} else {
		made.SamplesAt = "../" + report.SamplesPage // a comparison's are among the study's
	}
	return plan, made.Remarks(), made.Write(out)
}

// metricsName is what stele train calls its metrics.
const metricsName = "metrics.jsonl"

// trained opens the training runs of arms. One that lies elsewhere, on the machine that trained it, has no
// curve here.
func (r *Run) trained(runs []run) ([]report.Trained, error) {
	var arms []report.Trained
	for _, one := range runs {
		if one.arm == nil {
			continue
		}
		name := runName(one.arm.Name, one.seed)
		dir := filepath.Join(r.Dir, filepath.FromSlash(folder(Train, name)))
		if _, err := os.Stat(filepath.Join(dir, metricsName)); errors.Is(err, os.ErrNotExist) {
			r.say("%s: no %s here, so that its training curves are left out", dir, metricsName)
			continue
		}
		training, err := report.Open(dir)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(arms, func(a report.Trained) bool { return a.Name == one.label })
		if i < 0 {
			i = len(arms)
			arms = append(arms, report.Trained{Name: one.label})
		}
		arms[i].Runs = append(arms[i].Runs, training)
	}
	return arms, nil
}
