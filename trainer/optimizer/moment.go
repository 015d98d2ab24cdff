package optimizer

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/op"
)

// How AdamW's moments are held.
const (
	StateFloat32  = "float32"
	StateBFloat16 = "bfloat16" // rounded up or down by chance: see op.Dither
	StateInt8     = "int8"     // block codes: see op.BlockCode
)

// codedSize is the least number of elements of a tensor that state int8 codes, as in
// bitsandbytes: norms and biases are a thousandth of a model, and stay float32.
const codedSize = 4096

// moment is one of AdamW's running means over all that is trained: m, of the
// gradient, or v, of its square.
type moment struct {
	name    string
	forms   []form // by tensor
	specs   []architecture.Tensor
	buffers []backend.Buffer // the parts of each tensor in turn
}

// form is how one tensor of a moment is held.
type form interface {
	// parts are the buffers of a tensor of dims.
	parts(dims []int) []part
	// load makes the tensor, float32, of its parts.
	load(parts []*Node, dims []int) *Node
	// store makes the parts of x; key is a uint32 scalar for what chance decides.
	store(x, key *Node) []*Node
}

// part is a buffer of a form: what its name has after the tensor's, and its shape.
type part struct {
	suffix string
	shape  shapes.Shape
}

// formOf returns how a moment of a tensor of dims is held as state.
func formOf(moment, state string, dims []int) form {
	switch {
	case state == StateBFloat16:
		return halfForm{}
	case state == StateInt8 && shapes.Make(dtypes.Float32, dims...).Size() >= codedSize:
		if moment == "v" {
			return rootForm{codeForm{op.BlockCode{}}}
		}
		return codeForm{op.BlockCode{Signed: true}}
	}
	return floatForm{}
}

type floatForm struct{}

func (floatForm) parts(dims []int) []part           { return []part{{"", shapes.Make(dtypes.Float32, dims...)}} }
func (floatForm) load(parts []*Node, _ []int) *Node { return parts[0] }
func (floatForm) store(x, _ *Node) []*Node          { return []*Node{x} }

type halfForm struct{}

func (halfForm) parts(dims []int) []part { return []part{{"", shapes.Make(dtypes.BFloat16, dims...)}} }
func (halfForm) load(parts []*Node, _ []int) *Node {
	return op.Convert(parts[0], dtypes.Float32)
}
func (halfForm) store(x, key *Node) []*Node {
	return []*Node{op.Dither(x, op.Noise(x, key))}
}

type codeForm struct{ code op.BlockCode }

func (f codeForm) parts(dims []int) []part {
	codes, scales := f.code.Shapes(shapes.Make(dtypes.Float32, dims...).Size())
	return []part{{"", codes}, {".scale", scales}}
}
func (f codeForm) load(parts []*Node, dims []int) *Node {
	return f.code.Decode(parts[0], parts[1], dims...)
}
func (f codeForm) store(x, _ *Node) []*Node {
	codes, scales := f.code.Encode(x)
	return []*Node{codes, scales}
}

// rootForm holds the root of v, which is what an update divides by. v itself spans
// twice the decades of m: in blocks whose gradients lie far apart its smaller values
// would become zero while those of m do not, and the update m/√v would explode.
type rootForm struct{ codeForm }

func (f rootForm) load(parts []*Node, dims []int) *Node {
	root := f.codeForm.load(parts, dims)
	return Mul(root, root)
}
func (f rootForm) store(x, key *Node) []*Node { return f.codeForm.store(Sqrt(x), key) }

// newMoment makes a moment of zeros.
func newMoment(device *backend.Device, name, state string, specs []architecture.Tensor) (*moment, error) {
	m := &moment{name: name, specs: specs}
	for _, spec := range specs {
		f := formOf(name, state, spec.Shape)
		m.forms = append(m.forms, f)
		for _, p := range f.parts(spec.Shape) {
			zeros, err := device.Zeros(p.shape.DType, p.shape.Dimensions...)
			if err != nil {
				return nil, fmt.Errorf("optimiser state of %s: %w", spec.Name, err)
			}
			m.buffers = append(m.buffers, zeros)
		}
	}
	return m, nil
}

// inputs declares the parts of all tensors, donated.
func (m *moment) inputs() []backend.Input {
	var inputs []backend.Input
	for i, spec := range m.specs {
		for _, p := range m.forms[i].parts(spec.Shape) {
			inputs = append(inputs, backend.Input{Name: m.name + " of " + spec.Name + p.suffix, Shape: p.shape, Donated: true})
		}
	}
	return inputs
}

// load takes tensor i off the front of the nodes that inputs declared.
func (m *moment) load(i int, nodes []*Node) (tensor *Node, rest []*Node) {
	dims := m.specs[i].Shape
	n := len(m.forms[i].parts(dims))
	return m.forms[i].load(nodes[:n], dims), nodes[n:]
}

// MomentBytes is the size of the moments of a tensor of dims.
func MomentBytes(state string, dims []int) int64 {
	total := int64(0)
	for _, name := range []string{"m", "v"} {
		for _, p := range formOf(name, state, dims).parts(dims) {
			total += int64(p.shape.Size()) * int64(p.shape.DType.Size())
		}
	}
	return total
}
