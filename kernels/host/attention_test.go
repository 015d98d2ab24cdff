package host

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestAttendManyAlike: over a long context where no token stands out the weights keep their digits, on
// every tier. Sums of numbers alike round alike.
func TestAttendManyAlike(t *testing.T) { eachTier(t, testAttendManyAlike) }

func testAttendManyAlike(t *testing.T) {
	const n, E, slots = 32768, 32, 16
	pool, err := NewPool(1, n/slots, slots, 1, E, false)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var table []int32
	for i := range n / slots {
		table = append(table, int32(i))
	}
	want, sum := make([]float64, E), 0.0
	for i := range n {
		key, value := make([]float32, E), make([]float32, E)
		if key[3] = float32(i%16)/64 - 3; i == 0 {
			key[3] = 0.3 - 3
		}
		weight := math.Exp(float64(key[3]))
		if e := i / (n / E); i%(n/E) == 0 {
			value[e], want[e] = 1, weight
		}
		pool.Write(0, 0, table, i, key, value)
		sum += weight
	}
	q, out := make([]float32, E), make([]float32, E)
	q[3] = 1
	pool.Attend(0, 0, table, n-1, 1, q, out, E, 1, &Scratch{})
	for e, got := range out {
		if math.Abs(float64(got)*sum-want[e]) > 5e-6*want[e] {
			t.Fatalf("element %d is %.9g, want %.9g", e, got, want[e]/sum)
		}
	}
}

// TestAttendBlocks: over contexts of several blocks a token's attention is that of the definition, and the
// same bits whatever tokens are beside it, how pages are cut and whether keys and values are copied from
// them.
func TestAttendBlocks(t *testing.T) { eachTier(t, testAttendBlocks) }

func testAttendBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	const heads, most = 2, 2*attendBlock + 77
	for _, half := range []bool{false, true} {
		for _, shape := range [][2]int{{3, 64}, {7, 64}, {2, 96}, {4, 16}} {
			G, E := shape[0], shape[1]
			keys, values, q := random(r, most*heads*E), random(r, most*heads*E), random(r, most*G*E)
			for i := range q {
				q[i] *= 0.4
			}
			first := map[bool][]float32{} // with pairs and without
			for _, slots := range []int{16, 24, 5, 64} {
				pages := (most + slots - 1) / slots
				pool, err := NewPool(1, pages+2, slots, heads, E, half)
				if err != nil {
					t.Fatal(err)
				}
				for i := range pool.f32 {
					fill(pool.f32[i], float32(math.NaN()))
				}
				for i := range pool.bf16 {
					fill(pool.bf16[i], 0x7fc0)
				}
				var table []int32
				for _, page := range r.Perm(pages + 2)[:pages] {
					table = append(table, int32(page))
				}
				for i := range most {
					for head := range heads {
						at := (i*heads + head) * E
						pool.Write(0, head, table, i, keys[at:at+E], values[at:at+E])
					}
				}
				// Tokens around the ends of blocks, alone and many together.
				for _, span := range [][2]int{{0, 60}, {470, 61}, {attendBlock - 1, 1}, {attendBlock, 1},
					{attendBlock + 1, 1}, {2*attendBlock - 9, 20}, {most - 41, 41}, {most - 2, 2}} {
					position, tokens := span[0], span[1]
					together, s := make([]float32, tokens*G*E), &Scratch{}
					pool.Attend(0, 1, table, position, tokens, q[position*G*E:], together, G*E, G, s)
					for token := 0; token < tokens; token += max(1, tokens/4) {
						at := position + token
						alone := make([]float32, G*E)
						pool.Attend(0, 1, table, at, 1, q[at*G*E:(at+1)*G*E], alone, G*E, G, s)
						if !slices.Equal(alone, together[token*G*E:(token+1)*G*E]) {
							t.Fatalf("half %v, %v, pages of %d: position %d has other bits among %d tokens", half,
								shape, slots, at, tokens)
						}
					}
					if position != most-41 {
						continue
					}
					last := together[len(together)-G*E:]
					if want := first[pool.pairs]; want == nil {
						first[pool.pairs] = last
						checkAttention(t, pool, last, q[(most-1)*G*E:], keys[E:], values[E:], most, G, E, heads*E)
					} else if !slices.Equal(last, want) {
						t.Errorf("half %v, %v: pages of %d give other bits", half, shape, slots)
					}
				}
				pool.Close()
			}
		}
	}
}

