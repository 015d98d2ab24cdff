package cudnn

import (
	"fmt"
	"math"
	"sync"
)

// Masks is what a call is given beside queries, keys and values, as far as it is Biased or Counted.
type Masks struct {
	Bias          []uint16 // [B, 1, T, S]
	Queries, Keys []int32  // [B]
}

// sizes returns how many queries and keys each row has.
func (c Call) sizes(m Masks) (queries, keys []int, err error) {
	if c.Biased && len(m.Bias) != c.B*c.T*c.S || c.Counted && (len(m.Queries) != c.B || len(m.Keys) != c.B) {
		return nil, nil, fmt.Errorf("%+v with a bias of %d numbers and %d and %d counts", c, len(m.Bias),
			len(m.Queries), len(m.Keys))
	}
	for b := range c.B {
		q, k := c.T, c.S
		if c.Counted {
			if q, k = int(m.Queries[b]), int(m.Keys[b]); q < 0 || q > c.T || k < 0 || k > c.S {
				return nil, nil, fmt.Errorf("row %d has %d queries of %d and %d keys of %d", b, q, c.T, k, c.S)
			}
		}
		queries, keys = append(queries, q), append(keys, k)
	}
	return queries, keys, nil
}

// seen returns how many of a row's keys its query i sees.
func (c Call) seen(i, keys int) int {
	if c.Causal {
		return min(i+1, keys)
	}
	return keys
}

// nan is the bits of a NaN in bfloat16.
const nan = 0x7fc0

// number is what bits of a bfloat16 stand for.
func number(bits uint16) float64 { return float64(math.Float32frombits(uint32(bits) << 16)) }

