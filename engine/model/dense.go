package model

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"stele/kernels"
)

// DenseShape is what a scoring or training program is compiled for.
type DenseShape struct {
	B int // sequences, padded on the right
	T int // tokens a sequence
	N int // tokens whose log-probability is wanted, over all sequences
}

// DenseInputs is how many inputs a dense program has before the weights: token
// [B, T], row [N], target [N], all int32, and temperature, a float32 scalar.
// Entry i asks for the log-probability of target[i] after the token at row[i] of
// the flattened [B·T].
const DenseInputs = 4

// DenseInputs declares those inputs.
func (s DenseShape) Inputs() []kernels.Input {
	i32 := dtypes.Int32
	return []kernels.Input{
		{Name: "token", Shape: shapes.Make(i32, s.B, s.T)},
		{Name: "row", Shape: shapes.Make(i32, s.N)},
		{Name: "target", Shape: shapes.Make(i32, s.N)},
		{Name: "temperature", Shape: shapes.Make(dtypes.Float32)},
	}
}

// TokenLogProbs is the dense forward pass as graph code: in holds DenseInputs,
// weights the parameters in the order of w.Buffers. It returns log-probabilities
// and entropies [N], float32. See kernels.TokenLogProbs for the definition, which
// is the only one in Stele.
func (w *Weights) TokenLogProbs(in, weights []*Node, remat bool) (logprob, entropy *Node) {
	token, row, target, temperature := in[0], in[1], in[2], in[3]
	c, p, g := w.Config, w.params(weights), token.Graph()
	B, T := token.Shape().Dimensions[0], token.Shape().Dimensions[1]
	position := Iota(g, shapes.Make(dtypes.Int32, B, T), 1)
	x_BTD := hidden(c, p, token, position, func(_ int, q, k, v *Node) *Node {
		return kernels.CausalAttention(q, k, v, w.HeldAs())
	}, remat)
	N := row.Shape().Dimensions[0]
	x_ND := Gather(Reshape(x_BTD, B*T, c.HiddenSize), Reshape(row, N, 1))
	return kernels.TokenLogProbs(x_ND, p.head(), target, temperature)
}

// CompileScore builds the program that returns log-probabilities and entropies
// [N]. Inputs: DenseInputs, then the weights.
func CompileScore(w *Weights, shape DenseShape) (*kernels.Program, error) {
	inputs := append(shape.Inputs(), w.Inputs(false)...)
	return kernels.Compile(w.Device, "score", inputs, func(in []*Node) []*Node {
		logprob, entropy := w.TokenLogProbs(in[:DenseInputs], in[DenseInputs:], false)
		return []*Node{logprob, entropy}
	})
}

func poolName(i int) string {
	if i%2 == 0 {
		return fmt.Sprintf("keys of layer %d", i/2)
	}
	return fmt.Sprintf("values of layer %d", i/2)
}
