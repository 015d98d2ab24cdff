package study

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/report"
	"github.com/stele-lm/stele/internal/nearest"
)

// given are the results of a model that were measured elsewhere: a folder or a results.json of stele eval,
// or a file of accuracies.
type given struct {
	path    string // as the study's file has it
	entry   string // of a file of several models
	results *eval.Results
	typed   bool // from a file of accuracies
	// Folder is that of an evaluation with its samples; empty for a file.
	folder string
	sum    string   // SHA-256 of what the report takes from it
	said   []string // what everybody must know
}

// resultsName is what stele eval calls its results.
const resultsName = "results.json"

// give reads the results that a model names.
// own are the settings of evaluation in the model's entry, and stated is whether the study has some.
func (f *file) give(m *Model, dir string, own []string, stated bool) (g *given, err error) {
	if m.Model != "" {
		return nil, errors.New("model and results are both set: a model is evaluated here, or its results are given")
	}
	at, err := beside(dir, m.Results, "results of stele eval, or a file of accuracies")
	if err != nil {
		return nil, err
	}
	g = &given{path: m.Results}
	if info, err := os.Stat(at); err != nil {
		return nil, err
	} else if info.IsDir() {
		g.folder = at
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file: expected results of stele eval, or a file of accuracies", at)
	} else if filepath.Base(at) == resultsName {
		g.folder = filepath.Dir(at)
	}
	data, err := os.ReadFile(at)
	if g.folder != "" {
		data, err = os.ReadFile(filepath.Join(g.folder, resultsName))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: expected the folder of an evaluation, or a file of accuracies", err)
	}
	if g.folder == "" && !isResults(data) {
		g.saysOwn(m, own, howMeasured)
		return g, f.state(g, m, at, stated || len(own) > 0)
	}
	if m.Entry != "" {
		return nil, fmt.Errorf("entry %q: %s holds results of stele eval, of one model", m.Entry, m.Results)
	}
	if g.folder != "" {
		g.results, err = eval.ReadResults(g.folder)
	} else {
		g.results, err = eval.ReadResultsFile(at)
	}
	if err != nil {
		return nil, err
	}
	g.sum = fmt.Sprintf("%x", sha256.Sum256(data))
	g.saysOwn(m, own, nil)
	return g, checkResults(m.Results, g.results)
}

// howMeasured are the settings of evaluation that say how somebody measured accuracies.
var howMeasured = []string{"preset", "temperature", "top_p", "top_k", "min_p", "max_tokens", "hack", "stop", "seed",
	"template", "template_args", "few_shot", "grader", "lang_candidates", "data", "registry", "fields"}

// saysOwn says which of a model's own settings of evaluation have no effect: those but some.
func (g *given) saysOwn(m *Model, own, some []string) {
	var without []string
	for _, key := range own {
		if !slices.Contains(some, key) {
			without = append(without, "evaluate."+key)
		}
	}
	if without != nil {
		g.said = append(g.said, fmt.Sprintf("model %s: %s: no effect, since its results are given", m.Name,
			strings.Join(without, ", ")))
	}
}

// isResults reports whether a file is one that stele eval wrote, whatever it is called.
func isResults(data []byte) bool {
	var r map[string]json.RawMessage
	return bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) && json.Unmarshal(data, &r) == nil &&
		r["settings"] != nil && r["benchmarks"] != nil
}

// checkResults refuses results that no evaluation has.
func checkResults(path string, r *eval.Results) error {
	for b, result := range r.Benchmarks {
		for l, s := range result.Languages {
			if !(s.Accuracy >= 0 && s.Accuracy <= 1) || math.IsNaN(s.OffTarget) || s.OffTarget < 0 || s.OffTarget > 1 {
				return fmt.Errorf("%s: benchmarks.%s.languages.%s has accuracy %g and off_target %g: expected 0 to 1",
					path, b, l, s.Accuracy, s.OffTarget)
			}
		}
	}
	for _, b := range r.Settings.Benchmarks {
		if len(r.Benchmarks[b].Languages) > 0 {
			return nil
		}
	}
	return fmt.Errorf("%s: settings.benchmarks names none that has results", path)
}

// state takes a model's accuracies from a file of them. stated says that the study's file says how they
// were measured.
func (f *file) state(g *given, m *Model, at string, stated bool) error {
	if f.stated == nil {
		f.stated = map[statedBy]*eval.Accuracies{}
	}
	key := statedBy{at, m.Evaluate.Data, m.Evaluate.Registry}
	a := f.stated[key]
	if a == nil {
		var err error
		if a, err = eval.ReadAccuracies(at, m.Evaluate.Source()); err != nil {
			return err
		}
		f.stated[key] = a
		if a.Told {
			g.said = append(g.said, fmt.Sprintf("%s: accuracies are taken as %s, judging by the numbers; unit can "+
				"say so",
				m.Results, a.Unit))
		}
	}
	if g.entry = m.Entry; g.entry == "" && a.Models[0] != "" {
		g.entry = m.Name
	}
	if !slices.Contains(a.Models, g.entry) {
		if a.Models[0] == "" {
			return fmt.Errorf("entry %q: %s holds one model, without a name", m.Entry, m.Results)
		}
		return fmt.Errorf("%s has no model %q%s: entry names one of %s", m.Results, g.entry,
			nearest.Hint(g.entry, a.Models), strings.Join(a.Models, ", "))
	}
	var spec eval.Spec
	if stated {
		e := m.Evaluate
		e.Benchmarks, e.Languages = a.Results(g.entry, spec).Settings.Benchmarks, nil
		if err := e.validate(); err != nil {
			return fmt.Errorf("evaluate: %w", err)
		}
		var err error
		if spec, err = e.Spec(); err != nil {
			return err
		}
		if err := spec.SetDefaults(e.Source()); err != nil {
			return err
		}
	}
	g.results, g.typed = a.Results(g.entry, spec), true
	g.results.Model = m.Name
	text, err := json.Marshal(g.results)
	g.sum = fmt.Sprintf("%x", sha256.Sum256(text))
	return err
}

// spec returns how a model was or will be evaluated; false where nobody says it.
func (m *Model) spec() (eval.Spec, bool, error) {
	if m.given != nil {
		return m.given.results.Settings, m.given.results.Settings.MaxTokens > 0, nil
	}
	s, err := m.Evaluate.Spec()
	return s, true, err
}

// run is what the report gets of given results, under a name.
func (g *given) run(name string) (*report.Run, error) {
	switch {
	case g.typed:
		return report.Given(name, g.results, filepath.Base(g.path)), nil // the same wherever the study lies
	case g.folder == "":
		return report.Given(name, g.results, ""), nil
	}
	r, err := report.Open(g.folder)
	if err != nil {
		return nil, err
	}
	r.Name = name
	return r, nil
}

// Given says of a model of the study that its results are given, and not measured here.
type Given struct {
	Model      string   `json:"model"`
	Results    string   `json:"results"` // the file or folder
	Entry      string   `json:"entry,omitempty"`
	Benchmarks []string `json:"benchmarks"`
	Languages  []string `json:"languages"`
}

// Given lists the models whose results are given, in the order of the file.
func (s *Study) Given() []Given {
	all := []Given{}
	for _, r := range s.runs {
		if g := r.given(); g != nil {
			set := &g.results.Settings
			all = append(all, Given{Model: r.model.Name, Results: g.path, Entry: g.entry, Benchmarks: set.Benchmarks,
				Languages: set.Languages})
		}
	}
	return all
}

// given are the results of a run that is not evaluated here.
func (r *run) given() *given {
	if r.model == nil {
		return nil
	}
	return r.model.given
}
