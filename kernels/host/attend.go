package host

import (
	"math"
	"unsafe"
)

const (
	// attendBlock is of how many positions a query's scores are held at once. From block to block the
	// sums of a query are scaled where its largest score grows (Milakov and Gimelshein, "Online
	// normalizer calculation for softmax", 2018): blocks begin at multiples of it whatever the pages
	// and the tokens beside a query are, so its bits do not depend on these.
	attendBlock = 512
	// From copiedRows queries on keys and values are copied from their pages to where a core
	// reads them fastest, copiedTokens at a time.
	copiedRows   = 24
	copiedTokens = 128
	// panelSlots is the positions of a panel of copied keys, which is as a page of so many slots.
	panelSlots = 64
	// Keys and values in pages are fetched fetchTokens tokens before their use, where the processor
	// does not do it by itself: memory takes longer than a page.
	fetchTokens = 64
)

// AttendTokens returns how many tokens of a sequence are best handed to Attend together where G query
// heads share a key-value head: their scores, and keys and values beside them, stay in the second-level
// cache, and copying these takes little beside what is done with them.
func AttendTokens(G int) int { return max(1, 192/G) }

// attendScratch is what Attend keeps: queries, sums, scores and a list of pages.
type attendScratch struct {
	rows, out    []float32 // [rows, E]
	maximum, sum []float32 // of each row so far
	scores       []float32 // [rows, ld] of a block
	ld, offset   int       // offset is where in a row its block begins
	// The same in bfloat16, for pools with pairs; last is a slot's values beside zeroes.
	queries, probs, last []uint16

	pages  []unsafe.Pointer // see Pool.listPages
	blocks []int            // where in pages each block's keys begin; the values follow
	listed int

	keys, values []uint32 // copied
	panels       [copiedTokens / panelSlots]unsafe.Pointer
	one          [1]unsafe.Pointer
}

// span is positions of a sequence.
type span struct{ from, end int }

func (b span) n() int { return b.end - b.from }

// Attend computes the attention of consecutive tokens of a sequence, the first at a position, in
// the G query heads that share a key-value head: q [tokens, G, E], scaled, with tokens ld numbers
// apart, and out likewise. A token sees itself and those before it.
func (p *Pool) Attend(
	layer, head int, table []int32, position, tokens int, q, out []float32, ld, G int, s *Scratch,
) {
	a, E, n, rows := &s.attend, p.Width, position+tokens, tokens*G
	a.out = grow(a.out, rows*E)
	clear(a.out)
	a.maximum, a.sum = grow(a.maximum, rows), grow(a.sum, rows)
	for row := range rows {
		a.maximum[row], a.sum[row] = hiddenScore, 0
	}
	a.ld = attendBlock + 2*max(p.Slots, panelSlots) + 16 // score tiles write whole pages and vectors
	a.scores = grow(a.scores, rows*a.ld)
	if p.pairs {
		a.queries, a.probs = grow(a.queries, rows*E), grow(a.probs, rows*a.ld)
		for t := range tokens {
			roundBits(a.queries[t*G*E:(t+1)*G*E], q[t*ld:t*ld+G*E])
		}
	} else {
		a.rows = grow(a.rows, rows*E)
		for t := range tokens {
			copy(a.rows[t*G*E:(t+1)*G*E], q[t*ld:])
		}
	}
	copied := rows >= copiedRows && p.tier != nil && E%32 == 0
	if !copied {
		p.listPages(layer, head, table, n, a)
	}
	for from := 0; from < n; from += attendBlock {
		b := span{from, min(from+attendBlock, n)}
		at := attended{pool: p, layer: layer, head: head, table: table, position: position, G: G, rows: rows, s: s}
		if copied {
			a.offset = 0
			at.scoreCopied(b)
		} else {
			a.offset = from % p.Slots
			at.scorePages(b)
		}
		for row := range rows {
			a.weigh(row, min(at.seen(row)-from, b.n()), b.n(), p)
		}
		switch {
		case copied:
			at.mixCopied(b)
		case p.pairs:
			at.mixPairs(b)
		default:
			at.mixPages(b)
		}
	}
	for row := range rows {
		to := out[row/G*ld+row%G*E:][:E]
		scaleRow(to, a.out[row*E:(row+1)*E], 1/a.sum[row])
	}
}

