package backend

import (
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/kernels/isa"
)

// TestLeftToXLA: which products host kernels compute, by tier.
func TestLeftToXLA(t *testing.T) {
	weights := func(dtype dtypes.DType) hostProduct { return hostProduct{left: 0, dtype: dtype} }
	others := func(dtype dtypes.DType) hostProduct { return hostProduct{left: 1, dtype: dtype} }
	for _, c := range []struct {
		what string
		p    hostProduct
		host []isa.Tier
	}{
		{"bfloat16, gradients of weights", weights(dtypes.BFloat16), []isa.Tier{isa.AVX2, isa.AVX512, isa.AVX512BF16}},
		{"bfloat16, others", others(dtypes.BFloat16), []isa.Tier{isa.AVX2, isa.AVX512, isa.AVX512BF16}},
		{"float32, gradients of weights", weights(dtypes.Float32), []isa.Tier{isa.AVX512, isa.AVX512BF16}},
		{"float32, others", others(dtypes.Float32), nil},
	} {
		for _, tier := range isa.All {
			if err := leftToXLA(c.p, tier); (err == nil) != slices.Contains(c.host, tier) {
				t.Errorf("%s on %v: %v", c.what, tier, err)
			}
		}
	}
}
