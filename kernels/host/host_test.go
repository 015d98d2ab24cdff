package host

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stele-lm/stele/kernels/blockwise"
)

func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// source is values [out, in] that copies are made of.
func source(values []float32, out, in int) Source {
	return Source{Out: out, In: in, Row: func(dst []float32, o int) { copy(dst, values[o*in:(o+1)*in]) }}
}

// matrices returns a matrix in float32, bfloat16, int8, w8a8 and int4.
func matrices(t testing.TB, values []float32, out, in int) map[string]Matrix {
	t.Helper()
	m, from := Float32Matrix(values, out, in), source(values, out, in)
	var memory Memory
	t.Cleanup(memory.Close)
	rounded, err := RoundedMatrix(NewTeam(1), &memory, from)
	if err != nil {
		t.Fatal(err)
	}
	quantised, err := Int8Matrix(NewTeam(1), &memory, from)
	if err != nil {
		t.Fatal(err)
	}
	nibbles, err := Int4Matrix(NewTeam(1), &memory, from)
	if err != nil {
		t.Fatal(err)
	}
	bytes, err := W8A8Matrix(NewTeam(1), &memory, from)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]Matrix{
		"float32": m, "bfloat16": rounded, "int8": quantised, "w8a8": bytes, "int4": nibbles,
	}
}

// emulated has the first of tiers multiply by kernels of AMX that are interpreted, where it has the width for
// them and is not one with AMX itself.
var emulated = func(*tier) *tier { return nil }

// eachTier runs a test as on every kind of machine that this one can stand for; with -short in plain Go
// and on the tier in force: make tiers puts each of them in force, and goroutines are the same on all.
func eachTier(t *testing.T, test func(t *testing.T)) {
	all := tiers
	defer func() { tiers = all }()
	kinds := [][]*tier{nil}
	if len(all) > 0 {
		if one := emulated(all[0]); one != nil {
			kinds = append(kinds, append([]*tier{one}, all[1:]...))
		}
	}
	for i, one := range all {
		if i > 0 && testing.Short() {
			break
		}
		kinds = append(kinds, all[i:])
		if one.dot[formatBF16] != nil {
			without := *one
			without.dot[formatBF16] = nil
			kinds = append(kinds, append([]*tier{&without}, all[i+1:]...))
		}
	}
	for _, tiers = range kinds {
		t.Run(Tier().String(), test)
	}
}

func multiply(t *Team, m *Matrix, x []float32, n int) []float32 {
	y := make([]float32, n*m.Out)
	rows := &Rows{}
	rows.Set(t, x, n, m.In, m)
	scratch := make([]Scratch, t.Size())
	t.RunRanges(m.Blocks(), func(first, end, member int) {
		m.Product(rows, y, m.Out, first, end, &scratch[member])
	})
	return y
}

// TestProduct compares every format with a product in float64 of the values that it
// stands for, over shapes with and without rests, and each row with the same row
// alone, bit for bit.
func TestProduct(t *testing.T) { eachTier(t, testProduct) }

func testProduct(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	team := NewTeam(3)
	defer team.Close()
	for _, shape := range [][3]int{
		{1, 64, 64}, {2, 33, 48}, {3, 100, 176}, {5, 130, 576},
		{25, 36, 896}, {100, 7, 1536}, {7, 40, 20}, {64, 64, 4864}, {43, 72, 1600},
	} {
		n, out, in := shape[0], shape[1], shape[2]
		values, x := random(r, out*in), random(r, n*in)
		for name, m := range matrices(t, values, out, in) {
			y := multiply(team, &m, x, n)
			row := make([]float32, in)
			for o := range out {
				m.Row(row, o)
				for i := range n {
					want, size := 0.0, 0.0
					for k, w := range row {
						a := x[i*in+k]
						if m.format == formatBF16 {
							a = math.Float32frombits(uint32(bfloat16Bits(a)) << 16)
						}
						p := float64(w) * float64(a)
						want += p
						size += p * p
					}
					// Activations beside int8 weights have 14 bits of the largest one, beside those in
					// spans 8.
					bound := 1e-5 * math.Sqrt(size)
					switch name {
					case "int8":
						bound = 1e-3 * math.Sqrt(size)
					case "int4", "w8a8":
						bound = 0.04 * math.Sqrt(size)
					}
					if got := float64(y[i*out+o]); math.Abs(got-want) > bound {
						t.Fatalf("%s %v: y[%d][%d] = %g, want %g", m.String(), shape, i, o, got, want)
					}
				}
			}
			for i := range n {
				alone := multiply(team, &m, x[i*in:(i+1)*in], 1)
				if !slices.Equal(alone, y[i*out:(i+1)*out]) {
					t.Fatalf("%s %v: row %d alone has other bits", m.String(), shape, i)
				}
			}
		}
	}
}

