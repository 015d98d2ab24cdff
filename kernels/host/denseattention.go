package host

import (
	"fmt"
	"math"
	"unsafe"
)

// Sequences says where in a pass's M tokens its sequences lie: in B rows of T tokens that hold
// whole sequences, or in B/Group prompts of Prompt tokens and then in B rows of T, of which Group
// in turn go on where a prompt ends.
type Sequences struct {
	B, T, Group, Prompt int
	// Several says that a row which goes on where a prompt ends may do so several times, each time
	// with a sequence that sees the prompt and itself. A DenseAttention finds that in the positions.
	Several bool
}

// Prompts returns the number of prompts that rows go on from.
func (s Sequences) Prompts() int {
	if s.Group == 0 {
		return 0
	}
	return s.B / s.Group
}

// Tokens returns the number of tokens of a pass.
func (s Sequences) Tokens() int { return s.Prompts()*s.Prompt + s.B*s.T }

// DensePass is what a DenseAttention computes: M tokens of sequences with H query heads, K
// key-value heads and heads E wide.
type DensePass struct {
	Sequences
	H, K, E int
	// Round says that products take numbers rounded to bfloat16.
	Round bool
	// Position [M] counts the tokens before each in its sequence, which it sees, and itself. In a
	// row that goes on where a prompt ends, the first position is the prompt's length, and so is
	// that of each further sequence.
	Position []int32
}

// ForwardWidth returns the numbers of a token in Forward's result, H·E + H.
func (d DensePass) ForwardWidth() int { return d.H*d.E + d.H }

// StateWidth returns the numbers of a token's queries, keys and values, (H + 2K)·E.
func (d DensePass) StateWidth() int { return (d.H + 2*d.K) * d.E }

// Held returns the bytes that a DenseAttention of so many threads keeps once it has computed a pass and its
// gradient: those of each query head's gradients of keys and values, and of each thread one head's matrices.
func (d DensePass) Held(threads int) int64 {
	tokens := padded(d.T) // of the spans that a thread has in hand
	if d.Group > 0 {
		tokens += padded(d.Prompt)
	}
	const rows, columns, more = 4 * 4, 3 * 4, 2 * 4 // of queries, keys, values and adjoint, and ofQueries twice
	each := rows + columns + more
	if d.Round && bfloat16Pairs(d.E) {
		const rowBits, colBits, rowPairs, colPairs = 4 * 2, 3 * 2, 3 * 2, 3 * 2
		each += rowBits + colBits + rowPairs + colPairs
	}
	return int64(2*4*d.H*d.Tokens()*d.E) + int64(min(threads, d.units())*tokens*d.E*each)
}

// check refuses passes that Forward and Backward cannot compute.
func (d DensePass) check() error {
	M := d.Tokens()
	if d.H < 1 || d.K < 1 || d.H%d.K != 0 || d.E < 1 || M < 1 || len(d.Position) != M ||
		d.Group > 0 && d.B%d.Group != 0 {
		return fmt.Errorf("attention of %d tokens with %d positions, %d and %d heads %d wide",
			M, len(d.Position), d.H, d.K, d.E)
	}
	return nil
}

// DenseAttention computes causal attention over whole sequences, and its gradient, a block of
// queries and one of keys at a time: scores are made again in the gradient from the logarithm of
// each query's sum (Dao, "FlashAttention-2", 2023). Sums are float32, in an order that depends on
// the pass alone, not on the team. Calls must not overlap.
type DenseAttention struct {
	team    *Team
	scratch []denseScratch
	// Gradients of keys and of values by each query head, [H, M, E], which are then summed.
	ofKeys, ofValues []float32
}

// NewDenseAttention returns a DenseAttention that a team computes.
func NewDenseAttention(team *Team) *DenseAttention {
	return &DenseAttention{team: team, scratch: make([]denseScratch, team.Size())}
}

// Sizes of a block: of what lies along the rows of a tile, and of what lies across.
const (
	denseRows    = 64
	denseColumns = 128 // a multiple of denseStep
	denseStep    = 64  // columns of a panel, a multiple of every tier's columns of a tile
)

// hiddenScore is the score of a key that a query does not see.
const hiddenScore = -1e30

// denseSpan is consecutive tokens of one row of a pass.
type denseSpan struct{ first, n int }

