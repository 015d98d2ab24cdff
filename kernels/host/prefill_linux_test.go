package host

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkPrefill reports the processor's floating-point operations a second in the attention of whole
// prompts in query heads that share a key-value head: 4 for each query, key and dimension of a head.
func BenchmarkPrefill(b *testing.B) {
	const E, slots = 64, 16
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{512, 2048, 8192} {
		for _, half := range []bool{false, true} {
			for _, G := range []int{3, 7} {
				b.Run(fmt.Sprintf("tokens=%d/half=%v/G=%d", n, half, G), func(b *testing.B) {
					runtime.LockOSThread()
					defer runtime.UnlockOSThread()
					pool, err := NewPool(1, n/slots, slots, 1, E, half)
					if err != nil {
						b.Fatal(err)
					}
					defer pool.Close()
					var table []int32
					for i := range n / slots {
						table = append(table, int32(i))
					}
					for i := range n {
						pool.Write(0, 0, table, i, random(r, E), random(r, E))
					}
					q, out, s := random(r, n*G*E), make([]float32, n*G*E), &Scratch{}
					T, best := AttendTokens(G), time.Hour
					for b.Loop() {
						began := processorTime(b)
						for from := 0; from < n; from += T {
							pool.Attend(0, 0, table, from, min(T, n-from), q[from*G*E:], out[from*G*E:], G*E, G, s)
						}
						best = min(best, processorTime(b)-began)
					}
					b.ReportMetric(float64(n)*float64(n+1)/2*4*float64(G*E)/best.Seconds()/1e9, "GFLOP/s")
				})
			}
		}
	}
}

// processorTime returns what this thread has used: beside other work it says more than the clock.
func processorTime(b *testing.B) time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
		b.Fatal(err)
	}
	return time.Duration(now.Nano())
}
