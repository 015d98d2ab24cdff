package optimizer

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/op"
)

// Part is one of so many parts of the optimiser's state, as equal as its cuts allow: each of as many processes holds
// one, and moves the parameters that it is of (stage 1 of Rajbhandari et al., "ZeRO", 2020), by whole gradients or, in
// stage 2, by its part of them. The zero value is the whole.
type Part struct{ Index, Of int }

// Rows are those of a parameter, along its first axis, from From to before To.
type Rows struct{ From, To int }

// Rows returns the rows of each parameter that the part has. All parts of a division have each row once, in their
// order, and an even share of each parameter, so that all have work where one is exchanged. A cut lies between blocks
// of the 8-bit code, so that a part's code is a part of the whole's; small parameters are not cut.
func (p Part) Rows(specs []architecture.Tensor) []Rows {
	all := make([]Rows, len(specs))
	if p.Of < 2 {
		for i, spec := range specs {
			all[i] = Rows{0, spec.Shape[0]}
		}
		return all
	}
	total, before := 0, make([]int, p.Of) // numbers of the parameters so far, and those of the parts before each
	for i, spec := range specs {
		total += spec.Len()
		columns, at := spec.Len()/spec.Shape[0], 0
		for k := range p.Of {
			if k > 0 {
				// Of 64 bits, as total · Of may be large. What one cut rounds the next makes up for.
				at = max(at, cut(spec, int(int64(total)/int64(p.Of)*int64(k))-before[k]))
			}
			before[k] += at * columns
			switch k {
			case p.Index:
				all[i] = Rows{at, spec.Shape[0]}
			case p.Index + 1:
				all[i].To = at
			}
		}
	}
	return all
}

// cut returns the row of a parameter before which a part begins that would begin at number n of it, which may lie
// before it or behind it.
func cut(spec architecture.Tensor, n int) int {
	rows, columns := spec.Shape[0], spec.Len()/spec.Shape[0]
	step := op.CodeBlock / divisor(columns, op.CodeBlock) // rows of whole blocks
	if spec.Len() < codedSize {
		step = rows
	}
	numbers := step * columns
	return min(max(0, (n+numbers/2)/numbers)*step, rows)
}

// divisor is the greatest common one.
func divisor(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// piece is what a part has of a parameter.
type piece struct {
	tensor      int // the parameter's number
	name        string
	rows        Rows
	dims, whole []int // of the piece and of the parameter
}

// pieces lists what a part has.
func (p Part) pieces(specs []architecture.Tensor) (all []piece) {
	for i, rows := range p.Rows(specs) {
		if rows.From < rows.To {
			dims := slices.Clone(specs[i].Shape)
			dims[0] = rows.To - rows.From
			all = append(all, piece{i, specs[i].Name, rows, dims, specs[i].Shape})
		}
	}
	return all
}

// columns is how many numbers a row has.
func (p piece) columns() int { return size(p.whole) / p.whole[0] }

func size(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

func (p piece) isWhole() bool { return p.dims[0] == p.whole[0] }

// of takes the piece out of its parameter, if x is more than that.
func (p piece) of(x *Node) *Node {
	if x.Shape().Dim(0) == p.dims[0] {
		return x
	}
	return Slice(x, AxisRange(p.rows.From, p.rows.To))
}

// into puts the piece into its parameter, where that lies if XLA may.
func (p piece) into(x, rows *Node) *Node {
	switch {
	case p.isWhole():
		return rows
	case backend.IsXLA(x.Graph()):
		starts := make([]*Node, len(p.whole))
		for i := range starts {
			starts[i] = Scalar(x.Graph(), dtypes.Int32, 0)
		}
		starts[0] = Scalar(x.Graph(), dtypes.Int32, p.rows.From)
		return DynamicUpdateSlice(x, rows, starts)
	}
	var parts []*Node
	if p.rows.From > 0 {
		parts = append(parts, Slice(x, AxisRange(0, p.rows.From)))
	}
	parts = append(parts, rows)
	if p.rows.To < p.whole[0] {
		parts = append(parts, Slice(x, AxisRange(p.rows.To, p.whole[0])))
	}
	return Concatenate(parts, 0)
}

// Numbers counts those of the parameters that the part has.
func (p Part) Numbers(specs []architecture.Tensor) (n int64) {
	for _, one := range p.pieces(specs) {
		n += int64(size(one.dims))
	}
	return n
}

// Bytes returns the size of a part's state: moments in a precision, and float32 masters where there are.
func (p Part) Bytes(specs []architecture.Tensor, state string, masters bool) (total int64) {
	for _, one := range p.pieces(specs) {
		for _, name := range []string{"m", "v"} {
			for _, b := range formatOf(name, state, one.whole).buffers(one.dims) {
				total += int64(b.shape.Size()) * int64(b.shape.DType.Size())
			}
		}
		if masters {
			total += 4 * int64(size(one.dims))
		}
	}
	return total
}
