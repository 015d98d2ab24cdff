package engine

import (
	"context"
	"fmt"
	"testing"
)

// BenchmarkPool shows that a decode step costs the same whatever the size of the
// key-value pool: 64 MiB and 2 GiB, in every setup that is here.
func BenchmarkPool(b *testing.B) {
	for _, f := range []setup{{"go", KernelsHost, ""}, {"xla:cpu", KernelsGraph, ""},
		{"xla:cuda", KernelsGraph, ""}} {
		for _, mebibytes := range []int{64, 2048} {
			b.Run(fmt.Sprintf("%s/%d MiB", f, mebibytes), func(b *testing.B) {
				// Of builtin:tiny: layers, keys and values, heads, width, bytes.
				const perToken = 4 * 2 * 2 * 32 * 4
				e, err := Load("builtin:tiny",
					Options{Backend: f.backend, Kernels: f.kernels, PoolTokens: mebibytes << 20 / perToken})
				if err != nil {
					b.Skipf("%s is not here: %v", f, err)
				}
				defer e.Close()
				const tokens = 256
				speed, err := e.BenchDecode(context.Background(), 0, 8, tokens, 3)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(8/speed.Mean*1e6, "µs/step")
			})
		}
	}
}