// checkAttention compares out [G, E], the attention of a token over n keys and values, ld numbers
// apart, with the definition.
func checkAttention(t *testing.T, p *Pool, out, q, keys, values []float32, n, G, E, ld int) {
	t.Helper()
	held := func(v float32) float64 {
		if p.half {
			return float64(math.Float32frombits(uint32(bfloat16Bits(v)) << 16))
		}
		return float64(v)
	}
	query, bound := func(v float32) float64 { return float64(v) }, 2e-5
	if p.pairs {
		query, bound = held, 4e-3
	}
	for g := range G {
		want, sum := make([]float64, E), 0.0
		for i := range n {
			score := 0.0
			for e := range E {
				score += query(q[g*E+e]) * held(keys[i*ld+e])
			}
			weight := math.Exp(score)
			sum += weight
			for e := range E {
				want[e] += weight * held(values[i*ld+e])
			}
		}
		for e := range E {
			if got := float64(out[g*E+e]); !(math.Abs(got-want[e]/sum) < bound) {
				t.Fatalf("half %v, %d wide: out[%d][%d] = %g, want %g", p.half, E, g, e, got, want[e]/sum)
			}
		}
	}
}

func fill[T any](x []T, v T) {
	for i := range x {
		x[i] = v
	}
}

// BenchmarkAttend reports what one token's attention in three query heads takes where
// keys and values of 1,024 tokens are in the caches and where they are in memory, of the
// best run.
func BenchmarkAttend(b *testing.B) {
	const E, G, n, slots, heads = 64, 3, 1024, 16, 256
	r := rand.New(rand.NewPCG(1, 2))
	for _, half := range []bool{false, true} {
		pool, err := NewPool(1, n/slots, slots, heads, E, half)
		if err != nil {
			b.Fatal(err)
		}
		var table []int32
		for i := range n / slots {
			table = append(table, int32(i))
		}
		for i := range n {
			for head := range heads {
				pool.Write(0, head, table, i, random(r, E), random(r, E))
			}
		}
		q, out, s := random(r, G*E), make([]float32, G*E), &Scratch{}
		for _, cold := range []bool{false, true} {
			b.Run(fmt.Sprintf("half=%v/cold=%v", half, cold), func(b *testing.B) {
				best, head := time.Hour, 0
				for b.Loop() {
					if cold {
						head = (head + 1) % heads
					}
					began := time.Now()
					pool.Attend(0, head, table, n-1, 1, q, out, G*E, G, s)
					best = min(best, time.Since(began))
				}
				b.ReportMetric(float64(best.Nanoseconds()), "best-ns")
				b.ReportMetric(float64(2*n*E*int(pool.size()))/best.Seconds()/1e9, "GB/s")
			})
		}
		pool.Close()
	}
}

// TestWriteBeside: tokens that lie beside each other in a page are written at the same time, each by a thread of its
// own, and neither loses what it writes.
func TestWriteBeside(t *testing.T) { eachTier(t, testWriteBeside) }

func testWriteBeside(t *testing.T) {
	const E, slots, rounds = 64, 16, 2000
	for _, half := range []bool{false, true} {
		pool, err := NewPool(1, 1, slots, 1, E, half)
		if err != nil {
			t.Fatal(err)
		}
		table, read := []int32{0}, make([]float32, E)
		for round := range rounds {
			var wait sync.WaitGroup
			for slot := range slots {
				wait.Go(func() {
					row := make([]float32, E)
					for e := range row {
						row[e] = float32(1 + (round+slot+e)%100) // which bfloat16 has
					}
					pool.Write(0, 0, table, slot, row, row)
				})
			}
			wait.Wait()
			// A query of zeroes weighs all alike: what it sees is their mean.
			var s Scratch
			query := make([]float32, E)
			pool.Attend(0, 0, table, slots-1, 1, query, read, E, 1, &s)
			for e, got := range read {
				want := 0.0
				for slot := range slots {
					want += float64(1+(round+slot+e)%100) / slots
				}
				if math.Abs(float64(got)-want) > 0.02*want {
					t.Fatalf("round %d: the mean of value %d is %g, want %g", round, e, got, want)
				}
			}
		}
		pool.Close()
	}
}
