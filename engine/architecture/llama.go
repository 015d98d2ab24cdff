package architecture

// Llama is the family of Llama 2 and 3 and of those that took over its layer, such as SmolLM2:
// norms before attention and MLP, biases where config.json says so.
var Llama = &Architecture{
	Type:     "llama",
	Class:    "LlamaForCausalLM",
	Defaults: Defaults{MaxPositions: 2048},
	Flags:    []Flag{{Name: "attention_bias"}, {Name: "mlp_bias"}},
	Layer: func(c *Config, _ int) Layer {
		D, I, queries, keys := c.HiddenSize, c.IntermediateSize, c.NumHeads*c.HeadDim, c.NumKVHeads*c.HeadDim
		attention, mlp := c.Flag("attention_bias"), c.Flag("mlp_bias")
		return Layer{
			Attention: Attention{
				Before: &Norm{"input_layernorm", D},
				Query:  Projection{"self_attn.q_proj", queries, D, attention},
				Key:    Projection{"self_attn.k_proj", keys, D, attention},
				Value:  Projection{"self_attn.v_proj", keys, D, attention},
				Output: Projection{"self_attn.o_proj", D, queries, attention},
			},
			MLP: MLP{
				Before: &Norm{"post_attention_layernorm", D},
				Gate:   Projection{"mlp.gate_proj", I, D, mlp},
				Up:     Projection{"mlp.up_proj", I, D, mlp},
				Down:   Projection{"mlp.down_proj", D, I, mlp},
			},
		}
	},
}
