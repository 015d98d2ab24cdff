package memory

import (
	"testing"

	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// TestMemoryLinear: what XLA assigns to a gradient pass of 4096 tokens does not grow with the
// length of its sequences, packed or continuing prompts, with and without remat.
func TestMemoryLinear(t *testing.T) {
	d := trainertest.OpenDevice(t, "xla:cpu")
	p := fitPass{D: 128, I: 512, H: 4, K: 2, E: 32, V: 2048, L: 2, prompt: 64, completion: 64, group: 1, micro: 4096}
	for i := range p.assigned { // with attention as a graph and, where the CPU has it, host attention
		w := p.workload(i)
		if d.HostAttention() != nil {
			w.AttentionThreads = 0
		}
		temporary := func(shape dense.Shape) int64 {
			bytes := xlas(t, d, w, shape)
			t.Logf("remat %v, %d threads of attention, %+v: %.1f MiB", w.Remat, w.AttentionThreads, shape,
				float64(bytes)/(1<<20))
			return bytes
		}
		short := temporary(dense.Shape{B: 8, T: 512, N: 2048})
		for _, long := range []dense.Shape{
			{B: 1, T: 4096, N: 2048}, {B: 2, T: 1536, Group: 2, Prompt: 1024, N: 2048},
			{B: 1, T: 2048, Group: 1, Prompt: 2048, N: 2048},
		} {
			if bytes := temporary(long); float64(bytes) > 1.15*float64(short) {
				t.Errorf("remat %v, %d threads of attention, %+v: %d bytes, %d with sequences of 512", w.Remat,
					w.AttentionThreads, long, bytes, short)
			}
		}
	}
}
