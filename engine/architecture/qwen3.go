package architecture

// Qwen3 is the family of the dense Qwen3 models: queries and keys are normalised head by head, and heads have a
// width of their own.
var Qwen3 = &Architecture{
	Type:     "qwen3",
	Class:    "Qwen3ForCausalLM",
	Defaults: Defaults{KVHeads: 32, HeadDim: 128, MaxPositions: 32768},
	Flags:    []Flag{{Name: "attention_bias"}},
	Window:   &Window{Size: 4096, FirstLayer: 28},
	Layer: func(c *Config, _ int) Layer {
		l := PreNorm(c)
		l.Attention.QueryNorm = &Norm{"self_attn.q_norm", c.HeadDim}
		l.Attention.KeyNorm = &Norm{"self_attn.k_norm", c.HeadDim}
		l.Attention.setBias(c.Flag("attention_bias"))
		return l
	},
}
