package architecture

// Qwen2 is the family of Qwen2 and Qwen2.5: biases in the projections to queries, keys and
// values, norms before attention and MLP.
var Qwen2 = &Architecture{
	Type:     "qwen2",
	Class:    "Qwen2ForCausalLM",
	Defaults: Defaults{KVHeads: 32, MaxPositions: 32768},
	Window:   &Window{Size: 4096, FirstLayer: 28},
	Layer: func(c *Config, _ int) Layer {
		D, I, queries, keys := c.HiddenSize, c.IntermediateSize, c.NumHeads*c.HeadDim, c.NumKVHeads*c.HeadDim
		return Layer{
			Attention: Attention{
				Before: &Norm{"input_layernorm", D},
				Query:  Projection{"self_attn.q_proj", queries, D, true},
				Key:    Projection{"self_attn.k_proj", keys, D, true},
				Value:  Projection{"self_attn.v_proj", keys, D, true},
				Output: Projection{"self_attn.o_proj", D, queries, false},
			},
			MLP: MLP{
				Before: &Norm{"post_attention_layernorm", D},
				Gate:   Projection{"mlp.gate_proj", I, D, false},
				Up:     Projection{"mlp.up_proj", I, D, false},
				Down:   Projection{"mlp.down_proj", D, I, false},
			},
		}
	},
}
