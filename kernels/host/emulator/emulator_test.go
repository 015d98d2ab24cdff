package emulator

import (
	"encoding/hex"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// TestTileInstructions: the emulator reads every instruction on tiles as llvm-mc does, whose bytes and text
// third_party/tile-instructions.sh has written down.
func TestTileInstructions(t *testing.T) {
	golden, err := os.ReadFile("testdata/tile_instructions.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(golden)), "\n")
	if len(lines) < 500 {
		t.Errorf("%d instructions", len(lines))
	}
	for _, line := range lines {
		text, want, _ := strings.Cut(line, " ")
		code, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		d, err := decode(append(code, make([]byte, 16)...))
		if err != nil || d.String() != want || d.bytes != len(code) {
			t.Errorf("%s is read as %v of %d bytes, %v; want %s", text, d, d.bytes, err, want)
		}
	}
}

// TestFlushedFMA compares the emulator's arithmetic with numbers of any length.
func TestFlushedFMA(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	number := func(exponents int) float32 {
		return float32(math.Ldexp(r.Float64()*2-1, r.IntN(exponents)-exponents/2))
	}
	for range 200000 {
		exponents := []int{4, 30, 120, 250}[r.IntN(4)]
		x := math.Float32frombits(math.Float32bits(number(exponents)) &^ 0xffff)
		y := math.Float32frombits(math.Float32bits(number(exponents)) &^ 0xffff)
		z := number(exponents)
		if r.IntN(4) == 0 { // near a tie
			z = math.Float32frombits(math.Float32bits(x*y)+uint32(r.IntN(3))) * float32(math.Ldexp(1, 24-r.IntN(50)))
		}
		exact := new(big.Float).SetPrec(2000)
		for _, v := range []float32{x, y, z} {
			if !(math.Abs(float64(v)) >= 0x1p-126 && math.Abs(float64(v)) <= math.MaxFloat32) {
				exact = nil
			}
		}
		if exact == nil {
			continue
		}
		exact.Mul(big.NewFloat(float64(x)), big.NewFloat(float64(y)))
		exact.Add(exact, big.NewFloat(float64(z)))
		want, _ := new(big.Float).SetPrec(24).Set(exact).Float64() // rounded, with any exponent
		if math.Abs(want) < 0x1p-126 {
			want = 0
		}
		if math.Abs(want) > math.MaxFloat32 {
			want = math.Copysign(math.Inf(1), want)
		}
		if got := float64(FlushedFMA(x, y, z)); got != want {
			t.Fatalf("%g · %g + %g is %g, want %g", x, y, z, got, want)
		}
	}
}
