package sampler

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
)

// ProgramShape gives the sizes that a Program is compiled for, and the filters that it has.
type ProgramShape struct {
	Rows, Vocab int // of the logits
	Draws       int // tokens drawn, each from a row
	Filtering
}

// Filtering names the filters that a graph needs for the draws that it makes.
type Filtering struct {
	Filters bool // top-k, top-p or min-p is on for one of them at least
	TopK    bool // top-k is, which takes passes over the logits of its own
}

// With adds the filters of a draw with these parameters.
func (f Filtering) With(p Params) Filtering {
	return Filtering{Filters: f.Filters || p.Filters(), TopK: f.TopK || p.TopK > 0}
}

// Program draws tokens on a device, from logits that never leave it. It follows the rule of
// Sampler step by step, over the same random numbers. Its tokens differ only where float32
// weights and sums of another order of operations decide a race, about once in a million draws.
type Program struct {
	shape   ProgramShape
	program *backend.Program
	device  *backend.Device
}

// Draw asks for one token: from which row, how, and with which random numbers.
type Draw struct {
	Row    int
	Params Params
	Key    Key
}

// A draw goes to a device as 64-bit words, some of them the bits of a float64 or of two float32,
// each as two int32, the lower half first.
const (
	wordRow = iota
	wordNoise
	wordTemperature // 1 when greedy
	wordGreedy      // 1 or 0
	wordTopK        // tokens kept; 0 is off
	wordTail        // 1 - top-p; 0 is off
	wordLimits      // 1 - top-p and min-p, float32
	wordScale       // what a logit's distance to the largest is multiplied by, float32, and nothing
	words
)

// DrawInts counts the int32 that a draw takes on its way to a device.
const DrawInts = 2 * words

// Pack writes the draw, from logits of V tokens, to ints [DrawInts]. Room for draws that
// are not asked for may stay zero.
func (d Draw) Pack(ints []int32, V int) {
	pair := func(lower, upper float64) uint64 {
		return uint64(math.Float32bits(float32(upper)))<<32 | uint64(math.Float32bits(float32(lower)))
	}
	put := func(word int, bits uint64) {
		ints[2*word], ints[2*word+1] = int32(uint32(bits)), int32(uint32(bits>>32))
	}
	clear(ints[:DrawInts])
	put(wordRow, uint64(d.Row))
	put(wordNoise, uint64(d.Key.noise()))
	p := d.Params
	if p.Temperature == 0 {
		put(wordTemperature, math.Float64bits(1))
		put(wordScale, pair(1, 0))
		put(wordGreedy, 1)
		return
	}
	put(wordTemperature, math.Float64bits(p.Temperature))
	put(wordScale, pair(min(1/p.Temperature, 1e30), 0))
	put(wordTopK, uint64(min(p.TopK, V)))
	tail := 0.0
	if p.TopP > 0 && p.TopP < 1 {
		tail = 1 - p.TopP
	}
	put(wordTail, math.Float64bits(tail))
	put(wordLimits, pair(tail, p.MinP))
}

// Unpack returns the token and log-probability of draw i of DrawGraph's result. A
// log-probability that is NaN says that the row's logits are not finite (ErrNotFinite).
func Unpack(drawn []int32, i int) (token int32, logprob float32) {
	return drawn[2*i], math.Float32frombits(uint32(drawn[2*i+1]))
}

// CompileProgram compiles a Program for a device.
func CompileProgram(d *backend.Device, shape ProgramShape) (*Program, error) {
	inputs := []backend.Input{
		{Name: "logits", Shape: shapes.Make(dtypes.Float32, shape.Rows, shape.Vocab)},
		{Name: "draws", Shape: shapes.Make(dtypes.Int32, shape.Draws, DrawInts)},
	}
	p, err := backend.Compile(d, "sample", inputs, func(in []*Node) []*Node {
		row := Slice(in[1], AxisRange(), AxisElem(2*wordRow))
		return []*Node{DrawGraph(Gather(in[0], row), in[1], shape.Filtering)}
	})
	if err != nil {
		return nil, err
	}
	return &Program{shape: shape, program: p, device: d}, nil
}

// Compiled returns the program that the device runs.
func (p *Program) Compiled() *backend.Program { return p.program }

// Close frees the program.
func (p *Program) Close() { p.program.Close() }

// Run draws from logits [Rows, Vocab], a buffer of the device, as many tokens as there
// are draws, at most shape.Draws, and returns them for Unpack.
func (p *Program) Run(logits backend.Buffer, draws []Draw) ([]int32, error) {
	N := p.shape.Draws
	if len(draws) > N {
		return nil, fmt.Errorf("%d draws, the program has %d", len(draws), N)
	}
	ints := make([]int32, N*DrawInts)
	for i, d := range draws {
		d.Pack(ints[i*DrawInts:], p.shape.Vocab)
	}
	packed, err := backend.Upload(p.device, ints, N, DrawInts)
	if err != nil {
		return nil, err
	}
	defer backend.Free(packed)
	outputs, err := p.program.Run([]backend.Buffer{logits, packed})
	if err != nil {
		return nil, err
	}
	defer backend.Free(outputs...)
	drawn := make([]int32, 2*N)
	return drawn, backend.Download(outputs[0], drawn)
}
