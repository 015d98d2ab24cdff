package engine

import (
	"fmt"
	"slices"
	"time"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/engine/model/graphmodel"
	"github.com/stele-lm/stele/engine/paged"
	"github.com/stele-lm/stele/engine/schedule"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/op"
	"github.com/stele-lm/stele/sampler"
)

// graphs executes steps as compiled graphs on the backend, shapes padded to
// powers of two.
type graphs struct {
	weights *model.Weights
	pages   op.Pages
	buffers []backend.Buffer // keys and values of each layer
	steps   map[stepKey]*backend.NamedProgram
	copies  map[int]*backend.NamedProgram
	logf    func(format string, args ...any)

	// device is that tokens are drawn on the device, so that logits stay there. On a
	// CPU, where they are near, Sampler's vector code is faster.
	device   bool
	samplers []sampler.Sampler
	logits   []float32
	draws    map[sampler.ProgramShape]*sampler.Program
	ahead    ahead
	called   int // how often a step program was run
}

// stepKey tells step programs apart: by their shape and the layout of the weights.
type stepKey struct {
	shape  graphmodel.StepShape
	layout string
}

// newGraphs makes the executor and its pool.
func newGraphs(w *model.Weights, count, slots int, logf func(string, ...any)) (*graphs, error) {
	if err := w.Upload(); err != nil {
		return nil, err
	}
	c := w.Config
	g := &graphs{
		weights: w, logf: logf, device: !w.Device.IsCPU(),
		pages: op.Pages{
			Count: count, Slots: slots, Heads: c.NumKVHeads, Width: c.HeadDim, DType: w.HeldAs(),
		},
		steps:  map[stepKey]*backend.NamedProgram{},
		copies: map[int]*backend.NamedProgram{},
		draws:  map[sampler.ProgramShape]*sampler.Program{},
	}
	for range c.NumLayers {
		buffer, err := w.Device.Zeros(g.pages.DType, g.pages.Shape().Dimensions...)
		if err != nil {
			return nil, fmt.Errorf("key-value pool of %d pages: %w", count, err)
		}
		g.buffers = append(g.buffers, buffer)
	}
	return g, nil
}

func (g *graphs) bytes() int { return len(g.buffers) * int(g.pages.Shape().ByteSize()) }

// close frees the pool and the programs that were compiled for its size.
func (g *graphs) close() {
	for _, p := range g.steps {
		p.Close()
	}
	for _, p := range g.copies {
		p.Close()
	}
	for _, p := range g.draws {
		p.Close()
	}
	backend.Free(g.buffers...)
}

// step: rows of one token and longer ones run one after the other; padded
// together, the decode rows would cost as much as the prompts.
func (g *graphs) step(items []schedule.Item, draws []draw) error {
	ones := slices.IndexFunc(items, func(i schedule.Item) bool { return len(i.Tokens) > 1 })
	if ones < 0 {
		ones = len(items)
	}
	drawn := slices.IndexFunc(draws, func(d draw) bool { return d.item >= ones })
	if drawn < 0 {
		drawn = len(draws)
	}
	if err := g.forward(items[:ones], 0, draws[:drawn]); err != nil {
		return err
	}
	return g.forward(items[ones:], ones, draws[drawn:])
}

// forward runs the model over some items, of which the first has a number, and draws
// from their logits.
func (g *graphs) forward(items []schedule.Item, first int, draws []draw) error {
	if len(items) == 0 {
		return nil
	}
	longest, context := 1, 1
	for _, item := range items {
		longest = max(longest, len(item.Tokens))
		context = max(context, item.Start+len(item.Tokens))
	}
	shape := g.shape(len(items), longest, (context+g.pages.Slots-1)/g.pages.Slots)
	// Where every row draws one token, the step itself does it.
	shape.Draws = g.device && longest == 1 && len(draws) == len(items)
	for i, d := range draws {
		shape.Draws = shape.Draws && d.item == first+i && !d.near()
	}
	if shape.Draws {
		if g.ahead.take(items, draws) {
			return nil
		}
		shape.Filtering = filtering(draws)
		shape.Steps = g.stepsOf(items)
	}
	feed, V := shape.Feed(), g.weights.Config.VocabSize
	for i, item := range items {
		shape.Row(feed, i, item.Tokens, item.Start, item.Seq.Table.Pages)
		if !shape.Draws {
			continue
		}
		for step := range max(shape.Steps, 1) {
			d := sampler.Draw{Params: draws[i].params, Key: draws[i].key}
			d.Key.Position += uint32(step)
			d.Pack(shape.Draw(feed, i, step), V)
		}
	}
	program, err := g.stepProgram(shape)
	if err != nil {
		return err
	}
	g.called++
	outputs, err := g.run(program, []input{{"feed", feed, shape.Dims()}},
		g.weights.Parameters())
	if err != nil {
		return err
	}
	result := outputs["result"][0]
	defer backend.Free(result)
	switch {
	case len(draws) == 0: // chunks of prompts that go on: nobody reads the logits
		return nil
	case shape.Draws:
		drawn := make([]int32, 2*shape.B*max(shape.Steps, 1))
		if err := backend.Download(result, drawn); err != nil {
			return err
		}
		take(draws, drawn)
		g.ahead.keep(items, draws, drawn, shape.Steps)
		return nil
	case !g.device:
		return g.drawHere(result, shape.B, first, draws)
	}
	// A draw is made in one place whatever those beside it ask for: the two differ in their last bits.
	if err := those(draws, true, func(draws []draw) error {
		return g.drawHere(result, shape.B, first, draws)
	}); err != nil {
		return err
	}
	return those(draws, false, func(draws []draw) error { return g.draw(result, shape.B, first, draws) })
}

