package gpucheck

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/gomlx/compute/dtypes"
	tensor "github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/op"
)

// attended is a step's attention over pages: rows of so many tokens each, at the end of a context.
type attended struct {
	rows, tokens, context int
	H, K, E               int
	dtype                 dtypes.DType
}

func (a attended) String() string {
	return fmt.Sprintf("%d × %d tokens, context %d, %d/%d heads of %d, %s", a.rows, a.tokens, a.context, a.H, a.K, a.E,
		a.dtype)
}

// checkedAttention are compared: each width of a head, both dtypes, one part of the context and many.
var checkedAttention = []attended{
	{4, 1, 200, 14, 2, 64, dtypes.BFloat16}, {3, 1, 1500, 14, 2, 64, dtypes.BFloat16},
	{2, 1, 900, 28, 4, 128, dtypes.BFloat16}, {2, 1, 700, 8, 2, 80, dtypes.BFloat16},
	{2, 1, 700, 12, 4, 96, dtypes.BFloat16}, {3, 1, 1500, 14, 2, 64, dtypes.Float32},
	{2, 1, 600, 8, 2, 80, dtypes.Float32}, {2, 1, 600, 8, 8, 128, dtypes.Float32},
	{2, 48, 300, 14, 2, 64, dtypes.BFloat16}, {1, 64, 1300, 8, 2, 128, dtypes.BFloat16},
	{2, 40, 200, 6, 2, 96, dtypes.Float32},
}

// timedAttention are timed: of Qwen2.5-0.5B and 7B.
var timedAttention = []attended{
	{1, 1, 4096, 14, 2, 64, dtypes.BFloat16}, {64, 1, 1024, 14, 2, 64, dtypes.BFloat16},
	{1, 1, 4096, 28, 4, 128, dtypes.BFloat16}, {64, 1, 1024, 28, 4, 128, dtypes.BFloat16},
	{1, 512, 1024, 28, 4, 128, dtypes.BFloat16},
}

// attentionBounds are the largest differences of numbers that are about 1: what one dtype's order of sums makes, and in
// bfloat16 a weight that is rounded otherwise.
var attentionBounds = map[dtypes.DType]float64{dtypes.Float32: 1e-4, dtypes.BFloat16: 2e-2}

const attentionSlots = 16

// Kernels compares attention over pages by a backend's kernel with attention over pages that are gathered, and times
// both.
func Kernels(ctx context.Context, name string) (*Found, error) {
	f := &Found{}
	d, err := backend.Open(name)
	if err != nil {
		return f, err
	}
	defer d.Close()
	if err := d.Kernels(); err != nil {
		if d.IsCPU() {
			return f, nil // where it has nothing to check
		}
		f.fault("no kernel is used: %v", err)
		return f, nil
	}
	gathers := d.WithoutKernels()
	for _, a := range checkedAttention {
		if ctx.Err() != nil {
			return f, ctx.Err()
		}
		got, _, err := a.run(d, 1, 1)
		if err != nil {
			return f, err
		}
		want, _, err := a.run(gathers, 1, 1)
		if err != nil {
			return f, err
		}
		worst := 0.0
		for i := range want {
			worst = max(worst, math.Abs(float64(got[i]-want[i]))) // NaN if one is
		}
		f.find("kernel/"+a.String(), "attention by the kernel, largest difference, "+a.String(), worst, "")
		if !(worst <= attentionBounds[a.dtype]) {
			f.fault("%v: the kernel's attention is off by %g, expected %g at most", a, worst, attentionBounds[a.dtype])
		}
	}
	if strings.Contains(name, "@") {
		return f, nil // a GPU that is only described has no speed
	}
	const layers = 24 // in one program: starting it is a small part
	for _, a := range timedAttention {
		for _, way := range []struct {
			name string
			d    *backend.Device
		}{{"by the kernel", d}, {"of gathered pages", gathers}} {
			if ctx.Err() != nil {
				return f, ctx.Err()
			}
			_, took, err := a.run(way.d, layers, 5)
			if err != nil {
				return f, err
			}
			seconds := took.Seconds() / layers
			read := float64(a.rows*a.context*2*a.K*a.E) * float64(a.dtype.Size())
			f.find(fmt.Sprintf("attention %s/%v", way.name, a), fmt.Sprintf("attention %s, %v", way.name, a),
				seconds*1e6, "µs a layer")
			if a.tokens == 1 {
				f.find(fmt.Sprintf("attention reads %s/%v", way.name, a), fmt.Sprintf("keys and values read %s, %v",
					way.name, a), read/seconds/1e9, "GB/s")
			}
		}
	}
	return f, nil
}

// run computes attention in so many layers, each of which attends by what the one before results in, over the same
// pool with other pages, so that none is gathered once for all. It returns what the last one results in and the
// shortest time of a run.
func (a attended) run(d *backend.Device, layers, repeat int) (result []float32, took time.Duration, err error) {
	pages := (a.context + attentionSlots - 1) / attentionSlots
	p := op.Pages{Count: a.rows*pages + 1, Slots: attentionSlots, Heads: a.K, Width: a.E, DType: a.dtype}
	r := rand.New(rand.NewPCG(1, uint64(a.context)))
	few := make([]float32, 1<<16-1) // random numbers take longer than all else
	for i := range few {
		few[i] = float32(r.NormFloat64())
	}
	numbers := func(n int) []float32 { return slices.Repeat(few, n/len(few)+1)[:n] }
	query := tensor.Make(dtypes.Float32, a.rows, a.tokens, a.H, a.E)
	feeds := tensor.Make(dtypes.Int32, a.rows, 2+pages)
	inputs := []backend.Input{{Name: "q", Shape: query}, {Name: "pool", Shape: p.Shape()}}
	for l := range layers {
		inputs = append(inputs, backend.Input{Name: fmt.Sprintf("feed %d", l), Shape: feeds})
	}
	program, err := backend.Compile(d, "attention", inputs, func(in []*graph.Node) []*graph.Node {
		o := in[0]
		for _, feed := range in[2:] {
			address := p.Resolve(op.Feed{Rows: feed, Pages: pages, T: a.tokens})
			o = p.Attend(o, in[1], address, dtypes.Float32)
		}
		return []*graph.Node{o}
	})
	if err != nil {
		return nil, 0, err
	}
	defer program.Close()
	in := make([]backend.Buffer, 2+layers)
	defer func() { backend.Free(in...) }()
	if in[0], err = backend.Upload(d, numbers(query.Size()), query.Dimensions...); err != nil {
		return nil, 0, err
	}
	if in[1], err = backend.UploadFloat32(d, a.dtype, numbers(p.Shape().Size()), p.Shape().Dimensions...); err != nil {
		return nil, 0, err
	}
	for l := range layers {
		feed, order := []int32{}, r.Perm(p.Count-1)
		for row := range a.rows {
			feed = append(feed, int32(a.context-a.tokens), int32(a.tokens))
			for _, page := range order[row*pages : (row+1)*pages] {
				feed = append(feed, int32(1+page))
			}
		}
		if in[2+l], err = backend.Upload(d, feed, feeds.Dimensions...); err != nil {
			return nil, 0, err
		}
	}
	result = make([]float32, query.Size())
	for i := range repeat {
		began := time.Now()
		out, err := program.Run(in)
		if err != nil {
			return nil, 0, err
		}
		err = backend.Download(out[0], result)
		backend.Free(out...)
		if err != nil {
			return nil, 0, err
		}
		if now := time.Since(began); i == 0 || now < took {
			took = now
		}
	}
	return result, took, nil
}
