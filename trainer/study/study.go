package study

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stele-lm/stele/internal/nearest"
)

// Study is a study's file, understood.
type Study struct {
	// Jobs are in an order in which they can be done.
	Jobs   []*Job
	Report Report
	// Ignored are settings that will have no effect.
	Ignored []string
	// Said is what was taken for granted.
	Said []string

	runs []run
	text []byte // the file
}

// Options hold the settings of a study that its file does not.
type Options struct {
	Backend, DType, Kernels string // as the flags have them
}

// Read reads a study's file and says what its jobs are. Models and data need not be there.
func Read(file string) (*Study, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	s, err := Parse(data, filepath.Dir(file))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

// Parse is Read of a file's text that lies in dir.
func Parse(data []byte, dir string) (*Study, error) {
	f, err := parse(data, dir)
	if err != nil {
		return nil, err
	}
	b := &builder{file: f, study: &Study{Report: f.Report, text: f.text}, state: map[string]int{},
		implied: map[string]string{}, seeds: f.Seeds}
	for i := range f.Models {
		if b.armOf(&f.Models[i]) != nil {
			continue // comes after the arms
		}
		if err := b.model(&f.Models[i]); err != nil {
			return nil, err
		}
	}
	if err := b.imply(); err != nil {
		return nil, err
	}
	if len(b.seeds) == 0 && len(f.Arms) > 0 {
		config, err := f.config(slices.Concat(f.base, f.arms[0], []string{"model=x"}))
		if err != nil {
			return nil, fmt.Errorf("arm %s: %w", f.Arms[0].Name, err)
		}
		b.seeds = []uint64{config.Seed}
	}
	for i := range f.Arms {
		if err := b.arm(i); err != nil {
			return nil, err
		}
	}
	for i := range f.Models {
		if a := b.armOf(&f.Models[i]); a != nil {
			if err := b.again(&f.Models[i], a); err != nil {
				return nil, fmt.Errorf("model %s: %w", f.Models[i].Name, err)
			}
		}
	}
	if len(f.Arms) == 0 && (len(f.base) > 0 || f.Train != "" || len(f.Seeds) > 0) {
		b.study.Ignored = append(b.study.Ignored, "train and seeds have no effect: there are no arms")
	}
	b.study.Said = f.said
	return b.study, b.add(&Job{Name: string(Reports), Kind: Reports})
}

// imply adds the models that only arms name, by the last part of their names.
func (b *builder) imply() error {
	for i := range b.file.Arms {
		a := &b.file.Arms[i]
		listed := slices.ContainsFunc(b.file.Models,
			func(m Model) bool { return m.Name == a.Model || m.Model == a.Model && m.Adapter == "" })
		if listed || a.Model == "" || b.implied[a.Model] != "" ||
			slices.ContainsFunc(b.file.Arms, func(other Arm) bool { return other.Name == a.Model }) {
			continue
		}
		if !strings.ContainsAny(a.Model, "/:") {
			if _, err := os.Stat(a.Model); err != nil {
				continue // neither id nor folder: a name that is not there
			}
		}
		name := path.Base(strings.TrimPrefix(filepath.ToSlash(filepath.Clean(a.Model)), "builtin:"))
		name, _, _ = strings.Cut(name, "@")
		if !naming.MatchString(name) || slices.Contains(b.names(), name) ||
			b.study.Job(folder(Evaluate, name)) != nil {
			return fmt.Errorf("arm %s: model %s needs a name of its own: add it to models", a.Name, a.Model)
		}
		b.implied[a.Model] = name
		if err := b.model(&Model{Name: name, Model: a.Model, Evaluate: b.file.Evaluate}); err != nil {
			return err
		}
	}
	return nil
}

// Job is the job of a name; nil where there is none.
func (s *Study) Job(name string) *Job {
	for _, j := range s.Jobs {
		if j.Name == name {
			return j
		}
	}
	return nil
}

// Find is the job that a person names, by its name or its number in the list.
func (s *Study) Find(name string) (*Job, error) {
	if j := s.Job(name); j != nil {
		return j, nil
	}
	var names []string
	for i, j := range s.Jobs {
		if name == fmt.Sprint(i) {
			return j, nil
		}
		names = append(names, j.Name)
	}
	return nil, fmt.Errorf("there is no job %q%s: --jobs lists them, by name and by number from 0 to %d",
		name, nearest.Hint(name, names), len(s.Jobs)-1)
}
