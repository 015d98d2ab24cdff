package trainer

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/eval/grade"
	"github.com/stele-lm/stele/eval/language"
	"github.com/stele-lm/stele/internal/nearest"
	"github.com/stele-lm/stele/internal/settings"
	"github.com/stele-lm/stele/kernels/blockwise"
	"github.com/stele-lm/stele/sampler"
	"github.com/stele-lm/stele/trainer/logger"
	"github.com/stele-lm/stele/trainer/lora"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/optimizer"
	"github.com/stele-lm/stele/trainer/problems"
	"github.com/stele-lm/stele/trainer/reward"
)

// Samples reports whether the algorithm learns from completions that the model samples,
// not from reference solutions.
func (c *Config) Samples() bool {
	a, err := objective.Named(c.Algorithm)
	return err != nil || a.Rollouts
}

// compares reports whether rollouts are compared with a reference model: for the KL
// divergence in the reward, or for an objective that reads it.
func (c *Config) compares() bool {
	o, err := c.objective()
	if err != nil || !c.Samples() {
		return false
	}
	weighted := c.Loss.Beta > 0
	return weighted && c.Loss.KLIn == objective.KLInReward ||
		o.Reads(objective.Ref) && (weighted || !o.RefOnlyWithBeta)
}

// objective returns what the algorithm minimises, with the options of the loss.
func (c *Config) objective() (objective.Objective, error) {
	a, err := objective.Named(c.Algorithm)
	if err != nil {
		return objective.Objective{}, err
	}
	return a.Objective(c.Loss)
}

// Config is a training run, whole: its YAML file and manifest hold exactly this.
type Config struct {
	// Algorithm is the training method: grpo, gspo, cispo, sapo, sft, or another one that is registered
	// (see objective.Algorithm).
	Algorithm string `yaml:"algorithm" json:"algorithm"`
	// Preset names the recipe that the other settings start from, wherever it is written: paper, verl-v0.2,
	// dapo, dr-grpo, gspo, cispo, sapo, rloo, reinforce++ or reinforce++-baseline.
	Preset string `yaml:"preset" json:"preset"`
	// Model is a folder, a hub id in the local cache, or builtin:NAME.
	Model string `yaml:"model" json:"model"`
	// Seed determines the order of problems, the rollouts and the initial values of an adapter.
	Seed uint64 `yaml:"seed" json:"seed"`
	// Steps is the number of rollout steps or, in SFT, of optimiser steps.
	Steps int `yaml:"steps" json:"steps"`

	// Memory says what happens to a run that does not fit into the available memory: empty refuses it; auto
	// chooses the fewest of update.remat, update.micro_tokens, rollout.batch and optimizer.state that make
	// it fit, and reports them.
	Memory string `yaml:"memory" json:"memory,omitempty"`
	// Loggers are the tools for which the metrics are written as files in the run's folder, besides
	// metrics.jsonl: tensorboard, wandb, mlflow, trackio. A resumed run may have others.
	Loggers []string `yaml:"loggers" json:"loggers"`

	// Data chooses the problems to train on.
	Data problems.Options `yaml:"data" json:"data"`
	// Rollout holds the settings of sampling.
	Rollout Rollout `yaml:"rollout" json:"rollout"`
	// Reward weighs the parts of a completion's reward.
	Reward reward.Config `yaml:"reward" json:"reward"`
	// Loss holds the options of the objective.
	Loss objective.Options `yaml:"loss" json:"loss"`
	// Optimizer is torch's AdamW, with clipping of the gradient's norm.
	Optimizer optimizer.AdamW `yaml:"optimizer" json:"optimizer"`
	// Update says how a step's completions become optimiser steps.
	Update Update `yaml:"update" json:"update"`
	// LoRA trains an adapter instead of the weights.
	LoRA lora.Options `yaml:"lora" json:"lora"`
	// Save holds the settings of checkpoints and kept rollouts.
	Save Save `yaml:"save" json:"save"`
	// Eval measures the model before the run, after it and, if wanted, every few steps.
	Eval Eval `yaml:"eval" json:"eval"`
}

