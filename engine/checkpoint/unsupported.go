package checkpoint

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/stele-lm/stele/internal/jsonl"
)

// condition is met by the values of some fields with which Stele computes the model.
type condition struct {
	fields   *regexp.Regexp
	holds    func(value any, c *Config) bool
	expected string
}

// conditions are on fields of config.json that stand for something Stele does not compute:
// features of related models, which training frameworks also set on plain families. The
// first that fits a field's name decides. A field that nothing here knows is not looked at.
var conditions = []condition{
	{named(`hidden_act|hidden_activation|activation_function`), isSiLU, "silu"},
	{named(`attention_multiplier|query_pre_attn_scalar`), func(v any, c *Config) bool {
		want := 1 / math.Sqrt(float64(c.HeadDim)) // multiplies scores, or its inverse square does
		n, ok := v.(float64)
		return off(v) || ok && (math.Abs(n-want) < 1e-9 || n == float64(c.HeadDim))
	}, "scores divided by the square root of head_dim"},
	{named(`.*soft_?cap(ping)?|clip_qkv|qkv_clip|clip_q|alibi|use_alibi`), isOff, "off"},
	{named(`.*qk_(layer)?norm.*`), func(v any, c *Config) bool {
		return off(v) || v == true && c.Architecture.Layer(&c.Config, 0).Attention.QueryNorm != nil
	}, "off"},
	{named(`output_router_logits|.*logits_to_keep|return_.*logits`), isAny, ""},
	{named(`.*logits?_.*scal.*|.*multiplier.*|scale_emb|scale_depth|.*embed.*_scale|scale_embed.*|` +
		`residual_(scale|alpha).*`), isOne, "1"},
	{named(`.*partial_rotary_factor|rotary_(pct|percent.*|fraction)|rope_pct|rope_percent.*`), isOne, "1"},
	{named(`rotary_dim`), func(v any, c *Config) bool {
		return off(v) || v == float64(c.HeadDim)
	}, "head_dim"},
	{named(`rope_interleaved?|.*parallel_(residual|attn|attention).*|no_rope.*|nope_.*|rope_local_base_freq`),
		isOff, "off"},
	{named(`num_experts|num_local_experts|n_routed_experts|moe_num_experts`), func(v any, _ *Config) bool {
		return off(v) || v == 1.0
	}, "at most 1"},
	{named(`n_shared_experts|num_shared_experts|q_lora_rank|kv_lora_rank|num_kv_shared_layers`),
		isOff, "off"},
	{named(`attention_chunk_size|sliding_window_pattern|interleaved_sliding_window|attention_sinks?|` +
		`attn_temperature_tuning`), isOff, "off"},
	{named(`is_causal|causal|use_causal_mask`), func(v any, _ *Config) bool {
		return v == nil || v == true
	}, "true"},
	{named(`.*bidirectional.*|is_encoder_decoder|add_cross_attention|pruned_heads`), isOff, "off"},
	{named(`.*zero_centered.*|.*unit_offset`), isOff, "off"},
	{named(`norm_type|normalization|normalization_type|norm_class`), func(v any, _ *Config) bool {
		name, _ := v.(string)
		return off(v) || strings.Contains(strings.ToLower(name), "rms")
	}, "RMS norm"},
	{named(`position_embedding_type|pos_emb.*_type|positional_embedding`), func(v any, _ *Config) bool {
		name, _ := v.(string)
		return off(v) || strings.HasPrefix(strings.ToLower(name), "ro")
	}, "rotary"},
	{named(`per_layer_config`), isOff, "absent: every layer is the same"},
	{named(`transformers_weights`), isOff,
		"absent: weights are read from " + singleFile + " or the files of its index"},
	{named(`quantization|quant_config`), isOff, ""},
}

// named matches whole names of fields.
func named(pattern string) *regexp.Regexp { return regexp.MustCompile("^(?:" + pattern + ")$") }

func isSiLU(v any, _ *Config) bool { return v == nil || v == "silu" || v == "swish" }