// drawHere draws from logits [rows, V] in this process's memory.
func (g *graphs) drawHere(logits backend.Buffer, rows, first int, draws []draw) error {
	V := g.weights.Config.VocabSize
	n := rows * V
	g.logits = slices.Grow(g.logits[:0], n)[:n]
	if err := backend.Download(logits, g.logits); err != nil {
		return err
	}
	drawFrom(&g.samplers, g.logits, V, draws, func(d *draw) int { return d.item - first })
	return nil
}

// stepsOf is how many steps a call takes of items that all decode: several where the last page of each has
// room for their tokens, so that the scheduler need not be asked.
func (g *graphs) stepsOf(items []schedule.Item) int {
	if len(items) > rowsAhead || !g.weights.Device.IsXLA() { // the Go backend loses nodes of so large a loop
		return 1
	}
	for _, item := range items {
		last := item.Start + stepsAhead
		if item.Start%g.pages.Slots+stepsAhead > g.pages.Slots || last >= g.weights.Config.MaxPositions {
			return 1
		}
	}
	return stepsAhead
}

// shape pads a step of so many rows, tokens a row and pages a row to one of few shapes. A GPU
// takes about as long for four times the rows and for a longer prompt, and seconds to
// compile: there the shapes are fewer.
func (g *graphs) shape(rows, tokens, pages int) graphmodel.StepShape {
	s := graphmodel.StepShape{B: dense.Bucket(rows, g.leastRows()), T: tokens, Pages: dense.Bucket(pages, 4)}
	if tokens > 1 {
		s.T = dense.Bucket(tokens, 16)
	}
	if g.device {
		s.B, s.Pages = stepUp(rows, 1, 4), dense.Bucket(pages, 16)
		if tokens > 1 {
			s.T = stepUp(tokens, 64, 8) // 512 is a chunk
		}
	}
	s.Pages = min(s.Pages, g.pages.Count)
	return s
}

// stepUp rounds n up to least times a power of factor.
func stepUp(n, least, factor int) int {
	for least < n {
		least *= factor
	}
	return least
}

// draw draws from logits [rows, V] on the device.
func (g *graphs) draw(logits backend.Buffer, rows, first int, draws []draw) error {
	shape := sampler.ProgramShape{
		Rows: rows, Vocab: g.weights.Config.VocabSize,
		Draws: stepUp(len(draws), 1, 4), Filtering: filtering(draws),
	}
	program := g.draws[shape]
	if program == nil {
		var err error
		if program, err = sampler.CompileProgram(g.weights.Device, shape); err != nil {
			return err
		}
		g.draws[shape] = program
	}
	asked := make([]sampler.Draw, len(draws))
	for i, d := range draws {
		asked[i] = sampler.Draw{Row: d.item - first, Params: d.params, Key: d.key}
	}
	drawn, err := program.Run(logits, asked)
	if err != nil {
		return err
	}
	take(draws, drawn)
	return nil
}

// filtering returns the filters that the draws need together.
func filtering(draws []draw) (f sampler.Filtering) {
	for _, d := range draws {
		f = f.With(d.params)
	}
	return f
}

// take notes what a device has drawn.
func take(draws []draw, drawn []int32) {
	for i := range draws {
		d := &draws[i]
		if d.token, d.logprob = sampler.Unpack(drawn, i); d.logprob != d.logprob {
			d.err = sampler.ErrNotFinite
		}
	}
}

// leastRows pads small batches: XLA's bfloat16 product of one row on a CPU reads
// weights at a tenth of the speed it has with four.
func (g *graphs) leastRows() int {
	if g.weights.Device.Name == "xla:cpu" && g.weights.HeldAs() == dtypes.BFloat16 {
		return 4
	}
	return 1
}

// input is an int32 tensor on the way to the device, as an input of a program.
type input struct {
	name string
	data []int32
	dims []int
}

// run executes a program whose inputs are some int32 tensors, constant buffers and the pools,
// and takes the updated pools back.
func (g *graphs) run(
	program *backend.NamedProgram, inputs []input, constant backend.Buffers,
) (backend.Buffers, error) {
	buffers := constant.With("pools", g.buffers)
	for _, in := range inputs {
		b, err := backend.Upload(g.weights.Device, in.data, in.dims...)
		if err != nil {
			return nil, err
		}
		defer backend.Free(b)
		buffers[in.name] = []backend.Buffer{b}
	}
	outputs, err := program.Run(buffers)
	if err != nil {
		return nil, err
	}
	copy(g.buffers, outputs["pools"])
	return outputs, nil
}

func (g *graphs) stepProgram(shape graphmodel.StepShape) (*backend.NamedProgram, error) {
	key := stepKey{shape, g.weights.Layout()}
	if p := g.steps[key]; p != nil {
		return p, nil
	}
	began := time.Now()
	p, err := graphmodel.CompileStep(g.weights, g.pages, shape)
	if err != nil {
		return nil, err
	}
	g.logf("compiled step of %d × %d tokens, context %d, in %.1f s", shape.B, shape.T,
		shape.Pages*g.pages.Slots, time.Since(began).Seconds())
	g.steps[key] = p
	return p, nil
}

// copyPages carries out the copies that copy-on-write asks for.
func (g *graphs) copyPages(copies []paged.Copy) error {
	n := dense.Bucket(len(copies), 8)
	src, dst := make([]int32, n), make([]int32, n)
	for i, c := range copies {
		src[i], dst[i] = c.Src, c.Dst
	}
	program := g.copies[n]
	if program == nil {
		var err error
		if program, err = graphmodel.CompileCopy(g.weights, g.pages, n); err != nil {
			return err
		}
		g.copies[n] = program
	}
	_, err := g.run(program, []input{{"src", src, []int{n}}, {"dst", dst, []int{n}}},
		backend.Buffers{})
	return err
}
