package architecture

// Mistral is the family of Mistral 7B, Nemo and Small, without a sliding window: Llama's layer, with no biases and
// heads that may have a width of their own.
var Mistral = &Architecture{
	Type:     "mistral",
	Class:    "MistralForCausalLM",
	Defaults: Defaults{KVHeads: 8, MaxPositions: 4096 * 32},
	Window:   &Window{Size: 4096, Always: true, FirstLayer: -1},
	Layer:    func(c *Config, _ int) Layer { return PreNorm(c) },
}
