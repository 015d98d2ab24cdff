package dense

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// TestPlan: every pair is in one group, groups share a prompt and are in descending
// order of length, batches keep to the limit and have numbers of prompts that are
// powers of two, little of it padding, and the plan is the same each time.
func TestPlan(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var pairs []Pair
		longest := 1 + r.IntN(300)
		for range 1 + r.IntN(12) {
			prompt := make([]int32, 1+r.IntN(100))
			prompt[0] = int32(len(pairs))
			for range 1 + r.IntN(9) {
				pairs = append(pairs, Pair{prompt, make([]int32, r.IntN(longest))})
			}
		}
		r.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
		maxTokens := 1 << (5 + r.IntN(8))
		plan := Plan(pairs, maxTokens)
		if !reflect.DeepEqual(plan, Plan(pairs, maxTokens)) {
			t.Fatal("two plans of the same pairs differ")
		}
		var seen []int
		for _, g := range plan {
			b := g.Batch(pairs)
			s := b.Shape
			n, filled := len(g.Groups), 0
			padding := s.Tokens() / s.Prompts() * (s.Prompts() - n)
			if s.Prompts() != Bucket(n, 1) || padding > maxTokens/8 || len(g.Indices()) > 1 &&
				s.Tokens() > maxTokens {
				t.Fatalf("%d groups in %+v of %d tokens, the limit is %d", n, s, s.Tokens(), maxTokens)
			}
			for _, members := range g.Groups {
				filled += len(pairs[members[0]].Prompt)
				for i, index := range members {
					p := pairs[index]
					filled += len(p.Completion)
					if !slices.Equal(p.Prompt, pairs[members[0]].Prompt) || len(p.Prompt) > s.Prompt {
						t.Fatalf("group %v has prompts that differ, or are longer than %d", members, s.Prompt)
					}
					if len(p.Completion) > s.T || i > 0 &&
						len(p.Completion) > len(pairs[members[i-1]].Completion) {
						t.Fatalf("group %v is out of order, or has rows longer than %d", members, s.T)
					}
				}
			}
			if b.Filled() != filled || filled > s.Tokens() {
				t.Fatalf("%d tokens of %d are no padding, counted are %d", filled, s.Tokens(), b.Filled())
			}
			seen = append(seen, g.Indices()...)
		}
		slices.Sort(seen)
		for i := range seen {
			if seen[i] != i || len(seen) != len(pairs) {
				t.Fatalf("%d pairs, planned are %v", len(pairs), seen)
			}
		}
	}
}

// TestPlanGroups are the plans of groups such as GRPO has.
func TestPlanGroups(t *testing.T) {
	for _, c := range []struct {
		name        string
		prompts     int
		completions []int // of each of the prompts, which have 30 tokens
		maxTokens   int
		want        []Shape
	}{
		{"one pass", 4, []int{64, 60, 57, 61}, 4096, []Shape{{B: 16, T: 64, N: 1024, Group: 4, Prompt: 32}}},
		{"an odd number", 3, []int{64, 64}, 4096, []Shape{{B: 8, T: 64, N: 384, Group: 2, Prompt: 32}}},
		{"an odd number that costs", 3, []int{64, 64}, 1024,
			[]Shape{{B: 4, T: 64, N: 256, Group: 2, Prompt: 32},
				{B: 2, T: 64, N: 128, Group: 2, Prompt: 32}}},
		{"divided", 1, []int{64, 64, 64, 64}, 160,
			[]Shape{{B: 2, T: 64, N: 128, Group: 2, Prompt: 32},
				{B: 2, T: 64, N: 128, Group: 2, Prompt: 32}}},
		{"longer than the limit", 1, []int{64}, 16, []Shape{{B: 1, T: 64, N: 64, Group: 1, Prompt: 32}}},
		{"short ones apart", 1, []int{320, 310, 9, 7}, 4096,
			[]Shape{{B: 2, T: 320, N: 640, Group: 2, Prompt: 32},
				{B: 2, T: 16, N: 16, Group: 2, Prompt: 32}}},
		{"nothing to say", 1, []int{0}, 4096, []Shape{{B: 1, T: 8, N: 2, Group: 1, Prompt: 32}}},
	} {
		var pairs []Pair
		for i := range c.prompts {
			prompt := make([]int32, 30)
			prompt[29] = int32(i)
			for _, n := range c.completions {
				pairs = append(pairs, Pair{prompt, make([]int32, n)})
			}
		}
		var got []Shape
		for _, g := range Plan(pairs, c.maxTokens) {
			got = append(got, g.Batch(pairs).Shape)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestWidth: widths pad little and are few.
func TestWidth(t *testing.T) {
	few := map[int]bool{}
	for n := range 4097 {
		w := Width(n)
		few[w] = true
		if w < n || w%8 != 0 || w > 8 && float64(w) > 1.25*float64(n)+7 {
			t.Fatalf("width of %d is %d", n, w)
		}
	}
	if len(few) != 8+6*4 { // to 64, then four an octave
		t.Errorf("%d widths", len(few))
	}
}
