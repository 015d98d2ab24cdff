package dense

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// TestPlan: every pair is in one group, groups share a prompt and have rows that are long enough,
// batches keep to the limit and have numbers of prompts that are
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
			if s.Prompts() != Bucket(n, 1) || padding > maxTokens/8 || s.B > 1 &&
				s.Tokens() > maxTokens {
				t.Fatalf("%d groups in %+v of %d tokens, the limit is %d", n, s, s.Tokens(), maxTokens)
			}
			for _, rows := range g.Groups {
				prompt := pairs[rows[0][0]].Prompt
				filled += len(prompt)
				for _, row := range rows {
					tokens := 0
					for _, i := range row {
						tokens += len(pairs[i].Completion)
						if !slices.Equal(pairs[i].Prompt, prompt) || len(prompt) > s.Prompt {
							t.Fatalf("group %v has prompts that differ, or are longer than %d", rows, s.Prompt)
						}
					}
					if filled += tokens; tokens > s.T || len(row) > 1 && !s.Several {
						t.Fatalf("row %v has %d tokens in %+v", row, tokens, s)
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
		{"an odd number", 3, []int{64, 64}, 4096, []Shape{{B: 8, T: 64, N: 512, Group: 2, Prompt: 32}}},
		{"an odd number that costs", 3, []int{64, 64}, 1024,
			[]Shape{{B: 4, T: 64, N: 256, Group: 2, Prompt: 32},
				{B: 2, T: 64, N: 128, Group: 2, Prompt: 32}}},
		{"divided", 1, []int{64, 64, 64, 64}, 160,
			[]Shape{{B: 2, T: 64, N: 128, Group: 2, Prompt: 32},
				{B: 2, T: 64, N: 128, Group: 2, Prompt: 32}}},
		{"longer than the limit", 1, []int{64}, 16, []Shape{{B: 1, T: 64, N: 64, Group: 1, Prompt: 32}}},
		{"short ones in rows of long ones", 1, []int{300, 180, 200, 500, 90, 120}, 4096,
			[]Shape{{B: 3, T: 512, N: 1536, Group: 3, Prompt: 32, Several: true}}},
		{"short ones in a row", 1, []int{64, 9, 9, 9}, 4096,
			[]Shape{{B: 2, T: 64, N: 128, Group: 2, Prompt: 32, Several: true}}},
		{"rows to spare", 1, []int{300, 300, 300, 300, 120, 120}, 4096,
			[]Shape{{B: 6, T: 384, N: 2304, Group: 6, Prompt: 32}}},
		{"short ones apart", 1, []int{3000, 100, 90}, 8192,
			[]Shape{{B: 1, T: 3072, N: 3072, Group: 1, Prompt: 32},
				{B: 2, T: 192, N: 192, Group: 2, Prompt: 32}}},
		{"nothing to say", 1, []int{0}, 4096, []Shape{{B: 1, T: 8, N: 8, Group: 1, Prompt: 32}}},
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
		if w < n || w%8 != 0 || w > 16 && 2*w > 3*n {
			t.Fatalf("width of %d is %d", n, w)
		}
	}
	if len(few) != 2+2*8 { // 8, 16, then two an octave
		t.Errorf("%d widths", len(few))
	}
}

// TestPlanShapes: runs whose completions differ in length take few programs, and little of their passes is
// padding.
func TestPlanShapes(t *testing.T) {
	for _, c := range []struct {
		prompts, group, prompt, longest, micro int
		shapes                                 int
		padding                                float64
	}{
		{4, 8, 256, 512, 4096, 20, 0.25}, {8, 8, 200, 1024, 8192, 30, 0.25}, {16, 16, 400, 4096, 16384, 120, 0.15},
		{4, 4, 32, 64, 4096, 20, 0.5},
	} {
		r := rand.New(rand.NewPCG(1, 2))
		shapes, filled, tokens := map[Shape]bool{}, 0, 0
		for range 50 { // steps
			var pairs []Pair
			for p := range c.prompts {
				prompt := make([]int32, c.prompt/2+r.IntN(c.prompt/2))
				prompt[0] = int32(p)
				for range c.group {
					pairs = append(pairs, Pair{prompt, make([]int32, 1+r.IntN(c.longest))})
				}
			}
			for _, g := range Plan(pairs, c.micro) {
				b := g.Batch(pairs)
				shapes[b.Shape] = true
				filled, tokens = filled+b.Filled(), tokens+b.Shape.Tokens()
			}
		}
		padding := 1 - float64(filled)/float64(tokens)
		t.Logf("%+v: %d shapes, %.3f is padding", c, len(shapes), padding)
		if len(shapes) > c.shapes || padding > c.padding {
			t.Errorf("%+v: %d shapes, %.3f is padding", c, len(shapes), padding)
		}
	}
}