// MemoryAuto is the value of Config.Memory that lets a run choose its settings.
const MemoryAuto = "auto"

// Rollout holds the settings of sampling.
type Rollout struct {
	// Questions is the number of problems per step.
	Questions int `yaml:"questions" json:"questions"`
	// GroupSize is the number of completions per problem, which are compared with each other.
	GroupSize int `yaml:"group_size" json:"group_size"`
	// Temperature is the sampling temperature, above 0; log-probabilities are of the same distribution.
	Temperature float64 `yaml:"temperature" json:"temperature"`
	// MaxPrompt is the maximum number of tokens in a prompt; problems with longer prompts are left out.
	MaxPrompt int `yaml:"max_prompt" json:"max_prompt"`
	// MaxTokens is the maximum number of tokens in a completion.
	MaxTokens int `yaml:"max_tokens" json:"max_tokens"`
	// Stop lists texts before which a completion ends, in addition to the model's end of sequence.
	Stop []string `yaml:"stop" json:"stop"`
	// Batch is the number of sequences decoded together; results do not depend on it.
	Batch int `yaml:"batch" json:"batch"`
	// MaxDifference stops the run if, before any update, a sampled token's log-probability in the engine
	// and in the trainer differ by more than this, or in bfloat16, which also rounds activations, by more
	// than ten times this.
	MaxDifference float64 `yaml:"max_difference" json:"max_difference"`

	// DynamicSampling drops groups whose members do not differ and samples further problems in their place
	// (DAPO; verl's filter_groups).
	DynamicSampling bool `yaml:"dynamic_sampling" json:"dynamic_sampling"`
	// MaxGenBatches is how many times per step DynamicSampling may sample Questions problems.
	MaxGenBatches int `yaml:"max_gen_batches" json:"max_gen_batches"`
	// FilterBy is the number that must differ within a group for DynamicSampling to keep it: accuracy or
	// reward.
	FilterBy string `yaml:"filter_by" json:"filter_by"`
}

// Values of Rollout.FilterBy.
const (
	FilterByAccuracy = "accuracy"
	FilterByReward   = "reward"
)

// Update holds the settings that turn a step's rollouts into optimiser steps.
type Update struct {
	// MiniBatches is the number of optimiser steps in a pass over a step's rollouts; not used in SFT.
	MiniBatches int `yaml:"mini_batches" json:"mini_batches"`
	// Epochs is the number of passes over a step's rollouts; not used in SFT.
	Epochs int `yaml:"epochs" json:"epochs"`
	// MicroTokens is the maximum number of tokens in one gradient pass, including padding. A smaller value
	// needs less memory; results depend on it only by rounding.
	MicroTokens int `yaml:"micro_tokens" json:"micro_tokens"`
	// Batch is the number of examples per optimiser step in SFT.
	Batch int `yaml:"batch" json:"batch"`
	// Remat computes each layer again in the backward pass instead of keeping its activations.
	Remat bool `yaml:"remat" json:"remat"`
	// Packing puts several SFT examples in a row; none of them sees another.
	Packing bool `yaml:"packing" json:"packing"`
}

// Save holds the settings of checkpoints and kept rollouts.
type Save struct {
	// Every is the number of steps between checkpoints; the last step always has one.
	Every int `yaml:"every" json:"every"`
	// KeepLast is the number of latest checkpoints to keep; 0 keeps all.
	KeepLast int `yaml:"keep_last" json:"keep_last"`
	// KeepBest is the number of checkpoints with the highest evaluation accuracy to keep in addition; each
	// evaluated step then has a checkpoint.
	KeepBest int `yaml:"keep_best" json:"keep_best"`
	// DType is the dtype of checkpoints: float32, bfloat16 or float16; empty means the dtype in which the
	// model came, or bfloat16 if --dtype bfloat16 holds the weights in it. If that is less precise than the
	// weights in training, a checkpoint also keeps those exactly, for resuming.
	DType string `yaml:"dtype" json:"dtype,omitempty"`
	// Rollouts writes rollouts/step-N.jsonl, with each completion and its rewards.
	Rollouts bool `yaml:"rollouts" json:"rollouts"`
}

