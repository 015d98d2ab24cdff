package model

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/kernels/op"
)

// params are the graph's parameters by Hugging Face's names, and which of them the graph
// code has read.
type params struct {
	nodes map[string]*Node
	read  reading
}

// find returns a parameter, or nil if the model has none of that name.
func (p params) find(format string, args ...any) *Node {
	name := fmt.Sprintf(format, args...)
	node := p.nodes[name]
	if node != nil {
		p.read[name] = true
	}
	return node
}

// get returns a parameter that the architecture requires. Its absence is a
// mistake in this package; backend.Compile makes an error of the panic.
func (p params) get(format string, args ...any) *Node {
	if node := p.find(format, args...); node != nil {
		return node
	}
	panic("no parameter " + fmt.Sprintf(format, args...))
}

// head returns the output projection: lm_head, or the embedding when tied.
func (p params) head() *Node {
	if node := p.find("lm_head.weight"); node != nil {
		return node
	}
	return p.get("model.embed_tokens.weight")
}

// finish is called when the graph is built: a parameter that it has not read would be
// left out of the model. backend.Compile makes an error of the panic.
func (p params) finish() {
	if err := p.read.all("the graph", slices.Sorted(maps.Keys(p.nodes))); err != nil {
		panic(err)
	}
}

// attention mixes positions: q [B, T, H, E], k and v [B, T, K, E] to [B, T, H, E].
type attention func(layer int, q, k, v *Node) *Node

// hidden runs the transformer over tokens [B, T] at position [B, T] (int32) and
// returns the normalised states [B, T, D] that the head reads. With remat, each
// layer's inside is computed again in the backward pass instead of being kept.
func hidden(c *checkpoint.Config, p params, token, position *Node, attend attention, remat bool) *Node {
	B, T := token.Shape().Dimensions[0], token.Shape().Dimensions[1]
	embed := p.get("model.embed_tokens.weight")
	x_BTD := op.Convert(Gather(embed, Reshape(token, B, T, 1)), dtypes.Float32)
	cos, sin := rotation(c, position)
	for l := range c.NumLayers {
		if remat {
			x_BTD = x_BTD.Checkpoint()
		}
		w := func(name string) *Node { return p.get("model.layers.%d.%s.weight", l, name) }
		project := func(x *Node, name string) *Node {
			var y *Node
			weight := fmt.Sprintf("model.layers.%d.%s.weight", l, name)
			if A := p.find("%s", weight+factorA); A != nil {
				y = op.LowRank(x, w(name), A, p.get("%s", weight+factorB))
			} else {
				y = op.Linear(x, w(name))
			}
			if bias := p.find("model.layers.%d.%s.bias", l, name); bias != nil {
				y = Add(y, op.Convert(ExpandLeftToRank(bias, y.Rank()), dtypes.Float32))
			}
			return y
		}
		h := rmsNorm(x_BTD, w("input_layernorm"), c.RMSNormEps)
		q := Reshape(project(h, "self_attn.q_proj"), B, T, c.NumHeads, c.HeadDim)
		k := Reshape(project(h, "self_attn.k_proj"), B, T, c.NumKVHeads, c.HeadDim)
		v := Reshape(project(h, "self_attn.v_proj"), B, T, c.NumKVHeads, c.HeadDim)
		o := attend(l, rotate(q, cos, sin), rotate(k, cos, sin), v)
		x_BTD = Add(x_BTD, project(Reshape(o, B, T, c.NumHeads*c.HeadDim), "self_attn.o_proj"))

		h = rmsNorm(x_BTD, w("post_attention_layernorm"), c.RMSNormEps)
		gate, up := project(h, "mlp.gate_proj"), project(h, "mlp.up_proj")
		x_BTD = Add(x_BTD, project(Mul(silu(gate), up), "mlp.down_proj"))
	}
	if remat {
		x_BTD = x_BTD.StopCheckpoint()
	}
	return rmsNorm(x_BTD, p.get("model.norm.weight"), c.RMSNormEps)
}

// rmsNorm is x / √(mean(x²) + ε) · weight.
func rmsNorm(x, weight *Node, epsilon float64) *Node {
	variance := ReduceAndKeep(Mul(x, x), ReduceMean, -1)
	// Rsqrt has no gradient in GoMLX.
	x = Mul(x, Inverse(Sqrt(AddScalar(variance, epsilon))))
	return Mul(x, op.Convert(ExpandLeftToRank(weight, x.Rank()), dtypes.Float32))
}

// silu is x·σ(x). σ is written with Exp: GoMLX's Logistic is scalar code on the
// Go backend and up to a hundred times slower there. Below -40 σ is zero to
// float32, and the bound keeps the gradient from becoming infinity over infinity.
func silu(x *Node) *Node {
	return Div(x, AddScalar(Exp(Neg(MaxScalar(x, -40.0))), 1))
}

// rotation returns the cosines and sines [B, T, 1, E/2] of the rotary embedding.
func rotation(c *checkpoint.Config, position *Node) (cos, sin *Node) {
	frequencies := c.InverseFrequencies()
	f32 := make([]float32, len(frequencies))
	for i, f := range frequencies {
		f32[i] = float32(f)
	}
	d := position.Shape().Dimensions
	angle := Mul(Reshape(op.Convert(position, dtypes.Float32), d[0], d[1], 1, 1),
		Reshape(Const(position.Graph(), f32), 1, 1, 1, len(f32)))
	return Cos(angle), Sin(angle)
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
