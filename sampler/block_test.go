package sampler

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// anyLogits draws logits of many kinds: spread or flat, with equals, with tokens
// that are ruled out.
func anyLogits(t *rapid.T, n int) []float32 {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	spread := rapid.SampledFrom([]float64{0, 1e-6, 0.1, 2, 20, 1e4}).Draw(t, "spread")
	step := rapid.SampledFrom([]float64{0, 0.5, 3}).Draw(t, "step") // above 0 there are equals
	out := rapid.SampledFrom([]float64{0, 0.1, 0.9}).Draw(t, "ruled out")
	logits := make([]float32, n)
	for i := range logits {
		z := r.NormFloat64() * spread
		if step > 0 {
			z = math.Round(z/step) * step
		}
		if r.Float64() < out {
			z = math.Inf(-1)
		}
		logits[i] = float32(z)
	}
	if n > 0 {
		logits[r.IntN(n)] = float32(spread)
	}
	return logits
}

// TestTiersAgree: what runs on this machine and plain Go give the same bits.
func TestTiersAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(t, "blocks")
		logits := anyLogits(t, n*block)
		tops, wantTops := make([][4]float32, n), make([][4]float32, n)
		if got, want := largestOf(tops, logits), largestGo(wantTops, logits); got != want ||
			!slices.Equal(tops, wantTops) {
			t.Fatalf("largest: %v %v, plain Go's %v %v", got, tops, want, wantTops)
		}
		temperatures := []float64{1e-300, 1e-3, 0.6, 1, 7, 1e30, 1e300}
		temperature := rapid.SampledFrom(temperatures).Draw(t, "temperature")
		top := float32(0)
		if n > 0 {
			top = slices.Max(logits)
		}
		scale := newScale(top, temperature)
		lanes, wantLanes := make([][4]float64, n), make([][4]float64, n)
		weights, wantWeights := make([]float32, len(logits)), make([]float32, len(logits))
		weighOf(lanes, weights, logits, &scale)
		weighGo(wantLanes, wantWeights, logits, &scale)
		if !slices.Equal(lanes, wantLanes) || !slices.Equal(weights, wantWeights) {
			at := 0
			for weights[at] == wantWeights[at] && at < len(weights)-1 {
				at++
			}
			t.Fatalf("weights differ from plain Go's: the logit %g has %g, not %g; sums %v, not %v",
				logits[at], weights[at], wantWeights[at], lanes, wantLanes)
		}
		clear(lanes)
		if weighOf(lanes, nil, logits, &scale); !slices.Equal(lanes, wantLanes) {
			t.Fatalf("sums alone: %v, plain Go %v", lanes, wantLanes)
		}
		floor := float32(rapid.Float64Range(0, 1).Draw(t, "floor"))
		got, want := atLeastOf(nil, weights, floor), atLeastGo(nil, weights, floor)
		if !slices.Equal(got, want) {
			t.Fatalf("at least %g: %v, plain Go %v", floor, got, want)
		}
		var sums, wantSums [4][8]float32
		thresholds := [4]float32{floor / 64, floor / 16, floor / 4, floor}
		belowOf(&sums, weights, &thresholds)
		if belowGo(&wantSums, weights, &thresholds); sums != wantSums {
			t.Fatalf("below %v: %v, plain Go %v", thresholds, sums, wantSums)
		}
		if n > 0 {
			logits[rapid.IntRange(0, len(logits)-1).Draw(t, "NaN at")] = float32(math.NaN())
			if !largestOf(tops, logits) || !largestGo(wantTops, logits) {
				t.Fatal("a NaN was not seen")
			}
		}
	})
}

// TestWeights compares weights, sums and log-probabilities with float64.
func TestWeights(t *testing.T) {
	for _, temperature := range []float64{0.05, 0.6, 1, 1.7} {
		for seed := range uint64(20) {
			logits := randomLogits(seed, 3001)
			var s Sampler
			best, err := s.argmax(logits)
			if err != nil {
				t.Fatal(err)
			}
			scale := newScale(logits[best], temperature)
			sum := s.weigh(logits, &scale, true)
			want, mean := 0.0, 0.0
			for i, z := range logits {
				x := (float64(z) - float64(logits[best])) / temperature
				w := math.Exp(x)
				want += w
				mean += w * x
				if d := math.Abs(float64(s.weights[i]) - w); d > (2e-7-1.2e-7*x)*w+1e-37 {
					t.Fatalf("temperature %g: the weight of %g is off by %g of itself", temperature, x, d/w)
				}
			}
			if d := math.Abs(sum/want - 1); d > 2e-7 {
				t.Errorf("temperature %g: the sum is off by %g of itself", temperature, d)
			}
			for token := int32(0); token < 3001; token += 100 {
				got, entropy := scored(t, logits, token, temperature)
				off := math.Abs(float64(entropy) - (math.Log(want) - mean/want))
				if off > 1e-6*(1+float64(entropy)) {
					t.Errorf("temperature %g: entropy %g, want %g",
						temperature, entropy, math.Log(want)-mean/want)
				}
				w := (float64(logits[token])-float64(logits[best]))/temperature - math.Log(want)
				if d := math.Abs(float64(got) - w); d > 3e-7+math.Abs(w)*6e-8 {
					t.Errorf("temperature %g: log-probability %g, want %g", temperature, got, w)
				}
			}
		}
	}
}

