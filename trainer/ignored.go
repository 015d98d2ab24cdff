package trainer

import (
	"fmt"
	"iter"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/trainer/objective"
)

// settings yields the settings of a configuration by their dotted keys, as --set takes
// them.
func (c Config) settings() iter.Seq2[string, reflect.Value] {
	return func(yield func(string, reflect.Value) bool) {
		var walk func(prefix string, v reflect.Value) bool
		walk = func(prefix string, v reflect.Value) bool {
			for i := range v.NumField() {
				key := prefix + strings.Split(v.Type().Field(i).Tag.Get("yaml"), ",")[0]
				if field := v.Field(i); field.Kind() == reflect.Struct {
					if !walk(key+".", field) {
						return false
					}
				} else if !yield(key, field) {
					return false
				}
			}
			return true
		}
		walk("", reflect.ValueOf(c))
	}
}

// notFinite names the first setting that is NaN or infinite; no setting may be.
func (c Config) notFinite() error {
	for key, v := range c.settings() {
		if v.Kind() == reflect.Float64 && (math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0)) {
			return fmt.Errorf("%s is %g, expected a number", key, v.Float())
		}
	}
	return nil
}

// without is settings and when they have no effect; reason returns why, or "".
type without struct {
	keys   string // dotted, comma-separated; a last * is all that begin so
	reason func(c *Config, dtype string) string
}

// idle lists the settings that some other setting turns off.
var idle = []without{
	{"preset,reward.*,loss.*,update.mini_batches,update.epochs,save.rollouts,rollout.questions," +
		"rollout.group_size,rollout.temperature,rollout.max_tokens,rollout.max_difference," +
		"rollout.dynamic_sampling,rollout.max_gen_batches,rollout.filter_by",
		of(func(c *Config) bool { return !c.Samples() })},
	{"rollout.batch,rollout.stop", func(c *Config, _ string) string {
		if !c.Samples() && c.Eval.Bench == "" {
			return "algorithm is " + c.Algorithm + " and eval.bench is not set"
		}
		return ""
	}},
	{"update.batch,update.packing,data.max_solution", of((*Config).Samples)},
	{"eval.*", when("eval.bench is not set", func(c *Config) bool { return c.Eval.Bench == "" })},
	{"data.fields", func(c *Config, _ string) string {
		entry, err := bench.Lookup(c.Data.Bench, c.Data.Source(nil))
		if err != nil || entry.ByPath() {
			return ""
		}
		return "data.bench is not a path or a hub id, and " + c.Data.Bench + " has its own"
	}},
	{"optimizer.min_lr_ratio", when("optimizer.schedule is constant",
		func(c *Config) bool { return c.Optimizer.Schedule == "constant" })},
	{"data.dir,data.registry", func(c *Config, _ string) string { return builtIn("data.bench", c.Data.Bench) }},
	{"eval.dir,eval.registry", func(c *Config, _ string) string { return builtIn("eval.bench", c.Eval.Bench) }},
	{"reward.grader", when("reward.accuracy is 0", func(c *Config) bool { return !c.needsAnswers() })},
	{"data.seed", when("data.count is 0", func(c *Config) bool { return c.Data.Count == 0 })},
	{"loss.kl,loss.kl_in,loss.kl_horizon", when("loss.beta is 0",
		func(c *Config) bool { return c.Loss.Beta == 0 })},
	{"loss.kl_horizon", when("loss.kl_target is 0", func(c *Config) bool { return c.Loss.KLTarget == 0 })},
	{"loss.importance_cap", when("loss.importance_sampling is none",
		func(c *Config) bool { return c.Loss.ImportanceSampling == objective.NoImportanceSampling })},
	{"loss.micro_sequences", when("loss.aggregation is not "+string(objective.MicroTokenMean),
		func(c *Config) bool { return c.Loss.Aggregation != objective.MicroTokenMean })},
	{"loss.std,loss.std_of", func(c *Config, _ string) string {
		if a := c.Loss.Advantage; a != "" && a != objective.GroupAdvantage {
			return "loss.advantage is " + string(a)
		}
		return ""
	}},
	{"loss.std_of", when("loss.std is false", func(c *Config) bool { return !c.Loss.Std })},
	{"loss.length", when("loss.aggregation is not "+string(objective.SeqMeanTokenSumNorm),
		func(c *Config) bool { return c.Loss.Aggregation != objective.SeqMeanTokenSumNorm })},
	{"rollout.max_gen_batches,rollout.filter_by", when("rollout.dynamic_sampling is false",
		func(c *Config) bool { return !c.Rollout.DynamicSampling })},
	{"reward.overlong_penalty", when("reward.overlong_buffer is 0",
		func(c *Config) bool { return c.Reward.OverlongBuffer == 0 })},
	{"reward.accuracy", leftOut("accuracy")}, {"reward.format,reward.think", leftOut("format")},
	{"reward.language,reward.language_by", leftOut("language")},
	{"reward.overlong_buffer,reward.overlong_penalty", leftOut("overlong")},
	{"reward.think", when("reward.format is 0", func(c *Config) bool { return c.Reward.Format == 0 })},
	{"reward.language_by", when("reward.language is 0", func(c *Config) bool { return c.Reward.Language == 0 })},
	{"lora.*", when("lora.rank is 0", func(c *Config) bool { return !c.LoRA.Trains() })},
	{"lora.double_quant", when("lora.base is none",
		func(c *Config) bool { return !c.LoRA.Format().Quantises() })},
	{"optimizer.masters", func(_ *Config, dtype string) string {
		if dtype == "bfloat16" {
			return ""
		}
		return "weights in float32 need no masters"
	}},
}

