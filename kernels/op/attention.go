package op

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/host"
)

// Shape legend: M tokens of a pass, H query heads, K key-value heads, J = H/K, E head width; P
// prompts, or rows that hold whole sequences; G rows that go on where each prompt ends, T tokens
// a row. In blocks, tokens are [n, P, K, G, J, t, E]: n blocks of t tokens a row, J 1 for keys.

// AttentionBlock is the most queries of a row, and the most keys, whose scores exist at one time. A
// row of at most so many tokens is one block.
const AttentionBlock = 256

// attentionBlock is AttentionBlock but in tests of many blocks.
var attentionBlock = AttentionBlock

// hidden is the score of a key that a query does not see: the exponential of what is left of it
// after a maximum or a logarithm of a sum is 0.
const hidden = -1e30

// inverseSqrt returns 1/√n.
func inverseSqrt(n int) float64 { return 1 / math.Sqrt(float64(n)) }

// Sequences says where in a pass's tokens its sequences lie.
type Sequences = host.Sequences

// Attention computes causal attention of q [M, H, E] over keys and values [M, K, E] of the same
// tokens. position [M] (int32) counts the tokens before each in its sequence, and a token sees
// those and itself. In a row that goes on where a prompt ends, the first position is the prompt's
// length, and so is that of each further sequence. The result is [M, H, E], float32.
//
// Scores exist a block at a time, here and in the gradient, which makes them again from queries,
// keys and the logarithm of each query's sum (Dao, "FlashAttention-2", 2023): memory grows with
// the number of tokens, not with its square. Products are taken in dtype, scores, softmax and
// sums in float32. With keeps the gradient has Attention's result kept, and queries, keys and values are
// computed again.
//
// A host kernel computes both where the device has one (see backend.HostAttention), and cuDNN on NVIDIA GPUs where it
// takes the pass (see CUDNNTakes).
func Attention(s Sequences, q, keys, values, position *Node, dtype dtypes.DType, keeps bool) *Node {
	H, K, E := q.Shape().Dim(1), keys.Shape().Dim(1), q.Shape().Dim(2)
	if backend.UsesHostAttention(q.Graph()) && backend.FitsHostAttention(H, K, E) {
		return hostAttention(s, q, keys, values, position, dtype, keeps)
	}
	if CUDNNTakes(s, H, K, E, dtype) && backend.CallsCUDNN(q.Graph()) {
		return cudnnAttention(s, q, keys, values, position, keeps)
	}
	a := attention{dtype: dtype, H: H, K: K, E: E}
	parts := rowsOf(s, position)
	// The gradient is written by hand. All three pass through one node, whose custom gradient is
	// asked for when that of the result, which is made later, is known, and which is given the
	// node's input as it is computed again.
	var mixed, adjoint *Node
	states := make([]*Node, len(parts))
	all := IdentityWithCustomGradient(Concatenate([]*Node{q, keys, values}, 1), func(all, _ *Node) *Node {
		gradients := make([]*Node, len(parts))
		var ofPrompt [2]*Node // gradients of a prompt's keys and values by the rows that go on from it
		for i := len(parts) - 1; i >= 0; i-- {
			gradients[i], ofPrompt = a.backward(parts[i], all, mixed, adjoint, states[i], ofPrompt)
		}
		return Concatenate(gradients, 0)
	})
	outputs := make([]*Node, len(parts))
	for i, r := range parts {
		outputs[i], states[i] = a.forward(r, StopGradient(all))
	}
	// What the gradient needs is kept as it is: XLA would keep what it was made from as well, to make it
	// again where it is used.
	kept := OptimizationBarriers(append([]*Node{Concatenate(outputs, 0)}, states...)...)
	mixed, states = kept[0], kept[1:]
	if keeps {
		mixed = mixed.Checkpoint()
	}
	return IdentityWithCustomGradient(onPath(StopGradient(mixed), all), func(_, v *Node) *Node {
		adjoint = v
		return v
	})
}

// rows are rows of one kind among a pass's tokens: P·G of T tokens from token first on, G of
// which in turn go on where one of P prompts ends.
type rows struct {
	first, P, G, T int
	n, t           int   // blocks of a row and tokens of a block
	start          *Node // [n, P, 1, G, 1, t, 1]: of each query, the first key of its row that it sees; nil: all
	prompt         *rows // whose prompts these rows go on from, or nil
	length         *Node // [1, P, 1, 1, 1, 1, 1]: of these prompts
}

