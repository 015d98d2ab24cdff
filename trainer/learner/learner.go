package learner

import (
	"errors"
	"fmt"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/engine/model/graphmodel"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/op"
	"github.com/stele-lm/stele/trainer/lora"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/optimizer"
)

// Learner owns the optimiser's state and moves the weights: all of them, or the
// factors of an adapter that is attached to them. The step from a batch to its
// gradient is a pure function; gradients are summed in one place.
type Learner struct {
	weights *model.Weights
	options Options
	// Beta is the weight of the KL divergence now.
	Beta float64

	specs     []architecture.Tensor // of what is trained
	gradients []backend.Buffer      // float32, one a parameter
	optimizer *optimizer.Optimizer
	programs  map[programKey]*backend.NamedProgram
}

// programKey tells gradient programs apart.
type programKey struct {
	shape     dense.Shape
	sequences int // that the objective may ask sums of; 0 where it asks none
	remat     bool
}

// Options are fixed for a run.
type Options struct {
	AdamW     optimizer.AdamW
	Objective objective.Objective
	// Beta is the weight of the KL divergence in the beginning.
	Beta float64
	// Remat computes each layer's inside again in the backward pass instead of
	// keeping it: less memory for a third more work.
	Remat bool
	// Adapter, which is attached to the weights, has its factors trained instead of them.
	Adapter *lora.Adapter
	// Seed and an update's number make the random numbers of rounding in the update.
	Seed uint64
}

// New allocates the optimiser's state for weights, or for the adapter of the options.
func New(w *model.Weights, options Options) (*Learner, error) {
	if err := w.Upload(); err != nil {
		return nil, err
	}
	if w.Projections.Quantises() && options.Adapter == nil {
		return nil, errors.New("weights that are held block-wise are not trained: give an adapter")
	}
	if options.Adapter == nil {
		if err := w.Part(); err != nil {
			return nil, err
		}
	}
	l := newLearner(w, options)
	l.gradients = make([]backend.Buffer, len(l.specs))
	if err := l.Forget(); err != nil {
		backend.Free(l.gradients...)
		return nil, err
	}
	held := w.HeldAs()
	if options.Adapter != nil {
		held = dtypes.Float32
	}
	var err error
	l.optimizer, err = optimizer.New(w.Device, l.specs, held, options.AdamW, options.Seed, w.Float32s)
	if err != nil {
		backend.Free(l.gradients...)
		return nil, err
	}
	return l, nil
}

func newLearner(w *model.Weights, options Options) *Learner {
	l := &Learner{weights: w, options: options, Beta: options.Beta, specs: w.Specs,
		programs: map[programKey]*backend.NamedProgram{}}
	if options.Adapter != nil {
		l.specs = options.Adapter.Specs
	}
	return l
}

// Accumulate adds a batch's gradient to the sum and returns what the pass saw of each
// token. columns has the objective's inputs, others are not uploaded.
func (l *Learner) Accumulate(
	batch *dense.Batch, columns objective.Columns, temperature float32,
) (objective.Seen, error) {
	program, err := l.program(batch)
	if err != nil {
		return nil, err
	}
	dense, err := batch.Upload(l.weights.Device, temperature)
	if err != nil {
		return nil, err
	}
	defer dense.Free()
	o := l.options.Objective
	inputs, err := o.Upload(l.weights.Device, columns, batch.Sequences(), l.Beta)
	if err != nil {
		return nil, err
	}
	defer inputs.Free()
	inputs = inputs.WithAll(l.weights.Parameters()).WithAll(dense).With("gradients", l.gradients)
	outputs, err := program.Run(inputs)
	if err != nil {
		return nil, err
	}
	copy(l.gradients, outputs["gradients"])
	defer backend.Free(outputs["statistics"]...)
	values, err := backend.Float32s(outputs["statistics"][0])
	if err != nil {
		return nil, err
	}
	return o.Seen(values, batch.Shape.N), nil
}

// Forget clears the sum of gradients.
func (l *Learner) Forget() error {
	for i, spec := range l.specs {
		backend.Free(l.gradients[i])
		zeros, err := l.weights.Device.Zeros(dtypes.Float32, spec.Shape...)
		if err != nil {
			return fmt.Errorf("gradient of %s: %w", spec.Name, err)
		}
		l.gradients[i] = zeros
	}
	return nil
}

