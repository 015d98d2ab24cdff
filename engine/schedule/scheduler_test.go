package schedule

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/stele-lm/stele/engine/paged"
)

// TestEverythingEnds runs random loads through pools that are too small for them,
// twice: what is generated depends on the requests, not on the schedule.
func TestEverythingEnds(t *testing.T) {
	for i := range 40 { // rapid's flag for more checks is not for a test to set
		if !t.Run(fmt.Sprint(i), func(t *testing.T) { rapid.Check(t, everythingEnds) }) {
			return
		}
	}
}

func everythingEnds(t *rapid.T) {
	type request struct {
		prompt  []int32
		lengths []int
		longest int
		until   int // the step that it is cancelled before; -1 for never
	}
	least := rapid.IntRange(8, 60).Draw(t, "tokens of the smaller pool")
	// Prompts share beginnings: each goes on from a position in one text.
	text := rapid.SliceOfN(rapid.Int32Range(0, 1), least, least).Draw(t, "text")
	var load []request
	for range rapid.IntRange(1, 12).Draw(t, "requests") {
		n := rapid.IntRange(1, least-1).Draw(t, "prompt tokens")
		r := request{prompt: slices.Clone(text[:n]), longest: rapid.IntRange(1, least-n).Draw(t, "new")}
		if n > 1 && rapid.Bool().Draw(t, "differs") {
			r.prompt[rapid.IntRange(0, n-1).Draw(t, "where")] ^= 1
		}
		for range rapid.IntRange(1, 5).Draw(t, "samples") {
			r.lengths = append(r.lengths, rapid.IntRange(1, r.longest).Draw(t, "length"))
		}
		if r.until = -1; rapid.IntRange(0, 3).Draw(t, "cancelled") == 0 {
			r.until = rapid.IntRange(0, 20).Draw(t, "until")
		}
		load = append(load, r)
	}
	cancelled := func(step int) (requests []int) {
		for i, r := range load {
			if r.until == step {
				requests = append(requests, i)
			}
		}
		return requests
	}
	var first map[[2]int][]int32
	for run := range 2 {
		size := rapid.IntRange(1, 5).Draw(t, "page size")
		pages := (least+size-1)/size + rapid.IntRange(0, 20).Draw(t, "more pages")
		o := Options{
			MaxBatch:    rapid.IntRange(1, 9).Draw(t, "batch"),
			StepTokens:  rapid.IntRange(1, 40).Draw(t, "budget"),
			ChunkTokens: rapid.IntRange(1, 20).Draw(t, "chunk"),
			PrefixCache: rapid.Bool().Draw(t, "cache"),
		}
		guessed := rapid.Bool().Draw(t, "guesses")
		if guessed {
			random := rand.New(rand.NewPCG(uint64(pages), uint64(size)))
			o.Draft = func(seq *Sequence, _ int) (draft []int32) {
				hash := uint64(0)
				for _, id := range seq.Tokens {
					hash = extend(hash, id)
				}
				for range random.IntN(5) {
					token := goesOn(seq, hash)
					if random.IntN(4) == 0 { // wrong, and so is what follows
						token++
					}
					hash = extend(hash, token)
					draft = append(draft, token)
				}
				return draft
			}
		}
		s := New(paged.New(pages+1, size), o)
		samples := 0
		for i, r := range load {
			if err := s.Add(i, r.prompt, len(r.lengths), r.longest); err != nil {
				t.Fatal(err)
			}
			if r.until < 0 {
				samples += len(r.lengths)
			}
		}
		got := drive(t, s, true, func(request, sample int) int { return load[request].lengths[sample] }, cancelled)
		wanted := 0
		for key := range got {
			if load[key[0]].until < 0 {
				wanted++
			}
		}
		if wanted != samples {
			t.Fatalf("%d sequences ended that were not cancelled, %d were added", wanted, samples)
		}
		if run == 0 {
			first = got
		}
		for key, tokens := range got {
			if there, ok := first[key]; ok && !slices.Equal(tokens, there) {
				t.Fatalf("%v is %v in one schedule and %v in another", key, first[key], tokens)
			}
		}
		if st := s.Stats(); st.AcceptTokens > st.DraftTokens || !guessed && st.DraftTokens > 0 {
			t.Fatalf("%+v, guesses: %v", st, guessed)
		}
		if st := s.Stats(); !o.PrefixCache && st.CachedTokens != 0 || st.PeakPages > pages {
			t.Fatalf("%+v in a pool of %d pages, %+v", st, pages, o)
		}
	}
}

