package objective

import "testing"

func TestAggregation(t *testing.T) {
	lengths := []int{2, 0, 6}
	for _, c := range []struct {
		a    Aggregation
		want []float32
	}{
		{SeqMeanTokenMean, []float32{1. / 6, 0, 1. / 18}}, {TokenMean, []float32{1. / 8, 0, 1. / 8}},
		{SeqMeanTokenSum, []float32{1. / 3, 0, 1. / 3}},
		{SeqMeanTokenSumNorm, []float32{1. / 30, 0, 1. / 30}},
	} {
		got := c.a.Weights(lengths, 10)
		for i := range got {
			if d := got[i] - c.want[i]; d > 1e-7 || d < -1e-7 {
				t.Errorf("%s: weights %v, want %v", c.a, got, c.want)
			}
		}
	}
}