// TestPlain: plain Go, for machines without AVX2, agrees with the
// vector kernels up to rounding.
func TestPlain(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	team := NewTeam(1)
	const n, out, in = 5, 40, 576
	x := random(r, n*in)
	for name, m := range matrices(t, random(r, out*in), out, in) {
		want := multiply(team, &m, x, n)
		rows := &Rows{}
		rows.Set(team, x, n, in, &m)
		got := make([]float32, n*out)
		m.plain(rows, got, out, 0, out)
		for i := range got {
			if math.Abs(float64(got[i]-want[i])) > 2e-4 {
				t.Errorf("%s: plain %g, vector %g", name, got[i], want[i])
			}
		}
	}
	for _, n := range []int{1, 8, 64, 77} {
		a, b := random(r, n), random(r, n)
		for i := range a {
			a[i] *= 10
		}
		compare := func(what string, got, want []float32) {
			t.Helper()
			for i := range got {
				if math.Abs(float64(got[i]-want[i])) > 2e-6*(1+math.Abs(float64(want[i]))) {
					t.Errorf("%s of %d: element %d is %g, want %g", what, n, i, got[i], want[i])
				}
			}
		}
		got, want := slices.Clone(a), slices.Clone(a)
		SiLUMul(got, b)
		siluMulScalar(want, b)
		compare("SiLUMul", got, want)
		gates, ups := random(r, 3*(n+5)), random(r, 3*(n+5))
		wanted := slices.Clone(gates)
		SiLUMulRows(gates, ups, 3, n+5, n)
		for row := range 3 {
			at := row * (n + 5)
			siluMulScalar(wanted[at:at+n], ups[at:at+n])
		}
		compare("SiLUMulRows", gates, wanted)
		scores := make([]float32, (n+15)&^15)
		for i := range scores {
			scores[i] = hiddenScore
		}
		copy(scores, a)
		want = slices.Clone(a)
		top := largestScore(a)
		sums := []float32{exponentials(scores, n, top)}
		compare("the sum of exponentials", sums, []float32{expRowScalar(want, top)})
		compare("exponentials", scores[:n], want)
		got, want = slices.Clone(a), slices.Clone(a)
		RMSNorm(got, a, b, 1e-6)
		rmsNormScalar(want, a, b, 1e-6)
		compare("RMSNorm", got, want)
		got, want = slices.Clone(a), slices.Clone(a)
		Add(got, b)
		addScalar(want, b)
		if !slices.Equal(got, want) {
			t.Errorf("Add of %d: %v, want %v", n, got, want)
		}
		x, m := random(r, 5), random(r, 4*(n+3)+n)
		got, want = slices.Clone(a), slices.Clone(a)
		AddRows(got, x, m, n+3)
		addRowsScalar(want, x, m, n+3)
		compare("AddRows", got, want)
	}
}

// TestQuantize: vectors round as plain Go does, a row of zeros stays one, and what is not a number
// is not lost.
func TestQuantize(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	x := random(r, 512)
	got, want := make([]int16, len(x)), make([]int16, len(x))
	if a, b := quantize(got, x), quantizeScalar(want, x); a != b || !slices.Equal(got, want) {
		t.Errorf("scales %g and %g, equal levels: %v", a, b, slices.Equal(got, want))
	}
	clear(x)
	if scale := quantize(got, x); scale != 0 || slices.Max(got) != 0 {
		t.Errorf("zeros have scale %g, largest level %d", scale, slices.Max(got))
	}
	x[70] = float32(math.NaN())
	if a, b := quantize(got, x), quantizeScalar(want, x); !math.IsNaN(float64(a)) || !math.IsNaN(float64(b)) {
		t.Errorf("scales %g and %g of a row with NaN", a, b)
	}
}

// TestAttend compares attention over shuffled pages of a pool that is full of
// garbage with the definition, and page sizes with each other, bit for bit.
func TestAttend(t *testing.T) { eachTier(t, testAttend) }