// Eval holds the settings of evaluation: before the run, after it, and every few steps if
// wanted.
type Eval struct {
	// Bench names benchmarks as data.bench does, several separated by commas; empty evaluates nothing.
	Bench string `yaml:"bench" json:"bench"`
	// Dir is the folder of benchmarks.
	Dir string `yaml:"dir" json:"dir"`
	// Registry is a file of your own benchmarks, which takes precedence over benchmarks.yaml in Dir.
	Registry string `yaml:"registry" json:"registry"`
	// Grader is the grader whose verdicts make the accuracy: qwen (also if empty) or strict.
	Grader string `yaml:"grader" json:"grader"`
	// Languages are the codes of the languages of the questions; empty means all that the benchmark has.
	Languages []string `yaml:"languages" json:"languages"`
	// Levels are the levels of difficulty; empty means all.
	Levels []int `yaml:"levels" json:"levels"`
	// Limit is the number of questions to ask, from the first on, the same in each language; 0 means all.
	Limit int `yaml:"limit" json:"limit"`
	// Samples is the number of completions per question; 0 means the benchmark's own number.
	Samples int `yaml:"samples" json:"samples"`
	// Temperature is the sampling temperature; 0 is greedy.
	Temperature float64 `yaml:"temperature" json:"temperature"`
	// TopP keeps the likeliest tokens with this total probability (nucleus sampling); 1 keeps all.
	TopP float64 `yaml:"top_p" json:"top_p"`
	// MaxTokens is the maximum number of tokens in a completion; 0 means the benchmark's own limit.
	MaxTokens int `yaml:"max_tokens" json:"max_tokens"`
	// Before also measures the initial model.
	Before bool `yaml:"before" json:"before"`
	// Every is the number of steps between evaluations; 0 evaluates only before and after.
	Every int `yaml:"every" json:"every"`
	// Patience ends the run when this many consecutive evaluations have not been more accurate than the
	// best one before them; 0 turns it off.
	Patience int `yaml:"patience" json:"patience"`
}

// Presets maps a recipe's name to the settings it starts from.
var Presets = map[string]func(*Config){
	"paper": func(c *Config) {
		c.Loss = objective.Default()
		c.Loss.Beta = 0.001
	},
	"verl-v0.2": func(c *Config) {
		c.Loss = objective.Default()
		c.Loss.Aggregation, c.Loss.Beta, c.Loss.Entropy = objective.MicroTokenMean, 0.001, 0.001
	},
	"dapo": func(c *Config) {
		c.Loss = objective.Default()
		c.Loss.Aggregation, c.Loss.ClipHigh = objective.TokenMean, 0.28
		c.Rollout.DynamicSampling, c.Rollout.FilterBy, c.Rollout.MaxGenBatches = true, FilterByAccuracy, 10
		c.Reward.OverlongBuffer, c.Reward.OverlongPenalty = 0.2, 1
	},
	"dr-grpo": func(c *Config) {
		c.Loss = objective.Default()
		c.Loss.Aggregation, c.Loss.Std = objective.SeqMeanTokenSumNorm, false
	},
	"gspo": func(c *Config) { c.Algorithm, c.Loss = objective.GSPO, objective.Default() },
	"cispo": func(c *Config) {
		c.Algorithm, c.Loss = objective.CISPO, objective.Default()
		c.Loss.Aggregation = objective.TokenMean
	},
	"sapo": func(c *Config) { c.Algorithm, c.Loss = objective.SAPO, objective.Default() },
	// The next three with the KL divergence as verl's examples have it.
	"rloo": func(c *Config) {
		c.Loss = objective.Default()
		c.Loss.Advantage, c.Loss.Aggregation = objective.RLOO, objective.TokenMean
		c.Loss.Beta, c.Loss.KLIn, c.Loss.KL = 0.001, objective.KLInReward, "k1"
	},
	"reinforce++":          reinforce(objective.ReinforcePlusPlus),
	"reinforce++-baseline": reinforce(objective.ReinforceBaseline),
}

