package trainertest

import (
	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint"
)

// Shapes of models, for plans and for programs that are compiled without weights.
var (
	Qwen25Half  = shape(architecture.Qwen2, 896, 4864, 24, 14, 2, 151936, true)    // Qwen2.5-0.5B
	Qwen25One   = shape(architecture.Qwen2, 1536, 8960, 28, 12, 2, 151936, true)   // Qwen2.5-1.5B
	Qwen25Three = shape(architecture.Qwen2, 2048, 11008, 36, 16, 2, 151936, true)  // Qwen2.5-3B
	Qwen25Seven = shape(architecture.Qwen2, 3584, 18944, 28, 28, 4, 152064, false) // Qwen2.5-7B
	Llama31     = shape(architecture.Llama, 4096, 14336, 32, 32, 8, 128256, false) // Llama-3.1-8B
)

func shape(a *architecture.Architecture, hidden, intermediate, layers, heads, kvHeads, vocabulary int,
	tied bool) *checkpoint.Config {
	return &checkpoint.Config{Config: architecture.Config{
		Architecture: a, VocabSize: vocabulary, HiddenSize: hidden, IntermediateSize: intermediate,
		NumLayers: layers, NumHeads: heads, NumKVHeads: kvHeads, HeadDim: hidden / heads,
		MaxPositions: 32768, TieEmbeddings: tied,
	}}
}