func testAttend(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, half := range []bool{false, true} {
		for _, shape := range [][2]int{{3, 64}, {7, 64}, {1, 128}, {4, 16}, {2, 20}} {
			G, E := shape[0], shape[1]
			const heads, context = 2, 45
			keys, values, q := random(r, context*heads*E), random(r, context*heads*E), random(r, G*E)
			for i := range q {
				q[i] /= float32(math.Sqrt(float64(E)))
			}
			round := func(v float32) float64 {
				if half {
					return float64(math.Float32frombits(uint32(bfloat16Bits(v)) << 16))
				}
				return float64(v)
			}
			first := map[bool][]float32{} // with pairs and without
			for _, slots := range []int{1, 2, 4, 6, 16, 24, 64} {
				pages := (context+slots-1)/slots + 3
				pool, err := NewPool(1, pages, slots, heads, E, half)
				if err != nil {
					t.Fatal(err)
				}
				defer pool.Close()
				// Beside pairs queries and probabilities are rounded, too.
				query, bound := func(v float32) float64 { return float64(v) }, 1e-5
				if pool.pairs {
					query, bound = round, 4e-3 // 2^-9 of each value, the largest of which are 2
				}
				for _, p := range pool.f32 {
					for i := range p {
						p[i] = float32(math.NaN())
					}
				}
				for _, p := range pool.bf16 {
					for i := range p {
						p[i] = 0x7fc0
					}
				}
				var table []int32
				for _, b := range r.Perm(pages)[:(context+slots-1)/slots] {
					table = append(table, int32(b))
				}
				for i := range context {
					for head := range heads {
						at := (i*heads + head) * E
						pool.Write(0, head, table, i, keys[at:at+E], values[at:at+E])
					}
				}
				for _, n := range []int{1, 7, context} {
					out := make([]float32, G*E)
					pool.Attend(0, 1, table, n-1, 1, q, out, G*E, G, &Scratch{})
					for g := range G {
						weights, sum := make([]float64, n), 0.0
						for i := range weights {
							for e := range E {
								weights[i] += query(q[g*E+e]) * round(keys[(i*heads+1)*E+e])
							}
							weights[i] = math.Exp(weights[i])
							sum += weights[i]
						}
						for e := range E {
							want := 0.0
							for i, w := range weights {
								want += w / sum * round(values[(i*heads+1)*E+e])
							}
							if got := float64(out[g*E+e]); !(math.Abs(got-want) < bound) {
								t.Fatalf("half %v, %v, pages of %d, context %d: out[%d][%d] = %g, want %g",
									half, shape, slots, n, g, e, got, want)
							}
						}
					}
					// Together with the tokens before it the token comes to the same bits.
					if n > 3 {
						many, some := append(random(r, 2*G*E), q...), make([]float32, 3*G*E)
						pool.Attend(0, 1, table, n-3, 3, many, some, G*E, G, &Scratch{})
						if !slices.Equal(some[2*G*E:], out) {
							t.Errorf("half %v, %v, pages of %d, context %d: other bits for three tokens",
								half, shape, slots, n)
						}
					}
					if n == context {
						if first[pool.pairs] == nil {
							first[pool.pairs] = out
						} else if !slices.Equal(first[pool.pairs], out) {
							t.Errorf("half %v, %v: pages of %d give other bits", half, shape, slots)
						}
					}
				}
			}
		}
	}
}

// TestTeam: every index runs once, on every size of team, loop after loop, one by one and
// in ranges, and whatever is fetched ahead meanwhile.
func TestTeam(t *testing.T) {
	weights := Float32Matrix(make([]float32, 300*70), 300, 70)
	for _, size := range []int{1, 2, 5} {
		team := NewTeam(size)
		one, two := NewPrefetchPlan(team, &weights), NewPrefetchPlan(team, &weights, &weights)
		plans := []*PrefetchPlan{nil, one, two}
		for round := range 300 {
			n := round % 40
			counts := make([]atomic.Int32, n)
			once := func(i, member int) {
				if member < 0 || member >= size {
					t.Errorf("member %d of %d", member, size)
				}
				counts[i].Add(1)
			}
			team.SetPrefetch(plans[round%3])
			if round%2 == 0 {
				team.Run(n, once)
			} else {
				team.RunRanges(n, func(from, to, member int) {
					for i := from; i < to; i++ {
						once(i, member)
					}
				})
			}
			for i := range counts {
				if c := counts[i].Load(); c != 1 {
					t.Fatalf("team of %d, loop of %d: index %d ran %d times", size, n, i, c)
				}
			}
		}
		team.Close()
	}
}

// TestPrefetchPlan: each member's chunks begin where its range of the loop does, in the four
// streams of each matrix, and lie within it.
func TestPrefetchPlan(t *testing.T) {
	team := NewTeam(3)
	defer team.Close()
	a := Float32Matrix(make([]float32, 100*8), 100, 8)     // 4 blocks
	b := Float32Matrix(make([]float32, 2000*40), 2000, 40) // 63
	type start struct {
		m       *Matrix
		output  int
		quarter int // outputs from stream to stream
	}
	chunks := NewPrefetchPlan(team, &a, &b).chunks
	for member, want := range [][]start{
		{{&a, 0, 25}, {&b, 0, 13 * blockOut / 4}}, // three quarters of 22 blocks
		{{&b, (22 - 4) * blockOut, 17 * blockOut / 4}},
		{{&b, (44 - 4) * blockOut, 18 * blockOut / 4}}, // of 23
	} {
		got := chunks[member]
		for _, s := range want {
			bytes := s.quarter * s.m.In * 4
			for i := range 4 {
				if from, _ := s.m.address(s.output+i*s.quarter, 0); got[i] != from {
					t.Errorf("member %d: stream %d of %v is %d bytes off",
						member, i, s.m, uintptr(got[i])-uintptr(from))
				}
			}
			got = got[min(len(got), 4*((bytes+prefetchChunk-1)/prefetchChunk)):]
		}
		if len(got) > 0 {
			t.Errorf("member %d fetches %d chunks more", member, len(got))
		}
	}
}