// attended is a call of Attend.
type attended struct {
	pool        *Pool
	layer, head int
	table       []int32
	position, G int
	rows        int
	s           *Scratch
}

// seen returns how many positions a row sees.
func (c *attended) seen(row int) int { return c.position + row/c.G + 1 }

// weigh turns a row's scores of a block, of which it sees the first, into the weights of their
// values, and takes them into the row's sums. What it does not see weighs 0.
func (a *attendScratch) weigh(row, seen, n int, p *Pool) {
	at := row*a.ld + a.offset
	scores := a.scores[at : at+(n+15)&^15]
	switch {
	case seen <= 0 && p.pairs:
		clear(a.probs[at : at+len(scores)])
	case seen <= 0:
		clear(scores)
	default:
		whole := (seen + 15) &^ 15
		for i := seen; i < whole; i++ {
			scores[i] = hiddenScore
		}
		var probs []uint16
		if p.pairs {
			probs = a.probs[at : at+len(scores)]
		}
		top, sum := weighScores(probs, scores[:whole], seen, a.maximum[row])
		if top > a.maximum[row] && a.sum[row] > 0 {
			shrink := float32(math.Exp(float64(a.maximum[row] - top)))
			a.sum[row] *= shrink
			out := a.out[row*p.Width : (row+1)*p.Width]
			scaleRow(out, out, shrink)
		}
		a.maximum[row] = top
		a.sum[row] += sum + top*0 // NaN where scores are not finite
		if p.pairs {
			clear(probs[seen:])
		} else {
			clear(scores[seen:])
		}
	}
}

// scores returns a tile of some rows' scores of a block.
func (c *attended) scores(format format, t *tile, row, from, last int) {
	p, a := c.pool, &c.s.attend
	R := p.tier.rows
	if p.pairs {
		t.x = unsafe.Pointer(&a.queries[row*p.Width])
	} else {
		t.x = unsafe.Pointer(&a.rows[row*p.Width])
	}
	_ = a.scores[(row+min(R, c.rows-row)-1)*a.ld+last]
	t.y = unsafe.Pointer(&a.scores[row*a.ld+from])
	p.tier.score[format][min(R, c.rows-row)-1](t)
}

// scoreTile returns a tile that scores pages of so many slots, whose elements have size bytes.
func (c *attended) scoreTile(slots int, size uintptr) tile {
	p, a := c.pool, &c.s.attend
	E := uintptr(p.Width)
	t := tile{ldx: E * 4, ldw: uintptr(slots) * size, k: E, ldy: uintptr(a.ld) * 4, step: uintptr(slots) * 4}
	if p.pairs {
		t.ldx, t.ldw, t.k = E*2, uintptr(slots)*4, E/2
	}
	t.groups = uintptr((slots + p.tier.lanes - 1) / p.tier.lanes)
	return t
}

// scoreCopied computes the scores of a block by copied keys, and none of rows that see none of them.
func (c *attended) scoreCopied(b span) {
	p, s := c.pool, c.s
	a := &s.attend
	for from := b.from; from < b.end; from += copiedTokens {
		part := span{from, min(from+copiedTokens, b.end)}
		format := c.copyKeys(part)
		s.tile = c.scoreTile(panelSlots, 4)
		groups := int(s.tile.groups)
		// score computes vectors of some rows' scores, those of panels that follow each other.
		score := func(row, panel, panels, groups int) {
			s.tile.w, s.tile.pages, s.tile.groups = unsafe.Pointer(&a.panels[panel]), uintptr(panels), uintptr(groups)
			at := from - b.from + panel*panelSlots
			c.scores(format, &s.tile, row, at, at+(panels-1)*panelSlots+groups*p.tier.lanes-1)
		}
		for row := 0; row < c.rows; row += p.tier.rows {
			seen := min(c.seen(min(row+p.tier.rows, c.rows)-1)-from, part.n())
			vectors := (max(seen, 0) + p.tier.lanes - 1) / p.tier.lanes
			whole, rest := vectors/groups, vectors%groups
			if whole > 0 {
				score(row, 0, whole, groups)
			}
			if rest > 0 {
				score(row, whole, 1, rest)
			}
		}
	}
}

