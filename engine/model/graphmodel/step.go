package graphmodel

import (
	"fmt"

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
}

// Row puts a row into feed, the first input of a step program: int32 [B, T+2+Pages],
// of each row its tokens, the position of the first, how many there are, and its page
// table; behind them, with Draws, what is to be drawn, for which Draw is room. One tensor,
// because each transfer to a device takes its time.
func (s StepShape) Row(feed []int32, row int, tokens []int32, start int, table []int32) {
	at := feed[row*s.width():]
	copy(at[:s.T], tokens)
	at[s.T], at[s.T+1] = int32(start), int32(len(tokens))
	copy(at[s.T+2:s.T+2+s.Pages], table)
}

// Draw returns the part of feed that has the draw of a row (see sampler.Draw.Pack).
func (s StepShape) Draw(feed []int32, row int) []int32 {
	end := (row + 1) * s.width()
	return feed[end-sampler.DrawInts : end]
}

// Feed is room for the rows, zero: a row of no tokens is padding.
func (s StepShape) Feed() []int32 { return make([]int32, s.B*s.width()) }

// Dims are the dimensions of the feed.
func (s StepShape) Dims() []int { return []int{s.B, s.width()} }

func (s StepShape) width() int {
	width := s.T + 2 + s.Pages
	if s.Draws {
		width += sampler.DrawInts
	}
	return width
}

// CompileStep builds the whole-graph step over the paged pool: embeds the
// tokens, writes their keys and values into the donated pools, attends over each
// row's pages and returns the logits [B, V] of each row's last valid token, float32, or
// with Draws what sampler.DrawGraph makes of them, followed by the updated pools (keys
// and values of each layer in turn).
//
// Inputs: the feed (see StepShape.Row), then the weights, then the pools. A row of
// length 0 is padding: it changes nothing and its logits mean nothing.
func CompileStep(w *model.Weights, pages op.Pages, shape StepShape) (*backend.Program, error) {
	m, i32 := w.Config.Model(), dtypes.Int32
	inputs := []backend.Input{{Name: "feed", Shape: shapes.Make(i32, shape.Dims()...)}}
	inputs = append(inputs, w.Inputs(false)...)
	inputs = append(inputs, poolInputs(m.NumLayers, pages)...)
	firstPool := 1 + len(w.Specs)
	return backend.Compile(w.Device, "step", inputs, func(in []*Node) []*Node {
		p := newParams(w, in[1:firstPool])
		pools := append([]*Node{}, in[firstPool:]...)
		column := func(i int) *Node { return Reshape(Slice(in[0], AxisRange(), AxisElem(i)), shape.B) }
		token := Slice(in[0], AxisRange(), AxisRange(0, shape.T))
		start, length := column(shape.T), column(shape.T+1)
		table := Slice(in[0], AxisRange(), AxisRange(shape.T+2, shape.T+2+shape.Pages))
		address := pages.Resolve(op.Feed{Start_B: start, Length_B: length, Table: table, T: shape.T})
		x_BTD := hidden(m, p, token, address.Position_BT, func(l int, q, k, v *Node) *Node {
			pools[2*l] = pages.Write(pools[2*l], k, address)
			pools[2*l+1] = pages.Write(pools[2*l+1], v, address)
			return pages.Attend(q, pools[2*l], pools[2*l+1], address)
		}, false)
		g := token.Graph()
		last := MaxScalar(AddScalar(length, int32(-1)), int32(0))
		row := Add(MulScalar(Iota(g, shapes.Make(i32, shape.B), 0), int32(shape.T)), last)
		x_BD := Gather(Reshape(x_BTD, shape.B*shape.T, m.HiddenSize), Reshape(row, shape.B, 1))
		result := op.Linear(x_BD, p.get(m.Head.Name))
		p.finish()
		if shape.Draws {
			draws := Slice(in[0], AxisRange(), AxisRange(shape.T+2+shape.Pages))
			result = sampler.DrawGraph(result, draws, shape.Filtering)
		}
		return append([]*Node{result}, pools...)
	})
}

// CompileCopy builds the program that copies n pages in every layer's pools:
// src [n], dst [n] int32, then the donated pools, which it returns.
func CompileCopy(w *model.Weights, pages op.Pages, n int) (*backend.Program, error) {
	inputs := []backend.Input{
		{Name: "src", Shape: shapes.Make(dtypes.Int32, n)},
		{Name: "dst", Shape: shapes.Make(dtypes.Int32, n)},
	}
	inputs = append(inputs, poolInputs(w.Config.NumLayers, pages)...)
	return backend.Compile(w.Device, "copy pages", inputs, func(in []*Node) []*Node {
		pools := make([]*Node, len(in)-2)
		for i, pool := range in[2:] {
			pools[i] = pages.CopyPages(pool, in[0], in[1])
		}
		return pools
	})
}

func poolInputs(layers int, pages op.Pages) []backend.Input {
	inputs := make([]backend.Input, 2*layers)
	for i := range inputs {
		name := fmt.Sprintf("keys of layer %d", i/2)
		if i%2 == 1 {
			name = fmt.Sprintf("values of layer %d", i/2)
		}
		inputs[i] = backend.Input{Name: name, Shape: pages.Shape(), Donated: true}
	}
	return inputs
}
