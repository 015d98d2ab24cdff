package optimizer

import (
	"errors"
	"fmt"
	"math"
	"slices"

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
	// Updates is the number of steps taken.
	Updates int

	m, v         *moment
	masters      []backend.Buffer // nil where there are none
	norm, update *backend.Program
}

// New allocates the state for parameters of specs, held as held, and compiles the step.
// values returns the float32 values of a parameter, which masters begin with. seed and a
// step's number make the random numbers of rounding in the step.
func New(device *backend.Device, specs []architecture.Tensor, held dtypes.DType, options AdamW, seed uint64,
	values func(i int) ([]float32, error)) (*Optimizer, error) {
	o := &Optimizer{options: options, device: device, specs: specs, held: held, seed: seed}
	var err error
	if o.m, err = newMoment(device, "m", options.State, specs); err != nil {
		return nil, err
	}
	if o.v, err = newMoment(device, "v", options.State, specs); err != nil {
		return nil, err
	}
	if held != dtypes.Float32 && options.Masters {
		for i, spec := range specs {
			values, err := values(i)
			if err != nil {
				return nil, err
			}
			master, err := backend.Upload(device, values, spec.Shape...)
			if err != nil {
				return nil, fmt.Errorf("master of %s: %w", spec.Name, err)
			}
			o.masters = append(o.masters, master)
		}
	}
	if o.norm, err = o.compileNorm(); err != nil {
		return nil, err
	}
	o.update, err = o.compileUpdate()
	return o, err
}

// Step moves parameters by their summed gradients at a learning rate: the buffers in both
// slices are replaced, gradients by zeros. It returns the gradient's norm before
// clipping. A norm that is not finite moves nothing and is ErrNotFinite.
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
	norm = math.Sqrt(norm)
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return norm, fmt.Errorf("%w: the gradient's norm is %v", ErrNotFinite, norm)
	}
	a := o.options
	o.Updates++
	values := make([]float32, scalars)
	values[scalarScale] = 1
	if a.MaxGradNorm > 0 {
		values[scalarScale] = float32(min(1, a.MaxGradNorm/(norm+1e-6)))
	}
	values[scalarRate] = float32(rate)
	values[scalarDecay] = float32(1 - rate*a.WeightDecay)
	values[scalarBias1] = float32(1 - math.Pow(a.Beta1, float64(o.Updates)))
	values[scalarBias2] = float32(math.Sqrt(1 - math.Pow(a.Beta2, float64(o.Updates))))
	buffer, err := backend.Upload(o.device, values, scalars)
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
	inputs := []backend.Buffer{buffer, key}
	groups := [][]backend.Buffer{parameters, o.m.buffers, o.v.buffers, gradients, o.masters}
	for _, group := range groups {
		inputs = append(inputs, group...)
	}
	updated, err := o.update.Run(inputs)
	if err != nil {
		return norm, err
	}
	for _, group := range groups {
		updated = updated[copy(group, updated):]
	}
	return norm, nil
}

