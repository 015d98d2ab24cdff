package trainer

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/op"
)

// Learner owns the optimiser's state and moves the weights: all of them, or the
// factors of an adapter that is merged into them. The step from a batch to its
// gradient is a pure function; gradients are summed in one place.
type Learner struct {
	weights *model.Weights
	adapter *Adapter // nil when all weights are trained
	options LearnerOptions
	beta    float64 // of the KL divergence now

	specs     []checkpoint.TensorSpec // of what is trained
	m, v      *moment
	gradients []backend.Buffer // float32, one a parameter
	masters   []backend.Buffer // float32 copies of weights held in less, or nil
	updates   int              // optimiser steps taken

	norm, update *backend.Program
	grads        map[gradientKey]*backend.Program
}

// gradientKey is what a gradient program is compiled for.
type gradientKey struct {
	shape      model.DenseShape
	sft, bonus bool
	remat      bool
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
	// Adapter trains its factors instead of the weights.
	Adapter *Adapter
	// Seed is of what chance decides in an update, together with its number.
	Seed uint64
}

// NewLearner allocates the optimiser's state for weights, or for the adapter of
// the options.
func NewLearner(w *model.Weights, options LearnerOptions) (*Learner, error) {
	if err := w.Upload(); err != nil {
		return nil, err
	}
	l := &Learner{
		weights: w, adapter: options.Adapter, options: options, beta: options.Loss.Beta,
		specs: w.Specs, grads: map[gradientKey]*backend.Program{},
	}
	if l.adapter != nil {
		l.specs = l.adapter.specs
	}
	state := options.AdamW.State
	var err error
	if l.m, err = newMoment(w.Device, "m", state, l.specs); err != nil {
		return nil, err
	}
	if l.v, err = newMoment(w.Device, "v", state, l.specs); err != nil {
		return nil, err
	}
	for _, spec := range l.specs {
		zeros, err := w.Device.Zeros(dtypes.Float32, spec.Shape...)
		if err != nil {
			return nil, fmt.Errorf("gradient of %s: %w", spec.Name, err)
		}
		l.gradients = append(l.gradients, zeros)
	}
	if l.heldAs() != dtypes.Float32 && options.AdamW.Masters {
		for i, spec := range l.specs {
			values, err := w.Float32s(i)
			if err != nil {
				return nil, err
			}
			master, err := backend.Upload(w.Device, values, spec.Shape...)
			if err != nil {
				return nil, fmt.Errorf("master of %s: %w", spec.Name, err)
			}
			l.masters = append(l.masters, master)
		}
	}
	if l.norm, err = l.compileNorm(); err != nil {
		return nil, err
	}
	l.update, err = l.compileUpdate()
	return l, err
}

// trained returns the buffers that an update replaces, in the order of specs.
func (l *Learner) trained() []backend.Buffer {
	if l.adapter != nil {
		return l.adapter.factors
	}
	return l.weights.Buffers
}

// heldAs is the dtype of the trained buffers.
func (l *Learner) heldAs() dtypes.DType {
	if l.adapter != nil {
		return dtypes.Float32
	}
	return l.weights.HeldAs()
}

// Tokens holds what the objective needs of each completion token of a batch, in
// the batch's order; all slices have the batch's Shape.N entries, padding zero.
type Tokens struct {
	Old       []float32 // log-probability when sampled
	Ref       []float32 // log-probability under the reference
	Advantage []float32
	Weight    []float32 // see Aggregation
	// Correction multiplies the policy's loss (see Correction); nil is 1 everywhere.
	Correction []float32
}

// NewTokens makes zeroed tokens for n entries, without a correction.
func NewTokens(n int) Tokens {
	return Tokens{make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n), nil}
}

// TokenStats is what a pass saw of each completion token, Shape.N entries.
type TokenStats struct {
	LogProb, Entropy, Policy, KL, Ratio, ClipLow, ClipHigh, DualClip []float32
}

// Accumulate adds a batch's gradient to the sum and returns the token statistics.
func (l *Learner) Accumulate(batch *model.Batch, tokens Tokens, temperature float32) (stats TokenStats, err error) {
	program, err := l.gradientProgram(batch.Shape)
	if err != nil {
		return stats, err
	}
	inputs, err := batch.Upload(l.weights.Device, temperature)
	if err != nil {
		return stats, err
	}
	defer func() { backend.Free(inputs...) }()
	n := batch.Shape.N
	correction := tokens.Correction
	if correction == nil {
		correction = make([]float32, n)
		for i := range correction {
			correction[i] = 1
		}
	}
	for _, values := range [][]float32{
		tokens.Old, tokens.Ref, tokens.Advantage, correction, tokens.Weight, l.options.Loss.knobs(l.beta),
	} {
		buffer, err := backend.Upload(l.weights.Device, values, len(values))
		if err != nil {
			return stats, err
		}
		inputs = append(inputs, buffer)
	}
	all := append(append([]backend.Buffer{}, inputs...), l.weights.Buffers...)
	if l.adapter != nil {
		all = append(all, l.adapter.factors...)
	}
	outputs, err := program.Run(append(all, l.gradients...))
	if err != nil {
		return stats, err
	}
	copy(l.gradients, outputs[1:])
	defer backend.Free(outputs[0])
	values, err := backend.Float32s(outputs[0])
	if err != nil {
		return stats, err
	}
	row := func(i int) []float32 { return values[i*n : (i+1)*n : (i+1)*n] }
	return TokenStats{row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7)}, nil
}

