package study

import (
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
func (r *Run) report() error {
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
	plan, remarks, err := r.write(done, r.Study.Report.Title, made)
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
		title := c.Title
		if title == "" {
			title = c.Name
		}
		if _, _, err := r.write(some, title, filepath.Join(made, c.Name)); err != nil {
			return fmt.Errorf("comparison %s: %w", c.Name, err)
		}
	}
	// Beside the evaluations the plan is what stele report finds.
	text, err := yaml.Marshal(plan)
	if err != nil {
		return err
	}
	if err := jsonl.WriteBytes(filepath.Join(r.Dir, string(Evaluate), report.PlanFile), text); err != nil {
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

// evaluated lists the runs whose evaluations are done.
func (s *Study) evaluated(dir string) (done []run, err error) {
	for _, one := range s.runs {
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

// of lists those of the runs that a comparison is of, and their bases.
func (s *Study) of(c Comparison, done []run) (some []run) {
	bases := map[string]bool{}
	for _, one := range done {
		if slices.Contains(c.Runs, one.name) {
			bases[one.base] = true
		}
	}
	for _, one := range done {
		if slices.Contains(c.Runs, one.name) || bases[one.job] {
			some = append(some, one)
		}
	}
	return some
}

// write writes the report of some runs to a folder, and returns what it was made by and what
// it remarks. Of a base that is not among them the plan says nothing.
func (r *Run) write(runs []run, title, out string) (report.Plan, []string, error) {
	plan := report.Plan{Title: title, ID: r.Study.Report.InDistribution, Runs: map[string]report.PlanRun{}}
	there := map[string]bool{}
	for _, one := range runs {
		there[one.job] = true
	}
	var folders []*report.Run
	for _, one := range runs {
		folder, err := report.Open(filepath.Join(r.Dir, filepath.FromSlash(one.job)))
		if err != nil {
			return plan, nil, err
		}
		folders = append(folders, folder)
		p := report.PlanRun{Label: one.label, Method: one.method, Languages: one.languages}
		if there[one.base] {
			p.Base = path.Base(one.base)
		}
		if one.model != nil {
			p.Model, p.Arm, p.Allow = one.model.Family, one.model.Curve, one.model.Allow
		} else {
			p.Arm, p.Allow, p.Of, p.Seed = one.arm.Curve, one.arm.Allow, one.arm.Name, one.seed
		}
		plan.Runs[path.Base(one.job)] = p
	}
	made, err := report.New(folders, plan)
	if err != nil {
		return plan, nil, err
	}
	return plan, made.Remarks(), made.Write(out)
}
