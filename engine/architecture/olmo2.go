package architecture

// OLMo2 is the family of OLMo 2: norms follow attention and MLP instead of coming before them, and queries and
// keys are normalised over all heads together.
var OLMo2 = &Architecture{
	Type:     "olmo2",
	Class:    "Olmo2ForCausalLM",
	Defaults: Defaults{MaxPositions: 2048, RMSNormEps: 1e-5},
	Flags:    []Flag{{Name: "attention_bias"}},
	Layer: func(c *Config, _ int) Layer {
		l := postNorm(c)
		l.Attention.QueryNorm = &Norm{"self_attn.q_norm", c.NumHeads * c.HeadDim}
		l.Attention.KeyNorm = &Norm{"self_attn.k_norm", c.NumKVHeads * c.HeadDim}
		l.Attention.setBias(c.Flag("attention_bias"))
		return l
	},
}

// postNorm returns a layer with norms after attention and MLP only.
func postNorm(c *Config) Layer {
	l := PreNorm(c)
	l.Attention.Before, l.MLP.Before = nil, nil
	l.Attention.After = &Norm{"post_attention_layernorm", c.HiddenSize}
	l.MLP.After = &Norm{"post_feedforward_layernorm", c.HiddenSize}
	return l
}
