package problems

import (
	"fmt"
	"io"
	"slices"

	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/eval/prompt"
)

// Options choose the problems that are trained on.
type Options struct {
	// Bench is a benchmark's name, a file, a folder or a hub id in the local cache.
	Bench string `yaml:"bench" json:"bench"`
	// Dir is the folder of benchmarks.
	Dir string `yaml:"dir" json:"dir"`
	// Registry is a file of your own benchmarks, which takes precedence over benchmarks.yaml in Dir.
	Registry string `yaml:"registry" json:"registry"`
	// Split is train or test, if the benchmark has both.
	Split string `yaml:"split" json:"split"`
	// Languages are the codes of the languages of the problems.
	Languages []string `yaml:"languages" json:"languages"`
	// Levels are the levels of difficulty; empty means all.
	Levels []int `yaml:"levels" json:"levels"`
	// Types are the types of problem; empty means all.
	Types []string `yaml:"types" json:"types"`
	// Limit is the number of problems to take in each language, from the first on; 0 means all.
	Limit int `yaml:"limit" json:"limit"`
	// Fields name the fields of a problem, its answer and so on in a file or folder of your own, as in
	// {answer: reward_model.ground_truth}; parts that are not listed have their usual names
	// (docs/training.md). The parts are id, language, problem (or question, prompt), answer, solution (or
	// completion), level and type.
	Fields map[string]string `yaml:"fields,omitempty" json:"fields,omitempty"`

	// Count is the number of problems to choose in each language, which depends only on Seed and their ids;
	// 0 means all.
	Count int `yaml:"count" json:"count"`
	// Seed determines what Count chooses.
	Seed uint64 `yaml:"seed" json:"seed"`
	// Shares is the share of Count that each level gets, as in {1: 0.1, 2: 0.2, 3: 0.7}; empty leaves it to
	// chance.
	Shares map[int]float64 `yaml:"shares" json:"shares"`
	// Unparallel gives each language different problems, which no other language has, instead of the same
	// ones.
	Unparallel bool `yaml:"unparallel" json:"unparallel"`
	// MaxSolution leaves solutions with more tokens than this out of SFT; 0 leaves out only those that
	// exceed the model's positions.
	MaxSolution int `yaml:"max_solution" json:"max_solution"`
	// Curriculum goes through each epoch from the lowest level to the highest instead of in random
	// order.
	Curriculum bool `yaml:"curriculum" json:"curriculum"`

	// Template makes the prompt: auto, chat, qwen-instruct, qwen-math, r1-like, none, plain, verbatim or
	// native-cot (docs/evaluation.md). All of them put the text of a prompt into instructions, except
	// plain, which only adds a line break, and verbatim, which adds nothing.
	Template string `yaml:"template" json:"template"`
	// TemplateArgs are variables of the model's own chat template, as in {enable_thinking: false};
	// evaluations during training use them, too.
	TemplateArgs prompt.Arguments `yaml:"template_args,omitempty" json:"template_args,omitempty"`
	// Hack begins the completion with a prefix in the problem's language (the paper's prompt hacking).
	Hack bool `yaml:"hack" json:"hack"`
}

// Source returns the options of bench.Load; say gets what was guessed.
func (d Options) Source(say io.Writer) bench.Options {
	return bench.Options{
		Dir: d.Dir, Registry: d.Registry, Limit: d.Limit, Split: d.Split, Levels: d.Levels, Fields: d.Fields,
		Say: say,
	}
}

// Validate refuses numbers below 0, shares that do not add up to 1 and a language given twice.
func (d Options) Validate() error {
	if d.Count < 0 || d.Limit < 0 || d.MaxSolution < 0 {
		return fmt.Errorf("data: count %d, limit %d and max_solution %d must not be negative", d.Count,
			d.Limit, d.MaxSolution)
	}
	if d.Count == 0 && (d.Unparallel || len(d.Shares) > 0) {
		return fmt.Errorf("data: unparallel and shares need a count of problems to choose")
	}
	sum := 0.0
	for level, share := range d.Shares {
		if !(share > 0) {
			return fmt.Errorf("data: the share of level %d is %g, expected above 0", level, share)
		}
		sum += share
	}
	if len(d.Shares) > 0 && (sum < 0.999 || sum > 1.001) {
		return fmt.Errorf("data: shares add up to %g, expected 1", sum)
	}
	for i, l := range d.Languages {
		if slices.Contains(d.Languages[:i], l) {
			return fmt.Errorf("data: language %s appears twice", l)
		}
	}
	return nil
}