// rounded is the nearest bfloat16, ties to even.
func rounded(x float64) uint16 {
	bits := math.Float32bits(float32(x))
	if x != x {
		return nan
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

// vector is the E numbers of a head of a token.
func vector(all []uint16, token, heads, head, E int) []uint16 {
	return all[(token*heads+head)*E:][:E]
}

func dot(a, b []uint16) (sum float64) {
	for e := range a {
		sum += number(a[e]) * number(b[e])
	}
	return sum
}

// each calls do for every row and key-value head, some at a time.
func (c Call) each(workers int, do func(b, k int)) {
	var group sync.WaitGroup
	places := make(chan struct{}, max(workers, 1))
	for b := range c.B {
		for k := range c.K {
			places <- struct{}{}
			group.Go(func() {
				defer func() { <-places }()
				do(b, k)
			})
		}
	}
	group.Wait()
}

// score is that of two heads.
func (c Call) score(m Masks, b, i, j int, query, key []uint16) float64 {
	score := c.Scale() * dot(query, key)
	if c.Biased {
		score += number(m.Bias[(b*c.T+i)*c.S+j])
	}
	return score
}

// Attend computes the call: of queries, keys and values the result [B, T, H, E] and the logarithms of sums
// [B, H, T]. What is beyond a row's counts is NaN, and so is a query that sees nothing. Sums are float64.
func (c Call) Attend(q, k, v []uint16, m Masks, workers int, out []uint16, logSums []float32) error {
	queries, keys, err := c.sizes(m)
	if err != nil {
		return err
	}
	if err := c.check(len(q), len(k), len(v), len(out), len(logSums)); err != nil {
		return err
	}
	for i := range out {
		out[i] = nan
	}
	for i := range logSums {
		logSums[i] = float32(math.NaN())
	}
	J := c.H / c.K
	c.each(workers, func(b, head int) {
		scores, mixed := make([]float64, keys[b]), make([]float64, c.E)
		for h := head * J; h < (head+1)*J; h++ {
			for i := range queries[b] {
				seen := c.seen(i, keys[b])
				if seen == 0 {
					continue
				}
				most, query := math.Inf(-1), vector(q, b*c.T+i, c.H, h, c.E)
				for j := range seen {
					scores[j] = c.score(m, b, i, j, query, vector(k, b*c.S+j, c.K, head, c.E))
					most = max(most, scores[j])
				}
				sum := 0.0
				clear(mixed)
				for j := range seen {
					e := math.Exp(scores[j] - most)
					sum += e
					for x, bits := range vector(v, b*c.S+j, c.K, head, c.E) {
						mixed[x] += e * number(bits)
					}
				}
				to := vector(out, b*c.T+i, c.H, h, c.E)
				for x := range to {
					to[x] = rounded(mixed[x] / sum)
				}
				logSums[(b*c.H+h)*c.T+i] = float32(most + math.Log(sum))
			}
		}
	})
	return nil
}

// Results is what the gradient is given of the call: logarithms of sums, the gradient of the result, and the
// result, of these keys alone or together with those of other calls.
type Results struct {
	LogSums    []float32
	OfOut, Out []uint16
}

// Gradient computes the gradient of queries [B, T, H, E], keys and values [B, S, K, E], as far as it is due to
// the keys of this call. What is beyond a row's counts is NaN. A query's probabilities are exp(score - its
// logarithm), whatever keys that sums over, and the part that softmax takes away is Σ result·gradient: so the
// gradient is right where the result is of more keys than these.
func (c Call) Gradient(
	q, k, v []uint16, r Results, m Masks, workers int, ofQ, ofK, ofV []uint16,
) error {
	queries, keys, err := c.sizes(m)
	if err != nil {
		return err
	}
	if err := c.check(len(q), len(k), len(v), len(r.Out), len(r.LogSums)); err != nil {
		return err
	}
	if len(r.OfOut) != len(q) || len(ofQ) != len(q) || len(ofK) != len(k) || len(ofV) != len(v) {
		return fmt.Errorf("%+v with gradients of %d, %d, %d and %d numbers", c, len(r.OfOut), len(ofQ), len(ofK),
			len(ofV))
	}
	for _, of := range [][]uint16{ofQ, ofK, ofV} {
		for i := range of {
			of[i] = nan
		}
	}
	J := c.H / c.K
	c.each(workers, func(b, head int) {
		sumsK, sumsV := make([]float64, keys[b]*c.E), make([]float64, keys[b]*c.E)
		sumQ := make([]float64, c.E)
		for h := head * J; h < (head+1)*J; h++ {
			for i := range queries[b] {
				clear(sumQ)
				token := b*c.T + i
				ofOut, query := vector(r.OfOut, token, c.H, h, c.E), vector(q, token, c.H, h, c.E)
				away := dot(ofOut, vector(r.Out, token, c.H, h, c.E))
				logSum := float64(r.LogSums[(b*c.H+h)*c.T+i])
				for j := range c.seen(i, keys[b]) {
					key, value := vector(k, b*c.S+j, c.K, head, c.E), vector(v, b*c.S+j, c.K, head, c.E)
					probability := math.Exp(c.score(m, b, i, j, query, key) - logSum)
					ofScore := c.Scale() * probability * (dot(ofOut, value) - away)
					for x := range sumQ {
						sumQ[x] += ofScore * number(key[x])
						sumsK[j*c.E+x] += ofScore * number(query[x])
						sumsV[j*c.E+x] += probability * number(ofOut[x])
					}
				}
				for x, to := range sumQ {
					vector(ofQ, token, c.H, h, c.E)[x] = rounded(to)
				}
			}
		}
		for j := range keys[b] {
			for x := range c.E {
				vector(ofK, b*c.S+j, c.K, head, c.E)[x] = rounded(sumsK[j*c.E+x])
				vector(ofV, b*c.S+j, c.K, head, c.E)[x] = rounded(sumsV[j*c.E+x])
			}
		}
	})
	return nil
}

// check refuses operands and results of other sizes than the call's.
func (c Call) check(q, k, v, out, logSums int) error {
	if queries, keys := c.B*c.T*c.H*c.E, c.B*c.S*c.K*c.E; c.K < 1 || c.H%c.K != 0 || q != queries || k != keys ||
		v != keys || out != queries || logSums != c.B*c.H*c.T {
		return fmt.Errorf("%+v with %d, %d and %d numbers, %d of the result and %d logarithms", c, q, k, v, out,
			logSums)
	}
	return nil
}

// Bits are numbers rounded to bfloat16.
func Bits(numbers []float32) []uint16 {
	bits := make([]uint16, len(numbers))
	for i, x := range numbers {
		bits[i] = rounded(float64(x))
	}
	return bits
}

// Floats are what bits of bfloat16 stand for.
func Floats(bits []uint16) []float32 {
	numbers := make([]float32, len(bits))
	for i, b := range bits {
		numbers[i] = float32(number(b))
	}
	return numbers
}
