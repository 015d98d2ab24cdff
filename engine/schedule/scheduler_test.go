package schedule

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/paged"
)

// slot is what a real pool would hold at a token slot: which token of which
// prefix was written there. The prefix is kept whole, so that reading a wrong
// block cannot go unnoticed.
type slot string

// pool simulates the memory that the scheduler only keeps books on.
type pool struct {
	size  int
	slots map[[2]int32]slot // (block, offset)
}

func (p *pool) copy(copies []paged.Copy) {
	before := maps.Clone(p.slots)
	for _, c := range copies {
		for o := range int32(p.size) {
			p.slots[[2]int32{c.Dst, o}] = before[[2]int32{c.Src, o}]
		}
	}
}

func prefix(tokens []int32) slot { return slot(fmt.Sprint(tokens)) }

// run drives a scheduler to the end as an engine would and checks every step.
// next decides the token a sequence draws; it ends after its share of tokens.
func run(t *rapid.T, a *paged.Allocator, s *Scheduler, o Options, lengths map[[2]int]int) map[[2]int][]int32 {
	p := &pool{a.BlockSize(), map[[2]int32]slot{}}
	results := map[[2]int][]int32{}
	for steps := 0; ; steps++ {
		if steps > 200_000 {
			t.Fatal("it does not end")
		}
		step, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		if step == nil {
			break
		}
		p.copy(step.Copies)
		if len(step.Items) == 0 || len(step.Items) > o.MaxBatch {
			t.Fatalf("%d items, at most %d", len(step.Items), o.MaxBatch)
		}
		fed := 0
		written := map[[2]int32]bool{}
		for _, item := range step.Items {
			fed += len(item.Tokens)
			if len(item.Tokens) == 0 || !step.Prefill && len(item.Tokens) != 1 || len(item.Tokens) > o.ChunkTokens {
				t.Fatalf("%d tokens fed", len(item.Tokens))
			}
			for i, id := range item.Tokens {
				at := item.Start + i
				if item.Seq.Tokens[at] != id {
					t.Fatalf("position %d is fed %d, holds %d", at, id, item.Seq.Tokens[at])
				}
				where := [2]int32{item.Seq.Table.Blocks[at/p.size], int32(at % p.size)}
				if where[0] == 0 {
					t.Fatal("block 0 was handed out")
				}
				if written[where] {
					t.Fatalf("slot %v is written twice in a step", where)
				}
				written[where] = true
				p.slots[where] = prefix(item.Seq.Tokens[:at+1])
			}
		}
		if step.Prefill && fed > o.MaxPrefillTokens {
			t.Fatalf("%d prompt tokens, at most %d", fed, o.MaxPrefillTokens)
		}
		// All that a row reads is what it should be.
		for _, item := range step.Items {
			for at := range item.Start + len(item.Tokens) {
				where := [2]int32{item.Seq.Table.Blocks[at/p.size], int32(at % p.size)}
				if p.slots[where] != prefix(item.Seq.Tokens[:at+1]) {
					t.Fatalf("request %d sample %d reads %q at position %d, wants %q", item.Seq.Request, item.Seq.Sample, p.slots[where], at, prefix(item.Seq.Tokens[:at+1]))
				}
			}
		}
		for _, item := range step.Items {
			for _, seq := range item.Sample {
				if seq.Computed != len(seq.Tokens) {
					t.Fatalf("%d of %d tokens computed, and the next is drawn", seq.Computed, len(seq.Tokens))
				}
				key := [2]int{seq.Request, seq.Sample}
				s.Append(seq, int32((len(seq.Tokens)*31+seq.Request*7+seq.Sample*13)%5))
				if len(seq.Tokens)-seq.Prompt == lengths[key] {
					if results[key] != nil {
						t.Fatalf("%v ended twice", key)
					}
					results[key] = slices.Clone(seq.Tokens)
					s.Finish(seq)
				}
			}
		}
	}
	if a.NumUsed() != 0 {
		t.Fatalf("%d blocks leak", a.NumUsed())
	}
	if len(results) != len(lengths) {
		t.Fatalf("%d sequences ended, %d were added", len(results), len(lengths))
	}
	return results
}

