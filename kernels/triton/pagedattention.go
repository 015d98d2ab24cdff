package triton

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// PagedAttention is causal attention of the tokens of some rows over the pages of their sequences, whose keys and
// values are written already. A program of its kernel takes some queries that share a key-value head, and the keys
// of one part of the context, a tile of tokens after another; page ids are read with them, and no page is copied.
//
// The parts are of one length (see Part) whatever the batch, the context and the size of a page, and so are the
// tiles: a token's result has the same bits whatever goes along with it, and however its sequence is paged. Where
// the context is longer than a part, Merge combines the parts by their log-sums.
//
// What there is no token for costs no read of the pool: the tokens of a row that are padding, and rows of none,
// are zero. A page id that is none of the pool's is not followed; its keys count as missing.
type PagedAttention struct {
	B, T       int  // rows, tokens a row
	H, K, E    int  // query heads, key-value heads, their width
	Count      int  // pages of the pool, a layer's keys and then values being [2·K·Count·Slots, E]
	Slots      int  // tokens of a page
	Pages      int  // entries of a row's page table
	Columns    int  // of a row of the feed, int32
	At         int  // column of the first token's position; how many tokens are valid and the page table follow
	Elem, Into Elem // of queries, keys and values; of the result
}

// Parts of the context, in tokens: of rows that decode, so that few rows fill a GPU too, and of longer ones, which
// are many programs already.
const (
	decodePart  = 256
	prefillPart = 1024
)

// Part is how many tokens of the context a program takes.
func (p PagedAttention) Part() int {
	if p.T == 1 {
		return decodePart
	}
	return prefillPart
}

// Parts is how many there are.
func (p PagedAttention) Parts() int { return (p.Pages*p.Slots + p.Part() - 1) / p.Part() }

// Attended is how many numbers Attend results in where there are several parts.
func (p PagedAttention) Attended() int { return p.B * p.T * p.H * p.Parts() * (p.E + 2) }

// WidestHead is the widest head that fits: beyond it a program's queries and sums are more than its registers.
const WidestHead = 256

// Check tells why there is no kernel of these sizes, or returns nil.
func (p PagedAttention) Check() error {
	switch {
	case p.B < 1 || p.T < 1 || p.K < 1 || p.E < 1 || p.Count < 1 || p.Slots < 1 || p.Pages < 1 || p.Columns < 1:
		return fmt.Errorf("a size is less than 1: %+v", p)
	case p.H%p.K != 0:
		return fmt.Errorf("%d query heads are no multiple of %d key-value heads", p.H, p.K)
	case p.E > WidestHead:
		return fmt.Errorf("heads of %d numbers are wider than %d", p.E, WidestHead)
	case p.Elem != F32 && p.Elem != BF16 || p.Into != F32 && p.Into != BF16:
		return fmt.Errorf("keys and values are %q and the result %q, expected %s or %s", p.Elem, p.Into, F32, BF16)
	case 2*p.K*p.Count > math.MaxInt32/p.Slots:
		return errors.New("the pool has 2³¹ slots or more")
	case p.Pages > math.MaxInt32/p.Slots || p.B > math.MaxInt32/p.Columns:
		return errors.New("the context has 2³¹ tokens or more")
	case float64(p.B)*float64(p.T)*float64(p.H)*float64(p.E+2)*float64(p.Parts()) >= math.MaxInt32:
		return errors.New("the parts' results are 2³¹ numbers or more")
	case p.K*p.tiles() > 65535 || p.Parts() > 65535:
		return errors.New("the grid of programs is larger than a GPU's")
	}
	return nil
}

// queries is how many queries a program takes: a tile of tensor cores has 16 at least.
func (p PagedAttention) queries() int {
	n, most := nextPower(p.T*p.H/p.K), 64
	switch { // beyond them registers are spilled
	case p.Elem == F32 && p.E > 64:
		most = 16
	case p.Elem == F32 || p.E > 128:
		most = 32
	}
	return min(max(n, 16), most)
}

// tiles is how many programs take the queries of a row that share a key-value head.
func (p PagedAttention) tiles() int { return (p.T*p.H/p.K + p.queries() - 1) / p.queries() }

// tokens is how many tokens of the context a turn takes.
func (p PagedAttention) tokens() int {
	if p.Elem == F32 || p.E > 128 {
		return 32
	}
	return 64
}

// piece is a part of a head's width, whose length is a power of two.
type piece struct{ first, length, valid int }

// pieces divides a head's width, so that 80 is 64 and 16. Of the last piece less than all may be valid.
func (p PagedAttention) pieces() (all []piece) {
	const least = 16 // that tensor cores multiply
	for first := 0; first < p.E; {
		left := (p.E - first + least - 1) / least * least
		length := 1 << (bits.Len(uint(left)) - 1)
		all = append(all, piece{first, length, min(length, p.E-first)})
		first += length
	}
	return all
}