// rowsOf returns the rows of a pass: those that hold whole sequences, or the prompts' and then
// those that continue them.
func rowsOf(s Sequences, position *Node) []*rows {
	g := position.Graph()
	newRows := func(first, P, G, T int) *rows {
		r := &rows{first: first, P: P, G: G, T: T}
		r.n, r.t = AttentionBlocks(T)
		// There a turn of a loop costs its launches whatever its size. A pair of blocks has as many scores as
		// T queries and half of AttentionBlock keys.
		if backend.IsCUDA(g) {
			r.n, r.t = divide(T, max(attentionBlock, int(math.Sqrt(float64(attentionBlock*T/2)))))
			r.t = (r.t + 15) / 16 * 16 // a side of products
		}
		return r
	}
	if s.Group == 0 {
		r := newRows(0, s.B, 1, s.T)
		index := Iota(g, shapes.Make(dtypes.Int32, s.B, s.T), 1)
		start := Sub(Reshape(index, s.B*s.T), position)
		r.start = r.blocks(Reshape(start, s.B*s.T, 1, 1), 1)
		return []*rows{r}
	}
	P := s.Prompts()
	prompts, more := newRows(0, P, 1, s.Prompt), newRows(P*s.Prompt, P, s.Group, s.T)
	more.prompt = prompts
	of := Reshape(Slice(position, AxisRange(more.first)), P, s.Group*s.T)
	length := Slice(of, AxisRange(), AxisElem(0)) // [P, 1]
	more.length = Reshape(length, 1, P, 1, 1, 1, 1, 1)
	if s.Several {
		index := Reshape(Iota(g, shapes.Make(dtypes.Int32, s.B, s.T), 1), P, s.Group*s.T)
		start := Reshape(Add(Sub(index, of), length), s.B*s.T)
		start = Concatenate([]*Node{Zeros(g, shapes.Make(dtypes.Int32, more.first)), start}, 0)
		more.start = more.blocks(Reshape(start, s.Tokens(), 1, 1), 1)
	}
	return []*rows{prompts, more}
}

// AttentionBlocks returns the number of blocks of a row of T tokens, and the tokens of each, but on CUDA (see
// newRows).
func AttentionBlocks(T int) (n, t int) { return divide(T, attentionBlock) }

// divide divides T tokens evenly into as few blocks as have at most so many.
func divide(T, most int) (n, t int) {
	n = max((T+most-1)/most, 1)
	return n, (T + n - 1) / n
}

// blocks returns those of x [M, K·J, E] that belong to the rows, in blocks [n, P, K, G, J, t, E].
func (r *rows) blocks(x *Node, J int) *Node {
	heads, E := x.Shape().Dim(1), x.Shape().Dim(2)
	x = Slice(x, AxisRange(r.first, r.first+r.P*r.G*r.T))
	x = Reshape(x, r.P, r.G, r.T, heads, E)
	if more := r.n*r.t - r.T; more > 0 {
		padding := Zeros(x.Graph(), shapes.Make(x.DType(), r.P, r.G, more, heads, E))
		x = Concatenate([]*Node{x, padding}, 2)
	}
	x = Reshape(x, r.P, r.G, r.n, r.t, heads/J, J, E)
	return TransposeAllAxes(x, 2, 0, 4, 1, 5, 3, 6)
}

// tokens is blocks backwards: [n, P, K, G, J, t, E] to [P·G·T, K·J, E].
func (r *rows) tokens(x *Node) *Node {
	d := x.Shape().Dimensions
	K, J, E := d[2], d[4], d[6]
	x = Reshape(TransposeAllAxes(x, 1, 3, 0, 5, 2, 4, 6), r.P, r.G, r.n*r.t, K*J, E)
	if r.n*r.t > r.T {
		x = Slice(x, AxisRange(), AxisRange(), AxisRange(0, r.T))
	}
	return Reshape(x, r.P*r.G*r.T, K*J, E)
}

// view is the keys that the queries of some rows see: the rows' own, or their prompts'.
type view struct {
	queries, keys *rows
	limit         *Node // start or length
}

// views lists what the rows see.
func (r *rows) views() []view {
	all := []view{{r, r, r.start}}
	if r.prompt != nil {
		all = append(all, view{r, r.prompt, r.length})
	}
	return all
}

func (v view) own() bool { return v.queries == v.keys }

// pairs lists the blocks that meet: of the same rows those up to the queries', of a prompt all.
func (v view) pairs() (all []pair) {
	for query := range v.queries.n {
		for key := range v.keys.n {
			if v.own() && key > query {
				break
			}
			all = append(all, pair{query, key})
		}
	}
	return all
}

