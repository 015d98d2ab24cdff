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
		a, m, attention, mlp := &l.Attention, &l.MLP, c.Flag("attention_bias"), c.Flag("mlp_bias")
		a.Query.Bias, a.Key.Bias, a.Value.Bias, a.Output.Bias = attention, attention, attention, attention
		m.Gate.Bias, m.Up.Bias, m.Down.Bias = mlp, mlp, mlp
		return l
	},
}