// kept is filtering by the book: everything is sorted, the likeliest first.
func kept(weights []float32, logits []float32, p Params) []int32 {
	var ids []int32
	for id, w := range weights {
		if w > 0 {
			ids = append(ids, int32(id))
		}
	}
	slices.SortStableFunc(ids, func(a, b int32) int {
		switch {
		case logits[a] > logits[b]:
			return -1
		case logits[a] < logits[b]:
			return 1
		}
		return 0
	})
	if p.TopK > 0 && p.TopK < len(ids) {
		last := logits[ids[p.TopK-1]]
		ids = slices.DeleteFunc(ids, func(id int32) bool { return logits[id] < last })
	}
	if p.TopP > 0 && p.TopP < 1 {
		slices.SortStableFunc(ids, func(a, b int32) int { // logits can differ where weights do not
			switch {
			case weights[a] > weights[b] || weights[a] == weights[b] && a < b:
				return -1
			}
			return 1
		})
		sum := 0.0
		for _, id := range ids {
			sum += float64(weights[id])
		}
		gone := 0.0
		for len(ids) > 1 {
			if gone += float64(weights[ids[len(ids)-1]]); gone > (1-p.TopP)*sum {
				break
			}
			ids = ids[:len(ids)-1]
		}
	}
	ids = slices.DeleteFunc(ids, func(id int32) bool { return float64(weights[id]) < p.MinP })
	slices.Sort(ids)
	return ids
}

// TestFilters: selection keeps what sorting keeps.
func TestFilters(t *testing.T) {
	for i := range 20 {
		t.Run(fmt.Sprint(i), func(t *testing.T) { rapid.Check(t, filters) })
	}
}

func filters(t *rapid.T) {
	logits := anyLogits(t, rapid.SampledFrom([]int{1, 5, 63, 64, 65, 300, 700}).Draw(t, "tokens"))
	p := Params{
		Temperature: rapid.SampledFrom([]float64{0.3, 1, 5}).Draw(t, "temperature"),
		TopK:        rapid.SampledFrom([]int{0, 0, 1, 3, 10, 100, 2000}).Draw(t, "top-k"),
		TopP:        rapid.SampledFrom([]float64{0, 1e-9, 0.1, 0.5, 0.7, 0.95, 0.999, 1}).Draw(t, "top-p"),
		MinP:        rapid.SampledFrom([]float64{0, 0, 0.001, 0.2, 1}).Draw(t, "min-p"),
	}
	if !p.Filters() {
		return
	}
	tokens, probs, err := Probabilities(logits, p)
	if err != nil {
		t.Fatal(err)
	}
	var s Sampler
	best, _ := s.argmax(logits)
	scale := newScale(logits[best], p.Temperature)
	s.weigh(logits, &scale, true)
	want := kept(s.weights[:len(logits)], logits, p)
	// Sums are added in another order: a limit that is met to the last bit may be
	// met by one token more or less, which only equals can be.
	if d := len(tokens) - len(want); d < -1 || d > 1 {
		t.Fatalf("%+v keeps %d tokens, want %d", p, len(tokens), len(want))
	}
	if !slices.Equal(tokens, want) {
		at := 0
		for at < min(len(tokens), len(want)) && tokens[at] == want[at] {
			at++
		}
		t.Logf("%+v: %v, want %v", p, tokens, want)
		if len(tokens) == len(want) || !onTheLimit(s.weights[:len(logits)], logits, p) {
			t.Fatalf("%+v keeps other tokens from number %d on", p, at)
		}
	}
	sum := 0.0
	for _, q := range probs {
		sum += q
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Fatalf("probabilities sum to %g", sum)
	}
}

// onTheLimit reports whether a change of top-p in the last bits changes what is kept.
func onTheLimit(weights, logits []float32, p Params) bool {
	less, more := p, p
	less.TopP -= 1e-13
	more.TopP += 1e-13
	return len(kept(weights, logits, less)) != len(kept(weights, logits, more))
}
