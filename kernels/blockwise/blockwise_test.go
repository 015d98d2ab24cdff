package blockwise

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/stele-lm/stele/internal/splitmix"
)

// stored is a tensor of the golden: its bytes, or their hash where there are many.
type stored struct {
	SHA256 string `json:"sha256"`
	Base64 []byte `json:"base64"`
}

// check compares a tensor bit for bit.
func check[T any](t *testing.T, what string, got []T, want stored) {
	t.Helper()
	size := int(unsafe.Sizeof(*new(T)))
	data := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(got))), len(got)*size)
	for i := 0; i < len(want.Base64); i += size {
		if i+size > len(data) || !slices.Equal(data[i:i+size], want.Base64[i:i+size]) {
			t.Errorf("%s: number %d is %v, want bytes %x", what, i/size, got[min(i/size, len(got)-1)],
				want.Base64[i:i+size])
			return
		}
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != want.SHA256 {
		t.Errorf("%s: %d bytes differ from bitsandbytes'", what, len(data))
	}
}

// numbers are those of third_party/blockwise-goldens.py.
func numbers(seed uint64, n int, half bool) []float32 {
	x := make([]float32, n)
	for i := range x {
		u := float64(splitmix.Mix(uint64(i)+seed<<32)>>40)/(1<<24) - 0.5
		block := i / Block
		x[i] = float32(u * u * u * (1 + float64(block%61)/16))
		if i%97 == 5 || block == 7 {
			x[i] = 0
		}
		if half {
			x[i] = math.Float32frombits(uint32(bfloat16(x[i])) << 16)
		}
	}
	return x
}

// TestBitsandbytes compares codes, magnitudes and decoded numbers with those of bitsandbytes on a CPU,
// bit for bit: blocks that are not full, blocks of zeroes, one and many groups of magnitudes.
func TestBitsandbytes(t *testing.T) {
	data, err := os.ReadFile("../../testdata/blockwise.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		NF4     stored `json:"nf4_values"`
		Dynamic stored `json:"dynamic_values"`
		Cases   []struct {
			Seed    uint64
			Numbers int
			Half    bool `json:"bfloat16"`
			NF4     struct{ Codes, Absmax, Decoded stored }
			Int8    struct{ Codes, Absmax stored }
			Double  struct {
				Codes, Absmax, Mean, Decoded stored
				AbsmaxCodes                  stored `json:"absmax_codes"`
			} `json:"nf4_double"`
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	check(t, "values of NF4", NF4Values[:], golden.NF4)
	check(t, "dynamic values", DynamicValues[:], golden.Dynamic)
	for _, c := range golden.Cases {
		x := numbers(c.Seed, c.Numbers, c.Half)
		quantize := func(f Format) (*Tensor, []float32) {
			q, err := f.Quantize(x)
			if err != nil {
				t.Fatal(err)
			}
			decoded := make([]float32, q.N)
			q.Decode(decoded, 0)
			return q, decoded
		}
		t.Logf("%d numbers, bfloat16 %v", c.Numbers, c.Half)
		bytes := func(n int) int { return (n + 1) / 2 }
		q, decoded := quantize(Format{Code: NF4})
		check(t, "NF4: codes", q.Codes[:bytes(q.N)], c.NF4.Codes)
		check(t, "NF4: magnitudes", q.Absmax, c.NF4.Absmax)
		check(t, "NF4: decoded", decoded, c.NF4.Decoded)
		q, decoded = quantize(Format{Code: NF4, Double: true})
		groups := q.Groups(q.N)
		check(t, "double: codes", q.Codes[:bytes(q.N)], c.Double.Codes)
		check(t, "double: mean", q.Absmax[groups:], c.Double.Mean)
		check(t, "double: magnitudes of groups", q.Absmax[:groups], c.Double.Absmax)
		check(t, "double: codes of magnitudes", q.AbsmaxCodes[:q.Blocks(q.N)], c.Double.AbsmaxCodes)
		check(t, "double: decoded", decoded, c.Double.Decoded)
		q, _ = quantize(Format{Code: Int8})
		check(t, "int8: codes", q.Codes[:q.N], c.Int8.Codes)
		check(t, "int8: magnitudes", q.Absmax, c.Int8.Absmax)
	}
}

// formats lists every format.
func formats() []Format {
	return []Format{{Code: NF4}, {Code: NF4, Double: true}, {Code: Int8}, {Code: Int8, Double: true}}
}

// TestDecode: any part of a tensor decodes as the whole does, in bfloat16 to the rounded numbers; a
// number is off by no more than half the widest gap between values, of its block's magnitude, and
// in 8 bits half a step of bitsandbytes' table.
func TestDecode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(formats()).Draw(t, "format")
		x := rapid.SliceOfN(rapid.Float32Range(-3, 3), 1, 5*Block).Draw(t, "numbers")
		for i, v := range x { // of numbers this small a block's largest has no reciprocal
			if math.Abs(float64(v)) < 1e-30 {
				x[i] = 0
			}
		}
		q, err := f.Quantize(x)
		if err != nil {
			t.Fatal(err)
		}
		whole := make([]float32, len(x))
		q.Decode(whole, 0)
		from := rapid.IntRange(0, len(x)-1).Draw(t, "from")
		n := rapid.IntRange(1, len(x)-from).Draw(t, "length")
		part, bits := make([]float32, n), make([]uint16, n)
		q.Decode(part, from)
		q.DecodeBFloat16(bits, from)
		for i, v := range part {
			if math.Float32bits(v) != math.Float32bits(whole[from+i]) || bits[i] != bfloat16(v) {
				t.Fatalf("number %d decodes to %g alone, %x in bfloat16, %g with all", from+i, v, bits[i],
					whole[from+i])
			}
		}
		gap := 1.0/most + 1/float64(steps) // the nearest value is that of the nearest step of a table
		if f.Code == NF4 {
			gap = float64(NF4Values[1] - NF4Values[0])
		}
		for i, v := range whole {
			block := x[i/Block*Block : min(i/Block*Block+Block, len(x))]
			largest := 0.0
			for _, b := range block {
				largest = max(largest, math.Abs(float64(b)))
			}
			bound := gap / 2 * largest
			if f.Double { // the magnitude itself is off by up to 0.7 % of the largest distance from the mean
				bound += 0.03
			}
			if off := math.Abs(float64(v - x[i])); !(off <= bound*1.001) {
				t.Fatalf("%v: %g decodes to %g, its block's largest is %g", f, x[i], v, largest)
			}
		}
	})
}

