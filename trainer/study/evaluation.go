package study

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/eval/grade"
	"github.com/stele-lm/stele/eval/prompt"
	"github.com/stele-lm/stele/internal/nearest"
)

// Evaluation says how every model of a study is measured, as the flags of stele eval do.
// What is left out is as there.
type Evaluation struct {
	Benchmarks []string          `yaml:"benchmarks" json:"benchmarks"`
	Languages  []string          `yaml:"languages" json:"languages,omitempty"`
	Data       string            `yaml:"data" json:"data,omitempty"` // folder of benchmarks
	Registry   string            `yaml:"registry" json:"registry,omitempty"`
	Fields     map[string]string `yaml:"fields" json:"fields,omitempty"`
	FewShot    int               `yaml:"few_shot" json:"few_shot,omitempty"`
	Limit      int               `yaml:"limit" json:"limit,omitempty"`
	Levels     []int             `yaml:"levels" json:"levels,omitempty"`
	// Samples are those of each question; 0 for the benchmark's own number.
	Samples int `yaml:"samples" json:"samples,omitempty"`
	// Preset is paper, paper-32b or dapo-32b; the settings below come before what it says.
	Preset         string           `yaml:"preset" json:"preset,omitempty"`
	Temperature    *float64         `yaml:"temperature" json:"temperature,omitempty"`
	TopP           *float64         `yaml:"top_p" json:"top_p,omitempty"`
	TopK           *int             `yaml:"top_k" json:"top_k,omitempty"`
	MinP           *float64         `yaml:"min_p" json:"min_p,omitempty"`
	MaxTokens      *int             `yaml:"max_tokens" json:"max_tokens,omitempty"`
	Hack           *bool            `yaml:"hack" json:"hack,omitempty"`
	Stop           []string         `yaml:"stop" json:"stop,omitempty"`
	Seed           uint64           `yaml:"seed" json:"seed,omitempty"`
	Template       string           `yaml:"template" json:"template,omitempty"`
	TemplateArgs   prompt.Arguments `yaml:"template_args" json:"template_args,omitempty"`
	Grader         string           `yaml:"grader" json:"grader,omitempty"`
	LangCandidates []string         `yaml:"lang_candidates" json:"lang_candidates,omitempty"`
	// Batch limits the samples that are generated together, 32 when not given; results do not
	// depend on it.
	Batch int `yaml:"batch" json:"-"`
}

// Source says where the questions come from.
func (e *Evaluation) Source() bench.Options {
	return bench.Options{Dir: e.Data, Registry: e.Registry, Limit: e.Limit, Levels: e.Levels, Fields: e.Fields}
}

// Spec returns the specification for eval.Run, before it is settled which benchmark is there in
// which language and how many samples a question gets.
func (e *Evaluation) Spec() (eval.Spec, error) {
	s := eval.Spec{
		Benchmarks: slices.Clone(e.Benchmarks), Languages: slices.Clone(e.Languages), Levels: e.Levels,
		Limit: e.Limit, Sampling: eval.Sampling{Temperature: 0.6, TopP: 0.95}, Stop: e.Stop, Seed: e.Seed,
		Template: "auto", TemplateArgs: e.TemplateArgs, FewShot: e.FewShot, Grader: grade.Default.Name,
		LangCandidates: []string{"all"},
	}
	if e.Preset != "" {
		apply := eval.Presets[e.Preset]
		if apply == nil {
			names := slices.Sorted(maps.Keys(eval.Presets))
			return s, fmt.Errorf("unknown preset %q: expected %s%s", e.Preset, strings.Join(names, ", "),
				nearest.Hint(e.Preset, names))
		}
		apply(&s)
	}
	override(&s.Temperature, e.Temperature)
	override(&s.TopP, e.TopP)
	override(&s.TopK, e.TopK)
	override(&s.MinP, e.MinP)
	override(&s.MaxTokens, e.MaxTokens)
	override(&s.Hack, e.Hack)
	if e.Template != "" {
		s.Template = e.Template
	}
	if e.Grader != "" {
		s.Grader = e.Grader
	}
	if len(e.LangCandidates) > 0 {
		s.LangCandidates = e.LangCandidates
	}
	return s, prompt.UnknownTemplate(s.Template)
}

// override sets a setting that a file gives.
func override[T any](setting, value *T) {
	if value != nil {
		*setting = *value
	}
}

// validate refuses what can be known to be wrong without the data.
func (e *Evaluation) validate() error {
	if len(e.Benchmarks) == 0 {
		return fmt.Errorf("benchmarks is empty: name what the models are measured on")
	}
	if e.Samples < 0 || e.Batch < 0 {
		return fmt.Errorf("samples %d and batch %d must not be negative", e.Samples, e.Batch)
	}
	s, err := e.Spec()
	if err != nil {
		return err
	}
	for _, b := range e.Benchmarks {
		if _, err := bench.Lookup(b, e.Source()); err != nil {
			return err
		}
	}
	if len(s.Languages) == 0 {
		s.Languages = []string{"en"} // which there are is known when the data are read
	}
	s.Samples = eval.SamplesFor(s.Benchmarks, e.Samples)
	if err := s.SetDefaults(e.Source()); err != nil {
		return err
	}
	return s.Validate()
}

// unsetPreset forgets the settings that a preset says something of, for one of a model's
// own.
func (e *Evaluation) unsetPreset() {
	e.Temperature, e.TopP, e.MaxTokens, e.Hack = nil, nil, nil, nil
}
