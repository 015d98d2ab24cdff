package study

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/internal/settings"
	"github.com/stele-lm/stele/trainer"
)

// Model is evaluated as it is, or its results are given.
type Model struct {
	Name  string `yaml:"name"`
	Model string `yaml:"model"` // folder, hub id in the local cache, builtin:NAME, or an arm, evaluated in another way
	// Adapter is added to Model: the folder or hub id of an adapter in PEFT's layout. Models of one Model
	// are loaded once.
	Adapter string `yaml:"adapter"`
	// Results are given instead of the model: a file of accuracies, a results.json or a folder of
	// stele eval. Entry is the model's name in a file of several, where that is not Name.
	Results string `yaml:"results"`
	Entry   string `yaml:"entry"`
	Label   string `yaml:"label"` // in the report, instead of the name
	// Base names the model of the study that this one was trained from, Method how (such
	// as RL or SFT), Languages in which.
	Base      string   `yaml:"base"`
	Method    string   `yaml:"method"`
	Languages []string `yaml:"languages"`
	// Family is the row's name in the table of templates, for models that differ in nothing
	// else.
	Family string `yaml:"family"`
	// Group is what models are together that differ in the seed of their training alone, as the runs
	// of an arm are, and Seed the one of this model.
	Group string   `yaml:"group"`
	Seed  *uint64  `yaml:"seed"`
	Curve string   `yaml:"curve"` // scaling curve that it is a point of; none: of no curve
	Allow []string `yaml:"allow"` // settings of evaluation in which it may differ from its base
	// Evaluate has the settings in which its evaluation differs from the study's.
	Evaluate Evaluation `yaml:"evaluate"`

	given *given // nil where it is evaluated
}

// Arm is trained here, once with each seed. Any setting of training may stand in it, over
// those of the study.
type Arm struct {
	Name      string   `yaml:"name"`
	Label     string   `yaml:"label"`
	Method    string   `yaml:"method"` // in the report; RL for GRPO and SFT when not given
	Curve     string   `yaml:"curve"`
	Allow     []string `yaml:"allow"`
	Seeds     []uint64 `yaml:"seeds"`     // instead of the study's
	Languages []string `yaml:"languages"` // data.languages
	Template  string   `yaml:"template"`  // data.template

	// Its model is a model of the study, another arm, or what stele train takes.
	trainer.Config `yaml:",inline"`
}

// armKeys are the keys of an arm that are no settings of training.
var armKeys = []string{"name", "label", "method", "curve", "allow", "seeds", "languages", "template", "model"}

// Report says what is reported.
type Report struct {
	Title          string   `yaml:"title"`
	InDistribution []string `yaml:"in_distribution"` // benchmarks of the kind trained on
	// Measures are taken in the samples beside accuracy, as stele report --measures; LevelWeights are
	// those of levels of difficulty.
	Measures     []string        `yaml:"measures"`
	LevelWeights map[int]float64 `yaml:"level_weights"`
	// Comparisons get a page each, of their runs and these runs' bases alone.
	Comparisons []Comparison `yaml:"comparisons"`
}

// Comparison is a page of the report, REPORT/NAME.
type Comparison struct {
	Name  string   `yaml:"name"`
	Title string   `yaml:"title"`
	Runs  []string `yaml:"runs"` // models and arms
	// Makes are the tables and figures of the paper, such as table 1, that these runs make; what no
	// comparison makes is made of the runs that fit.
	Makes []string `yaml:"makes" json:",omitempty"`
}

// document is a study's file. T is what train is: settings, or the path of a file of them.
type document[T any] struct {
	Evaluate Evaluation `yaml:"evaluate"`
	Train    T          `yaml:"train"`
	Models   []Model    `yaml:"models"`
	Arms     []Arm      `yaml:"arms"`
	Seeds    []uint64   `yaml:"seeds"`
	Report   Report     `yaml:"report"`
}

// Called implements settings.Renaming for what is a setting of training.
func (document[T]) Called(setting string) (here string) {
	if strings.HasPrefix(setting, "train.") || strings.HasPrefix(setting, "arms.") {
		return trainer.Config{}.Called(setting)
	}
	return ""
}

// file is a study's file as it was read, with the settings of each arm and model as far as
// they are given.
type file struct {
	document[string]
	text []byte
	base []string   // settings of training, as --set takes them
	arms [][]string // those of each arm
	// stated are files of accuracies that were read.
	stated map[statedBy]*eval.Accuracies
	said   []string
	dir    string // that it lies in
}

// note keeps a line that everybody must know, once.
func (f *file) note(line string) {
	if !slices.Contains(f.said, line) {
		f.said = append(f.said, line)
	}
}

