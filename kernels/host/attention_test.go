package host

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

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
