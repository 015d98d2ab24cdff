package sampler

import (
	"math"
	"slices"
)

// filter leaves in s.kept, by id, the tokens that top-k, top-p and min-p keep, and
// returns their weight. sum is the weight of all. Nothing is sorted: each filter is
// a threshold, found by selection.
func (s *Sampler) filter(logits []float32, p Params, sum float64) float64 {
	nucleus := p.TopP > 0 && p.TopP < 1
	s.kept = s.kept[:0]
	if p.TopK > 0 && p.TopK < len(logits) {
		s.keepTopK(logits, p.TopK)
		sum = s.mass()
	} else {
		floor := 0.0
		switch {
		case nucleus:
			// All tokens below this weight together have less than 1 - top-p of the
			// mass: they go without being looked at.
			floor = s.raise((1-p.TopP)*sum/float64(len(logits)), (1-p.TopP)*sum)
		case p.MinP > 0:
			floor = p.MinP
		}
		s.keepAbove(max(floor32(floor), math.SmallestNonzeroFloat32))
	}
	if nucleus {
		limit := (1 - p.TopP) * sum
		s.keepTopP(max(0, sum-s.mass()), limit)
	}
	if p.MinP > 0 {
		// The likeliest token has weight 1 and is in every filter.
		s.kept = slices.DeleteFunc(s.kept, func(c choice) bool { return float64(c.weight) < p.MinP })
	}
	return s.mass()
}

// raise returns a higher floor when all tokens below that have less than limit
// together too. The sums are of float32 and off by less than the hundredth that is
// left for it.
func (s *Sampler) raise(floor, limit float64) float64 {
	var thresholds [4]float32
	for i := range thresholds {
		thresholds[i] = floor32(floor * math.Pow(4, float64(i+1)))
	}
	var sums [4][8]float32
	belowOf(&sums, s.weights, &thresholds)
	for i, lanes := range sums {
		sum := 0.0
		for _, x := range lanes {
			sum += float64(x)
		}
		if sum > 0.99*limit {
			break
		}
		floor = float64(thresholds[i])
	}
	return floor
}

// mass returns the weight of the tokens that are kept.
func (s *Sampler) mass() float64 {
	mass := 0.0
	for _, c := range s.kept {
		mass += float64(c.weight)
	}
	return mass
}

// floor32 returns the largest float32 that is not above x.
func floor32(x float64) float32 {
	f := float32(x)
	if float64(f) > x {
		f = math.Nextafter32(f, float32(math.Inf(-1)))
	}
	return f
}

// keepAbove keeps the tokens of at least this weight.
func (s *Sampler) keepAbove(floor float32) {
	s.indices = atLeastOf(s.indices[:0], s.weights, floor)
	for _, id := range s.indices {
		s.kept = append(s.kept, choice{id, s.weights[id]})
	}
}

// keepTopK keeps the k tokens of the largest logits, and those that equal the last
// of them.
func (s *Sampler) keepTopK(logits []float32, k int) {
	floor := float32(-math.MaxFloat32)
	if k < len(s.maxima) {
		// k blocks have a token of at least the k-th largest maximum.
		s.selected = append(s.selected[:0], s.maxima...)
		floor = max(floor, kthLargest(s.selected, k))
	}
	whole := len(logits) / block * block
	s.indices = atLeastOf(s.indices[:0], logits[:whole], floor)
	for id := whole; id < len(logits); id++ {
		if logits[id] >= floor {
			s.indices = append(s.indices, int32(id))
		}
	}
	s.selected = s.selected[:0]
	for _, id := range s.indices {
		s.selected = append(s.selected, logits[id])
	}
	if k < len(s.selected) {
		floor = kthLargest(s.selected, k)
	}
	for _, id := range s.indices {
		if w := s.weights[id]; logits[id] >= floor && w > 0 {
			s.kept = append(s.kept, choice{id, w})
		}
	}
}

// keepTopP removes tokens, the unlikeliest first and of equals the last, while
// those that are gone have no more than limit together; at least one is left. gone
// is the weight of those that went before. The bits of a positive float32 grow with
// it, so the threshold is found digit by digit: a histogram of the weights' upper
// bits, one of the next bits where the limit falls, and one of the last.
func (s *Sampler) keepTopP(gone, limit float64) {
	least, most := ^uint32(0), uint32(0)
	for _, c := range s.kept {
		least, most = min(least, math.Float32bits(c.weight)), max(most, math.Float32bits(c.weight))
	}
	threshold := s.digit(17, least>>17, most>>17, &gone, limit)
	threshold = s.digit(8, threshold<<9, threshold<<9|0x1ff, &gone, limit)
	threshold = s.digit(0, threshold<<8, threshold<<8|0xff, &gone, limit)
	weight := math.Float32frombits(threshold)
	equals := 0
	for _, c := range s.kept {
		if c.weight == weight {
			equals++
		}
	}
	for equals > 1 && gone+float64(weight) <= limit {
		gone += float64(weight)
		equals--
	}
	kept := s.kept[:0]
	for _, c := range s.kept {
		if c.weight == weight {
			if equals--; equals < 0 {
				continue
			}
		}
		if c.weight >= weight {
			kept = append(kept, c)
		}
	}
	s.kept = kept
}

// digit finds where the limit falls among the kept tokens whose bits, shifted, are
// in low to high. What is below goes.
func (s *Sampler) digit(shift int, low, high uint32, gone *float64, limit float64) uint32 {
	n := high - low + 1
	s.histogram = slices.Grow(s.histogram[:0], int(n))[:n]
	clear(s.histogram)
	last := uint32(0)
	for _, c := range s.kept {
		if i := math.Float32bits(c.weight)>>shift - low; i < n {
			s.histogram[i] += float64(c.weight)
			last = max(last, i)
		}
	}
	i := uint32(0)
	for i < last && *gone+s.histogram[i] <= limit {
		*gone += s.histogram[i]
		i++
	}
	return low + i
}

// kthLargest returns the k-th largest value by quickselect, which reorders them;
// pivots are fixed, so that equal input takes equal time.
func kthLargest(values []float32, k int) float32 {
	lo, hi := 0, len(values)
	for hi-lo > 16 {
		a, b, c := values[lo], values[(lo+hi)/2], values[hi-1]
		pivot := max(min(a, b), min(max(a, b), c))
		// Larger values first, then equal ones, then smaller ones.
		larger, at, smaller := lo, lo, hi
		for at < smaller {
			switch v := values[at]; {
			case v > pivot:
				values[larger], values[at] = values[at], values[larger]
				larger++
				at++
			case v < pivot:
				smaller--
				values[smaller], values[at] = values[at], values[smaller]
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
	slices.Sort(values[lo:hi])
	return values[lo+hi-k]
}
