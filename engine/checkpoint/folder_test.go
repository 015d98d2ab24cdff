package checkpoint

import (
	"cmp"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const variants = "../../testdata/variants"

// writeTensorsOf makes a file of tensors.
func writeTensorsOf(t *testing.T, path string, tensors []Tensor) {
	t.Helper()
	if err := WriteFile(path, func(yield func(Tensor, error) bool) {
		for _, tensor := range tensors {
			if !yield(tensor, nil) {
				return
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
}

// ones is a tensor of ones.
func ones(name string, shape ...int) Tensor {
	values := make([]float32, elements(shape))
	for i := range values {
		values[i] = 1
	}
	return Float32Tensor(name, shape, values)
}

// tensorsOf copies the tensors of a file.
func tensorsOf(t *testing.T, path string) []Tensor {
	t.Helper()
	file, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var all []Tensor
	for _, name := range file.Names() {
		tensor := file.tensors[name]
		tensor.Data = slices.Clone(tensor.Data)
		all = append(all, tensor)
	}
	return all
}

// setConfig changes keys of a folder's config.json.
func setConfig(t *testing.T, dir string, changes map[string]any) {
	t.Helper()
	path := filepath.Join(dir, "config.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	maps.Copy(fields, changes)
	if data, err = json.Marshal(fields); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// copyVariant copies a folder of testdata/variants.
func copyVariant(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(variants, name))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestUnreadTensors: a tensor that is no part of the model is named, and refused where the
// model's function depends on it.
func TestUnreadTensors(t *testing.T) {
	f16 := func(tensor Tensor) Tensor { return tensor.As(F16) }
	raw := func(name string, dtype DType, bytes int) Tensor {
		return Tensor{Name: name, DType: dtype, Shape: []int{bytes * 8 / dtypeBits[dtype]},
			Data: make([]byte, bytes)}
	}
	typed := func(name string) DType { return DType(slices.Index(dtypeNames[:], name)) }
	i64, truth, f64 := typed("I64"), typed("BOOL"), typed("F64")
	for _, c := range []struct {
		model   string
		tensors []Tensor
		named   []string // in a note
		refused string   // or in an error
	}{
		{"qwen2-head-dim", []Tensor{ones("model.layers.0.self_attn.o_proj.bias", 32)}, nil,
			"model.layers.0.self_attn.o_proj.bias"},
		{"qwen2-head-dim", []Tensor{f16(ones("model.layers.1.mlp.down_proj.bias", 32))}, nil,
			"model.layers.1.mlp.down_proj.bias"},
		{"llama-mlp-bias", []Tensor{ones("model.layers.0.self_attn.q_proj.bias", 32),
			ones("model.layers.1.self_attn.q_proj.bias", 32)},
			nil, "model.layers.*.self_attn.q_proj.bias (2): attention_bias is false and mlp_bias true"},
		{"llama-biases", []Tensor{ones("model.layers.0.self_attn.q_norm.weight", 8)}, nil, "q_norm"},
		{"llama-biases", []Tensor{ones("model.layers.0.pre_feedforward_layernorm.weight", 32)}, nil,
			"pre_feedforward_layernorm"},
		{"llama-biases", []Tensor{ones("model.layers.0.input_layernorm.bias", 32)}, nil,
			"input_layernorm.bias"},
		{"llama-biases", []Tensor{ones("model.layers.1.self_attn.sinks", 4)}, nil, "sinks"},
		{"llama-biases", []Tensor{ones("model.norm.bias", 32)}, nil, "model.norm.bias"},
		{"llama-biases", []Tensor{ones("model.embed_norm.weight", 32)}, nil, "model.embed_norm.weight"},
		{"llama-biases", []Tensor{ones("lm_head.bias", 64)}, nil, "lm_head.bias"},
		{"llama-biases", []Tensor{ones("final_logits_bias", 1, 64)}, nil, "final_logits_bias"},
		{"base", []Tensor{ones("layers.0.mlp.up_proj.bias", 40)}, nil, "layers.0.mlp.up_proj.bias"},
		{"llama-biases", []Tensor{ones("model.layers.2.self_attn.q_proj.weight", 32, 32)}, nil,
			"num_hidden_layers is 2"},
		{"llama-biases", []Tensor{raw("model.layers.0.self_attn.q_proj.qweight", U8, 8)}, nil, "quantised"},
		{"llama-biases", []Tensor{ones("model.layers.0.mlp.up_proj.weight_scale", 1)}, nil, "quantised"},

		{"qwen2-head-dim", []Tensor{Float32Tensor("model.layers.0.self_attn.o_proj.bias", []int{32},
			make([]float32, 32))},
			[]string{"model.layers.0.self_attn.o_proj.bias"}, ""},
		{"llama-biases", []Tensor{ones("model.layers.0.self_attn.rotary_emb.inv_freq", 4),
			ones("model.layers.1.self_attn.rotary_emb.inv_freq", 4)},
			[]string{"model.layers.*.self_attn.rotary_emb.inv_freq (2)"}, ""},
		{"llama-biases", []Tensor{ones("model.layers.0.self_attn.q_proj.lora_A.weight", 2, 32),
			ones("model.layers.0.self_attn.q_proj.lora_B.weight", 32, 2)},
			[]string{"model.layers.0.self_attn.q_proj.lora_A.weight", "lora_B"}, ""},
		{"llama-biases", []Tensor{ones("score.weight", 1, 32), ones("v_head.summary.weight", 1, 32),
			ones("visual.blocks.0.norm1.weight", 8)},
			[]string{"score.weight", "v_head.summary.weight", "visual.blocks.0.norm1.weight"}, ""},
		{"llama-biases", []Tensor{ones("mtp.layers.0.eh_proj.weight", 4, 4), ones("mtp.norm.weight", 4)},
			[]string{"mtp.layers.0.eh_proj.weight", "mtp.norm.weight"}, ""},
		{"llama-biases", []Tensor{ones("model.layers.2.eh_proj.weight", 4, 4),
			ones("model.layers.2.mlp.up_proj.weight", 4, 4)},
			[]string{"model.layers.2.eh_proj.weight", "model.layers.2.mlp.up_proj.weight"}, ""},
		{"llama-biases", []Tensor{raw("model.position_ids", i64, 64)}, []string{"model.position_ids"}, ""},
		{"llama-biases", []Tensor{raw("model.layers.0.self_attn.causal_mask", truth, 64),
			raw("model.layers.1.self_attn.bias", truth, 64)},
			[]string{"causal_mask", "self_attn.bias"}, ""},
		{"llama-biases", []Tensor{raw("model.layers.0.layer_scalar", f64, 8)}, nil, "layer_scalar"},
		{"llama-biases", nil, nil, ""},
	} {
		dir := copyVariant(t, c.model)
		path := filepath.Join(dir, singleFile)
		writeTensorsOf(t, path, append(tensorsOf(t, path), c.tensors...))
		f, err := Open(dir)
		if c.refused != "" {
			if err == nil || !strings.Contains(err.Error(), c.refused) ||
				strings.Contains(err.Error(), "\n") {
				t.Errorf("%s with %s: error %v, want one line with %q", c.model, c.tensors[0].Name, err,
					c.refused)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s with %v: %v", c.model, c.named, err)
			continue
		}
		if want := min(1, len(c.named)); len(f.Notes) != want {
			t.Errorf("%v: notes %q, want %d", c.named, f.Notes, want)
		}
		for _, name := range c.named {
			if len(f.Notes) == 1 &&
				(!strings.Contains(f.Notes[0], name) || strings.Contains(f.Notes[0], "\n")) {
				t.Errorf("note %q, want one line with %q", f.Notes[0], name)
			}
		}
		f.Close()
	}
}

// TestTies: which matrices a model has is decided by what is there, as in transformers
// (testdata/variants/forward.json has what it decides).
func TestTies(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(variants, "forward.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]struct {
		Tied bool `json:"tied"`
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	for name, want := range golden {
		f, err := Open(filepath.Join(variants, name))
		if err != nil {
			t.Fatal(err)
		}
		if f.Config.TieEmbeddings != want.Tied {
			t.Errorf("%s: tied is %t, want %t", name, f.Config.TieEmbeddings, want.Tied)
		}
		said := strings.Contains(strings.Join(f.Notes, "\n"), "not tied")
		if said != (name == "tied-other-head") {
			t.Errorf("%s: notes %q", name, f.Notes)
		}
		stored := int64(0)
		for _, file := range f.files {
			for tensor := range file.tensors {
				stored += int64(file.tensors[tensor].Len())
			}
		}
		if name == "tied-same-head" {
			stored -= 64 * 32
		}
		if n := f.Config.NumParameters(); n != stored {
			t.Errorf("%s: %d parameters are counted, %d are stored", name, n, stored)
		}
		// What is written reads as what was read, and says whether it is tied.
		out := filepath.Join(cmp.Or(os.Getenv("STELE_WRITE_DIR"), t.TempDir()), name+"-F32")
		if err := Write(out, f.Config, all(f), WriteOptions{DType: F32}); err != nil {
			t.Fatal(err)
		}
		g, err := Open(out)
		if err != nil {
			t.Fatal(err)
		}
		if len(g.Notes) > 0 && name != "base" || g.Config.TieEmbeddings != want.Tied {
			t.Errorf("%s written: tied %t, notes %q", name, g.Config.TieEmbeddings, g.Notes)
		}
		for want := range all(f) {
			if got, err := g.Tensor(want.Name); err != nil || !equal(got, want) {
				t.Errorf("%s written: %s changed, %v", name, want.Name, err)
			}
		}
		g.Close()
		f.Close()
	}
	// A head of another shape is no head, and an untied model needs one.
	dir := copyVariant(t, "tied-same-head")
	path := filepath.Join(dir, singleFile)
	tensors := tensorsOf(t, path)
	for i := range tensors {
		if tensors[i].Name == head {
			tensors[i] = ones(head, 60, 32)
		}
	}
	writeTensorsOf(t, path, tensors)
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "lm_head.weight has shape [60 32]") {
		t.Errorf("a head of another shape: %v", err)
	}
	dir = copyVariant(t, "base")
	setConfig(t, dir, map[string]any{"tie_word_embeddings": false})
	if _, err := Open(dir); err == nil ||
		!strings.Contains(err.Error(), "lm_head.weight is missing: the folder has no head") {
		t.Errorf("an untied base model: %v", err)
	}
}

// TestShards: what an index and the files say of each other.
func TestShards(t *testing.T) {
	const first, second = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
	for name, c := range map[string]struct {
		change func(dir string, one, two []Tensor, index map[string]string) (a, b []Tensor)
		noted  string
		failed string
	}{
		"as it should be": {func(_ string, one, two []Tensor, _ map[string]string) (a, b []Tensor) {
			return one, two
		}, "", ""},
		"the same twice": {func(_ string, one, two []Tensor, _ map[string]string) (a, b []Tensor) {
			return one, append(two, one[0])
		},
			"twice, with the same values: lm_head.weight", ""},
		"another twice": {func(_ string, one, two []Tensor, _ map[string]string) (a, b []Tensor) {
			return one, append(two, ones(one[0].Name, one[0].Shape...))
		}, "", "with different values"},
		"not named": {func(_ string, one, two []Tensor, index map[string]string) (a, b []Tensor) {
			delete(index, one[0].Name)
			return one, two
		}, "does not name: lm_head.weight", ""},
		"named elsewhere": {func(_ string, one, two []Tensor, index map[string]string) (a, b []Tensor) {
			index[one[0].Name] = second
			return one, two
		}, "not in the file that", ""},
		"nowhere": {func(_ string, one, two []Tensor, _ map[string]string) (a, b []Tensor) {
			return one[1:], two
		},
			"", "says that it is in " + first},
		"named, needless, nowhere": {
			func(_ string, one, two []Tensor, index map[string]string) (a, b []Tensor) {
				index["other.weight"] = second
				return one, two
			}, "names: other.weight", ""},
		"no such shard": {func(_ string, one, two []Tensor, index map[string]string) (a, b []Tensor) {
			index["other.weight"] = "model-00003-of-00002.safetensors"
			return one, two
		}, "", "model-00003-of-00002.safetensors is missing"},
		"another file": {func(dir string, one, two []Tensor, index map[string]string) (a, b []Tensor) {
			writeTensorsOf(t, filepath.Join(dir, "adapter_model.safetensors"), one[:1])
			writeTensorsOf(t, filepath.Join(dir, "trainer_state.safetensors"), one[:1])
			return one, two
		}, "not read: adapter_model.safetensors", ""},
		"an adapter that transformers adds": {
			func(dir string, one, two []Tensor, index map[string]string) (a, b []Tensor) {
				writeTensorsOf(t, filepath.Join(dir, "adapter_model.safetensors"), one[:1])
				if err := os.WriteFile(filepath.Join(dir, "adapter_config.json"),
					[]byte("{}"), 0o644); err != nil {
					t.Fatal(err)
				}
				return one, two
			}, "adapter_model.safetensors is not added", ""},
		"a head that was trained with an adapter": {
			func(_ string, one, two []Tensor, index map[string]string) (a, b []Tensor) {
				one[0].Name = "lm_head.original_module.weight"
				return one, two
			}, "", "not merged"},
		// One file is read before an index is, in transformers and here.
		"one file beside": {func(dir string, one, two []Tensor, index map[string]string) (a, b []Tensor) {
			all := slices.Concat(one, two)
			all[0] = ones(all[0].Name, all[0].Shape...)
			writeTensorsOf(t, filepath.Join(dir, singleFile), all)
			return one, two
		}, "is read, and", ""},
	} {
		dir := copyVariant(t, "llama-biases")
		path := filepath.Join(dir, singleFile)
		tensors := tensorsOf(t, path)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		one, two := slices.Clone(tensors[:9]), slices.Clone(tensors[9:])
		index := map[string]string{}
		for i, tensor := range tensors {
			index[tensor.Name] = first
			if i >= 9 {
				index[tensor.Name] = second
			}
		}
		one, two = c.change(dir, one, two, index)
		writeTensorsOf(t, filepath.Join(dir, first), one)
		writeTensorsOf(t, filepath.Join(dir, second), two)
		data, err := json.Marshal(map[string]any{"weight_map": index})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, indexFile), data, 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := Open(dir)
		if c.failed != "" {
			if err == nil || !strings.Contains(err.Error(), c.failed) {
				t.Errorf("%s: error %v, want one with %q", name, err, c.failed)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if notes := strings.Join(f.Notes, "\n"); !strings.Contains(notes, c.noted) ||
			(c.noted == "") != (notes == "") {
			t.Errorf("%s: notes %q, want %q", name, notes, c.noted)
		}
		if name == "one file beside" {
			got, err := f.Tensor(tensors[0].Name)
			if err != nil || !equal(got, ones(got.Name, got.Shape...)) {
				t.Errorf("%s: the index was read, %v", name, err)
			}
		}
		f.Close()
	}
}
