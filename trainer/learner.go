package trainer

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/model/graphmodel"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/op"
	"github.com/stele-lm/stele/trainer/lora"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/optimizer"
)

// Learner owns the optimiser's state and moves the weights: all of them, or the
// factors of an adapter that is merged into them. The step from a batch to its
// gradient is a pure function; gradients are summed in one place.
type Learner struct {
	weights *model.Weights
	adapter *lora.Adapter // nil when all weights are trained
	options LearnerOptions
	beta    float64 // of the KL divergence now

	specs     []checkpoint.TensorSpec // of what is trained
	gradients []backend.Buffer        // float32, one a parameter
	optimizer *optimizer.Optimizer
	grads     map[gradientKey]*backend.Program
}

// gradientKey is what a gradient program is compiled for.
type gradientKey struct {
	shape      model.DenseShape
	sft, bonus bool
	remat      bool
}

// LearnerOptions are fixed for a run.
type LearnerOptions struct {
	AdamW optimizer.AdamW
	Loss  objective.Loss
	// SFT minimises the negative log-likelihood instead of the policy objective.
	SFT bool
	// Remat computes each layer's inside again in the backward pass instead of
	// keeping it: less memory for a third more work.
	Remat bool
	// Adapter trains its factors instead of the weights.
	Adapter *lora.Adapter
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
		l.specs = l.adapter.Specs
	}
	for _, spec := range l.specs {
		zeros, err := w.Device.Zeros(dtypes.Float32, spec.Shape...)
		if err != nil {
			return nil, fmt.Errorf("gradient of %s: %w", spec.Name, err)
		}
		l.gradients = append(l.gradients, zeros)
	}
	var err error
	l.optimizer, err = optimizer.New(w.Device, l.specs, l.heldAs(), options.AdamW, options.Seed, w.Float32s)
	return l, err
}

// trained returns the buffers that an update replaces, in the order of specs.
func (l *Learner) trained() []backend.Buffer {
	if l.adapter != nil {
		return l.adapter.Factors
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
	Weight    []float32 // see objective.Aggregation
	// Correction multiplies the policy's loss (see objective.Correction); nil is 1 everywhere.
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
		tokens.Old, tokens.Ref, tokens.Advantage, correction, tokens.Weight, l.options.Loss.Knobs(l.beta),
	} {
		buffer, err := backend.Upload(l.weights.Device, values, len(values))
		if err != nil {
			return stats, err
		}
		inputs = append(inputs, buffer)
	}
	all := append(append([]backend.Buffer{}, inputs...), l.weights.Buffers...)
	if l.adapter != nil {
		all = append(all, l.adapter.Factors...)
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
	inputs = append(inputs, backend.Input{Name: "knobs", Shape: shapes.Make(dtypes.Float32, objective.NumKnobs)})
	inputs = append(inputs, w.Inputs(false)...)
	if l.adapter != nil {
		inputs = append(inputs, optimizer.Floats("factor", l.specs, false)...)
	}
	inputs = append(inputs, optimizer.Floats("gradient", l.specs, true)...)
	const own = model.DenseInputs + objectiveInputs
	return backend.Compile(w.Device, "gradient", inputs, func(in []*Node) []*Node {
		weights, sums := in[own:len(in)-len(l.specs)], in[len(in)-len(l.specs):]
		trained := weights
		if l.adapter != nil { // its factors are behind the weights
			trained = weights[len(w.Specs):]
		}
		o := in[model.DenseInputs:own]
		logprob, entropy := graphmodel.TokenLogProbs(w, key.shape, in[:model.DenseInputs], weights, key.remat)
		t := objective.PerToken(objective.TokenNodes{
			Logprob: logprob, Entropy: entropy, Old: o[0], Ref: o[1], Advantage: o[2], Correction: o[3], Knobs: o[5],
		}, key.bonus)
		if key.sft {
			t.Policy = Neg(logprob)
			t.Loss = t.Policy
		}
		loss := ReduceAllSum(Mul(t.Loss, o[4]))
		outputs := []*Node{Stack([]*Node{logprob, entropy, t.Policy, t.KL, t.Ratio, t.ClipLo, t.ClipHi, t.Dual}, 0)}
		for i, g := range Gradient(loss, trained...) {
			outputs = append(outputs, Add(sums[i], op.Convert(g, dtypes.Float32)))
		}
		return outputs
	})
}

// Update takes an optimiser step with the summed gradient at a learning rate and
// clears the sum. It returns the gradient's norm before clipping. A norm that is
// not finite moves nothing and is optimizer.ErrNotFinite.
func (l *Learner) Update(rate float64) (norm float64, err error) {
	if norm, err = l.optimizer.Step(rate, l.trained(), l.gradients); err != nil {
		return norm, err
	}
	l.weights.Version++
	if l.adapter != nil {
		err = l.adapter.Merge()
	}
	return norm, err
}

// Close frees the optimiser's state and programs, not the weights nor the adapter.
func (l *Learner) Close() {
	backend.Free(l.gradients...)
	for _, p := range l.grads {
		p.Close()
	}
	l.optimizer.Close()
}
