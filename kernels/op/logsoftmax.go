package op

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// VocabularyBlock is the number of tokens of the vocabulary whose logits exist at a time.
const VocabularyBlock = 16384

// TokenLogProbs returns, for hidden states h [N, D], the log-probability of
// target [N] (int32) under softmax(h·headᵀ / temperature) over the whole
// vocabulary, and that distribution's entropy in nats, both [N] float32. head is
// [V, D]; temperature a float32 scalar.
//
// Logits are computed in blocks of the vocabulary and again in the gradient, each
// block after the one before it, so that some N × VocabularyBlock numbers exist at
// once, never N × V. The gradient flows to h and head.
//
// Everything is said relative to the largest logit of a row, never in logits as they
// are: of float32 logits about 30 the last bit is 2e-6, and a difference of such numbers
// has no digits left where a token is all but certain.
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

	// XLA drops optimisation barriers before it orders a program, and on a CPU would
	// then compute all blocks before it uses any. So each block's states are made
	// from results of the block before: x + 0·done, a NaN staying in its row.
	after := func(done *Node) *Node { return Add(x, MulScalar(done, 0)) }
	rows := func(lo, hi int) *Node { return Slice(w, AxisRange(lo, hi), AxisRange()) }
	logits := func(x, w *Node) *Node { // [N, rows of w]
		return Mul(Product(Convert(x, dtype), w, 1, 1), inverse)
	}
	hits := func(lo, hi int) *Node { // [N, hi-lo]: 1 at the target
		id := Iota(g, shapes.Make(dtypes.Int32, N, hi-lo), 1)
		return Convert(Equal(Sub(Reshape(target, N, 1), Scalar(g, dtypes.Int32, lo)), id), dtypes.Float32)
	}
	// All [N, 1]: the largest logit, the sums of e^(z-max) and of (z-max)·e^(z-max), and the
	// target's logit.
	var maximum, sum, weighted, chosen *Node
	states := x
	for lo := 0; lo < V; lo += VocabularyBlock {
		hi := min(lo+VocabularyBlock, V)
		z := logits(states, rows(lo, hi))
		hit := ReduceAndKeep(Mul(z, hits(lo, hi)), ReduceSum, -1)
		m := ReduceAndKeep(z, ReduceMax, -1)
		if maximum != nil {
			m = Max(m, maximum)
		}
		below := Sub(z, m)
		e := Exp(below)
		s, sz := Sum(e), Sum(Mul(below, e))
		if maximum != nil {
			rise := Sub(maximum, m)
			shrink := Exp(rise)
			s, sz = Add(s, Mul(sum, shrink)), Add(sz, Mul(Add(weighted, Mul(rise, sum)), shrink))
			hit = Add(hit, chosen)
		}
		maximum, sum, weighted, chosen = m, s, sz, hit
		states = after(Add(Add(s, sz), hit))
	}
	logSum := Log(sum)                   // [N, 1]
	H := Sub(logSum, Div(weighted, sum)) // [N, 1]
	logp := Sub(Sub(chosen, maximum), logSum)
	out := Concatenate([]*Node{logp, H}, 1) // [N, 2]

	out = onPath(StopGradient(out), hIn, headIn)
	out = IdentityWithCustomGradient(out, func(_, v *Node) *Node {
		// With p = softmax(z): d logprob/dz = hit - p, d entropy/dz = -p·(log p + H).
		dl := Slice(v, AxisRange(), AxisRange(0, 1))
		dh := Slice(v, AxisRange(), AxisRange(1, 2))
		var blocks []*Node
		gradH = nil
		states := after(dl) // other nodes than the forward blocks', which XLA would keep
		for lo := 0; lo < V; lo += VocabularyBlock {
			hi := min(lo+VocabularyBlock, V)
			block := rows(lo, hi)
			logp := Sub(Sub(logits(states, block), maximum), logSum)
			p := Exp(logp)
			dz := Sub(Mul(Sub(hits(lo, hi), p), dl), Mul(Mul(p, Add(logp, H)), dh))
			dz = Convert(Mul(dz, inverse), dtype)
			dx := Product(dz, block, 1, 0)
			blocks = append(blocks, Convert(Product(dz, Convert(states, dtype), 0, 0), dtype))
			states = after(Slice(dx, AxisRange(), AxisElem(0)))
			if gradH != nil {
				dx = Add(gradH, dx)
			}
			gradH = dx
		}
		gradH = Convert(gradH, h.DType())
		gradHead = Concatenate(blocks, 0)
		return v
	})
	return Reshape(Slice(out, AxisRange(), AxisElem(0)), N), Reshape(Slice(out, AxisRange(), AxisElem(1)), N)
}

// onPath returns y, and makes the nodes, which have custom gradients, a part of what
// it is computed from: GoMLX asks no others for their gradients. XLA finds that they
// are never chosen.
func onPath(y *Node, nodes ...*Node) *Node {
	never := Const(y.Graph(), false)
	for _, n := range nodes {
		first := ReduceAllSum(Slice(n, AxisElem(0), AxisElem(0)))
		y = Where(never, BroadcastToDims(Convert(first, y.DType()), y.Shape().Dimensions...), y)
	}
	return y
}
