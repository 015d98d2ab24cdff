package progress

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// schedule returns the times at which units end that are done in a number of lanes, each as soon
// as a lane is free.
func schedule(lengths []time.Duration, lanes int) []time.Duration {
	free := make([]time.Duration, lanes)
	var ends []time.Duration
	for _, l := range lengths {
		i := slices.Index(free, slices.Min(free))
		free[i] += l
		ends = append(ends, free[i])
	}
	slices.Sort(ends)
	return ends
}

// TestPace: on schedules of lengths as completions have them, what is foretold is near
// the truth from the first word on, which time by units done is not.
func TestPace(t *testing.T) {
	var random *rand.Rand
	seconds := func(x float64) time.Duration { return time.Duration(x * float64(time.Second)) }
	kinds := map[string]func() time.Duration{
		"even":     func() time.Duration { return seconds(60 + random.Float64()) },
		"uniform":  func() time.Duration { return seconds(10 + 100*random.Float64()) },
		"skewed":   func() time.Duration { return seconds(min(40*math.Exp(0.6*random.NormFloat64()), 200)) },
		"cut off":  func() time.Duration { return seconds(min(20+80*random.ExpFloat64(), 90)) },
		"two ways": func() time.Duration { return seconds(20 + 60*float64(random.IntN(2))) },
	}
	worstFirst, worstNaive := 0.0, 0.0
	for name, length := range kinds {
		for _, c := range []struct{ n, lanes int }{{1, 32}, {2, 1}, {20, 32}, {40, 32}, {100, 32}, {1000, 32},
			{300, 8}, {50, 1}} {
			t.Run(fmt.Sprintf("%s/%d in %d", name, c.n, c.lanes), func(t *testing.T) {
				random = rand.New(rand.NewPCG(1, uint64(len(name))))
				lengths := make([]time.Duration, c.n)
				for i := range lengths {
					lengths[i] = length()
				}
				ends := schedule(lengths, c.lanes)
				end := ends[len(ends)-1]
				p := Pace{Parallel: c.lanes}
				said := false
				for i, at := range ends[:len(ends)-1] {
					p.Done(1, at)
					left, known := p.Left(at, c.n-i-1)
					if !known {
						if 2*(i+1) >= c.lanes {
							t.Fatalf("nothing is said after %d units", i+1)
						}
						continue
					}
					truth := end - at
					if said && (c.n-i-1 < c.lanes || c.lanes > 1 && c.n-i < c.n/4) || c.n <= c.lanes {
						break // nobody knows how long the longest of the last takes
					}
					ratio := float64(left) / float64(truth)
					naive := float64(at) / float64(i+1) * float64(c.n-i-1) / float64(truth)
					if !said && c.n > c.lanes && c.lanes > 1 {
						worstFirst, worstNaive = max(worstFirst, ratio),
							max(worstNaive, float64(ends[0])*float64(c.n-1)/float64(end-ends[0]))
					}
					said = true
					bound := 2.4
					if i < 2*c.lanes {
						bound = 3
					}
					if c.lanes == 1 && (i < 12 || c.n-i < 8) || c.n < 2*c.lanes {
						bound = 8 // few units say little of the others
					} else if i > 4*c.lanes && c.n-i > 4*c.lanes {
						bound = 1.5
					}
					if ratio > bound || ratio < 1/bound {
						t.Errorf("after %d units %v are foretold, %v are left; by units done %.2f times", i+1,
							left, truth, naive)
					}
				}
			})
		}
	}
	if worstFirst > 3 || worstNaive < 10 {
		t.Errorf("the first word is up to %.1f times the truth, that by units done %.1f times", worstFirst,
			worstNaive)
	}
}
