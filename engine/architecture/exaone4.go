package architecture

// EXAONE4 is the family of EXAONE 4.0 without a sliding window, as its 1.2B has it: norms follow attention and
// MLP, and queries and keys are normalised head by head. With a window of any size layers with full attention
// do not rotate.
var EXAONE4 = &Architecture{
	Type:     "exaone4",
	Class:    "Exaone4ForCausalLM",
	Defaults: Defaults{KVHeads: 32, MaxPositions: 2048, RMSNormEps: 1e-5},
	Window:   &Window{Size: 4096, Always: true, FirstLayer: -1, Alters: true},
	Layer: func(c *Config, _ int) Layer {
		l := postNorm(c)
		l.Attention.QueryNorm = &Norm{"self_attn.q_norm", c.HeadDim}
		l.Attention.KeyNorm = &Norm{"self_attn.k_norm", c.HeadDim}
		return l
	},
}
