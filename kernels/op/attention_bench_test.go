package op

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
)

// BenchmarkAttention times attention and its gradient, with SmolLM2-135M's heads, on 4096 tokens
// in rows of several lengths, by host kernels and as operations of a graph.
func BenchmarkAttention(b *testing.B) {
	const H, K, E, M = 9, 3, 64, 4096
	r := rand.New(rand.NewPCG(13, 14))
	for _, d := range bothAttentions(kernelstest.Open(b)) {
		if !d.IsXLA() {
			continue
		}
		for _, dtype := range []dtypes.DType{dtypes.Float32, dtypes.BFloat16} {
			for _, T := range []int{128, 256, 512, 1024, 4096} {
				by := "host"
				if d.HostAttention() != nil {
					by = "graph"
				}
				b.Run(fmt.Sprintf("%s/%s/%s/%d", d.Name, by, dtype, T), func(b *testing.B) {
					f32 := dtypes.Float32
					p, err := backend.Compile(d, "attention", []backend.Input{
						{Name: "q", Shape: shapes.Make(f32, M, H, E)}, {Name: "k", Shape: shapes.Make(f32, M, K, E)},
						{Name: "v", Shape: shapes.Make(f32, M, K, E)},
					}, func(in []*Node) []*Node {
						o := benchAttention(in[0], in[1], in[2], T, dtype)
						return Gradient(ReduceAllSum(Mul(o, o)), in[0], in[1], in[2])
					})
					if err != nil {
						b.Fatal(err)
					}
					defer p.Close()
					var in []backend.Buffer
					for _, heads := range []int{H, K, K} {
						x, err := backend.Upload(d, random(r, M*heads*E, 1), M, heads, E)
						if err != nil {
							b.Fatal(err)
						}
						in = append(in, x)
					}
					for b.Loop() {
						out, err := p.Run(in)
						if err != nil {
							b.Fatal(err)
						}
						backend.Free(out...)
					}
					b.ReportMetric(float64(p.Memory().Temporary)/(1<<20), "MiB")
				})
			}
		}
	}
}

func benchAttention(q, keys, values *Node, T int, dtype dtypes.DType) *Node {
	M := q.Shape().Dim(0)
	position := Iota(q.Graph(), shapes.Make(dtypes.Int32, M/T, T), 1)
	return Attention(Sequences{B: M / T, T: T}, q, keys, values, Reshape(position, M), dtype, false)
}
