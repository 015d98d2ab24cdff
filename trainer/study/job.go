package study

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/internal/nearest"
	"github.com/stele-lm/stele/trainer"
	"github.com/stele-lm/stele/trainer/lora"
)

// Kind tells jobs apart by what they do.
type Kind string

// The kinds of jobs.
const (
	Train    Kind = "train"
	Evaluate Kind = "eval"
	Reports  Kind = "report"
)

// Job is a run of a study. Its name is also the path of its folder in the study's.
type Job struct {
	Name string
	Kind Kind
	// Needs are the jobs that must be done first. The report needs none: it is made of
	// the evaluations that are done.
	Needs []string
	// Model names the model that is trained or evaluated, as --model takes it; empty where it is
	// the last checkpoint of the training job From.
	Model, From string
	// Adapter is added to the model that is evaluated, or trained further; empty for none, and where it is
	// what From left.
	Adapter string
	// Start is the model that From, or the one it began with, started from.
	Start      string
	Config     trainer.Config // of a training
	Evaluation Evaluation     // of an evaluation
}

// settings returns all that decides a job's numbers, as JSON by dotted keys.
func (s *Study) settings(dir string, j *Job, options Options) (map[string]string, error) {
	var of any
	switch j.Kind {
	case Train:
		config := j.Config
		config.Model = "" // the one that From has lies elsewhere on another machine
		of = config
	case Evaluate:
		e := &j.Evaluation
		spec, err := e.Spec()
		if err != nil {
			return nil, err
		}
		of = map[string]any{"evaluate": struct {
			eval.Spec
			Samples  int               `json:"samples"`
			Data     string            `json:"data"`
			Registry string            `json:"registry"`
			Fields   map[string]string `json:"fields"`
		}{spec, e.Samples, e.Data, e.Registry, e.Fields}}
	case Reports:
		done, err := s.evaluated(dir)
		if err != nil {
			return nil, err
		}
		if of, err = described(dir, s.Report, done); err != nil {
			return nil, err
		}
	}
	data, err := json.Marshal(of)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	if err := flatten(all, "", data); err != nil {
		return nil, err
	}
	if j.Kind == Reports {
		return all, nil
	}
	all["model"] = j.model()
	all["--backend"], all["--dtype"], all["--kernels"] = options.Backend, options.DType, options.Kernels
	return all, nil
}

// model names what a job works on: the training that makes it, where one does.
func (j *Job) model() string {
	if j.From != "" {
		return j.From
	}
	return withAdapter(j.Model, j.Adapter)
}

// withAdapter names a model with an adapter.
func withAdapter(model, adapter string) string {
	if adapter == "" {
		return model
	}
	return model + " + " + adapter
}

// flatten writes an object's values by dotted keys.
func flatten(into map[string]string, prefix string, data json.RawMessage) error {
	if !bytes.HasPrefix(data, []byte("{")) {
		if text := string(data); text != "null" && text != "[]" && text != `""` {
			into[prefix] = text // what is empty is not set
		}
		return nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return err
	}
	for key, value := range object {
		if prefix != "" {
			key = prefix + "." + key
		}
		if err := flatten(into, key, value); err != nil {
			return err
		}
	}
	return nil
}

// run is a model's evaluation, or an arm's with one seed, as the report has it.
type run struct {
	name  string // of the model or arm
	job   string // of the evaluation; there is none of results that are given
	base  string // of the base's evaluation; empty for none
	label string
	model *Model // nil for an arm
	arm   *Arm   // nil for a model
	// Languages and method of an arm's training, and its seed.
	languages []string
	method    string
	seed      uint64
	again     bool // an arm's run, evaluated in another way
}