// queue is a load of requests: prompts of 1 to 8,000 tokens, one in four with a
// common beginning, one in ten for a group of up to 8 samples.
func queue(t testing.TB, s *Scheduler, requests int) (samples int, length func(request, sample int) int) {
	r := rand.New(rand.NewPCG(1, 2))
	text := make([]int32, 1<<20)
	for i := range text {
		text[i] = r.Int32N(150_000)
	}
	for i := range requests {
		begin, n, group := r.IntN(len(text)-8000), 1+r.IntN(8000), 1
		if i%4 == 0 {
			begin = i % 16 * 1000
		}
		if i%10 == 0 {
			group = 1 + r.IntN(8)
		}
		if err := s.Add(i, text[begin:begin+n], group, 200); err != nil {
			t.Fatal(err)
		}
		samples += group
	}
	return samples, func(request, sample int) int { return 1 + (request*31+sample*17)%200 }
}

// TestTenThousand: a queue of 10,000 requests goes through a pool that holds a
// fortieth of its longest batch.
func TestTenThousand(t *testing.T) {
	a := paged.New(3001, 16)
	s := New(a, Options{MaxBatch: 256, StepTokens: 8192, ChunkTokens: 2048, PrefixCache: true})
	samples, length := queue(t, s, 10_000)
	got := drive(t, s, false, length, nil)
	if len(got) != samples {
		t.Errorf("%d sequences ended, %d were added", len(got), samples)
	}
	st := s.Stats()
	t.Logf("%+v", st)
	if st.PeakPages > a.NumPages() || st.CachedTokens == 0 || st.Preemptions == 0 {
		t.Errorf("%+v: want at most %d pages, prefix hits and preemptions", st, a.NumPages())
	}
}

func TestAddRefuses(t *testing.T) {
	s := New(paged.New(5, 4), Options{MaxBatch: 1, StepTokens: 8, ChunkTokens: 8})
	for _, c := range []struct{ prompt, samples, tokens int }{{0, 1, 1}, {1, 0, 1}, {1, 1, 0}, {10, 1, 7}} {
		if s.Add(0, make([]int32, c.prompt), c.samples, c.tokens) == nil {
			t.Errorf("%+v was taken", c)
		}
	}
	if err := s.Add(0, make([]int32, 10), 1, 6); err != nil {
		t.Errorf("16 tokens in 4 pages of 4: %v", err)
	}
}

func next(t *testing.T, s *Scheduler) *Step {
	t.Helper()
	step, err := s.Next()
	if err != nil || step == nil {
		t.Fatalf("step %v, %v", step, err)
	}
	return step
}

func add(t *testing.T, s *Scheduler, request int, prompt []int32, samples, maxNew int) {
	t.Helper()
	if err := s.Add(request, prompt, samples, maxNew); err != nil {
		t.Fatal(err)
	}
}

// appendAll draws the same token for everybody.
func appendAll(s *Scheduler, step *Step) {
	for _, item := range step.Items {
		for _, seq := range item.Sample {
			s.Append(seq, 1)
		}
	}
}

// shape is a step's rows: request and tokens of each.
func shape(step *Step) [][2]int {
	var rows [][2]int
	for _, item := range step.Items {
		rows = append(rows, [2]int{item.Seq.Request, len(item.Tokens)})
	}
	return rows
}

func wantRows(t *testing.T, step *Step, want ...[2]int) {
	t.Helper()
	if got := shape(step); !slices.Equal(got, want) {
		t.Errorf("rows (request, tokens) %v, want %v", got, want)
	}
}