// spans returns the rows that belong together: one that holds whole sequences, or a prompt, and
// those that go on where it ends, with the prompt's length.
func (d DensePass) spans(p int) (stem denseSpan, branches []denseSpan, length int) {
	if d.Group == 0 {
		return denseSpan{p * d.T, d.T}, nil, 0
	}
	P := d.Prompts()
	for g := range d.Group {
		branches = append(branches, denseSpan{P*d.Prompt + (p*d.Group+g)*d.T, d.T})
	}
	length = min(max(int(d.Position[branches[0].first]), 0), d.Prompt)
	return denseSpan{p * d.Prompt, d.Prompt}, branches, length
}

// units returns the number of pieces of work, one a query head of rows that belong together.
func (d DensePass) units() int {
	if d.Group == 0 {
		return d.B * d.H
	}
	return d.Prompts() * d.H
}

// start returns the first key of its own row that a row's query i sees, where the row goes on after a
// prompt of a length, or 0.
func (d DensePass) start(s denseSpan, i, length int) int {
	if s.first < d.Prompts()*d.Prompt {
		return 0 // a prompt
	}
	return min(max(i-(int(d.Position[s.first+i])-length), 0), i)
}

// Forward computes the attention of all [M, H + 2K, E], queries, then keys, then values. out [M,
// H·E + H] gets each head's result and then the logarithms of the sums of their exponentials.
func (a *DenseAttention) Forward(d DensePass, all, out []float32) error {
	if err := d.check(); err != nil {
		return err
	}
	if M := d.Tokens(); len(all) != M*d.StateWidth() || len(out) != M*d.ForwardWidth() {
		return fmt.Errorf("attention of %d tokens from %d numbers to %d", M, len(all), len(out))
	}
	a.team.Run(d.units(), func(unit, member int) {
		a.scratch[member].forward(d, unit/d.H, unit%d.H, all, out)
	})
	return nil
}

// Adjoint is what Backward needs beside queries, keys and values: the gradient of the result
// [M, H, E], the logarithms of sums [M, H] and Σ result·gradient [M, H], the part of a score's gradient
// that softmax takes away.
type Adjoint struct{ OfResult, LogSum, Away []float32 }

// Backward computes the gradient [M, H + 2K, E] of queries, keys and values all.
func (a *DenseAttention) Backward(d DensePass, all []float32, adjoint Adjoint, gradient []float32) error {
	if err := d.check(); err != nil {
		return err
	}
	M, E, width := d.Tokens(), d.E, d.StateWidth()
	if len(all) != M*width || len(gradient) != M*width || len(adjoint.OfResult) != M*d.H*E ||
		len(adjoint.LogSum) != M*d.H || len(adjoint.Away) != M*d.H {
		return fmt.Errorf("gradient of attention of %d tokens from %d, %d, %d and %d numbers to %d", M, len(all),
			len(adjoint.OfResult), len(adjoint.LogSum), len(adjoint.Away), len(gradient))
	}
	a.ofKeys, a.ofValues = grow(a.ofKeys, d.H*M*E), grow(a.ofValues, d.H*M*E)
	a.team.Run(d.units(), func(unit, member int) {
		h := unit % d.H
		own := func(sums []float32) []float32 { return sums[h*M*E : (h+1)*M*E] }
		a.scratch[member].backward(d, unit/d.H, h, all, adjoint, gradient, own(a.ofKeys), own(a.ofValues))
	})
	J := d.H / d.K
	const together = 64
	a.team.Run((M+together-1)/together, func(unit, _ int) {
		for m := unit * together; m < min(M, (unit+1)*together); m++ {
			for k := range d.K {
				for i, sums := range [][]float32{a.ofKeys, a.ofValues} {
					to := gradient[m*width+(d.H+i*d.K+k)*E:][:E]
					copy(to, sums[(k*J*M+m)*E:])
					for j := 1; j < J; j++ {
						Add(to, sums[((k*J+j)*M+m)*E:][:E])
					}
				}
			}
		}
	})
	return nil
}

