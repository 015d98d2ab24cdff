package kernels

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// vocabularyBlock is how many tokens of the vocabulary are looked at together:
// N × vocabularyBlock logits is the most that is ever held.
const vocabularyBlock = 16384

// TokenLogProbs returns, for hidden states h [N, D], the log-probability of
// target [N] (int32) under softmax(h·headᵀ / temperature) over the whole
// vocabulary, and that distribution's entropy in nats, both [N] float32. head is
// [V, D]; temperature a float32 scalar.
//
// Logits are computed in blocks of the vocabulary and again in the gradient, so
// that N × V numbers never exist at once. The gradient flows to h and head.
func TokenLogProbs(h, head, target, temperature *Node) (logprob, entropy *Node) {
	g := h.Graph()
	N, V := h.Shape().Dimensions[0], head.Shape().Dimensions[0]
	dtype := head.DType()

	// The gradient is written by hand: both outputs pass through one node whose
	// custom gradient computes those of h and head, which the identities below
	// then hand on. Nodes made earlier are asked later.
	var gradH, gradHead *Node
	headIn := IdentityWithCustomGradient(head, func(_, _ *Node) *Node { return gradHead })
	hIn := IdentityWithCustomGradient(h, func(_, _ *Node) *Node { return gradH })
	w, x := StopGradient(headIn), StopGradient(hIn)
	inverse := Inverse(temperature)

	logits := func(x *Node, lo, hi int) *Node { // [N, hi-lo]
		z := product(Convert(x, dtype), Slice(w, AxisRange(lo, hi), AxisRange()), 1, 1)
		return Mul(z, inverse)
	}
	hits := func(lo, hi int) *Node { // [N, hi-lo]: 1 at the target
		id := Iota(g, shapes.Make(dtypes.Int32, N, hi-lo), 1)
		return Convert(Equal(Sub(Reshape(target, N, 1), Scalar(g, dtypes.Int32, lo)), id), dtypes.Float32)
	}
	var maximum, sum, weighted, chosen *Node // [N, 1]; sum of e^(z-max), of z·e^(z-max), logit of the target
	for lo := 0; lo < V; lo += vocabularyBlock {
		hi := min(lo+vocabularyBlock, V)
		z := logits(x, lo, hi)
		hit := ReduceAndKeep(Mul(z, hits(lo, hi)), ReduceSum, -1)
		m := ReduceAndKeep(z, ReduceMax, -1)
		if maximum != nil {
			m = Max(m, maximum)
		}
		e := Exp(Sub(z, m))
		s, sz := ReduceAndKeep(e, ReduceSum, -1), ReduceAndKeep(Mul(z, e), ReduceSum, -1)
		if maximum != nil {
			shrink := Exp(Sub(maximum, m))
			s, sz = Add(s, Mul(sum, shrink)), Add(sz, Mul(weighted, shrink))
			hit = Add(hit, chosen)
		}
		maximum, sum, weighted, chosen = m, s, sz, hit
	}
	logZ := Add(maximum, Log(sum))                       // [N, 1]
	H := Sub(logZ, Div(weighted, sum))                   // [N, 1]
	out := Concatenate([]*Node{Sub(chosen, logZ), H}, 1) // [N, 2]

	// A path of weight zero keeps hIn and headIn on the way of the gradient.
	path := Add(ReduceAllSum(Slice(hIn, AxisElem(0), AxisElem(0))),
		Convert(ReduceAllSum(Slice(headIn, AxisElem(0), AxisElem(0))), dtypes.Float32))
	out = Add(StopGradient(out), MulScalar(path, 0))
	out = IdentityWithCustomGradient(out, func(_, v *Node) *Node {
		// With p = softmax(z): d logprob/dz = hit - p, d entropy/dz = -p·(log p + H).
		dl := Slice(v, AxisRange(), AxisRange(0, 1))
		dh := Slice(v, AxisRange(), AxisRange(1, 2))
		again := OptimizationBarrier(x) // or XLA merges these blocks with the forward ones and keeps them
		var blocks []*Node
		gradH = nil
		for lo := 0; lo < V; lo += vocabularyBlock {
			hi := min(lo+vocabularyBlock, V)
			logp := Sub(logits(again, lo, hi), logZ)
			p := Exp(logp)
			dz := Sub(Mul(Sub(hits(lo, hi), p), dl), Mul(Mul(p, Add(logp, H)), dh))
			dz = Convert(Mul(dz, inverse), dtype)
			part := product(dz, Slice(w, AxisRange(lo, hi), AxisRange()), 1, 0)
			if gradH == nil {
				gradH = part
			} else {
				gradH = Add(gradH, part)
			}
			blocks = append(blocks, Convert(product(dz, Convert(again, dtype), 0, 0), dtype))
		}
		gradH = Convert(gradH, h.DType())
		gradHead = Concatenate(blocks, 0)
		return v
	})
	return Reshape(Slice(out, AxisRange(), AxisElem(0)), N), Reshape(Slice(out, AxisRange(), AxisElem(1)), N)
}