// bias returns what is added to the scores of two blocks: hidden where a query does not see a
// key. The shape is that of the scores, or 1 along an axis where they are the same.
func (v view) bias(query, key *Node, limit *Node) *Node {
	g, T, S := query.Graph(), v.queries.t, v.keys.t
	index := func(block *Node, size, axis int) *Node {
		dims := []int{1, 1, 1, 1, 1, 1}
		dims[axis] = size
		return Add(Iota(g, shapes.Make(dtypes.Int32, dims...), axis), MulScalar(block, size))
	}
	keys := index(key, S, 5)
	var sees *Node
	switch {
	case !v.own():
		sees = LessThan(keys, Reshape(limit, limit.Shape().Dimensions[1:]...))
	case limit == nil:
		sees = LessOrEqual(keys, index(query, T, 4))
	default:
		sees = LogicalAnd(LessOrEqual(keys, index(query, T, 4)), LessOrEqual(slab(limit, query), keys))
	}
	return Where(sees, ScalarZero(g, dtypes.Float32), Scalar(g, dtypes.Float32, hidden))
}

// attention is what all rows of a pass have in common.
type attention struct {
	dtype   dtypes.DType // of products
	H, K, E int
}

// queries, keys and values in blocks, in the dtype of products, of [M, H+2K, E].
func (a attention) queries(r *rows, all *Node) *Node {
	q := MulScalar(Slice(all, AxisRange(), AxisRange(0, a.H)), inverseSqrt(a.E))
	return Convert(r.blocks(q, a.H/a.K), a.dtype)
}

func (a attention) keys(r *rows, all *Node) *Node {
	return Convert(r.blocks(Slice(all, AxisRange(), AxisRange(a.H, a.H+a.K)), 1), a.dtype)
}

func (a attention) values(r *rows, all *Node) *Node {
	return Convert(r.blocks(Slice(all, AxisRange(), AxisRange(a.H+a.K)), 1), a.dtype)
}

// forward computes the attention of rows: the result [P·G·T, H, E] and, for the gradient, the
// logarithm of the sum of each query's exponentials [n, P, K, G, J, t, 1].
func (a attention) forward(r *rows, all *Node) (mixed, logSum *Node) {
	q := a.queries(r, all)
	var state []*Node // the largest score so far, the sum of exponentials, the sum of their values
	for _, v := range r.views() {
		fixed := []*Node{q, a.keys(v.keys, all), a.values(v.keys, all)}
		if v.limit != nil {
			fixed = append(fixed, v.limit)
		}
		pairs := v.pairs()
		if state == nil && len(pairs) > 1 {
			// Zeros that depend on nothing XLA may make for all layers before the first.
			first := make([]SliceAxisSpec, q.Rank())
			for axis := range first {
				first[axis] = AxisRange()
			}
			first[len(first)-1] = AxisElem(0)
			zero := MulScalar(Convert(Slice(q, first...), dtypes.Float32), 0)
			state = []*Node{AddScalar(zero, hidden), zero, BroadcastToDims(zero, q.Shape().Dimensions...)}
		}
		state = loop(pairs, fixed, state, func(query, key *Node, fixed, state []*Node) []*Node {
			return a.mix(v, query, key, fixed, state)
		})
	}
	maximum, sum := state[0], state[1]
	return r.tokens(Div(state[2], sum)), Add(maximum, Log(sum))
}

// mix adds a block of keys to the state of a block of queries; without a state it begins one.
func (a attention) mix(v view, query, key *Node, fixed, state []*Node) []*Node {
	q, keys, values := slab(fixed[0], query), slab(fixed[1], key), slab(fixed[2], key)
	scores := a.scores(v, q, keys, query, key, fixed[3:])
	maximum := ReduceAndKeep(scores, ReduceMax, -1)
	if state != nil {
		maximum = Max(maximum, slab(state[0], query))
	}
	e := Exp(Sub(scores, maximum))
	sum := ReduceAndKeep(e, ReduceSum, -1)
	mixed := Reshape(product(Convert(e, a.dtype), 2, values, 1, keys), q.Shape().Dimensions...)
	if state == nil {
		next := []*Node{maximum, sum, mixed}
		for i, x := range next {
			next[i] = Reshape(x, append([]int{1}, x.Shape().Dimensions...)...)
		}
		return next
	}
	shrink := Exp(Sub(slab(state[0], query), maximum))
	return []*Node{
		setSlab(state[0], query, maximum),
		setSlab(state[1], query, Add(Mul(slab(state[1], query), shrink), sum)),
		setSlab(state[2], query, Add(Mul(slab(state[2], query), shrink), mixed)),
	}
}