// TestMixedStep: a long prompt arrives while others decode. They go on in every
// step, the prompt takes what is left of the budget, and the next one what is left
// by that.
func TestMixedStep(t *testing.T) {
	s := New(paged.New(100, 4), Options{MaxBatch: 4, StepTokens: 10, ChunkTokens: 6})
	add(t, s, 0, []int32{1}, 2, 9)
	add(t, s, 1, make([]int32, 13), 1, 9)
	add(t, s, 2, make([]int32, 7), 1, 9)
	for _, want := range [][][2]int{
		{{0, 1}, {1, 6}, {2, 3}},
		{{0, 1}, {0, 1}, {1, 6}, {2, 2}},
		{{0, 1}, {0, 1}, {1, 1}, {2, 2}},
		{{0, 1}, {0, 1}, {1, 1}, {2, 1}},
	} {
		step := next(t, s)
		if want[len(want)-1] == [2]int{2, 1} {
			wantRows(t, step, want...)
			break
		}
		wantRows(t, step, want...)
		appendAll(s, step)
	}
	st := s.Stats()
	want := Stats{
		Steps: 4, PrefillTokens: 1 + 13 + 7, DecodeTokens: 2 + 2 + 4, SharedTokens: 1,
		PeakPages: st.PeakPages,
	}
	if st != want {
		t.Errorf("%+v", st)
	}
}

// TestRowsOfAGroup: a group counts as many rows as it has samples. The next request
// starts when one of them is free, and rows are never more than the batch.
func TestRowsOfAGroup(t *testing.T) {
	s := New(paged.New(100, 4), Options{MaxBatch: 4, StepTokens: 64, ChunkTokens: 64})
	add(t, s, 0, []int32{1, 2}, 3, 9)
	add(t, s, 1, []int32{1, 2}, 3, 9)
	add(t, s, 2, []int32{1, 2}, 3, 9)
	step := next(t, s)
	wantRows(t, step, [2]int{0, 2}, [2]int{1, 2}) // 3 rows, and 3 where one is left
	appendAll(s, step)
	step = next(t, s)
	wantRows(t, step, [2]int{0, 1}, [2]int{0, 1}, [2]int{0, 1}, [2]int{1, 1})
	appendAll(s, step)
	for _, item := range slices.Clone(step.Items)[:3] {
		s.Finish(item.Seq)
	}
	step = next(t, s)
	wantRows(t, step, [2]int{1, 1}, [2]int{1, 1}, [2]int{1, 1}, [2]int{2, 2})
}

// TestSharedPrompt: a group's prompt is computed once, its full pages are shared.
func TestSharedPrompt(t *testing.T) {
	a := paged.New(100, 4)
	s := New(a, Options{MaxBatch: 8, StepTokens: 64, ChunkTokens: 64})
	add(t, s, 0, make([]int32, 10), 5, 4)
	step := next(t, s)
	if len(step.Items) != 1 || len(step.Items[0].Tokens) != 10 || len(step.Items[0].Sample) != 5 {
		t.Fatalf("first step %+v; want one row that serves 5 samples", step)
	}
	if a.NumUsed() != 3 {
		t.Errorf("%d pages hold the prompt of 10 tokens, want 3", a.NumUsed())
	}
	appendAll(s, step)
	step = next(t, s)
	if len(step.Items) != 5 || len(step.Items[0].Tokens) != 1 || len(step.Copies) != 4 {
		t.Fatalf("second step %+v; want 5 rows of a token and 4 copies of the half-full page", step)
	}
	if a.NumUsed() != 2+5 {
		t.Errorf("%d pages are used, want 2 shared and 5 own", a.NumUsed())
	}
	if st := s.Stats(); st.SharedTokens != 40 || st.PrefillTokens != 10 {
		t.Errorf("%+v: want 10 tokens computed and 40 shared", st)
	}
}

