package lora

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/internal/nearest"
	"github.com/stele-lm/stele/kernels/blockwise"
)

// Options trains factors B·A of rank r that are added to some of the weights,
// W = W₀ + alpha/r · B·A (Hu et al., "LoRA", 2021), instead of the weights.
type Options struct {
	// Rank is that of the factors; 0 trains all weights.
	Rank int `yaml:"rank" json:"rank"`
	// Alpha multiplies the factors' product, as Alpha / Rank.
	Alpha float64 `yaml:"alpha" json:"alpha"`
	// Targets are the projections that get factors, in PEFT's names.
	Targets []string `yaml:"targets" json:"targets"`
	// Merge writes the merged model to checkpoints, which any program loads; the adapter alone is there
	// either way.
	Merge bool `yaml:"merge" json:"merge"`
	// Base is how the projections, which are frozen, are held on the device: none as the dtype of the
	// weights says, nf4 in 4 bits, as QLoRA does, or int8 in 8, in blocks of 64. They are quantised from
	// the checkpoint as they are loaded; embedding, norms, biases and head stay as they are.
	Base blockwise.Code `yaml:"base" json:"base"`
	// DoubleQuant quantises the largest magnitudes of Base's blocks, too, which take 0.13 bits a weight
	// then instead of 0.5.
	DoubleQuant bool `yaml:"double_quant" json:"double_quant"`
}

// Format returns how the projections are held.
func (l Options) Format() blockwise.Format {
	if l.Rank == 0 {
		return blockwise.Format{}
	}
	return blockwise.Format{Code: l.Base, Double: l.DoubleQuant}
}

// Validate checks the options before a model is known: a target must be a projection of one of
// the families.
func (l Options) Validate() error {
	if err := l.Base.Validate(); err != nil {
		return fmt.Errorf("lora.base: %w%s", err, nearest.Hint(string(l.Base), blockwise.Codes()))
	}
	if l.Rank == 0 {
		if l.Base != blockwise.None && l.Base != "" {
			return fmt.Errorf("lora.base is %s and lora.rank 0: weights that are held block-wise are not trained, "+
				"set lora.rank to train an adapter over them", l.Base)
		}
		return nil
	}
	if l.Rank < 0 || !(l.Alpha > 0) || len(l.Targets) == 0 {
		return fmt.Errorf("lora: rank %d and alpha %g must be positive, targets not empty", l.Rank, l.Alpha)
	}
	known := architecture.Projections()
	for i, t := range l.Targets {
		if !slices.Contains(known, t) || slices.Contains(l.Targets[:i], t) {
			return fmt.Errorf("lora: target %q is unknown or there twice: expected some of %s%s",
				t, strings.Join(known, ", "), nearest.Hint(t, known))
		}
	}
	return nil
}

// Scale returns alpha / rank, the factor of B·A.
func (l Options) Scale() float64 { return l.Alpha / float64(l.Rank) }

// Adapt returns which of a model's weights get factors, and A and B of each in turn, by their names in an
// adapter.
func (l Options) Adapt(weights []architecture.Tensor) (targets []model.Target, factors []architecture.Tensor) {
	for i, weight := range weights {
		if pair := l.Factors(weight); pair != nil {
			targets = append(targets, model.Target{Index: i, Rank: l.Rank, Scale: l.Scale()})
			factors = append(factors, pair...)
		}
	}
	return targets, factors
}

// Factors returns A and B of a weight, by their names in an adapter; nil if the weight is
// no target.
func (l Options) Factors(weight architecture.Tensor) []architecture.Tensor {
	if weight.Kind != architecture.Matrix || !slices.Contains(l.Targets, weight.Module()) {
		return nil
	}
	module := strings.TrimSuffix(weight.Name, ".weight")
	return []architecture.Tensor{
		{Name: module + ".lora_A.weight", Shape: []int{l.Rank, weight.Shape[1]}},
		{Name: module + ".lora_B.weight", Shape: []int{weight.Shape[0], l.Rank}},
	}
}
