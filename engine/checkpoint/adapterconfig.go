package checkpoint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/nearest"
)

// adapterConfig is what adapter_config.json says of an adapter of low rank, read as PEFT does.
type adapterConfig struct {
	base    string // base_model_name_or_path; "" where it is not said
	rank    int
	alpha   float64
	rsLoRA  bool // the scale is alpha/√rank instead of alpha/rank
	targets modules
	exclude modules
	layers  []int // with targets; nil for all
	pattern []*regexp.Regexp
	// Of modules that a pattern fits, instead of rank and alpha; the first that fits counts.
	ranks, alphas []patterned
	dropout       float64 // of training
	notes         []string
	fields        map[string]json.RawMessage // all that it says
}

// modules are named by the ends of their names, or by a pattern of the whole name.
type modules struct {
	ends    []string
	pattern *regexp.Regexp
	all     bool // all-linear
}

// patterned is a number of modules that a pattern fits.
type patterned struct {
	key     string
	pattern *regexp.Regexp
	value   float64
}

// peftLoRA is the value of peft_type that is read.
const peftLoRA = "LORA"

// adapterConditions are on fields of adapter_config.json that stand for something Stele does not add.
var adapterConditions = []struct {
	field, expected string
	holds           func(value any) bool
}{
	{"use_dora", "false: DoRA is not supported", off},
	{"bias", "none", func(v any) bool { return off(v) }},
	{"lora_bias", "false", off},
	{"modules_to_save", "none: the modules that were trained whole are not read", off},
	{"fan_in_fan_out", "false: the model's weights are [out, in]", off},
	{"layer_replication", "none", off},
	{"trainable_token_indices", "none", off},
	{"target_parameters", "none: only modules get factors", off},
	{"use_qalora", "false: QALoRA is not supported", off},
	{"use_bdlora", "none", off},
	{"arrow_config", "none: adapters are not routed", off},
	{"alora_invocation_tokens", "none: an adapter is there for every token", off},
	{"megatron_config", "none", off},
	{"kasa_config", "none: KaSA is not supported", off},
	{"monteclora_config", "none: MonteCLoRA is not supported", off},
	{"init_lora_weights", "an initialisation that leaves base and product as they are (PEFT writes such an adapter " +
		"with path_initial_model_for_weight_conversion of save_pretrained)", func(v any) bool {
		_, known := v.(bool)
		return known || off(v) || slices.Contains([]any{"gaussian", "eva", "orthogonal"}, v)
	}},
	{"task_type", "CAUSAL_LM", func(v any) bool { return off(v) || v == "CAUSAL_LM" }},
}

// adapterRead are the fields that are read, or that change nothing of what an adapter computes.
var adapterRead = []string{"peft_type", "base_model_name_or_path", "r", "lora_alpha", "use_rslora",
	"target_modules", "exclude_modules", "layers_to_transform", "layers_pattern", "rank_pattern",
	"alpha_pattern", "auto_mapping", "revision", "inference_mode", "lora_dropout", "megatron_core",
	"qalora_group_size", "loftq_config", "eva_config", "corda_config", "lora_ga_config", "peft_version",
	"velora_config", "runtime_config", "ensure_weight_tying", "base_model_class", "parent_library"}

