package hostmodel

import (
	"github.com/stele-lm/stele/kernels/host"
)

// layer is one layer's weights and the loops that multiply by them. Norms that the model does
// not have are nil.
type layer struct {
	q, k, v, o, gate, up, down host.Matrix
	queryNorm, keyNorm         []float32 // weights [E], or [H·E] and [K·E]
	scale                      float32   // of scores
	unrotated                  bool
	afterAttention, afterMLP   ending

	readQKV, writeAttention, readMLP, writeMLP loop // of the residual stream
}

// ending is what becomes of a product's rows before they are added to the residual stream.
type ending struct {
	norm   []float32 // weight [D], nil without one
	factor float32
}

// atOnce is that nothing does.
func (e ending) atOnce() bool { return e.norm == nil && e.factor == 1 }

func (l *layer) matrices() host.Matrices {
	return host.Matrices{&l.q, &l.k, &l.v, &l.o, &l.gate, &l.up, &l.down}
}

// loop is products of the same rows, computed together.
type loop struct {
	products []product
	matrices host.Matrices      // of the products
	norm     []float32          // weight [D] of the RMS norm before it, nil if there is none
	start    *host.PrefetchPlan // what idle threads fetch before it
}

// product is y = rows·mᵀ + what the factors add + bias and, if sum is not nil, sum += y.
type product struct {
	m      *host.Matrix
	y, sum *[]float32 // [N, Out]
	bias   []float32  // [Out] or nil
	low    *lowRank   // nil without factors
}

func (h *Model) newLoop(norm []float32, products ...product) loop {
	l := loop{products: products, norm: norm}
	for _, p := range products {
		l.matrices = append(l.matrices, p.m)
	}
	l.start = host.NewPrefetchPlan(h.team, l.matrices...)
	return l
}

// bodies are the bodies of a step's loops, made once: functions that are made for
// every loop would keep the garbage collector busy.
type bodies struct {
	normalise, store, storeKey, turnQuery, add, attend, inner, mlpBlock func(i, member int)
	multiply, mlp                                                       func(first, end, member int)
}

// fewRows is up to how many rows a product takes as long as reading its weights.
const fewRows = 4

// run runs one layer over the rows of h.x. The last leaves those whose logits are wanted.
func (h *Model) run(index int) {
	l, now := &h.layers[index], &h.now
	now.layer = index

	values := h.normalise(&l.readQKV)
	if index+1 == len(h.layers) && now.wanted < now.N {
		// Of the other rows nobody asks for more than the keys and values that later tokens see.
		h.multiply(&h.keysValues, values, &h.queries)
		h.forRows(h.bodies.storeKey)
		if h.narrow(values); now.N == 0 {
			return
		}
		h.multiply(&h.queries, values, &l.writeAttention)
		h.forRows(h.bodies.turnQuery)
	} else {
		h.multiply(&l.readQKV, values, &l.writeAttention)
		if !now.alone {
			h.forRows(h.bodies.store)
		}
	}
	h.team.Run(len(now.tiles)*h.weights.Config.NumKVHeads, h.bodies.attend)
	h.multiply(&l.writeAttention, h.o, &l.readMLP)
	h.add(&l.afterAttention)

	h.prepare(&l.readMLP, h.normalise(&l.readMLP), &l.writeMLP)
	now.parts = false
	if now.N <= fewRows {
		h.team.RunRanges(l.gate.Blocks(), h.bodies.mlp)
	} else {
		I := l.gate.Out
		now.parts = l.writeMLP.products[0].low == nil && h.inner.SetParts(now.N, I, &l.down)
		if !now.parts {
			h.gate = sized(h.gate, now.N*I)
		}
		h.team.Run(l.gate.Blocks(), h.bodies.mlpBlock)
	}
	next := &h.head
	if index+1 < len(h.layers) {
		next = &h.layers[index+1].readQKV
	}
	if now.parts {
		now.loop, now.rows = &l.writeMLP, &h.inner
		h.team.RunRanges(l.down.Blocks(), h.bodies.multiply)
	} else {
		h.multiply(&l.writeMLP, h.gate, next)
	}
	h.add(&l.afterMLP)
}

// prepare sets the rows of a loop's products, multiplies them by the first of the factors, and has
// idle threads fetch what the next one reads where few rows wait for memory.
func (h *Model) prepare(l *loop, values []float32, next *loop) {
	m := l.matrices[0]
	h.now.loop, h.now.rows = l, &h.rows
	h.rows.Set(h.team, values, h.now.N, m.In, l.matrices...)
	h.multiplyInner(l)
	if h.now.N > fewRows {
		h.team.SetPrefetch(nil)
		return
	}
	h.team.SetPrefetch(next.start)
	host.Prefetch(next.norm)
}

