package engine

import (
	"maps"

	"github.com/stele-lm/stele/engine/schedule"
)

// What a step costs is that of one row, plus rowCost for each further row: weights are read once for all of them.
// Measured on host kernels it is between 0.07 (float32) and 0.19 (int8).
const rowCost = 0.2

// gram is how many tokens must be those of an earlier place for the ones after it to be a guess.
const gram = 3

// mostGuessed bounds the guesses of a step, whose logits are all held at once.
const mostGuessed = 48

// Guesses begin with firstGuess tokens, and have at most longestGuess.
const firstGuess, longestGuess = 3, 12

// atRisk is the share of all steps that guesses may cost in all more than they have saved.
const atRisk = 0.02

// drafts guesses how sequences go on: where the last tokens stood before in the prompt or a completion of the same
// request, what followed there. (Saxena, "Prompt Lookup Decoding", 2023, which has the sequence alone.) Every token
// is drawn by its key all the same, from logits that are the same bits whether it was guessed or not, so that
// nothing but the time depends on a guess.
type drafts struct {
	requests map[int]map[[gram]int32]place
	guesses  map[*schedule.Sequence]*guess
	// The time of all steps so far, what guesses that were wrong have cost and what right ones have saved, in steps
	// of one row.
	steps, spent, saved float64
	guessed             int // tokens of this step so far
}

// place is where some tokens stood last: what follows them begins at end.
type place struct {
	seq *schedule.Sequence
	end int
}

// guess is how guessing goes for a sequence.
type guess struct {
	length int // of the next one
	rest   int // steps without one
	failed int // guesses in a row of which no token was right
}

func newDrafts() *drafts {
	return &drafts{requests: map[int]map[[gram]int32]place{}, guesses: map[*schedule.Sequence]*guess{}}
}

// cost is that of a step of so many rows.
func cost(rows int) float64 { return 1 + rowCost*float64(rows-1) }

// guess returns a guess for a sequence beside so many rows; none where it would hardly pay.
func (d *drafts) guess(seq *schedule.Sequence, rows, most int) []int32 {
	g := d.guesses[seq]
	if g == nil {
		g = &guess{length: firstGuess}
		d.guesses[seq] = g
	}
	if g.rest > 0 {
		g.rest--
		return nil
	}
	n := min(g.length, most, mostGuessed-d.guessed)
	if n < 1 || d.spent+rowCost*float64(d.guessed+n) > d.saved+atRisk*d.steps+1 {
		return nil
	}
	p, known := d.known(seq)[lastOf(seq.Tokens)]
	if !known {
		return nil
	}
	guessed := p.seq.Tokens[p.end:min(p.end+n, len(p.seq.Tokens))]
	d.guessed += len(guessed)
	return guessed
}

// lastOf returns the last tokens.
func lastOf(tokens []int32) (last [gram]int32) {
	if len(tokens) >= gram {
		copy(last[:], tokens[len(tokens)-gram:])
	}
	return last
}

// known returns where tokens stood in a sequence's request; it begins with the prompt.
func (d *drafts) known(seq *schedule.Sequence) map[[gram]int32]place {
	places := d.requests[seq.Request]
	if places == nil {
		places = map[[gram]int32]place{}
		d.requests[seq.Request] = places
		for end := gram; end < len(seq.Tokens); end++ {
			places[lastOf(seq.Tokens[:end])] = place{seq, end}
		}
	}
	return places
}

// drawn notes that a sequence has a new last token.
func (d *drafts) drawn(seq *schedule.Sequence) {
	places := d.known(seq)
	if end := len(seq.Tokens) - 1; end >= gram {
		places[lastOf(seq.Tokens[:end])] = place{seq, end}
	}
}

// checked notes how many tokens of a guess were right, beside so many rows.
func (d *drafts) checked(seq *schedule.Sequence, guessed, right, rows int) {
	g := d.guesses[seq]
	d.spent += rowCost * float64(guessed)
	d.saved += float64(right) * cost(rows) / float64(rows)
	switch {
	case right == guessed:
		g.length, g.failed = min(2*g.length, longestGuess), 0
	case right > 0:
		g.length, g.failed = right+1, 0
	default:
		g.failed = min(g.failed+1, 4) // beyond which the rest is the longest
		g.length, g.rest = firstGuess, min(1<<g.failed-2, 8)
	}
}

// stepped notes a step of so many rows.
func (d *drafts) stepped(rows int) {
	d.steps += cost(rows)
	d.guessed = 0
}

// cancelled forgets a request.
func (d *drafts) cancelled(request int) {
	if d == nil {
		return
	}
	delete(d.requests, request)
	maps.DeleteFunc(d.guesses, func(seq *schedule.Sequence, _ *guess) bool { return seq.Request == request })
}

// ended forgets a sequence that goes on no more, and all of a request with its last.
func (d *drafts) ended(seq *schedule.Sequence, last bool) {
	delete(d.guesses, seq)
	if last {
		delete(d.requests, seq.Request)
	}
}
