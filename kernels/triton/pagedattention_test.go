package triton

import (
	"flag"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

var (
	seed  = flag.Uint64("seed", 1, "of the cases that tests draw")
	cases = flag.Int("cases", 60, "how many cases tests draw")
)

// attentionCase is a pool, rows over it, and their queries.
type attentionCase struct {
	kernel          PagedAttention
	starts, lengths []int
	tables          [][]int32
	sequences       []int // number of each row's sequence, which its keys and values follow from
	seed            uint64
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// drawCase draws sizes, rows and page tables. Entries behind a row's tokens are page ids that there are not.
func drawCase(r *rand.Rand) attentionCase {
	k := PagedAttention{B: 1 + r.IntN(4), T: 1, K: 1 + r.IntN(3), E: pick(r, 64, 80, 96, 128), Slots: 1 + r.IntN(40),
		Elem: pick(r, F32, BF16), Into: pick(r, F32, BF16), At: r.IntN(3)}
	if r.IntN(4) == 0 {
		k.E = 1 + r.IntN(150)
	}
	if r.IntN(2) == 0 {
		k.Slots = pick(r, 8, 16, 32)
	}
	k.H = k.K * (1 + r.IntN(9))
	context := 1 + r.IntN(700)
	if r.IntN(2) == 0 {
		k.T = 2 + r.IntN(40)
		context = k.T + r.IntN(200)
		if r.IntN(4) == 0 {
			k.B, k.K, k.H, context = 1, 1, k.H/k.K, 1000+r.IntN(300)
		}
	}
	c := attentionCase{seed: r.Uint64()}
	for range k.B {
		length := min(1+r.IntN(k.T), context)
		start := r.IntN(context - length + 1)
		if r.IntN(5) == 0 {
			length, start = 0, pick(r, 0, start)
		}
		c.lengths, c.starts = append(c.lengths, length), append(c.starts, start)
		c.sequences = append(c.sequences, len(c.sequences))
	}
	c.place(r, k, context)
	return c
}

// place draws the pages of the rows, and lays the feed out for a context of so many tokens at least.
func (c *attentionCase) place(r *rand.Rand, k PagedAttention, context int) {
	k.Pages = (context+k.Slots-1)/k.Slots + r.IntN(3)
	var needed []int
	k.Count = 1 + r.IntN(3)
	for i, start := range c.starts {
		n := 0
		if c.lengths[i] > 0 {
			n = (start + c.lengths[i] + k.Slots - 1) / k.Slots
		}
		needed = append(needed, n)
		k.Count += n
	}
	free := r.Perm(k.Count - 1)
	c.tables = nil
	for _, n := range needed {
		table := make([]int32, k.Pages)
		for i := range table {
			table[i] = pick(r, -1, int32(k.Count), 1<<30, math.MinInt32)
			if i < n {
				table[i], free = int32(1+free[0]), free[1:]
			}
		}
		c.tables = append(c.tables, table)
	}
	k.Columns = k.At + 2 + k.Pages + r.IntN(3)
	c.kernel = k
}

// inputs makes the feed, and queries, keys and values that follow from sequences and not from where they lie. What
// belongs to no token is NaN.
func (c *attentionCase) inputs() (feed []int32, q, pool []float32) {
	k := c.kernel
	feed = make([]int32, k.B*k.Columns)
	q = make([]float32, k.B*k.T*k.H*k.E)
	pool = slices.Repeat([]float32{float32(math.NaN())}, 2*k.K*k.Count*k.Slots*k.E)
	for b := range k.B {
		row := feed[b*k.Columns:]
		for i := range k.At {
			row[i] = -77
		}
		row[k.At], row[k.At+1] = int32(c.starts[b]), int32(c.lengths[b])
		copy(row[k.At+2:], c.tables[b])
		r := rand.New(rand.NewPCG(c.seed, uint64(c.sequences[b])))
		sharp := pick(r, 0.3, 1, 3) / math.Sqrt(float64(k.E))
		number := func(scale float64) float32 { return float32(round(k.Elem, r.NormFloat64()*scale)) }
		for t := range k.T {
			for i := range k.H * k.E {
				q[(b*k.T+t)*k.H*k.E+i] = number(sharp)
				if t >= c.lengths[b] {
					q[(b*k.T+t)*k.H*k.E+i] = float32(math.NaN())
				}
			}
		}
		if c.lengths[b] == 0 {
			continue
		}
		for position := range c.starts[b] + c.lengths[b] {
			for h := range k.K {
				key, value := c.slot(b, h, position)*k.E, c.slot(b, k.K+h, position)*k.E
				for i := range k.E {
					pool[key+i], pool[value+i] = number(1), number(1)
				}
			}
		}
	}
	return feed, q, pool
}

// slot is where the keys of a token lie, in heads, and behind k.K heads its values.
func (c *attentionCase) slot(b, h, position int) int {
	k := c.kernel
	return (h*k.Count+int(c.tables[b][position/k.Slots]))*k.Slots + position%k.Slots
}

// buffer holds numbers as elements.
func buffer(e Elem, x []float32) *Buffer {
	if e == F32 {
		return &Buffer{F32: x}
	}
	bits := make([]uint16, len(x))
	for i, v := range x {
		bits[i] = toBFloat16(v)
	}
	return &Buffer{BF16: bits}
}

// attend runs the kernels' texts. Every number of the result must be written once, nothing may be read that
// belongs to no token, and what is read of a context's parts must have been written.
func (c *attentionCase) attend(t *testing.T) []float32 {
	t.Helper()
	k := c.kernel
	if err := k.Check(); err != nil {
		t.Fatalf("%v: %+v", err, k)
	}
	feed, q, pool := c.inputs()
	n := k.B * k.T * k.H * k.E
	out := buffer(k.Into, slices.Repeat([]float32{float32(math.NaN())}, n))
	out.Stores = make([]int32, n)
	in := []*Buffer{buffer(k.Elem, q), buffer(k.Elem, pool), {I32: feed}}
	for _, b := range in[:2] {
		b.Loads = make([]int32, b.len())
	}
	start := func(kernel Kernel, memory ...*Buffer) {
		p, err := Parse(kernel.Text)
		if err == nil {
			err = p.Run(kernel.Grid, memory, 1)
		}
		if err != nil {
			t.Fatalf("%v\n%+v\n%s", err, c, kernel.Text)
		}
	}
	if k.Parts() == 1 {
		start(k.Attend(), append(in, out)...)
	} else {
		n := k.Attended()
		parts := buffer(F32, slices.Repeat([]float32{float32(math.NaN())}, n))
		parts.Loads, parts.Stores = make([]int32, n), make([]int32, n)
		start(k.Attend(), append(in, parts)...)
		start(k.Merge(), parts, in[2], out)
		for i, stores := range parts.Stores {
			if stores > 1 || parts.Loads[i] > 0 && stores == 0 {
				t.Fatalf("number %d of the parts is written %d times and read %d times: %+v", i, stores,
					parts.Loads[i], c)
			}
		}
	}
	for i, stores := range out.Stores {
		if stores != 1 {
			t.Fatalf("number %d of the result is written %d times: %+v", i, stores, c)
		}
	}
	for i, x := range [][]float32{q, pool} {
		for j, loads := range in[i].Loads {
			if loads > 0 && x[j] != x[j] {
				t.Fatalf("number %d of argument %d is read, which is of no token: %+v", j, i, c)
			}
		}
	}
	got := out.F32
	for _, bits := range out.BF16 {
		got = append(got, fromBFloat16(bits))
	}
	return got
}

// TestPagedAttention compares the kernels, run as their text says, with attention in float64 over sizes, rows and
// page tables that are drawn. Padding is zero.
func TestPagedAttention(t *testing.T) {
	t.Logf("-seed %d -cases %d", *seed, *cases)
	largest := map[Elem]float64{}
	for number := range *cases {
		c := drawCase(rand.New(rand.NewPCG(*seed, uint64(number))))
		k := c.kernel
		got := c.attend(t)
		_, q, pool := c.inputs()
		tolerance := map[Elem]float64{F32: 2e-5, BF16: 1.0 / 256}[k.Elem] // a weight is rounded by up to 1/512
		for i := range k.B * k.T * k.H {
			b, token, h := i/k.H/k.T, i/k.H%k.T, i%k.H
			position := c.starts[b] + token
			if token >= c.lengths[b] {
				position = -1
			}
			scores := make([]float64, position+1)
			most, sum := math.Inf(-1), 0.0
			for at := range scores {
				for e := range k.E {
					scores[at] += float64(q[i*k.E+e]) * float64(pool[c.slot(b, h/(k.H/k.K), at)*k.E+e])
				}
				most = max(most, scores[at])
			}
			for at, s := range scores {
				scores[at] = math.Exp(s - most)
				sum += scores[at]
			}
			for e := range k.E {
				want, size := 0.0, 0.0
				for at, s := range scores {
					v := float64(pool[c.slot(b, k.K+h/(k.H/k.K), at)*k.E+e])
					want += s / sum * v
					size += s / sum * math.Abs(v)
				}
				bound := tolerance * size
				if k.Into == BF16 {
					bound += math.Abs(want) / 256
				}
				off := math.Abs(float64(got[i*k.E+e]) - want)
				if !(off <= bound) {
					t.Fatalf("case %d, row %d, token %d, head %d: [%d] = %g, want %g ± %g: %+v", number, b, token, h, e,
						got[i*k.E+e], want, bound, c)
				}
				if k.Into == F32 && size > 0 {
					largest[k.Elem] = max(largest[k.Elem], off/size)
				}
			}
		}
	}
	t.Logf("largest differences, in shares of the weighted magnitudes: float32 %.2g, bfloat16 %.2g", largest[F32],
		largest[BF16])
}

// TestPagedAttentionIsInvariant: a row has the same bits beside other rows, in pages of another size, and where
// page tables are longer, so that the context has more parts.
func TestPagedAttentionIsInvariant(t *testing.T) {
	t.Logf("-seed %d -cases %d", *seed, *cases)
	longer := 0
	for number := range *cases / 2 {
		r := rand.New(rand.NewPCG(*seed, uint64(1<<20+number)))
		c := drawCase(r)
		want := c.attend(t)
		other := attentionCase{seed: c.seed}
		order := r.Perm(c.kernel.B)[:1+r.IntN(c.kernel.B)]
		for _, row := range order {
			other.starts, other.lengths = append(other.starts, c.starts[row]), append(other.lengths, c.lengths[row])
			other.sequences = append(other.sequences, c.sequences[row])
		}
		k := c.kernel
		k.B, k.Slots = len(order), 1+r.IntN(40)
		context := c.kernel.Pages * c.kernel.Slots
		if r.IntN(2) == 0 {
			context += r.IntN(2 * k.Part())
		}
		other.place(r, k, context)
		if other.kernel.Parts() > c.kernel.Parts() {
			longer++
		}
		got := other.attend(t)
		n := k.T * k.H * k.E
		for i, row := range order {
			if !slices.Equal(got[i*n:(i+1)*n], want[row*n:(row+1)*n]) {
				t.Fatalf("case %d: row %d has other bits alone: %+v and %+v", number, row, c, other)
			}
		}
	}
	if longer < *cases/20 {
		t.Errorf("in %d cases the context had more parts", longer)
	}
}

// TestBadPages: a page id that is none of the pool's is not followed, and its keys count as missing.
func TestBadPages(t *testing.T) {
	for _, tokens := range []int{1, 3} {
		k := PagedAttention{B: 1, T: tokens, H: 2, K: 1, E: 16, Slots: 8, Elem: F32, Into: F32}
		c := attentionCase{seed: 3, starts: []int{30}, lengths: []int{tokens}, sequences: []int{0}}
		c.place(rand.New(rand.NewPCG(5, 6)), k, 40)
		feed, q, pool := c.inputs()
		attend := func(feed []int32) []float32 {
			out := make([]float32, len(q))
			p, err := Parse(c.kernel.Attend().Text)
			if err == nil {
				memory := []*Buffer{{F32: q}, {F32: pool}, {I32: feed}, {F32: out}}
				err = p.Run(c.kernel.Attend().Grid, memory, 1)
			}
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		whole := attend(feed)
		for page := range 5 { // 30 to 32 and what is before lie in five pages
			for _, id := range []int32{-1, math.MinInt32, int32(c.kernel.Count), math.MaxInt32} {
				bad := slices.Clone(feed)
				bad[2+page] = id
				got := attend(bad)
				changed := !slices.Equal(got, whole)
				finite := !slices.ContainsFunc(got, func(x float32) bool { return x != x || x > 10 || x < -10 })
				reached := page < (30+tokens+7)/8
				if changed != reached || !finite {
					t.Errorf("%d tokens, page %d of id %d: changed %v, want %v, %g", tokens, page, id, changed, reached,
						got)
				}
			}
		}
		none := slices.Clone(feed)
		for i := range 5 {
			none[2+i] = -1
		}
		if got := attend(none); slices.ContainsFunc(got, func(x float32) bool { return x != 0 }) {
			t.Errorf("without a page the result is %g", got)
		}
	}
}

// TestCheck: sizes that the kernel cannot have are refused.
func TestCheck(t *testing.T) {
	good := PagedAttention{B: 2, T: 1, H: 4, K: 2, E: 64, Count: 10, Slots: 16, Pages: 8, Columns: 10, Elem: BF16,
		Into: F32}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*PagedAttention){
		"no multiple":         func(k *PagedAttention) { k.H = 5 },
		"wider":               func(k *PagedAttention) { k.E = 257 },
		"are \"i32\" and":     func(k *PagedAttention) { k.Elem = I32 },
		"slots":               func(k *PagedAttention) { k.Count = 1 << 27 },
		"numbers":             func(k *PagedAttention) { k.B, k.T, k.Pages = 1<<10, 1<<10, 1<<10 },
		"less than 1":         func(k *PagedAttention) { k.Slots = 0 },
		"context":             func(k *PagedAttention) { k.Pages = 1 << 28 },
		"larger than a GPU's": func(k *PagedAttention) { k.K, k.H, k.E = 1<<16, 1<<16, 1 },
	} {
		k := good
		change(&k)
		if err := k.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
