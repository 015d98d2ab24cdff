package optimizer

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/op"
)

// Precisions of AdamW's moments.
const (
	StateFloat32  = "float32"
	StateBFloat16 = "bfloat16" // rounded up or down by chance: see op.Dither
	StateInt8     = "int8"     // block codes: see op.BlockCode
)

// codedSize is the fewest elements that a tensor must have for state int8 to code it, as in
// bitsandbytes: norms and biases are a thousandth of a model, and stay float32.
const codedSize = 4096

// moment is one of AdamW's running means over all that is trained: m, of the
// gradient, or v, of its square.
type moment struct {
	name    string
	formats []format // by piece
	pieces  []piece
	buffers []backend.Buffer // those of each piece in turn
}

// format stores one tensor of a moment in one buffer or in two.
type format interface {
	// buffers declares those of a tensor of dims.
	buffers(dims []int) []layout
	// load makes the tensor, float32, of its buffers.
	load(buffers []*Node, dims []int) *Node
	// store makes the buffers of x; key is a uint32 scalar that random numbers depend on.
	store(x, key *Node) []*Node
}

// layout is the shape of a buffer, and what its name has after the tensor's.
type layout struct {
	suffix string
	shape  shapes.Shape
}

// formatOf returns the format of a moment of a tensor of dims with a state.
func formatOf(moment, state string, dims []int) format {
	switch {
	case state == StateBFloat16:
		return halfFormat{}
	case state == StateInt8 && shapes.Make(dtypes.Float32, dims...).Size() >= codedSize:
		if moment == "v" {
			return rootFormat{codeFormat{op.BlockCode{}}}
		}
		return codeFormat{op.BlockCode{Signed: true}}
	}
	return plainFormat{}
}

type plainFormat struct{}

func (plainFormat) buffers(dims []int) []layout {
	return []layout{{"", shapes.Make(dtypes.Float32, dims...)}}
}
func (plainFormat) load(buffers []*Node, _ []int) *Node { return buffers[0] }
func (plainFormat) store(x, _ *Node) []*Node            { return []*Node{x} }

type halfFormat struct{}

func (halfFormat) buffers(dims []int) []layout {
	return []layout{{"", shapes.Make(dtypes.BFloat16, dims...)}}
}
func (halfFormat) load(buffers []*Node, _ []int) *Node {
	return op.Convert(buffers[0], dtypes.Float32)
}
func (halfFormat) store(x, key *Node) []*Node {
	return []*Node{op.Dither(x, op.Noise(x, key))}
}

type codeFormat struct{ code op.BlockCode }

func (f codeFormat) buffers(dims []int) []layout {
	codes, scales := f.code.Shapes(shapes.Make(dtypes.Float32, dims...).Size())
	return []layout{{"", codes}, {".scale", scales}}
}
func (f codeFormat) load(buffers []*Node, dims []int) *Node {
	return f.code.Decode(buffers[0], buffers[1], dims...)
}
func (f codeFormat) store(x, _ *Node) []*Node {
	codes, scales := f.code.Encode(x)
	return []*Node{codes, scales}
}

// rootFormat holds the root of v, which is what an update divides by. v itself spans
// twice the decades of m: in blocks whose gradients lie far apart its smaller values
// would become zero while those of m do not, and the update m/√v would explode.
type rootFormat struct{ codeFormat }

func (f rootFormat) load(buffers []*Node, dims []int) *Node {
	root := f.codeFormat.load(buffers, dims)
	return Mul(root, root)
}
func (f rootFormat) store(x, key *Node) []*Node { return f.codeFormat.store(Sqrt(x), key) }

// newMoment describes a moment; allocate makes its buffers.
func newMoment(name, state string, pieces []piece) *moment {
	m := &moment{name: name, pieces: pieces}
	for _, p := range pieces {
		m.formats = append(m.formats, formatOf(name, state, p.whole))
	}
	return m
}

// allocate makes the buffers, of zeros.
func (m *moment) allocate(device *backend.Device) error {
	for i, of := range m.pieces {
		for _, p := range m.formats[i].buffers(of.dims) {
			zeros, err := device.Zeros(p.shape.DType, p.shape.Dimensions...)
			if err != nil {
				return fmt.Errorf("optimiser state of %s: %w", of.name, err)
			}
			m.buffers = append(m.buffers, zeros)
		}
	}
	return nil
}

// inputs declares the buffers of all pieces, donated.
func (m *moment) inputs() []backend.Input {
	var inputs []backend.Input
	for i, of := range m.pieces {
		for _, p := range m.formats[i].buffers(of.dims) {
			inputs = append(inputs, backend.Input{Name: m.name + " of " + of.name + p.suffix,
				Shape: p.shape, Donated: true})
		}
	}
	return inputs
}

// load takes piece i off the front of the nodes that inputs declared.
func (m *moment) load(i int, nodes []*Node) (piece *Node, rest []*Node) {
	dims := m.pieces[i].dims
	n := len(m.formats[i].buffers(dims))
	return m.formats[i].load(nodes[:n], dims), nodes[n:]
}
