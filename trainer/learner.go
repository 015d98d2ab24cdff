package trainer

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"stele/engine/model"
	"stele/kernels"
)

// Learner owns the optimiser's state and moves the weights. The step from a
// batch to its gradient is a pure function; gradients are summed in one place.
type Learner struct {
	weights *model.Weights
	options LearnerOptions

	m, v, gradients []kernels.Buffer // float32, one a parameter
	masters         []kernels.Buffer // float32 copies of weights held in less, or nil
	updates         int              // optimiser steps taken

	norm, update *kernels.Program
	grads        map[model.DenseShape]*kernels.Program
}

// LearnerOptions are fixed for a run.
type LearnerOptions struct {
	AdamW AdamW
	Loss  Loss
	// SFT minimises the negative log-likelihood instead of the policy objective.
	SFT bool
	// Remat computes each layer's inside again in the backward pass instead of
	// keeping it: less memory for a third more work.
	Remat bool
}

// NewLearner allocates the optimiser's state for weights.
func NewLearner(w *model.Weights, options LearnerOptions) (*Learner, error) {
	if err := w.Upload(); err != nil {
		return nil, err
	}
	l := &Learner{weights: w, options: options, grads: map[model.DenseShape]*kernels.Program{}}
	for _, state := range []*[]kernels.Buffer{&l.m, &l.v, &l.gradients} {
		for _, spec := range w.Specs {
			zeros, err := w.Device.Zeros(dtypes.Float32, spec.Shape...)
			if err != nil {
				return nil, fmt.Errorf("optimiser state of %s: %w", spec.Name, err)
			}
			*state = append(*state, zeros)
		}
	}
	if w.HeldAs() != dtypes.Float32 {
		for i, spec := range w.Specs {
			values, err := w.Float32s(i)
			if err != nil {
				return nil, err
			}
			master, err := kernels.Upload(w.Device, values, spec.Shape...)
			if err != nil {
				return nil, fmt.Errorf("master of %s: %w", spec.Name, err)
			}
			l.masters = append(l.masters, master)
		}
	}
	var err error
	if l.norm, err = compileNorm(w); err != nil {
		return nil, err
	}
	l.update, err = options.AdamW.compileUpdate(w)
	return l, err
}

// Tokens holds what the objective needs of each completion token of a batch, in
// the batch's order; all slices have the batch's Shape.N entries, padding zero.
type Tokens struct {
	Old       []float32 // log-probability when sampled
	Ref       []float32 // log-probability under the reference
	Advantage []float32
	Weight    []float32 // see Aggregation
}

// NewTokens makes zeroed tokens for n entries.
func NewTokens(n int) Tokens {
	return Tokens{make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)}
}

// TokenStats is what a pass saw of each completion token, Shape.N entries.
type TokenStats struct {
	LogProb, Entropy, Policy, KL, Ratio, ClipLow, ClipHigh []float32
}

// Accumulate adds a batch's gradient to the sum and returns the token statistics.
func (l *Learner) Accumulate(batch *model.Batch, tokens Tokens, temperature float32) (stats TokenStats, err error) {
	program := l.grads[batch.Shape]
	if program == nil {
		if program, err = l.compileGradient(batch.Shape); err != nil {
			return stats, err
		}
		l.grads[batch.Shape] = program
	}
	inputs, err := batch.Upload(l.weights.Device, temperature)
	if err != nil {
		return stats, err
	}
	defer func() { kernels.Free(inputs...) }()
	for _, values := range [][]float32{tokens.Old, tokens.Ref, tokens.Advantage, tokens.Weight} {
		buffer, err := kernels.Upload(l.weights.Device, values, batch.Shape.N)
		if err != nil {
			return stats, err
		}
		inputs = append(inputs, buffer)
	}
	all := append(append([]kernels.Buffer{}, inputs...), l.weights.Buffers...)
	outputs, err := program.Run(append(all, l.gradients...))
	if err != nil {
		return stats, err
	}
	copy(l.gradients, outputs[1:])
	defer kernels.Free(outputs[0])
	values, err := kernels.Float32s(outputs[0])
	if err != nil {
		return stats, err
	}
	n := batch.Shape.N
	row := func(i int) []float32 { return values[i*n : (i+1)*n : (i+1)*n] }
	return TokenStats{row(0), row(1), row(2), row(3), row(4), row(5), row(6)}, nil
}

