package checkpoint

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// adapterBase is the model that TestAdapterRefusals adds adapters to.
func adapterBase(t *testing.T) *Config {
	t.Helper()
	c, err := LoadConfig("../../testdata/models/tiny-qwen2")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// layAdapter writes an adapter of rank 2 of layer 0's q_proj and down_proj, changed.
func layAdapter(t *testing.T, c *Config, fields map[string]any, tensors map[string][]int) string {
	t.Helper()
	config := map[string]any{"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2, "lora_alpha": 6,
		"base_model_name_or_path": "org/base", "bias": "none", "fan_in_fan_out": false, "use_dora": false,
		"target_modules":    []string{"layers.0.self_attn.q_proj", "layers.0.mlp.down_proj"},
		"init_lora_weights": true, "modules_to_save": nil, "rank_pattern": map[string]any{},
		"loftq_config":  map[string]any{},
		"megatron_core": "megatron.core", "peft_version": "0.19.0"}
	for name, value := range fields {
		if value == "-" {
			delete(config, name)
			continue
		}
		config[name] = value
	}
	q, down := "base_model.model.model.layers.0.self_attn.q_proj.", "base_model.model.model.layers.0.mlp.down_proj."
	all := map[string][]int{
		q + "lora_A.weight": {2, c.HiddenSize}, q + "lora_B.weight": {c.NumHeads * c.HeadDim, 2},
		down + "lora_A.weight": {2, c.IntermediateSize}, down + "lora_B.weight": {c.HiddenSize, 2},
	}
	for name, shape := range tensors {
		if all[name] = shape; shape == nil {
			delete(all, name)
		}
	}
	dir := t.TempDir()
	data, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, AdapterConfigFile), data, 0o644); err != nil {
		t.Fatal(err)
	}
	err = WriteFile(filepath.Join(dir, AdapterWeightsFile), func(yield func(Tensor, error) bool) {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			shape := all[name]
			if !yield(Float32Tensor(name, shape, make([]float32, elements(shape))), nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestAdapterRefusals: an adapter that Stele would add wrongly, or in part, is refused in one line that names
// the file, the field or tensor, and what is expected.
func TestAdapterRefusals(t *testing.T) {
	c := adapterBase(t)
	const q, prefix = "base_model.model.model.layers.0.self_attn.q_proj.", "base_model.model."
	for name, x := range map[string]struct {
		fields  map[string]any
		tensors map[string][]int
		want    string // "" is taken
	}{
		"as it is": {},
		"no task":  {fields: map[string]any{"task_type": nil}},
		"DoRA":     {fields: map[string]any{"use_dora": true}, want: "use_dora true is not supported"},
		"biases": {fields: map[string]any{"bias": "lora_only"},
			want: `bias "lora_only" is not supported: expected none`},
		"bias of B": {fields: map[string]any{"lora_bias": true}, want: "lora_bias true"},
		"whole modules": {fields: map[string]any{"modules_to_save": []string{"lm_head"}},
			want: `modules_to_save ["lm_head"]`},
		"transposed": {fields: map[string]any{"fan_in_fan_out": true}, want: "fan_in_fan_out true"},
		"layers repeated": {fields: map[string]any{"layer_replication": [][]int{{0, 2}, {1, 3}}},
			want: "layer_replication [[0,2],[1,3]]"},
		"single tokens": {fields: map[string]any{"trainable_token_indices": []int{3}},
			want: "trainable_token_indices [3]"},
		"parameters": {fields: map[string]any{"target_parameters": []string{"w"}}, want: "target_parameters"},
		"PiSSA": {fields: map[string]any{"init_lora_weights": "pissa_niter_16"},
			want: `init_lora_weights "pissa_niter_16"`},
		"OLoRA":        {fields: map[string]any{"init_lora_weights": "olora"}, want: `init_lora_weights "olora"`},
		"Gaussian":     {fields: map[string]any{"init_lora_weights": "gaussian"}},
		"VeRA":         {fields: map[string]any{"peft_type": "VERA"}, want: `peft_type is "VERA", expected LORA`},
		"no kind":      {fields: map[string]any{"peft_type": "-"}, want: `peft_type is "", expected LORA`},
		"a classifier": {fields: map[string]any{"task_type": "SEQ_CLS"}, want: `task_type "SEQ_CLS"`},
		"rank 0":       {fields: map[string]any{"r": 0}, want: "r is 0"},
		"rank as text": {fields: map[string]any{"r": "2"}, want: `field "r"`},
		"look-ahead": {fields: map[string]any{"target_modules": `(?=x)q_proj`},
			want: `target_modules "(?=x)q_proj" is not a regular`},
		"no targets": {fields: map[string]any{"target_modules": nil}, want: "target_modules is not set"},
		"targets a number": {fields: map[string]any{"target_modules": 3},
			want: "target_modules is 3, expected a list"},
		"the head": {fields: map[string]any{"target_modules": []string{"embed_tokens"}},
			want: "target_modules has model.embed_tokens"},
		"norms": {fields: map[string]any{"target_modules": `.*`},
			want: "target_modules has model.embed_tokens"},
		"nothing of it": {fields: map[string]any{"target_modules": []string{"c_attn"}},
			want: "is not read: target_modules of"},
		"another rank": {fields: map[string]any{"rank_pattern": map[string]any{"q_proj": 4}},
			want: q + "lora_A.weight has shape [2 64], expected [4 64]"},
		"half a rank": {fields: map[string]any{"rank_pattern": map[string]any{"q_proj": 2.5}},
			want: "expected a whole number"},
		"for another model": {tensors: map[string][]int{q + "lora_A.weight": {2, 896}},
			want: "has shape [2 896], expected [2 64] for a weight of shape [64 64]: the adapter is for another"},
		"a tensor is missing": {tensors: map[string][]int{q + "lora_B.weight": nil},
			want: q + "lora_B.weight is missing"},
		"all layers": {fields: map[string]any{"target_modules": []string{"q_proj", "down_proj"}},
			want: "layers.1.self_attn.q_proj.lora_A.weight is missing"},
		"a tensor too many": {
			tensors: map[string][]int{prefix + "model.layers.0.self_attn.k_proj.lora_A.weight": {2, 64}},
			want:    "k_proj.lora_A.weight [2 64] is not read: target_modules"},
		"more layers": {tensors: map[string][]int{prefix + "model.layers.3.self_attn.q_proj.lora_A.weight": {2, 64}},
			want: "the base has 3 layers"},
		"another vocabulary": {tensors: map[string][]int{prefix + "model.embed_tokens.weight": {2080, 64}},
			want: "the adapter goes with a vocabulary of 2080 tokens, and the base has 2064"},
		"its own head": {tensors: map[string][]int{prefix + "lm_head.weight": {2064, 64}},
			want: "brings its own embedding or head"},
		"magnitudes": {tensors: map[string][]int{q + "lora_magnitude_vector": {64}}, want: "it is DoRA's"},
		"a bias":     {tensors: map[string][]int{q + "lora_B.bias": {64}}, want: "biases that were trained"},
		"embedding factors": {tensors: map[string][]int{prefix + "model.embed_tokens.lora_embedding_A": {2, 2064}},
			want: "factors of the embedding"},
		"named": {tensors: map[string][]int{q + "lora_A.default.weight": {2, 64}},
			want: "the adapter's name stands in"},
		"other name": {tensors: map[string][]int{"transformer.h.0.lora_A.weight": {2, 64}},
			want: "expected names that begin with base_model.model."},
		"layers of a pattern": {fields: map[string]any{"target_modules": "q_proj", "layers_to_transform": 1},
			want: "layers_to_transform is set and target_modules is not a list"},
	} {
		dir := layAdapter(t, c, x.fields, x.tensors)
		a, err := OpenAdapter(dir, c)
		if err == nil {
			a.Close()
		}
		switch {
		case x.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want) ||
			strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), dir)):
			t.Errorf("%s: %v, want %q", name, err, x.want)
		}
	}
	dir := layAdapter(t, c, map[string]any{"use_tomorrow": true}, nil)
	a, err := OpenAdapter(dir, c)
	if err != nil || len(a.Notes) != 1 || !strings.Contains(a.Notes[0], "use_tomorrow true is not known") {
		t.Fatalf("a field that is not known: %v", err)
	}
	a.Close()
}