// path is a path as the study's file means it (see settings.Beside). What has no slash and no dot is a name, and so
// are the models and arms of the study.
func (f *file) path(what, path string) string {
	named := slices.ContainsFunc(f.Models, func(m Model) bool { return m.Name == path }) ||
		slices.ContainsFunc(f.Arms, func(a Arm) bool { return a.Name == path })
	if named || !strings.ContainsAny(path, `/\.`) {
		return path
	}
	at, note := settings.Beside(f.dir, path)
	if note != "" {
		f.note(what + ": " + note)
	}
	return at
}

// paths reads the paths of an evaluation that differ from those of another, which were read before.
func (f *file) paths(what string, e *Evaluation, from Evaluation) {
	for _, setting := range []struct {
		name string
		path *string
		was  string
	}{{"data", &e.Data, from.Data}, {"registry", &e.Registry, from.Registry}} {
		if *setting.path == setting.was {
			continue
		}
		at, note := settings.Beside(f.dir, *setting.path)
		if *setting.path = at; note != "" {
			f.note(what + "." + setting.name + ": " + note)
		}
	}
	if !slices.Equal(e.Benchmarks, from.Benchmarks) {
		e.Benchmarks = slices.Clone(e.Benchmarks)
		for i, b := range e.Benchmarks {
			e.Benchmarks[i] = f.path(what+".benchmarks", b)
		}
	}
}

// config is a configuration of training: the file's that the study names, with settings of the study's own over it.
func (f *file) config(set []string) (trainer.Config, error) {
	return trainer.ReadConfig(trainer.Sources{File: f.Train, Set: set, SetDir: f.dir, Say: func(line string) {
		f.note("train: " + line)
	}})
}

// statedBy is a file of accuracies, and what says which benchmarks and languages there are.
type statedBy struct{ path, data, registry string }

