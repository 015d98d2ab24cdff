package cudnn

import (
	"fmt"
	"math"
	"sync"
)

// Places are where a call's sequences lie, as it is given them: counts of queries and keys, and, where it is
// ragged, where each begins.
type Places struct {
	Queries, Keys           []int32
	QueriesFirst, KeysFirst []int32
}

// sequence is the tokens of one: its first query and key, counted over all rows, and how many it has.
type sequence struct{ query, key, queries, keys int }

// sequences lists those of a call, those without tokens too.
func (c Call) sequences(p Places) ([]sequence, error) {
	all := make([]sequence, c.Sequences())
	for i := range all {
		all[i] = sequence{i * c.T, i * c.S, c.T, c.S}
		if !c.Counted && !c.Ragged() {
			continue
		}
		if len(p.Queries) != len(all) || len(p.Keys) != len(all) {
			return nil, fmt.Errorf("%d sequences with %d counts of queries and %d of keys", len(all), len(p.Queries),
				len(p.Keys))
		}
		all[i].queries, all[i].keys = int(p.Queries[i]), int(p.Keys[i])
		if c.Ragged() {
			if len(p.QueriesFirst) != len(all)+1 || len(p.KeysFirst) != len(all)+1 {
				return nil, fmt.Errorf("%d sequences that begin at %d and %d places", len(all), len(p.QueriesFirst),
					len(p.KeysFirst))
			}
			all[i].query, all[i].key = int(p.QueriesFirst[i])/(c.H*c.E), int(p.KeysFirst[i])/(c.K*c.E)
		}
		s := all[i]
		if s.queries < 0 || s.queries > c.T || s.keys < 0 || s.keys > c.S || s.query < 0 || s.key < 0 ||
			s.queries > 0 && s.query+s.queries > c.B*c.T || s.keys > 0 && s.key+s.keys > c.B*c.S {
			return nil, fmt.Errorf(
				"sequence %d has %d queries from %d on and %d keys from %d on, in %d rows of %d and %d",
				i, s.queries, s.query, s.keys, s.key, c.B, c.T, c.S)
		}
	}
	return all, nil
}

// seen returns how many of a sequence's keys its query i sees.
func (c Call) seen(s sequence, i int) int {
	if c.Causal {
		return min(i+1, s.keys)
	}
	return s.keys
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

// each calls do for every sequence and key-value head, some at a time.
func (c Call) each(all []sequence, workers int, do func(i int, s sequence, k int)) {
	var group sync.WaitGroup
	places := make(chan struct{}, max(workers, 1))
	for i, s := range all {
		for k := range c.K {
			places <- struct{}{}
			group.Go(func() {
				defer func() { <-places }()
				do(i, s, k)
			})
		}
	}
	group.Wait()
}

// Attend computes the call: of queries, keys and values the result [B, T, H, E] and the logarithms of sums
// [Sequences, H, T]. What belongs to no sequence is NaN, and so is a query that sees nothing. Sums are float64.
func (c Call) Attend(q, k, v []uint16, p Places, workers int, out []uint16, logSums []float32) error {
	all, err := c.sequences(p)
	if err != nil {
		return err
	}
	if err := c.sizes(len(q), len(k), len(v), len(out), len(logSums)); err != nil {
		return err
	}
	for i := range out {
		out[i] = nan
	}
	for i := range logSums {
		logSums[i] = float32(math.NaN())
	}
	J := c.H / c.K
	c.each(all, workers, func(n int, s sequence, head int) {
		scores, mixed := make([]float64, s.keys), make([]float64, c.E)
		for h := head * J; h < (head+1)*J; h++ {
			for i := range s.queries {
				seen := c.seen(s, i)
				if seen == 0 {
					continue
				}
				most := math.Inf(-1)
				for j := range seen {
					scores[j] = c.Scale() * dot(vector(q, s.query+i, c.H, h, c.E), vector(k, s.key+j, c.K, head, c.E))
					most = max(most, scores[j])
				}
				sum := 0.0
				clear(mixed)
				for j := range seen {
					e := math.Exp(scores[j] - most)
					sum += e
					for x, bits := range vector(v, s.key+j, c.K, head, c.E) {
						mixed[x] += e * number(bits)
					}
				}
				to := vector(out, s.query+i, c.H, h, c.E)
				for x := range to {
					to[x] = rounded(mixed[x] / sum)
				}
				logSums[(n*c.H+h)*c.T+i] = float32(most + math.Log(sum))
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
// the keys of this call. What belongs to no sequence is NaN. A query's probabilities are exp(score - its
// logarithm), whatever keys that sums over, and the part that softmax takes away is Σ result·gradient: so the
// gradient is right where the result is of more keys than these.
func (c Call) Gradient(q, k, v []uint16, r Results, p Places, workers int, ofQ, ofK, ofV []uint16) error {
	all, err := c.sequences(p)
	if err != nil {
		return err
	}
	if err := c.sizes(len(q), len(k), len(v), len(r.Out), len(r.LogSums)); err != nil {
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
	c.each(all, workers, func(n int, s sequence, head int) {
		sumsK, sumsV := make([]float64, s.keys*c.E), make([]float64, s.keys*c.E)
		sumQ := make([]float64, c.E)
		for h := head * J; h < (head+1)*J; h++ {
			for i := range s.queries {
				clear(sumQ)
				token := s.query + i
				ofOut, query := vector(r.OfOut, token, c.H, h, c.E), vector(q, token, c.H, h, c.E)
				away, logSum := dot(ofOut, vector(r.Out, token, c.H, h, c.E)), float64(r.LogSums[(n*c.H+h)*c.T+i])
				for j := range c.seen(s, i) {
					key, value := vector(k, s.key+j, c.K, head, c.E), vector(v, s.key+j, c.K, head, c.E)
					probability := math.Exp(c.Scale()*dot(query, key) - logSum)
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
		for j := range s.keys {
			for x := range c.E {
				vector(ofK, s.key+j, c.K, head, c.E)[x] = rounded(sumsK[j*c.E+x])
				vector(ofV, s.key+j, c.K, head, c.E)[x] = rounded(sumsV[j*c.E+x])
			}
		}
	})
	return nil
}

// sizes refuses operands and results of other sizes than the call's.
func (c Call) sizes(q, k, v, out, logSums int) error {
	if queries, keys := c.B*c.T*c.H*c.E, c.B*c.S*c.K*c.E; c.K < 1 || c.H%c.K != 0 || q != queries || k != keys ||
		v != keys || out != queries || logSums != c.Sequences()*c.H*c.T {
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
