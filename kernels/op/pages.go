package op

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/triton"
)

// Pages describes a key-value pool: P pages of S slots for K heads of width E.
// Keys and values of a layer are one tensor [2·K·P·S, E], so that they are written at
// once: the keys of each head and then the values, so that a page of one head is
// contiguous and gathering pages needs no transposition. Page 0 belongs to nobody and
// is zero: padding points at it, and writes zeros there.
type Pages struct {
	Count, Slots, Heads, Width int
	DType                      dtypes.DType
}

// Shape returns the shape of the keys and values of one layer.
func (p Pages) Shape() shapes.Shape {
	return shapes.Make(p.DType, 2*p.Heads*p.Count*p.Slots, p.Width)
}

// Feed places the tokens of a step in their sequences and in the pool.
type Feed struct {
	// Rows [B, …] int32 has of each row, from column At on, the position of its first token, how many of its tokens
	// are valid, the rest being padding, and the Pages entries of its page table: page ids, padded with 0.
	Rows      *Node
	At, Pages int
	T         int // tokens a row
}

// Address locates the tokens of a Feed in a pool, once for all layers of a step.
type Address struct {
	Position_BT *Node // position of each token
	feed        Feed
	slots       *Node // [B·T·2K, 1] row of the pool that each key and value goes to
	valid       *Node // [B·T·2K, 1] in the pool's dtype: 0 for padding
	pages       *Node // [B·K·C/S, 1] pages of keys to gather
	bias        *Node // [B, 1, 1, T, C] 0 where a query may look, -1e30 elsewhere
	b, t, c     int
}

// Resolve computes the addresses of a step in the pool.
func (p Pages) Resolve(f Feed) Address {
	g := f.Rows.Graph()
	i32 := dtypes.Int32
	B, T, pages := f.Rows.Shape().Dim(0), f.T, f.Pages
	a := Address{feed: f, b: B, t: T, c: pages * p.Slots}
	start_B1 := Slice(f.Rows, AxisRange(), AxisElem(f.At))
	length_B1 := Slice(f.Rows, AxisRange(), AxisElem(f.At+1))
	table := Slice(f.Rows, AxisRange(), AxisRange(f.At+2, f.At+2+pages))

	offset_BT := Iota(g, shapes.Make(i32, B, T), 1)
	a.Position_BT = Add(start_B1, offset_BT)
	valid_BT := LessThan(offset_BT, length_B1)
	entry_BT := MinScalar(DivScalar(a.Position_BT, int32(p.Slots)), int32(pages-1))
	row_BT := Iota(g, shapes.Make(i32, B, T, 1), 0)
	page_BT := Gather(table, Concatenate([]*Node{row_BT, Reshape(entry_BT, B, T, 1)}, 2))
	page_BT = Where(valid_BT, page_BT, ZerosLike(page_BT))
	slot_BT := Add(MulScalar(page_BT, int32(p.Slots)), ModScalar(a.Position_BT, int32(p.Slots)))

	heads := 2 * p.Heads // of keys, and of values
	head := MulScalar(Iota(g, shapes.Make(i32, 1, heads), 1), int32(p.Count*p.Slots))
	a.slots = Reshape(Add(Reshape(slot_BT, B*T, 1), head), B*T*heads, 1)
	valid := BroadcastToDims(Reshape(Convert(valid_BT, p.DType), B*T, 1, 1), B*T, heads, 1)
	a.valid = Reshape(valid, B*T*heads, 1)

	headPages := MulScalar(Iota(g, shapes.Make(i32, 1, p.Heads, 1), 1), int32(p.Count))
	a.pages = Reshape(Add(Reshape(table, B, 1, pages), headPages), B*p.Heads*pages, 1)

	key_C := Iota(g, shapes.Make(i32, 1, 1, a.c), 2)
	sees_BTC := LessOrEqual(key_C, Reshape(a.Position_BT, B, T, 1))
	zero := ScalarZero(g, dtypes.Float32)
	a.bias = Reshape(Where(sees_BTC, zero, Scalar(g, dtypes.Float32, -1e30)), B, 1, 1, T, a.c)
	return a
}

// Write puts new keys and values [B, T, K, E] into a layer's pool; padding writes zeros
// over those of page 0.
func (p Pages) Write(pool, keys, values *Node, a Address) *Node {
	flat := func(x *Node) *Node { return Reshape(Convert(x, p.DType), a.b*a.t, p.Heads*p.Width) }
	rows := Concatenate([]*Node{flat(keys), flat(values)}, 1)
	return assign(pool, a.slots, Reshape(rows, a.b*a.t*2*p.Heads, p.Width), a.valid)
}