// compileGradient builds the program that adds a batch's gradient to the donated
// sums. Inputs: model.DenseInputs, old, ref, advantage and weight [N], the
// weights, the sums. Outputs: statistics [7, N] in the order of TokenStats, the sums.
func (l *Learner) compileGradient(shape model.DenseShape) (*kernels.Program, error) {
	w := l.weights
	inputs := shape.Inputs()
	for _, name := range []string{"old", "ref", "advantage", "weight"} {
		inputs = append(inputs, kernels.Input{Name: name, Shape: shapes.Make(dtypes.Float32, shape.N)})
	}
	inputs = append(inputs, w.Inputs(false)...)
	inputs = append(inputs, floats(w, "gradient", true)...)
	const own = model.DenseInputs + 4
	return kernels.Compile(w.Device, "gradient", inputs, func(in []*Node) []*Node {
		weights, sums := in[own:own+len(w.Specs)], in[own+len(w.Specs):]
		old, ref, advantage, weight := in[model.DenseInputs], in[model.DenseInputs+1], in[model.DenseInputs+2], in[model.DenseInputs+3]
		logprob, entropy := w.TokenLogProbs(in[:model.DenseInputs], weights, l.options.Remat)
		t := l.options.Loss.perToken(logprob, old, ref, advantage)
		loss := t.policy
		if l.options.SFT {
			loss = Neg(logprob)
			t.policy = loss
		} else {
			if l.options.Loss.Beta != 0 {
				loss = Add(loss, MulScalar(t.kl, l.options.Loss.Beta))
			}
			if l.options.Loss.Entropy != 0 {
				loss = Sub(loss, MulScalar(entropy, l.options.Loss.Entropy))
			}
		}
		gradients := Gradient(ReduceAllSum(Mul(loss, weight)), weights...)
		outputs := []*Node{Stack([]*Node{logprob, entropy, t.policy, t.kl, t.ratio, t.clipLo, t.clipHi}, 0)}
		for i, g := range gradients {
			outputs = append(outputs, Add(sums[i], kernels.Convert(g, dtypes.Float32)))
		}
		return outputs
	})
}

// Update takes an optimiser step with the summed gradient at a learning rate and
// clears the sum. It returns the gradient's norm before clipping. A norm that is
// not finite moves nothing and is an error.
func (l *Learner) Update(rate float64) (norm float64, err error) {
	outputs, err := l.norm.Run(l.gradients)
	if err != nil {
		return 0, err
	}
	defer kernels.Free(outputs...)
	squares, err := kernels.Float32s(outputs[0])
	if err != nil {
		return 0, err
	}
	for _, s := range squares {
		norm += float64(s)
	}
	norm = math.Sqrt(norm)
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return norm, fmt.Errorf("the gradient's norm is %v", norm)
	}
	a := l.options.AdamW
	l.updates++
	values := make([]float32, scalars)
	values[scalarScale] = 1
	if a.MaxGradNorm > 0 {
		values[scalarScale] = float32(min(1, a.MaxGradNorm/(norm+1e-6)))
	}
	values[scalarRate] = float32(rate)
	values[scalarDecay] = float32(1 - rate*a.WeightDecay)
	values[scalarBias1] = float32(1 - math.Pow(a.Beta1, float64(l.updates)))
	values[scalarBias2] = float32(math.Sqrt(1 - math.Pow(a.Beta2, float64(l.updates))))
	buffer, err := kernels.Upload(l.weights.Device, values, scalars)
	if err != nil {
		return norm, err
	}
	defer kernels.Free(buffer)
	inputs := []kernels.Buffer{buffer}
	groups := [][]kernels.Buffer{l.weights.Buffers, l.m, l.v, l.gradients, l.masters}
	for _, group := range groups {
		inputs = append(inputs, group...)
	}
	updated, err := l.update.Run(inputs)
	if err != nil {
		return norm, err
	}
	for _, group := range groups {
		updated = updated[copy(group, updated):]
	}
	l.weights.Version++
	return norm, nil
}

// Close frees the optimiser's state and programs, not the weights.
func (l *Learner) Close() {
	for _, group := range [][]kernels.Buffer{l.m, l.v, l.gradients, l.masters} {
		kernels.Free(group...)
	}
	for _, p := range l.grads {
		p.Close()
	}
	l.norm.Close()
	l.update.Close()
}
