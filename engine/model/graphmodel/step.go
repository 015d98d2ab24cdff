package graphmodel

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/op"
	"github.com/stele-lm/stele/sampler"
)

// StepShape has the sizes that a step program is compiled for.
type StepShape struct {
	B     int // rows
	T     int // tokens a row: 1 to decode, a chunk to prefill
	Pages int // entries of a row's page table; the context is Pages × slots
	// With Draws a step of one token a row also draws the next one of each, by these filters.
	Draws     bool
	Filtering sampler.Filtering
	// Steps is how many steps follow each other, with Draws, each with the tokens that the one before drew; 0 is one.
	Steps int
}

// Row puts a row into feed, the first input of a step program: int32 [B, T+2+Pages],
// of each row its tokens, the position of the first, how many there are, and its page
// table; behind them, with Draws, what is to be drawn, for which Draw is room. One tensor,
// because each transfer to a device takes its time.
func (s StepShape) Row(feed []int32, row int, tokens []int32, start int, table []int32) {
	c := s.columns()
	at := feed[row*c.end:]
	copy(at[:c.start], tokens)
	at[c.start], at[c.length] = int32(start), int32(len(tokens))
	copy(at[c.table:c.draw], table)
}

// Draw returns the part of feed that has the draw of a row in a step (see sampler.Draw.Pack).
func (s StepShape) Draw(feed []int32, row, step int) []int32 {
	c := s.columns()
	return feed[row*c.end+c.draw+step*sampler.DrawInts : (row+1)*c.end]
}

// Feed is room for the rows, zero: a row of no tokens is padding.
func (s StepShape) Feed() []int32 { return make([]int32, s.B*s.columns().end) }

// Dims are the dimensions of the feed.
func (s StepShape) Dims() []int { return []int{s.B, s.columns().end} }

// columns has the index in a row of the feed at which each of its parts begins, and their
// end; tokens begin at 0. From start on it is an op.Feed.
type columns struct{ start, length, table, draw, end int }

func (s StepShape) columns() columns {
	c := columns{start: s.T, length: s.T + 1, table: s.T + 2, draw: s.T + 2 + s.Pages}
	c.end = c.draw
	if s.Draws {
		c.end += max(s.Steps, 1) * sampler.DrawInts
	}
	return c
}

// CompileStep builds the whole-graph step over the paged pool: embeds the
// tokens, writes their keys and values into the donated pools, attends over each
// row's pages and returns the logits [B, V] of each row's last valid token, float32, or
// with Draws what sampler.DrawGraph makes of them, with Steps of each [Steps, B, 2], as "result",
// and the updated pools, one for each layer, as "pools".
//
// Inputs: "feed" (see StepShape.Row), those of w.Groups and "pools". A row of length 0 is padding: it
// changes nothing and its logits mean nothing.
func CompileStep(w *model.Weights, pages op.Pages, shape StepShape) (*backend.NamedProgram, error) {
	m, i32 := w.Config.Model(), dtypes.Int32
	inputs := append(backend.Each(backend.Input{Name: "feed", Shape: shapes.Make(i32, shape.Dims()...)}),
		w.Groups()...)
	inputs = append(inputs, backend.Group{Name: "pools", Inputs: poolInputs(m.NumLayers, pages)})
	outputs := []string{"result", "pools"}
	step := func(in backend.Nodes, feed, draws *Node) (*Node, []*Node) {
		p, pools, c := newParams(w, in), slices.Clone(in["pools"]), shape.columns()
		g := feed.Graph()
		p.row = shape.B*shape.T == 1 && backend.IsCUDA(g)
		column := func(i int) *Node { return Reshape(Slice(feed, AxisRange(), AxisElem(i)), shape.B) }
		token := Slice(feed, AxisRange(), AxisRange(0, c.start))
		length := column(c.length)
		address := pages.Resolve(op.Feed{Rows: feed, At: c.start, Pages: shape.Pages, T: shape.T})
		// What multiplies the output's projection is rounded to its dtype, but for factors and sums of a row.
		mixed := w.HeldAs()
		if w.Adapter != nil || p.row {
			mixed = dtypes.Float32
		}
		write := func(l int, k, v *Node) {
			pools[l] = pages.Write(pools[l], k, v, address)
		}
		if p.row && pages.CallsKernel(g, m.NumHeads, address, mixed) {
			p.attend = rowAttention{pages.DType, func(l int, heads *Node) *Node {
				queries, keys := m.NumHeads*m.HeadDim, m.NumKVHeads*m.HeadDim
				write(l, part(heads, queries, keys), part(heads, queries+keys, keys))
				return pages.AttendScaled(heads, m.NumHeads, pools[l], address, mixed)
			}}
		}
		x_BTD := hidden(m, p, token, address.Position_BT, func(l int, q, k, v *Node) *Node {
			write(l, k, v)
			return pages.Attend(q, pools[l], address, mixed)
		}, RecomputeNothing)
		var result *Node
		if p.row {
			result = times(Reshape(p.product(x_BTD, &m.Norm, m.Head.Name), 1, m.VocabSize), m.LogitFactor)
		} else {
			last := MaxScalar(AddScalar(length, int32(-1)), int32(0))
			row := Add(MulScalar(Iota(g, shapes.Make(i32, shape.B), 0), int32(shape.T)), last)
			x_BTD = times(p.normalise(x_BTD, &m.Norm), m.LogitFactor)
			x_BD := Gather(Reshape(x_BTD, shape.B*shape.T, m.HiddenSize), Reshape(row, shape.B, 1))
			result = op.Linear(x_BD, p.get(m.Head.Name))
		}
		p.finish()
		if shape.Draws {
			result = sampler.DrawGraph(result, draws, shape.Filtering)
		}
		return result, pools
	}
	return backend.CompileNamed(w.Device, "step", inputs, outputs, func(in backend.Nodes) backend.Nodes {
		feed := in.One("feed")
		var result, draws *Node
		var pools []*Node
		if shape.Steps > 1 {
			result, pools = shape.several(in, m.VocabSize, step)
		} else {
			if shape.Draws {
				draws = Slice(feed, AxisRange(), AxisRange(shape.columns().draw))
			}
			result, pools = step(in, feed, draws)
		}
		return backend.Nodes{"result": {result}, "pools": pools}
	})
}

// CompileCopy builds the program that copies n pages in every layer's pool:
// "src" [n], "dst" [n] int32, then the donated "pools", which it returns.
func CompileCopy(w *model.Weights, pages op.Pages, n int) (*backend.NamedProgram, error) {
	inputs := append(backend.Each(
		backend.Input{Name: "src", Shape: shapes.Make(dtypes.Int32, n)},
		backend.Input{Name: "dst", Shape: shapes.Make(dtypes.Int32, n)},
	), backend.Group{Name: "pools", Inputs: poolInputs(w.Config.NumLayers, pages)})
	outputs := []string{"pools"}
	return backend.CompileNamed(w.Device, "copy pages", inputs, outputs, func(in backend.Nodes) backend.Nodes {
		src, dst := in.One("src"), in.One("dst")
		pools := make([]*Node, len(in["pools"]))
		for i, pool := range in["pools"] {
			pools[i] = pages.CopyPages(pool, src, dst)
		}
		return backend.Nodes{"pools": pools}
	})
}

func poolInputs(layers int, pages op.Pages) []backend.Input {
	inputs := make([]backend.Input, layers)
	for i := range inputs {
		name := fmt.Sprintf("keys and values of layer %d", i)
		inputs[i] = backend.Input{Name: name, Shape: pages.Shape(), Donated: true}
	}
	return inputs
}