// TestDecodeWhole: whole blocks decode to the same bits with vectors as without.
func TestDecodeWhole(t *testing.T) {
	for _, f := range formats() {
		x := numbers(9, 20*Block, false)
		q, err := f.Quantize(x)
		if err != nil {
			t.Fatal(err)
		}
		for _, q.Rounded = range []bool{false, true} {
			// Parts that are no blocks are left to plain Go.
			whole, plain := make([]float32, len(x)), make([]float32, len(x))
			bits, plainBits := make([]uint16, len(x)), make([]uint16, len(x))
			q.Decode(whole, 0)
			q.DecodeBFloat16(bits, 0)
			for i := 0; i < len(x); i += Block / 2 {
				q.Decode(plain[i:i+Block/2], i)
				q.DecodeBFloat16(plainBits[i:i+Block/2], i)
			}
			for i := range x {
				if math.Float32bits(whole[i]) != math.Float32bits(plain[i]) || bits[i] != plainBits[i] {
					t.Fatalf("%v, rounded %v: number %d is %g and %x, by plain Go %g and %x", f, q.Rounded, i, whole[i],
						bits[i], plain[i], plainBits[i])
				}
			}
		}
	}
}

// BenchmarkDecode is bytes of decoded numbers a second.
func BenchmarkDecode(b *testing.B) {
	x := numbers(9, 1<<16, false)
	for _, f := range formats() {
		q, err := f.Quantize(x)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(f.String(), func(b *testing.B) {
			dst := make([]float32, len(x))
			b.SetBytes(4 * int64(len(x)))
			for b.Loop() {
				q.Decode(dst, 0)
			}
		})
		b.Run(f.String()+" to bfloat16", func(b *testing.B) {
			dst := make([]uint16, len(x))
			b.SetBytes(2 * int64(len(x)))
			for b.Loop() {
				q.DecodeBFloat16(dst, 0)
			}
		})
	}
}

