package engine

import (
	"github.com/stele-lm/stele/engine/schedule"
	"github.com/stele-lm/stele/sampler"
)

// stepsAhead is how many steps of decoding a call to a GPU takes where it can, of rowsAhead rows at most: each that
// needs no call of its own saves the time of a call, and each that nobody asks for in the end is lost. A step of many
// rows takes longer than its call, and one of them soon ends.
const stepsAhead, rowsAhead = 8, 4

// ahead has what a call of several steps drew beyond the step that asked for it. Nothing but a sequence decides what
// it draws next, so that a row stays true whatever becomes of the others; where the scheduler asks for a row that is
// not expected, all is forgotten, and what was written into the pool is written again.
type ahead struct {
	rows  []expected
	drawn [][]int32 // of the steps to come, for sampler.Unpack
}

// expected is the row that the next step is to ask for.
type expected struct {
	seq    *schedule.Sequence // nil where the row was left out once
	start  int
	token  int32
	params sampler.Params
	key    sampler.Key
}

// keep notes what a call drew for items in some steps, rows of two numbers in each, of which the first step's were
// asked for.
func (a *ahead) keep(items []schedule.Item, draws []draw, drawn []int32, steps int) {
	*a = ahead{}
	if steps < 2 {
		return
	}
	rows := len(drawn) / (2 * steps)
	for step := 1; step < steps; step++ {
		a.drawn = append(a.drawn, drawn[2*rows*step:2*rows*(step+1)])
	}
	for i, item := range items {
		a.rows = append(a.rows, expected{item.Seq, item.Start, item.Tokens[0], draws[i].params, draws[i].key})
	}
	a.advance(drawn)
}

// advance expects the rows one token later, which is the one that was drawn.
func (a *ahead) advance(drawn []int32) {
	for i := range a.rows {
		r := &a.rows[i]
		r.start++
		r.key.Position++
		r.token, _ = sampler.Unpack(drawn, i)
	}
}

// take gives the draws of items what was drawn for them already, if all was. A row that they leave out is expected no
// more: it ended, or was preempted, and its keys and values are not where it will look for them.
func (a *ahead) take(items []schedule.Item, draws []draw) bool {
	if len(a.drawn) == 0 {
		return false
	}
	var chosen []int32
	asked := make([]bool, len(a.rows))
	for i, item := range items {
		row := -1
		for k, r := range a.rows {
			want := expected{item.Seq, item.Start, item.Tokens[0], draws[i].params, draws[i].key}
			if r == want {
				row = k
			}
		}
		if row < 0 {
			*a = ahead{}
			return false
		}
		asked[row] = true
		chosen = append(chosen, a.drawn[0][2*row:2*row+2]...)
	}
	for row, is := range asked {
		if !is {
			a.rows[row].seq = nil
		}
	}
	take(draws, chosen)
	a.advance(a.drawn[0])
	a.drawn = a.drawn[1:]
	return true
}
