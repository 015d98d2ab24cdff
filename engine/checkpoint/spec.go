package checkpoint

import "fmt"

// TensorSpec is a tensor that a model must have.
type TensorSpec struct {
	Name  string
	Shape []int // [out, in] for projections
}

// TensorSpecs lists every tensor of the model under its Hugging Face name, in a
// fixed order: embedding, layers, final norm, and the head unless it is tied.
func (c *Config) TensorSpecs() []TensorSpec {
	d, q, kv := c.HiddenSize, c.NumHeads*c.HeadDim, c.NumKVHeads*c.HeadDim
	specs := []TensorSpec{{"model.embed_tokens.weight", []int{c.VocabSize, d}}}
	for l := range c.NumLayers {
		linear := func(name string, out, in int, bias bool) {
			name = fmt.Sprintf("model.layers.%d.%s", l, name)
			specs = append(specs, TensorSpec{name + ".weight", []int{out, in}})
			if bias {
				specs = append(specs, TensorSpec{name + ".bias", []int{out}})
			}
		}
		linear("self_attn.q_proj", q, d, c.QKVBias)
		linear("self_attn.k_proj", kv, d, c.QKVBias)
		linear("self_attn.v_proj", kv, d, c.QKVBias)
		linear("self_attn.o_proj", d, q, c.OutputBias)
		linear("mlp.gate_proj", c.IntermediateSize, d, c.MLPBias)
		linear("mlp.up_proj", c.IntermediateSize, d, c.MLPBias)
		linear("mlp.down_proj", d, c.IntermediateSize, c.MLPBias)
		for _, norm := range []string{"input_layernorm", "post_attention_layernorm"} {
			specs = append(specs, TensorSpec{fmt.Sprintf("model.layers.%d.%s.weight", l, norm), []int{d}})
		}
	}
	specs = append(specs, TensorSpec{"model.norm.weight", []int{d}})
	if !c.TieEmbeddings {
		specs = append(specs, TensorSpec{"lm_head.weight", []int{c.VocabSize, d}})
	}
	return specs
}

// names are those of TensorSpecs and of the head, tied or not.
func (c *Config) names() map[string]bool {
	names := map[string]bool{head: true}
	for _, spec := range c.TensorSpecs() {
		names[spec.Name] = true
	}
	return names
}

// NumParameters counts the model's parameters; a tied head counts once.
func (c *Config) NumParameters() int64 {
	n := int64(0)
	for _, spec := range c.TensorSpecs() {
		n += int64(elements(spec.Shape))
	}
	return n
}

// WeightBytes is the size of the weights in dtype.
func (c *Config) WeightBytes(dtype DType) int64 { return c.NumParameters() * int64(dtype.Size()) }

// KVBytesPerToken is the size of one token's keys and values over all layers.
func (c *Config) KVBytesPerToken(dtype DType) int64 {
	return int64(2*c.NumLayers*c.NumKVHeads*c.HeadDim) * int64(dtype.Size())
}

func elements(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
