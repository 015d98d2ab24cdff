package optimizer

import (
	"errors"
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/internal/splitmix"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/op"
	"github.com/stele-lm/stele/trainer/tensorfile"
)

// ErrNotFinite says that training cannot go on: what follows NaN or infinity is lost.
var ErrNotFinite = errors.New("training has left the finite numbers")

// Optimizer holds the moments of the parameters that are trained, and float32 masters of
// those held in less, and moves the parameters by their gradients.
type Optimizer struct {
	options AdamW
	device  *backend.Device
	specs   []architecture.Tensor // of what is trained
	held    dtypes.DType          // of its buffers
	seed    uint64
	part    Part
	pieces  []piece // of what is trained, that this part of the optimiser has
	// Updates is the number of steps taken.
	Updates int
	// Squares adds up over all parts the squares of gradients of which each has a part (see Divides).
	Squares func(own float64) (all float64, err error)

	m, v    *moment
	masters []backend.Buffer // nil where there are none
	norm    *backend.Program
	update  *backend.NamedProgram
}

// New allocates a part of the state for parameters of specs, held as held, and compiles the step.
// values returns the float32 values of a parameter, which masters begin with. seed and a
// step's number make the random numbers of rounding in the step.
func New(device *backend.Device, specs []architecture.Tensor, held dtypes.DType, options AdamW, part Part,
	seed uint64, values func(i int) ([]float32, error)) (*Optimizer, error) {
	for index := range part.Of {
		if len((Part{index, part.Of}).pieces(specs)) == 0 {
			return nil, fmt.Errorf("the optimiser's state has no part for each of %d processes, as small tensors are "+
				"not divided and %d are trained: start fewer, or set optimizer.zero_stage: 0", part.Of, len(specs))
		}
	}
	o := describe(device, specs, held, options, part)
	o.seed = seed
	for _, m := range []*moment{o.m, o.v} {
		if err := m.allocate(device); err != nil {
			return nil, err
		}
	}
	if o.mastered() {
		for _, p := range o.pieces {
			values, err := values(p.tensor)
			if err != nil {
				return nil, err
			}
			n := p.columns()
			master, err := backend.Upload(device, values[n*p.rows.From:n*p.rows.To], p.dims...)
			if err != nil {
				return nil, fmt.Errorf("master of %s: %w", p.name, err)
			}
			o.masters = append(o.masters, master)
		}
	}
	var err error
	if o.norm, err = compileNorm(device, o.gradients()); err != nil {
		return nil, err
	}
	if o.update, err = o.compileUpdate(); err != nil {
		return nil, err
	}
	return o, nil
}

func describe(device *backend.Device, specs []architecture.Tensor, held dtypes.DType, options AdamW,
	part Part) *Optimizer {
	pieces := part.pieces(specs)
	return &Optimizer{
		options: options, device: device, specs: specs, held: held, part: part, pieces: pieces,
		m: newMoment("m", options.State, pieces), v: newMoment("v", options.State, pieces),
	}
}

// Divides reports whether a part has but its rows of the gradients, too, as stage 2 of ZeRO has it.
func (a AdamW) Divides(part Part) bool { return a.ZeROStage == 2 && part.Of > 1 }

// gradients declares those that a step is taken with: one a parameter or, where they are divided, a piece.
func (o *Optimizer) gradients() []backend.Input {
	if !o.options.Divides(o.part) {
		return Floats("gradient", o.specs, true)
	}
	inputs := make([]backend.Input, len(o.pieces))
	for k, p := range o.pieces {
		inputs[k] = backend.Input{Name: "gradient of " + p.name, Shape: shapes.Make(dtypes.Float32, p.dims...),
			Donated: true}
	}
	return inputs
}

// mastered reports whether the parameters have float32 masters.
func (o *Optimizer) mastered() bool { return o.held != dtypes.Float32 && o.options.Masters }