// program returns the gradient program of a batch's shape.
func (l *Learner) program(batch *dense.Batch) (*backend.NamedProgram, error) {
	key := l.key(batch.Shape, len(batch.First))
	if program := l.programs[key]; program != nil {
		return program, nil
	}
	program, err := l.compile(key)
	if err == nil {
		l.programs[key] = program
	}
	return program, err
}

// key tells the program of a pass of so many sequences.
func (l *Learner) key(shape dense.Shape, sequences int) programKey {
	key := programKey{shape: shape, remat: l.options.Remat}
	if l.options.Objective.Sequences {
		key.sequences = sequencesOf(shape, sequences)
	}
	return key
}

// sequencesOf bounds the number of a pass's sequences: by its rows where each has one,
// else by a power of two, so that few programs are compiled.
func sequencesOf(shape dense.Shape, sequences int) int {
	if shape.Group > 0 && !shape.Several {
		return shape.B
	}
	return dense.Bucket(sequences, 1)
}

// compile builds the program that adds a batch's gradient to the donated sums and returns
// the statistics of the objective (see objective.Build).
func (l *Learner) compile(key programKey) (*backend.NamedProgram, error) {
	w, o, adapter := l.weights, l.options.Objective, l.options.Adapter
	inputs := append(key.shape.Inputs(), o.Groups(key.shape.N)...)
	inputs = append(append(inputs, w.Groups()...), backend.Group{Name: "gradients",
		Inputs: optimizer.Floats("gradient", l.specs, true)})
	return backend.CompileNamed(w.Device, "gradient", inputs, []string{"statistics", "gradients"},
		func(in backend.Nodes) backend.Nodes {
			trained := in["weights"]
			if adapter != nil {
				trained = in["factors"]
			}
			again := graphmodel.RecomputeBetween
			if key.remat {
				again = graphmodel.RecomputeLayers
			}
			logprob, entropy := graphmodel.TokenLogProbs(w, key.shape, in, again)
			loss, statistics := o.Build(in, logprob, entropy, key.sequences)
			sums := make([]*Node, len(trained))
			for i, g := range Gradient(loss, trained...) {
				sums[i] = Add(in["gradients"][i], op.Convert(g, dtypes.Float32))
			}
			return backend.Nodes{"statistics": {statistics}, "gradients": sums}
		})
}

// Update takes an optimiser step with the summed gradient at a learning rate and
// clears the sum. It returns the gradient's norm before clipping. A norm that is
// not finite moves nothing and is optimizer.ErrNotFinite.
func (l *Learner) Update(rate float64) (norm float64, err error) {
	parameters := l.weights.Buffers
	if l.options.Adapter != nil {
		parameters = l.options.Adapter.Factors
	}
	if norm, err = l.optimizer.Step(rate, parameters, l.gradients); err != nil {
		return norm, err
	}
	l.weights.Version++
	return norm, nil
}

// Optimizer returns the optimiser, whose state a checkpoint keeps.
func (l *Learner) Optimizer() *optimizer.Optimizer { return l.optimizer }

// Close frees the optimiser's state and programs, not the weights nor the adapter.
func (l *Learner) Close() {
	backend.Free(l.gradients...)
	for _, p := range l.programs {
		p.Close()
	}
	l.optimizer.Close()
}

// Compile compiles the gradient pass of a shape, one sequence a row. The weights need no buffers: checks of
// what a compiler makes of it have none.
func Compile(w *model.Weights, options Options, shape dense.Shape) (*backend.NamedProgram, error) {
	l := newLearner(w, options)
	return l.compile(l.key(shape, shape.B))
}

// Temporary returns how many bytes XLA assigns to that pass, beside its inputs and outputs. Tests of the
// memory plan compare it with that.
func Temporary(w *model.Weights, options Options, shape dense.Shape) (int64, error) {
	program, err := Compile(w, options, shape)
	if err != nil {
		return 0, err
	}
	defer program.Close()
	return program.Memory().Temporary, nil
}
