package op

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
)

func random(r *rand.Rand, n int, scale float32) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(r.NormFloat64()) * scale
	}
	return out
}

func upload[T backend.Elem](t *testing.T, d *backend.Device, data []T, dims ...int) backend.Buffer {
	t.Helper()
	b, err := backend.Upload(d, data, dims...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func floats(t *testing.T, b backend.Buffer) []float32 {
	t.Helper()
	out, err := backend.Float32s(b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func near(t *testing.T, what string, got, want []float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		if d := math.Abs(float64(got[i] - want[i])); !(d <= tolerance*(1+math.Abs(float64(want[i])))) {
			t.Fatalf("%s: [%d] = %g, want %g", what, i, got[i], want[i])
		}
	}
}

// TestTokenLogProbs compares values and the hand-written gradient, over several
// blocks of the vocabulary, with the plain formula and GoMLX's own gradient.
func TestTokenLogProbs(t *testing.T) {
	const N, D = 5, 8
	V := VocabularyBlock + 37
	r := rand.New(rand.NewPCG(1, 2))
	h, head := random(r, N*D, 1), random(r, V*D, 0.3)
	target := []int32{0, 7, int32(V - 1), VocabularyBlock, VocabularyBlock - 1}
	for _, d := range kernelstest.Open(t) {
		build := func(blocked bool) []backend.Buffer {
			f32 := dtypes.Float32
			p, err := backend.Compile(d, "logprobs", []backend.Input{
				{Name: "h", Shape: shapes.Make(f32, N, D)}, {Name: "head", Shape: shapes.Make(f32, V, D)},
				{Name: "target", Shape: shapes.Make(dtypes.Int32, N)}, {Name: "t", Shape: shapes.Make(f32)},
			}, func(in []*Node) []*Node {
				var logprob, entropy *Node
				if blocked {
					logprob, entropy = TokenLogProbs(in[0], in[1], in[2], in[3])
				} else {
					z := Div(Dot(in[0], in[1]).General([]int{1}, nil, []int{1}, nil), in[3])
					logp := LogSoftmax(z, -1)
					row := Iota(z.Graph(), shapes.Make(dtypes.Int32, N, 1), 0)
					index := Concatenate([]*Node{row, Reshape(in[2], N, 1)}, 1)
					logprob = Gather(logp, index)
					entropy = Neg(ReduceSum(Mul(Exp(logp), logp), -1))
				}
				weight := AddScalar(Iota(in[0].Graph(), shapes.Make(f32, N), 0), 1.0)
				loss := ReduceAllSum(Add(Mul(logprob, weight), Mul(entropy, MulScalar(weight, 0.3))))
				return append([]*Node{logprob, entropy}, Gradient(loss, in[0], in[1])...)
			})
			if err != nil {
				t.Fatal(err)
			}
			out, err := p.Run([]backend.Buffer{
				upload(t, d, h, N, D), upload(t, d, head, V, D),
				upload(t, d, target, N), upload(t, d, []float32{0.7}),
			})
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		got, want := build(true), build(false)
		for i, what := range []string{"logprob", "entropy", "gradient of h", "gradient of head"} {
			near(t, d.Name+" "+what, floats(t, got[i]), floats(t, want[i]), 2e-5)
		}
	}
}

// TestTokenLogProbsMemory: what the log-probabilities and their gradient take does not
// grow with the number of blocks that the vocabulary has, but for the head's own rows:
// N × V logits never exist. The numbers are those of XLA's assignment.
func TestTokenLogProbsMemory(t *testing.T) {
	const N, D = 256, 16
	for _, d := range kernelstest.Open(t) {
		if !d.IsXLA() {
			continue // the Go backend frees what it has used, and plans nothing
		}
		temporary := func(blocks int, gradient bool) int64 {
			f32, V := dtypes.Float32, blocks*VocabularyBlock
			p, err := backend.Compile(d, "logprobs", []backend.Input{
				{Name: "h", Shape: shapes.Make(f32, N, D)}, {Name: "head", Shape: shapes.Make(f32, V, D)},
				{Name: "target", Shape: shapes.Make(dtypes.Int32, N)}, {Name: "t", Shape: shapes.Make(f32)},
			}, func(in []*Node) []*Node {
				logprob, entropy := TokenLogProbs(in[0], in[1], in[2], in[3])
				if !gradient {
					return []*Node{logprob, entropy}
				}
				return Gradient(ReduceAllSum(Add(logprob, entropy)), in[0], in[1])
			})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			return p.Memory().Temporary
		}
		for _, gradient := range []bool{false, true} {
			few, many := temporary(2, gradient), temporary(6, gradient)
			const logits, head = N * VocabularyBlock * 4, VocabularyBlock * D * 4 // bytes, of a block
			if few > 5.5*logits || many-few > 4*2*head {
				t.Errorf("%s, gradient %v: %d bytes for 2 blocks, %d for 6, a block of logits has %d",
					d.Name, gradient, few, many, logits)
			}
		}
	}
}

// TestPages writes keys through scattered pages of a pool full of garbage and
// checks paged attention against dense causal attention, row by row, with rows
// of different length and a padding row; page 0 stays zero.
func TestPages(t *testing.T) {
	const T, K, G, E, S = 11, 2, 3, 4, 4
	H := K * G
	r := rand.New(rand.NewPCG(3, 4))
	p := Pages{Count: 12, Slots: S, Heads: K, Width: E, DType: dtypes.Float32}
	poolSize := p.Shape().Size()
	q, k, v := random(r, T*H*E, 1), random(r, T*K*E, 1), random(r, T*K*E, 1)
	garbage := random(r, poolSize, 100)
	clearPage0(p, garbage)
	f32, i32 := dtypes.Float32, dtypes.Int32
	for _, d := range kernelstest.Open(t) {
		dense, err := backend.Compile(d, "dense", []backend.Input{
			{Name: "q", Shape: shapes.Make(f32, 1, T, H, E)},
			{Name: "k", Shape: shapes.Make(f32, 1, T, K, E)},
			{Name: "v", Shape: shapes.Make(f32, 1, T, K, E)},
		}, func(in []*Node) []*Node {
			flat := func(x *Node) *Node { return Reshape(x, T, x.Shape().Dim(2), E) }
			position := Iota(in[0].Graph(), shapes.Make(i32, T), 0)
			o := Attention(Sequences{B: 1, T: T}, flat(in[0]), flat(in[1]), flat(in[2]), position, f32, false)
			return []*Node{Reshape(o, 1, T, H, E)}
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := dense.Run([]backend.Buffer{
			upload(t, d, q, 1, T, H, E), upload(t, d, k, 1, T, K, E), upload(t, d, v, 1, T, K, E),
		})
		if err != nil {
			t.Fatal(err)
		}
		want := floats(t, out[0])

		pool := upload(t, d, garbage, p.Shape().Dimensions...)
		table := []int32{7, 3, 9, 0} // the last entry is padding
		// Chunks of 1 to 4 tokens; the second row of the batch is padding.
		for start := 0; start < T; {
			n := min(1+start%4, T-start)
			width := 4
			step, err := backend.Compile(d, "paged", []backend.Input{
				{Name: "q", Shape: shapes.Make(f32, 2, width, H, E)},
				{Name: "k", Shape: shapes.Make(f32, 2, width, K, E)},
				{Name: "v", Shape: shapes.Make(f32, 2, width, K, E)},
				{Name: "rows", Shape: shapes.Make(i32, 2, 2+len(table))},
				{Name: "pool", Shape: p.Shape(), Donated: true},
			}, func(in []*Node) []*Node {
				a := p.Resolve(Feed{Rows: in[3], Pages: len(table), T: width})
				pool := p.Write(in[4], in[1], in[2], a)
				return []*Node{p.Attend(in[0], pool, a, f32), pool}
			})
			if err != nil {
				t.Fatal(err)
			}
			row := func(x []float32, heads int) []float32 {
				padded := make([]float32, 2*width*heads*E)
				copy(padded, x[start*heads*E:(start+n)*heads*E])
				return padded
			}
			out, err := step.Run([]backend.Buffer{
				upload(t, d, row(q, H), 2, width, H, E), upload(t, d, row(k, K), 2, width, K, E),
				upload(t, d, row(v, K), 2, width, K, E),
				upload(t, d, slices.Concat([]int32{int32(start), int32(n)}, table, make([]int32, 2+len(table))), 2,
					2+len(table)),
				pool,
			})
			if err != nil {
				t.Fatal(err)
			}
			got := floats(t, out[0])
			pool = out[1]
			near(t, d.Name, got[:n*H*E], want[start*H*E:(start+n)*H*E], 1e-5)
			start += n
		}
		after := floats(t, pool)
		for head := range 2 * K {
			for page := range p.Count {
				at := (head*p.Count + page) * S * E
				changed := false
				for i := at; i < at+S*E; i++ {
					changed = changed || after[i] != garbage[i]
				}
				if mine := page == 7 || page == 3 || page == 9; changed != mine {
					t.Fatalf("%s: page %d of head %d changed: %v", d.Name, page, head, changed)
				}
			}
		}
	}
}

// clearPage0 makes the page that belongs to nobody what it is in a pool.
func clearPage0(p Pages, pool []float32) {
	for head := range 2 * p.Heads {
		clear(pool[head*p.Count*p.Slots*p.Width:][:p.Slots*p.Width])
	}
}

// TestCopyPages copies pages and leaves the others alone.
func TestCopyPages(t *testing.T) {
	p := Pages{Count: 6, Slots: 2, Heads: 3, Width: 2, DType: dtypes.Float32}
	r := rand.New(rand.NewPCG(5, 6))
	before := random(r, p.Shape().Size(), 1)
	clearPage0(p, before)
	copies := map[int]int{4: 1, 5: 2}
	for _, d := range kernelstest.Open(t) {
		program, err := backend.Compile(d, "copy", []backend.Input{
			{Name: "src", Shape: shapes.Make(dtypes.Int32, 4)},
			{Name: "dst", Shape: shapes.Make(dtypes.Int32, 4)},
			{Name: "pool", Shape: p.Shape(), Donated: true},
		}, func(in []*Node) []*Node { return []*Node{p.CopyPages(in[2], in[0], in[1])} })
		if err != nil {
			t.Fatal(err)
		}
		out, err := program.Run([]backend.Buffer{
			upload(t, d, []int32{1, 2, 0, 0}, 4), upload(t, d, []int32{4, 5, 0, 0}, 4),
			upload(t, d, before, p.Shape().Dimensions...),
		})
		if err != nil {
			t.Fatal(err)
		}
		after := floats(t, out[0])
		page := p.Slots * p.Width
		for i := range after {
			from := i / page % p.Count
			if src, ok := copies[from]; ok {
				from = src
			}
			if want := before[i/page/p.Count*p.Count*page+from*page+i%page]; after[i] != want {
				t.Fatalf("%s: element %d is %g, want %g", d.Name, i, after[i], want)
			}
		}
	}
}

// TestLinearGradient compares a linear layer and its gradient, by host products and by XLA's or the
// Go backend's, in each dtype, with sums in float64 of the same rounded values.
func TestLinearGradient(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, d := range kernelstest.Open(t) {
		for _, shape := range [][3]int{{3, 8, 5}, {45, 72, 66}, {256, 64, 96}} {
			N, in, out := shape[0], shape[1], shape[2]
			x, w, dy := random(r, N*in, 1), random(r, out*in, 1), random(r, N*out, 1)
			backend.RoundBFloat16(x)
			backend.RoundBFloat16(w)
			backend.RoundBFloat16(dy)
			want := linearLayer(x, w, dy, N, in, out)
			build := func(n []*Node) []*Node {
				y := Linear(n[0], n[1])
				return append([]*Node{y}, Gradient(ReduceAllSum(Mul(y, n[2])), n[0], n[1])...)
			}
			for _, dtype := range []dtypes.DType{dtypes.Float32, dtypes.BFloat16} {
				if dtype == dtypes.BFloat16 && !d.IsXLA() {
					continue // the Go backend holds weights as float32
				}
				run := func(d *backend.Device) (results [3][]float32, calls int) {
					p, err := backend.Compile(d, "linear", []backend.Input{
						{Name: "x", Shape: shapes.Make(dtypes.Float32, N, in)},
						{Name: "w", Shape: shapes.Make(dtype, out, in)},
						{Name: "dy", Shape: shapes.Make(dtypes.Float32, N, out)},
					}, build)
					if err != nil {
						t.Fatal(err)
					}
					defer p.Close()
					weight, err := backend.UploadFloat32(d, dtype, w, out, in)
					if err != nil {
						t.Fatal(err)
					}
					o, err := p.Run([]backend.Buffer{upload(t, d, x, N, in), weight, upload(t, d, dy, N, out)})
					if err != nil {
						t.Fatal(err)
					}
					return [3][]float32{floats(t, o[0]), floats(t, o[1]), floats(t, o[2])}, p.HostProducts()
				}
				compare := func(by string, d *backend.Device, calls int) {
					by = fmt.Sprintf("%s by %s, %s %v", d.Name, by, dtype, shape)
					got, made := run(d)
					if made != calls {
						t.Errorf("%s: %d host products, want %d", by, made, calls)
					}
					near(t, by+": y", got[0], want[0], 1e-4)
					near(t, by+": dx", got[1], want[1], 1e-4)
					rounded := map[bool]float64{true: 1e-2, false: 1e-4}[dtype == dtypes.BFloat16]
					near(t, by+": dw", got[2], want[2], rounded)
					if again, _ := run(d); !reflect.DeepEqual(got, again) {
						t.Errorf("%s: another run has other bits", by)
					}
				}
				compare("its own", d.WithoutHostCalls(), 0)
				calls := 0
				for _, left := range []int{1, 1, 0} { // of y, dx and dw
					if err := d.HostProducts(dtype, left); err != nil {
						t.Logf("%s: products in %s over axis %d are its own: %v", d.Name, dtype, left, err)
					} else if N*in*out >= backend.LeastHostProduct {
						calls++
					}
				}
				compare("host", d, calls)
			}
		}
	}
}

// linearLayer returns y = x·wᵀ, dx = dy·w and dw = dyᵀ·x, summed in float64.
func linearLayer(x, w, dy []float32, N, in, out int) (results [3][]float32) {
	y, dx, dw := make([]float64, N*out), make([]float64, N*in), make([]float64, out*in)
	for n := range N {
		for o := range out {
			for i := range in {
				y[n*out+o] += float64(x[n*in+i]) * float64(w[o*in+i])
				dx[n*in+i] += float64(dy[n*out+o]) * float64(w[o*in+i])
				dw[o*in+i] += float64(dy[n*out+o]) * float64(x[n*in+i])
			}
		}
	}
	for i, sums := range [][]float64{y, dx, dw} {
		for _, sum := range sums {
			results[i] = append(results[i], float32(sum))
		}
	}
	return results
}

// TestUpdateInPlace fails when XLA copies a donated pool: one row written into
// 64 MiB then takes a thousand times longer than into a small pool. It counts
// memory, not time: a copy would need a second pool.
func TestUpdateInPlace(t *testing.T) {
	for _, d := range kernelstest.Open(t) {
		if !d.IsXLA() {
			continue // a donated ScatterSum is in place there by construction
		}
		const rows, width = 1 << 18, 64
		p, err := backend.Compile(d, "write", []backend.Input{
			{Name: "row", Shape: shapes.Make(dtypes.Int32, 1, 1)},
			{Name: "x", Shape: shapes.Make(dtypes.Float32, 1, width)},
			{Name: "pool", Shape: shapes.Make(dtypes.Float32, rows, width), Donated: true},
		}, func(in []*Node) []*Node { return []*Node{ScatterSum(in[2], in[0], in[1], false, false)} })
		if err != nil {
			t.Fatal(err)
		}
		if m := p.Memory(); m.Aliased < rows*width*4 || m.Temporary > 1<<20 {
			t.Fatalf("%s: %d bytes aliased, %d temporary: the pool of %d bytes is copied",
				d.Name, m.Aliased, m.Temporary, rows*width*4)
		}
	}
}
