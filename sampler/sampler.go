package sampler

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Sampler draws tokens. It holds scratch memory only, and is not safe for
// concurrent use; the zero value is ready.
type Sampler struct {
	tops      [][4]float32
	maxima    []float32 // the largest logit of each block
	lanes     [][4]float64
	sums      []float64 // weight of each block
	weights   []float32 // e^((z-max)/T) of every token; with filters only
	kept      []choice
	indices   []int32
	selected  []float32
	histogram []float64
}

// choice is a token that may be drawn, with its weight.
type choice struct {
	token  int32
	weight float32
}

// ErrNotFinite is returned for logits that are NaN, +Inf or all -Inf: the model
// has diverged, or its weights are broken.
var ErrNotFinite = errors.New("logits are not finite")

// Sample draws a token from logits [V] and returns its log-probability under the
// whole vocabulary at the sampling temperature; greedy reports it at 1. Weights are
// float32, their sums and the log-probability float64; the result does not depend
// on which vector instructions the machine has.
func (s *Sampler) Sample(logits []float32, p Params, key Key) (token int32, logprob float32, err error) {
	best, err := s.argmax(logits)
	if err != nil {
		return 0, 0, err
	}
	temperature := reported(p.Temperature)
	scale := newScale(logits[best], temperature)
	sum := s.weigh(logits, &scale, p.Temperature > 0 && p.Filters())
	token = best
	switch {
	case p.Temperature == 0:
	case p.Filters():
		s.filter(logits, p, sum)
		token = s.drawKept(key.noise(), best)
	default:
		token = s.draw(logits, &scale, key.noise(), best)
	}
	return token, logProb(logits[token], logits[best], temperature, sum), nil
}

// logProb returns the log-probability of logit z where the weights sum to sum.
func logProb(z, top float32, temperature, sum float64) float32 {
	return float32((float64(z)-float64(top))/temperature - math.Log(sum))
}

// Score returns the log-probability of a token under the whole vocabulary at a
// temperature above 0, as Sample computes it, and the entropy of that distribution in
// nats.
func (s *Sampler) Score(
	logits []float32, token int32, temperature float64,
) (logprob, entropy float32, err error) {
	best, err := s.argmax(logits)
	if err != nil {
		return 0, 0, err
	}
	top := float64(logits[best])
	scale := newScale(logits[best], temperature)
	sum := s.weigh(logits, &scale, true)
	mean := 0.0 // of (z - top)/T
	for i, z := range logits {
		if w := float64(s.weights[i]); w > 0 {
			mean += w / sum * (float64(z) - top) / temperature
		}
	}
	return logProb(logits[token], logits[best], temperature, sum), float32(math.Log(sum) - mean), nil
}

// Probabilities returns the tokens that may be drawn, by id, and their
// probabilities, which sum to 1.
func Probabilities(logits []float32, p Params) (tokens []int32, probs []float64, err error) {
	var s Sampler
	best, err := s.argmax(logits)
	if err != nil {
		return nil, nil, err
	}
	if p.Temperature == 0 {
		return []int32{best}, []float64{1}, nil
	}
	scale := newScale(logits[best], p.Temperature)
	mass := s.weigh(logits, &scale, true)
	if p.Filters() {
		mass = s.filter(logits, p, mass)
	} else {
		for i, w := range s.weights[:len(logits)] {
			s.kept = append(s.kept, choice{int32(i), w})
		}
	}
	for _, c := range s.kept {
		tokens = append(tokens, c.token)
		probs = append(probs, float64(c.weight)/mass)
	}
	return tokens, probs, nil
}

// blocks returns the number of blocks that n tokens make.
func blocks(n int) int { return (n + block - 1) / block }

// pad makes a whole block of the last tokens' logits z, in room where it needs that: the tokens
// that it adds have no weight.
func pad(room *[block]float32, z []float32) []float32 {
	if len(z) == block {
		return z
	}
	for i := copy(room[:], z); i < block; i++ {
		room[i] = float32(math.Inf(-1))
	}
	return room[:]
}

// argmax returns the first of the largest logits, and leaves the largest of each block in
// s.maxima. Logits without a finite largest are ErrNotFinite.
func (s *Sampler) argmax(logits []float32) (int32, error) {
	n, whole := blocks(len(logits)), len(logits)/block
	s.tops = slices.Grow(s.tops[:0], n)[:n]
	nan := largestOf(s.tops[:whole], logits[:whole*block])
	if whole < n {
		var padded [block]float32
		nan = largestOf(s.tops[whole:], pad(&padded, logits[whole*block:])) || nan
	}
	if nan {
		i := slices.IndexFunc(logits, func(z float32) bool { return z != z })
		return 0, fmt.Errorf("token %d: %w: NaN", i, ErrNotFinite)
	}
	s.maxima = s.maxima[:0]
	b, top := 0, float32(math.Inf(-1))
	for _, t := range s.tops {
		m := t[0]
		for _, z := range t[1:] {
			if z > m {
				m = z
			}
		}
		if m > top {
			b, top = len(s.maxima), m
		}
		s.maxima = append(s.maxima, m)
	}
	if math.IsInf(float64(top), 0) {
		return 0, fmt.Errorf("%w: the largest of %d is %v", ErrNotFinite, len(logits), top)
	}
	return int32(b*block + slices.Index(logits[b*block:], top)), nil
}

// weigh fills s.sums, and s.weights where each token's weight is wanted, and returns the sum
// of all.
func (s *Sampler) weigh(logits []float32, scale *scale, each bool) float64 {
	n, whole := blocks(len(logits)), len(logits)/block
	s.lanes = slices.Grow(s.lanes[:0], n)[:n]
	s.weights = s.weights[:0]
	var weights, rest []float32 // nil when they are not wanted
	if each {
		s.weights = slices.Grow(s.weights, n*block)[:n*block]
		weights, rest = s.weights[:whole*block], s.weights[whole*block:]
	}
	weighOf(s.lanes[:whole], weights, logits[:whole*block], scale)
	if whole < n {
		var padded [block]float32
		weighOf(s.lanes[whole:], rest, pad(&padded, logits[whole*block:]), scale)
	}
	s.sums = s.sums[:0]
	sum := 0.0
	for _, l := range s.lanes {
		ofBlock := (l[0] + l[1]) + (l[2] + l[3])
		s.sums = append(s.sums, ofBlock)
		sum += ofBlock
	}
	return sum
}