func (l *Learner) gradientProgram(shape model.DenseShape) (*backend.Program, error) {
	key := gradientKey{shape, l.options.SFT, l.options.Loss.Entropy != 0, l.options.Remat}
	if program := l.grads[key]; program != nil {
		return program, nil
	}
	program, err := l.compileGradient(key)
	if err == nil {
		l.grads[key] = program
	}
	return program, err
}

// objectiveInputs are those between the dense inputs and the weights: old, ref,
// advantage, correction, weight [N], knobs.
const objectiveInputs = 6

// compileGradient builds the program that adds a batch's gradient to the donated
// sums. Inputs: model.DenseInputs, objectiveInputs, the weights, the adapter's
// factors if there is one, the sums. Outputs: statistics [8, N] in the order
// of TokenStats, the sums.
func (l *Learner) compileGradient(key gradientKey) (*backend.Program, error) {
	w := l.weights
	inputs := key.shape.Inputs()
	for _, name := range []string{"old", "ref", "advantage", "correction", "weight"} {
		inputs = append(inputs, backend.Input{Name: name, Shape: shapes.Make(dtypes.Float32, key.shape.N)})
	}
	inputs = append(inputs, backend.Input{Name: "knobs", Shape: shapes.Make(dtypes.Float32, knobs)})
	inputs = append(inputs, w.Inputs(false)...)
	if l.adapter != nil {
		inputs = append(inputs, l.floats("factor", false)...)
	}
	inputs = append(inputs, l.floats("gradient", true)...)
	const own = model.DenseInputs + objectiveInputs
	return backend.Compile(w.Device, "gradient", inputs, func(in []*Node) []*Node {
		weights, sums := in[own:len(in)-len(l.specs)], in[len(in)-len(l.specs):]
		trained := weights
		if l.adapter != nil { // its factors are behind the weights
			trained = weights[len(w.Specs):]
		}
		o := in[model.DenseInputs:own]
		logprob, entropy := w.TokenLogProbs(key.shape, in[:model.DenseInputs], weights, key.remat)
		t := perToken(tokenNodes{logprob, entropy, o[0], o[1], o[2], o[3], o[5]}, key.bonus)
		if key.sft {
			t.policy = Neg(logprob)
			t.loss = t.policy
		}
		loss := ReduceAllSum(Mul(t.loss, o[4]))
		outputs := []*Node{Stack([]*Node{logprob, entropy, t.policy, t.kl, t.ratio, t.clipLo, t.clipHi, t.dual}, 0)}
		for i, g := range Gradient(loss, trained...) {
			outputs = append(outputs, Add(sums[i], op.Convert(g, dtypes.Float32)))
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
	defer backend.Free(outputs...)
	squares, err := backend.Float32s(outputs[0])
	if err != nil {
		return 0, err
	}
	for _, s := range squares {
		norm += float64(s)
	}
	norm = math.Sqrt(norm)
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return norm, fmt.Errorf("%w: the gradient's norm is %v", errNotFinite, norm)
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
	buffer, err := backend.Upload(l.weights.Device, values, scalars)
	if err != nil {
		return norm, err
	}
	defer backend.Free(buffer)
	key, err := backend.Upload(l.weights.Device, []uint32{uint32(mix(mix(l.options.Seed) + uint64(l.updates)))})
	if err != nil {
		return norm, err
	}
	defer backend.Free(key)
	inputs := []backend.Buffer{buffer, key}
	groups := [][]backend.Buffer{l.trained(), l.m.buffers, l.v.buffers, l.gradients, l.masters}
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
	if l.adapter != nil {
		err = l.adapter.merge()
	}
	return norm, err
}

// Close frees the optimiser's state and programs, not the weights nor the adapter.
func (l *Learner) Close() {
	for _, group := range [][]backend.Buffer{l.m.buffers, l.v.buffers, l.gradients, l.masters} {
		backend.Free(group...)
	}
	for _, p := range l.grads {
		p.Close()
	}
	l.norm.Close()
	l.update.Close()
}
