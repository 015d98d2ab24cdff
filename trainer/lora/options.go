package lora

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/internal/nearest"
	"github.com/stele-lm/stele/kernels/blockwise"
)

// Options trains factors B·A of rank r that are added to some of the weights,
// W = W₀ + alpha/r · B·A (Hu et al., "LoRA", 2021), instead of the weights.
type Options struct {
	// Rank is the rank of the factors; 0 trains all weights.
	Rank int `yaml:"rank" json:"rank"`
	// Alpha scales the factors' product by Alpha / Rank.
	Alpha float64 `yaml:"alpha" json:"alpha"`
	// Targets are the projections that get factors, in PEFT's names.
	Targets []string `yaml:"targets" json:"targets"`
	// Adapter is an adapter in PEFT's layout to train further, a folder or a hub id in the local cache;
	// empty begins with new factors. Rank, alpha and targets are then the adapter's, and need not be set.
	// The reference model includes the original adapter.
	Adapter string `yaml:"adapter" json:"adapter,omitempty"`
	// Merge also writes the merged model to checkpoints, which any program can load; the adapter alone is
	// always there.
	Merge bool `yaml:"merge" json:"merge"`
	// Base is how the frozen projections are held on the device: none is the dtype of the weights, nf4 is 4
	// bits as in QLoRA, int8 is 8 bits, both in blocks of 64. They are quantised from the checkpoint while
	// it is loaded; embedding, norms, biases and head are not.
	Base blockwise.Code `yaml:"base" json:"base"`
	// DoubleQuant also quantises the largest magnitudes of Base's blocks, which then take 0.13 bits per
	// weight instead of 0.5.
	DoubleQuant bool `yaml:"double_quant" json:"double_quant"`
}

// Trains reports whether an adapter is trained instead of the weights.
func (l Options) Trains() bool { return l.Rank > 0 || l.Adapter != "" }

// Format returns how the projections are held.
func (l Options) Format() blockwise.Format {
	if !l.Trains() {
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
	if !l.Trains() {
		if l.Base != blockwise.None && l.Base != "" {
			return fmt.Errorf("lora.base is %s and lora.rank 0: weights that are held block-wise are not trained, "+
				"set lora.rank to train an adapter over them", l.Base)
		}
		return nil
	}
	own := l.Adapter == "" // what an adapter has need not be set
	if l.Rank < 0 || !(l.Alpha > 0) && (own || l.Alpha != 0) || len(l.Targets) == 0 && own {
		return fmt.Errorf("lora: rank %d and alpha %g must be positive, targets not empty", l.Rank, l.Alpha)
	}
	known := architecture.Projections()
	for i, t := range l.Targets {
		if !slices.Contains(known, t) || slices.Contains(l.Targets[:i], t) {
			return fmt.Errorf("lora: target %q is unknown or appears twice: expected some of %s%s",
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
	return pair(weight, l.Rank)
}

// pair returns A and B of a weight.
func pair(weight architecture.Tensor, rank int) []architecture.Tensor {
	module := strings.TrimSuffix(weight.Name, ".weight")
	return []architecture.Tensor{
		{Name: module + ".lora_A.weight", Shape: []int{rank, weight.Shape[1]}},
		{Name: module + ".lora_B.weight", Shape: []int{weight.Shape[0], rank}},
	}
}

// Unset leaves to an adapter what is its own: with the settings of Adapter over it, what then is set is asked of
// that adapter (see Settle).
func (l *Options) Unset() { l.Rank, l.Alpha, l.Targets = 0, 0, nil }

// Settle takes rank, alpha and targets from the adapter of the options, where they are not set. Those that are
// set and not the adapter's are an error.
func (l *Options) Settle(a *checkpoint.Adapter, weights []architecture.Tensor) error {
	var targets []string
	for _, f := range a.Factors {
		if module := weights[f.Index].Module(); !slices.Contains(targets, module) {
			targets = append(targets, module)
		}
	}
	slices.Sort(targets)
	asked := slices.Sorted(slices.Values(l.Targets))
	for _, s := range []struct {
		name, field string
		set, same   bool
		asked, has  any
	}{
		{"lora.rank", "r", l.Rank != 0, l.Rank == a.Rank, l.Rank, a.Rank},
		{"lora.alpha", "lora_alpha", l.Alpha != 0, l.Alpha == a.Alpha, l.Alpha, a.Alpha},
		{"lora.targets", "target_modules", len(asked) > 0, slices.Equal(asked, targets), asked, targets},
	} {
		if s.set && !s.same {
			return fmt.Errorf("%s is %v, and the adapter that is trained further (%s) has %v, as %s: leave %s out",
				s.name, s.asked, a.Dir, s.has, s.field, s.name)
		}
	}
	if !(a.Alpha > 0) {
		return fmt.Errorf("the adapter that is trained further (%s) has lora_alpha %g: expected more than 0",
			a.Dir, a.Alpha)
	}
	l.Rank, l.Alpha = a.Rank, a.Alpha
	if len(l.Targets) == 0 {
		l.Targets = targets
	}
	return nil
}

// Given returns the settings with what those of the same adapter, which was opened then, had: what they leave
// unset.
func (l Options) Given(then Options) Options {
	if l.Adapter == "" || l.Adapter != then.Adapter {
		return l
	}
	l.Rank, l.Alpha = cmp.Or(l.Rank, then.Rank), cmp.Or(l.Alpha, then.Alpha)
	if len(l.Targets) == 0 {
		l.Targets = then.Targets
	}
	return l
}

// Of returns A and B of each of an adapter's factors in turn, by their names in its file.
func Of(a *checkpoint.Adapter, weights []architecture.Tensor) (factors []architecture.Tensor) {
	for _, f := range a.Factors {
		factors = append(factors, pair(weights[f.Index], f.Rank)...)
	}
	return factors
}