// Attend computes causal attention of q [B, T, H, E] over the pages of each row; the
// new tokens' keys and values must have been written. Scores and softmax are
// float32, products in the pool's dtype. The result is [B, T, H, E], float32 or
// rounded to a dtype in the end; that of padding means nothing. A kernel reads the
// pages where they lie if the device has kernels and there is one of these sizes (see
// backend.Device.Kernels and triton.PagedAttention); elsewhere they are gathered.
func (p Pages) Attend(q, pool *Node, a Address, dtype dtypes.DType) *Node {
	if H := q.Shape().Dim(2); p.CallsKernel(q.Graph(), H, a, dtype) {
		q = Convert(MulScalar(q, inverseSqrt(p.Width)), p.DType)
		return p.AttendScaled(q, H, pool, a, dtype)
	}
	B, T, C, K, E := a.b, a.t, a.c, p.Heads, p.Width
	H := q.Shape().Dimensions[2]
	G := H / K
	gather := func(first int) *Node { // pages, from one on
		return Reshape(Gather(Reshape(pool, 2*K*p.Count, p.Slots*E), AddScalar(a.pages, int32(first))), B*K, C, E)
	}
	q = groupHeads(q, K, p.DType)
	scores := Add(Reshape(batchDot(q, 2, gather(0), 2), B, K, G, T, C), a.bias)
	probs := Reshape(Convert(Softmax(scores), p.DType), B*K, G*T, C)
	return Convert(ungroupHeads(batchDot(probs, 2, gather(K*p.Count), 1), B, T, H, K), dtype)
}

// elems are the elements of dtypes that kernels have.
var elems = map[dtypes.DType]triton.Elem{dtypes.Float32: triton.F32, dtypes.BFloat16: triton.BF16}

// sizes are those of the kernel for H query heads, a feed of so many columns and a result of a dtype.
func (p Pages) sizes(H, columns int, dtype dtypes.DType, a Address) triton.PagedAttention {
	return triton.PagedAttention{
		B: a.b, T: a.t, H: H, K: p.Heads, E: p.Width, Count: p.Count, Slots: p.Slots, Pages: a.feed.Pages,
		Columns: columns, At: a.feed.At, Elem: elems[p.DType], Into: elems[dtype],
	}
}

// WhyGathered returns nil where a step of H query heads on a device attends over pages where they lie, or the
// reason why it gathers them. Only a step of very many tokens may gather them nevertheless.
func (p Pages) WhyGathered(d *backend.Device, H int) error {
	if err := d.Kernels(); err != nil {
		return err
	}
	return p.sizes(H, 3, dtypes.Float32, Address{b: 1, t: 1, feed: Feed{Pages: 1}}).Check()
}

// CallsKernel reports whether Attend of H query heads in a graph is the call of a kernel.
func (p Pages) CallsKernel(g *Graph, H int, a Address, dtype dtypes.DType) bool {
	return backend.CallsKernels(g) && p.sizes(H, a.feed.Rows.Shape().Dim(1), dtype, a).Check() == nil
}

// AttendScaled is Attend where it CallsKernel, of queries that are divided by √E and in the dtype of the pool. More
// may lie behind them in q.
func (p Pages) AttendScaled(q *Node, H int, pool *Node, a Address, dtype dtypes.DType) *Node {
	k := p.sizes(H, a.feed.Rows.Shape().Dim(1), dtype, a)
	result := shapes.Make(dtype, k.B, k.T, k.H, k.E)
	if k.Parts() == 1 {
		return backend.CallKernel(k.Attend(), result, q, pool, a.feed.Rows)
	}
	parts := shapes.Make(dtypes.Float32, k.Attended())
	return backend.CallKernel(k.Merge(), result,
		backend.CallKernel(k.Attend(), parts, q, pool, a.feed.Rows), a.feed.Rows)
}

// CopyPages copies whole pages of one layer's pool: page src[i] to dst[i], both
// [n] int32 with different destinations. Pairs of page 0 with itself are padding.
func (p Pages) CopyPages(pool, src, dst *Node) *Node {
	g := pool.Graph()
	n, heads := src.Shape().Dimensions[0], 2*p.Heads
	rows := func(page *Node) *Node {
		head := MulScalar(Iota(g, shapes.Make(dtypes.Int32, 1, heads), 1), int32(p.Count))
		return Reshape(Add(Reshape(page, n, 1), head), n*heads, 1)
	}
	paged := Reshape(pool, heads*p.Count, p.Slots*p.Width)
	real := BroadcastToDims(Reshape(Convert(NotEqual(src, dst), p.DType), n, 1), n, heads)
	real = Reshape(real, n*heads, 1)
	// Without the barrier XLA for CUDA fuses the gather into what follows, reads the pool
	// after it has begun to change, and copies all of it twice to be allowed to. On a CPU
	// go-xla leaves a barrier of one operand out, and so this one has two.
	read := OptimizationBarriers(Gather(paged, rows(src)), rows(dst))
	return Reshape(assign(paged, read[1], read[0], real), pool.Shape().Dimensions...)
}

// groupHeads turns [B, T, H, E] scaled by 1/√E into [B·K, G·T, E]: the queries
// that share a key-value head side by side.
func groupHeads(q *Node, K int, dtype dtypes.DType) *Node {
	d := q.Shape().Dimensions
	B, T, H, E := d[0], d[1], d[2], d[3]
	q = Convert(MulScalar(q, inverseSqrt(E)), dtype)
	if T > 1 {
		q = TransposeAllAxes(Reshape(q, B, T, K, H/K, E), 0, 2, 3, 1, 4)
	}
	return Reshape(q, B*K, H/K*T, E)
}

// ungroupHeads is groupHeads backwards, without the scale.
func ungroupHeads(o *Node, B, T, H, K int) *Node {
	E := o.Shape().Dimensions[2]
	if T > 1 {
		o = TransposeAllAxes(Reshape(o, B, K, H/K, T, E), 0, 3, 1, 2, 4)
	}
	return Reshape(o, B, T, H, E)
}
