package trainer

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/model/dense"
)

// TestDivide: all samples of a step are in one part each, and places that are dealt parts in turn have about as many.
func TestDivide(t *testing.T) {
	for _, c := range []struct{ questions, group, places, batch, parts int }{
		{8, 8, 2, 64, 8},
		{9, 8, 2, 64, 10}, // the last in halves
		{9, 8, 2, 39, 9},  // a batch has no room for it
		{8, 8, 3, 64, 12}, // two in thirds
		{3, 4, 8, 64, 12}, // fewer samples than places: one each
		{1, 8, 4, 64, 4},
		{4, 1, 3, 64, 4},
		{8, 8, 16, 64, 16},
	} {
		requests := make([]engine.Request, c.questions)
		for i := range requests {
			requests[i] = engine.Request{ID: fmt.Sprint(i), N: c.group}
		}
		parts, of := divide(requests, c.places, c.batch)
		loads, seen := make([]int, c.places), map[string]bool{}
		for i, p := range parts {
			loads[i%c.places] += p.N
			for k := range p.N {
				seen[fmt.Sprintf("%d/%d", of[i], p.First+k)] = p.ID == fmt.Sprint(of[i])
			}
		}
		if len(parts) != c.parts || len(seen) != c.questions*c.group {
			t.Errorf("%+v: %d parts of %d samples", c, len(parts), len(seen))
		}
		for sample, right := range seen {
			if !right {
				t.Errorf("%+v: sample %s is of another question", c, sample)
			}
		}
		if even := (c.questions*c.group + c.places - 1) / c.places; c.batch == 64 && slices.Max(loads) > even+2 {
			t.Errorf("%+v: places have %v samples", c, loads)
		}
	}
}

// TestScoringPasses: scoring passes are as large as lets processes share them about evenly, in padded tokens, and one
// process has the largest; each pair is in a pass of one process.
func TestScoringPasses(t *testing.T) {
	pairs := func(n, prompt int, lengths ...int) (all []dense.Pair) {
		for i := range n {
			p := dense.Pair{Prompt: make([]int32, prompt), Completion: make([]int32, lengths[i%len(lengths)])}
			p.Prompt[0] = int32(i / 8)
			all = append(all, p)
		}
		return all
	}
	for _, c := range []struct {
		pairs     []dense.Pair
		processes int
		want      int
	}{
		{pairs(64, 8, 32), 1, engine.ScoreTokens},
		{pairs(64, 8, 32), 2, 2048},
		{pairs(64, 8, 32), 8, 512},
		{pairs(512, 8, 200, 30, 90), 2, engine.ScoreTokens},
		{pairs(2, 8, 400, 30), 2, 256}, // one pair costs more than the other
	} {
		times := make([]int, len(c.pairs))
		for rank := range c.processes {
			r := &run{job: &cluster.Job{Size: c.processes, Rank: rank}}
			own, most := r.scoringPasses(c.pairs)
			if most != c.want {
				t.Errorf("%d pairs, %d processes: %d, want %d", len(c.pairs), c.processes, most, c.want)
			}
			for _, pass := range own {
				for _, i := range pass.Indices() {
					times[i]++
				}
			}
		}
		if slices.Min(times) != 1 || slices.Max(times) != 1 {
			t.Errorf("%d pairs, %d processes: scored %v times", len(c.pairs), c.processes, times)
		}
	}
}

// TestAssign: each piece has one process, and no process more than the others by more than the costliest piece.
func TestAssign(t *testing.T) {
	costs := []int{488, 488, 40, 488, 392, 488, 7}
	for _, n := range []int{1, 2, 3, 7, 9} {
		of, loads := assign(costs, n)
		sums := make([]int, n)
		least, most := 1<<30, 0
		for i, rank := range of {
			sums[rank] += costs[i]
		}
		for rank, load := range loads {
			if load != sums[rank] {
				t.Errorf("%d processes: %d is said to have %d, and has %d", n, rank, load, sums[rank])
			}
			least, most = min(least, load), max(most, load)
		}
		if most-least > 488 {
			t.Errorf("%d processes: %v", n, loads)
		}
	}
}
