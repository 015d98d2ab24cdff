package float16

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestHalf checks every 16-bit float both ways.
func TestHalf(t *testing.T) {
	for bits := range 1 << 16 {
		h := uint16(bits)
		v := FromHalf(h)
		if v != v {
			if back := ToHalf(v); back&0x7c00 != 0x7c00 || back&0x3ff == 0 {
				t.Fatalf("NaN %#x comes back as %#x", h, back)
			}
			continue
		}
		if back := ToHalf(v); back != h {
			t.Fatalf("%#x is %g and comes back as %#x", h, v, back)
		}
	}
	for v, want := range map[float32]uint16{65519: 0x7bff, 65520: 0x7c00, 1e-8: 0, 1.0 + 1.0/2048: 0x3c00,
		1.0 + 3.0/2048: 0x3c02, -0.5: 0xb800} {
		if got := ToHalf(v); got != want {
			t.Errorf("%g becomes %#x, want %#x", v, got, want)
		}
	}
}

func TestBFloat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float32().Draw(t, "v")
		got := FromBFloat(ToBFloat(v))
		if v != v {
			if got == got {
				t.Fatal("a NaN became a number")
			}
			return
		}
		if d := math.Abs(float64(got) - float64(v)); !math.IsInf(float64(got), 0) &&
			d > math.Abs(float64(v))/256 && d > 1e-40 {
			t.Fatalf("%g becomes %g", v, got)
		}
	})
}
