package host

import (
	"fmt"
	"unsafe"
)

// Pool is the key-value memory of one model: for each layer keys as [Heads, Pages,
// Width, Slots] and values as [Heads, Pages, Slots, Width]. A vector holds slots of keys
// or columns of values: neither scores nor what is mixed by them have to be summed
// across it. Pages that follow each other in a page table and in the pool are one
// stretch of memory, which the processor fetches by itself.
//
// A bfloat16 pool meets float32 queries and probabilities; where the machine multiplies
// bfloat16 by itself they are rounded to it, as torch and FlashAttention do. Then pages
// hold pairs, which one instruction takes together: keys [Width/2, Slots, 2] and values
// [Slots/2, Width, 2]. A pool with pages of an odd number of slots or heads that fill no
// tile has no pairs.
type Pool struct {
	Pages, Slots, Heads, Width int

	half   bool // bfloat16 instead of float32
	pairs  bool
	memory Memory
	format format
	tier   *tier // that scores; nil: plain Go
	f32    [][]float32
	bf16   [][]uint16
}

// NewPool makes a pool for a number of layers, bfloat16 if half. The memory is
// zero, and not touched until it is used; Close frees it.
func NewPool(layers, pages, slots, heads, width int, half bool) (*Pool, error) {
	p := &Pool{Pages: pages, Slots: slots, Heads: heads, Width: width, half: half}
	if half {
		p.format = formatWide
		if t := tierFor(formatBF16, width); t != nil && slots%2 == 0 && width%(4*t.lanes) == 0 {
			p.format, p.pairs = formatBF16, true
		}
	}
	p.tier = tierFor(p.format, width)
	const vector = 16 // score tiles read one past a page's last slot, of pairs
	n := pages*heads*slots*width + 2*vector
	for range 2 * layers {
		var err error
		if half {
			p.bf16, err = appendTaken(p.bf16, &p.memory, n)
		} else {
			p.f32, err = appendTaken(p.f32, &p.memory, n)
		}
		if err != nil {
			p.Close()
			return nil, fmt.Errorf("key-value pool of %d pages: %w", pages, err)
		}
	}
	return p, nil
}

// appendTaken appends n zeroes of memory to tensors.
func appendTaken[T uint16 | float32](tensors [][]T, memory *Memory, n int) ([][]T, error) {
	tensor, err := take[T](memory, n)
	return append(tensors, tensor), err
}

// Close frees the pool, which must not be used after.
func (p *Pool) Close() {
	p.memory.Close()
	p.f32, p.bf16 = nil, nil
}

// Bytes returns the size of the pool.
func (p *Pool) Bytes() int {
	n := 0
	for _, b := range p.bf16 {
		n += 2 * len(b)
	}
	for _, f := range p.f32 {
		n += 4 * len(f)
	}
	return n
}

// at returns the index in a tensor at which the page of a position begins for a head, and the
// position's slot in it.
func (p *Pool) at(table []int32, head, position int) (base, slot int) {
	return (int(table[position/p.Slots]) + head*p.Pages) * p.Slots * p.Width, position % p.Slots
}

// Write stores key and value [Width] of one head at a position.
func (p *Pool) Write(layer, head int, table []int32, position int, key, value []float32) {
	E := p.Width
	base, slot := p.at(table, head, position)
	end := base + E*p.Slots
	switch keys, values := 2*layer, 2*layer+1; {
	case p.pairs:
		k, v := p.bf16[keys][base+2*slot:end], p.bf16[values][base+slot/2*2*E:end]
		for e := 0; e < E; e += 2 {
			pair := k[e*p.Slots:][:2]
			pair[0], pair[1] = bfloat16Bits(key[e]), bfloat16Bits(key[e+1])
		}
		for e, x := range value {
			v[2*e+slot%2] = bfloat16Bits(x)
		}
	case p.half:
		k := p.bf16[keys][base+slot : end]
		for e, x := range key {
			k[e*p.Slots] = bfloat16Bits(x)
		}
		narrow(p.bf16[values][base+slot*E:end], value)
	default:
		k := p.f32[keys][base+slot : end]
		for e, x := range key {
			k[e*p.Slots] = x
		}
		copy(p.f32[values][base+slot*E:end], value)
	}
}

// CopyPage copies page src to page dst in every layer.
func (p *Pool) CopyPage(src, dst int) {
	n := p.Slots * p.Width
	for head := range p.Heads {
		to, from := (head*p.Pages+dst)*n, (head*p.Pages+src)*n
		for _, b := range p.bf16 {
			copy(b[to:to+n], b[from:])
		}
		for _, f := range p.f32 {
			copy(f[to:to+n], f[from:])
		}
	}
}

