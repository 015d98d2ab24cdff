package sampler

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Sampler draws tokens. It holds scratch memory only, and is not safe for
// concurrent use; the zero value is ready.
type Sampler struct {
	weights []float64 // e^((z-max)/T) of every token
	kept    []choice
}

// choice is a token that may be drawn, and its weight.
type choice struct {
	token  int32
	weight float64
}

// ErrNotFinite is returned for logits that are NaN, +Inf or all -Inf: the model
// has diverged, or its weights are broken.
var ErrNotFinite = errors.New("logits are not finite")

// Sample draws a token from logits [V] and returns its log-probability under the
// whole vocabulary at the sampling temperature; greedy reports it at 1. The draw
// inverts the cumulative distribution of the kept tokens in the order of their
// ids at key's number.
func (s *Sampler) Sample(logits []float32, p Params, key Key) (token int32, logprob float32, err error) {
	best, err := argmax(logits)
	if err != nil {
		return 0, 0, err
	}
	if p.Temperature == 0 {
		return best, LogProb(logits, best, 1), nil
	}
	sum := s.weigh(logits, float64(logits[best]), p.Temperature)
	race := race{noise: key.noise(), winner: best, time: math.Inf(1)}
	if p.filters() {
		s.filter(p, sum)
		for _, c := range s.kept {
			race.enter(c.token, c.weight)
		}
	} else {
		for i, w := range s.weights {
			race.enter(int32(i), w)
		}
	}
	token = race.winner
	return token, float32((float64(logits[token])-float64(logits[best]))/p.Temperature - math.Log(sum)), nil
}

// LogProb is the log-softmax of logits/temperature at a token (a temperature of 0
// means 1), accumulated in float64.
func LogProb(logits []float32, token int32, temperature float64) float32 {
	if temperature == 0 {
		temperature = 1
	}
	top := slices.Max(logits)
	sum := 0.0
	for _, z := range logits {
		sum += math.Exp((float64(z) - float64(top)) / temperature)
	}
	return float32((float64(logits[token])-float64(top))/temperature - math.Log(sum))
}

// Probabilities returns the tokens that may be drawn, by id, and their
// probabilities, which sum to 1.
func Probabilities(logits []float32, p Params) (tokens []int32, probs []float64, err error) {
	best, err := argmax(logits)
	if err != nil {
		return nil, nil, err
	}
	if p.Temperature == 0 {
		return []int32{best}, []float64{1}, nil
	}
	var s Sampler
	mass := s.weigh(logits, float64(logits[best]), p.Temperature)
	if p.filters() {
		mass = s.filter(p, mass)
	} else {
		for i, w := range s.weights {
			s.kept = append(s.kept, choice{int32(i), w})
		}
	}
	for _, c := range s.kept {
		tokens = append(tokens, c.token)
		probs = append(probs, c.weight/mass)
	}
	return tokens, probs, nil
}

// argmax returns the first of the largest logits.
func argmax(logits []float32) (int32, error) {
	best := -1
	top := float32(math.Inf(-1))
	for i, z := range logits {
		if z > top {
			best, top = i, z
		} else if z != z {
			return 0, fmt.Errorf("token %d: %w: NaN", i, ErrNotFinite)
		}
	}
	if best < 0 || math.IsInf(float64(top), 1) {
		return 0, fmt.Errorf("%w: the largest of %d is %v", ErrNotFinite, len(logits), top)
	}
	return int32(best), nil
}

// weigh fills s.weights and returns their sum.
func (s *Sampler) weigh(logits []float32, top, temperature float64) float64 {
	s.weights = slices.Grow(s.weights[:0], len(logits))[:len(logits)]
	sum := 0.0
	inverse := 1 / temperature
	for i, z := range logits {
		w := math.Exp((float64(z) - top) * inverse)
		s.weights[i] = w
		sum += w
	}
	return sum
}

// race holds who is first so far.
type race struct {
	noise  noise
	winner int32
	time   float64
}