// TestAdapterUnused: keys that change nothing are named, with the file and what was probably meant; those that give a
// module its number are not.
func TestAdapterUnused(t *testing.T) {
	c := adapterBase(t)
	for name, x := range map[string]struct {
		fields map[string]any
		want   []string // of each note, in order
	}{
		"all are used": {fields: map[string]any{"rank_pattern": map[string]any{"q_proj": 2},
			"alpha_pattern": map[string]any{"layers.0.mlp.down_proj": 3}, "exclude_modules": []string{"k_proj"}}},
		"misspelt": {fields: map[string]any{"rank_pattern": map[string]any{"q_prj": 2},
			"alpha_pattern": map[string]any{"model.layers.0.mlp.dwn_proj": 3, "q_proj": 4}},
			want: []string{`rank_pattern has "q_prj", which fits no module that the adapter changes, so it is ignored, ` +
				`did you mean "q_proj"?`, `alpha_pattern has "model.layers.0.mlp.dwn_proj", which fits no module`}},
		"a module without factors": {fields: map[string]any{"alpha_pattern": map[string]any{"k_proj": 3}},
			want: []string{`alpha_pattern has "k_proj", which fits no module that the adapter changes`}},
		"another comes first": {fields: map[string]any{"alpha_pattern": json.RawMessage(`{"(q|v)_proj": 2,
			"self_attn.q_proj": 100}`)},
			want: []string{`"self_attn.q_proj", which is ignored: keys before it fit all of its modules`}},
		"excluded": {fields: map[string]any{"exclude_modules": []string{"lm_haed", "embed_tokens"}},
			want: []string{"exclude_modules has lm_haed, and the model has no such module"}},
		"a head that is tied": {fields: map[string]any{"exclude_modules": []string{"lm_head"}}},
		"a pattern excludes nothing": {fields: map[string]any{"exclude_modules": "visual.*"},
			want: []string{"exclude_modules fits no module of the model"}},
		"layers": {fields: map[string]any{"target_modules": []string{"q_proj", "down_proj"},
			"layers_to_transform": []int{0, 24}},
			want: []string{"layers_to_transform has 24, and the model has layers 0 to 2"}},
		"target": {fields: map[string]any{"target_modules": []string{"layers.0.self_attn.q_proj",
			"layers.0.mlp.down_proj", "o_prj"}},
			want: []string{`target_modules has o_prj, and the model has no such projection, did you mean "o_proj"?`}},
	} {
		dir := layAdapter(t, c, x.fields, nil)
		a, err := OpenAdapter(dir, c)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		a.Close()
		if len(a.Notes) != len(x.want) {
			t.Errorf("%s: %q, want %q", name, a.Notes, x.want)
			continue
		}
		for i, note := range a.Notes {
			if !strings.Contains(note, x.want[i]) || !strings.HasPrefix(note, filepath.Join(dir, AdapterConfigFile)) {
				t.Errorf("%s: %q, want %q", name, note, x.want[i])
			}
		}
	}
}