// Keys and values are fetched fetchTokens tokens before their use, where the processor does not
// do it by itself: memory takes longer than a page.
const fetchTokens = 64

// Attend computes the attention of consecutive tokens of a sequence, the first at a position, in
// the G query heads that share a key-value head: q [tokens, G, E], scaled, with tokens ld numbers
// apart, and out likewise. A token sees itself and those before it.
func (p *Pool) Attend(
	layer, head int, table []int32, position, tokens int, q, out []float32, ld, G int, s *Scratch,
) {
	E, n, rows := p.Width, position+tokens, tokens*G
	s.rows, s.out = grow(s.rows, rows*E), grow(s.out, rows*E)
	for t := range tokens {
		copy(s.rows[t*G*E:(t+1)*G*E], q[t*ld:])
	}
	lds := n + p.Slots + 32 // score tiles write up to a vector past a page
	s.scores = grow(s.scores, rows*lds)
	if p.pairs {
		s.queries, s.probs = grow(s.queries, rows*E), grow(s.probs, rows*lds)
		roundBits(s.queries, s.rows)
	}
	p.listPages(layer, head, table, n, s)
	p.scores(n, lds, rows, s)
	for row := range rows {
		seen := position + row/G + 1
		scores := s.scores[row*lds : (row+1)*lds]
		softmax(scores[:seen])
		clear(scores[seen:])
		if p.pairs {
			whole := (n + 15) &^ 15
			roundBits(s.probs[row*lds:row*lds+whole], scores[:whole])
		}
	}
	clear(s.out)
	if p.pairs {
		p.mixPairs(n, lds, rows, s)
	} else {
		p.mix(n, lds, rows, s)
	}
	for t := range tokens {
		copy(out[t*ld:t*ld+G*E], s.out[t*G*E:])
	}
}

// listPages fills s.pages with the addresses of the pages of a head's keys below position n, of
// its values and, to be fetched when the last of these are read, of the next head's keys. Then
// follows, for each page of the head's own, the one to fetch while it is read: itself, which
// costs nothing, where that one continues the page before it.
func (p *Pool) listPages(layer, head int, table []int32, n int, s *Scratch) {
	keys, values := 2*layer, 2*layer+1
	s.pages = s.pages[:0]
	list := func(tensor, head, end int) {
		for from := 0; from < end; from += p.Slots {
			base, _ := p.at(table, head, from)
			s.pages = append(s.pages, p.element(tensor, base))
		}
	}
	list(keys, head, n)
	list(values, head, n)
	own := len(s.pages)
	ahead := max(1, fetchTokens/p.Slots)
	if head+1 < p.Heads {
		list(keys, head+1, min(n, ahead*p.Slots))
	}
	s.listed = len(s.pages)
	bytes := p.Slots * p.Width * int(p.size())
	for i, page := range s.pages[:own] {
		if next := i + ahead; next < s.listed && s.pages[next] != unsafe.Add(s.pages[next-1], bytes) {
			page = s.pages[next]
		}
		s.pages = append(s.pages, page)
	}
}

// element returns the address of an element of a tensor.
func (p *Pool) element(tensor, i int) unsafe.Pointer {
	if p.half {
		return unsafe.Pointer(&p.bf16[tensor][i])
	}
	return unsafe.Pointer(&p.f32[tensor][i])
}

// size returns the bytes of an element.
func (p *Pool) size() uintptr {
	if p.half {
		return 2
	}
	return 4
}

// tile returns a tile of some of the listed pages.
func (p *Pool) tile(s *Scratch, first, pages int) tile {
	_ = s.pages[s.listed+first+pages-1]
	return tile{
		w: unsafe.Pointer(&s.pages[first]), pages: uintptr(pages),
		ahead: uintptr(s.listed) * unsafe.Sizeof(s.pages[0]),
	}
}

// scores computes q·key for the positions below n and the rows of queries: s.scores
// [rows, ld].
func (p *Pool) scores(n, ld, rows int, s *Scratch) {
	E, pages := p.Width, (n+p.Slots-1)/p.Slots
	if p.tier == nil {
		p.scoresPlain(n, ld, rows, s)
		return
	}
	s.tile = p.tile(s, 0, pages)
	t := &s.tile
	t.ldx, t.ldw, t.k = uintptr(E)*4, uintptr(p.Slots)*p.size(), uintptr(E)
	if p.pairs {
		t.ldx, t.ldw, t.k = uintptr(E)*2, uintptr(p.Slots)*4, uintptr(E/2)
	}
	vectors := (p.Slots + p.tier.lanes - 1) / p.tier.lanes
	t.ldy, t.groups, t.step = uintptr(ld)*4, uintptr(vectors), uintptr(p.Slots)*4
	_ = s.scores[(rows-1)*ld+(pages-1)*p.Slots+vectors*p.tier.lanes-1]
	for g := 0; g < rows; g += p.tier.rows {
		if t.x = unsafe.Pointer(&s.rows[g*E]); p.pairs {
			t.x = unsafe.Pointer(&s.queries[g*E])
		}
		t.y = unsafe.Pointer(&s.scores[g*ld])
		p.tier.score[p.format][min(p.tier.rows, rows-g)-1](t)
	}
}

