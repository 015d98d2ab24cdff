// Package graphmodel makes GoMLX graph code of a model's description: the paged step that
// generates and the dense pass that scores and trains. They differ in the attention function
// that they hand to the layers.
//
// Shape legend: B sequences, T tokens a sequence, N = B·T or a choice of rows
// from it, D model width, I MLP width, H query heads, K key-value heads, E head
// width, V vocabulary.
package graphmodel

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/kernels/op"
	"github.com/stele-lm/stele/kernels/triton"
)

// attention mixes positions: q [B, T, H, E], k and v [B, T, K, E] to as many numbers as q has.
type attention func(layer int, q, k, v *Node) *Node

// rowAttention mixes positions for one token, whose heads come from a kernel: see op.NormedRow.
type rowAttention struct {
	dtype dtypes.DType // of heads
	mix   func(layer int, heads *Node) *Node
}

// Recompute is what a gradient computes again of a forward pass instead of having it kept.
type Recompute int

const (
	// RecomputeNothing is for passes without a gradient.
	RecomputeNothing Recompute = iota
	// RecomputeBetween computes again what lies between products and attention: norms, rotation, activations. It costs
	// no time, as the gradient has to read what they are made from in any case.
	RecomputeBetween
	// RecomputeLayers computes each layer's inside again but for attention.
	RecomputeLayers
)

// hidden runs the layers over tokens [B, T] at position [B, T] (int32) and
// returns the states [B, T, D] that the head reads when they are normalised.
func hidden(m *architecture.Model, p params, token, position *Node, attend attention, again Recompute) *Node {
	B, T := token.Shape().Dimensions[0], token.Shape().Dimensions[1]
	heads := func(x *Node, n int) *Node { return Reshape(x, B, T, n, m.HeadDim) }
	x_ND := op.Rows(p.get(m.Embedding.Name), Reshape(token, B*T))
	x_BTD := times(op.Convert(Reshape(x_ND, B, T, m.HiddenSize), dtypes.Float32), m.EmbeddingFactor)
	cos, sin := rotation(m, position)
	p.keeps = again == RecomputeBetween
	for l, layer := range m.Layers {
		if again != RecomputeNothing {
			x_BTD = x_BTD.Checkpoint()
		}
		a, mlp := layer.Attention, layer.MLP
		var mixed *Node
		scale := 1.0 // of queries, which attention divides by √E
		if root := math.Sqrt(float64(m.HeadDim)); a.Scale != 1/root {
			scale = a.Scale * root
		}
		plain := a.QueryNorm == nil && a.KeyNorm == nil && !a.Unrotated && scale == 1
		if row, ok := p.normedRow(x_BTD, a.Before, a.Query, a.Key, a.Value); ok && p.attend.mix != nil && plain {
			h := triton.Heads{H: m.NumHeads, K: m.NumKVHeads, E: m.HeadDim}
			mixed = p.attend.mix(l, row.Rotated(h, cos, sin, p.attend.dtype))
		} else {
			qkv := p.project(x_BTD, a.Before, a.Query, a.Key, a.Value)
			turned := func(x *Node, n int, norm *architecture.Norm) *Node {
				if norm != nil && norm.Size != m.HeadDim { // of all heads together
					x, norm = p.normalise(x, norm), nil
				}
				x = p.normalise(heads(x, n), norm)
				if a.Unrotated {
					return x
				}
				return rotate(x, cos, sin)
			}
			q, k := turned(qkv[0], m.NumHeads, a.QueryNorm), turned(qkv[1], m.NumKVHeads, a.KeyNorm)
			mixed = attend(l, times(q, scale), k, heads(qkv[2], m.NumKVHeads))
		}
		x_BTD = p.keep(p.add(x_BTD, Reshape(mixed, B, T, m.NumHeads*m.HeadDim), a.Output, a.After, a.Factor))

		var inner *Node
		if row, ok := p.normedRow(x_BTD, mlp.Before, mlp.Gate, mlp.Up); ok {
			inner = row.Gated()
		} else {
			gateUp := p.project(x_BTD, mlp.Before, mlp.Gate, mlp.Up)
			inner = Mul(silu(gateUp[0]), gateUp[1])
		}
		x_BTD = p.add(x_BTD, inner, mlp.Down, mlp.After, mlp.Factor)
	}
	if again != RecomputeNothing {
		x_BTD = x_BTD.StopCheckpoint()
	}
	return x_BTD
}

// times is x·factor.
func times(x *Node, factor float64) *Node {
	if factor == 1 {
		return x
	}
	return MulScalar(x, factor)
}

// silu is x·σ(x). σ is written with Exp: GoMLX's Logistic is scalar code on the
// Go backend and up to a hundred times slower there. Below -40 σ is zero to
// float32, and the bound keeps the gradient from becoming infinity over infinity.
func silu(x *Node) *Node {
	return Div(x, AddScalar(Exp(Neg(MaxScalar(x, -40.0))), 1))
}

// rotation returns the cosines and sines [B, T, 1, E/2] of the rotary embedding.
func rotation(m *architecture.Model, position *Node) (cos, sin *Node) {
	frequencies := m.InverseFrequencies()
	f32 := make([]float32, len(frequencies))
	for i, f := range frequencies {
		f32[i] = float32(f)
	}
	d := position.Shape().Dimensions
	angle := Mul(Reshape(op.Convert(position, dtypes.Float32), d[0], d[1], 1, 1),
		Reshape(Const(position.Graph(), f32), 1, 1, 1, len(f32)))
	factor := m.RotationFactor()
	both := OptimizationBarriers(times(Cos(angle), factor), times(Sin(angle), factor))
	return both[0], both[1]
}

// rotate turns the halves (a, b) of each head of x [B, T, H, E] into
// (a·cos - b·sin, b·cos + a·sin), the pairing of Hugging Face's checkpoints.
func rotate(x, cos, sin *Node) *Node {
	half := x.Shape().Dimensions[3] / 2
	all := AxisRange()
	a := Slice(x, all, all, all, AxisRange(0, half))
	b := Slice(x, all, all, all, AxisRange(half))
	return Concatenate([]*Node{Sub(Mul(a, cos), Mul(b, sin)), Add(Mul(b, cos), Mul(a, sin))}, -1)
}
