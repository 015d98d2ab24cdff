package triton

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// run runs a function's text, read anew.
func run(t *testing.T, f *Function, memory ...*Buffer) {
	t.Helper()
	p, err := Parse(f.Text())
	if err != nil {
		t.Fatalf("%v\n%s", err, f.Text())
	}
	if err := p.Run([3]int{1, 1, 1}, memory, 1); err != nil {
		t.Fatalf("%v\n%s", err, f.Text())
	}
}

// TestIntegers: arithmetic wraps at 32 bits and not at 64, division is towards zero, a remainder has the sign
// of what is divided, and an unsigned comparison takes a negative number for a large one.
func TestIntegers(t *testing.T) {
	a := []int32{7, -7, math.MaxInt32, math.MinInt32}
	b := []int32{2, 2, 1, 3}
	for _, c := range []struct {
		name    string
		combine func(a, b Value) Value
		want    []int32
	}{
		{"add", Value.Add, []int32{9, -5, math.MinInt32, math.MinInt32 + 3}},
		{"sub", Value.Sub, []int32{5, -9, math.MaxInt32 - 1, math.MaxInt32 - 2}},
		{"mul", Value.Mul, []int32{14, -14, math.MaxInt32, math.MinInt32}},
		{"div", Value.Div, []int32{3, -3, math.MaxInt32, -715827882}},
		{"min", Value.Min, []int32{2, -7, 1, math.MinInt32}},
		{"max", Value.Max, []int32{7, 2, math.MaxInt32, 3}},
		{"modulo", func(a, _ Value) Value { return a.Modulo(3) }, []int32{1, -1, 1, -2}},
		{"less", func(a, b Value) Value { return a.f.Int(1).As(4).Or(0, a.Less(b)) }, []int32{0, 1, 0, 1}},
		{"at most", func(a, b Value) Value { return a.f.Int(1).As(4).Or(0, a.AtMost(a.Min(b))) }, []int32{0, 1, 0, 1}},
		{"indexes", func(a, _ Value) Value { return a.f.Int(1).As(4).Or(0, a.Indexes(8)) }, []int32{1, 0, 0, 0}},
		{"64 bits", func(a, b Value) Value { // the product of 64 bits is not that of 32
			wide := a.To(I64).Times(4)
			return a.f.Int(1).As(4).Or(0, wide.Less(wide.number(math.MaxInt32)))
		}, []int32{1, 1, 0, 1}},
	} {
		f := NewFunction("integers")
		x, y, out := f.Argument("x", I32), f.Argument("y", I32), f.Argument("out", I32)
		r := f.Range(4)
		out.At(r).StoreWhere(c.combine(x.At(r).Load(), y.At(r).Load()), f.Full(I1, 1))
		got := make([]int32, 4)
		run(t, f, &Buffer{I32: a}, &Buffer{I32: b}, &Buffer{I32: got})
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// TestFloats: the operations of float32, rounding to bfloat16 with ties to even, NaN that is missing for the
// larger of two and stays elsewhere.
func TestFloats(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	a, b := []float32{1, -2.5, nan, inf}, []float32{3, 0.5, 1, -1}
	for _, c := range []struct {
		name    string
		combine func(a, b Value) Value
		want    []float32
	}{
		{"add", Value.Add, []float32{4, -2, nan, inf}},
		{"sub", Value.Sub, []float32{-2, -3, nan, inf}},
		{"mul", Value.Mul, []float32{3, -1.25, nan, -inf}},
		{"div", Value.Div, []float32{1 / float32(3), -5, nan, -inf}},
		{"min", Value.Min, []float32{1, -2.5, 1, -1}},
		{"max", Value.Max, []float32{3, 0.5, 1, inf}},
		{"exp2", func(a, _ Value) Value { return a.Exp2() }, []float32{2, 0.17677669529663687, nan, inf}},
		{"less", func(a, b Value) Value { return a.f.Full(F32, 1).As(4).Or(0, a.Less(b)) }, []float32{1, 1, 0, 0}},
		{"at most", func(a, b Value) Value { return a.f.Full(F32, 1).As(4).Or(0, a.AtMost(a.Min(b))) },
			[]float32{1, 1, 0, 0}},
		{"integer", func(a, b Value) Value { return b.Scaled(-1.5).To(I32).To(F32) }, []float32{-4, 0, -1, 1}},
		{"bits", func(a, _ Value) Value { // of 1 and the numbers after it
			return a.f.Range(4).Plus(0x3f800000).Bits(F32)
		}, []float32{1, 1.0000001, 1.0000002, 1.0000004}},
		{"sqrt", func(a, _ Value) Value { return a.Sqrt() }, []float32{1, nan, nan, inf}},
		{"scaled", func(a, _ Value) Value { return a.Scaled(0.1) }, []float32{0.1, -0.25, nan, inf}},
		{"bfloat16", func(a, b Value) Value { // halfway, to the even one below and above; just above; negative
			more := b.f.Full(F32, 0.0078125).Or(0, b.f.Range(4).Less(b.f.Int(1)))
			x := b.f.Full(F32, 1.00390625, 4).Add(more)
			return x.To(BF16).To(F32)
		}, []float32{1.015625, 1, 1, 1}},
	} {
		f := NewFunction("floats")
		x, y, out := f.Argument("x", F32), f.Argument("y", F32), f.Argument("out", F32)
		r := f.Range(4)
		out.At(r).StoreWhere(c.combine(x.At(r).Load(), y.At(r).Load()), f.Full(I1, 1))
		got := make([]float32, 4)
		run(t, f, &Buffer{F32: a}, &Buffer{F32: b}, &Buffer{F32: got})
		for i, want := range c.want {
			if got[i] != want && (got[i] == got[i] || want == want) {
				t.Errorf("%s: %g, want %g", c.name, got, c.want)
				break
			}
		}
	}
	for bits, want := range map[uint32]uint16{0x3f808000: 0x3f80, 0x3f818000: 0x3f82, 0x3f808001: 0x3f81,
		0x7f7fffff: 0x7f80, 0x7f800001: 0x7fc0, 0xff800000: 0xff80} {
		if got := toBFloat16(math.Float32frombits(bits)); got != want {
			t.Errorf("%#x rounds to %#x, want %#x", bits, got, want)
		}
	}
}

// TestTensors: a product of two matrices by way of a transpose, columns, rows, reductions along either axis and
// a loop that exchanges what it carries.
func TestTensors(t *testing.T) {
	f := NewFunction("tensors")
	x, out := f.Argument("x", F32), f.Argument("out", F32)
	at := f.Range(2).Column().Times(4).Add(f.Range(4).Row()) // [2, 4]
	m := x.At(at).Load()
	square := Dot(m, m.Transposed(), f.Full(F32, 1, 2, 2))
	four := f.Range(2).Column().Times(2).Add(f.Range(2).Row())
	all := f.Full(I1, 1)
	out.At(four).StoreWhere(square, all)
	out.At(f.Range(2).Plus(4)).StoreWhere(m.SumOver(1), all)
	out.At(f.Range(4).Plus(6)).StoreWhere(m.MaxOver(0), all)
	turned := f.For(f.Int(0), f.Int(7), 3, []Value{f.Full(F32, 1), f.Full(F32, 10), f.Int(0)},
		func(i Value, c []Value) []Value { return []Value{c[1], c[0], c[2].Add(i)} })
	out.At(f.Int(10)).StoreWhere(turned[0], all)
	out.At(f.Int(11)).StoreWhere(turned[1], all)
	sum := f.Full(F32, 1).Or(0, turned[2].Less(f.Int(10)).And(f.Int(8).Less(turned[2])))
	out.At(f.Int(12)).StoreWhere(sum, all)
	never := f.For(f.Int(3), f.Int(3), 1, []Value{f.Full(F32, 5)},
		func(_ Value, c []Value) []Value { return []Value{c[0].Scaled(2)} })
	out.At(f.Int(13)).StoreWhere(never[0], all)
	got := make([]float32, 14)
	run(t, f, &Buffer{F32: []float32{1, 2, 3, 4, -1, 0, 5, 2}}, &Buffer{F32: got})
	want := []float32{31, 23, 23, 31, 10, 6, 1, 2, 5, 4, 10, 1, 1, 5}
	if !slices.Equal(got, want) {
		t.Errorf("%g, want %g\n%s", got, want, f.Text())
	}
}

// TestMemory: what a mask leaves out is neither read nor written, wherever its pointer points; anything else
// outside of a buffer is an error that names the line.
func TestMemory(t *testing.T) {
	text := func(live int) string {
		f := NewFunction("memory")
		x, out := f.Argument("x", BF16), f.Argument("out", BF16)
		r := f.Range(4)
		mask := r.Less(f.Int(live))
		out.At(r.Times(1<<20)).StoreWhere(x.At(r.Times(-5)).LoadWhere(mask, 7), mask)
		return f.Text()
	}
	for live, want := range []string{"", "", "-5 of argument 0"} {
		p, err := Parse(text(live))
		if err != nil {
			t.Fatal(err)
		}
		x, out := &Buffer{BF16: []uint16{0x3f80}, Loads: make([]int32, 1)}, &Buffer{BF16: []uint16{9}}
		err = p.Run([3]int{1, 1, 1}, []*Buffer{x, out}, 1)
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d live: %v, want %q", live, err, want)
		}
		if want == "" && (x.Loads[0] != int32(live) || out.BF16[0] != []uint16{9, 0x3f80}[live]) {
			t.Errorf("%d live: %d loads, %#x", live, x.Loads, out.BF16)
		}
	}
}

// TestParseRefuses: what Triton would refuse, or what a Function does not write, is an error that names the line.
func TestParseRefuses(t *testing.T) {
	f := NewFunction("kernel")
	x, out := f.Argument("x", F32), f.Argument("out", F32)
	m := x.At(f.Range(2).Column().Times(2).Add(f.Range(2).Row())).Load()
	sum := f.For(f.Int(0), f.Int(4), 1, []Value{m}, func(_ Value, c []Value) []Value { return []Value{c[0].Add(m)} })
	out.At(f.Range(2)).StoreWhere(sum[0].SumOver(0), f.Full(I1, 1))
	good := f.Text()
	if _, err := Parse(good); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{"module {", "modul {"}, {"i32}) {", "i32} {"}, {"x2xf32", "x3xf32"}, {"arith.addf", "arith.addq"},
		{"arith.addf", "arith.addi"}, {"tt.return", ""}, {"scf.yield", "scf.yeld"}, {"#0", "#1"}, {" to ", " up "},
		{"axis = 0 : i32}>", "axis = 2 : i32}>"}, {"end = 2", "end = 4"}, {"tt.addptr", "tt.adptr"},
		{"tt.store %", "tt.store 1%"}, {"%v1 = ", "%x = "}, {"-> tensor<2xf32>", "-> tensor<4xf32>"},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if bad == good {
			t.Errorf("%q is not there\n%s", change[0], good)
		}
		if _, err := Parse(bad); err == nil || !strings.HasPrefix(err.Error(), "line ") {
			t.Errorf("%q for %q: %v", change[1], change[0], err)
		}
	}
}

// FuzzParse: no text makes the reader panic, and what it reads can be prepared for running.
func FuzzParse(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 4 {
		k := drawCase(r).kernel
		f.Add(k.Attend().Text)
		f.Add(k.Merge().Text)
	}
	f.Add("module {\n  tt.func public @k(%a: !tt.ptr<f32> {tt.divisibility = 16 : i32}) {\n    tt.return\n  }\n}\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil || p.size > 1<<16 {
			return
		}
		newMachine(p, nil)
	})
}
