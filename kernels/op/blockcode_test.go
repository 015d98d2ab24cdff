package op

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
)

// dynamicMap is bitsandbytes' create_dynamic_map(signed, 7, 8), written as there.
func dynamicMap(signed bool) []float64 {
	values := []float64{0, 1}
	for i := range 7 {
		items := 1 << i
		if !signed {
			items *= 2
		}
		for k := range items {
			low, high := 0.1+0.9*float64(k)/float64(items), 0.1+0.9*float64(k+1)/float64(items)
			mean := math.Pow10(i-6) * (low + high) / 2
			values = append(values, mean)
			if signed {
				values = append(values, -mean)
			}
		}
	}
	slices.Sort(values)
	return values
}

// TestBlockCode compares codes, scales and decoded numbers with a search through
// bitsandbytes' 256 values: numbers of many sizes, zeros, a block of zeros, a last
// block that is not full.
func TestBlockCode(t *testing.T) {
	const n = 40*CodeBlock + 100
	r := rand.New(rand.NewPCG(1, 1))
	x := make([]float32, n)
	for i := range x {
		spread := float64(i/CodeBlock) / 4 // later blocks hold sizes further apart
		x[i] = float32(math.Exp(spread*r.NormFloat64())*r.NormFloat64()) * 1e-3
		if i/CodeBlock == 7 || i%97 == 0 {
			x[i] = 0
		}
	}
	for _, d := range kernelstest.Open(t) {
		for _, signed := range []bool{true, false} {
			values := dynamicMap(signed)
			if len(values) != 256 {
				t.Fatal(len(values))
			}
			numbers := slices.Clone(x)
			if !signed {
				for i := range numbers {
					numbers[i] = float32(math.Abs(float64(x[i])))
				}
			}
			for code, v := range values { // one block holds every value
				numbers[3*CodeBlock+code] = float32(v)
			}
			c := BlockCode{Signed: signed}
			codesShape, scalesShape := c.Shapes(n)
			of := []backend.Input{{Name: "x", Shape: shapes.Make(dtypes.Float32, 4, n/4)}}
			encode, err := backend.Compile(d, "encode", of, func(in []*Node) []*Node {
				codes, scales := c.Encode(in[0])
				return []*Node{codes, scales}
			})
			if err != nil {
				t.Fatal(err)
			}
			of = []backend.Input{{Name: "codes", Shape: codesShape}, {Name: "scales", Shape: scalesShape}}
			decode, err := backend.Compile(d, "decode", of, func(in []*Node) []*Node {
				return []*Node{c.Decode(in[0], in[1], 4, n/4)}
			})
			if err != nil {
				t.Fatal(err)
			}
			out, err := encode.Run([]backend.Buffer{upload(t, d, numbers, 4, n/4)})
			if err != nil {
				t.Fatal(err)
			}
			codes, scales := make([]uint8, codesShape.Size()), floats(t, out[1])
			if err := backend.Download(out[0], codes); err != nil {
				t.Fatal(err)
			}
			back, err := decode.Run(out)
			if err != nil {
				t.Fatal(err)
			}
			decoded := floats(t, back[0])
			used := map[uint8]bool{}
			for i := range numbers {
				block := numbers[i/CodeBlock*CodeBlock : min(i/CodeBlock*CodeBlock+CodeBlock, n)]
				scale := float32(0)
				for _, v := range block {
					scale = max(scale, float32(math.Abs(float64(v))))
				}
				if scales[i/CodeBlock] != scale {
					t.Fatalf("%s: scale of block %d is %g, want %g",
						d.Name, i/CodeBlock, scales[i/CodeBlock], scale)
				}
				y := float32(0)
				if scale > 0 {
					y = numbers[i] / scale
				}
				want := 0
				for code, v := range values {
					if math.Abs(v-float64(y)) < math.Abs(values[want]-float64(y)) {
						want = code
					}
				}
				if int(codes[i]) != want {
					t.Fatalf("%s signed %v: %g is code %d, want %d (%g)",
						d.Name, signed, y, codes[i], want, values[want])
				}
				used[codes[i]] = true
				if v := values[want] * float64(scale); math.Abs(float64(decoded[i])-v) > 3e-7*math.Abs(v) {
					t.Fatalf("%s signed %v: code %d decodes to %g, want %g",
						d.Name, signed, want, decoded[i], v)
				}
			}
			if len(used) != 256 {
				t.Errorf("%d codes were met, want all", len(used))
			}
		}
	}
}

// TestDither: a number between two bfloat16 neighbours becomes one or the other, in
// the mean itself; a bfloat16 stays; the same key rounds the same way on every
// backend, another key another way.
func TestDither(t *testing.T) {
	const n = 1 << 14
	x := make([]float32, n)
	for i := range x {
		x[i] = 1 + float32(i%4)/512 // bfloat16 has 1 and 1 + 1/128
	}
	var first []float32
	for _, d := range kernelstest.Open(t) {
		p, err := backend.Compile(d, "dither", []backend.Input{
			{Name: "x", Shape: shapes.Make(dtypes.Float32, 128, n/128)},
			{Name: "key", Shape: shapes.Make(dtypes.Uint32)},
		},
			func(in []*Node) []*Node { return []*Node{Dither(in[0], Noise(in[0], in[1]))} })
		if err != nil {
			t.Fatal(err)
		}
		round := func(key uint32) []float32 {
			out, err := p.Run([]backend.Buffer{upload(t, d, x, 128, n/128), upload(t, d, []uint32{key})})
			if err != nil {
				t.Fatal(err)
			}
			return floats(t, out[0])
		}
		got := round(7)
		if first == nil {
			first = got
		}
		if !slices.Equal(got, first) {
			t.Errorf("%s rounds otherwise than the first backend", d.Name)
		}
		if slices.Equal(got, round(8)) {
			t.Errorf("%s: two keys round alike", d.Name)
		}
		sum := [4]float64{}
		for i, v := range got {
			if v != 1 && v != 1+1./128 || i%4 == 0 && v != 1 {
				t.Fatalf("%s: %g became %g", d.Name, x[i], v)
			}
			sum[i%4] += float64(v) / (n / 4)
		}
		for i, mean := range sum {
			// The mean of 4096 draws of a step of 1/128 is within 4 standard errors.
			if math.Abs(mean-float64(1+float32(i)/512)) > 4*0.5/128/64 {
				t.Errorf("%s: the mean of %g is %g", d.Name, 1+float32(i)/512, mean)
			}
		}
	}
}
