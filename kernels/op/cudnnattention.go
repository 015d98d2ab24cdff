package op

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/cudnn"
)

// LongestBiased is the longest row that may hold several sequences where attention is cuDNN's: what hides them from
// each other is a square, of bfloat16, that all layers share.
const LongestBiased = 8192

// CUDNNTakes reports whether cuDNN computes a pass where a device has it: products in bfloat16, heads that it takes,
// and no long rows of several sequences.
func CUDNNTakes(s Sequences, H, K, E int, dtype dtypes.DType) bool {
	several := s.Group == 0 || s.Several
	return dtype == dtypes.BFloat16 && cudnn.Fits(H, K, E) && !(several && s.T > LongestBiased)
}

// cudnnAttention is Attention by cuDNN's.
//
// Where rows go on from a prompt, one call has their own keys and one the prompt's, for all rows of the prompt
// at once. With results o1 and o2 and logarithms of sums L1 and L2 the attention over all keys has L = log(exp
// L1 + exp L2) and o = exp(L1-L)·o1 + exp(L2-L)·o2. Its gradient needs none of L1 and L2: a query's probability
// of key j is p = exp(s_j - L), whichever call the key is of, and the gradient of score s_j is p·(do·v_j -
// do·o), of which a gradient of cuDNN's computes exp(s_j - sum), do·v_j and do·result from the sum and the
// result that it is given. So each call's gradient is given L and o, and what it returns is due to its own
// keys; that of the queries is the sum of both.
func cudnnAttention(s Sequences, q, keys, values, position *Node, keeps bool) *Node {
	M, H, K, E := q.Shape().Dim(0), q.Shape().Dim(1), keys.Shape().Dim(1), q.Shape().Dim(2)
	parts := fusedRows(s, H, K, E, position)
	// As in Attention, one node's custom gradient makes all three gradients.
	var mixed, logSums []*Node
	var adjoint *Node
	all := IdentityWithCustomGradient(Concatenate([]*Node{q, keys, values}, 1), func(all, _ *Node) *Node {
		sum := newFusedSum(M)
		for i, r := range parts {
			r.backward(all, Convert(r.cut(adjoint, 0, H), dtypes.BFloat16), mixed[i], logSums[i], sum)
		}
		return sum.gradient(parts)
	})
	var results []*Node
	for _, r := range parts {
		out, logSum := r.forward(StopGradient(all))
		results, logSums = append(results, out), append(logSums, logSum)
	}
	kept := OptimizationBarriers(append(results, logSums...)...)
	mixed, logSums = kept[:len(parts)], kept[len(parts):]
	var whole []*Node
	for i, x := range mixed {
		if keeps {
			mixed[i] = x.Checkpoint()
		}
		whole = append(whole, Convert(Reshape(mixed[i], parts[i].tokens(), H, E), dtypes.Float32))
	}
	return IdentityWithCustomGradient(onPath(StopGradient(Concatenate(whole, 0)), all), func(_, v *Node) *Node {
		adjoint = v
		return v
	})
}

// fused are B rows of T tokens among a pass's, from token first on, and the calls of cuDNN's that compute their
// attention.
type fused struct {
	first, B, T, H, K, E int
	calls                []fusedCall
}

// fusedCall is a call over the rows' own keys or over those of their prompts. Its rows of queries may be several
// of theirs.
type fusedCall struct {
	cudnn.Call
	keys  *fused
	masks backend.CUDNNMasks
}

func (r *fused) tokens() int { return r.B * r.T }

// fusedRows returns the rows of a pass, as rowsOf does.
func fusedRows(s Sequences, H, K, E int, position *Node) []*fused {
	g := position.Graph()
	newRows := func(first, B, T int, start *Node) *fused {
		r := &fused{first: first, B: B, T: T, H: H, K: K, E: E}
		own := fusedCall{Call: cudnn.Call{B: B, T: T, S: T, H: H, K: K, E: E, Causal: true}, keys: r}
		if start != nil {
			own.Biased, own.masks.Bias = true, apart(start, B, T)
		}
		r.calls = []fusedCall{own}
		return r
	}
	if s.Group == 0 {
		index := Reshape(Iota(g, shapes.Make(dtypes.Int32, s.B, s.T), 1), s.B*s.T)
		return []*fused{newRows(0, s.B, s.T, Sub(index, position))}
	}
	P := s.Prompts()
	prompts := newRows(0, P, s.Prompt, nil)
	of := Reshape(Slice(position, AxisRange(P*s.Prompt)), P, s.Group*s.T)
	length := Slice(of, AxisRange(), AxisElem(0)) // [P, 1]
	var start *Node
	if s.Several {
		index := Reshape(Iota(g, shapes.Make(dtypes.Int32, s.B, s.T), 1), P, s.Group*s.T)
		start = Reshape(Add(Sub(index, of), length), s.B*s.T)
	}
	rows := newRows(P*s.Prompt, s.B, s.T, start)
	// A prompt of padding has a key too: nothing is asked of what its queries see.
	length = Max(Reshape(length, P), Scalar(g, dtypes.Int32, 1))
	queries := BroadcastToDims(Scalar(g, dtypes.Int32, s.Group*s.T), P)
	rows.calls = append(rows.calls, fusedCall{
		Call: cudnn.Call{B: P, T: s.Group * s.T, S: s.Prompt, H: H, K: K, E: E, Counted: true}, keys: prompts,
		masks: backend.CUDNNMasks{Queries: queries, Keys: length},
	})
	return []*fused{prompts, rows}
}