// denseScratch is a member's memory.
type denseScratch struct {
	tile  tile
	page  unsafe.Pointer // the only one of its matrices
	lanes [8]float32

	stem, branch denseStates
	// A block of scores and one of their gradients, [denseRows, denseColumns].
	scores, ofScores       [denseRows * denseColumns]float32
	scoreBits, ofScoreBits [denseRows * denseColumns]uint16
	ofScorePairs           [denseRows / 2 * denseColumns]uint32
	mixed                  []float32 // [denseRows, E]
	maximum, sum           [denseRows]float32
	ofQueries, ofQueryRows []float32 // in panels, and [pad, E]
	first, end             []int     // of what each query sees, and of what sees each key
}

// denseStates is the matrices of one head and span.
type denseStates struct {
	queries, keys, values, adjoint denseMatrix
	logSum, away                   []float32 // [pad]
}

// denseView is the keys that the queries of a span see: the span's own, or the first of its prompt's.
type denseView struct {
	keys   *denseStates
	own    bool
	length int // of the prompt
}

// keysOf returns the part of keys from c0 to c1 that query i sees.
func (s *denseScratch) keysOf(v denseView, i, c0, c1 int) (lo, hi int) {
	if !v.own {
		return 0, max(min(v.length, c1)-c0, 0)
	}
	lo, hi = max(s.first[i], c0)-c0, min(i+1, c1)-c0
	return lo, max(lo, hi)
}

// queriesOf returns the part of queries from c0 to c1 that see key i.
func (s *denseScratch) queriesOf(v denseView, i, c0, c1 int) (lo, hi int) {
	if !v.own {
		if i < v.length {
			return 0, c1 - c0
		}
		return 0, 0
	}
	lo, hi = max(i, c0)-c0, min(s.end[i], c1)-c0
	return lo, max(lo, hi)
}

// bounds lists for each query of a span the first key that it sees, and for each key the end of
// the queries that see it: those of its sequence from it on.
func (s *denseScratch) bounds(d DensePass, span denseSpan, length int) {
	s.first, s.end = grow(s.first, span.n), grow(s.end, span.n)
	for i := range span.n {
		s.first[i] = d.start(span, i, length)
	}
	end := span.n
	for i := span.n - 1; i >= 0; i-- {
		s.end[i] = end
		if s.first[i] == i {
			end = i
		}
	}
}

func (s *denseScratch) forward(d DensePass, p, h int, all, out []float32) {
	stem, branches, length := d.spans(p)
	set := func(st *denseStates, span denseSpan) {
		ld, E, k := d.StateWidth(), d.E, h/(d.H/d.K)
		head := func(i int) []float32 { return all[span.first*ld+i*E:] }
		st.queries.set(head(h), ld, span.n, E, float32(1/math.Sqrt(float64(E))), d.Round, 0)
		st.keys.set(head(d.H+k), ld, span.n, E, 1, d.Round, across)
		st.values.set(head(d.H+d.K+k), ld, span.n, E, 1, d.Round, byRow)
	}
	set(&s.stem, stem)
	s.bounds(d, stem, 0)
	s.mix(d, h, stem, &s.stem, []denseView{{keys: &s.stem, own: true}}, out)
	for _, b := range branches {
		set(&s.branch, b)
		s.bounds(d, b, length)
		s.mix(d, h, b, &s.branch, []denseView{{keys: &s.stem, length: length}, {keys: &s.branch, own: true}}, out)
	}
}

// mix computes a head's attention of a span over what it sees.
func (s *denseScratch) mix(d DensePass, h int, span denseSpan, st *denseStates, views []denseView, out []float32) {
	E, width := d.E, d.ForwardWidth()
	s.mixed = grow(s.mixed, denseRows*E)
	for r0 := 0; r0 < span.n; r0 += denseRows {
		rows := min(denseRows, span.n-r0)
		clear(s.mixed)
		for r := range rows {
			s.maximum[r], s.sum[r] = hiddenScore, 0
		}
		for _, v := range views {
			from, to := 0, v.length
			if v.own {
				from, to = s.first[r0]/denseStep*denseStep, r0+rows
				for r := range rows {
					from = min(from, s.first[r0+r]/denseStep*denseStep)
				}
			}
			for c0 := from; c0 < to; c0 += denseColumns {
				c1 := min(c0+denseColumns, v.keys.keys.pad)
				s.mixBlock(st, v, r0, rows, c0, c1)
			}
		}
		for r := range rows {
			to := out[(span.first+r0+r)*width:]
			scaleRow(to[h*E:(h+1)*E], s.mixed[r*E:(r+1)*E], 1/s.sum[r])
			to[d.H*E+h] = s.maximum[r] + float32(math.Log(float64(s.sum[r])))
		}
	}
}

