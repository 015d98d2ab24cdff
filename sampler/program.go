package sampler

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/internal/splitmix"
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

// A draw goes to a device as 64-bit words, some of them the bits of a float64, each as two
// int32, the lower half first.
const (
	wordRow = iota
	wordNoise
	wordTemperature // 1 when greedy
	wordGreedy      // 1 or 0
	wordTopK        // tokens kept; 0 is off
	wordTail        // 1 - top-p; 0 is off
	wordMinP
	words
)

// DrawInts counts the int32 that a draw takes on its way to a device.
const DrawInts = 2 * words

// Pack writes the draw, from logits of V tokens, to ints [DrawInts]. Room for draws that
// are not asked for may stay zero.
func (d Draw) Pack(ints []int32, V int) {
	put := func(word int, bits uint64) {
		ints[2*word], ints[2*word+1] = int32(uint32(bits)), int32(uint32(bits>>32))
	}
	clear(ints[:DrawInts])
	put(wordRow, uint64(d.Row))
	put(wordNoise, uint64(d.Key.noise()))
	p := d.Params
	if p.Temperature == 0 {
		put(wordTemperature, math.Float64bits(1))
		put(wordGreedy, 1)
		return
	}
	put(wordTemperature, math.Float64bits(p.Temperature))
	put(wordTopK, uint64(min(p.TopK, V)))
	if p.TopP > 0 && p.TopP < 1 {
		put(wordTail, math.Float64bits(1-p.TopP))
	}
	put(wordMinP, math.Float64bits(p.MinP))
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

// DrawGraph is graph code that draws a token from each row of logits [N, Vocab], float32, with
// the parameters and random numbers of draws [N, DrawInts] (see Draw.Pack; their Row is not
// looked at). The result [N, 2], int32, is for Unpack.
//
// Legend of shapes: N draws, V tokens padded to whole blocks, C blocks, L tokens of a
// block.
func DrawGraph(logits, draws *Node, filtering Filtering) *Node {
	g, N, vocab := logits.Graph(), logits.Shape().Dim(0), logits.Shape().Dim(1)
	C := blocks(vocab)
	f32, f64, i32 := dtypes.Float32, dtypes.Float64, dtypes.Int32
	words64 := Bitcast(Reshape(draws, N, words, 2), dtypes.Uint64)
	word := func(w int) *Node { return Reshape(Slice(words64, AxisRange(), AxisElem(w)), N) }
	float := func(w int) *Node { return Bitcast(word(w), f64) }

	z_NV := logits
	if pad := C*block - vocab; pad > 0 {
		z_NV = Concatenate([]*Node{z_NV, BroadcastToDims(Scalar(g, f32, math.Inf(-1)), N, pad)}, 1)
	}
	top_N1 := ReduceAndKeep(z_NV, ReduceMax, 1)
	temperature_N := float(wordTemperature) // 0 where no draw is asked for, whose result is not read
	inverse_N1 := Reshape(ConvertDType(MinScalar(Inverse(temperature_N), 1e30), f32), N, 1)
	x_NV := Mul(Sub(z_NV, top_N1), inverse_N1)
	// The smallest normal number has this logarithm. The comparison lets NaN through.
	w_NV := Where(LessThan(x_NV, Scalar(g, f32, -126*math.Ln2)), ZerosLike(x_NV), Exp(x_NV))
	blocked := func(x *Node) *Node { return Reshape(x, N, C, block) }
	sums_NC := ReduceSum(ConvertDType(blocked(w_NV), f64), 2)
	sum_N := ReduceSum(sums_NC, 1)

	var tie *ties
	if filtering.Filters {
		w_NV, tie = filtered(w_NV, z_NV, sum_N,
			word(wordTopK), float(wordTail), float(wordMinP), filtering.TopK)
		sums_NC = tie.sums(w_NV, N, C)
	}

	// Two races, between blocks and between the tokens of the one that won.
	noise_N1 := Reshape(word(wordNoise), N, 1)
	race := func(steps, weight *Node) *Node { // steps: ids of the runners in steps of the generator
		h := mixed(Add(noise_N1, steps))
		bits := ConvertDType(BitwiseShiftRightLogicalScalar(h, uint64(11)), f64)
		u := MulScalar(AddScalar(bits, 0.5), 1.0/(1<<53))
		return ArgMin(Div(Neg(Log(u)), weight), 1, i32)
	}
	ids := make([]uint64, C)
	for b := range ids {
		ids[b] = uint64(blockID(b)) * splitmix.Gamma
	}
	b_N := race(Const(g, [][]uint64{ids}), sums_NC)
	at := Concatenate([]*Node{Iota(g, shapes.Make(i32, N, 1), 0), Reshape(b_N, N, 1)}, 1)
	inBlock := func(x *Node) *Node { return Gather(blocked(x), at) } // [N, L]
	lane_NL := Iota(g, shapes.Make(i32, N, block), 1)
	id_NL := Add(Reshape(MulScalar(b_N, int32(block)), N, 1), lane_NL)
	w_NL := inBlock(w_NV)
	if tie != nil {
		w_NL = tie.cut(w_NL, b_N)
	}
	l_N := race(Mul(ConvertDType(id_NL, dtypes.Uint64), Const(g, splitmix.Gamma)), ConvertDType(w_NL, f64))
	drawn_N := Add(MulScalar(b_N, int32(block)), l_N)
	z_N := ReduceSum(Where(Equal(lane_NL, Reshape(l_N, N, 1)), inBlock(z_NV), ZerosLike(w_NL)), 1)

	greedy_N := NotEqual(word(wordGreedy), ZerosLike(word(wordGreedy)))
	top_N := Reshape(top_N1, N)
	token_N := Where(greedy_N, ArgMax(z_NV, 1, i32), drawn_N)
	z_N = Where(greedy_N, top_N, z_N)
	difference_N := Sub(ConvertDType(z_N, f64), ConvertDType(top_N, f64))
	logprob_N := ConvertDType(Sub(Div(difference_N, temperature_N), Log(sum_N)), f32)
	return Concatenate([]*Node{Reshape(token_N, N, 1), Reshape(Bitcast(logprob_N, i32), N, 1)}, 1)
}

// mixed is splitmix.Mix. The constants go in whole: GoMLX's scalars pass through float64.
func mixed(x *Node) *Node {
	g := x.Graph()
	folded := func(x *Node, bits uint64) *Node {
		return BitwiseXor(x, BitwiseShiftRightLogicalScalar(x, bits))
	}
	x = Add(x, Const(g, splitmix.Gamma))
	x = Mul(folded(x, 30), Const(g, splitmix.Factor1))
	x = Mul(folded(x, 27), Const(g, splitmix.Factor2))
	return folded(x, 31)
}

// ties counts, for each draw, the tokens whose weight equals top-p's threshold: the last of them
// by id may go.
type ties struct {
	threshold_N1 *Node // float32
	keep_N1      *Node // how many stay, the first by id; int32
	before_NC    *Node // how many are in earlier blocks
	inBlock_NC   *Node
}

// filtered sets the weights of tokens that top-k, top-p and min-p leave out to zero, as
// Sampler.filter does, but for the ties at top-p's threshold, which it returns. A threshold is
// found by halving the range of its bits: those of a positive float32 grow with it.
func filtered(w_NV, z_NV, sum_N, topK_N, tail_N, minP_N *Node, topK bool) (*Node, *ties) {
	g, N := w_NV.Graph(), w_NV.Shape().Dim(0)
	C := w_NV.Shape().Dim(1) / block
	f32, f64, i32, i64 := dtypes.Float32, dtypes.Float64, dtypes.Int32, dtypes.Int64
	zero_NV := ZerosLike(w_NV)
	column := func(x *Node) *Node { return Reshape(x, N, 1) }
	if topK {
		// The largest floor that topK tokens reach, in the order of floats as integers.
		k_N := ConvertDType(topK_N, i32)
		float := func(key_N *Node) *Node {
			bits := ConvertDType(key_N, i32)
			negative := BitwiseXor(bits, Scalar(g, i32, math.MaxInt32))
			return column(Bitcast(Where(LessThan(bits, ZerosLike(bits)), negative, bits), f32))
		}
		infinity := int64(math.Float32bits(float32(math.Inf(1))))
		low, high := fill(g, i64, N, -infinity-1), fill(g, i64, N, infinity)
		for range 32 {
			middle := BitwiseShiftRightArithmeticScalar(Add(low, AddScalar(high, int64(1))), int64(1))
			count := ReduceSum(ConvertDType(GreaterOrEqual(z_NV, float(middle)), i32), 1)
			enough := GreaterOrEqual(count, k_N)
			low, high = Where(enough, middle, low), Where(enough, high, AddScalar(middle, int64(-1)))
		}
		keeps := LogicalOr(GreaterOrEqual(z_NV, float(low)), column(Equal(k_N, ZerosLike(k_N))))
		w_NV = Where(keeps, w_NV, zero_NV)
		sum_N = ReduceSum(ConvertDType(ReduceSum(Reshape(w_NV, N, C, block), 2), f64), 1)
	}
	// The largest threshold below which there is no more than the tail. The likeliest
	// token, of weight 1, is never below it.
	limit_N := Mul(tail_N, sum_N)
	low, high := fill(g, i32, N, 0), fill(g, i32, N, int64(math.Float32bits(1)))
	mass := func(bits_N *Node) *Node {
		below := LessThan(w_NV, column(Bitcast(bits_N, f32)))
		sums := ReduceSum(Reshape(Where(below, w_NV, zero_NV), N, C, block), 2)
		return ReduceSum(ConvertDType(sums, f64), 1)
	}
	for range 30 {
		middle := BitwiseShiftRightArithmeticScalar(Add(low, AddScalar(high, int32(1))), int32(1))
		fits := LessOrEqual(mass(middle), limit_N)
		low, high = Where(fits, middle, low), Where(fits, high, AddScalar(middle, int32(-1)))
	}
	// With top-p off nothing is below the threshold and nothing equals it.
	off := column(Equal(tail_N, ZerosLike(tail_N)))
	threshold_N1 := Where(off, Scalar(g, f32, -1), column(Bitcast(low, f32)))
	equal_NC := ReduceSum(Reshape(ConvertDType(Equal(w_NV, threshold_N1), i32), N, C, block), 2)
	equals_N1 := column(ReduceSum(equal_NC, 1))
	room_N1 := Sub(column(limit_N), column(mass(low)))
	weight_N1 := MaxScalar(ConvertDType(threshold_N1, f64), 1e-300)
	gone_N1 := ConvertDType(Floor(MinScalar(Div(room_N1, weight_N1), 1e9)), i32)
	keep_N1 := Sub(equals_N1, Max(Min(gone_N1, AddScalar(equals_N1, int32(-1))), ZerosLike(gone_N1)))
	floor_N1 := column(ConvertDType(minP_N, f32))
	tie := &ties{
		threshold_N1: threshold_N1,
		// min-p comes after top-p
		keep_N1:    Where(GreaterOrEqual(threshold_N1, floor_N1), keep_N1, ZerosLike(keep_N1)),
		before_NC:  Sub(CumSum(equal_NC, 1), equal_NC),
		inBlock_NC: equal_NC,
	}
	keeps := LogicalAnd(GreaterOrEqual(w_NV, threshold_N1), GreaterOrEqual(w_NV, floor_N1))
	return Where(keeps, w_NV, zero_NV), tie
}

// sums returns the weights of the blocks [N, C], float64, without the ties that go.
func (t *ties) sums(w_NV *Node, N, C int) *Node {
	above := Where(GreaterThan(w_NV, t.threshold_N1), w_NV, ZerosLike(w_NV))
	sums := ReduceSum(ConvertDType(Reshape(above, N, C, block), dtypes.Float64), 2)
	stay := Max(Min(Sub(t.keep_N1, t.before_NC), t.inBlock_NC), ZerosLike(t.inBlock_NC))
	f64 := dtypes.Float64
	return Add(sums, Mul(ConvertDType(stay, f64), MaxScalar(ConvertDType(t.threshold_N1, f64), 0)))
}

// cut sets the weights of the ties that go to zero among block b's [N, L].
func (t *ties) cut(w_NL, b_N *Node) *Node {
	N, C := t.before_NC.Shape().Dim(0), t.before_NC.Shape().Dim(1)
	g, i32 := w_NL.Graph(), dtypes.Int32
	at := Concatenate([]*Node{Iota(g, shapes.Make(i32, N, 1), 0), Reshape(b_N, N, 1)}, 1)
	before_N1 := Reshape(Gather(Reshape(t.before_NC, N, C, 1), at), N, 1)
	equal_NL := Equal(w_NL, t.threshold_N1)
	rank_NL := Add(before_N1, CumSum(ConvertDType(equal_NL, i32), 1)) // from 1 on
	goes := LogicalAnd(equal_NL, GreaterThan(rank_NL, t.keep_N1))
	return Where(goes, ZerosLike(w_NL), w_NL)
}

// fill returns a vector of one value.
func fill(g *Graph, dtype dtypes.DType, n int, value int64) *Node {
	return BroadcastToDims(Scalar(g, dtype, value), n)
}
