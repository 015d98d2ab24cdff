//go:build goexperiment.simd && !purego

package host

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/stele-lm/stele/kernels/host/emulator"
)

// permitted says which memory emulated kernels may touch; nil is all.
var permitted func(address, bytes uintptr, write bool) bool

// emulatedAMX are the kernels of AMX, interpreted.
func emulatedAMX() (all [formatCount]amxKernels) {
	return emulateAMX(func(entry uintptr, c *amxCall) error {
		p := emulator.Processor{May: permitted}
		return p.Call(entry, unsafe.Pointer(c))
	})
}

func init() {
	emulated = func(first *tier) *tier {
		if first.lanes != 16 || first.dot[formatBF16] == nil || first.amx[formatBF16][0][0] != nil {
			return nil
		}
		one := *first
		one.amx = emulatedAMX()
		return &one
	}
}

// amxAlone is a tier that has nothing but emulated kernels, which any machine can run.
func amxAlone() *tier {
	one := &tier{lanes: 16, amx: emulatedAMX()}
	for _, f := range []format{formatBF16, formatInt8} {
		one.dot[f] = []kernel{func(*tile) { panic("a kernel of vectors") }}
	}
	return one
}

// inTileOrder is a product in bfloat16 as the instruction is documented to sum it, written plainly.
func inTileOrder(x, w []uint16, piece int) float32 {
	total := float32(0)
	for from := 0; from < len(w); from += piece {
		sum := float32(0)
		for k := from; k < min(from+piece, len(w)); k += 32 {
			var parts [2]float32
			for i := k; i < k+32; i++ {
				a, b := math.Float32frombits(uint32(x[i])<<16), math.Float32frombits(uint32(w[i])<<16)
				parts[i%2] = emulator.FlushedFMA(a, b, parts[i%2])
			}
			sum = emulator.FlushedFMA(1, emulator.FlushedFMA(1, parts[1], parts[0]), sum)
		}
		if from == 0 {
			total = sum
			continue
		}
		total += sum
	}
	return total
}

// TestAMX: over shapes with and without rests, products by emulated kernels are those of float64 up to rounding,
// in the documented order bit for bit, whatever other rows and blocks are computed with them; int8's are bit for
// bit those of plain Go and of this machine's vectors. Nothing is read but weights and rows, nothing is written
// but sums and the outputs that were asked for.
func TestAMX(t *testing.T) {
	all := tiers
	defer func() { tiers, permitted = all, nil }()
	r := rand.New(rand.NewPCG(3, 4))
	team := NewTeam(1)
	defer team.Close()
	type shape struct{ rows, out, in int }
	shapes := []shape{
		{1, 1, 32}, {1, 16, 64}, {1, 33, 96}, {2, 17, 96}, {15, 40, 64}, {16, 32, 128}, {17, 70, 64}, {31, 15, 160},
		{32, 64, 64}, {33, 32, 96}, {48, 31, 64}, {49, 48, 32}, {64, 20, 1600}, {257, 34, 32}, {300, 10, 64},
		{5, 300, 2080}, {3, 8, 3104}, {290, 300, 32},
	}
	for range 30 {
		shapes = append(shapes, shape{1 + r.IntN(70), 1 + r.IntN(70), 32 * (1 + r.IntN(12))})
	}
	for _, s := range shapes {
		values, x := random(r, s.out*s.in), random(r, s.rows*s.in)
		for _, name := range []string{"bfloat16", "int8"} {
			tiers = all
			vectors := matrices(t, values, s.out, s.in)[name]
			byVectors := multiply(team, &vectors, x, s.rows)
			tiers = append([]*tier{amxAlone()}, all...)
			m := matrices(t, values, s.out, s.in)[name]
			if m.amx(s.rows) == nil {
				if name == "bfloat16" || s.in >= 64 {
					t.Fatalf("%v by %v is left to vectors", m.String(), s)
				}
				continue
			}
			y := testAMXProduct(t, &m, x, s.rows)
			for i := range s.rows {
				for o := range s.out {
					got := y[i*s.out+o]
					if name == "int8" {
						if want := byVectors[i*s.out+o]; got != want {
							t.Fatalf("%v by %v: y[%d][%d] is %g, by vectors %g", m.String(), s, i, o, got, want)
						}
						continue
					}
					bits := make([]uint16, s.in)
					narrow(bits, x[i*s.in:(i+1)*s.in])
					want, size := 0.0, 0.0
					for k, w := range m.bf16[o*s.in : (o+1)*s.in] {
						a := math.Float32frombits(uint32(bits[k]) << 16)
						p := float64(math.Float32frombits(uint32(w)<<16)) * float64(a)
						want += p
						size += p * p
					}
					if math.Abs(float64(got)-want) > 1e-5*math.Sqrt(size) {
						t.Fatalf("%v by %v: y[%d][%d] is %g, want %g", m.String(), s, i, o, got, want)
					}
					if (i+o)%7 == 0 && got != inTileOrder(bits, m.bf16[o*s.in:(o+1)*s.in], m.piece()) {
						t.Fatalf("%v by %v: y[%d][%d] is summed in another order", m.String(), s, i, o)
					}
				}
			}
			for range 3 {
				from := r.IntN(s.rows)
				to := from + 1 + r.IntN(min(s.rows-from, 20))
				some := testAMXProduct(t, &m, x[from*s.in:to*s.in], to-from)
				if !slices.Equal(some, y[from*s.out:to*s.out]) {
					t.Fatalf("%v by %v: rows %d to %d alone have other bits", m.String(), s, from, to)
				}
			}
		}
	}
}