// described is all that the report is made of: what it is told of runs, and their results.
func described(dir string, report Report, runs []run) (any, error) {
	all := map[string]string{}
	for _, r := range runs {
		line := []any{r.base, r.label, r.languages, r.method}
		if r.model != nil {
			line = append(line, r.model.Family, r.model.Curve, r.model.Allow, r.model.Group)
			if r.model.Seed != nil {
				line = append(line, *r.model.Seed)
			}
		} else {
			trained, err := trainedWith(dir, &r)
			if err != nil {
				return nil, err
			}
			line = append(line, r.arm.Curve, r.arm.Allow, trained)
		}
		if g := r.given(); g != nil {
			all[r.job] = fmt.Sprintf("%s %s", flow(line), g.sum)
			continue
		}
		results, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(r.job), resultsName))
		if err != nil {
			return nil, err
		}
		all[r.job] = fmt.Sprintf("%s %x", flow(line), sha256.Sum256(results))
	}
	return map[string]any{"report": report, "runs": all}, nil
}

// trainedWith tells trainings of an arm apart whose metrics differ, which say more than the results of
// evaluation: by the settings that the job was done with; "" where its metrics are not here.
func trainedWith(dir string, r *run) (string, error) {
	job := folder(Train, runName(r.arm.Name, r.seed))
	_, err := os.Stat(filepath.Join(dir, filepath.FromSlash(job), metricsName))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	record, err := readRecord(dir, job)
	if err != nil || record == nil {
		return "", err
	}
	settings, err := json.Marshal(record.Settings)
	return fmt.Sprintf("%x", sha256.Sum256(settings)), err
}

// builder makes the jobs of a file.
type builder struct {
	file    *file
	study   *Study
	seeds   []uint64 // of arms that have none of their own
	state   map[string]int
	implied map[string]string // models that only arms name → their names
}

// initial finds the evaluation of the model that an arm starts from with a seed, and the
// training that makes it, if one does. adapter is what then is trained further: the one that the model has, or
// the name of the training, where its checkpoints are an adapter alone.
func (b *builder) initial(a *Arm, seed uint64) (evaluation, from, adapter string, err error) {
	for i := range b.file.Arms {
		parent := &b.file.Arms[i]
		if parent.Name != a.Model {
			continue
		}
		if err := b.arm(i); err != nil {
			return "", "", "", err
		}
		seeds := b.seedsOf(parent)
		switch {
		case slices.Contains(seeds, seed):
		case len(seeds) == 1:
			seed = seeds[0]
		default:
			return "", "", "",
				fmt.Errorf("it starts from %s, which is not trained with seed %d: give %s that seed, or one alone",
					parent.Name, seed, parent.Name)
		}
		name := runName(parent.Name, seed)
		from := folder(Train, name)
		if b.study.Job(from).savesAdapter() {
			adapter = from
		}
		return folder(Evaluate, name), from, adapter, nil
	}
	var same []string
	for _, m := range b.file.Models {
		switch again := b.armOf(&m); {
		case m.Name == a.Model && again != nil:
			return "", "", "", fmt.Errorf("it starts from %s, which is %s evaluated in another way: start from %s",
				m.Name, again.Name, again.Name)
		case m.Name == a.Model && m.given != nil:
			return "", "", "", fmt.Errorf("it starts from %s, of which there are results (%s) and no weights to train",
				m.Name, m.Results)
		case m.Name == a.Model:
			return folder(Evaluate, m.Name), "", m.Adapter, nil
		case m.Model == a.Model && m.Adapter == "":
			same = append(same, m.Name)
		}
	}
	switch {
	case len(same) == 1:
		return folder(Evaluate, same[0]), "", "", nil
	case len(same) > 1:
		return "", "", "", fmt.Errorf("model %s is evaluated in several ways: name one of %v", a.Model, same)
	case b.implied[a.Model] != "":
		return folder(Evaluate, b.implied[a.Model]), "", "", nil
	}
	return "", "", "", fmt.Errorf("model %q is no model or arm of the study%s", a.Model,
		nearest.Hint(a.Model, b.names()))
}

func (b *builder) names() (all []string) {
	for _, m := range b.file.Models {
		all = append(all, m.Name)
	}
	for _, a := range b.file.Arms {
		all = append(all, a.Name)
	}
	return all
}

func (b *builder) seedsOf(a *Arm) []uint64 {
	if len(a.Seeds) > 0 {
		return a.Seeds
	}
	return b.seeds
}

