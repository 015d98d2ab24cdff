package backend

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/internal/threads"
	"github.com/stele-lm/stele/kernels/cudnn"
)

// cudnnTrials are small calls of each kind: of rows that see themselves, of rows that see a part of others, of rows
// that hold several sequences.
var cudnnTrials = []cudnn.Call{
	{B: 2, T: 48, S: 48, H: 4, K: 2, E: 64, Causal: true},
	{B: 2, T: 40, S: 48, H: 4, K: 2, E: 64, Counted: true},
	{B: 2, T: 48, S: 48, H: 4, K: 2, E: 64, Causal: true, Biased: true},
}

// tryCUDNN has the device compute calls of cuDNN's attention and of its gradient, given results that other keys
// share in, and compares them with what they mean.
func (d *Device) tryCUDNN() error {
	for _, c := range cudnnTrials {
		if err := d.tryCall(c); err != nil {
			return fmt.Errorf("cuDNN's attention: %w", err)
		}
	}
	return nil
}

// trialInput is an operand of a call that is tried.
type trialInput struct {
	name string
	data any // []float32, of numbers in bfloat16 but those of sums, or []int32
	dims []int
}

// tryCall tries one call and its gradient.
func (d *Device) tryCall(c cudnn.Call) error {
	r := rand.New(rand.NewPCG(1, 2))
	random := func(n int) []float32 {
		all := make([]float32, n)
		for i := range all {
			all[i] = float32(r.NormFloat64())
		}
		RoundBFloat16(all)
		return all
	}
	queries, keys := c.B*c.T*c.H*c.E, c.B*c.S*c.K*c.E
	q, k, v, ofOut, elsewhere := random(queries), random(keys), random(keys), random(queries), random(queries)
	var bias []float32
	var m cudnn.Masks
	if c.Counted {
		m.Queries, m.Keys = []int32{int32(c.T), int32(c.T) - 1}, []int32{int32(c.S), 5}
	}
	if c.Biased { // a sequence of 17 tokens, and another
		bias = make([]float32, c.B*c.T*c.S)
		for i := range bias {
			if query, key := i/c.S%c.T, i%c.S; query >= 17 && key < 17 {
				bias[i] = cudnn.Hidden
			}
		}
		m.Bias = cudnn.Bits(bias)
	}
	out, logSums := make([]uint16, queries), make([]float32, c.B*c.H*c.T)
	bits := cudnn.Bits
	if err := c.Attend(bits(q), bits(k), bits(v), m, threads.Count, out, logSums); err != nil {
		return err
	}
	// Other keys of as much weight, with a result of their own.
	sums := make([]float32, len(logSums))
	for i, x := range logSums {
		if sums[i] = x + math.Ln2; x != x {
			sums[i] = 0
		}
	}
	ofQ, ofK, ofV := make([]uint16, queries), make([]uint16, keys), make([]uint16, keys)
	results := cudnn.Results{LogSums: sums, OfOut: bits(ofOut), Out: bits(elsewhere)}
	if err := c.Gradient(bits(q), bits(k), bits(v), results, m, threads.Count, ofQ, ofK, ofV); err != nil {
		return err
	}

	ofQueries, ofKeys := []int{c.B, c.T, c.H, c.E}, []int{c.B, c.S, c.K, c.E}
	inputs := []trialInput{{"q", q, ofQueries}, {"k", k, ofKeys}, {"v", v, ofKeys},
		{"sums", sums, []int{c.B, c.H, c.T}}, {"ofOut", ofOut, ofQueries}, {"out", elsewhere, ofQueries}}
	if c.Biased {
		inputs = append(inputs, trialInput{"bias", bias, []int{c.B, 1, c.T, c.S}})
	}
	if c.Counted {
		inputs = append(inputs, trialInput{"queries", m.Queries, []int{c.B}}, trialInput{"keys", m.Keys, []int{c.B}})
	}
	got, err := d.runTrial(c, inputs)
	if err != nil {
		return err
	}
	floats := cudnn.Floats
	for i, want := range [][]float32{floats(out), logSums, floats(ofQ), floats(ofK), floats(ofV)} {
		what := []string{"the result", "logarithms of sums", "the gradient of queries", "the gradient of keys",
			"the gradient of values"}[i]
		if off := furthest(got[i], want); !(off < 0.03) {
			return fmt.Errorf("%s of %+v are off by %.3g of their size", what, c, off)
		}
	}
	return nil
}

// furthest is the largest difference of numbers that are wanted, by the largest of these. NaN is not wanted.
func furthest(got, want []float32) float64 {
	off, size := 0.0, 0.0
	for i, w := range want {
		if w == w {
			size = max(size, math.Abs(float64(w)))
			off = max(off, math.Abs(float64(got[i])-float64(w))) // NaN, where it is one
		}
	}
	return off / size
}

// runTrial runs a call and its gradient.
func (d *Device) runTrial(c cudnn.Call, inputs []trialInput) (numbers [][]float32, err error) {
	var declared []Input
	var buffers []Buffer
	defer func() { Free(buffers...) }()
	for _, in := range inputs {
		var b Buffer
		dtype := dtypes.BFloat16
		switch data := in.data.(type) {
		case []int32:
			dtype = dtypes.Int32
			b, err = Upload(d, data, in.dims...)
		case []float32:
			if in.name == "sums" {
				dtype = dtypes.Float32
			}
			b, err = UploadFloat32(d, dtype, data, in.dims...)
		}
		if err != nil {
			return nil, err
		}
		buffers = append(buffers, b)
		declared = append(declared, Input{Name: in.name, Shape: shapes.Make(dtype, in.dims...)})
	}
	p, err := Compile(d, "try cuDNN", declared, func(in []*graph.Node) []*graph.Node {
		var m CUDNNMasks
		switch more := in[6:]; {
		case c.Biased:
			m.Bias = more[0]
		case c.Counted:
			m.Queries, m.Keys = more[0], more[1]
		}
		out, logSums := CUDNNAttention(c, in[0], in[1], in[2], m)
		ofQ, ofK, ofV := CUDNNGradient(c, in[0], in[1], in[2], in[3], in[4], in[5], m)
		return []*graph.Node{out, logSums, ofQ, ofK, ofV}
	})
	if err != nil {
		return nil, err
	}
	defer p.Close()
	results, err := p.Run(buffers)
	if err != nil {
		return nil, err
	}
	defer Free(results...)
	for _, r := range results {
		n, err := Float32s(r)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}