// TestNearest compares the searches with one through all values.
func TestNearest(t *testing.T) {
	search := func(values []float32, x float32) int {
		best := 0
		for i, v := range values {
			if distance(x, v) < distance(x, values[best]) {
				best = i
			}
		}
		return best
	}
	codes := map[string][]float32{"dynamic": DynamicValues[:], "linear": linspace(-1, 1, 2*most+1)}
	finders := map[string]*finder{"dynamic": dynamicFinder, "linear": linearFinder}
	try := func(x float32) {
		for code, values := range codes {
			// A finder knows a number to half a step.
			got, want := values[finders[code].find(x)], values[search(values, x)]
			if d := distance(distance(x, got), distance(x, want)); d > 1.01/steps {
				t.Fatalf("%g: %g of the %s code, want %g", x, got, code, want)
			}
		}
		if got, want := int(nearestNF4(x)), search(NF4Values[:], x); got != want &&
			distance(distance(x, NF4Values[got]), distance(x, NF4Values[want])) > 1e-7 { // the middle is rounded
			t.Fatalf("%g: value %d of NF4, want %d", x, got, want)
		}
	}
	for i := range 200000 {
		try(float32(2*splitmix.Uniform(splitmix.Mix(uint64(i))) - 1))
	}
	for _, values := range [][]float32{NF4Values[:], codes["dynamic"], codes["linear"]} { // midway, and beside
		for i := range len(values) - 1 {
			middle := (values[i] + values[i+1]) / 2
			for _, x := range []float32{values[i], middle, math.Nextafter32(middle, 2), math.Nextafter32(middle, -2)} {
				try(x)
			}
		}
	}
	try(-1)
	try(1)
}

// TestNotFinite: infinities and NaN are refused, and named by their index.
func TestNotFinite(t *testing.T) {
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		for _, f := range formats() {
			x := make([]float32, 3*Block)
			x[70] = bad
			if _, err := f.Quantize(x); err == nil || !slices.Contains([]string{
				"number 70 is NaN, and only finite ones can be quantised",
				"number 70 is +Inf, and only finite ones can be quantised",
				"number 70 is -Inf, and only finite ones can be quantised",
			}, err.Error()) {
				t.Errorf("%v, %g: %v", f, bad, err)
			}
		}
	}
}

// FuzzQuantize: any bits make a tensor whose numbers are finite and no larger than the block's, or an
// error; its size is what Bytes says.
func FuzzQuantize(f *testing.F) {
	f.Add([]byte{0, 0, 0x80, 0x3f}, uint8(0))
	f.Add([]byte{1, 0, 0, 0, 0xff, 0xff, 0x7f, 0x7f}, uint8(1)) // the smallest and the largest
	f.Add([]byte{0, 0, 0xc0, 0x7f}, uint8(2))
	f.Fuzz(func(t *testing.T, data []byte, format uint8) {
		x := make([]float32, len(data)/4)
		if len(x) == 0 {
			return
		}
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), 4*len(x)), data)
		fm := formats()[int(format)%len(formats())]
		q, err := fm.Quantize(x)
		bad := slices.ContainsFunc(x, func(v float32) bool { return !finite(v) })
		if bad != (err != nil) {
			t.Fatalf("%v: %v", x, err)
		}
		if err != nil {
			return
		}
		if n := int64(len(q.Codes) + 4*len(q.Absmax) + len(q.AbsmaxCodes)); n != fm.Bytes(len(x)) {
			t.Fatalf("%d bytes, Bytes says %d", n, fm.Bytes(len(x)))
		}
		decoded := make([]float32, len(x))
		q.Decode(decoded, 0)
		if fm.Double {
			return // magnitudes are rounded
		}
		for i, v := range decoded {
			// 127 parts may be a bit more than the whole.
			if largest := q.Absmax[i/Block]; !(float64(distance(v, 0)) <= 1.000001*float64(largest)+1e-43) {
				t.Fatalf("number %d is %g, its block's largest %g", i, v, largest)
			}
		}
	})
}
