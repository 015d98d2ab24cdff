package backend

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/go-xla/stablehlo"
	xlashapes "github.com/gomlx/go-xla/types/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/internal/threads"
	"github.com/stele-lm/stele/kernels/cudnn"
)

// XLA for CUDA takes calls of cuDNN's attention. Where a program for a described GPU is run, package cudnn
// computes what they mean.

// CUDNNSetting is the variable of the environment that, where it is "off", leaves cuDNN's attention out of
// programs for CUDA.
const CUDNNSetting = "STELE_CUDNN"

// CUDNN returns nil where programs call cuDNN's attention, or the reason why they do not. It opens the device,
// and tries the calls on a GPU that is here.
func (d *Device) CUDNN() error {
	b, err := d.backend()
	if err != nil {
		return err
	}
	switch x, ok := b.(interface{ IsCUDA() bool }); {
	case !ok || !x.IsCUDA():
		return errors.New("the device is not an NVIDIA GPU")
	case os.Getenv(CUDNNSetting) == "off":
		return fmt.Errorf("%s is off", CUDNNSetting)
	}
	if has, err := d.capability(); err != nil {
		return err
	} else if has > 0 && has < cudnn.LeastCapability {
		return fmt.Errorf("the GPU has compute capability %.1f, expected %.1f or more", has, cudnn.LeastCapability)
	}
	if d.cudnnTrial == nil {
		return nil
	}
	return d.cudnnTrial()
}

// WithoutCUDNN returns the device such that its programs do not call cuDNN's attention.
func (d *Device) WithoutCUDNN() *Device {
	without := *d
	without.cudnnTrial = func() error { return errors.New("cuDNN's attention is not wanted") }
	return &without
}

// describedCapability finds the compute capability in XLA's description of a GPU.
func describedCapability(target string) string {
	m := regexp.MustCompile(`cuda_compute_capability \{[^}]*?major: (\d+)(?:[^}]*?minor: (\d+))?`).
		FindStringSubmatch(target)
	if m == nil {
		return ""
	}
	if m[2] == "" {
		m[2] = "0"
	}
	return m[1] + "." + m[2]
}

// cudnnKey finds among what is attached to a graph the device that says whether it may call cuDNN.
type cudnnKey struct{}

// CallsCUDNN reports whether a graph that Compile builds may call cuDNN's attention.
func CallsCUDNN(g *graph.Graph) bool {
	d, _ := g.State(cudnnKey{}).(*Device)
	return d != nil && d.CUDNN() == nil
}

// cudnnCall is the mark of a gather that becomes a call of cuDNN's attention, or of its gradient.
type cudnnCall struct {
	cudnn.Call
	gradient bool
	operands []*graph.Node
}

// further is the mark of an operation that stands for a further result of the call that it is made from.
type further struct{}

// CUDNNMasks are the operands of a call beside queries, keys and values, as far as it is Biased or Counted (see
// cudnn.Call).
type CUDNNMasks struct{ Bias, Queries, Keys *graph.Node }

// operands puts them among a call's others.
func (m CUDNNMasks) operands(c cudnn.Call, first []*graph.Node, last ...*graph.Node) (all []*graph.Node) {
	all = first
	if c.Biased {
		all = append(all, m.Bias)
	}
	if all = append(all, last...); c.Counted {
		all = append(all, m.Queries, m.Keys)
	}
	return all
}

// CUDNNAttention is a call of cuDNN's attention in a graph that CallsCUDNN: of q [B, T, H, E], keys and values
// [B, S, K, E], bfloat16, the result [B, T, H, E] and the logarithms of sums [B, H, T], float32. What is beyond the
// call's counts is anything, NaN among it.
func CUDNNAttention(c cudnn.Call, q, keys, values *graph.Node, m CUDNNMasks) (out, logSums *graph.Node) {
	operands := m.operands(c, []*graph.Node{q, keys, values})
	first := markCUDNN(cudnnCall{c, false, operands}, c.B, c.H, c.T, c.E)
	logSums = furtherResult(first, shapes.Make(dtypes.Float32, c.B, c.H, c.T))
	return graph.TransposeAllAxes(first, 0, 2, 1, 3), logSums
}

// CUDNNGradient is the call of its gradient: of q, keys and values as far as it is due to these keys. logSums,
// ofOut and out may be those of more keys (see cudnn.Call.Gradient).
func CUDNNGradient(c cudnn.Call, q, keys, values, logSums, ofOut, out *graph.Node, m CUDNNMasks) (
	ofQ, ofKeys, ofValues *graph.Node,
) {
	operands := m.operands(c, []*graph.Node{q, keys, values, logSums, ofOut}, out)
	first := markCUDNN(cudnnCall{c, true, operands}, c.B, c.H, c.T, c.E)
	shape := shapes.Make(dtypes.BFloat16, c.B, c.K, c.S, c.E)
	second, third := furtherResult(first, shape), furtherResult(first, shape)
	tokens := func(x *graph.Node) *graph.Node { return graph.TransposeAllAxes(x, 0, 2, 1, 3) }
	return tokens(first), tokens(second), tokens(third)
}