// runName returns the name of an arm's run with a seed.
func runName(arm string, seed uint64) string { return fmt.Sprintf("%s.%d", arm, seed) }

// folder is a job's name.
func folder(kind Kind, run string) string { return string(kind) + "/" + run }

// States of an arm in the making.
const (
	begun = 1
	built = 2
)

// arm adds an arm's jobs, after those of the arm that it starts from.
func (b *builder) arm(i int) error {
	a := &b.file.Arms[i]
	switch b.state[a.Name] {
	case built:
		return nil
	case begun:
		return fmt.Errorf("arm %s starts from itself", a.Name)
	}
	b.state[a.Name] = begun
	if a.Model == "" {
		return fmt.Errorf("arm %s: model is not set: a model or arm of the study, a folder, a hub id or builtin:NAME",
			a.Name)
	}
	for _, seed := range b.seedsOf(a) {
		initial, from, adapter, err := b.initial(a, seed)
		if err != nil {
			return fmt.Errorf("arm %s: %w", a.Name, err)
		}
		base := b.study.Job(initial)
		train := &Job{Name: folder(Train, runName(a.Name, seed)), Kind: Train, From: from, Model: base.Model,
			Start: base.Start}
		if from != "" {
			train.Needs = []string{from}
		}
		set := slices.Concat(b.file.base, b.file.arms[i], []string{
			"model=" + flow(base.Start), fmt.Sprint("seed=", seed),
		})
		if train.Config, err = b.file.config(set); err != nil {
			return fmt.Errorf("arm %s: %w", a.Name, err)
		}
		if given := train.Config.LoRA.Adapter; given != "" {
			return fmt.Errorf("arm %s: lora.adapter is %s, and what an arm starts from is its model: name one of the "+
				"study with adapter: %s", a.Name, given, given)
		}
		if adapter != "" {
			set = append(set, "lora.adapter="+flow(adapter))
			if train.Config, err = b.file.config(set); err != nil {
				return fmt.Errorf("arm %s: %w", a.Name, err)
			}
			if err := b.agrees(train); err != nil {
				return fmt.Errorf("arm %s: %w", a.Name, err)
			}
		}
		evaluation := &Job{
			Name: folder(Evaluate, runName(a.Name, seed)), Kind: Evaluate, Needs: []string{train.Name},
			From: train.Name, Start: base.Start, Evaluation: base.Evaluation,
		}
		r := run{
			name: a.Name, job: evaluation.Name, base: initial, label: a.Label, arm: a, method: a.Method,
			languages: train.Config.Data.Languages, seed: seed,
		}
		if r.label == "" {
			r.label = a.Name
		}
		if r.method == "" {
			r.method = "SFT"
			if train.Config.Samples() {
				r.method = "RL"
			}
		}
		if err := b.add(train, evaluation); err != nil {
			return err
		}
		b.study.runs = append(b.study.runs, r)
	}
	b.state[a.Name] = built
	return nil
}

// agrees refuses settings of LoRA that are not those of the training whose adapter an arm trains further.
func (b *builder) agrees(train *Job) error {
	if train.From == "" {
		train.Adapter = train.Config.LoRA.Adapter
		return nil // what the adapter has is read when the run is checked
	}
	was, now := b.study.factors(b.study.Job(train.From)), train.Config.LoRA
	asked, has := slices.Sorted(slices.Values(now.Targets)), slices.Sorted(slices.Values(was.Targets))
	for _, s := range []struct {
		name      string
		differs   bool
		asked, is any
	}{
		{"lora.rank", now.Rank != 0 && was.Rank != 0 && now.Rank != was.Rank, now.Rank, was.Rank},
		{"lora.alpha", now.Alpha != 0 && was.Alpha != 0 && now.Alpha != was.Alpha, now.Alpha, was.Alpha},
		{"lora.targets", asked != nil && has != nil && !slices.Equal(asked, has), asked, has},
	} {
		if s.differs {
			return fmt.Errorf("%s is %v, and the adapter that it starts from, of %s, has %v: leave %s out", s.name,
				s.asked, train.From, s.is, s.name)
		}
	}
	return nil
}

