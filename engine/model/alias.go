package model

import "github.com/stele-lm/stele/engine/model/dense"

// Names of package dense.
type (
	Pair       = dense.Pair
	Batch      = dense.Batch
	DenseShape = dense.Shape
	Packing    = dense.Packing
	Grouping   = dense.Grouping
)

const DenseInputs = dense.NumInputs

func Plan(pairs []Pair, maxTokens int) []Grouping { return dense.Plan(pairs, maxTokens) }
func Pack(pairs []Pair, maxTokens int) []Packing  { return dense.Pack(pairs, maxTokens) }
func PackedWidth(longest, maxTokens int) int      { return dense.PackedWidth(longest, maxTokens) }
