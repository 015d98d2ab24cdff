package checkpoint

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine/architecture"
)

// TestConfigText: what is written has the keys, the order and the numbers of what was read,
// but for what changed.
func TestConfigText(t *testing.T) {
	const text = `{"model_type":"llama","b":[8.0,500000.0,1e-06,1E+2,-0.0],"hidden_size":8,` +
		`"rope_scaling":{"rope_type":"llama3","factor":8.0,` +
		`"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":64},` +
		`"rms_norm_eps":1e-05,"num_attention_heads":2,` +
		`"intermediate_size":8,"num_hidden_layers":1,"vocab_size":8,"torch_dtype":"float16",` +
		`"big":12345678901234567890,"rope_theta":500000.0}`
	c, err := parseConfig([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	same := func(what string, c *Config, dtype DType, want string) {
		t.Helper()
		got, err := c.file(dtype)
		if err != nil {
			t.Fatal(err)
		}
		// In no string there is a space.
		if compact := strings.Join(strings.Fields(string(got)), ""); compact != want {
			t.Errorf("%s:\n%s, want\n%s", what, compact, want)
		}
	}
	same("as it was", c, F16, text)
	same("in bfloat16", c, BF16, strings.Replace(text, "float16", "bfloat16", 1))
	c.TieEmbeddings = true
	same("tied", c, F16, strings.TrimSuffix(text, "}")+`,"tie_word_embeddings":true}`)
	c.TieEmbeddings = false
	c.Raw = nil
	same("anew", c, F32, `{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_act":"silu",`+
		`"hidden_size":8,"intermediate_size":8,`+
		`"num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":2,"head_dim":4,`+
		`"vocab_size":8,"max_position_embeddings":2048,`+
		`"rms_norm_eps":1e-05,"rope_theta":500000.0,"rope_scaling":{"rope_type":"llama3","factor":8.0,`+
		`"low_freq_factor":1.0,`+
		`"high_freq_factor":4.0,"original_max_position_embeddings":64},"tie_word_embeddings":false,`+
		`"torch_dtype":"float32","eos_token_id":null,`+
		`"attention_bias":false,"mlp_bias":false}`)
	for v, want := range map[float64]string{10000: "10000.0", 1e-6: "1e-06", 0.0001: "0.0001",
		1e15: "1000000000000000.0", 1e16: "1e+16", 1.5e-7: "1.5e-07", 8: "8.0", 0.5: "0.5",
		1234567.25: "1234567.25"} {
		if got := string(float(v)); got != want {
			t.Errorf("%g is written %s, want %s as Python does", v, got, want)
		}
	}
}

// TestFieldsThatChangeTheModel: a field of a related model is refused by name and value
// where it is on, and let be where it is off.
func TestFieldsThatChangeTheModel(t *testing.T) {
	type m = map[string]any
	for _, c := range []struct {
		field string
		on    any
		off   any
	}{
		{"hidden_act", "gelu_pytorch_tanh", "swish"}, {"hidden_activation", "gelu", nil},
		{"attn_logit_softcapping", 50.0, nil},
		{"final_logit_softcapping", 30.0, 0.0}, {"logits_soft_cap", 30.0, nil}, {"logit_scale", 0.0625, 1.0},
		{"embedding_multiplier", 0, nil}, {"logits_scaling", 8.0, 1},
		{"residual_multiplier", 0.22, 1.0}, {"embedding_multiplier", 12.0, 1.0},
		{"attention_multiplier", 0.0078125, 0.25}, {"lm_head_multiplier", 0.5, 1},
		{"query_pre_attn_scalar", 256, 16}, {"partial_rotary_factor", 0.5, 1.0}, {"rotary_pct", 0.25, 1.0},
		{"rope_interleaved", true, false},
		{"scale_emb", 12, 1}, {"scale_depth", 1.4, 1}, {"use_qk_norm", true, false},
		{"qk_layernorm", true, false}, {"clip_qkv", 8.0, nil},
		{"num_experts", 8, 0}, {"num_local_experts", 8, 1}, {"no_rope_layers", []int{1, 1, 0}, []int{}},
		{"is_causal", false, true},
		{"use_bidirectional_attention", true, false}, {"alibi", true, false},
		{"use_parallel_residual", true, false},
		{"per_layer_config", m{"0": m{"rms_norm_eps": 0.5}}, m{}}, {"attention_chunk_size", 8192, nil},
		{"sliding_window_pattern", 6, nil}, {"norm_type", "layernorm", "rms_norm"},
		{"position_embedding_type", "alibi", "rope"}, {"quantization_config", m{"quant_method": "awq"}, nil},
		{"compression_config", m{"format": "int-quantized"}, m{}},
		{"layer_types", []string{"full_attention", "linear_attention", "full_attention"},
			[]string{"full_attention", "full_attention", "full_attention"}},
		{"layer_types", []string{"full_attention", "full_attention", "sliding_attention"}, nil},
		{"rope_scaling", m{"rope_type": "longrope"}, m{"rope_type": "default"}},
		{"rope_scaling", m{"type": "linear", "factor": 2.0, "partial_rotary_factor": 0.5}, m{}},
		{"rope_parameters", m{"sliding_attention": m{"rope_type": "default"}},
			m{"full_attention": m{"rope_type": "default", "rope_theta": 1e6}}},
		{"rope_parameters", m{"full_attention": m{"rope_type": "yarn"}}, nil}, {"rope_parameters", 3, nil},
		{"rope_parameters", m{"rope_type": "yarn", "factor": 2.0, "beta_fast": 1.0, "beta_slow": 2.0},
			m{"rope_type": "yarn", "factor": 2.0, "beta_fast": 2.0, "beta_slow": 2.0}},
		{"rope_parameters", m{"rope_type": "yarn", "factor": 2.0, "attention_factor": -1.0},
			m{"rope_type": "yarn", "factor": 2.0, "attention_factor": nil}},
		{"rope_parameters", m{"rope_type": "yarn", "factor": 2.0, "partial_rotary_factor": 0.5},
			m{"rope_type": "yarn", "factor": 2.0, "partial_rotary_factor": 1}},
	} {
		_, err := parseConfig(edit(t, m{c.field: c.on}))
		if err == nil || !strings.Contains(err.Error(), strings.Split(c.field, "_")[0]) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s %v: error %v, want one line with the field", c.field, c.on, err)
		}
		if _, err := parseConfig(edit(t, m{c.field: c.off})); err != nil {
			t.Errorf("%s %v: %v", c.field, c.off, err)
		}
	}
}

// TestWindows: a window is refused where it would hide a position, as transformers' qwen2 has it.
func TestWindows(t *testing.T) {
	type m = map[string]any
	null := json.RawMessage("null")
	full := []string{"full_attention", "full_attention", "full_attention"}
	for _, c := range []struct {
		change  m
		refused bool
	}{
		{m{"use_sliding_window": true, "sliding_window": 32, "max_window_layers": 0}, true},
		{m{"use_sliding_window": true, "sliding_window": 32, "max_window_layers": 2}, true},
		{m{"use_sliding_window": true, "sliding_window": 32, "max_window_layers": 3}, false},   // of 3
		{m{"use_sliding_window": true, "sliding_window": 32, "max_window_layers": nil}, false}, // absent: 28
		{m{"use_sliding_window": true, "sliding_window": 32, "max_window_layers": 0, "layer_types": full},
			false},
		{m{"use_sliding_window": true, "sliding_window": 100000, "max_window_layers": 0}, false},
		{m{"use_sliding_window": true, "sliding_window": null, "max_window_layers": 0}, false},
		// An absent sliding_window is 4096.
		{m{"use_sliding_window": true, "sliding_window": nil, "max_window_layers": 0,
			"max_position_embeddings": 8192}, true},
		{m{"use_sliding_window": false, "sliding_window": 32, "max_window_layers": 0}, false},
	} {
		_, err := parseConfig(edit(t, c.change))
		if (err != nil) != c.refused || err != nil && !strings.Contains(err.Error(), "sliding_window") {
			t.Errorf("%v: %v, refused should be %t", c.change, err, c.refused)
		}
	}
}

// TestOwnWindows: families differ in what switches a window on.
func TestOwnWindows(t *testing.T) {
	type m = map[string]any
	null := json.RawMessage("null")
	full := []string{"full_attention", "full_attention", "full_attention"}
	sliding := []string{"sliding_attention", "full_attention", "sliding_attention"}
	for _, c := range []struct {
		family  string
		change  m
		refused bool
	}{
		// Mistral's is on where it is not null, whatever else is said, and absent it is 4096.
		{"mistral", m{"sliding_window": null}, false}, {"mistral", m{"sliding_window": 32}, true},
		{"mistral", m{"sliding_window": 32, "use_sliding_window": false, "layer_types": full}, true},
		{"mistral", m{"sliding_window": 4096}, false}, // of as many positions
		{"mistral", m{"sliding_window": nil}, false},
		{"mistral", m{"sliding_window": nil, "max_position_embeddings": 4097}, true},
		// With EXAONE's, of any size, full attention does not rotate.
		{"exaone4", m{"sliding_window": null}, false}, {"exaone4", m{"sliding_window": 1 << 20}, true},
		{"exaone4", m{"sliding_window": nil}, true}, {"exaone4", m{"sliding_window": null, "layer_types": full}, false},
		// SmolLM3 has none unless all is said, and does not read max_window_layers.
		{"smollm3", m{"sliding_window": 32, "use_sliding_window": false}, false},
		{"smollm3", m{"sliding_window": 32, "use_sliding_window": true, "max_window_layers": 28}, true},
		{"smollm3", m{"sliding_window": 32, "use_sliding_window": true, "layer_types": full}, false},
		{"smollm3", m{"sliding_window": nil, "use_sliding_window": true}, false},
		{"qwen3", m{"sliding_window": 32, "use_sliding_window": true, "max_window_layers": 1}, true},
		// Layers whose window holds all positions, and not by a family's window that alters them.
		{"qwen3", m{"sliding_window": 4096, "use_sliding_window": true, "layer_types": sliding}, false},
		{"qwen3", m{"sliding_window": 4095, "use_sliding_window": true, "layer_types": sliding}, true},
		{"qwen3", m{"sliding_window": 4096, "use_sliding_window": false, "layer_types": sliding}, true},
		{"exaone4", m{"sliding_window": 4096, "use_sliding_window": true, "layer_types": sliding}, true},
		{"qwen3", m{"sliding_window": 32, "use_sliding_window": true, "max_window_layers": 3}, false},
		{"granite", m{"sliding_window": 32, "use_sliding_window": true}, false},
		{"olmo2", m{"sliding_window": 32}, false},
	} {
		c.change["model_type"] = c.family
		_, err := parseConfig(edit(t, c.change))
		if (err != nil) != c.refused || err != nil && !strings.Contains(err.Error(), "sliding") {
			t.Errorf("%s %v: %v, refused should be %t", c.family, c.change, err, c.refused)
		}
	}
}

// TestOwnFields: fields that a family reads beside the usual ones, those that it leaves out and those that it
// cannot have.
func TestOwnFields(t *testing.T) {
	type m = map[string]any
	null := json.RawMessage("null")
	granite, err := parseConfig(edit(t, m{"model_type": "granite", "attention_multiplier": 0.015625,
		"logits_scaling": 8, "residual_multiplier": 0.22, "embedding_multiplier": null, "mlp_bias": true}))
	if err != nil {
		t.Fatal(err)
	}
	d := granite.Model()
	a := d.Layers[1].Attention
	if a.Scale != 0.015625 || a.Factor != 0.22 || d.Layers[1].MLP.Factor != 0.22 || d.EmbeddingFactor != 1 ||
		d.LogitFactor != 0.125 || !d.Layers[1].MLP.Down.Bias || a.Output.Bias {
		t.Errorf("%+v", d)
	}
	unrotated := func(change m) (which string) {
		change["model_type"] = "smollm3"
		c, err := parseConfig(edit(t, change))
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range c.Model().Layers {
			which += fmt.Sprint(l.Attention.Unrotated, " ")
		}
		return which
	}
	for _, c := range []struct {
		change m
		want   string
	}{
		{m{}, "false false false "},
		{m{"no_rope_layer_interval": 2}, "false true false "},
		{m{"no_rope_layer_interval": 2, "no_rope_layers": []int{0, 1, 0, 1}}, "true false true "},
		{m{"no_rope_layer_interval": 1.0, "no_rope_layers": null}, "true true true "},
	} {
		if got := unrotated(c.change); got != c.want {
			t.Errorf("%v: %s, want %s", c.change, got, c.want)
		}
	}
	c, err := parseConfig(edit(t, m{"model_type": "smollm3", "tie_word_embeddings": nil, "rope_theta": nil,
		"num_key_value_heads": nil, "num_attention_heads": 8}))
	if err != nil || !c.TieEmbeddings || c.Rope.Theta != 2e6 || c.NumKVHeads != 4 {
		t.Errorf("%+v, %v", c, err)
	}
	for field, values := range map[string][]any{
		"no_rope_layers":         {[]int{0, 1}, 3, []string{"a", "b", "c"}},
		"no_rope_layer_interval": {0, -1, 1.5, "2"},
		"attention_multiplier":   {0, -1.0, "x"},
		"logits_scaling":         {0.0},
	} {
		for _, value := range values {
			kind := "smollm3"
			if !strings.HasPrefix(field, "no_") {
				kind = "granite"
			}
			if _, err := parseConfig(edit(t, m{"model_type": kind, field: value})); err == nil ||
				!strings.Contains(err.Error(), field) {
				t.Errorf("%s %v: %v", field, value, err)
			}
		}
	}
	// Norms of queries and keys that a family has may be named.
	for family, refused := range map[string]bool{"qwen3": false, "olmo2": false, "qwen2": true, "mistral": true} {
		_, err := parseConfig(edit(t, m{"model_type": family, "use_qk_norm": true, "sliding_window": null}))
		if (err != nil) != refused {
			t.Errorf("%s with use_qk_norm: %v", family, err)
		}
	}
	if c, err := parseConfig(edit(t, m{"attention_dropout": 0.1})); err != nil || len(c.notes) != 1 ||
		!strings.Contains(c.notes[0], "attention_dropout 0.1 is not applied") {
		t.Errorf("dropout: %v, %v", c, err)
	}
}

// TestAbsentHeads: without num_key_value_heads qwen2 has transformers' 32 and llama as many as heads.
func TestAbsentHeads(t *testing.T) {
	for _, c := range []struct {
		architecture *architecture.Architecture
		value        any
		want         int
	}{{architecture.Qwen2, nil, 32}, {architecture.Qwen2, json.RawMessage("null"), 64},
		{architecture.Llama, nil, 64}} {
		got, err := parseConfig(edit(t, map[string]any{
			"model_type": c.architecture.Type, "num_attention_heads": 64, "num_key_value_heads": c.value,
			"head_dim": 8,
		}))
		if err != nil || got.NumKVHeads != c.want {
			t.Errorf("%s %v: %v, %v, want %d", c.architecture, c.value, got, err, c.want)
		}
	}
}

// TestRopeFields: which field, and which nesting, transformers goes by.
func TestRopeFields(t *testing.T) {
	type m = map[string]any
	for i, c := range []struct {
		change m
		want   architecture.Rope
	}{
		{m{"rope_theta": 5e5}, architecture.Rope{Type: "default", Theta: 5e5}},
		{m{"rope_theta": 5e5, "rope_parameters": m{"rope_type": "linear", "factor": 2.0}},
			architecture.Rope{Type: "linear", Theta: 5e5, Factor: 2}},
		{m{"rope_parameters": m{"rope_type": "linear", "factor": 2.0, "rope_theta": 7e5}},
			architecture.Rope{Type: "linear", Theta: 7e5, Factor: 2}},
		{m{"rope_parameters": m{"full_attention": m{"rope_type": "linear", "factor": 2.0, "rope_theta": 7e5},
			"sliding_attention": m{"rope_theta": 1e4}}},
			architecture.Rope{Type: "linear", Theta: 7e5, Factor: 2}},
		{m{"rope_scaling": m{"type": "linear", "factor": 3.0},
			"rope_parameters": m{"rope_type": "linear", "factor": 2.0, "rope_theta": 7e5}},
			architecture.Rope{Type: "linear", Theta: 1e6, Factor: 3}},
		{m{"rope_scaling": m{}, "rope_parameters": m{"rope_type": "default", "rope_theta": 7e5}},
			architecture.Rope{Type: "default", Theta: 7e5}},
		{m{"rope_scaling": m{"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
			"high_freq_factor": 4.0}},
			architecture.Rope{Type: "llama3", Theta: 1e6, Factor: 8, LowFreqFactor: 1, HighFreqFactor: 4,
				OriginalMaxPositions: 4096}},
		// Numbers of YaRN that are left out, or 0, which Python takes for left out.
		{m{"rope_scaling": m{"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 1024}},
			architecture.Rope{Type: "yarn", Theta: 1e6, Factor: 4, OriginalMaxPositions: 1024, BetaFast: 32,
				BetaSlow: 1, AttentionFactor: 0.1*math.Log(4) + 1}},
		{m{"rope_scaling": m{"rope_type": "yarn", "factor": 4.0, "beta_fast": 0, "beta_slow": 2.0, "mscale": 0.5,
			"mscale_all_dim": 2.0, "truncate": false, "low_freq_factor": 1.0}},
			architecture.Rope{Type: "yarn", Theta: 1e6, Factor: 4, OriginalMaxPositions: 4096, BetaFast: 32,
				BetaSlow: 2, AttentionFactor: (0.05*math.Log(4) + 1) / (0.2*math.Log(4) + 1), Untruncated: true}},
		{m{"rope_scaling": m{"rope_type": "yarn", "factor": 2.0, "attention_factor": 0.75, "mscale": 1.0,
			"mscale_all_dim": 2.0}, "original_max_position_embeddings": 64},
			architecture.Rope{Type: "yarn", Theta: 1e6, Factor: 2, OriginalMaxPositions: 64, BetaFast: 32,
				BetaSlow: 1, AttentionFactor: 0.75}},
	} {
		got, err := parseConfig(edit(t, c.change))
		if err != nil || got.Rope != c.want {
			t.Errorf("case %d: %+v, %v, want %+v", i, got, err, c.want)
			continue
		}
		scaling, _ := c.change["rope_scaling"].(m)
		_, first := scaling["factor"]
		_, second := c.change["rope_parameters"]
		other, _ := c.change["rope_parameters"].(m)
		_, nested := other["full_attention"] // transformers does not see it in these two
		if (len(got.notes) > 0) != (first && second || nested) {
			t.Errorf("case %d: notes %q", i, got.notes)
		}
	}
}

func FuzzConfigText(f *testing.F) {
	for _, name := range []string{"tiny-qwen2", "tiny-llama31"} {
		data, err := os.ReadFile(filepath.Join(models, name, "config.json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"a":{"b":[1.0,{"c":"\u00e9\""}]},"a":2e5}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseMembers(data)
		if err != nil {
			return
		}
		text, err := m.text()
		if err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		again, err := parseMembers(text)
		if err != nil || fmt.Sprint(len(again)) != fmt.Sprint(len(m)) {
			t.Fatalf("%q became %q: %v", data, text, err)
		}
		var x, y map[string]any
		if json.Unmarshal(data, &x) == nil &&
			(json.Unmarshal(text, &y) != nil || fmt.Sprint(x) != fmt.Sprint(y)) {
			t.Fatalf("%q became %q", data, text)
		}
	})
}

