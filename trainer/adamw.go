package trainer

import (
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/internal/nearest"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/op"
)

// AdamW holds the optimiser's settings; the update is torch.optim.AdamW's, on
// every parameter, after clipping the gradient's norm as clip_grad_norm_ does.
type AdamW struct {
	LR          float64 `yaml:"lr" json:"lr"`
	Beta1       float64 `yaml:"beta1" json:"beta1"`
	Beta2       float64 `yaml:"beta2" json:"beta2"`
	Epsilon     float64 `yaml:"epsilon" json:"epsilon"`
	WeightDecay float64 `yaml:"weight_decay" json:"weight_decay"`
	MaxGradNorm float64 `yaml:"max_grad_norm" json:"max_grad_norm"` // 0 does not clip
	// Warmup is the number of steps over which the learning rate rises from 0.
	Warmup int `yaml:"warmup" json:"warmup"`
	// Schedule after the warm-up: constant or cosine (to zero at the last step).
	Schedule string `yaml:"schedule" json:"schedule"`
	// State is how the moments are held: float32, bfloat16 or int8. docs/memory.md
	// says what the smaller ones cost.
	State string `yaml:"state" json:"state"`
	// Masters keeps float32 copies of weights that are held in bfloat16. Without
	// them an update rounds each weight up or down by chance, so that its mean moves
	// as it should.
	Masters bool `yaml:"masters" json:"masters"`
}

func (a AdamW) validate() error {
	switch {
	case !(a.LR > 0):
		return fmt.Errorf("optimizer: lr %g must be positive", a.LR)
	case a.Beta1 < 0 || a.Beta1 >= 1 || a.Beta2 < 0 || a.Beta2 >= 1:
		return fmt.Errorf("optimizer: beta1 %g and beta2 %g must be in [0, 1)", a.Beta1, a.Beta2)
	case !(a.Epsilon > 0) || a.WeightDecay < 0 || a.MaxGradNorm < 0 || a.Warmup < 0:
		return fmt.Errorf("optimizer: epsilon %g must be positive; weight_decay %g, max_grad_norm %g and warmup %d must not be negative",
			a.Epsilon, a.WeightDecay, a.MaxGradNorm, a.Warmup)
	case a.Schedule != "constant" && a.Schedule != "cosine":
		return fmt.Errorf("optimizer: unknown schedule %q: expected constant or cosine%s", a.Schedule, nearest.Hint(a.Schedule, []string{"constant", "cosine"}))
	case a.State != StateFloat32 && a.State != StateBFloat16 && a.State != StateInt8:
		return fmt.Errorf("optimizer: unknown state %q: expected float32, bfloat16 or int8%s", a.State,
			nearest.Hint(string(a.State), []string{string(StateFloat32), string(StateBFloat16), string(StateInt8)}))
	}
	return nil
}

// Rate is the learning rate of a step, counted from 1, of a run of total steps.
func (a AdamW) Rate(step, total int) float64 {
	if step <= a.Warmup {
		return a.LR * float64(step) / float64(a.Warmup)
	}
	if a.Schedule == "cosine" && total > a.Warmup {
		done := float64(step-1-a.Warmup) / float64(total-a.Warmup)
		return a.LR * 0.5 * (1 + math.Cos(math.Pi*min(done, 1)))
	}
	return a.LR
}

// compileNorm builds the program that returns the sum of squares of all
// gradients, a float32 scalar for each parameter.
func (l *Learner) compileNorm() (*backend.Program, error) {
	return backend.Compile(l.weights.Device, "gradient norm", l.floats("gradient", false), func(in []*Node) []*Node {
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

// compileUpdate builds the optimiser's step. Inputs: the scalars, a uint32 key for
// what chance decides, then for all trained parameters in turn the values, first
// moments, second moments, gradients and, where there are any, the values' float32
// masters; all of these donated and all returned, gradients as zeros.
func (l *Learner) compileUpdate() (*backend.Program, error) {
	a, n, held := l.options.AdamW, len(l.specs), l.heldAs()
	inputs := []backend.Input{
		{Name: "scalars", Shape: shapes.Make(dtypes.Float32, scalars)},
		{Name: "key", Shape: shapes.Make(dtypes.Uint32)},
	}
	for _, spec := range l.specs {
		inputs = append(inputs, backend.Input{Name: spec.Name, Shape: shapes.Make(held, spec.Shape...), Donated: true})
	}
	inputs = append(inputs, l.m.inputs()...)
	inputs = append(inputs, l.v.inputs()...)
	inputs = append(inputs, l.floats("gradient", true)...)
	if l.masters != nil {
		inputs = append(inputs, l.floats("master", true)...)
	}
	return backend.Compile(l.weights.Device, "adamw", inputs, func(in []*Node) []*Node {
		values, key := in[0], in[1]
		scalar := func(i int) *Node { return Reshape(Slice(values, AxisElem(i))) }
		next := func(n int) []*Node {
			nodes := in[:n]
			in = in[n:]
			return nodes
		}
		next(2)
		weights, ms, vs := next(n), next(len(l.m.buffers)), next(len(l.v.buffers))
		gradients, masters := next(n), in
		var newWeights, newM, newV, zeros, newMasters []*Node
		for i, weight := range weights {
			// Each tensor that is rounded by chance has numbers of its own.
			keyed := func(tensor int) *Node { return AddScalar(key, uint32(mix(uint64(3*i+tensor)))) }
			if l.masters != nil {
				weight = masters[i]
			}
			weight = op.Convert(weight, dtypes.Float32)
			var m, v *Node
			m, ms = l.m.load(i, ms)
			v, vs = l.v.load(i, vs)
			g := Mul(gradients[i], scalar(scalarScale))
			m = Add(MulScalar(m, a.Beta1), MulScalar(g, 1-a.Beta1))
			v = Add(MulScalar(v, a.Beta2), MulScalar(Mul(g, g), 1-a.Beta2))
			step := Div(Div(m, scalar(scalarBias1)), AddScalar(Div(Sqrt(v), scalar(scalarBias2)), a.Epsilon))
			weight = Sub(Mul(weight, scalar(scalarDecay)), Mul(step, scalar(scalarRate)))
			newM = append(newM, l.m.forms[i].store(m, keyed(0))...)
			newV = append(newV, l.v.forms[i].store(v, keyed(1))...)
			zeros = append(zeros, ZerosLike(g))
			switch {
			case l.masters != nil:
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

// floats declares one float32 input of each trained parameter's shape.
func (l *Learner) floats(kind string, donated bool) []backend.Input {
	inputs := make([]backend.Input, len(l.specs))
	for i, spec := range l.specs {
		inputs[i] = backend.Input{
			Name: kind + " of " + spec.Name, Shape: shapes.Make(dtypes.Float32, spec.Shape...), Donated: donated,
		}
	}
	return inputs
}
