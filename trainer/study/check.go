package study

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval/report"
	"github.com/stele-lm/stele/internal/nearest"
)

// naming matches names of models and arms, which are names of folders too.
var naming = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N}._+-]*$`)

// check refuses names that are not there, or twice.
func (f *file) check() error {
	if len(f.Models)+len(f.Arms) == 0 {
		return errors.New("there are neither models nor arms")
	}
	kinds := map[string]string{}
	name := func(kind, name string, i int) error {
		switch {
		case name == "":
			return fmt.Errorf("%s %d has no name", kind, i+1)
		case !naming.MatchString(name):
			return fmt.Errorf("the name %q of %s %d cannot name a folder: expected letters, digits, and . _ + - within",
				name, kind, i+1)
		case kinds[name] != "":
			return fmt.Errorf("%s is the name of two: choose another for one", name)
		}
		kinds[name] = kind
		return nil
	}
	for i, m := range f.Models {
		if err := name("model", m.Name, i); err != nil {
			return err
		}
		if m.Model == "" && m.given == nil {
			return fmt.Errorf("model %s: model is not set: a folder, a hub id or builtin:NAME", m.Name)
		}
		if m.Adapter != "" && m.given != nil {
			return fmt.Errorf("model %s: adapter and results are both set: a model is evaluated here, or its results "+
				"are given", m.Name)
		}
		if m.Adapter != "" && slices.ContainsFunc(f.Arms, func(a Arm) bool { return a.Name == m.Model }) {
			return fmt.Errorf("model %s: adapter is added to a model, and %s is an arm", m.Name, m.Model)
		}
		if m.Entry != "" && m.given == nil {
			return fmt.Errorf("model %s: entry names a model of a results file, and results is not set", m.Name)
		}
	}
	for i, a := range f.Arms {
		if err := name("arm", a.Name, i); err != nil {
			return err
		}
		if err := distinct(a.Seeds); err != nil {
			return fmt.Errorf("arm %s: %w", a.Name, err)
		}
	}
	if err := distinct(f.Seeds); err != nil {
		return err
	}
	known := func(list []string, of string) func(kind, name string) error {
		return func(where, name string) error {
			if slices.Contains(list, name) {
				return nil
			}
			return fmt.Errorf("%s names %q, which is not a %s of the "+
				"study%s", where, name, of, nearest.Hint(name, list))
		}
	}
	var models, all []string
	for _, m := range f.Models {
		models = append(models, m.Name)
		if m.Group != "" && !slices.Contains(all, m.Group) {
			all = append(all, m.Group)
		}
	}
	if err := f.grouped(); err != nil {
		return err
	}
	all = append(all, models...)
	for _, a := range f.Arms {
		all = append(all, a.Name)
	}
	model, run := known(models, "model"), known(all, "model or arm")
	for _, m := range f.Models {
		if m.Base == m.Name {
			return fmt.Errorf("model %s: base names itself", m.Name)
		}
		if err := allowable(m.Allow); err != nil {
			return fmt.Errorf("model %s: %w", m.Name, err)
		}
		if m.Base != "" {
			if err := model("model "+m.Name+": base", m.Base); err != nil {
				return err
			}
			if err := f.comparable(&m); err != nil {
				return fmt.Errorf("model %s: %w", m.Name, err)
			}
		}
	}
	for _, a := range f.Arms {
		if err := allowable(a.Allow); err != nil {
			return fmt.Errorf("arm %s: %w", a.Name, err)
		}
	}
	pages := map[string]bool{}
	measured := report.Plan{Measures: f.Report.Measures, LevelWeights: f.Report.LevelWeights}
	if _, err := measured.Asked(); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	for i, c := range f.Report.Comparisons {
		if !naming.MatchString(c.Name) || pages[c.Name] || c.Name == "figures" || c.Name == "tables" {
			return fmt.Errorf("report.comparisons %d: the name %q is taken, or no folder's", i+1, c.Name)
		}
		pages[c.Name] = true
		for _, r := range c.Runs {
			if err := run("report.comparisons "+c.Name, r); err != nil {
				return err
			}
		}
		if len(c.Runs) == 0 {
			return fmt.Errorf("report.comparisons %s names no runs", c.Name)
		}
		for _, m := range c.Makes {
			if _, err := report.PaperItem(m); err != nil {
				return fmt.Errorf("report.comparisons %s: %w", c.Name, err)
			}
		}
	}
	return nil
}

// grouped refuses groups of models that are none.
func (f *file) grouped() error {
	bases := map[string]*Model{}
	seeds := map[string]bool{}
	for i := range f.Models {
		m := &f.Models[i]
		if (m.Group == "") != (m.Seed == nil) {
			return fmt.Errorf("model %s: expected group and seed together: models of one group differ in the seed",
				m.Name)
		}
		if m.Group == "" {
			continue
		}
		if m.Base == "" {
			return fmt.Errorf("model %s: group %s is of trained models: base is not set", m.Name, m.Group)
		}
		if slices.ContainsFunc(f.Models, func(n Model) bool { return n.Name == m.Group }) ||
			slices.ContainsFunc(f.Arms, func(a Arm) bool { return a.Name == m.Group }) {
			return fmt.Errorf("model %s: group %s is the name of a model or an arm too", m.Name, m.Group)
		}
		key := fmt.Sprint(m.Group, " ", *m.Seed)
		if seeds[key] {
			return fmt.Errorf("model %s: group %s has seed %d twice", m.Name, m.Group, *m.Seed)
		}
		seeds[key] = true
		first := bases[m.Group]
		if first == nil {
			bases[m.Group] = m
		} else if first.Base != m.Base || first.Method != m.Method || !slices.Equal(first.Languages, m.Languages) ||
			first.Curve != m.Curve {
			return fmt.Errorf("models %s and %s of group %s differ in more than the seed: base, method, languages and "+
				"curve must be the same", first.Name, m.Name, m.Group)
		}
	}
	return nil
}

// allowable refuses names that are no settings in which evaluations may differ.
func allowable(names []string) error {
	known := report.Allowable()
	for _, name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("allow names %q: expected %s%s", name, strings.Join(known, ", "),
				nearest.Hint(name, known))
		}
	}
	return nil
}

// comparable refuses a model that is evaluated in another way than its base, where that is
// not allowed: the report would refuse it when all is done.
func (f *file) comparable(m *Model) error {
	for i := range f.Models {
		base := &f.Models[i]
		if base.Name != m.Base {
			continue
		}
		was, known, err := base.spec()
		if err != nil {
			return err
		}
		is, also, err := m.spec()
		if err != nil || !known || !also {
			return err
		}
		differ := slices.DeleteFunc(report.Differ(&was, &is),
			func(name string) bool { return slices.Contains(m.Allow, name) })
		if len(differ) > 0 {
			return fmt.Errorf("it is evaluated in another way than its base %s (%s): evaluate both alike, "+
				"or add allow: [%s]",
				m.Base, strings.Join(differ, ", "), strings.Join(append(slices.Clone(m.Allow), differ...), ", "))
		}
	}
	return nil
}

func distinct(seeds []uint64) error {
	for i, s := range seeds {
		if slices.Contains(seeds[:i], s) {
			return fmt.Errorf("seeds: %d appears twice", s)
		}
	}
	return nil
}