// parse reads a study's file. Unknown keys are errors.
func parse(data []byte, dir string) (*file, error) {
	f := &file{text: data, dir: dir}
	var raw yaml.MapSlice
	var kind struct {
		Train any `yaml:"train"`
	}
	text, err := settings.Text(data)
	if err != nil {
		return nil, err
	}
	if err := settings.Unmarshal(text, &kind); err != nil {
		return nil, settings.Explain(text, err)
	}
	_, isPath := kind.Train.(string)
	if isPath {
		err = settings.Read(data, &f.document)
	} else {
		var inline document[trainer.Config]
		err = settings.Read(data, &inline)
		f.document = document[string]{inline.Evaluate, "", inline.Models, inline.Arms, inline.Seeds, inline.Report}
	}
	if err != nil {
		return nil, err
	}
	if err := settings.Unmarshal(text, &raw, yaml.UseOrderedMap()); err != nil {
		return nil, settings.Explain(text, err)
	}
	var models, arms []any
	stated := false // how accuracies of files were measured
	for _, item := range raw {
		switch item.Key {
		case "train":
			if !isPath {
				f.base = flags(item.Value, nil)
			}
		case "evaluate":
			stated = true
		case "models":
			models, _ = item.Value.([]any)
		case "arms":
			arms, _ = item.Value.([]any)
		}
	}
	if isPath {
		if f.Train, err = beside(dir, f.Train, "a file of settings for training"); err != nil {
			return nil, fmt.Errorf("train: %w", err)
		}
	}
	f.paths("evaluate", &f.Evaluate, Evaluation{})
	if f.evaluates() {
		if err := f.Evaluate.validate(); err != nil {
			return nil, fmt.Errorf("evaluate: %w", err)
		}
	}
	for i := range f.Arms {
		f.Arms[i].Model = f.path(place("arm", f.Arms[i].Name, i), f.Arms[i].Model)
		if err := f.arm(&f.Arms[i], arms[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", place("arm", f.Arms[i].Name, i), err)
		}
	}
	for i := range f.Models {
		m := &f.Models[i]
		what := place("model", m.Name, i)
		m.Model, m.Adapter = f.path(what, m.Model), f.path(what, m.Adapter)
		if m.Evaluate, err = f.Evaluate.with(models[i]); err == nil {
			f.paths(what, &m.Evaluate, f.Evaluate)
		}
		if err == nil && m.Results == "" {
			err = m.Evaluate.validate()
		}
		if err != nil {
			return nil, fmt.Errorf("%s: evaluate: %w", place("model", m.Name, i), err)
		}
		if m.Results == "" {
			continue
		}
		if m.given, err = f.give(m, dir, keysOf(models[i], "evaluate"), stated); err != nil {
			return nil, fmt.Errorf("%s: results: %w", place("model", m.Name, i), err)
		}
		f.said = append(f.said, m.given.said...)
	}
	return f, f.check()
}

// evaluates reports whether anything is evaluated here.
func (f *file) evaluates() bool {
	return len(f.Arms) > 0 || len(f.Models) == 0 ||
		slices.ContainsFunc(f.Models, func(m Model) bool { return m.Results == "" })
}

// keysOf lists the keys in a group of an entry of a list.
func keysOf(entry any, group string) (keys []string) {
	items, _ := entry.(yaml.MapSlice)
	for _, item := range items {
		inner, _ := item.Value.(yaml.MapSlice)
		for _, setting := range inner {
			if item.Key == group {
				keys = append(keys, fmt.Sprint(setting.Key))
			}
		}
	}
	return keys
}

// place names an entry of a list, which may have no name yet.
func place(kind, name string, i int) string {
	if name == "" {
		return fmt.Sprintf("%s %d", kind, i+1)
	}
	return kind + " " + name
}

// beside finds a file that a study names: beside the study's, or from the current folder.
// expected says what it is.
func beside(dir, path, expected string) (string, error) {
	if filepath.IsAbs(path) {
		return path, nil
	}
	near := filepath.Join(dir, path)
	for _, at := range []string{near, path} {
		if _, err := os.Stat(at); err == nil {
			return at, nil
		}
	}
	if near == path {
		return "", fmt.Errorf("there is no %s: expected %s", path, expected)
	}
	return "", fmt.Errorf("there is no %s, and no %s: expected %s", near, path, expected)
}

// arm collects the settings of training in an arm.
func (f *file) arm(a *Arm, raw any) error {
	entry, _ := raw.(yaml.MapSlice)
	set := flags(entry, armKeys)
	for _, item := range entry {
		if item.Key == "seed" {
			return errors.New("seed is set: the seeds of an arm are its seeds, or the study's")
		}
		inner, _ := item.Value.(yaml.MapSlice)
		for _, data := range inner {
			twice := data.Key == "languages" && a.Languages != nil || data.Key == "template" && a.Template != ""
			if item.Key == "data" && twice {
				return fmt.Errorf("%s and data.%s are the same setting: give one", data.Key, data.Key)
			}
		}
	}
	if a.Languages != nil {
		set = append(set, "data.languages="+flow(a.Languages))
	}
	if a.Template != "" {
		set = append(set, "data.template="+flow(a.Template))
	}
	f.arms = append(f.arms, set)
	return nil
}

// with is the evaluation with what a model's entry says over it.
func (e Evaluation) with(model any) (Evaluation, error) {
	entry, _ := model.(yaml.MapSlice)
	for _, item := range entry {
		if item.Key != "evaluate" {
			continue
		}
		own, _ := item.Value.(yaml.MapSlice)
		text := []byte(flow(own))
		var given Evaluation
		if err := settings.Read(text, &given); err != nil {
			return e, err
		}
		if given.Preset != "" {
			e.unsetPreset()
		}
		for _, shared := range []any{&e.Temperature, &e.TopP, &e.MinP, &e.TopK, &e.MaxTokens, &e.Hack} {
			detach(shared)
		}
		return e, settings.Read(text, &e)
	}
	return e, nil
}

// detach gives a setting that may not be given a value of its own.
func detach(setting any) {
	switch s := setting.(type) {
	case **float64:
		copied(s)
	case **int:
		copied(s)
	case **bool:
		copied(s)
	}
}

func copied[T any](s **T) {
	if *s != nil {
		v := **s
		*s = &v
	}
}

// flags are the settings of a configuration's mapping, as --set takes them: a setting for
// each key, and for each one in the groups, such as data. Keys that are left out are none.
func flags(mapping any, leaveOut []string) (set []string) {
	entry, _ := mapping.(yaml.MapSlice)
	for _, item := range entry {
		key := fmt.Sprint(item.Key)
		if slices.Contains(leaveOut, key) {
			continue
		}
		group, ok := item.Value.(yaml.MapSlice)
		if !ok {
			set = append(set, key+"="+flow(item.Value))
		}
		for _, inner := range group {
			set = append(set, fmt.Sprintf("%s.%v=%s", key, inner.Key, flow(inner.Value)))
		}
	}
	return set
}

// flow writes a value as a line of YAML, texts as JSON does.
func flow(value any) string {
	var b strings.Builder
	switch v := value.(type) {
	case yaml.MapSlice:
		for i, item := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(flow(item.Key) + ": " + flow(item.Value))
		}
		return "{" + b.String() + "}"
	case []any:
		for i, e := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(flow(e))
		}
		return "[" + b.String() + "]"
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value) // .inf and .nan, which YAML has
	}
	return string(text)
}