// apart is what is added to the scores of rows that hold several sequences [B, 1, T, T], bfloat16: nothing, or
// cudnn.Hidden where a key is before the query's sequence. start [B·T] is the first token of each token's sequence,
// counted in its row.
func apart(start *Node, B, T int) *Node {
	g := start.Graph()
	key := Iota(g, shapes.Make(dtypes.Int32, B, 1, T, T), 3)
	before := LessThan(key, Reshape(start, B, 1, T, 1))
	return Where(before, Scalar(g, dtypes.BFloat16, float64(cudnn.Hidden)), ScalarZero(g, dtypes.BFloat16))
}

// cut returns heads from lo to hi of the rows of x [M, heads, E], [B, T, hi-lo, E].
func (r *fused) cut(x *Node, lo, hi int) *Node {
	x = Slice(x, AxisRange(r.first, r.first+r.tokens()), AxisRange(lo, hi))
	return Reshape(x, r.B, r.T, hi-lo, r.E)
}

// states are the queries of the rows, and the keys and values of a call, of all [M, H+2K, E].
func (r *fused) states(all *Node, c fusedCall) (q, keys, values *Node) {
	H, K := r.H, r.K
	q = Reshape(Convert(r.cut(all, 0, H), dtypes.BFloat16), c.B, c.T, H, r.E)
	keys = Convert(c.keys.cut(all, H, H+K), dtypes.BFloat16)
	return q, keys, Convert(c.keys.cut(all, H+K, H+2*K), dtypes.BFloat16)
}

// forward computes the attention of the rows: the result [B, T, H, E], bfloat16, and the logarithms of the sums
// of each query's exponentials: of one call as it returns them, of two [B·T, H].
func (r *fused) forward(all *Node) (mixed, logSums *Node) {
	var outs, sums []*Node
	for _, c := range r.calls {
		q, keys, values := r.states(all, c)
		out, sum := backend.CUDNNAttention(c.Call, q, keys, values, c.masks)
		if len(r.calls) == 1 {
			return out, sum
		}
		outs, sums = append(outs, Reshape(out, r.tokens(), r.H, r.E)), append(sums, c.byToken(sum))
	}
	most := Max(sums[0], sums[1])
	logSums = Add(most, Log(Add(Exp(Sub(sums[0], most)), Exp(Sub(sums[1], most)))))
	for i, out := range outs {
		share := Reshape(Exp(Sub(sums[i], logSums)), r.tokens(), r.H, 1)
		outs[i] = Mul(Convert(out, dtypes.Float32), share)
	}
	return Reshape(Convert(Add(outs[0], outs[1]), dtypes.BFloat16), r.B, r.T, r.H, r.E), logSums
}

// backward adds to sums the gradients of the rows' queries, and of the keys and values that they see. mixed and
// logSums are what forward returned, adjoint the gradient of mixed.
func (r *fused) backward(all, adjoint, mixed, logSums *Node, sum *fusedSum) {
	for _, c := range r.calls {
		q, keys, values := r.states(all, c)
		results := logSums
		if len(r.calls) > 1 {
			results = c.byCall(logSums)
		}
		like := func(x *Node) *Node { return Reshape(x, c.B, c.T, r.H, r.E) }
		ofQ, ofKeys, ofValues := backend.CUDNNGradient(c.Call, q, keys, values, results, like(adjoint), like(mixed),
			c.masks)
		sum.add(r, 0, ofQ)
		sum.add(c.keys, 1, c.seen(ofKeys))
		sum.add(c.keys, 2, c.seen(ofValues))
	}
}

// seen returns gradients of keys or values [B, S, K, E] with zeros where no query sees them.
func (c fusedCall) seen(of *Node) *Node {
	of = Convert(of, dtypes.Float32)
	if !c.Counted {
		return of
	}
	index := Iota(of.Graph(), shapes.Make(dtypes.Int32, c.B, c.S, 1, 1), 1)
	seen := BroadcastToDims(LessThan(index, Reshape(c.masks.Keys, c.B, 1, 1, 1)), c.B, c.S, c.K, c.E)
	return Where(seen, of, ZerosLike(of))
}

// byToken returns the logarithms of a call's sums by token, [B·T, H].
func (c fusedCall) byToken(sums *Node) *Node {
	return Reshape(TransposeAllAxes(sums, 0, 2, 1), c.B*c.T, c.H)
}

// byCall is byToken backwards.
func (c fusedCall) byCall(sums *Node) *Node {
	return TransposeAllAxes(Reshape(sums, c.B, c.T, c.H), 0, 2, 1)
}

// fusedSum adds up gradients of queries, keys and values of the rows of a pass.
type fusedSum struct {
	M  int
	of map[*fused]*[3]*Node
}

func newFusedSum(M int) *fusedSum { return &fusedSum{M, map[*fused]*[3]*Node{}} }

func (s *fusedSum) add(r *fused, i int, x *Node) {
	x = Reshape(Convert(x, dtypes.Float32), r.tokens(), x.Shape().Size()/(r.tokens()*r.E), r.E)
	if s.of[r] == nil {
		s.of[r] = new([3]*Node)
	}
	if known := s.of[r][i]; known != nil {
		x = Add(known, x)
	}
	s.of[r][i] = x
}

// gradient returns that of all [M, H+2K, E].
func (s *fusedSum) gradient(parts []*fused) *Node {
	var all []*Node
	for _, r := range parts {
		all = append(all, Concatenate(s.of[r][:], 1))
	}
	return Concatenate(all, 0)
}