// mixCopied adds a block's values, copied, to the rows that see some.
func (c *attended) mixCopied(b span) {
	p, s := c.pool, c.s
	a, E := &s.attend, p.Width
	for from := b.from; from < b.end; from += copiedTokens {
		part := span{from, min(from+copiedTokens, b.end)}
		format := c.copyValues(part)
		column := 0
		for _, tier := range tiers {
			groups := (E - column) / (4 * tier.lanes)
			if groups == 0 {
				continue
			}
			s.tile = tile{w: unsafe.Pointer(&a.one[0]), pages: 1,
				ldx: uintptr(a.ld) * 4, ldw: uintptr(E) * 4, ldy: uintptr(E) * 4,
				groups: uintptr(groups), step: uintptr(column) * 4}
			if p.pairs {
				s.tile.ldx = uintptr(a.ld) * 2
			}
			for row := 0; row < c.rows; row += tier.rows {
				k := min(c.seen(min(row+tier.rows, c.rows)-1)-from, part.n()) // what follows weighs 0
				if k <= 0 {
					continue
				}
				if p.pairs {
					k = (k + 1) / 2
				}
				s.tile.k, s.tile.last = uintptr(k), uintptr(k)
				if s.tile.x = unsafe.Pointer(&a.scores[row*a.ld+from-b.from]); p.pairs {
					s.tile.x = unsafe.Pointer(&a.probs[row*a.ld+from-b.from])
				}
				s.tile.y = unsafe.Pointer(&a.out[row*E+column])
				tier.mix[format][min(tier.rows, c.rows-row)-1](&s.tile)
			}
			column += groups * 4 * tier.lanes
		}
	}
}

// copyKeys copies the keys of some positions to panels [E, panelSlots] of float32, or [E/2,
// panelSlots] of pairs, and returns the format in which they are.
func (c *attended) copyKeys(part span) format {
	p, a := c.pool, &c.s.attend
	rows, format := p.Width, formatF32
	if p.pairs {
		rows, format = p.Width/2, formatBF16
	}
	panel := rows * panelSlots
	a.keys = grow(a.keys, len(a.panels)*panel)
	for i := range a.panels {
		a.panels[i] = unsafe.Pointer(&a.keys[i*panel])
	}
	for at := part.from; at < part.end; {
		base, slot := p.at(c.table, c.head, at)
		i := at - part.from
		n := min(p.Slots-slot, part.end-at, panelSlots-i%panelSlots)
		to := a.keys[i/panelSlots*panel+i%panelSlots:]
		switch from := 2 * c.layer; {
		case p.pairs:
			copyColumns(to, wordsOf(p.bf16[from][base : base+p.Slots*p.Width])[slot:], rows, n, p.Slots)
		case p.half:
			widenColumns(to, p.bf16[from][base+slot:base+p.Slots*p.Width], rows, n, p.Slots)
		default:
			copyColumns(to, wordsOf(p.f32[from][base : base+p.Slots*p.Width])[slot:], rows, n, p.Slots)
		}
		at += n
	}
	return format
}

// copyValues copies the values of some positions to [positions, E] of float32, or [positions/2, E]
// of pairs, the last beside zeroes where it is one alone, and returns the format in which they are.
func (c *attended) copyValues(part span) format {
	p, a := c.pool, &c.s.attend
	E := p.Width
	a.values = grow(a.values, copiedTokens*E)
	a.one[0] = unsafe.Pointer(&a.values[0])
	for at := part.from; at < part.end; {
		base, slot := p.at(c.table, c.head, at)
		n, i := min(p.Slots-slot, part.end-at), at-part.from
		switch from := 2*c.layer + 1; {
		case p.pairs: // slot and i are even
			pairs := (n + 1) / 2
			copy(a.values[i/2*E:(i/2+pairs)*E], wordsOf(p.bf16[from][base+slot*E:base+(slot+2*pairs)*E]))
			if n%2 == 1 {
				for e := range E {
					a.values[(i/2+pairs-1)*E+e] &= 0xffff
				}
			}
		case p.half:
			widenVector(floatsOf(a.values[i*E:(i+n)*E]), p.bf16[from][base+slot*E:base+(slot+n)*E])
		default:
			copy(floatsOf(a.values[i*E:(i+n)*E]), p.f32[from][base+slot*E:])
		}
		at += n
	}
	if p.pairs {
		return formatBF16
	}
	return formatF32
}

// wordsOf returns the same memory as words of 32 bits.
func wordsOf[T uint16 | float32](x []T) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(&x[0])), len(x)*int(unsafe.Sizeof(x[0]))/4)
}