// Step moves parameters, of a part those that it has, by their summed gradients at a learning rate: the buffers in both
// slices are replaced, gradients by zeros. Where gradients are divided there is one for each piece that the part has of
// a parameter. It returns the gradient's norm before clipping. A norm that is not finite moves nothing and is
// ErrNotFinite.
func (o *Optimizer) Step(rate float64, parameters, gradients []backend.Buffer) (norm float64, err error) {
	outputs, err := o.norm.Run(gradients)
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
	if o.options.Divides(o.part) {
		if norm, err = o.Squares(norm); err != nil {
			return 0, err
		}
	}
	norm = math.Sqrt(norm)
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return norm, fmt.Errorf("%w: the gradient's norm is %v", ErrNotFinite, norm)
	}
	a := o.options
	o.Updates++
	scale := 1.0
	if a.MaxGradNorm > 0 {
		scale = min(1, a.MaxGradNorm/(norm+1e-6))
	}
	values, err := scalars.Pack(map[string]float32{
		gradientScale: float32(scale), learningRate: float32(rate), decay: float32(1 - rate*a.WeightDecay),
		bias1: float32(1 - math.Pow(a.Beta1, float64(o.Updates))),
		bias2: float32(math.Sqrt(1 - math.Pow(a.Beta2, float64(o.Updates)))),
	})
	if err != nil {
		return norm, err
	}
	buffer, err := backend.Upload(o.device, values, len(values))
	if err != nil {
		return norm, err
	}
	defer backend.Free(buffer)
	key, err := backend.Upload(o.device, []uint32{uint32(splitmix.Mix(splitmix.Mix(o.seed) +
		uint64(o.Updates)))})
	if err != nil {
		return norm, err
	}
	defer backend.Free(key)
	moved := backend.Buffers{"weights": parameters, "m": o.m.buffers, "v": o.v.buffers, "gradients": gradients}
	if o.masters != nil {
		moved["masters"] = o.masters
	}
	updated, err := o.update.Run(moved.With("scalars", []backend.Buffer{buffer}).
		With("key", []backend.Buffer{key}))
	if err != nil {
		return norm, err
	}
	for name, buffers := range moved {
		copy(buffers, updated[name])
	}
	return norm, nil
}

// Whole lists the tensors that a checkpoint keeps, of all parts, without their buffers.
func (o *Optimizer) Whole() []tensorfile.Tensor {
	whole := describe(o.device, o.specs, o.held, o.options, Part{})
	for _, m := range []*moment{whole.m, whole.v} {
		m.buffers = make([]backend.Buffer, len(m.inputs()))
	}
	if o.mastered() {
		whole.masters = make([]backend.Buffer, len(whole.pieces))
	}
	return whole.State()
}

// State lists the tensors that a checkpoint keeps: the moments' buffers, and masters. Those of a part are parts of
// the checkpoint's.
func (o *Optimizer) State() []tensorfile.Tensor {
	var all []tensorfile.Tensor
	for _, m := range []*moment{o.m, o.v} {
		at := 0
		for i, p := range m.pieces {
			whole := m.formats[i].buffers(p.whole)
			from := p.rows.From
			if len(whole) > 1 { // of blocks
				from = from * p.columns() / op.CodeBlock
			}
			for k, b := range m.formats[i].buffers(p.dims) {
				all = append(all, tensorfile.Tensor{Name: m.name + "." + p.name + b.suffix, Shape: b.shape,
					Buffer: &m.buffers[at], Whole: whole[k].shape.Dimensions, From: from})
				at++
			}
		}
	}
	for i, p := range o.pieces {
		if o.masters != nil {
			all = append(all, tensorfile.Tensor{
				Name: "master." + p.name, Shape: shapes.Make(dtypes.Float32, p.dims...),
				Buffer: &o.masters[i], Whole: p.whole, From: p.rows.From,
			})
		}
	}
	return all
}

// Close frees the state and the programs.
func (o *Optimizer) Close() {
	for _, group := range [][]backend.Buffer{o.m.buffers, o.v.buffers, o.masters} {
		backend.Free(group...)
	}
	o.norm.Close()
	o.update.Close()
}

// CompileNorm builds the program that returns the sum of squares of all
// gradients, a float32 scalar for each parameter.
func CompileNorm(device *backend.Device, specs []architecture.Tensor) (*backend.Program, error) {
	return compileNorm(device, Floats("gradient", specs, false))
}

func compileNorm(device *backend.Device, gradients []backend.Input) (*backend.Program, error) {
	for i := range gradients {
		gradients[i].Donated = false
	}
	return backend.Compile(device, "gradient norm", gradients,
		func(in []*Node) []*Node {
			out := make([]*Node, len(in))
			for i, g := range in {
				out[i] = op.SumAll(Mul(g, g))
			}
			return []*Node{Stack(out, 0)}
		})
}

// Scalars of an update.
const (
	gradientScale = "gradient scale"
	learningRate  = "learning rate"
	decay         = "decay"  // 1 - learning rate · weight decay
	bias1         = "bias 1" // 1 - beta1^step
	bias2         = "bias 2" // √(1 - beta2^step)
)

var scalars = backend.Scalars{gradientScale, learningRate, decay, bias1, bias2}

