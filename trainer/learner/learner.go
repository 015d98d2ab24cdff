package learner

import (
	"errors"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/engine/model/graphmodel"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/op"
	"github.com/stele-lm/stele/trainer/lora"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/optimizer"
	"github.com/stele-lm/stele/trainer/tensorfile"
)

// Learner owns the optimiser's state and moves the weights: all of them, or the
// factors of an adapter that is attached to them. The step from a batch to its
// gradient is a pure function; gradients are summed in one place (see Learner.sum).
type Learner struct {
	weights *model.Weights
	options Options
	// Beta is the weight of the KL divergence now.
	Beta float64

	specs    []architecture.Tensor // of what is trained
	programs map[programKey]*backend.NamedProgram
	replicas []*replica         // one a device
	sums     *backend.AllReduce // of gradients over devices; nil on one
	// scattering divides the gradients over the processes; nil where each has all of them.
	scattering *scattering
	owned      []int // the tensors of which this process has a part of the gradient, or all
	// collective is what processes exchange where it lies on GPUs; nil where it passes through their memory.
	collective *collective
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
	// Job is the processes whose gradients are summed; nil for this one alone.
	Job *cluster.Job
	// Say gets what everybody must know; nil is silent.
	Say func(format string, args ...any)
}

// New allocates the optimiser's state for weights, or for the adapter of the options. All processes of a job call it,
// and all have an error or none.
func New(w *model.Weights, options Options) (*Learner, error) {
	l, err := prepare(w, options)
	if options.Job != nil {
		err = options.Job.Agree(err)
	}
	if err == nil {
		err = l.connect()
	}
	if err != nil {
		if l != nil {
			l.Close()
		}
		return nil, err
	}
	return l, nil
}

// prepare is New without what processes do together.
func prepare(w *model.Weights, options Options) (*Learner, error) {
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
	if options.AdamW.ZeROStage > 1 && Scatters(w.Device, len(w.Replicas())) != nil {
		options.AdamW.ZeROStage = 1
	}
	l := newLearner(w, options)
	if err := l.allocate(); err != nil {
		l.Close()
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
	for i, rows := range l.part().Rows(l.specs) {
		if rows.From < rows.To || !options.AdamW.Divides(l.part()) {
			l.owned = append(l.owned, i)
		}
	}
	if options.AdamW.Divides(l.part()) {
		l.scattering = newScattering(options.Job, l.specs)
	}
	return l
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
// the statistics of the objective (see objective.Build). Where gradients are divided it hands the batch's to a receiver
// as they come.
func (l *Learner) compile(key programKey) (*backend.NamedProgram, error) {
	w, o, adapter := l.weights, l.options.Objective, l.options.Adapter
	inputs := append(key.shape.Inputs(), o.Groups(key.shape.N)...)
	inputs = append(inputs, w.Groups()...)
	outputs := []string{"statistics", "gradients"}
	if l.scattering != nil {
		inputs, outputs[1] = append(inputs, backend.Each(backend.ReceiverInput("receiver"))...), "handed"
	} else {
		inputs = append(inputs, backend.Group{Name: "gradients", Inputs: optimizer.Floats("gradient", l.specs, true)})
	}
	return backend.CompileNamed(w.Device, "gradient", inputs, outputs,
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
				sums[i] = op.Convert(g, dtypes.Float32)
				if l.scattering == nil {
					sums[i] = Add(in["gradients"][i], sums[i])
				}
			}
			if l.scattering != nil {
				sums = []*Node{backend.HandOver(in.One("receiver"), sums, l.scattering.order)}
			}
			return backend.Nodes{"statistics": {statistics}, outputs[1]: sums}
		})
}

// sum gives every device of every process the sum of all gradients. It is the one place where what was computed of a
// step in several places comes together, but where gradients are divided, which are summed in each pass.
func (l *Learner) sum() error {
	if l.scattering != nil {
		return nil
	}
	if l.sums != nil {
		gradients := make([][]backend.Buffer, len(l.replicas))
		for i, r := range l.replicas {
			gradients[i] = r.gradients
		}
		if err := l.sums.Run(gradients); err != nil {
			return err
		}
	}
	return l.sumProcesses()
}

// Update takes an optimiser step with the summed gradient at a learning rate and
// clears the sum. It returns the gradient's norm before clipping. A norm that is
// not finite moves nothing and is optimizer.ErrNotFinite.
func (l *Learner) Update(rate float64) (norm float64, err error) {
	if err := l.sum(); err != nil {
		return 0, err
	}
	norms := make([]float64, len(l.replicas))
	err = l.each(func(device int, r *replica) (err error) {
		norms[device], err = r.optimizer.Step(rate, r.trained(l), r.gradients)
		return err
	})
	if err == nil {
		err = l.gather()
	}
	if err != nil {
		return norms[0], err
	}
	l.weights.Version++
	return norms[0], nil
}

// Optimizer returns the optimiser of the first device, whose state a checkpoint keeps.
func (l *Learner) Optimizer() *optimizer.Optimizer { return l.replicas[0].optimizer }

// Restore reads the optimiser's state from a file of a checkpoint, on every device; updates is the number of steps
// that it had taken.
func (l *Learner) Restore(path string, updates int) error {
	for _, r := range l.replicas {
		if err := tensorfile.Read(path, r.weights.Device, r.optimizer.State()); err != nil {
			return err
		}
		r.optimizer.Updates = updates
	}
	return nil
}

// Close frees the optimiser's state and programs, not the weights nor the adapter.
func (l *Learner) Close() {
	for _, r := range l.replicas {
		r.close()
	}
	for _, p := range l.programs {
		p.Close()
	}
	if l.sums != nil {
		l.sums.Close()
	}
	l.collective.close()
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
