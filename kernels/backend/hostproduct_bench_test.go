package backend

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"golang.org/x/sys/unix"
)

// BenchmarkLinear times the three products of a linear layer in training, y = x·wᵀ, dx = dy·w and
// dw = dyᵀ·x, by host kernels and by XLA in turn: of each the best run, whichever of the two the
// machine's tier would have. STELE_CPU caps both. Layers are those of SmolLM2-135M and
// Qwen2.5-0.5B; head is a block of the vocabulary.
func BenchmarkLinear(b *testing.B) {
	d, err := Open("xla:cpu")
	if err != nil {
		b.Skip(err)
	}
	defer d.Close()
	byHost := *d
	if _, err := d.backend(); err != nil {
		b.Fatal(err)
	}
	byHost.products, byHost.leaveToXLA = d.products, func(hostProduct) error { return nil }
	for _, dtype := range []dtypes.DType{dtypes.Float32, dtypes.BFloat16} {
		for _, layer := range []struct {
			name    string
			in, out int
		}{
			{"SmolLM2/q", 576, 576}, {"SmolLM2/kv", 576, 192}, {"SmolLM2/up", 576, 1536},
			{"SmolLM2/down", 1536, 576}, {"SmolLM2/head", 576, 16384},
			{"Qwen/q", 896, 896}, {"Qwen/kv", 896, 128}, {"Qwen/up", 896, 4864},
			{"Qwen/down", 4864, 896}, {"Qwen/head", 896, 16384},
		} {
			for _, N := range []int{256, 1024, 4096} {
				x, w, dy := [2]int{N, layer.in}, [2]int{layer.out, layer.in}, [2]int{N, layer.out}
				for _, p := range []struct {
					name        string
					a, b        [2]int
					left, right int
				}{{"y", x, w, 1, 1}, {"dx", dy, w, 1, 0}, {"dw", dy, x, 0, 0}} {
					name := fmt.Sprintf("%s/%s/%d/%s", strings.ToLower(dtype.String()), layer.name, N, p.name)
					b.Run(name, func(b *testing.B) {
						compareProduct(b, &byHost, d.WithoutHostCalls(), dtype, p.a, p.b, p.left, p.right)
					})
				}
			}
		}
	}
}

// compareProduct times a product on two devices in turn.
func compareProduct(
	b *testing.B, byHost, byXLA *Device, dtype dtypes.DType, left, right [2]int, leftAxis, rightAxis int,
) {
	r := rand.New(rand.NewPCG(1, 2))
	upload := func(dims [2]int) Buffer {
		values := make([]float32, dims[0]*dims[1])
		for i := range values {
			values[i] = r.Float32() - 0.5
		}
		buffer, err := UploadFloat32(byXLA, dtype, values, dims[0], dims[1])
		if err != nil {
			b.Fatal(err)
		}
		return buffer
	}
	in := []Buffer{upload(left), upload(right)}
	defer Free(in...)
	devices := [2]*Device{byHost, byXLA}
	var programs [2]*Program
	for i, d := range devices {
		var err error
		programs[i], err = Compile(d, "product", []Input{
			{Name: "a", Shape: shapes.Make(dtype, left[0], left[1])},
			{Name: "b", Shape: shapes.Make(dtype, right[0], right[1])},
		}, func(in []*graph.Node) []*graph.Node {
			dot := graph.Dot(in[0], in[1])
			if dtype != dtypes.Float32 {
				dot = dot.WithAccumulatorDType(dtypes.InvalidDType).WithOutputDType(dtypes.Float32)
			}
			y := dot.General([]int{leftAxis}, nil, []int{rightAxis}, nil)
			// The second output is there when the program is done, and brought here at once.
			first := graph.Slice(in[0], graph.AxisElem(0), graph.AxisElem(0))
			return []*graph.Node{MarkHostProduct(y, leftAxis, rightAxis), graph.ConvertDType(first, dtypes.Float32)}
		})
		if err != nil {
			b.Fatal(err)
		}
		defer programs[i].Close()
	}
	if programs[0].HostProducts() != 1 || programs[1].HostProducts() != 0 {
		b.Fatalf("%d and %d host products, want 1 and 0", programs[0].HostProducts(), programs[1].HostProducts())
	}
	best := [2]time.Duration{time.Hour, time.Hour}
	least := best // of the processor's time
	for b.Loop() {
		for i, p := range programs {
			began, used := time.Now(), processorTime(b)
			out, err := p.Run(in)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := Float32s(out[1]); err != nil {
				b.Fatal(err)
			}
			best[i] = min(best[i], time.Since(began))
			least[i] = min(least[i], processorTime(b)-used)
			Free(out...)
		}
	}
	operations := 2 * float64(left[0]*left[1]) * float64(right[1-rightAxis])
	b.ReportMetric(operations/best[0].Seconds()/1e9, "host-GFLOP/s")
	b.ReportMetric(operations/best[1].Seconds()/1e9, "XLA-GFLOP/s")
	b.ReportMetric(operations/least[0].Seconds()/1e9, "host-GFLOP/CPU-s")
	b.ReportMetric(best[1].Seconds()/best[0].Seconds(), "XLA/host")
	b.ReportMetric(least[1].Seconds()/least[0].Seconds(), "XLA/host-CPU")
	b.ReportMetric(0, "ns/op")
}

// processorTime returns what this process has used: beside other work it says more than the clock, with one
// thread, where none waits for another.
func processorTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