func nextPower(n int) int { return 1 << bits.Len(uint(n-1)) }

// pieced are pointers to a piece of the heads [n, 1] that begin at base, and which of them are valid where heads are.
func (s piece) pieced(f *Function, base, row Value) (pointers, mask Value) {
	column := f.Range(s.length).Plus(s.first).Row()
	pointers, mask = base.At(column), row
	if s.valid < s.length {
		mask = row.And(f.Range(s.length).Row().Indexes(s.valid))
	}
	return pointers, mask
}

// started is where the tokens of a row stand, as scalars or for many rows.
type started struct {
	first, valid Value // position of the first token, how many there are
}

// start reads where rows of the feed stand, whose page tables are then at table.
func (p PagedAttention) start(f *Function, feed, row Value) (s started, table Value) {
	at := feed.At(row.Times(p.Columns).Plus(p.At))
	s.first = at.Load()
	s.valid = at.At(f.Int(1)).Load().Min(f.Int(p.T))
	return s, at.At(f.Int(2))
}

// Attend is the kernel of queries q [B, T, H, E], which are scaled, of a layer's keys and values, and of the feed
// [B, Columns]. It results in o [B, T, H, E] where the context is one part; else in o [B, T, H, parts, E], float32
// and not yet divided by the sum of weights, and behind it in the same tensor that sum and the largest score times
// log₂e, [B, T, H, parts] each.
func (p PagedAttention) Attend() Kernel {
	f := NewFunction("stele_paged_attention")
	q, pool, feed := f.Argument("q", p.Elem), f.Argument("pool", p.Elem), f.Argument("feed", I32)
	parts := p.Parts()
	into := p.Into
	if parts > 1 {
		into = F32
	}
	out := f.Argument("out", into)
	G, M, N, C := p.H/p.K, p.queries(), p.tokens(), p.Pages*p.Slots

	row, head, tile := f.ProgramID(0), f.ProgramID(1), f.Int(0)
	if tiles := p.tiles(); tiles > 1 {
		head, tile = head.Over(tiles), head.Modulo(tiles)
	}
	s, table := p.start(f, feed, row)
	// Of this tile's queries each has a token and a head of the group.
	index := tile.Times(M).Add(f.Range(M))
	token, member := index.Over(G), index.Modulo(G)
	valid, position := token.Less(s.valid), s.first.Add(token)
	query := row.Times(p.T).Add(token).Times(p.H).Add(head.Times(G)).Add(member) // [M], of all B·T·H

	// The context of the tile's last valid token, of which this program takes one part.
	first := tile.Times(M).Over(G)
	last := tile.Times(M).Plus(M - 1).Over(G).Min(s.valid.Plus(-1))
	high := first.Less(s.valid).Choose(s.first.Add(last).Plus(1).Min(f.Int(C)), f.Int(0))
	low, part := f.Int(0), f.Int(0)
	if parts > 1 {
		part = f.ProgramID(2)
		low = part.Times(p.Part())
		high = high.Min(low.Plus(p.Part()))
	}

	base := q.At(query.Times(p.E)).Column()
	pieces := p.pieces()
	queries, carried := make([]Value, len(pieces)), make([]Value, 2+len(pieces))
	carried[0], carried[1] = f.Full(F32, lowest, M), f.Full(F32, 0, M)
	for i, piece := range pieces {
		pointers, mask := piece.pieced(f, base, valid.Column())
		queries[i] = pointers.LoadWhere(mask, 0)
		carried[2+i] = f.Full(F32, 0, M, piece.length)
	}
	firstSlot := head.Times(p.Count * p.Slots)
	turn := func(i Value, carried []Value) []Value {
		at := i.Add(f.Range(N))
		live := at.Less(high)
		page := table.At(at.Over(p.Slots)).LoadWhere(live, -1)
		live = live.And(page.Indexes(p.Count))
		slot := firstSlot.Add(page.Times(p.Slots)).Add(at.Modulo(p.Slots))
		heads := func(slot Value) Value { return pool.At(slot.To(I64).Times(p.E)).Column() }
		sees := live.Row()
		if p.T > 1 {
			sees = sees.And(at.Row().AtMost(position.Column()))
		}
		scores := f.Full(F32, 0, M, N)
		base := heads(slot)
		for i, piece := range pieces {
			pointers, mask := piece.pieced(f, base, live.Column())
			scores = Dot(queries[i], pointers.LoadWhere(mask, 0).Transposed(), scores)
		}
		scores = scores.Scaled(math.Log2E).Or(lowest, sees)
		largest, sum := carried[0].Max(scores.MaxOver(1)), carried[1]
		// A query that sees none of this tile, and none before, has lowest for its largest score.
		weights := scores.Sub(largest.Column()).Exp2().Or(0, sees)
		kept := carried[0].Sub(largest).Exp2()
		next := []Value{largest, sum.Mul(kept).Add(weights.SumOver(1))}
		factors := weights.To(p.Elem)
		base = heads(slot.Plus(p.K * p.Count * p.Slots))
		for i, piece := range pieces {
			pointers, mask := piece.pieced(f, base, live.Column())
			next = append(next, Dot(factors, pointers.LoadWhere(mask, 0), carried[2+i].Mul(kept.Column())))
		}
		return next
	}
	result := f.For(low, high, N, carried, turn)
	largest, sum, weighted := result[0], result[1], result[2:]

	if parts > 1 {
		valid = valid.And(low.AtMost(position)).And(position.Less(f.Int(C)))
		query = query.Times(parts).Add(part)
		all := p.B * p.T * p.H * parts
		out.At(query.Plus(all*p.E)).StoreWhere(sum, valid)
		out.At(query.Plus(all*(p.E+1))).StoreWhere(largest, valid)
	}
	base = out.At(query.Times(p.E)).Column()
	for i, piece := range pieces {
		if parts > 1 {
			pointers, mask := piece.pieced(f, base, valid.Column())
			pointers.StoreWhere(weighted[i], mask)
			continue
		}
		pointers, mask := piece.pieced(f, base, token.Less(f.Int(p.T)).Column())
		pointers.StoreWhere(p.divided(weighted[i], sum).Or(0, valid.Column()).To(p.Into), mask)
	}
	return Kernel{Name: f.name, Text: f.Text(), Grid: [3]int{p.B, p.K * p.tiles(), parts}, Warps: 4, Stages: 2}
}

