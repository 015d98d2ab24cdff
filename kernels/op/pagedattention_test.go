package op

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/dtypes/bfloat16"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
	"github.com/stele-lm/stele/kernels/triton"
)

var (
	seed  = flag.Uint64("seed", 1, "of the cases that tests draw")
	drawn = flag.Int("cases", 16, "how many cases tests draw")
)

// TestKernelAttendsAsGraph compares the kernel of paged attention, interpreted, with what a device computes: pages that
// are gathered, or on a GPU the kernel. Sizes, lengths and page tables are drawn.
func TestKernelAttendsAsGraph(t *testing.T) {
	t.Logf("-seed %d -cases %d", *seed, *drawn)
	cases := *drawn
	if testing.Short() {
		cases = min(cases, 4)
	}
	for _, d := range kernelstest.Open(t) {
		for number := range cases {
			r := rand.New(rand.NewPCG(*seed, uint64(number)))
			p := Pages{Slots: 1 + r.IntN(33), Heads: 1 + r.IntN(3), Width: []int{16, 64, 80, 96, 128}[r.IntN(5)],
				DType: []dtypes.DType{dtypes.Float32, dtypes.BFloat16}[number%2]}
			B, T, H := 1+r.IntN(3), 1, p.Heads*(1+r.IntN(8))
			pages := 1 + (100+r.IntN(400))/p.Slots
			if number/2%2 == 1 {
				T, pages = 2+r.IntN(30), 1+(40+r.IntN(80))/p.Slots
			}
			p.Count = B*pages + 1
			at := r.IntN(3)
			columns := at + 2 + pages
			feed, order := make([]int32, B*columns), r.Perm(p.Count-1)
			lengths := make([]int, B)
			for b := range B {
				row := feed[b*columns+at:]
				lengths[b] = r.IntN(T + 1)
				if lengths[b] == 0 {
					continue
				}
				start := r.IntN(pages*p.Slots - lengths[b] + 1)
				row[0], row[1] = int32(start), int32(lengths[b])
				for i := range (start + lengths[b] + p.Slots - 1) / p.Slots {
					row[2+i], order = int32(1+order[0]), order[1:]
				}
			}
			q := random(r, B*T*H*p.Width, 2)
			pool := random(r, p.Shape().Size(), 1)
			name := fmt.Sprintf("%s, case %d: %d × %d tokens, %d heads, %+v", d.Name, number, B, T, H, p)

			program, err := backend.Compile(d, "attend", []backend.Input{
				{Name: "q", Shape: shapes.Make(dtypes.Float32, B, T, H, p.Width)},
				{Name: "pool", Shape: p.Shape()}, {Name: "feed", Shape: shapes.Make(dtypes.Int32, B, columns)},
			}, func(in []*Node) []*Node {
				a := p.Resolve(Feed{Rows: in[2], At: at, Pages: pages, T: T})
				scaled := Convert(MulScalar(in[0], inverseSqrt(p.Width)), p.DType)
				return []*Node{p.Attend(in[0], in[1], a, dtypes.Float32), scaled}
			})
			if err != nil {
				t.Fatal(name, err)
			}
			buffer, err := backend.UploadFloat32(d, p.DType, pool, p.Shape().Dimensions...)
			if err != nil {
				t.Fatal(err)
			}
			out, err := program.Run([]backend.Buffer{upload(t, d, q, B, T, H, p.Width), buffer,
				upload(t, d, feed, B, columns)})
			if err != nil {
				t.Fatal(name, err)
			}
			if d.Kernels() == nil && program.Kernels() == 0 {
				t.Errorf("%s: no kernel is called", name)
			}
			want, scaled := floats(t, out[0]), floats(t, out[1])
			program.Close()

			a := Address{b: B, t: T, feed: Feed{At: at, Pages: pages}}
			got := interpret(t, p.sizes(H, columns, dtypes.Float32, a), scaled, pool, feed)
			tolerance := map[dtypes.DType]float64{dtypes.Float32: 1e-5, dtypes.BFloat16: 1.0 / 64}[p.DType]
			n := H * p.Width
			for b := range B {
				first, end := b*T*n, (b*T+lengths[b])*n
				near(t, name, got[first:end], want[first:end], tolerance)
				for i := end; i < (b+1)*T*n; i++ {
					if got[i] != 0 {
						t.Fatalf("%s: padding is %g", name, got[i])
					}
				}
			}
		}
	}
}

