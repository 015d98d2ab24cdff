package model

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"stele/kernels"
)

// StepShape is what a step program is compiled for.
type StepShape struct {
	B      int // rows
	T      int // tokens a row: 1 to decode, a chunk to prefill
	Blocks int // entries of a row's block table; the context is Blocks × slots
}

// StepInputs is how many inputs a step program has before the weights:
// token [B, T], start [B], length [B], blocks [B, Blocks], all int32.
const StepInputs = 4

// CompileStep builds the whole-graph step over the paged pool: embeds the
// tokens, writes their keys and values into the donated pools, attends over each
// row's pages and returns the logits [B, V] of each row's last valid token,
// float32, followed by the updated pools (keys and values of each layer in turn).
//
// Inputs: StepInputs, then the weights, then the pools. A row of length 0 is
// padding: it changes nothing and its logits mean nothing.
func CompileStep(w *Weights, pages kernels.Pages, shape StepShape) (*kernels.Program, error) {
	c, i32 := w.Config, dtypes.Int32
	inputs := []kernels.Input{
		{Name: "token", Shape: shapes.Make(i32, shape.B, shape.T)},
		{Name: "start", Shape: shapes.Make(i32, shape.B)},
		{Name: "length", Shape: shapes.Make(i32, shape.B)},
		{Name: "blocks", Shape: shapes.Make(i32, shape.B, shape.Blocks)},
	}
	inputs = append(inputs, w.Inputs(false)...)
	inputs = append(inputs, poolInputs(c.NumLayers, pages)...)
	firstPool := StepInputs + len(w.Specs)
	return kernels.Compile(w.Device, "step", inputs, func(in []*Node) []*Node {
		p := w.params(in[StepInputs:firstPool])
		pools := append([]*Node{}, in[firstPool:]...)
		token, length := in[0], in[2]
		address := pages.Resolve(kernels.Feed{Start_B: in[1], Length_B: length, Blocks_BC: in[3], T: shape.T})
		x_BTD := hidden(c, p, token, address.Position_BT, func(l int, q, k, v *Node) *Node {
			pools[2*l] = pages.Write(pools[2*l], k, address)
			pools[2*l+1] = pages.Write(pools[2*l+1], v, address)
			return pages.Attend(q, pools[2*l], pools[2*l+1], address)
		}, false)
		g := token.Graph()
		last := MaxScalar(AddScalar(length, int32(-1)), int32(0))
		row := Add(MulScalar(Iota(g, shapes.Make(i32, shape.B), 0), int32(shape.T)), last)
		x_BD := Gather(Reshape(x_BTD, shape.B*shape.T, c.HiddenSize), Reshape(row, shape.B, 1))
		return append([]*Node{kernels.Linear(x_BD, p.head())}, pools...)
	})
}

// CompileCopy builds the program that copies n pages in every layer's pools:
// src [n], dst [n] int32, then the donated pools, which it returns.
func CompileCopy(w *Weights, pages kernels.Pages, n int) (*kernels.Program, error) {
	inputs := []kernels.Input{
		{Name: "src", Shape: shapes.Make(dtypes.Int32, n)},
		{Name: "dst", Shape: shapes.Make(dtypes.Int32, n)},
	}
	inputs = append(inputs, poolInputs(w.Config.NumLayers, pages)...)
	return kernels.Compile(w.Device, "copy pages", inputs, func(in []*Node) []*Node {
		pools := make([]*Node, len(in)-2)
		for i, pool := range in[2:] {
			pools[i] = pages.CopyPages(pool, in[0], in[1])
		}
		return pools
	})
}

func poolInputs(layers int, pages kernels.Pages) []kernels.Input {
	inputs := make([]kernels.Input, 2*layers)
	for i := range inputs {
		inputs[i] = kernels.Input{Name: poolName(i), Shape: pages.Shape(), Donated: true}
	}
	return inputs
}

// params names the graph's parameters that follow the order of the weights.
func (w *Weights) params(in []*Node) params {
	p := make(params, len(w.Specs))
	for i, spec := range w.Specs {
		p[spec.Name] = in[i]
	}
	factors := in[len(w.Specs):]
	for i := 0; i < len(factors); i += 2 {
		name := w.Specs[w.Adapted[i/2]].Name
		p[name+factorA], p[name+factorB] = factors[i], MulScalar(factors[i+1], w.AdapterScale)
	}
	return p
}

// Endings of the names of a weight's factors among the params.
const factorA, factorB = ".A", ".B"