// testAMXProduct multiplies block by block and all at once, and looks at what is read and written.
func testAMXProduct(t *testing.T, m *Matrix, x []float32, n int) []float32 {
	t.Helper()
	const untouched = float32(-12345.5)
	ldy := m.Out + 3
	team := NewTeam(1)
	defer team.Close()
	rows, scratch := &Rows{}, &Scratch{}
	// What was there before does not matter.
	rows.bits, rows.q = make([]uint16, n*m.In+7), make([]int16, n*m.In+7)
	for i := range rows.bits {
		rows.bits[i], rows.q[i] = 0x7fc0, -1
	}
	rows.Set(team, x, n, m.In, m)
	if rows.words != nil && n > 16 {
		for i := range rows.words {
			rows.words[i] = 0x7fc07fc0
		}
		rows.Set(team, x, n, m.In, m)
	}
	permitted = func(address, bytes uintptr, write bool) bool {
		return inside(address, bytes, scratch.amx.sums) || !write &&
			(inside(address, bytes, m.bf16) || inside(address, bytes, m.q) || inside(address, bytes, rows.words) ||
				n == 1 && inside(address, bytes, rows.bits) ||
				inside(address, bytes, unsafe.Slice(&scratch.amx.call, 1)) ||
				inside(address, bytes, unsafe.Slice(&scratch.amx.config, 1)))
	}
	defer func() { permitted = nil }()
	var results [2][]float32
	for k, step := range []int{1, m.Blocks()} {
		y := make([]float32, n*ldy)
		for i := range y {
			y[i] = untouched
		}
		for b := 0; b < m.Blocks(); b += step {
			lo, hi := m.Product(rows, y, ldy, b, b+step, scratch)
			for i := range n {
				if lo < hi && b+step < m.Blocks() && y[i*ldy+hi] != untouched {
					t.Fatalf("%v: output %d of row %d is written with those from %d to %d", m, hi, i, lo, hi)
				}
			}
		}
		for i := range n {
			results[k] = append(results[k], y[i*ldy:i*ldy+m.Out]...)
			for _, v := range y[i*ldy+m.Out : (i+1)*ldy] {
				if v != untouched {
					t.Fatalf("%v: something is written behind row %d", m, i)
				}
			}
		}
	}
	if !slices.Equal(results[0], results[1]) {
		t.Fatalf("%v by %d rows: block by block the results are others", m, n)
	}
	return results[1]
}

func inside[T any](address, bytes uintptr, list []T) bool {
	if len(list) == 0 {
		return false
	}
	first := uintptr(unsafe.Pointer(&list[0]))
	return address >= first && address+bytes <= first+uintptr(len(list))*unsafe.Sizeof(list[0])
}

