package architecture

// SmolLM3 is the family of SmolLM3: Llama's layer, of which every fourth, or those that config.json lists, does not
// rotate queries and keys.
var SmolLM3 = &Architecture{
	Type:     "smollm3",
	Class:    "SmolLM3ForCausalLM",
	Defaults: Defaults{KVHeads: 4, MaxPositions: 32768, RopeTheta: 2e6, Tied: true},
	Flags:    []Flag{{Name: "attention_bias"}, {Name: "mlp_bias"}},
	Numbers:  []Number{{Name: noRopeInterval, Default: 4, Whole: true}},
	Lists:    []string{noRopeLayers},
	Window:   &Window{FirstLayer: -1},
	Layer: func(c *Config, index int) Layer {
		l := PreNorm(c)
		l.Attention.setBias(c.Flag("attention_bias"))
		l.MLP.setBias(c.Flag("mlp_bias"))
		if rotated := c.List(noRopeLayers); rotated != nil {
			l.Attention.Unrotated = rotated[index] == 0
		} else {
			l.Attention.Unrotated = (index+1)%int(c.Number(noRopeInterval)) == 0
		}
		return l
	},
}

// The fields that say which layers do not rotate. In the list 0 is a layer that does not.
const noRopeLayers, noRopeInterval = "no_rope_layers", "no_rope_layer_interval"