// mixBlock adds what queries from r0 on see of keys from c0 to c1.
func (s *denseScratch) mixBlock(st *denseStates, v denseView, r0, rows, c0, c1 int) {
	E, columns, pairs := st.queries.E, c1-c0, st.queries.pairs
	scores := s.scores[:rows*columns]
	clear(scores)
	s.accumulate(scores, columns, denseStep, st.queries.leftRows(r0), v.keys.keys.rightColumns(c0),
		rows, E, columns, pairs)
	for r := range rows {
		row := scores[r*columns : (r+1)*columns]
		lo, hi := s.keysOf(v, r0+r, c0, c1)
		if lo == hi {
			clear(row)
		} else {
			top := max(s.maximum[r], largestOf(row[lo:hi]))
			if top > s.maximum[r] && s.sum[r] > 0 {
				shrink := float32(math.Exp(float64(s.maximum[r] - top)))
				s.sum[r] *= shrink
				mixed := s.mixed[r*E : (r+1)*E]
				scaleRow(mixed, mixed, shrink)
			}
			s.maximum[r] = top
			s.sum[r] += s.exponentials(row, lo, hi, top) + top*0 // NaN where scores are not finite
		}
		if pairs {
			roundBits(s.scoreBits[r*columns:(r+1)*columns], row)
		} else if st.queries.rounded {
			roundRowInPlace(row)
		}
	}
	s.accumulate(s.mixed, E, denseStep, s.left(s.scores[:], s.scoreBits[:], columns, pairs),
		v.keys.values.rightRows(c0), rows, columns, E, pairs)
}

// left is a block of numbers as a left side.
func (s *denseScratch) left(values []float32, bits []uint16, columns int, pairs bool) side {
	if pairs {
		return side{unsafe.Pointer(&bits[0]), columns * 2, 0}
	}
	return side{unsafe.Pointer(&values[0]), columns * 4, 0}
}

// exponentials sets row to e^(row - shift) from lo to hi and to 0 elsewhere, and returns their sum.
func (s *denseScratch) exponentials(row []float32, lo, hi int, shift float32) (sum float32) {
	from, to := lo&^7, (hi+7)&^7
	for i := from; i < lo; i++ {
		row[i] = hiddenScore
	}
	for i := hi; i < to; i++ {
		row[i] = hiddenScore
	}
	sum = expRow(row[from:to], &s.lanes, shift)
	clear(row[:lo])
	clear(row[hi:])
	return sum
}

func (s *denseScratch) backward(
	d DensePass, p, h int, all []float32, adjoint Adjoint, gradient, ofKeys, ofValues []float32,
) {
	stem, branches, length := d.spans(p)
	E, H, k, ld := d.E, d.H, h/(d.H/d.K), d.StateWidth()
	set := func(st *denseStates, span denseSpan) {
		head := func(i int) []float32 { return all[span.first*ld+i*E:] }
		st.queries.set(head(h), ld, span.n, E, float32(1/math.Sqrt(float64(E))), d.Round, byRow|across)
		st.keys.set(head(H+k), ld, span.n, E, 1, d.Round, across)
		st.values.set(head(H+d.K+k), ld, span.n, E, 1, d.Round, 0)
		st.adjoint.set(adjoint.OfResult[(span.first*H+h)*E:], H*E, span.n, E, 1, d.Round, byRow|across)
		pad := st.queries.pad
		st.logSum, st.away = grow(st.logSum, pad), grow(st.away, pad)
		for i := range span.n {
			at := (span.first+i)*H + h
			st.logSum[i], st.away[i] = adjoint.LogSum[at], adjoint.Away[at]
		}
		clear(st.logSum[span.n:])
		clear(st.away[span.n:])
		clear(ofKeys[span.first*E : (span.first+span.n)*E])
		clear(ofValues[span.first*E : (span.first+span.n)*E])
	}
	// unmix computes the gradient of a span's queries, and adds to those of what they see.
	unmix := func(span denseSpan, st *denseStates, views []denseView) {
		s.ofQueries = grow(s.ofQueries, E*st.queries.pad)
		clear(s.ofQueries)
		for _, v := range views {
			n, first := v.length, stem.first
			if v.own {
				n, first = span.n, span.first
			}
			for k0 := 0; k0 < n; k0 += denseRows {
				at := (first + k0) * E
				s.unmixBlock(st, v, k0, min(denseRows, n-k0), span.n, ofKeys[at:], ofValues[at:])
			}
		}
		s.ofQueryRows = grow(s.ofQueryRows, len(s.ofQueries))
		for i := 0; i < len(s.ofQueries); i += denseStep * E {
			transpose(s.ofQueryRows[i:i+denseStep*E], s.ofQueries[i:], E, denseStep)
		}
		scale := float32(1 / math.Sqrt(float64(E)))
		for i := range span.n {
			to := gradient[(span.first+i)*d.StateWidth()+h*E:][:E]
			scaleRow(to, s.ofQueryRows[i*E:(i+1)*E], scale)
		}
	}
	set(&s.stem, stem)
	s.bounds(d, stem, 0)
	unmix(stem, &s.stem, []denseView{{keys: &s.stem, own: true}})
	for _, b := range branches {
		set(&s.branch, b)
		s.bounds(d, b, length)
		unmix(b, &s.branch, []denseView{{keys: &s.stem, length: length}, {keys: &s.branch, own: true}})
	}
}

