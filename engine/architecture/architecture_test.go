package architecture

import (
	"slices"
	"strings"
	"testing"
)

// TestFamilies: what the product runs, and the projections that LoRA may adapt.
func TestFamilies(t *testing.T) {
	for _, name := range []string{"qwen2", "llama"} {
		if !slices.Contains(Names(), name) {
			t.Errorf("families %q, want %s among them", Names(), name)
		}
	}
	want := []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
	if got := Qwen2.Projections(); !slices.Equal(got, want) {
		t.Errorf("projections %q, want %q", got, want)
	}
	if !slices.Equal(slices.Compact(slices.Sorted(slices.Values(Projections()))),
		slices.Sorted(slices.Values(Projections()))) {
		t.Errorf("a projection is listed twice: %q", Projections())
	}
	if Find("mamba") != nil || Find("") != nil || Find("llama") != Llama {
		t.Error("a family that is not there was found, or one that is there was not")
	}
}

// TestTensors: a description's tensors are those of the checkpoint, in its order.
func TestTensors(t *testing.T) {
	c := &Config{
		Architecture: Llama, HiddenSize: 6, IntermediateSize: 10, NumLayers: 2, NumHeads: 4, NumKVHeads: 2,
		HeadDim: 8, VocabSize: 12, Flags: map[string]bool{"attention_bias": true},
	}
	var got []string
	count := int64(0)
	for _, tensor := range c.Model().Tensors() {
		got = append(got, tensor.Name)
		count += int64(tensor.Len())
	}
	layer := func(i string) []string {
		var names []string
		for _, name := range []string{
			"self_attn.q_proj.weight", "self_attn.q_proj.bias",
			"self_attn.k_proj.weight", "self_attn.k_proj.bias",
			"self_attn.v_proj.weight", "self_attn.v_proj.bias",
			"self_attn.o_proj.weight", "self_attn.o_proj.bias",
			"mlp.gate_proj.weight", "mlp.up_proj.weight", "mlp.down_proj.weight",
			"input_layernorm.weight", "post_attention_layernorm.weight",
		} {
			names = append(names, "model.layers."+i+"."+name)
		}
		return names
	}
	want := slices.Concat([]string{"model.embed_tokens.weight"}, layer("0"), layer("1"),
		[]string{"model.norm.weight", "lm_head.weight"})
	if !slices.Equal(got, want) {
		t.Errorf("tensors %q, want %q", got, want)
	}
	// Matrices and biases of two layers, norms, and two tables.
	n := int64(2*(32*6+32+2*(16*6+16)+6*32+6+3*10*6) + 5*6 + 2*12*6)
	if count != n || c.NumParameters() != n {
		t.Errorf("%d parameters, counted %d, want %d", count, c.NumParameters(), n)
	}
	c.TieEmbeddings = true
	m := c.Model()
	isHead := func(t Tensor) bool { return t.Name == HeadName }
	if m.Head.Name != m.Embedding.Name || slices.ContainsFunc(m.Tensors(), isHead) {
		t.Errorf("a tied model has the head %s", m.Head.Name)
	}
}

// TestRegister: a family that cannot run is refused when it is registered, not when a model is
// loaded.
func TestRegister(t *testing.T) {
	before := len(Names())
	for name, c := range map[string]struct {
		change func(l *Layer)
		want   string
	}{
		"sizes": {func(l *Layer) { l.Attention.Key.Out *= 2 }, "self_attn.k_proj"},
		"empty": {func(l *Layer) { l.MLP = MLP{} }, "expected a name"},
		"heads": {func(l *Layer) { l.Attention.QueryNorm = &Norm{"q_norm", 3} }, "q_norm"},
		"twice": {func(l *Layer) { l.MLP.Before = l.Attention.Before }, "input_layernorm.weight"},
		"llama": {func(*Layer) {}, "twice"},
	} {
		a := &Architecture{Type: name, Layer: func(config *Config, _ int) Layer {
			l := PreNorm(config)
			c.change(&l)
			return l
		}}
		func() {
			defer func() {
				if message, _ := recover().(string); !strings.Contains(message, c.want) {
					t.Errorf("%s: %q, want %q", name, message, c.want)
				}
			}()
			Register(a)
		}()
	}
	if n := len(Names()); n != before {
		t.Errorf("%d families after refusals", n)
	}
}