// BenchmarkProduct reports the speed of a product of Qwen2.5-0.5B's MLP: of the best
// run, because a machine may have others to serve.
func BenchmarkProduct(b *testing.B) {
	all := tiers
	defer func() { tiers = all }()
	for i, tier := range all {
		tiers = all[i:]
		b.Run(fmt.Sprintf("%dbits", 32*tier.lanes), benchmarkProduct)
	}
}

func benchmarkProduct(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	team := NewTeam(0)
	defer team.Close()
	const out, in, copies = 4864, 896, 40 // more than the caches hold
	all := map[string][]Matrix{}
	for range copies {
		for name, m := range matrices(b, random(r, out*in), out, in) {
			all[name] = append(all[name], m)
		}
	}
	for _, name := range []string{"float32", "bfloat16", "int8", "w8a8", "int4"} {
		for _, n := range []int{1, 4, 16, 64, 512} {
			b.Run(fmt.Sprintf("%s/rows=%d", name, n), func(b *testing.B) {
				x, y := random(r, n*in), make([]float32, n*out)
				rows := &Rows{}
				scratch := make([]Scratch, team.Size())
				i, best, read := 0, time.Hour, time.Hour
				for b.Loop() {
					m := &all[name][i%copies]
					began := time.Now()
					rows.Set(team, x, n, in, m)
					team.RunRanges(m.Blocks(), func(first, end, member int) {
						m.Product(rows, y, out, first, end, &scratch[member])
					})
					best = min(best, time.Since(began))
					if n == 1 { // the same without arithmetic, of another matrix
						m = &all[name][(i+copies/2)%copies]
						began = time.Now()
						team.RunRanges(m.Blocks(), func(first, end, member int) {
							m.Read(first, end, &scratch[member])
						})
						read = min(read, time.Since(began))
					}
					i++
				}
				seconds := best.Seconds()
				b.ReportMetric(2*float64(n*out*in)/seconds/1e9, "GFLOP/s")
				b.ReportMetric(float64(all[name][0].Bytes())/seconds/1e9, "GB/s")
				if n == 1 {
					b.ReportMetric(read.Seconds()/seconds, "of-read")
				}
			})
		}
	}
}

// TestBlockwiseMatrix: products with a matrix that is held block-wise are bit for bit those of the decoded
// matrix, whatever the number of rows and in whichever parts; so are its rows.
func TestBlockwiseMatrix(t *testing.T) { eachTier(t, testBlockwiseMatrix) }

func testBlockwiseMatrix(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	team := NewTeam(3)
	defer team.Close()
	for _, shape := range [][2]int{{64, 64}, {33, 48}, {130, 576}, {7, 33}, {40, 1600}} {
		out, in := shape[0], shape[1]
		for _, f := range []blockwise.Format{
			{Code: blockwise.NF4}, {Code: blockwise.NF4, Double: true},
			{Code: blockwise.Int8}, {Code: blockwise.Int8, Double: true},
		} {
			for _, half := range []bool{false, true} {
				numbers, err := f.Quantize(random(r, out*in))
				if err != nil {
					t.Fatal(err)
				}
				numbers.Rounded = half
				m := BlockwiseMatrix(numbers, out, in, half)
				values, bits := make([]float32, out*in), make([]uint16, out*in)
				numbers.Decode(values, 0)
				narrow(bits, values)
				decoded := Float32Matrix(values, out, in)
				if half {
					decoded = BFloat16Matrix(bits, out, in)
				}
				for _, n := range []int{1, 3, 9, 100} {
					x := random(r, n*in)
					if !slices.Equal(multiply(team, &m, x, n), multiply(team, &decoded, x, n)) {
						t.Fatalf("%s %v, bfloat16 %v, %d rows: other bits than of the decoded matrix", m.String(),
							shape, half, n)
					}
				}
				got, want := make([]float32, in), make([]float32, in)
				for o := range out {
					m.Row(got, o)
					if decoded.Row(want, o); !slices.Equal(got, want) {
						t.Fatalf("%s %v, bfloat16 %v: row %d has other bits", m.String(), shape, half, o)
					}
				}
				if m.Bytes() != int(f.Bytes(out*in)) {
					t.Errorf("%s: %d bytes, its format says %d", m.String(), m.Bytes(), f.Bytes(out*in))
				}
				scratch := Scratch{}
				m.Read(0, m.Blocks(), &scratch)
			}
		}
	}
}