// TestUsualConfigs: what published models have in config.json is taken without a remark.
func TestUsualConfigs(t *testing.T) {
	const sizes = `"hidden_size":896,"intermediate_size":4864,"num_hidden_layers":24,` +
		`"num_attention_heads":14,"num_key_value_heads":2,` +
		`"vocab_size":151936,"rms_norm_eps":1e-06,"hidden_act":"silu","initializer_range":0.02,` +
		`"attention_dropout":0.0,"use_cache":true,`
	for _, text := range []string{
		`"architectures":["Qwen2ForCausalLM"],"model_type":"qwen2","bos_token_id":151643,` +
			`"eos_token_id":151645,"max_position_embeddings":32768,` +
			`"max_window_layers":21,"rope_theta":1000000.0,"sliding_window":32768,` +
			`"use_sliding_window":false,"tie_word_embeddings":true,"use_mrope":false,` +
			`"torch_dtype":"bfloat16","transformers_version":"4.43.1"`,
		`"architectures":["LlamaForCausalLM"],"model_type":"llama","attention_bias":false,` +
			`"mlp_bias":false,"bos_token_id":128000,` +
			`"eos_token_id":[128001,128008,128009],"max_position_embeddings":131072,"pretraining_tp":1,` +
			`"rope_theta":500000.0,"rope_scaling":` +
			`{"factor":32.0,"high_freq_factor":4.0,"low_freq_factor":1.0,` +
			`"original_max_position_embeddings":8192,"rope_type":"llama3"},` +
			`"head_dim":64,"tie_word_embeddings":true,"torch_dtype":"bfloat16"`,
		`"architectures":["LlamaForCausalLM"],"model_type":"llama","is_llama_config":true,` +
			`"rope_interleaved":false,"rope_scaling":null,` +
			`"transformers.js_config":{"kv_cache_dtype":{"q4f16":"float16"}},"max_position_embeddings":8192`,
		// All fields that older versions wrote.
		`"model_type":"llama","return_dict":true,"output_hidden_states":false,"output_attentions":false,` +
			`"torchscript":false,"pruned_heads":{},` +
			`"is_encoder_decoder":false,"is_decoder":false,"cross_attention_hidden_size":null,` +
			`"add_cross_attention":false,"tie_encoder_decoder":false,` +
			`"chunk_size_feed_forward":0,"output_scores":false,"problem_type":null,` +
			`"id2label":{"0":"LABEL_0"},"num_logits_to_keep":0,` +
			`"quantization_config":null,"sliding_window":null,"unsloth_version":"2025.1",` +
			`"neftune_noise_alpha":5,"_name_or_path":"x","temperature":1.0`,
	} {
		c, err := parseConfig([]byte("{" + sizes + text + "}"))
		if err != nil || len(c.notes) > 0 {
			t.Errorf("%s: %v, notes %q", text, err, c.notes)
		}
	}
}