// floatsOf returns the same memory as float32.
func floatsOf(x []uint32) []float32 { return unsafe.Slice((*float32)(unsafe.Pointer(&x[0])), len(x)) }

// copyColumnsScalar copies n columns of rows rows: dst [rows, panelSlots], src [rows, ld].
func copyColumnsScalar(dst, src []uint32, rows, n, ld int) {
	for r := range rows {
		copy(dst[r*panelSlots:r*panelSlots+n], src[r*ld:])
	}
}

// widenColumnsScalar is copyColumnsScalar from bfloat16 to float32.
func widenColumnsScalar(dst []uint32, src []uint16, rows, n, ld int) {
	for r := range rows {
		for i, v := range src[r*ld : r*ld+n] {
			dst[r*panelSlots+i] = uint32(v) << 16
		}
	}
}

// listPages fills pages with the addresses of the pages of a head's keys and values below position
// n, block by block, and, to be fetched when the last of these are read, of the next head's keys. Then
// follows, for each page of the head's own, the one to fetch while it is read: itself, which
// costs nothing, where that one continues the page before it.
func (p *Pool) listPages(layer, head int, table []int32, n int, a *attendScratch) {
	keys, values := 2*layer, 2*layer+1
	a.pages, a.blocks = a.pages[:0], a.blocks[:0]
	list := func(tensor, head int, b span) {
		for from := b.from / p.Slots * p.Slots; from < b.end; from += p.Slots {
			base, _ := p.at(table, head, from)
			a.pages = append(a.pages, p.element(tensor, base))
		}
	}
	for from := 0; from < n; from += attendBlock {
		b := span{from, min(from+attendBlock, n)}
		a.blocks = append(a.blocks, len(a.pages))
		list(keys, head, b)
		list(values, head, b)
	}
	own := len(a.pages)
	ahead := max(1, fetchTokens/p.Slots)
	if head+1 < p.Heads {
		list(keys, head+1, span{0, min(n, ahead*p.Slots)})
	}
	a.listed = len(a.pages)
	bytes := p.Slots * p.Width * int(p.size())
	for i, page := range a.pages[:own] {
		if next := i + ahead; next < a.listed && a.pages[next] != unsafe.Add(a.pages[next-1], bytes) {
			page = a.pages[next]
		}
		a.pages = append(a.pages, page)
	}
}

// pagesOf returns where the pages of a block are listed, of its keys or its values, and how many they are.
func (c *attended) pagesOf(b span, values bool) (first, pages int) {
	slots := c.pool.Slots
	first, pages = c.s.attend.blocks[b.from/attendBlock], (b.end-1)/slots-b.from/slots+1
	if values {
		first += pages
	}
	return first, pages
}

// tile sets a tile to some of the listed pages.
func (a *attendScratch) tile(t *tile, first, pages int) {
	_ = a.pages[a.listed+first+pages-1]
	t.w, t.pages, t.ahead = unsafe.Pointer(&a.pages[first]), uintptr(pages), uintptr(a.listed)*unsafe.Sizeof(a.pages[0])
}

// scorePages computes the scores of a block by keys in their pages.
func (c *attended) scorePages(b span) {
	p, s := c.pool, c.s
	first, pages := c.pagesOf(b, false)
	if p.tier == nil {
		c.scorePlain(first, pages)
		return
	}
	s.tile = c.scoreTile(p.Slots, p.size())
	s.attend.tile(&s.tile, first, pages)
	last := (pages-1)*p.Slots + int(s.tile.groups)*p.tier.lanes - 1
	for row := 0; row < c.rows; row += p.tier.rows {
		c.scores(p.format, &s.tile, row, 0, last)
	}
}

// scorePlain is scorePages in plain Go, for pools without pairs.
func (c *attended) scorePlain(first, pages int) {
	p, a := c.pool, &c.s.attend
	E, k := p.Width, make([]float32, p.Slots)
	for i, page := range a.pages[first : first+pages] {
		from := i * p.Slots
		for row := range c.rows {
			clear(a.scores[row*a.ld+from : row*a.ld+from+p.Slots])
		}
		for e := range E {
			p.read(k, page, e*p.Slots)
			for row := range c.rows {
				q, y := a.rows[row*E+e], a.scores[row*a.ld+from:]
				for i, v := range k {
					y[i] += q * v
				}
			}
		}
	}
}

