package host

import (
	"fmt"
	"unsafe"
)

// Pool is the key-value memory of one model: for each layer keys and values as
// [Pages, Heads, Slots, Width], so that a page of one head is contiguous.
//
// A bfloat16 pool meets float32 queries and probabilities; where the machine multiplies
// bfloat16 by itself they are rounded to it, as torch and FlashAttention do. Then values
// are in pairs of slots, [Slots/2, Width, 2], which one instruction takes together. A
// pool with pages of an odd number of slots or heads that fill no tile has no pairs.
type Pool struct {
	Pages, Slots, Heads, Width int

	half   bool // bfloat16 instead of float32
	pairs  bool
	memory Memory
	form   form
	tier   *tier // that multiplies by keys; nil: plain Go
	f32    [][]float32
	bf16   [][]uint16
}

// NewPool makes a pool for a number of layers, bfloat16 if half. The memory is
// zero, and not touched until it is used; Close frees it.
func NewPool(layers, pages, slots, heads, width int, half bool) (*Pool, error) {
	p := &Pool{Pages: pages, Slots: slots, Heads: heads, Width: width, half: half}
	if half {
		p.form = formWide
		if t := tierFor(formBF16, width); t != nil && slots%2 == 0 && width%(4*t.lanes) == 0 {
			p.form, p.pairs = formBF16, true
		}
	}
	p.tier = tierFor(p.form, width)
	// Score tiles read up to three slots past a page's last one.
	n := pages*heads*slots*width + 4*width
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

// Bytes is the size of the pool.
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

// at is where the slot of a position of a head begins.
func (p *Pool) at(blocks []int32, head, position int) int {
	page, slot := int(blocks[position/p.Slots]), position%p.Slots
	return ((page*p.Heads+head)*p.Slots + slot) * p.Width
}

// Write stores key and value [Width] of one head at a position.
func (p *Pool) Write(layer, head int, blocks []int32, position int, key, value []float32) {
	E, to := p.Width, p.at(blocks, head, position)
	switch keys, values := 2*layer, 2*layer+1; {
	case p.pairs:
		roundBits(p.bf16[keys][to:to+E], key)
		odd := position % p.Slots % 2
		pair := p.bf16[values][to-odd*E:]
		for e, v := range value {
			pair[2*e+odd] = bfloat16Bits(v)
		}
	case p.half:
		narrow(p.bf16[keys][to:to+E], key)
		narrow(p.bf16[values][to:to+E], value)
	default:
		copy(p.f32[keys][to:to+E], key)
		copy(p.f32[values][to:to+E], value)
	}
}

// CopyPage copies page src to page dst in every layer.
func (p *Pool) CopyPage(src, dst int) {
	n := p.Heads * p.Slots * p.Width
	for _, b := range p.bf16 {
		copy(b[dst*n:(dst+1)*n], b[src*n:])
	}
	for _, f := range p.f32 {
		copy(f[dst*n:(dst+1)*n], f[src*n:])
	}
}

// fetchTokens is how many tokens before their use keys and values are fetched.
const fetchTokens = 64

// Attend is the attention of consecutive tokens of a sequence, the first at a
// position, in the query heads that share a key-value head: q [tokens, G, E],
// scaled, rows of tokens ld apart, and out likewise. A token sees itself and what
// is before it.
func (p *Pool) Attend(layer, head int, blocks []int32, position, tokens int, q, out []float32, ld, G int, s *Scratch) {
	E, n, rows := p.Width, position+tokens, tokens*G
	s.rows, s.out = grow(s.rows, rows*E), grow(s.out, rows*E)
	for t := range tokens {
		copy(s.rows[t*G*E:(t+1)*G*E], q[t*ld:])
	}
	lds := (n+15)&^15 + 16 // tiles of four write past n
	s.scores = grow(s.scores, rows*lds)
	if p.pairs {
		s.queries, s.probs = grow(s.queries, rows*E), grow(s.probs, rows*lds)
		roundBits(s.queries, s.rows)
	}
	keys, values := 2*layer, 2*layer+1
	// Pages are fetched some before they are needed: memory takes longer than a page.
	pages := (n + p.Slots - 1) / p.Slots
	ahead := func(i int) uintptr { // of page i of keys and then of values
		if i += max(1, fetchTokens/p.Slots); i < pages {
			return p.where(keys, blocks, head, i*p.Slots)
		}
		return p.where(values, blocks, head, (i-pages)*p.Slots)
	}
	for from := 0; from < n; from += p.Slots {
		count, next := min(p.Slots, n-from), ahead(from/p.Slots)
		p.scores(keys, p.at(blocks, head, from), count, rows, s.scores[from:], lds, next, s)
	}
	for row := range rows {
		seen := position + row/G + 1
		scores := s.scores[row*lds : (row+1)*lds]
		softmax(scores[:seen])
		clear(scores[seen:])
		if p.pairs {
			roundBits(s.probs[row*lds:(row+1)*lds], scores)
		}
	}
	clear(s.out)
	for from := 0; from < n; from += p.Slots {
		count, next := min(p.Slots, n-from), ahead(pages+from/p.Slots)
		if base := p.at(blocks, head, from); p.pairs {
			p.mixPairs(values, base, count, from, lds, rows, next, s)
		} else {
			p.mix(values, base, count, s.scores[from:], lds, s.out, rows, next, &s.tile)
		}
	}
	for t := range tokens {
		copy(out[t*ld:t*ld+G*E], s.out[t*G*E:])
	}
}

// where is the address of the slot of a position of a head, for fetching ahead; 0
// past the end of the block table.
func (p *Pool) where(tensor int, blocks []int32, head, position int) uintptr {
	if position/p.Slots >= len(blocks) {
		return 0
	}
	at, _ := p.element(tensor, p.at(blocks, head, position))
	return uintptr(at)
}

// element is where an element of a tensor is, and its size.
func (p *Pool) element(tensor, i int) (unsafe.Pointer, uintptr) {
	if p.half {
		return unsafe.Pointer(&p.bf16[tensor][i]), 2
	}
	return unsafe.Pointer(&p.f32[tensor][i]), 4
}

// scores computes q·key for count slots that begin at element base of a tensor and
// the G rows of queries; y [G, ld] is written in fours. Meanwhile what is at next is
// fetched.
func (p *Pool) scores(tensor, base, count, G int, y []float32, ld int, next uintptr, s *Scratch) {
	E, q := p.Width, s.rows
	tier := p.tier
	if tier == nil {
		for g := range G {
			row := q[g*E : (g+1)*E]
			for i := range count {
				at := base + i*E
				if p.half {
					y[g*ld+i] = dotPlainBF16(row, p.bf16[tensor][at:at+E])
				} else {
					y[g*ld+i] = dotPlain(row, p.f32[tensor][at:at+E])
				}
			}
		}
		return
	}
	groups := (count + 3) / 4
	_, _ = q[G*E-1], y[(G-1)*ld+4*groups-1]
	p.element(tensor, base+4*groups*E-1)
	for g := 0; g < G; g += tier.rows {
		w, size := p.element(tensor, base)
		row := uintptr(E) * size
		s.tile = tile{
			x: unsafe.Pointer(&q[g*E]), ldx: uintptr(E) * 4, w: w, ldw: row, k: row, last: row, pieces: 1,
			y: unsafe.Pointer(&y[g*ld]), ldy: uintptr(ld) * 4, groups: uintptr(groups),
			ahead: next - uintptr(w), pace: uintptr(tier.step(p.form)) * size,
		}
		if p.pairs {
			s.tile.x, s.tile.ldx = unsafe.Pointer(&s.queries[g*E]), uintptr(E)*2
		}
		tier.dot[p.form][min(tier.rows, G-g)-1](&s.tile)
	}
}

// mixPairs is mix where values are in pairs: of the slots of a page, whose first is at
// position from, for rows of s.probs and s.out.
func (p *Pool) mixPairs(tensor, base, count, from, ld, rows int, next uintptr, s *Scratch) {
	E, tier := p.Width, p.tier
	run := func(w unsafe.Pointer, pairs, from int) {
		for g := 0; g < rows; g += tier.rows {
			s.tile = tile{
				x: unsafe.Pointer(&s.probs[g*ld+from]), ldx: uintptr(ld) * 2, w: w, ldw: uintptr(E) * 4, k: uintptr(pairs),
				y: unsafe.Pointer(&s.out[g*E]), ldy: uintptr(E) * 4, groups: uintptr(E / (4 * tier.lanes)),
				ahead: next - uintptr(w),
			}
			tier.mix[p.form][min(tier.rows, rows-g)-1](&s.tile)
		}
	}
	if count > 1 {
		w, _ := p.element(tensor, base)
		run(w, count/2, from)
	}
	if count%2 == 0 {
		return
	}
	// Beside the last slot may be anything, and 0 times that need not be 0.
	last := base + (count-1)*E
	s.last = append(s.last[:0], p.bf16[tensor][last:last+2*E]...)
	for e := range E {
		s.last[2*e+1] = 0
	}
	run(unsafe.Pointer(&s.last[0]), 1, from+count-1)
}

// mix adds the values of count slots, weighted by probs [G, ld], to out [G, E].
// Meanwhile what is at next is fetched.
func (p *Pool) mix(tensor, base, count int, probs []float32, ld int, out []float32, G int, next uintptr, t *tile) {
	E, column := p.Width, 0
	for _, tier := range tiers {
		groups := (E - column) / (4 * tier.lanes)
		if groups == 0 {
			continue
		}
		for g := 0; g < G; g += tier.rows {
			w, size := p.element(tensor, base+column)
			*t = tile{
				x: unsafe.Pointer(&probs[g*ld]), ldx: uintptr(ld) * 4, w: w, ldw: uintptr(E) * size, k: uintptr(count),
				y: unsafe.Pointer(&out[g*E+column]), ldy: uintptr(E) * 4, groups: uintptr(groups),
				ahead: next - uintptr(w) + uintptr(column)*size,
			}
			tier.mix[p.form][min(tier.rows, G-g)-1](t)
		}
		column += groups * 4 * tier.lanes
	}
	if column == E {
		return
	}
	value := make([]float32, E)
	for i := range count {
		if at := base + i*E; p.half {
			widen(value, p.bf16[tensor][at:at+E])
		} else {
			copy(value, p.f32[tensor][at:at+E])
		}
		for g := range G {
			w := probs[g*ld+i]
			for e := column; e < E; e++ {
				out[g*E+e] += w * value[e]
			}
		}
	}
}