// reinforce is the recipe of REINFORCE++ with an estimator of it.
func reinforce(advantage objective.Estimator) func(*Config) {
	return func(c *Config) {
		c.Loss = objective.Default()
		c.Loss.Advantage, c.Loss.Aggregation = advantage, objective.TokenMean
		c.Loss.Beta, c.Loss.KL = 0.001, "k2"
	}
}

// defaults is the paper's run where the paper states a value.
func defaults() Config {
	c := Config{
		Algorithm: objective.GRPO, Preset: "paper", Seed: 0, Steps: 100, Loggers: []string{"tensorboard"},
		Data: problems.Options{Split: "train", Languages: []string{"en"}, Template: "auto"},
		Rollout: Rollout{
			Questions: 128, GroupSize: 16, Temperature: 1, MaxPrompt: 1024, MaxTokens: 4096, Batch: 64,
			MaxDifference: 0.1,
			MaxGenBatches: 10, FilterBy: FilterByAccuracy,
		},
		Reward:    reward.DefaultConfig(),
		Optimizer: optimizer.Default(),
		Update:    Update{MiniBatches: 1, Epochs: 1, MicroTokens: 4096, Batch: 32, Packing: true},
		LoRA: lora.Options{
			Alpha: 32, Targets: architecture.Projections(), Merge: true, Base: blockwise.None, DoubleQuant: true,
		},
		Save: Save{Every: 20, KeepLast: 3, Rollouts: true},
		Eval: Eval{Grader: grade.Default.Name, Temperature: 0.6, TopP: 0.95, MaxTokens: 512,
			Before: true},
	}
	Presets["paper"](&c)
	return c
}

// LoadConfig reads a YAML file (none when path is empty) and then applies
// key=value settings such as "optimizer.lr=1e-5" or "data.languages=[en, ru]".
// Unknown keys are errors. A preset, wherever it is named, comes first. Paths in the file are relative to it, those
// of settings to the current folder.
func LoadConfig(path string, set []string) (Config, error) {
	return ReadConfig(Sources{File: path, Set: set})
}

// Sources are where a configuration comes from.
type Sources struct {
	File string   // YAML; "" for none
	Set  []string // key=value, over the file
	// SetDir is the folder that paths in Set, but for those of models and adapters, are relative to, if they were
	// written in a file there; "" for the current one.
	SetDir string
	Say    func(string) // gets a line about each path that may be another than was meant; may be nil
}

// ReadConfig is LoadConfig, and says which paths may be others than were meant.
func ReadConfig(s Sources) (Config, error) { return defaults().with(s) }

// ResumeConfig is the configuration of the run in a folder, with settings over it that
// sameAs must allow.
func ResumeConfig(dir string, set []string) (Config, error) {
	m, err := readManifest(filepath.Join(dir, "manifest.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, fmt.Errorf("%s holds no run to continue: name its folder, or begin one with "+
			"--config", dir)
	}
	if err != nil {
		return Config{}, err
	}
	return m.Config.with(Sources{Set: set})
}

