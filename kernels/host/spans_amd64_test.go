//go:build goexperiment.simd && !purego

package host

import (
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/sys/cpu"
)

// TestSpansVNNI: the kernels for machines that have AVX-VNNI and not AVX-512 give the bits of others.
func TestSpansVNNI(t *testing.T) { eachCode(t, testSpansVNNI) }

func testSpansVNNI(t *testing.T, f format) {
	if !vector || !cpu.X86.HasAVXVNNI {
		t.Skip("this machine has no AVX-VNNI, or may not use it")
	}
	before := tiers
	defer func() { tiers = before }()
	plain, vnni := tier256, tier256
	vnni.dot[formatInt4], vnni.stream[formatInt4] = dot256Int4VNNI, stream256Int4VNNI
	vnni.dot[formatW8A8], vnni.stream[formatW8A8] = dot256W8A8VNNI, stream256W8A8VNNI
	team := NewTeam(1)
	defer team.Close()
	r := rand.New(rand.NewPCG(19, 20))
	for n := 1; n <= 13; n++ {
		out, in := 16*n+7, 20*n
		values, x := random(r, out*in), random(r, n*in)
		product := func(one *tier) []float32 {
			tiers = []*tier{one}
			m := inSpans(t, f, values, out, in)
			return multiply(team, &m, x, n)
		}
		if !slices.Equal(product(&vnni), product(&plain)) {
			t.Errorf("%d rows: other bits", n)
		}
	}
}
