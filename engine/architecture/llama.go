package architecture

// Llama is the family of Llama 2 and 3 and of those that took over its layer, such as SmolLM2:
// norms before attention and MLP, biases where config.json says so.
var Llama = &Architecture{
	Type:     "llama",
	Class:    "LlamaForCausalLM",
	Defaults: Defaults{MaxPositions: 2048},
	Flags:    []Flag{{Name: "attention_bias"}, {Name: "mlp_bias"}},
	Layer: func(c *Config, _ int) Layer {
		l := PreNorm(c)
		l.Attention.setBias(c.Flag("attention_bias"))
		l.MLP.setBias(c.Flag("mlp_bias"))
		return l
	},
}