// markCUDNN makes a gather of the first result's shape.
func markCUDNN(c cudnnCall, dims ...int) *graph.Node {
	g := c.operands[0].Graph()
	if !CallsCUDNN(g) {
		panic("cuDNN is called where it is not")
	}
	one := graph.Zeros(g, shapes.Make(dtypes.BFloat16, 1))
	index := graph.Zeros(g, shapes.Make(dtypes.Int32, append(slices.Clone(dims), 1)...))
	return mark(graph.Gather(one, index), c)
}

// furtherResult stands for a further result of the call that a gather becomes: a conversion of a gather of it,
// of which the call is known when the graph is made again.
func furtherResult(first *graph.Node, shape shapes.Shape) *graph.Node {
	index := shapes.Make(dtypes.Int32, append(slices.Clone(shape.Dimensions), first.Rank())...)
	x := graph.Gather(first, graph.Zeros(first.Graph(), index))
	if shape.DType != first.DType() {
		x = graph.ConvertDType(x, shape.DType)
	}
	return mark(x, further{})
}

// cudnnStatement is a call in a program's text.
type cudnnStatement struct {
	*stablehlo.Statement
	cudnnCall
}

// useCUDNN turns what is so marked into calls, and returns them. Gradients add up in one order where ordered.
func useCUDNN(g *graph.Graph, ordered bool) (calls []cudnnStatement, err error) {
	defer internalsChanged(&err)
	made := map[*stablehlo.Statement]bool{}
	for s, c := range marked[cudnnCall](g, "stablehlo.gather") {
		s.Inputs = s.Inputs[:0:0]
		var ranks []int
		for _, n := range c.operands {
			s.Inputs = append(s.Inputs, valueOf(n))
			ranks = append(ranks, n.Rank())
		}
		if err := becomeCall(s, c.Target(c.gradient), nil); err != nil {
			return nil, err
		}
		s.Attributes["api_version"] = int32(stablehlo.CustomCallAPIVersionStatusReturning)
		s.Attributes["backend_config"] = written(quoted(c.Config(c.gradient, ordered)))
		s.Attributes["operand_layouts"] = rowMajor(ranks...)
		calls, made[s] = append(calls, cudnnStatement{s, c}), true
	}
	for s := range marked[further](g, "stablehlo.gather", "stablehlo.convert") {
		of := s
		for !made[of] {
			of = unexported[*stablehlo.Statement](of.Inputs[0], "stmt")
		}
		of.Outputs = append(of.Outputs, s.Outputs[0])
		at := slices.Index(s.Function.Statements, s)
		s.Function.Statements = slices.Delete(s.Function.Statements, at, at+1)
	}
	for i, s := range calls {
		// What cuDNN works with: XLA says how much when it has asked cuDNN.
		scratch, err := stablehlo.New("scratch").Main().NamedInput(fmt.Sprintf("cudnn_%d", i),
			xlashapes.Make(dtypes.Uint8, 0))
		if err != nil {
			return nil, err
		}
		const heads = "dense<[3, 1, 2, 0]> : tensor<4xindex>"
		layouts := heads + ", dense<[2, 1, 0]> : tensor<3xindex>"
		want := 2
		if s.gradient {
			layouts, want = heads+", "+heads+", "+heads, 3
		}
		if len(s.Outputs) != want {
			return nil, fmt.Errorf("a call of cuDNN's has %d results, expected %d", len(s.Outputs), want)
		}
		s.Outputs = append(s.Outputs, scratch)
		s.Attributes["result_layouts"] = written("[" + layouts + ", dense<0> : tensor<1xindex>]")
	}
	return calls, nil
}

// meant makes calls of cuDNN's such that the plugin for CPUs calls what computes their meaning.
func meant(calls []cudnnStatement) {
	for _, s := range calls {
		s.Attributes["api_version"] = int32(4)
		s.Attributes["backend_config"] = numbersAttribute(s.Numbers())
	}
}

// registerCUDNN makes what calls of cuDNN's mean callable from the programs of the plugin at path.
func registerCUDNN(path string) error {
	for _, targets := range cudnn.Targets {
		for i, target := range targets {
			gradient := i == 1
			call := func(c hostCall) error { return computeCUDNN(c, gradient) }
			if err := registerCall(path, target, call); err != nil {
				return err
			}
		}
	}
	return nil
}

// computeCUDNN computes a call on this process's memory.
func computeCUDNN(c hostCall, gradient bool) error {
	call, err := cudnn.FromNumbers(c.attributes.numbers())
	if err != nil {
		return err
	}
	in := c.operands
	take := func() (b *ffiBuffer) {
		b, in = in[0], in[1:]
		return b
	}
	bits := func() []uint16 { return elements[uint16](take()) }
	q, k, v := bits(), bits(), bits()
	var m cudnn.Masks
	var r cudnn.Results
	if gradient {
		r.LogSums, r.OfOut = elements[float32](take()), bits()
	}
	if call.Biased {
		m.Bias = bits()
	}
	if gradient {
		r.Out = bits()
	}
	if call.Counted {
		m.Queries, m.Keys = elements[int32](take()), elements[int32](take())
	}
	out := func(i int) []uint16 { return elements[uint16](c.results[i]) }
	if !gradient {
		return call.Attend(q, k, v, m, threads.Count, out(0), elements[float32](c.results[1]))
	}
	return call.Gradient(q, k, v, r, m, threads.Count, out(0), out(1), out(2))
}