// scores returns those of a block of queries and one of keys [P, K, G, J, t, t of keys], hidden
// where a query does not see a key.
func (a attention) scores(v view, q, keys, query, key *Node, limit []*Node) *Node {
	d := append([]int{}, q.Shape().Dimensions...)
	d[5] = keys.Shape().Dim(4)
	scores := Reshape(product(q, 2, keys, 2, keys), d...)
	if len(limit) == 0 {
		return Add(scores, v.bias(query, key, nil))
	}
	return Add(scores, v.bias(query, key, limit[0]))
}

// product contracts axes of a and b, with a batch for each of the first three axes of keys: all
// rows that see the same keys are multiplied with them at once. The axes are 1, tokens, and 2.
func product(a *Node, ac int, b *Node, bc int, keys *Node) *Node {
	k := keys.Shape().Dimensions
	batches := k[0] * k[1] * k[2]
	matrices := func(x *Node) *Node {
		width := x.Shape().Dim(-1)
		return Reshape(x, batches, x.Shape().Size()/(batches*width), width)
	}
	return batchDot(matrices(a), ac, matrices(b), bc)
}

// backward computes the gradient of rows' queries, keys and values [P·G·T, H+2K, E]. mixed and
// adjoint [M, H, E] are the result of attention and its gradient, ofKeys what is known already of
// the gradients of keys and values, in blocks. It returns those of the prompts' too.
func (a attention) backward(r *rows, all, mixed, adjoint, logSum *Node, ofKeys [2]*Node) (
	gradient *Node, ofPrompt [2]*Node,
) {
	J := a.H / a.K
	out := Convert(r.blocks(adjoint, J), a.dtype)
	// The part of each score's gradient that softmax takes away: the same for all keys of a query.
	away := r.blocks(ReduceAndKeep(Mul(adjoint, mixed), ReduceSum, -1), J)
	// Other queries than those forward, or XLA would keep the scores of rows of one block: q + 0·away,
	// a NaN staying with its query.
	zero := MulScalar(away, 0)
	q := Add(a.queries(r, all), Convert(zero, a.dtype))
	ofHead := ReduceAndKeep(zero, ReduceSum, 0, 3, 4, 5, 6) // [1, P, K, 1, 1, 1, 1]
	var ofQueries *Node
	for _, v := range r.views() {
		known := ofKeys
		if !v.own() {
			known = [2]*Node{}
		}
		keys := a.keys(v.keys, all)
		fixed := []*Node{q, keys, a.values(v.keys, all), out, away, logSum}
		if v.limit != nil {
			fixed = append(fixed, v.limit)
		}
		state, pairs := []*Node{ofQueries, known[0], known[1]}, v.pairs()
		if len(pairs) > 1 {
			for i, zero := range []*Node{zero, ofHead, ofHead} {
				if state[i] == nil {
					state[i] = BroadcastToDims(zero, fixed[i].Shape().Dimensions...)
				}
			}
		}
		state = loop(pairs, fixed, state, func(query, key *Node, fixed, state []*Node) []*Node {
			return a.unmix(v, query, key, fixed, state)
		})
		ofQueries = state[0]
		if v.own() {
			ofKeys = [2]*Node{state[1], state[2]}
		} else {
			ofPrompt = [2]*Node{state[1], state[2]}
		}
	}
	return Concatenate([]*Node{
		r.tokens(MulScalar(ofQueries, inverseSqrt(a.E))), r.tokens(ofKeys[0]), r.tokens(ofKeys[1]),
	}, 1), ofPrompt
}

// unmix adds to the gradients of queries, keys and values what a pair of blocks gives.
func (a attention) unmix(v view, query, key *Node, fixed, state []*Node) []*Node {
	q, keys, values := slab(fixed[0], query), slab(fixed[1], key), slab(fixed[2], key)
	out, away, logSum := slab(fixed[3], query), slab(fixed[4], query), slab(fixed[5], query)
	scores := a.scores(v, q, keys, query, key, fixed[6:])
	probs := Exp(Sub(scores, logSum))
	ofProbs := Reshape(product(out, 2, values, 2, keys), scores.Shape().Dimensions...)
	ofScores := Convert(Mul(probs, Sub(ofProbs, away)), a.dtype)
	return []*Node{
		addSlab(state[0], query, product(ofScores, 2, keys, 1, keys), q),
		addSlab(state[1], key, product(ofScores, 1, q, 1, keys), keys),
		addSlab(state[2], key, product(Convert(probs, a.dtype), 1, out, 1, keys), values),
	}
}

// addSlab adds y, which has as many numbers as like, to element i of x, or begins an x of it.
func addSlab(x, i, y, like *Node) *Node {
	y = Reshape(y, like.Shape().Dimensions...)
	if x == nil {
		return Reshape(y, append([]int{1}, y.Shape().Dimensions...)...)
	}
	return setSlab(x, i, Add(slab(x, i), y))
}
