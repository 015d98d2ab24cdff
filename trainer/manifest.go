package trainer

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/eval/language"
	"github.com/stele-lm/stele/internal/jsonl"
)

// Manifest is RUN/manifest.json: what was run, so that it can be run again.
type Manifest struct {
	Stele   string `json:"stele"`
	Backend string `json:"backend"`
	DType   string `json:"dtype"`
	// Saved is the dtype that checkpoints are written in; runs from before there was a choice have none, and write
	// them as the weights are held.
	Saved   string `json:"saved_dtype,omitempty"`
	Rollout string `json:"rollout_executor"` // host kernels, or the backend's graphs
	// Devices is the number of the backend's devices that share the work; runs from before it was noted have 0.
	Devices int `json:"devices,omitempty"`
	// Kernels are the instructions that products used (host.Tier).
	Kernels string `json:"host_kernels"`
	// CPU is the tier that the processor had or was capped to (isa.InForce); runs from
	// before it was noted have none.
	CPU string `json:"cpu_tier,omitempty"`
	// Hardware is what the run began on; runs from before it was noted have none.
	Hardware string `json:"hardware,omitempty"`
	// CUDNN is that attention of gradient passes is cuDNN's where it takes them.
	CUDNN bool   `json:"cudnn,omitempty"`
	Model string `json:"model_dir"` // that the run started from, absolute
	// Weights maps its weight files to their SHA-256, which tells later which evaluation
	// is of the same model; nil in runs older than the field.
	Weights map[string]string `json:"weights"`
	Config  Config            `json:"config"`
	// OwnLanguages are the user's, as languages.yaml beside the data described them.
	OwnLanguages []*language.Language `json:"own_languages,omitempty"`

	older bool // written before reward.lang_candidates was a setting
}

func readManifest(path string) (Manifest, error) {
	m := Manifest{Config: defaults()} // a setting that came later has its default
	// But for the languages that were told apart: the study's, before others were known.
	m.Config.Reward.LangCandidates = nil
	data, err := os.ReadFile(path)
	if err != nil {
		return m, err
	}
	if err := jsonl.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("%s: %w", path, err)
	}
	if m.Config.Model == "" {
		return m, fmt.Errorf("%s is not that of a training run: choose another folder", path)
	}
	if m.Config.Reward.LangCandidates == nil {
		m.older, m.Config.Reward.LangCandidates = true, []string{"study"}
	}
	return m, nil
}

// sameAs compares configurations, and names each setting that differs as the file of
// settings writes it; only the number of steps, the loggers and where the optimiser's state lies may change.
func (c Config) sameAs(now Config) error {
	now.Steps, now.Loggers, now.Optimizer.ZeROStage = c.Steps, c.Loggers, c.Optimizer.ZeROStage
	if reflect.DeepEqual(c, now) {
		return nil
	}
	changed, err := c.changes(now)
	if err != nil || len(changed) == 0 { // an empty list and none are the same setting
		return err
	}
	texts := make([]string, len(changed))
	for i, s := range changed {
		texts[i] = fmt.Sprintf("%s was %s, is %s", s.key, OrUnset(s.was), OrUnset(s.is))
	}
	return fmt.Errorf("the run was started with other settings: %s", strings.Join(texts, "; "))
}

// changed is a setting that differs; empty is not set.
type changed struct{ key, was, is string }

// changes returns each setting that differs, as the file of settings writes it.
func (c Config) changes(now Config) (all []changed, err error) {
	was, err := settingsOf(c)
	if err != nil {
		return nil, err
	}
	is, err := settingsOf(now)
	if err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(was)) {
		if was[key] != is[key] {
			all = append(all, changed{key, was[key], is[key]})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(is)) {
		if _, ok := was[key]; !ok {
			all = append(all, changed{key, "", is[key]})
		}
	}
	return all, nil
}

// OrUnset returns a setting's value as text, "not set" where it is empty.
func OrUnset(value string) string {
	if value == "" {
		return "not set"
	}
	return value
}

// settingsOf are the settings of a configuration: dotted keys, and values as a line of
// YAML.
func settingsOf(c Config) (map[string]string, error) {
	text, err := yaml.Marshal(c)
	if err != nil {
		return nil, err
	}
	var whole yaml.MapSlice
	if err := yaml.UnmarshalWithOptions(text, &whole, yaml.UseOrderedMap()); err != nil {
		return nil, err
	}
	out := map[string]string{}
	var walk func(prefix string, m yaml.MapSlice) error
	walk = func(prefix string, m yaml.MapSlice) error {
		for _, item := range m {
			key := prefix + fmt.Sprint(item.Key)
			if inner, ok := item.Value.(yaml.MapSlice); ok && len(inner) > 0 {
				if err := walk(key+".", inner); err != nil {
					return err
				}
				continue
			}
			value, err := yaml.MarshalWithOptions(item.Value, yaml.Flow(true))
			if err != nil {
				return err
			}
			if line := strings.TrimSpace(string(value)); line != "null" {
				out[key] = line
			} else {
				out[key] = "[]"
			}
		}
		return nil
	}
	return out, walk("", whole)
}

// RunOptions are the backend, the dtype, the kernels and the number of devices of the run in a folder, which
// goes on with these, of which only the last may be another.
func RunOptions(dir string) (backend, dtype string, kernels engine.Kernels, devices int, err error) {
	m, err := readManifest(filepath.Join(dir, "manifest.json"))
	return m.Backend, m.DType, m.kernels(), max(m.Devices, 1), err
}

// kernels is the setting that gives the run's rollout executor.
func (m Manifest) kernels() engine.Kernels {
	if m.Rollout == string(engine.KernelsHost) {
		return engine.KernelsHost
	}
	return engine.KernelsGraph
}

// goesOnAs refuses to go on with a run on a backend, a dtype or a rollout executor other
// than its own, which round differently, or with other words to ask in: a run that goes on
// must give what it would have given had it not been stopped.
func (m Manifest) goesOnAs(now Manifest) error {
	for _, c := range []struct{ what, was, is, remedy string }{
		{"backend", m.Backend, now.Backend, "--backend " + m.Backend},
		{"dtype", m.DType, now.DType, "--dtype " + m.DType},
		{"rollout executor", m.Rollout, now.Rollout, "--kernels " + string(m.kernels())},
	} {
		if c.was != c.is {
			return fmt.Errorf("the run was started with %s %s, here it is %s, and would not continue bit for "+
				"bit: resume with %s, or begin a new run with model set to its last checkpoint", c.what, c.was,
				c.is, c.remedy)
		}
	}
	if !reflect.DeepEqual(m.OwnLanguages, now.OwnLanguages) {
		return fmt.Errorf("the run was started with other languages of your own: make %s beside the data "+
			"what it was, or begin a new run", language.File)
	}
	return nil
}