// readAdapterConfig reads adapter_config.json.
func readAdapterConfig(dir string) (*adapterConfig, error) {
	path := filepath.Join(dir, AdapterConfigFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := parseAdapterConfig(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func parseAdapterConfig(data []byte) (*adapterConfig, error) {
	var raw map[string]json.RawMessage
	if err := jsonl.Unmarshal(data, &raw); err != nil {
		return nil, err
	}
	var f struct {
		Type          string          `json:"peft_type"`
		Base          string          `json:"base_model_name_or_path"`
		Rank          *int            `json:"r"`
		Alpha         *float64        `json:"lora_alpha"`
		RSLoRA        bool            `json:"use_rslora"`
		Targets       json.RawMessage `json:"target_modules"`
		Exclude       json.RawMessage `json:"exclude_modules"`
		Layers        json.RawMessage `json:"layers_to_transform"`
		LayersPattern json.RawMessage `json:"layers_pattern"`
		RankPattern   json.RawMessage `json:"rank_pattern"`
		AlphaPattern  json.RawMessage `json:"alpha_pattern"`
		Dropout       float64         `json:"lora_dropout"`
	}
	if err := jsonl.Unmarshal(data, &f); err != nil {
		return nil, err
	}
	if f.Type != peftLoRA {
		return nil, fmt.Errorf("peft_type is %q, expected %s: an adapter of another kind is not supported; "+
			"merge it into its base, if PEFT can", f.Type, peftLoRA)
	}
	c := &adapterConfig{base: f.Base, rank: or(f.Rank, 8), alpha: or(f.Alpha, 8), rsLoRA: f.RSLoRA,
		dropout: f.Dropout, fields: raw}
	if err := c.checkFields(raw); err != nil {
		return nil, err
	}
	if c.rank < 1 || math.IsInf(c.alpha, 0) {
		return nil, fmt.Errorf("r is %d and lora_alpha %g, expected r of at least 1", c.rank, c.alpha)
	}
	var err error
	if c.targets, err = parseModules("target_modules", f.Targets); err != nil {
		return nil, err
	}
	if c.exclude, err = parseModules("exclude_modules", f.Exclude); err != nil {
		return nil, err
	}
	if c.targets.ends == nil && c.targets.pattern == nil && !c.targets.all {
		return nil, fmt.Errorf("target_modules is not set: expected a list of modules, a pattern or all-linear")
	}
	if err := c.readLayers(f.Layers, f.LayersPattern); err != nil {
		return nil, err
	}
	if c.ranks, err = parsePatterns("rank_pattern", f.RankPattern); err != nil {
		return nil, err
	}
	for _, p := range c.ranks {
		if p.value < 1 || p.value != math.Trunc(p.value) || p.value > math.MaxInt32 {
			return nil, fmt.Errorf("rank_pattern %q is %g, expected a whole number of at least 1", p.key, p.value)
		}
	}
	c.alphas, err = parsePatterns("alpha_pattern", f.AlphaPattern)
	return c, err
}

// checkFields refuses the first field whose condition its value does not meet, and notes those that are
// not known and are not off.
func (c *adapterConfig) checkFields(raw map[string]json.RawMessage) error {
	for _, condition := range adapterConditions {
		text, there := raw[condition.field]
		if !there {
			continue
		}
		var value any
		if err := jsonl.Unmarshal(text, &value); err != nil {
			return fmt.Errorf("%s: %w", condition.field, err)
		}
		if !condition.holds(value) {
			return fmt.Errorf("%s %s is not supported: expected %s, or the adapter merged into its base, with "+
				"merge_and_unload of PEFT", condition.field, brief(text), condition.expected)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		known := slices.Contains(adapterRead, name)
		for _, condition := range adapterConditions {
			known = known || condition.field == name
		}
		if !known && !empty(raw[name]) {
			c.notes = append(c.notes, fmt.Sprintf("%s %s is not known and is ignored", name, brief(raw[name])))
		}
	}
	return nil
}

// parseModules reads a list of modules or a pattern.
func parseModules(field string, raw json.RawMessage) (m modules, err error) {
	if empty(raw) {
		return m, nil
	}
	var pattern string
	if json.Unmarshal(raw, &pattern) == nil {
		if strings.EqualFold(pattern, "all-linear") && field == "target_modules" {
			return modules{all: true}, nil
		}
		m.pattern, err = python(field, pattern, `\A(?:`, `)\z`)
		return m, err
	}
	if json.Unmarshal(raw, &m.ends) != nil {
		return m, fmt.Errorf("%s is %s, expected a list of modules or a pattern", field, brief(raw))
	}
	return m, nil
}

// python compiles a regular expression of Python's between two others.
func python(field, pattern, before, after string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, fmt.Errorf("%s %q is not a regular expression that Stele reads: %w", field, pattern, err)
	}
	compiled, err := regexp.Compile(before + pattern + after)
	if err != nil {
		return nil, fmt.Errorf("%s %q is not a regular expression that Stele reads: %w", field, pattern, err)
	}
	return compiled, nil
}

// readLayers reads layers_to_transform, a number or some, and layers_pattern, what comes before a layer's
// number in a module's name.
func (c *adapterConfig) readLayers(layers, pattern json.RawMessage) error {
	if len(layers) == 0 || string(bytes.TrimSpace(layers)) == "null" {
		return nil
	}
	var one int
	if json.Unmarshal(layers, &one) == nil {
		c.layers = []int{one}
	} else if json.Unmarshal(layers, &c.layers) != nil {
		return fmt.Errorf("layers_to_transform is %s, expected a layer's number or a list of them", brief(layers))
	}
	if len(c.layers) == 0 {
		c.layers = nil
		return nil
	}
	if c.targets.ends == nil {
		return fmt.Errorf("layers_to_transform is set and target_modules is not a list, which PEFT refuses, too")
	}
	var patterns []string
	if !empty(pattern) {
		var single string
		if json.Unmarshal(pattern, &single) == nil {
			patterns = []string{single}
		} else if json.Unmarshal(pattern, &patterns) != nil {
			return fmt.Errorf("layers_pattern is %s, expected a text or a list of them", brief(pattern))
		}
	}
	if patterns == nil {
		patterns = []string{`[^.]*`}
	}
	for _, p := range patterns {
		compiled, err := python("layers_pattern", p, `\A.*\.(?:`, `)\.(\d+)\.`)
		if err != nil {
			return err
		}
		c.pattern = append(c.pattern, compiled)
	}
	return nil
}

// parsePatterns reads an object of numbers by patterns, in the object's order.
func parsePatterns(field string, raw json.RawMessage) (all []patterned, err error) {
	if empty(raw) {
		return nil, nil
	}
	var values map[string]float64
	if err := jsonl.Unmarshal(raw, &values); err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	for {
		token, err := decoder.Token()
		if err != nil {
			break // the text ends: it was read whole above
		}
		key, ok := token.(string)
		if !ok || slices.ContainsFunc(all, func(p patterned) bool { return p.key == key }) {
			continue
		}
		pattern, err := python(field, key, `\A(?:.*\.)?(?:`, `)\z`)
		if err != nil {
			return nil, err
		}
		all = append(all, patterned{key, pattern, values[key]})
	}
	return all, nil
}

// value returns the number of the first pattern that fits a module, or another.
func value(patterns []patterned, module string, other float64) float64 {
	for _, p := range patterns {
		if p.pattern.MatchString(module) {
			return p.value
		}
	}
	return other
}

// unused returns a line for each key of rank_pattern and alpha_pattern that gives no adapted module its number, and
// for what of exclude_modules and layers_to_transform fits no module of the model.
func (c *adapterConfig) unused(all, adapted []string, layers int) (notes []string) {
	ends := map[string]bool{}
	for _, module := range adapted {
		ends[module[strings.LastIndexByte(module, '.')+1:]] = true
	}
	near := slices.Sorted(maps.Keys(ends))
	for _, of := range []struct {
		field    string
		patterns []patterned
	}{{"rank_pattern", c.ranks}, {"alpha_pattern", c.alphas}} {
		for i, p := range of.patterns {
			fits := slices.DeleteFunc(slices.Clone(adapted), func(m string) bool { return !p.pattern.MatchString(m) })
			rest := slices.DeleteFunc(slices.Clone(fits), func(m string) bool {
				return slices.ContainsFunc(of.patterns[:i], func(q patterned) bool { return q.pattern.MatchString(m) })
			})
			switch {
			case len(fits) == 0:
				notes = append(notes, fmt.Sprintf("%s has %q, which fits no module that the adapter changes, so it is "+
					"ignored%s", of.field, p.key, nearest.Hint(p.key, near)))
			case len(rest) == 0:
				notes = append(notes, fmt.Sprintf("%s has %q, which is ignored: keys before it fit all of its modules",
					of.field, p.key))
			}
		}
	}
	excludes := func(m modules) bool {
		return slices.ContainsFunc(all, func(module string) bool { return m.has(module, false) })
	}
	if p := c.exclude.pattern; p != nil && !excludes(c.exclude) {
		notes = append(notes, "exclude_modules fits no module of the model, so it is ignored")
	}
	for _, end := range c.exclude.ends {
		if !excludes(modules{ends: []string{end}}) {
			notes = append(notes, fmt.Sprintf("exclude_modules has %s, and the model has no such module%s", end,
				nearest.Hint(end, near)))
		}
	}
	for _, layer := range c.layers {
		if layer < 0 || layer >= layers {
			notes = append(notes, fmt.Sprintf("layers_to_transform has %d, and the model has layers 0 to %d", layer,
				layers-1))
		}
	}
	return notes
}

// has reports whether a module is one of those; a projection is one of all-linear.
func (m modules) has(module string, projection bool) bool {
	switch {
	case m.all:
		return projection
	case m.pattern != nil:
		return m.pattern.MatchString(module)
	}
	return slices.ContainsFunc(m.ends, func(end string) bool {
		return module == end || strings.HasSuffix(module, "."+end)
	})
}

// adapts reports whether a module has factors.
func (c *adapterConfig) adapts(module string, projection bool) bool {
	if c.exclude.has(module, false) || !c.targets.has(module, projection) {
		return false
	}
	if c.layers == nil || slices.Contains(c.targets.ends, module) {
		return true
	}
	for _, p := range c.pattern {
		if found := p.FindStringSubmatch(module); found != nil {
			layer, err := strconv.Atoi(found[len(found)-1])
			return err == nil && slices.Contains(c.layers, layer)
		}
	}
	return false
}

// rankOf returns the rank of a module's factors, and scaleOf what multiplies their product.
func (c *adapterConfig) rankOf(module string) int {
	return int(value(c.ranks, module, float64(c.rank)))
}

func (c *adapterConfig) scaleOf(module string) float64 {
	alpha, rank := value(c.alphas, module, c.alpha), float64(c.rankOf(module))
	if c.rsLoRA {
		return alpha / math.Sqrt(rank)
	}
	return alpha / rank
}