// TestPrefixAcrossRequests: the second request finds the first one's full pages.
func TestPrefixAcrossRequests(t *testing.T) {
	a := paged.New(100, 4)
	o := Options{MaxBatch: 1, StepTokens: 64, ChunkTokens: 64, PrefixCache: true}
	s := New(a, o)
	prompt := []int32{1, 2, 3, 4, 5, 6, 7, 8, 9}
	for request := range 2 {
		add(t, s, request, prompt, 1, 1)
	}
	var starts []int
	for {
		step, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		if step == nil {
			break
		}
		starts = append(starts, step.Items[0].Start)
		seq := step.Items[0].Seq
		s.Append(seq, 1)
		s.Finish(seq)
	}
	if !slices.Equal(starts, []int{0, 8}) {
		t.Errorf("prefills begin at %v, want [0 8]", starts)
	}
}

// TestPrefixUnderWay: requests with the prefix of one that is being computed wait
// for it, also over several chunks, and then compute their ends only; one with
// another prefix passes them.
func TestPrefixUnderWay(t *testing.T) {
	s := New(paged.New(100, 4), Options{MaxBatch: 8, StepTokens: 64, ChunkTokens: 8, PrefixCache: true})
	long := []int32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}
	add(t, s, 0, long, 1, 9)
	add(t, s, 1, append(slices.Clone(long[:12]), 21, 22), 1, 9)
	add(t, s, 2, append(slices.Clone(long[:8]), 31, 32), 1, 9)
	add(t, s, 3, []int32{5, 4, 3, 2, 1}, 1, 9)
	for _, want := range [][][2]int{
		{{0, 8}, {3, 5}},
		{{3, 1}, {0, 5}, {2, 2}},
		{{0, 1}, {2, 1}, {3, 1}, {1, 2}},
	} {
		step := next(t, s)
		wantRows(t, step, want...)
		appendAll(s, step)
	}
	if st := s.Stats(); st.CachedTokens != 8+12 {
		t.Errorf("%+v: want 20 cached tokens", st)
	}
}

// TestPreempted: of two that grow until the pool is full the younger lets go; it
// returns when there is room, and computes again what it has.
func TestPreempted(t *testing.T) {
	s := New(paged.New(5, 2), Options{MaxBatch: 2, StepTokens: 16, ChunkTokens: 16})
	add(t, s, 0, []int32{1}, 1, 7)
	add(t, s, 1, []int32{2}, 1, 7)
	got := drive(t, s, true, func(int, int) int { return 7 }, nil)
	if st := s.Stats(); st.Preemptions != 1 || len(got) != 2 {
		t.Errorf("%+v, %d results: want one preemption and both", st, len(got))
	}
}

// BenchmarkNext is a step of a full batch with 10,000 requests behind it.
func BenchmarkNext(b *testing.B) {
	for _, c := range []struct{ batch, queued, pages int }{
		{64, 64, 64 * 64}, {256, 256, 256 * 64}, {256, 10_000, 256 * 64}, {256, 10_000, 3000},
	} {
		b.Run(fmt.Sprintf("batch=%d/queued=%d/pages=%d", c.batch, c.queued, c.pages), func(b *testing.B) {
			o := Options{MaxBatch: c.batch, StepTokens: 2048, ChunkTokens: 512, PrefixCache: true}
			s := New(paged.New(c.pages+1, 16), o)
			r := rand.New(rand.NewPCG(3, 4))
			text := make([]int32, 1<<16)
			for i := range text {
				text[i] = r.Int32N(150_000)
			}
			request := 0
			enqueue := func() {
				begin := r.IntN(len(text) - 600)
				if err := s.Add(request, text[begin:begin+1+r.IntN(500)], 1, 300); err != nil {
					b.Fatal(err)
				}
				request++
			}
			for range c.queued {
				enqueue()
			}
			b.ReportAllocs()
			rows := 0
			for b.Loop() {
				step, err := s.Next()
				if err != nil {
					b.Fatal(err)
				}
				rows += len(step.Items)
				for _, item := range step.Items {
					for _, seq := range item.Sample {
						s.Append(seq, 1)
						if len(seq.Tokens) == seq.Prompt+1+seq.Request%300 {
							s.Finish(seq)
							enqueue()
						}
					}
				}
			}
			b.ReportMetric(float64(rows)/float64(b.N), "rows/step")
		})
	}
}