// unmixBlock adds the gradients that queries have by rows keys from k0 on, and those of these keys
// and values, [rows, E].
func (s *denseScratch) unmixBlock(st *denseStates, v denseView, k0, rows, n int, ofKeys, ofValues []float32) {
	E, pairs := st.queries.E, st.queries.pairs
	from, to := 0, n
	if v.own {
		from, to = k0/denseStep*denseStep, s.end[k0+rows-1]
		for i := k0; i < k0+rows; i++ {
			to = max(to, s.end[i])
		}
	}
	for c0 := from; c0 < to; c0 += denseColumns {
		c1 := min(c0+denseColumns, st.queries.pad)
		columns := c1 - c0
		scores, ofScores := s.scores[:rows*columns], s.ofScores[:rows*columns]
		clear(scores)
		clear(ofScores)
		s.accumulate(scores, columns, denseStep, v.keys.keys.leftRows(k0), st.queries.rightColumns(c0),
			rows, E, columns, pairs)
		s.accumulate(ofScores, columns, denseStep, v.keys.values.leftRows(k0), st.adjoint.rightColumns(c0),
			rows, E, columns, pairs)
		for r := range rows {
			row, of := scores[r*columns:(r+1)*columns], ofScores[r*columns:(r+1)*columns]
			lo, hi := s.queriesOf(v, k0+r, c0, c1)
			if lo == hi {
				clear(row)
				clear(of)
			} else {
				subtract(row, st.logSum[c0:c1])
				s.exponentials(row, lo, hi, 0)
				ofSoftmax(of, row, st.away[c0:c1])
			}
			if pairs {
				roundBits(s.scoreBits[r*columns:(r+1)*columns], row)
				roundBits(s.ofScoreBits[r*columns:(r+1)*columns], of)
			} else if st.queries.rounded {
				roundRowInPlace(row)
				roundRowInPlace(of)
			}
		}
		right := side{unsafe.Pointer(&s.ofScores[0]), columns * 4, denseStep * 4}
		if pairs {
			if rows%2 == 1 {
				clear(s.ofScoreBits[rows*columns : (rows+1)*columns])
			}
			for r := 0; r < rows; r += 2 {
				interleave(s.ofScorePairs[r/2*columns:][:columns], s.ofScoreBits[r*columns:],
					s.ofScoreBits[(r+1)*columns:])
			}
			right.p = unsafe.Pointer(&s.ofScorePairs[0])
		}
		s.accumulate(ofValues, E, denseStep, s.left(s.scores[:], s.scoreBits[:], columns, pairs),
			st.adjoint.rightRows(c0), rows, columns, E, pairs)
		s.accumulate(ofKeys, E, denseStep, s.left(s.ofScores[:], s.ofScoreBits[:], columns, pairs),
			st.queries.rightRows(c0), rows, columns, E, pairs)
		s.accumulate(s.ofQueries[c0*E:], denseStep, denseStep*E, v.keys.keys.leftColumns(k0), right,
			E, rows, columns, pairs)
	}
}
