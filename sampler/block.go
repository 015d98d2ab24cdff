package sampler

import "math"

// Tokens are handled in blocks of so many: each has its largest logit and the sum of its
// weights, and the first race is between blocks.
const block = 64

// scale turns the difference of a logit to the largest into the logarithm of a
// weight, to base 2.
type scale struct {
	top    float32 // the largest logit
	hi, lo float32 // log2(e) / T, and what rounding it to hi left
	floor  float32 // differences below have weight 0; those of -Inf are always below
}

// newScale makes the scale of a temperature above 0.
func newScale(top float32, temperature float64) scale {
	// The bound keeps the products finite; so small a temperature is greedy.
	c := min(math.Log2E/temperature, 1e30)
	hi := float32(c)
	return scale{
		top: top, hi: hi, lo: float32(c - float64(hi)),
		floor: float32(max(-126/c, -math.MaxFloat32)), // 2^-126 is the smallest normal number
	}
}

// The Taylor series of 2^f, by Horner's scheme. For |f| ≤ 1/2 what is left out is
// below 1e-8; rounding is ten times that.
const (
	exp1 = math.Ln2
	exp2 = exp1 * math.Ln2 / 2
	exp3 = exp2 * math.Ln2 / 3
	exp4 = exp3 * math.Ln2 / 4
	exp5 = exp4 * math.Ln2 / 5
	exp6 = exp5 * math.Ln2 / 6
	exp7 = exp6 * math.Ln2 / 7
)

// The functions below exist in plain Go and for AVX2. Both do the same operations in the same
// order, so that their results are equal bit for bit: no fused multiplication, and sums in lanes.
// They leave four lanes a block: to add those up between vector instructions costs more than the
// block. logits have a multiple of block elements.
var (
	largestOf = largestGo
	weighOf   = weighGo
	atLeastOf = atLeastGo
	belowOf   = belowGo
)

// largestGo leaves the largest logits of each block in lanes and reports whether
// one is NaN, in which case they mean nothing.
func largestGo(lanes [][4]float32, logits []float32) (nan bool) {
	for b := range lanes {
		inf := float32(math.Inf(-1))
		top := [4]float32{inf, inf, inf, inf}
		for i, z := range logits[b*block : (b+1)*block] {
			if z > top[i%4] {
				top[i%4] = z
			}
			nan = nan || z != z
		}
		lanes[b] = top
	}
	return nan
}

// weighGo leaves the weights of the logits in weights, unless that is nil, and
// their sums over each block in lanes.
func weighGo(lanes [][4]float64, weights, logits []float32, s *scale) {
	for b := range lanes {
		var sum [8]float64
		for i, z := range logits[b*block : (b+1)*block] {
			d := z - s.top
			w := float32(0)
			if d >= s.floor {
				// The conversions keep compilers from fusing.
				t := float32(d * s.hi)
				n := float32(math.RoundToEven(float64(t)))
				f := float32(t-n) + float32(d*s.lo)
				p := float32(f*exp7) + exp6
				p = float32(f*p) + exp5
				p = float32(f*p) + exp4
				p = float32(f*p) + exp3
				p = float32(f*p) + exp2
				p = float32(f*p) + exp1
				p = float32(f*p) + 1
				w = p * math.Float32frombits(uint32(int32(n)+127)<<23)
			}
			if weights != nil {
				weights[b*block+i] = w
			}
			sum[i%8] += float64(w)
		}
		lanes[b] = [4]float64{sum[0] + sum[4], sum[1] + sum[5], sum[2] + sum[6], sum[3] + sum[7]}
	}
}

// atLeastGo appends the indices of the values that are at least floor.
func atLeastGo(indices []int32, values []float32, floor float32) []int32 {
	for i, v := range values {
		if v >= floor {
			indices = append(indices, int32(i))
		}
	}
	return indices
}

// belowGo adds up the values below each of four thresholds, in eight lanes.
func belowGo(sums *[4][8]float32, values []float32, thresholds *[4]float32) {
	*sums = [4][8]float32{}
	for i, v := range values {
		for j, t := range thresholds {
			if v < t {
				sums[j][i%8] += v
			}
		}
	}
}