// with returns c with the settings of a file and of --set applied, checked.
func (c Config) with(s Sources) (Config, error) {
	path, set := s.File, s.Set
	var notes []pathNote
	var documents [][]byte
	if path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return Config{}, err
		}
		if data, err = settings.Text(data); err != nil {
			return Config{}, fmt.Errorf("%s: %w", path, err)
		}
		documents = append(documents, data)
	}
	for _, setting := range set {
		data, err := settingYAML(setting)
		if err != nil {
			return Config{}, err
		}
		documents = append(documents, data)
	}
	var named struct {
		Preset string `yaml:"preset"`
		LoRA   struct {
			Adapter string `yaml:"adapter"`
		} `yaml:"lora"`
	}
	for i, data := range documents {
		if err := settings.Unmarshal(data, &named); err != nil {
			return c, documentError(path, set, i, settings.Explain(data, err))
		}
	}
	if named.Preset != "" {
		apply := Presets[named.Preset]
		if apply == nil {
			names := slices.Sorted(maps.Keys(Presets))
			return c, fmt.Errorf("unknown preset %q: expected %s%s", named.Preset, strings.Join(names, ", "),
				nearest.Hint(named.Preset, names))
		}
		apply(&c)
	}
	if named.LoRA.Adapter != "" {
		c.LoRA.Unset()
	}
	for i, data := range documents {
		if len(bytes.TrimSpace(data)) == 0 {
			continue
		}
		before := c
		if err := settings.Read(data, &c); err != nil {
			return c, documentError(path, set, i, err)
		}
		switch {
		case path != "" && i == 0:
			notes = append(notes, c.beside(filepath.Dir(path), before)...)
		case s.SetDir != "":
			model, adapter := c.Model, c.LoRA.Adapter
			notes = append(notes, c.beside(s.SetDir, before)...)
			c.Model, c.LoRA.Adapter = model, adapter
		}
	}
	for _, note := range notes {
		if s.Say != nil && note.holds(&c) {
			s.Say(note.line)
		}
	}
	return c, c.validate()
}

// ofLine matches the line number that errors begin with, which a setting of --set has not.
var ofLine = regexp.MustCompile(`^line \d+(, "[^"]*")?: `)

// documentError adds to an error the file or the --set that document i came from.
func documentError(path string, set []string, i int, err error) error {
	if path != "" {
		if i == 0 {
			return fmt.Errorf("%s: %w", path, err)
		}
		i--
	}
	return fmt.Errorf("--set %s: %s", set[i], ofLine.ReplaceAllString(err.Error(), ""))
}

// settingYAML turns "a.b=value" into the YAML document {a: {b: value}}.
func settingYAML(setting string) ([]byte, error) {
	key, value, ok := strings.Cut(setting, "=")
	if !ok || key == "" {
		return nil, fmt.Errorf("--set %q: expected key=value", setting)
	}
	if strings.TrimSpace(value) == "" {
		value = `""` // YAML's null would leave the setting as it is
	}
	parts := strings.Split(key, ".")
	var b strings.Builder
	for i, part := range parts {
		fmt.Fprintf(&b, "%s%s:", strings.Repeat("  ", i), part)
		if i < len(parts)-1 {
			b.WriteByte('\n')
		}
	}
	fmt.Fprintf(&b, " %s\n", value)
	return []byte(b.String()), nil
}

// validate refuses settings that would stop an evaluation, which may come when the training
// is done.
func (e Eval) validate() error {
	if e.Bench == "" {
		return nil
	}
	if _, err := sampler.NewParams(e.Temperature, 0, e.TopP, 0); err != nil {
		return fmt.Errorf("eval: %w", err)
	}
	if _, err := grade.Named(e.Grader); err != nil && e.Grader != "" {
		return fmt.Errorf("eval.grader: %w", err)
	}
	if e.Limit < 0 || e.Samples < 0 || e.MaxTokens < 0 {
		return fmt.Errorf("eval: limit %d, samples %d and max_tokens %d must not be negative", e.Limit,
			e.Samples, e.MaxTokens)
	}
	return nil
}