// multiply runs a loop's products with rows of values.
func (h *Model) multiply(l *loop, values []float32, next *loop) {
	h.prepare(l, values, next)
	h.team.RunRanges(l.matrices.Blocks(), h.bodies.multiply)
}

// multiplyBlocks computes blocks of the loop.
func (h *Model) multiplyBlocks(first, end, member int) {
	h.now.loop.matrices.EachRange(first, end, func(i, first, end int) {
		p := &h.now.loop.products[i]
		y, width := *p.y, p.m.Out
		lo, hi := p.m.Product(h.now.rows, y, width, first, end, &h.scratch[member])
		h.addLowRank(p, y, width, lo, hi)
		for row := range h.now.N {
			at := row * width
			if p.bias != nil {
				host.Add(y[at+lo:at+hi], p.bias[lo:hi])
			}
			if p.sum != nil {
				host.Add((*p.sum)[at+lo:at+hi], y[at+lo:at+hi])
			}
		}
	})
}

// mlpBlocks computes blocks of gate and the same of up, and then SiLU(gate)·up.
func (h *Model) mlpBlocks(first, end, member int) {
	h.innerMLP(&h.rows, h.gate, h.up, h.layers[h.now.layer].gate.Out, first, end, member)
}

// innerMLP is mlpBlocks of some rows, where rows of gate and up are so wide. Rows are all where there are factors.
func (h *Model) innerMLP(rows *host.Rows, gate, up []float32, width, first, end, member int) {
	l, s := &h.layers[h.now.layer], &h.scratch[member]
	lo, hi := l.gate.Product(rows, gate, width, first, end, s)
	l.up.Product(rows, up, width, first, end, s)
	for i, y := range [][]float32{gate, up} {
		p := &l.readMLP.products[i]
		h.addLowRank(p, y, width, lo, hi)
		if p.bias == nil {
			continue
		}
		for row := range rows.N {
			host.Add(y[row*width+lo:row*width+hi], p.bias[lo:hi])
		}
	}
	host.SiLUMulRows(gate[lo:], up[lo:], rows.N, width, hi-lo)
}

// mlpBlock holds a block of gate and of up in some rows, which stay in the cache until they are the rows of the
// next product.
type mlpBlock struct {
	rows     host.Rows
	gate, up []float32
}

// mlpBlock computes such a block, part by part of the rows.
func (h *Model) mlpBlock(block, member int) {
	l, b := &h.layers[h.now.layer], &h.blocks[member]
	lo, hi := l.gate.Outputs(block, block+1)
	I, width, parts := l.gate.Out, hi-lo, 1
	if len(h.now.adapted) == 0 {
		parts = h.rows.Parts()
	}
	for part := range parts {
		from := 0
		b.rows, from = h.rows.Part(part, parts)
		N := b.rows.N
		// Outputs count from the matrix's first, which would lie before the block's.
		b.gate, b.up = sized(b.gate, I+N*width), sized(b.up, I+N*width)
		h.innerMLP(&b.rows, b.gate[I-lo:], b.up[I-lo:], width, block, block+1, member)
		if made := b.gate[I : I+N*width]; h.now.parts {
			h.inner.SetPart(made, from, lo, hi, &l.down)
		} else {
			for row := range N {
				copy(h.gate[(from+row)*I+lo:(from+row)*I+hi], made[row*width:])
			}
		}
	}
}

// normalise returns the rows that a loop multiplies: the RMS norm of h.x, in h.h, or h.x
// itself if there is none before the loop.
func (h *Model) normalise(l *loop) []float32 {
	if l.norm == nil {
		return h.x
	}
	h.now.norm = l.norm
	h.forRows(h.bodies.normalise)
	return h.h
}

func (h *Model) normaliseRow(i, _ int) {
	c := h.weights.Config
	D := c.HiddenSize
	host.RMSNorm(h.h[i*D:(i+1)*D], h.x[i*D:(i+1)*D], h.now.norm, float32(c.RMSNormEps))
}

// add adds h.h to h.x as an ending says, unless the loop before has done so.
func (h *Model) add(e *ending) {
	if e.atOnce() {
		return
	}
	h.now.ending = e
	h.forRows(h.bodies.add)
}