// lowest is below every score, and its power of two is zero beside any.
const lowest = -1e30

// divided is the result [n, …] of queries: weighted values over the sum of weights [n], which is 1 at least where
// there are any, and zero where there are none.
func (p PagedAttention) divided(weighted, sum Value) Value {
	return weighted.Div(sum.Max(sum.f.Full(F32, 0.5)).Column())
}

// mergedQueries is how many queries a program of Merge takes, mergedParts of how many parts a turn.
const mergedQueries, mergedParts = 4, 4

// Merge is the kernel that makes o [B, T, H, E] of what Attend results in where there are several parts, and of the
// feed. It adds the parts of a query up in order, and reads none that has no token for it.
func (p PagedAttention) Merge() Kernel {
	f := NewFunction("stele_merge_attention")
	attended, feed, out := f.Argument("attended", F32), f.Argument("feed", I32), f.Argument("out", p.Into)
	parts, all := p.Parts(), p.B*p.T*p.H

	index := f.ProgramID(0).Times(mergedQueries).Add(f.Range(mergedQueries))
	there := index.Indexes(all)
	query := index.Min(f.Int(all - 1))
	s, _ := p.start(f, feed, query.Over(p.T*p.H))
	token := query.Over(p.H).Modulo(p.T)
	position := s.first.Add(token)
	valid := token.Less(s.valid).And(position.Indexes(p.Pages * p.Slots))
	count := position.Over(p.Part()).Plus(1).Or(0, valid)

	sums := attended.At(query.Times(parts).Plus(all * parts * p.E))
	largests := attended.At(query.Times(parts).Plus(all * parts * (p.E + 1)))
	numbered := f.Range(nextPower(parts)).Row()
	largest := largests.Column().At(numbered).LoadWhere(numbered.Less(count.Column()), lowest).MaxOver(1)

	pieces := p.pieces()
	carried := []Value{f.Full(F32, 0, mergedQueries)}
	for _, piece := range pieces {
		carried = append(carried, f.Full(F32, 0, mergedQueries, piece.length))
	}
	result := f.For(f.Int(0), count.MaxOver(0), mergedParts, carried, func(i Value, carried []Value) []Value {
		next := append([]Value(nil), carried...)
		for range mergedParts {
			live := i.Less(count)
			weight := largests.At(i).LoadWhere(live, lowest).Sub(largest).Exp2()
			next[0] = next[0].Add(weight.Mul(sums.At(i).LoadWhere(live, 0)))
			base := attended.At(query.Times(parts).Add(i).Times(p.E)).Column()
			for k, piece := range pieces {
				pointers, mask := piece.pieced(f, base, live.Column())
				next[1+k] = next[1+k].Add(weight.Column().Mul(pointers.LoadWhere(mask, 0)))
			}
			i = i.Plus(1)
		}
		return next
	})
	base := out.At(query.Times(p.E)).Column()
	for i, piece := range pieces {
		pointers, mask := piece.pieced(f, base, there.Column())
		pointers.StoreWhere(p.divided(result[1+i], result[0]).To(p.Into), mask)
	}
	return Kernel{Name: f.name, Text: f.Text(), Grid: [3]int{(all + mergedQueries - 1) / mergedQueries, 1, 1},
		Warps: 4, Stages: 2}
}
