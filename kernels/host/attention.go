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
		var some [128]uint32 // on the stack
		pairs := some[:]
		if E/2 > len(pairs) {
			pairs = make([]uint32, E/2)
		}
		pairs = pairs[:E/2]
		bits := unsafe.Slice((*uint16)(unsafe.Pointer(&pairs[0])), E)
		roundBits(bits, key)
		k := wordsOf(p.bf16[keys][base:end])[slot:]
		for e, pair := range pairs {
			k[e*p.Slots] = pair
		}
		roundBits(bits, value)
		// The other half of each word is another token's, which another thread may be writing: halves are written
		// alone.
		v := p.bf16[values][base+slot/2*2*E : base+(slot/2+1)*2*E]
		for e, b := range bits {
			v[2*e+slot%2] = b
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

// read widens elements of a page from the i-th on.
func (p *Pool) read(dst []float32, page unsafe.Pointer, i int) {
	if p.half {
		widen(dst, unsafe.Slice((*uint16)(page), i+len(dst))[i:])
	} else {
		copy(dst, unsafe.Slice((*float32)(page), i+len(dst))[i:])
	}
}