// interpret runs the kernels of paged attention.
func interpret(t *testing.T, k triton.PagedAttention, q, pool []float32, feed []int32) []float32 {
	t.Helper()
	buffer := func(x []float32) *triton.Buffer {
		if k.Elem == triton.F32 {
			return &triton.Buffer{F32: x}
		}
		b := &triton.Buffer{}
		for _, v := range x {
			b.BF16 = append(b.BF16, uint16(bfloat16.FromFloat32(v)))
		}
		return b
	}
	run := func(kernel triton.Kernel, memory ...*triton.Buffer) {
		program, err := triton.Parse(kernel.Text)
		if err == nil {
			err = program.Run(kernel.Grid, memory, 2)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := k.Check(); err != nil {
		t.Fatal(err)
	}
	out, rows := &triton.Buffer{F32: make([]float32, len(q))}, &triton.Buffer{I32: feed}
	attended := out
	if k.Parts() > 1 {
		attended = &triton.Buffer{F32: make([]float32, k.Attended())}
	}
	run(k.Attend(), buffer(q), buffer(pool), rows, attended)
	if k.Parts() > 1 {
		run(k.Merge(), attended, rows, out)
	}
	return out.F32
}

// TestGathersByRule: on a GPU pages are gathered where there is no kernel of these sizes, or none is wanted.
func TestGathersByRule(t *testing.T) {
	d, err := backend.Open("xla:cuda@sm_90")
	if err != nil {
		t.Skipf("NO KERNEL IS COMPILED FOR CUDA: %v", err)
	}
	defer d.Close()
	for _, c := range []struct {
		width, kernels int
		setting        string
	}{{triton.WidestHead, 1, ""}, {triton.WidestHead + 8, 0, ""}, {64, 1, "on"}, {64, 0, "off"}} {
		t.Setenv(backend.KernelsSetting, c.setting)
		p := Pages{Count: 9, Slots: 16, Heads: 1, Width: c.width, DType: dtypes.BFloat16}
		program, err := backend.Compile(d, "attend", []backend.Input{
			{Name: "q", Shape: shapes.Make(dtypes.Float32, 1, 1, 2, c.width)}, {Name: "pool", Shape: p.Shape()},
			{Name: "feed", Shape: shapes.Make(dtypes.Int32, 1, 6)},
		}, func(in []*Node) []*Node {
			return []*Node{p.Attend(in[0], in[1], p.Resolve(Feed{Rows: in[2], Pages: 4, T: 1}), dtypes.Float32)}
		})
		if err != nil {
			t.Fatal(err)
		}
		gathered := p.WhyGathered(d, 2)
		if program.Kernels() != c.kernels || (gathered == nil) != (c.kernels == 1) {
			t.Errorf("heads of %d, %s=%q: %d kernels, want %d; gathered because %v", c.width, backend.KernelsSetting,
				c.setting, program.Kernels(), c.kernels, gathered)
		}
		program.Close()
	}
}

var every = flag.Bool("every", false, "compile kernels for every GPU, width of a head, dtype and shape of a step")

// TestKernelsCompile: the kernels compile for every GPU that is described, at each width of a head, in both dtypes,
// for one row and many, with one part of the context and several, and a program calls as many as it should. Without
// -every, which takes minutes, a part of all that is compiled.
func TestKernelsCompile(t *testing.T) {
	compiled := 0
	for g, gpu := range backend.DescribedGPUs() {
		d, err := backend.Open("xla:cuda@" + gpu)
		if err != nil {
			t.Skipf("NO KERNEL IS COMPILED FOR CUDA: %v", err)
		}
		for i, width := range []int{64, 80, 96, 128, 8, 16, 72, 112, 256} {
			for j, dtype := range []dtypes.DType{dtypes.Float32, dtypes.BFloat16} {
				for k, shape := range []struct{ B, T, pages, kernels int }{
					{64, 1, 64, 2}, {2, 64, 16, 1}, {1, 1, 16, 1}, {1, 512, 128, 2},
				} {
					few := width >= 64 && width <= 128 && i%2 == g%2 && i/2 == j &&
						(k == 0 && gpu != "sm_120" || k == 1 && gpu == "sm_90")
					least := width == 256 && j == 0 && k == 1 && gpu == "sm_89" // the least shared memory
					if !*every && !few && !least {
						continue
					}
					compiled++
					p := Pages{Count: 4097, Slots: 16, Heads: 2, Width: width, DType: dtype}
					name := fmt.Sprintf("%s, heads of %d, %s, %+v", gpu, width, dtype, shape)
					program, err := backend.Compile(d, "attend", []backend.Input{
						{Name: "q", Shape: shapes.Make(dtypes.Float32, shape.B, shape.T, 14, width)},
						{Name: "pool", Shape: p.Shape()},
						{Name: "feed", Shape: shapes.Make(dtypes.Int32, shape.B, 2+shape.pages)},
					}, func(in []*Node) []*Node {
						a := p.Resolve(Feed{Rows: in[2], Pages: shape.pages, T: shape.T})
						return []*Node{p.Attend(in[0], in[1], a, dtype)}
					})
					if err != nil {
						t.Error(name, err)
						continue
					}
					if program.Kernels() != shape.kernels {
						t.Errorf("%s: %d kernels", name, program.Kernels())
					}
					program.Close()
				}
			}
		}
		d.Close()
	}
	t.Logf("%d programs were compiled", compiled)
}