// TestEverythingEnds runs random loads through pools that are too small for them.
func TestEverythingEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 5).Draw(t, "block size")
		blocks := rapid.IntRange(8, 40).Draw(t, "blocks")
		o := Options{
			MaxBatch:         rapid.IntRange(1, 9).Draw(t, "batch"),
			MaxPrefillTokens: rapid.IntRange(1, 40).Draw(t, "prefill"),
			ChunkTokens:      rapid.IntRange(1, 20).Draw(t, "chunk"),
			PrefixCache:      rapid.Bool().Draw(t, "cache"),
		}
		a := paged.New(blocks, size)
		s := New(a, o)
		lengths := map[[2]int]int{}
		most := (blocks - 1) * size
		for request := range rapid.IntRange(1, 12).Draw(t, "requests") {
			prompt := rapid.SliceOfN(rapid.Int32Range(0, 1), 1, most-1).Draw(t, "prompt")
			samples := rapid.IntRange(1, 5).Draw(t, "samples")
			longest := rapid.IntRange(1, most-len(prompt)).Draw(t, "new")
			if err := s.Add(request, prompt, samples, longest); err != nil {
				t.Fatal(err)
			}
			for sample := range samples {
				lengths[[2]int{request, sample}] = rapid.IntRange(1, longest).Draw(t, "length")
			}
		}
		run(t, a, s, o, lengths)
	})
}

func TestAddRefuses(t *testing.T) {
	s := New(paged.New(5, 4), Options{MaxBatch: 1, MaxPrefillTokens: 8, ChunkTokens: 8})
	for _, c := range []struct{ prompt, samples, tokens int }{{0, 1, 1}, {1, 0, 1}, {1, 1, 0}, {10, 1, 7}} {
		if s.Add(0, make([]int32, c.prompt), c.samples, c.tokens) == nil {
			t.Errorf("%+v was taken", c)
		}
	}
	if err := s.Add(0, make([]int32, 10), 1, 6); err != nil {
		t.Errorf("16 tokens in 4 blocks of 4: %v", err)
	}
}

// TestSharedPrompt: a group's prompt is computed once, its full blocks are shared.
func TestSharedPrompt(t *testing.T) {
	a := paged.New(100, 4)
	s := New(a, Options{MaxBatch: 8, MaxPrefillTokens: 64, ChunkTokens: 64})
	if err := s.Add(0, make([]int32, 10), 5, 4); err != nil {
		t.Fatal(err)
	}
	step, err := s.Next()
	if err != nil || !step.Prefill || len(step.Items) != 1 || len(step.Items[0].Sample) != 5 {
		t.Fatalf("first step %+v, %v; want one row that serves 5 samples", step, err)
	}
	if a.NumUsed() != 3 {
		t.Errorf("%d blocks hold the prompt of 10 tokens, want 3", a.NumUsed())
	}
	for _, seq := range step.Items[0].Sample {
		s.Append(seq, 1)
	}
	step, err = s.Next()
	if err != nil || step.Prefill || len(step.Items) != 5 || len(step.Copies) != 4 {
		t.Fatalf("second step %+v, %v; want 5 rows and 4 copies of the half-full block", step, err)
	}
	if a.NumUsed() != 2+5 {
		t.Errorf("%d blocks are used, want 2 shared and 5 own", a.NumUsed())
	}
}

// TestPrefixAcrossRequests: the second request finds the first one's full blocks.
func TestPrefixAcrossRequests(t *testing.T) {
	a := paged.New(100, 4)
	o := Options{MaxBatch: 1, MaxPrefillTokens: 64, ChunkTokens: 64, PrefixCache: true}
	s := New(a, o)
	prompt := []int32{1, 2, 3, 4, 5, 6, 7, 8, 9}
	for request := range 2 {
		if err := s.Add(request, prompt, 1, 1); err != nil {
			t.Fatal(err)
		}
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

func BenchmarkNext(b *testing.B) {
	for _, n := range []int{64, 1024} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			a := paged.New(n*64, 16)
			s := New(a, Options{MaxBatch: n, MaxPrefillTokens: 1 << 20, ChunkTokens: 512})
			for i := range n {
				if err := s.Add(i, make([]int32, 16), 1, 900); err != nil {
					b.Fatal(err)
				}
			}
			i := 0
			for b.Loop() {
				step, err := s.Next()
				if err != nil {
					b.Fatal(err)
				}
				for _, item := range step.Items {
					for _, seq := range item.Sample {
						s.Append(seq, 1)
						if len(seq.Tokens) == 16+900 {
							s.Finish(seq)
							if err := s.Add(i, seq.Tokens[:16], 1, 900); err != nil {
								b.Fatal(err)
							}
						}
					}
				}
				i++
			}
		})
	}
}