// TestEmulatorRefuses: what a processor would end the program for is an error of the emulator, so that tests of
// kernels can fail.
func TestEmulatorRefuses(t *testing.T) {
	config := func(change func(c *amxConfig)) *amxConfig {
		c := &amxConfig{}
		c.set(32, 16)
		change(c)
		return c
	}
	memory := make([]uint32, 1<<16)
	run := func(c *amxConfig, may func(address, bytes uintptr, write bool) bool) error {
		p := emulator.Processor{May: may}
		call := amxCall{config: c, w: unsafe.Pointer(&memory[0]), ldw: 64, x: unsafe.Pointer(&memory[0]), ldx: 64,
			xstep: 2048, nextx: 2048, sums: unsafe.Pointer(&memory[4096]), steps: 1, groups: 1}
		return p.Call(amxEntries[slices.Index(amxNames[:], "amxBF162x2")], unsafe.Pointer(&call))
	}
	if err := run(config(func(*amxConfig) {}), nil); err != nil {
		t.Errorf("a call as it should be: %v", err)
	}
	for want, c := range map[string]*amxConfig{
		"palette 2":                         config(func(c *amxConfig) { c.palette = 2 }),
		"tile 3 has 17 rows":                config(func(c *amxConfig) { c.rows[3] = 17 }),
		"tile 3 has 16 rows of 0":           config(func(c *amxConfig) { c.bytes[3] = 0 }),
		"byte 57 of the configuration is 9": config(func(c *amxConfig) { c.rows[9] = 9 }),
		"do not fit":                        config(func(c *amxConfig) { c.rows[7] = 15 }),
		"tile 5 is not configured":          config(func(c *amxConfig) { c.rows[5], c.bytes[5] = 0, 0 }),
	} {
		if err := run(c, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if err := run(config(func(*amxConfig) {}), func(_, _ uintptr, write bool) bool { return !write }); err == nil {
		t.Errorf("memory was written that must not be")
	}
}

// TestTurn: vectors turn tiles, fold sums and split levels as plain Go does.
func TestTurn(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		rows, columns, add := 1+r.IntN(16), 1+r.IntN(16), uintptr(r.IntN(2))
		src := random(r, 16*20)
		sums, xscale, wscale := make([]int32, 2*registerWords), random(r, rows), random(r, columns)
		for i := range sums {
			sums[i] = int32(r.IntN(1<<24) - 1<<23)
		}
		before := random(r, 16*18)
		turned, want := slices.Clone(before), slices.Clone(before)
		turnTile(unsafe.Pointer(&turned[0]), unsafe.Pointer(&src[0]), rows, columns, 4*18, 4*20, add)
		turnTileScalar(unsafe.Pointer(&want[0]), unsafe.Pointer(&src[0]), rows, columns, 4*18, 4*20, add)
		if !slices.Equal(turned, want) {
			t.Fatalf("%d rows of %d numbers are turned otherwise", rows, columns)
		}
		folded, want := slices.Clone(before), slices.Clone(before)
		foldInt8(unsafe.Pointer(&folded[0]), unsafe.Pointer(&sums[0]), rows, columns, 4*18,
			unsafe.Pointer(&xscale[0]), unsafe.Pointer(&wscale[0]), add)
		foldInt8Scalar(unsafe.Pointer(&want[0]), unsafe.Pointer(&sums[0]), rows, columns, 4*18,
			unsafe.Pointer(&xscale[0]), unsafe.Pointer(&wscale[0]), add)
		if !slices.Equal(folded, want) {
			t.Fatalf("%d rows of %d sums are folded otherwise", rows, columns)
		}
	}
	levels16 := make([]int16, 64)
	for level := -levels; level <= levels; level++ {
		levels16[(level+levels)%64] = int16(level)
		if (level+levels)%64 != 63 && level != levels {
			continue
		}
		var high, low [64]int8
		splitLevels(high[:], low[:], levels16)
		for i, level := range levels16 {
			if low[i] < 0 || int16(high[i])*128+int16(low[i]) != level {
				t.Fatalf("%d is %d and %d", level, high[i], low[i])
			}
		}
	}
}