func (h *Model) addRow(i, _ int) {
	c := h.weights.Config
	D, e := c.HiddenSize, h.now.ending
	row := h.h[i*D : (i+1)*D]
	if e.norm != nil {
		host.RMSNorm(row, row, e.norm, float32(c.RMSNormEps))
	}
	multiplyBy(row, e.factor)
	host.Add(h.x[i*D:(i+1)*D], row)
}

func multiplyBy(row []float32, factor float32) {
	if factor == 1 {
		return
	}
	for i := range row {
		row[i] *= factor
	}
}

// storeRow normalises and rotates a row's queries and keys and stores keys and values.
func (h *Model) storeRow(i, _ int) {
	h.turnQueryRow(i, 0)
	h.storeKeyRow(i, 0)
}

// turnQueryRow does so for its queries.
func (h *Model) turnQueryRow(i, _ int) {
	c := h.weights.Config
	h.normaliseHeads(h.q, h.layers[h.now.layer].queryNorm, i, c.NumHeads)
	for head := range c.NumKVHeads {
		h.turnQueries(i, head)
	}
}

// storeKeyRow does so for its keys and values.
func (h *Model) storeKeyRow(i, _ int) {
	c := h.weights.Config
	h.normaliseHeads(h.k, h.layers[h.now.layer].keyNorm, i, c.NumKVHeads)
	for head := range c.NumKVHeads {
		h.storeKey(i, head)
	}
}

// normaliseHeads normalises a row's heads all together, where the norm is of so many.
func (h *Model) normaliseHeads(values, norm []float32, i, heads int) {
	c := h.weights.Config
	if n := heads * c.HeadDim; len(norm) > c.HeadDim {
		row := values[i*n : (i+1)*n]
		host.RMSNorm(row, row, norm, float32(c.RMSNormEps))
	}
}

// turnQueries turns a row's query heads that share a key-value head, and multiplies them by the scale of scores.
func (h *Model) turnQueries(i, head int) {
	c, l := h.weights.Config, &h.layers[h.now.layer]
	E, G := c.HeadDim, c.NumHeads/c.NumKVHeads
	for a := i*c.NumHeads + head*G; a < i*c.NumHeads+(head+1)*G; a++ {
		h.turn(h.q[a*E:(a+1)*E], l.queryNorm, h.now.tokens[i].position, l.scale)
	}
}

// storeKey turns a row's key of a head, and stores it and the value.
func (h *Model) storeKey(i, head int) {
	c, at, E := h.weights.Config, h.now.tokens[i], h.weights.Config.HeadDim
	a := i*c.NumKVHeads + head
	key, value := h.k[a*E:(a+1)*E], h.v[a*E:(a+1)*E]
	h.turn(key, h.layers[h.now.layer].keyNorm, at.position, 1)
	h.now.pool.Write(h.now.layer, head, h.now.items[at.item].Table, at.position, key, value)
}

// turn normalises a head, if the norm is of one, rotates it unless the layer does not, and multiplies it by a scale.
func (h *Model) turn(head, norm []float32, position int, scale float32) {
	if len(norm) == len(head) {
		host.RMSNorm(head, head, norm, float32(h.weights.Config.RMSNormEps))
	}
	if h.layers[h.now.layer].unrotated {
		multiplyBy(head, scale)
	} else {
		h.rotary.Rotate(head, position, scale)
	}
}

// attend computes the attention of a tile in the query heads that share a key-value head: the last tile
// first, which sees the most where a prompt is cut into several.
func (h *Model) attend(unit, member int) {
	c, now := h.weights.Config, &h.now
	tile, head := now.tiles[len(now.tiles)-1-unit/c.NumKVHeads], unit%c.NumKVHeads
	if now.alone {
		h.turnQueries(tile.row, head)
		h.storeKey(tile.row, head)
	}
	QD, G := c.NumHeads*c.HeadDim, c.NumHeads/c.NumKVHeads
	at, from := now.tokens[tile.row], tile.row*QD+head*G*c.HeadDim
	now.pool.Attend(now.layer, head, now.items[at.item].Table, at.position, tile.tokens,
		h.q[from:], h.o[from:], QD, G, &h.scratch[member])
}

// forRows calls body for every row, a few to a unit of work.
func (h *Model) forRows(body func(i, member int)) {
	const together = 4
	N := h.now.N
	if N <= together {
		for i := range N {
			body(i, 0)
		}
		return
	}
	h.team.Run((N+together-1)/together, func(unit, member int) {
		for i := unit * together; i < min(N, (unit+1)*together); i++ {
			body(i, member)
		}
	})
}