// inPages calls do for the values of a block in their pages: once for those in a page that the block
// does not begin, which is a list of its own, and once for the others. from counts from the block's
// beginning; a tile's k and last are slots.
func (c *attended) inPages(b span, do func(t *tile, from int)) {
	p, s := c.pool, c.s
	a, t := &s.attend, &s.tile
	first, pages := c.pagesOf(b, true)
	from := 0
	if skip := b.from % p.Slots; skip > 0 {
		from = min(p.Slots-skip, b.n())
		a.one[0] = unsafe.Add(a.pages[first], skip*p.Width*int(p.size()))
		*t = tile{w: unsafe.Pointer(&a.one[0]), pages: 1, k: uintptr(from), last: uintptr(from)}
		do(t, 0)
		first, pages = first+1, pages-1
	}
	if pages > 0 {
		*t = tile{k: uintptr(p.Slots), last: uintptr(b.n() - from - (pages-1)*p.Slots)}
		a.tile(t, first, pages)
		do(t, from)
	}
}

// mixPairs is mixPages where pages hold pairs, weighted by probs instead of scores.
func (c *attended) mixPairs(b span) {
	p, a := c.pool, &c.s.attend
	E := p.Width
	run := func(t *tile, from int) {
		t.ldx, t.ldw, t.ldy = uintptr(a.ld)*2, uintptr(E)*4, uintptr(E)*4
		t.groups = uintptr(E / (4 * p.tier.lanes))
		for row := 0; row < c.rows; row += p.tier.rows {
			t.x, t.y = unsafe.Pointer(&a.probs[row*a.ld+a.offset+from]), unsafe.Pointer(&a.out[row*E])
			p.tier.mix[p.format][min(p.tier.rows, c.rows-row)-1](t)
		}
	}
	c.inPages(b, func(t *tile, from int) { // a block begins at an even position, as a page does
		one := t.last%2 == 1
		t.k, t.last = t.k/2, t.last/2
		if t.last == 0 {
			t.pages, t.last = t.pages-1, t.k
		}
		if t.pages > 0 {
			run(t, from)
		}
		if !one {
			return
		}
		// Beside the last slot may be anything, and 0 times that need not be 0.
		base, slot := p.at(c.table, c.head, b.end-1)
		a.last = append(a.last[:0], p.bf16[2*c.layer+1][base+slot*E:base+(slot+2)*E]...)
		for e := range E {
			a.last[2*e+1] = 0
		}
		a.one[0] = unsafe.Pointer(&a.last[0])
		*t = tile{w: unsafe.Pointer(&a.one[0]), pages: 1, k: 1, last: 1}
		run(t, b.n()-1)
	})
}

// mixPages adds a block's values, weighted by scores, to out.
func (c *attended) mixPages(b span) {
	p, a := c.pool, &c.s.attend
	E := p.Width
	c.inPages(b, func(t *tile, from int) {
		column := 0
		for _, tier := range tiers {
			groups := (E - column) / (4 * tier.lanes)
			if groups == 0 {
				continue
			}
			t.ldx, t.ldw, t.ldy = uintptr(a.ld)*4, uintptr(E)*p.size(), uintptr(E)*4
			t.groups, t.step = uintptr(groups), uintptr(column)*p.size()
			for row := 0; row < c.rows; row += tier.rows {
				t.x = unsafe.Pointer(&a.scores[row*a.ld+a.offset+from])
				t.y = unsafe.Pointer(&a.out[row*E+column])
				tier.mix[p.format][min(tier.rows, c.rows-row)-1](t)
			}
			column += groups * 4 * tier.lanes
		}
	})
	wide := 0
	for _, tier := range tiers {
		wide += (E - wide) / (4 * tier.lanes) * 4 * tier.lanes
	}
	if wide == E {
		return
	}
	first, _ := c.pagesOf(b, true)
	value := make([]float32, E)
	for i := range b.n() {
		slot := b.from%p.Slots + i
		p.read(value, a.pages[first+slot/p.Slots], slot%p.Slots*E)
		for row := range c.rows {
			w := a.scores[row*a.ld+a.offset+i]
			for e := wide; e < E; e++ {
				a.out[row*E+e] += w * value[e]
			}
		}
	}
}