// scoresPlain is scores in plain Go, for pools without pairs.
func (p *Pool) scoresPlain(n, ld, rows int, s *Scratch) {
	E, k := p.Width, make([]float32, p.Slots)
	for from := 0; from < n; from += p.Slots {
		page := s.pages[from/p.Slots]
		for row := range rows {
			clear(s.scores[row*ld+from : row*ld+from+p.Slots])
		}
		for e := range E {
			p.read(k, page, e*p.Slots)
			for row := range rows {
				q, y := s.rows[row*E+e], s.scores[row*ld+from:]
				for i, v := range k {
					y[i] += q * v
				}
			}
		}
	}
}

// read widens elements of a page from the i-th on.
func (p *Pool) read(dst []float32, page unsafe.Pointer, i int) {
	if p.half {
		widen(dst, unsafe.Slice((*uint16)(page), i+len(dst))[i:])
	} else {
		copy(dst, unsafe.Slice((*float32)(page), i+len(dst))[i:])
	}
}

// mixPairs is mix where pages hold pairs, weighted by s.probs instead of s.scores.
func (p *Pool) mixPairs(n, ld, rows int, s *Scratch) {
	E, pages := p.Width, (n+p.Slots-1)/p.Slots
	run := func(t tile, from int) {
		t.ldx, t.ldw, t.ldy = uintptr(ld)*2, uintptr(E)*4, uintptr(E)*4
		t.groups = uintptr(E / (4 * p.tier.lanes))
		s.tile = t
		for g := 0; g < rows; g += p.tier.rows {
			s.tile.x, s.tile.y = unsafe.Pointer(&s.probs[g*ld+from]), unsafe.Pointer(&s.out[g*E])
			p.tier.mix[p.format][min(p.tier.rows, rows-g)-1](&s.tile)
		}
	}
	count := n - (pages-1)*p.Slots // slots of the last page
	t := p.tile(s, pages, pages)
	if t.k, t.last = uintptr(p.Slots/2), uintptr(count/2); count == 1 {
		t.pages, t.last = t.pages-1, t.k
	}
	if t.pages > 0 {
		run(t, 0)
	}
	if count%2 == 0 {
		return
	}
	// Beside the last slot may be anything, and 0 times that need not be 0.
	last := unsafe.Slice((*uint16)(s.pages[2*pages-1]), (count+1)*E)[(count-1)*E:]
	s.last = append(s.last[:0], last...)
	for e := range E {
		s.last[2*e+1] = 0
	}
	s.pages = append(s.pages[:0], unsafe.Pointer(&s.last[0]))
	run(tile{w: unsafe.Pointer(&s.pages[0]), pages: 1, k: 1, last: 1}, n-1)
}

// mix adds the values of the positions below n, weighted by s.scores [rows, ld], to
// s.out [rows, E].
func (p *Pool) mix(n, ld, rows int, s *Scratch) {
	E, pages, column := p.Width, (n+p.Slots-1)/p.Slots, 0
	for _, tier := range tiers {
		groups := (E - column) / (4 * tier.lanes)
		if groups == 0 {
			continue
		}
		s.tile = p.tile(s, pages, pages)
		t := &s.tile
		t.ldx, t.ldw, t.ldy = uintptr(ld)*4, uintptr(E)*p.size(), uintptr(E)*4
		t.k, t.last = uintptr(p.Slots), uintptr(n-(pages-1)*p.Slots)
		t.groups, t.step = uintptr(groups), uintptr(column)*p.size()
		for g := 0; g < rows; g += tier.rows {
			t.x, t.y = unsafe.Pointer(&s.scores[g*ld]), unsafe.Pointer(&s.out[g*E+column])
			tier.mix[p.format][min(tier.rows, rows-g)-1](t)
		}
		column += groups * 4 * tier.lanes
	}
	if column == E {
		return
	}
	value := make([]float32, E)
	for i := range n {
		p.read(value, s.pages[pages+i/p.Slots], i%p.Slots*E)
		for row := range rows {
			w := s.scores[row*ld+i]
			for e := column; e < E; e++ {
				s.out[row*E+e] += w * value[e]
			}
		}
	}
}
