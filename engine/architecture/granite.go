package architecture

// Granite is the family of the dense Granite 3 models: Llama's layer, with numbers by which embeddings,
// scores, what a layer adds and logits are multiplied or divided.
var Granite = &Architecture{
	Type:     "granite",
	Class:    "GraniteForCausalLM",
	Defaults: Defaults{MaxPositions: 2048},
	Flags:    []Flag{{Name: "attention_bias"}, {Name: "mlp_bias"}},
	Numbers: []Number{{Name: "embedding_multiplier", Default: 1}, {Name: "attention_multiplier", Default: 1},
		{Name: "residual_multiplier", Default: 1}, {Name: "logits_scaling", Default: 1}},
	Layer: func(c *Config, _ int) Layer {
		l := PreNorm(c)
		l.Attention.setBias(c.Flag("attention_bias"))
		l.MLP.setBias(c.Flag("mlp_bias"))
		l.Attention.Scale = c.Number("attention_multiplier")
		l.Attention.Factor, l.MLP.Factor = c.Number("residual_multiplier"), c.Number("residual_multiplier")
		return l
	},
	Factors: func(c *Config) (embedding, logits float64) {
		return c.Number("embedding_multiplier"), 1 / c.Number("logits_scaling")
	},
}