// CompileUpdate compiles the optimiser's step, of a part, without its state: checks of what a compiler makes of it need
// no buffers.
func CompileUpdate(device *backend.Device, specs []architecture.Tensor, held dtypes.DType, options AdamW, part Part) (
	*backend.NamedProgram, error,
) {
	return describe(device, specs, held, options, part).compileUpdate()
}

// compileUpdate builds the optimiser's step. Its inputs are the scalars, a uint32 key of
// random numbers, then for all that is trained the weights and gradients, and for what the part has of it
// both moments and, where there are any, the weights' float32 masters; all but the first two are donated and
// returned, gradients, which may be the part's alone, as zeros.
func (o *Optimizer) compileUpdate() (*backend.NamedProgram, error) {
	a, held := o.options, o.held
	weights := make([]backend.Input, len(o.specs))
	for i, spec := range o.specs {
		weights[i] = backend.Input{Name: spec.Name, Shape: shapes.Make(held, spec.Shape...), Donated: true}
	}
	moved := []backend.Group{
		{Name: "weights", Inputs: weights}, {Name: "m", Inputs: o.m.inputs()}, {Name: "v", Inputs: o.v.inputs()},
		{Name: "gradients", Inputs: o.gradients()},
	}
	if o.mastered() {
		masters := make([]backend.Input, len(o.pieces))
		for k, p := range o.pieces {
			masters[k] = backend.Input{Name: "master of " + p.name, Shape: shapes.Make(dtypes.Float32, p.dims...),
				Donated: true}
		}
		moved = append(moved, backend.Group{Name: "masters", Inputs: masters})
	}
	var outputs []string
	for _, group := range moved {
		outputs = append(outputs, group.Name)
	}
	inputs := append(backend.Each(scalars.Input("scalars"),
		backend.Input{Name: "key", Shape: shapes.Make(dtypes.Uint32)}), moved...)
	return backend.CompileNamed(o.device, "adamw", inputs, outputs, func(in backend.Nodes) backend.Nodes {
		scalar := func(name string) *Node { return scalars.Of(in.One("scalars"), name) }
		ms, vs, out := in["m"], in["v"], backend.Nodes{}
		put := func(name string, nodes ...*Node) { out[name] = append(out[name], nodes...) }
		out["weights"] = append(out["weights"], in["weights"]...)
		for k, p := range o.pieces {
			i := p.tensor
			// Each tensor that is rounded by chance has numbers of its own, and a piece of it the same.
			keyed := func(tensor int) *Node {
				return AddScalar(in.One("key"), uint32(splitmix.Mix(uint64(3*i+tensor)))+
					op.NoiseFrom(p.rows.From*p.columns()))
			}
			weight := p.of(in["weights"][i])
			if o.mastered() {
				weight = in["masters"][k]
			}
			weight = op.Convert(weight, dtypes.Float32)
			var m, v *Node
			m, ms = o.m.load(k, ms)
			v, vs = o.v.load(k, vs)
			of := i
			if a.Divides(o.part) {
				of = k
			}
			g := Mul(p.of(in["gradients"][of]), scalar(gradientScale))
			m = Add(MulScalar(m, a.Beta1), MulScalar(g, 1-a.Beta1))
			v = Add(MulScalar(v, a.Beta2), MulScalar(Mul(g, g), 1-a.Beta2))
			step := Div(Div(m, scalar(bias1)), AddScalar(Div(Sqrt(v), scalar(bias2)), a.Epsilon))
			weight = Sub(Mul(weight, scalar(decay)), Mul(step, scalar(learningRate)))
			put("m", o.m.formats[k].store(m, keyed(0))...)
			put("v", o.v.formats[k].store(v, keyed(1))...)
			switch {
			case o.mastered():
				put("masters", weight)
				weight = op.Convert(weight, held)
			case held == dtypes.BFloat16:
				weight = op.Dither(weight, op.Noise(weight, keyed(2)))
			}
			out["weights"][i] = p.into(in["weights"][i], weight)
		}
		for _, g := range in["gradients"] {
			put("gradients", ZerosLike(g))
		}
		return out
	})
}

// Floats declares one float32 input of each parameter's shape.
func Floats(kind string, specs []architecture.Tensor, donated bool) []backend.Input {
	inputs := make([]backend.Input, len(specs))
	for i, spec := range specs {
		inputs[i] = backend.Input{
			Name: kind + " of " + spec.Name, Shape: shapes.Make(dtypes.Float32, spec.Shape...),
			Donated: donated,
		}
	}
	return inputs
}