// State lists the tensors that a checkpoint keeps: the moments' buffers, and masters.
func (o *Optimizer) State() []tensorfile.Tensor {
	var all []tensorfile.Tensor
	for _, m := range []*moment{o.m, o.v} {
		at := 0
		for i, spec := range o.specs {
			for _, p := range m.formats[i].buffers(spec.Shape) {
				all = append(all, tensorfile.Tensor{Name: m.name + "." + spec.Name + p.suffix, Shape: p.shape,
					Buffer: &m.buffers[at]})
				at++
			}
		}
	}
	for i, spec := range o.specs {
		if o.masters != nil {
			all = append(all, tensorfile.Tensor{
				Name: "master." + spec.Name, Shape: shapes.Make(dtypes.Float32, spec.Shape...),
				Buffer: &o.masters[i],
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

// compileNorm builds the program that returns the sum of squares of all
// gradients, a float32 scalar for each parameter.
func (o *Optimizer) compileNorm() (*backend.Program, error) {
	return backend.Compile(o.device, "gradient norm", Floats("gradient", o.specs, false),
		func(in []*Node) []*Node {
			out := make([]*Node, len(in))
			for i, g := range in {
				out[i] = op.SumAll(Mul(g, g))
			}
			return []*Node{Stack(out, 0)}
		})
}

// Scalars of an update, in this order.
const (
	scalarScale = iota // factor of the gradient
	scalarRate         // learning rate
	scalarDecay        // 1 - learning rate · weight decay
	scalarBias1        // 1 - beta1^step
	scalarBias2        // √(1 - beta2^step)
	scalars
)

// compileUpdate builds the optimiser's step. Inputs: the scalars, a uint32 key of
// random numbers, then for all trained parameters in turn the values, first
// moments, second moments, gradients and, where there are any, the values' float32
// masters; all of these donated and all returned, gradients as zeros.
func (o *Optimizer) compileUpdate() (*backend.Program, error) {
	a, n, held := o.options, len(o.specs), o.held
	inputs := []backend.Input{
		{Name: "scalars", Shape: shapes.Make(dtypes.Float32, scalars)},
		{Name: "key", Shape: shapes.Make(dtypes.Uint32)},
	}
	for _, spec := range o.specs {
		inputs = append(inputs, backend.Input{Name: spec.Name, Shape: shapes.Make(held, spec.Shape...),
			Donated: true})
	}
	inputs = append(inputs, o.m.inputs()...)
	inputs = append(inputs, o.v.inputs()...)
	inputs = append(inputs, Floats("gradient", o.specs, true)...)
	if o.masters != nil {
		inputs = append(inputs, Floats("master", o.specs, true)...)
	}
	return backend.Compile(o.device, "adamw", inputs, func(in []*Node) []*Node {
		values, key := in[0], in[1]
		scalar := func(i int) *Node { return Reshape(Slice(values, AxisElem(i))) }
		next := func(n int) []*Node {
			nodes := in[:n]
			in = in[n:]
			return nodes
		}
		next(2)
		weights, ms, vs := next(n), next(len(o.m.buffers)), next(len(o.v.buffers))
		gradients, masters := next(n), in
		var newWeights, newM, newV, zeros, newMasters []*Node
		for i, weight := range weights {
			// Each tensor that is rounded by chance has numbers of its own.
			keyed := func(tensor int) *Node {
				return AddScalar(key,
					uint32(splitmix.Mix(uint64(3*i+tensor))))
			}
			if o.masters != nil {
				weight = masters[i]
			}
			weight = op.Convert(weight, dtypes.Float32)
			var m, v *Node
			m, ms = o.m.load(i, ms)
			v, vs = o.v.load(i, vs)
			g := Mul(gradients[i], scalar(scalarScale))
			m = Add(MulScalar(m, a.Beta1), MulScalar(g, 1-a.Beta1))
			v = Add(MulScalar(v, a.Beta2), MulScalar(Mul(g, g), 1-a.Beta2))
			step := Div(Div(m, scalar(scalarBias1)), AddScalar(Div(Sqrt(v), scalar(scalarBias2)), a.Epsilon))
			weight = Sub(Mul(weight, scalar(scalarDecay)), Mul(step, scalar(scalarRate)))
			newM = append(newM, o.m.formats[i].store(m, keyed(0))...)
			newV = append(newV, o.v.formats[i].store(v, keyed(1))...)
			zeros = append(zeros, ZerosLike(g))
			switch {
			case o.masters != nil:
				newMasters = append(newMasters, weight)
				newWeights = append(newWeights, op.Convert(weight, held))
			case held == dtypes.BFloat16:
				newWeights = append(newWeights, op.Dither(weight, op.Noise(weight, keyed(2))))
			default:
				newWeights = append(newWeights, weight)
			}
		}
		return slices.Concat(newWeights, newM, newV, zeros, newMasters)
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