// enter lets a token run: its time is -ln(u) / weight.
func (r *race) enter(token int32, weight float64) {
	u := r.noise.uniform(token)
	// -ln(u) ≥ 1 - u: most tokens have lost before the logarithm is taken.
	if 1-u >= r.time*weight {
		return
	}
	if t := -math.Log(u) / weight; t < r.time {
		r.winner, r.time = token, t
	}
}

// filter leaves in s.kept, by id, the tokens that top-k, top-p and min-p keep, and
// returns their weight. sum is the weight of all.
func (s *Sampler) filter(p Params, sum float64) float64 {
	floor := 0.0
	if p.TopP > 0 && p.TopP < 1 && p.TopK == 0 {
		// All tokens below this weight together have less than 1 - top-p of the
		// mass: they go without being sorted.
		floor = (1 - p.TopP) * sum / float64(len(s.weights))
	}
	s.kept = s.kept[:0]
	tail := 0.0 // weight of the tokens below the floor
	for i, w := range s.weights {
		if w > 0 && w >= floor {
			s.kept = append(s.kept, choice{int32(i), w})
		} else {
			tail += w
		}
	}
	likeliestFirst := func(a, b choice) int {
		if c := cmp.Compare(b.weight, a.weight); c != 0 {
			return c
		}
		return cmp.Compare(a.token, b.token)
	}
	mass := sum - tail
	if p.TopK > 0 && p.TopK < len(s.kept) {
		threshold := kthLargest(s.kept, p.TopK)
		s.kept = slices.DeleteFunc(s.kept, func(c choice) bool { return c.weight < threshold })
		mass = 0
		for _, c := range s.kept {
			mass += c.weight
		}
	}
	if p.TopP > 0 && p.TopP < 1 {
		// From the unlikeliest on, tokens go while together they have no more than
		// 1 - top-p of what top-k left.
		slices.SortFunc(s.kept, likeliestFirst)
		gone, cut := tail, len(s.kept)
		for cut > 1 && gone+s.kept[cut-1].weight <= (1-p.TopP)*(mass+tail) {
			cut--
			gone += s.kept[cut].weight
		}
		s.kept = s.kept[:cut]
	}
	if p.MinP > 0 {
		threshold := p.MinP * slices.MaxFunc(s.kept, func(a, b choice) int { return cmp.Compare(a.weight, b.weight) }).weight
		s.kept = slices.DeleteFunc(s.kept, func(c choice) bool { return c.weight < threshold })
	}
	slices.SortFunc(s.kept, func(a, b choice) int { return cmp.Compare(a.token, b.token) })
	mass = 0
	for _, c := range s.kept {
		mass += c.weight
	}
	return mass
}

// kthLargest returns the k-th largest weight by quickselect on a copy of the
// weights; pivots are fixed, so that equal input takes equal time.
func kthLargest(kept []choice, k int) float64 {
	weights := make([]float64, len(kept))
	for i, c := range kept {
		weights[i] = c.weight
	}
	lo, hi := 0, len(weights)
	for hi-lo > 16 {
		a, b, c := weights[lo], weights[(lo+hi)/2], weights[hi-1]
		pivot := max(min(a, b), min(max(a, b), c))
		// Three parts: larger, equal, smaller.
		larger, at, smaller := lo, lo, hi
		for at < smaller {
			switch w := weights[at]; {
			case w > pivot:
				weights[larger], weights[at] = weights[at], weights[larger]
				larger++
				at++
			case w < pivot:
				smaller--
				weights[smaller], weights[at] = weights[at], weights[smaller]
			default:
				at++
			}
		}
		switch {
		case k-1 < larger:
			hi = larger
		case k-1 >= smaller:
			lo = smaller
		default:
			return pivot
		}
	}
	slices.SortFunc(weights[lo:hi], func(a, b float64) int { return cmp.Compare(b, a) })
	return weights[k-1]
}