// factors returns the settings of the adapter that a training makes: where it trains that of another further
// they are the other's.
func (s *Study) factors(j *Job) lora.Options {
	own := j.Config.LoRA
	if j.From == "" || own.Adapter == "" {
		return own
	}
	of := s.factors(s.Job(j.From))
	own.Adapter, own.Rank, own.Alpha, own.Targets = of.Adapter, of.Rank, of.Alpha, of.Targets
	return own
}

// savesAdapter reports whether the checkpoints of a training are of an adapter alone.
func (j *Job) savesAdapter() bool { return j.Config.LoRA.Trains() && !j.Config.LoRA.Merge }

// armOf finds the arm that a model of the study names as its model; nil where it names none.
func (b *builder) armOf(m *Model) *Arm {
	i := slices.IndexFunc(b.file.Arms, func(a Arm) bool { return a.Name == m.Model })
	if i < 0 {
		return nil
	}
	return &b.file.Arms[i]
}

// again adds evaluations of an arm's runs with a model's settings, as with another template.
func (b *builder) again(m *Model, a *Arm) error {
	if m.Base != "" || m.Method != "" || m.Languages != nil || m.Group != "" || m.Seed != nil || m.Curve != "" {
		return fmt.Errorf("it is %s evaluated in another way: base, method, languages, group, seed and curve are "+
			"that arm's", a.Name)
	}
	for _, seed := range b.seedsOf(a) {
		trained := b.study.Job(folder(Evaluate, runName(a.Name, seed)))
		one := *m
		one.Group, one.Seed, one.Family = m.Name, &seed, cmp.Or(m.Family, a.Name)
		j := &Job{
			Name: folder(Evaluate, runName(m.Name, seed)), Kind: Evaluate, Needs: trained.Needs, From: trained.From,
			Start: trained.Start, Evaluation: m.Evaluate,
		}
		if err := b.add(j); err != nil {
			return err
		}
		b.study.runs = append(b.study.runs,
			run{name: m.Name, job: j.Name, label: cmp.Or(m.Label, m.Name), model: &one, seed: seed, again: true})
	}
	return nil
}

// add adds jobs.
func (b *builder) add(jobs ...*Job) error {
	for _, j := range jobs {
		if b.study.Job(j.Name) != nil || b.givenAs(j.Name) {
			return fmt.Errorf("two runs would be %s: rename a model or an arm", j.Name)
		}
		b.study.Jobs = append(b.study.Jobs, j)
	}
	return nil
}

// givenAs reports whether a run whose results are given has the name of an evaluation.
func (b *builder) givenAs(job string) bool {
	return slices.ContainsFunc(b.study.runs, func(r run) bool { return r.given() != nil && r.job == job })
}

// model adds the evaluation of a model, or its results.
func (b *builder) model(m *Model) error {
	j := &Job{Name: folder(Evaluate, m.Name), Kind: Evaluate, Model: m.Model, Start: m.Model,
		Adapter: m.Adapter, Evaluation: m.Evaluate}
	now, err := json.Marshal(m.Evaluate)
	if err != nil {
		return err
	}
	for _, other := range b.file.Models {
		if other.Name == m.Name || m.given != nil {
			break
		}
		if other.given != nil {
			continue
		}
		if was, err := json.Marshal(other.Evaluate); err != nil {
			return err
		} else if other.Model == m.Model && other.Adapter == m.Adapter && bytes.Equal(was, now) {
			return fmt.Errorf("models %s and %s are one model, evaluated alike: leave one out", other.Name, m.Name)
		}
	}
	r := run{name: m.Name, job: j.Name, label: m.Label, model: m, languages: m.Languages, method: m.Method}
	if m.Base != "" {
		r.base = folder(Evaluate, m.Base)
	}
	if m.Group != "" {
		r.name = m.Group
	}
	if r.label == "" {
		r.label = r.name
	}
	b.study.runs = append(b.study.runs, r)
	if m.given != nil {
		return nil
	}
	return b.add(j)
}
