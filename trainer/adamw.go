package trainer

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"stele/kernels"
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
		return fmt.Errorf("optimizer: unknown schedule %q: expected constant or cosine", a.Schedule)
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
func (l *Learner) compileNorm() (*kernels.Program, error) {
	return kernels.Compile(l.weights.Device, "gradient norm", l.floats("gradient", false), func(in []*Node) []*Node {
		out := make([]*Node, len(in))
		for i, g := range in {
			out[i] = ReduceAllSum(Mul(g, g))
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

// compileUpdate builds the optimiser's step. Inputs: the scalars, then for all
// trained parameters in turn the values, first moments, second moments, gradients
// and, where values are held in less than float32, their float32 masters; all
// donated and all returned, gradients as zeros.
func (l *Learner) compileUpdate() (*kernels.Program, error) {
	a, n, held := l.options.AdamW, len(l.specs), l.heldAs()
	masters := held != dtypes.Float32
	inputs := []kernels.Input{{Name: "scalars", Shape: shapes.Make(dtypes.Float32, scalars)}}
	for _, spec := range l.specs {
		inputs = append(inputs, kernels.Input{Name: spec.Name, Shape: shapes.Make(held, spec.Shape...), Donated: true})
	}
	for _, kind := range []string{"m", "v", "gradient"} {
		inputs = append(inputs, l.floats(kind, true)...)
	}
	if masters {
		inputs = append(inputs, l.floats("master", true)...)
	}
	return kernels.Compile(l.weights.Device, "adamw", inputs, func(in []*Node) []*Node {
		values, in := in[0], in[1:]
		scalar := func(i int) *Node { return Reshape(Slice(values, AxisElem(i))) }
		out := make([]*Node, len(in))
		for i := range n {
			weight := in[i]
			if masters {
				weight = in[4*n+i]
			}
			g := Mul(in[3*n+i], scalar(scalarScale))
			m := Add(MulScalar(in[n+i], a.Beta1), MulScalar(g, 1-a.Beta1))
			v := Add(MulScalar(in[2*n+i], a.Beta2), MulScalar(Mul(g, g), 1-a.Beta2))
			step := Div(Div(m, scalar(scalarBias1)), AddScalar(Div(Sqrt(v), scalar(scalarBias2)), a.Epsilon))
			weight = Sub(Mul(weight, scalar(scalarDecay)), Mul(step, scalar(scalarRate)))
			out[i] = kernels.Convert(weight, held)
			out[n+i], out[2*n+i], out[3*n+i] = m, v, ZerosLike(g)
			if masters {
				out[4*n+i] = weight
			}
		}
		return out
	})
}

// floats declares one float32 input of each trained parameter's shape.
func (l *Learner) floats(kind string, donated bool) []kernels.Input {
	inputs := make([]kernels.Input, len(l.specs))
	for i, spec := range l.specs {
		inputs[i] = kernels.Input{
			Name: kind + " of " + spec.Name, Shape: shapes.Make(dtypes.Float32, spec.Shape...), Donated: donated,
		}
	}
	return inputs
}