const someAdapter = `{"peft_type": "LORA", "target_modules": ["q_proj"]}`

// TestNotAnAdapter says what was given in an adapter's place.
func TestNotAnAdapter(t *testing.T) {
	c := adapterBase(t)
	for name, x := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a checkpoint": {map[string]string{"adapter/adapter_config.json": "{}", "model.safetensors": "x"},
			"name the adapter in it"},
		"a model":   {map[string]string{"config.json": "{}"}, "is a model and not an adapter"},
		"empty":     {nil, "an empty folder"},
		"something": {map[string]string{"a.txt": "x"}, "has no adapter_config.json"},
		"no tensors": {map[string]string{"adapter_config.json": someAdapter},
			AdapterWeightsFile},
		"for PyTorch": {map[string]string{"adapter_config.json": someAdapter, "adapter_model.bin": "PK"},
			"PyTorch's own format"},
		"a pointer": {map[string]string{"adapter_config.json": someAdapter,
			AdapterWeightsFile: "version https://git-lfs.github.com/spec/v1\n"},
			"a Git LFS pointer"},
		"not JSON":      {map[string]string{"adapter_config.json": `{`}, "adapter_config.json: "},
		"not an object": {map[string]string{"adapter_config.json": `[]`}, "adapter_config.json: "},
	} {
		dir := t.TempDir()
		for file, text := range x.files {
			path := filepath.Join(dir, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		_, err := OpenAdapter(dir, c)
		if err == nil || !strings.Contains(err.Error(), x.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", name, err, x.want)
		}
	}
}

// TestAdapterPatterns: ranks, scales and targets are those of PEFT, whose functions made the expectations.
func TestAdapterPatterns(t *testing.T) {
	c, err := parseAdapterConfig([]byte(`{"peft_type": "LORA", "r": 4, "lora_alpha": 6, "use_rslora": true,
		"target_modules": ["q_proj", "mlp.up_proj", "v_proj"], "exclude_modules": "model\\.layers\\.2\\..*",
		"layers_to_transform": [0, 2, 11],
		"rank_pattern": {"layers.0.self_attn.q_proj": 9, "q_proj": 16, "^model.layers.11.mlp.up_proj": 3},
		"alpha_pattern": {"(q|v)_proj": 2, "q_proj": 100}}`))
	if err != nil {
		t.Fatal(err)
	}
	for module, want := range map[string]struct {
		adapts      bool
		rank, alpha float64
	}{
		"model.layers.0.self_attn.q_proj":  {true, 9, 2},
		"model.layers.11.self_attn.q_proj": {true, 16, 2},
		"model.layers.10.self_attn.q_proj": {false, 16, 2},
		"model.layers.2.self_attn.v_proj":  {false, 4, 2},
		"model.layers.11.mlp.up_proj":      {true, 3, 6},
		"model.layers.0.mlp.gate_up_proj":  {false, 4, 6},
		"model.layers.1.mlp.up_proj":       {false, 4, 6},
		"lm_head":                          {false, 4, 6},
	} {
		if c.adapts(module, true) != want.adapts || float64(c.rankOf(module)) != want.rank ||
			math.Abs(c.scaleOf(module)-want.alpha/math.Sqrt(want.rank)) > 1e-12 {
			t.Errorf("%s: %v, rank %d, scale %g, want %+v", module, c.adapts(module, true), c.rankOf(module),
				c.scaleOf(module), want)
		}
	}
}

// TestAdapterVocabulary: an adapter that goes with other ids than the base's is refused.
func TestAdapterVocabulary(t *testing.T) {
	c := adapterBase(t)
	tokenizer := func(vocab, added string) []byte {
		return []byte(`{"model": {"type": "BPE", "vocab": ` + vocab + `}, "added_tokens": [` + added + `]}`)
	}
	base := t.TempDir()
	if err := os.WriteFile(filepath.Join(base, tokenizerFile), tokenizer(`{"a": 0, "b": 1}`,
		`{"id": 2, "content": "<end>"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		file       []byte
		want, note string
	}{
		"none":      {},
		"the same":  {file: tokenizer(`{"b": 1, "a": 0}`, `{"id": 2, "content": "<end>"}`)},
		"fewer":     {file: tokenizer(`{"a": 0}`, ``)},
		"other ids": {file: tokenizer(`{"a": 1, "b": 0}`, ``), want: `token "a" is 1, and 0 in`},
		"other added": {file: tokenizer(`{"a": 0}`, `{"id": 3, "content": "<end>"}`),
			want: `token "<end>" is 3, and 2 in`},
		"beyond": {file: tokenizer(`{"a": 0}`, `{"id": 2064, "content": "<pad>"}`),
			want: `token "<pad>" is 2064, and the base has 2064 tokens`},
		"within":   {file: tokenizer(`{"a": 0}`, `{"id": 3, "content": "<pad>"}`), note: "has 1 tokens that"},
		"unigrams": {file: tokenizer(`[["a", 0], ["c", -1.5]]`, ``), note: "has 1 tokens that"},
		"broken":   {file: []byte(`{"model": `), want: "tokenizer.json: "},
		"nothing":  {file: []byte(`{}`), want: "model.vocab: "},
	} {
		dir := layAdapter(t, c, nil, nil)
		if x.file != nil {
			if err := os.WriteFile(filepath.Join(dir, tokenizerFile), x.file, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		a, err := OpenAdapter(dir, c)
		if err != nil {
			t.Fatal(err)
		}
		err = a.CheckVocabulary(base, c)
		a.Close()
		if (err != nil) != (x.want != "") || err != nil && (!strings.Contains(err.Error(), x.want) ||
			strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: %v, want %q", name, err, x.want)
		}
		if notes := strings.Join(a.Notes, " "); !strings.Contains(notes, x.note) || x.note == "" && notes != "" {
			t.Errorf("%s: noted %q, want %q", name, notes, x.note)
		}
	}
}

func FuzzAdapterConfig(f *testing.F) {
	f.Add([]byte(`{"peft_type": "LORA", "r": 4, "lora_alpha": 6, "target_modules": "all-linear",
		"rank_pattern": {"q": 2}, "alpha_pattern": {"v": 1.5}, "layers_to_transform": null}`))
	f.Add([]byte(`{"peft_type": "LORA", "target_modules": ["q_proj"], "layers_to_transform": [1],
		"layers_pattern": "h"}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		c, err := parseAdapterConfig(data)
		if err != nil {
			return
		}
		c.adapts("model.layers.0.self_attn.q_proj", true)
		c.scaleOf("model.layers.0.self_attn.q_proj")
	})
}