func (c *Config) validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	if o, err := c.objective(); err != nil {
		errs = append(errs, err)
	} else if l := c.Loss; c.Samples() && l.KLTarget > 0 && l.KLIn == objective.KLInLoss {
		check(slices.Contains(o.Statistics, objective.KL) || o.Derived[objective.KL] != nil,
			"loss.kl_target %g needs a KL divergence in the loss, and algorithm %s has no "+
				"statistic %q: set it to 0, or loss.kl_in to reward",
			l.KLTarget, c.Algorithm, objective.KL)
	}
	check(c.Model != "", "model is not set")
	check(c.Data.Bench != "", "data.bench is not set")
	check(len(c.Data.Languages) > 0, "data.languages is empty")
	check(c.Memory == "" || c.Memory == MemoryAuto, "memory is %q, expected auto or nothing (--memory 24GiB "+
		"says how much there is)", c.Memory)
	if err := logger.Check(c.Loggers); err != nil {
		errs = append(errs, fmt.Errorf("loggers: %w", err))
	}
	check(c.Steps > 0, "steps is %d, expected at least 1", c.Steps)
	check(c.Save.Every > 0, "save.every is %d, expected at least 1", c.Save.Every)
	check(c.Save.KeepLast >= 0 && c.Save.KeepBest >= 0,
		"save.keep_last %d and keep_best %d must not be negative", c.Save.KeepLast, c.Save.KeepBest)
	_, known := checkpoint.ParseTorchName(c.Save.DType)
	check(c.Save.DType == "" || known, "save.dtype is %q, expected float32, bfloat16 or float16", c.Save.DType)
	check(c.Eval.Every >= 0 && c.Eval.Patience >= 0, "eval.every %d and patience %d must not be negative",
		c.Eval.Every, c.Eval.Patience)
	measured := c.Eval.Bench != "" && c.Eval.Every > 0
	check(measured || c.Save.KeepBest == 0 && c.Eval.Patience == 0,
		"save.keep_best %d and eval.patience %d need eval.bench and eval.every", c.Save.KeepBest,
		c.Eval.Patience)
	errs = append(errs, c.Data.Validate(), c.LoRA.Validate(), c.Eval.validate())
	check(c.Update.MicroTokens > 0, "update.micro_tokens is %d, expected at least 1", c.Update.MicroTokens)
	if !c.Samples() {
		check(c.Update.Batch > 0, "update.batch is %d, expected at least 1", c.Update.Batch)
	} else {
		r, u := c.Rollout, c.Update
		check(r.Questions > 0, "rollout.questions is %d, expected at least 1", r.Questions)
		check(r.GroupSize > 1, "rollout.group_size is %d, expected at least 2: advantages compare "+
			"rollouts of a group", r.GroupSize)
		check(r.Temperature > 0 && !math.IsInf(r.Temperature, 1),
			"rollout.temperature is %g, expected a finite number above 0", r.Temperature)
		check(r.MaxTokens > 0 && r.MaxPrompt > 0, "rollout.max_tokens %d and max_prompt %d must be positive",
			r.MaxTokens, r.MaxPrompt)
		check(r.Batch > 0, "rollout.batch is %d, expected at least 1", r.Batch)
		check(u.MiniBatches > 0 && u.Epochs > 0, "update.mini_batches %d and epochs %d must be positive",
			u.MiniBatches, u.Epochs)
		check(u.MiniBatches <= r.Questions, "update.mini_batches %d is more than rollout.questions %d",
			u.MiniBatches, r.Questions)
		check(!r.DynamicSampling || r.MaxGenBatches > 0, "rollout.max_gen_batches is %d, expected at least 1",
			r.MaxGenBatches)
		check(r.FilterBy == FilterByAccuracy || r.FilterBy == FilterByReward,
			"rollout.filter_by is %q, expected accuracy or reward", r.FilterBy)
	}
	check(!slices.Contains(c.Rollout.Stop, ""), "rollout.stop has an empty text, which ends nothing")
	languages, err := c.Data.Source(nil).LanguageTable()
	if err != nil {
		errs, languages = append(errs, err), language.Builtin()
	}
	errs = append(errs, c.notFinite(), c.Loss.Validate(), c.Optimizer.Validate(), c.Reward.Validate(languages))
	var all []string // a line of all that is wrong
	for _, err := range errs {
		if err != nil {
			all = append(all, err.Error())
		}
	}
	if len(all) > 0 {
		return errors.New(strings.Join(all, "; "))
	}
	return nil
}