// of gives the algorithm as the reason where holds does.
func of(holds func(*Config) bool) func(*Config, string) string {
	return func(c *Config, _ string) string {
		if holds(c) {
			return "algorithm is " + c.Algorithm
		}
		return ""
	}
}

func when(reason string, holds func(*Config) bool) func(*Config, string) string {
	return func(c *Config, _ string) string {
		if holds(c) {
			return reason
		}
		return ""
	}
}

// leftOut is the reason why a reward that reward.only does not name has no settings.
func leftOut(name string) func(*Config, string) string {
	return when("reward.only does not name "+name, func(c *Config) bool {
		return len(c.Reward.Only) > 0 && !slices.Contains(c.Reward.Only, name)
	})
}

// builtIn is the reason why a benchmark that the program makes takes no data.
func builtIn(setting, name string) string {
	if !bench.Builtin(name) {
		return ""
	}
	return setting + " is " + name + ", which is built in"
}

// noEffect stands between a setting and the reason why it has none.
const noEffect = " has no effect: "

// Ignored lists the settings that differ from what the preset has and will have no
// effect, each with the reason.
func (c Config) Ignored(dtype string) []string {
	from := defaults()
	if apply := Presets[c.Preset]; apply != nil {
		apply(&from)
	}
	usual := map[string]any{}
	for key, v := range from.settings() {
		usual[key] = v.Interface()
	}
	off := idle
	a, err := objective.Named(c.Algorithm)
	if err == nil && len(a.Unused) > 0 {
		off = append(slices.Clone(idle), without{strings.Join(a.Unused, ","),
			of(func(*Config) bool { return true })})
	}
	var all []string
	for key, v := range c.settings() {
		if same(usual[key], v) || key == "loss.options" && a.Own != nil {
			continue // as it was, or the algorithm's own
		}
		for _, w := range off {
			if reason := w.reason(&c, dtype); reason != "" && w.names(key) {
				value, err := yaml.MarshalWithOptions(v.Interface(), yaml.Flow(true))
				if err != nil {
					value = fmt.Append(nil, v.Interface())
				}
				all = append(all, key+"="+strings.TrimSpace(string(value))+noEffect+reason)
				break
			}
		}
	}
	for _, name := range c.Reward.LeftOut() {
		if !c.Samples() {
			break
		}
		all = append(all, "the reward program "+name+noEffect+"reward.only does not name it")
	}
	return all
}

// Together says of settings that have no effect for one reason that reason once. It takes lines of
// Ignored, and leaves others as they are.
func Together(ignored []string) (lines []string) {
	settings := map[string][]string{}
	var reasons []string
	for _, said := range ignored {
		setting, reason, ok := strings.Cut(said, noEffect)
		if !ok {
			lines = append(lines, said)
			continue
		}
		if settings[reason] == nil {
			reasons = append(reasons, reason)
		}
		settings[reason] = append(settings[reason], setting)
	}
	for _, reason := range reasons {
		has := noEffect
		if len(settings[reason]) > 1 {
			has = " have no effect: "
		}
		lines = append(lines, strings.Join(settings[reason], ", ")+has+reason)
	}
	return lines
}

// same compares a setting with another; lists that are empty are.
func same(a any, v reflect.Value) bool {
	if v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
		if v.Len() == 0 && reflect.ValueOf(a).Len() == 0 {
			return true
		}
	}
	return reflect.DeepEqual(a, v.Interface())
}

func (w without) names(key string) bool {
	for name := range strings.SplitSeq(w.keys, ",") {
		if group, ok := strings.CutSuffix(name, "*"); key == name || ok && strings.HasPrefix(key, group) {
			return true
		}
	}
	return false
}
