package architecture

// Qwen2 is the family of Qwen2 and Qwen2.5: biases in the projections to queries, keys and
// values, norms before attention and MLP.
var Qwen2 = &Architecture{
	Type:     "qwen2",
	Class:    "Qwen2ForCausalLM",
	Defaults: Defaults{KVHeads: 32, MaxPositions: 32768},
	Window:   &Window{Size: 4096, FirstLayer: 28},
	Layer: func(c *Config, _ int) Layer {
		l := PreNorm(c)
		l.Attention.Query.Bias, l.Attention.Key.Bias, l.Attention.Value.Bias = true, true, true
		return l
	},
}