// off reports whether a value switches its field off.
func off(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case float64:
		return v == 0
	case string:
		return v == "" || v == "none"
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// empty reports whether a field is absent or off.
func empty(raw json.RawMessage) bool {
	var value any
	return len(raw) == 0 || json.Unmarshal(raw, &value) == nil && off(value)
}

func isOff(v any, _ *Config) bool { return off(v) }
func isOne(v any, _ *Config) bool { return v == nil || v == 1.0 }
func isAny(any, *Config) bool     { return true }

// checkFields refuses the first field, by name, whose condition its value does not meet. A field
// that the family reads needs to meet none.
func (c *Config) checkFields(raw map[string]json.RawMessage) error {
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		if slices.Contains(c.Architecture.Fields(), name) {
			continue
		}
		for _, condition := range conditions {
			if !condition.fields.MatchString(name) {
				continue
			}
			var value any
			if err := jsonl.Unmarshal(raw[name], &value); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if !condition.holds(value, c) {
				if condition.expected == "" {
					return fmt.Errorf("%s: the weights are quantised%s, %w: %s", name, method(value), errUnread,
						noCodes)
				}
				return fmt.Errorf("%s %s is not supported: expected %s",
					name, brief(raw[name]), condition.expected)
			}
			break
		}
	}
	return nil
}

// method names the quantisation of a quantization_config, as far as it says.
func method(value any) string {
	fields, _ := value.(map[string]any)
	for _, key := range []string{"quant_method", "quant_algo", "format"} {
		if name, ok := fields[key].(string); ok {
			return " by " + name
		}
	}
	if bits, ok := fields["bits"].(float64); ok {
		return fmt.Sprintf(" to %g bits", bits)
	}
	return ""
}

// brief is a JSON value on one line, cut where it is long.
func brief(raw json.RawMessage) string {
	text := strings.Join(strings.Fields(string(raw)), " ")
	if len(text) > 60 {
		return text[:60] + "…"
	}
	return text
}

// checkWindow refuses attention over a window where it would hide a position that the model
// has. As in transformers layer_types says which layers have a window, in families whose window is not
// always on; where it is absent those from max_window_layers on do if use_sliding_window is set.
func (c *Config) checkWindow(f *configFile) error {
	own := c.Architecture.Window
	whole := own != nil && !own.Always && f.UseSlidingWindow && f.SlidingWindow != nil &&
		*f.SlidingWindow >= c.MaxPositions // a window, and nothing beyond it
	for l, kind := range f.LayerTypes {
		if kind != "full_attention" && !(kind == "sliding_attention" && whole) {
			return fmt.Errorf("layer_types: layer %d has %q, "+
				"and only full_attention is supported (not sliding)", l, kind)
		}
	}
	if n := len(f.LayerTypes); n > 0 && n != c.NumLayers {
		return fmt.Errorf("layer_types names %d layers, num_hidden_layers is %d", n, c.NumLayers)
	}
	window, said := f.SlidingWindow, "sliding_window is"
	if _, there := f.raw["sliding_window"]; !there && own != nil && own.Size > 0 {
		window, said = &own.Size, fmt.Sprintf("sliding_window is absent, which for %s is", c.Architecture)
	}
	hides := window != nil && *window < c.MaxPositions
	switch {
	case own == nil:
		if hides {
			c.note("sliding_window %d is not applied: transformers has none for %s", *window, c.Architecture)
		}
	case own.Always && window != nil && (hides || own.Alters):
		return fmt.Errorf("%s %d, and max_position_embeddings %d: sliding-window attention is not supported",
			said, *window, c.MaxPositions)
	case !own.Always && hides && f.UseSlidingWindow && len(f.LayerTypes) == 0:
		first := 0
		if own.FirstLayer >= 0 {
			first = or(f.MaxWindowLayers, own.FirstLayer)
		}
		if first < c.NumLayers {
			return fmt.Errorf("use_sliding_window is true and %s %d for layers from max_window_layers %d on: "+
				"sliding-window attention is not supported", strings.TrimSuffix(said, " is"), *window, first)
		}
	}
	return nil
}

func (c *Config) note(format string, args ...any) {
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

// dropouts are fields that only training reads.
var dropouts = named(`\w*(dropout|pdrop)`)

// remarks notes what of the configuration is not followed and does not change what is
// computed from what transformers computes without remote code.
func (c *Config) remarks(raw map[string]json.RawMessage) {
	var code map[string]any
	if json.Unmarshal(raw["auto_map"], &code) == nil && len(code) > 0 {
		c.note("auto_map names the model's own code, which is not run: it is taken for a plain %s",
			c.Architecture)
	}
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		var rate float64
		if dropouts.MatchString(name) && json.Unmarshal(raw[name], &rate) == nil && rate > 0 {
			c.note("%s %g is not applied: training here has no dropout", name, rate)
		}
	}
	var names []string
	class := c.Architecture.Class
	read := json.Unmarshal(raw["architectures"], &names) == nil
	if read && len(names) > 0 && !slices.Contains(names, class) {
		c.note("architectures names %q: it is run as %s", names[0], class)
	}
}
