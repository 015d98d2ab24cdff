package model

import (
	"fmt"
	"math"
	"slices"
	"time"

	"stele/kernels"
	"stele/kernels/host"
)

// Host is the paged step on the memory of this process, without a graph: the
// second form of the transformer, for generation on a CPU. It reads the weights
// where they are, and rows of any length run together without padding.
//
// A token's logits depend on the weights and on the tokens before it, bit for bit:
// not on the rows beside it, the page size or the chunks of its prompt.
type Host struct {
	weights *Weights
	seen    []kernels.Buffer // of the weights when they were looked up
	team    *host.Team
	rotary  *host.Rotary

	embed, head host.Matrix
	norm        []float32
	layers      []hostLayer
	beforeHead  *host.Ahead

	x, h, q, k, v, o, gate, up, logits []float32
	rows                               host.Rows
	position                           []int
	item                               []int // of each token
	spans                              []span
	scratch                            []host.Scratch
}

// span is some tokens of an item, whose attention is computed together: the rows
// from row on.
type span struct{ row, tokens int }

// spanTokens is how many that are at most.
const spanTokens = 4

// fewRows is up to how many rows a product takes as long as reading its weights.
const fewRows = 4

// hostLayer is one layer's weights.
type hostLayer struct {
	attentionNorm, mlpNorm     []float32
	q, k, v, o, gate, up, down host.Matrix
	qBias, kBias, vBias        []float32

	// What idle threads fetch before each loop of products.
	beforeQKV, beforeO, beforeMLP, beforeDown *host.Ahead
}

// HostItem is one row of a step.
type HostItem struct {
	Tokens []int32 // fed in this step, one or many
	Start  int     // position of the first
	Blocks []int32 // block table of the sequence
	Logits int     // of how many of the last tokens logits are wanted
}

// NewHost prepares weights for a team of threads.
func NewHost(w *Weights, team *host.Team) (*Host, error) {
	h := &Host{weights: w, team: team, rotary: host.NewRotary(w.Config.InverseFrequencies()),
		scratch: make([]host.Scratch, team.Size())}
	return h, h.refresh()
}

// NewPool makes a key-value pool of some pages: float32 beside float32 weights,
// bfloat16 otherwise.
func (h *Host) NewPool(pages, slots int) (*host.Pool, error) {
	c := h.weights.Config
	return host.NewPool(c.NumLayers, pages, slots, c.NumKVHeads, c.HeadDim, h.weights.halfPool())
}

// Bytes is what a step of one token reads of the weights: everything but the
// embedding's other rows.
func (h *Host) Bytes() int {
	n := h.head.Bytes()
	for i := range h.layers {
		for _, m := range h.layers[i].matrices() {
			n += m.Bytes()
		}
	}
	return n
}

func (l *hostLayer) matrices() []*host.Matrix {
	return []*host.Matrix{&l.q, &l.k, &l.v, &l.o, &l.gate, &l.up, &l.down}
}

// ReadTime is how long all threads take at best to read what Bytes counts, layer
// after layer where it lies, without computing anything: the limit of a step of one
// token. It is the best of the passes that fit into a time, at least one.
func (h *Host) ReadTime(within time.Duration) time.Duration {
	read := func(p *product, first, end int, s *host.Scratch) { p.m.Read(first, end, s) }
	best := time.Duration(math.MaxInt64)
	for began := time.Now(); time.Since(began) < within || best == math.MaxInt64; {
		pass := time.Now()
		for i := range h.layers {
			var list []product
			for _, m := range h.layers[i].matrices() {
				list = append(list, product{m: m})
			}
			h.blocks(list, read)
		}
		h.blocks([]product{{m: &h.head}}, read)
		best = min(best, time.Since(pass))
	}
	return best
}

// refresh looks the weights up again: an update moves them.
func (h *Host) refresh() error {
	w, c := h.weights, h.weights.Config
	index := make(map[string]int, len(w.Specs))
	for i, spec := range w.Specs {
		index[spec.Name] = i
	}
	var failure error
	matrix := func(format string, args ...any) host.Matrix {
		name := fmt.Sprintf(format, args...)
		m, err := w.matrix(index[name], h.team)
		if err != nil && failure == nil {
			failure = err
		}
		return m
	}
	vector := func(format string, args ...any) []float32 {
		i, ok := index[fmt.Sprintf(format, args...)]
		if !ok {
			return nil
		}
		v, err := w.Float32s(i)
		if err != nil && failure == nil {
			failure = err
		}
		return v
	}
	h.embed = matrix("model.embed_tokens.weight")
	h.head = h.embed
	if _, ok := index["lm_head.weight"]; ok {
		h.head = matrix("lm_head.weight")
	}
	h.norm = vector("model.norm.weight")
	h.layers = make([]hostLayer, c.NumLayers)
	for i := range h.layers {
		at := func(name string) host.Matrix { return matrix("model.layers.%d.%s.weight", i, name) }
		h.layers[i] = hostLayer{
			attentionNorm: vector("model.layers.%d.input_layernorm.weight", i),
			mlpNorm:       vector("model.layers.%d.post_attention_layernorm.weight", i),
			q:             at("self_attn.q_proj"), k: at("self_attn.k_proj"), v: at("self_attn.v_proj"), o: at("self_attn.o_proj"),
			gate: at("mlp.gate_proj"), up: at("mlp.up_proj"), down: at("mlp.down_proj"),
			qBias: vector("model.layers.%d.self_attn.q_proj.bias", i),
			kBias: vector("model.layers.%d.self_attn.k_proj.bias", i),
			vBias: vector("model.layers.%d.self_attn.v_proj.bias", i),
		}
	}
	for i := range h.layers {
		l := &h.layers[i]
		l.beforeQKV, l.beforeO = host.NewAhead(h.team, &l.q, &l.k, &l.v), host.NewAhead(h.team, &l.o)
		l.beforeMLP, l.beforeDown = host.NewAhead(h.team, &l.gate, &l.up), host.NewAhead(h.team, &l.down)
	}
	h.beforeHead = host.NewAhead(h.team, &h.head)
	h.seen = slices.Clone(w.Buffers)
	if w.Buffers == nil && !w.memory.Empty() {
		w.folder.Forget() // what was copied; pages of what is read there are found again
	}
	return failure
}

// Step runs the items and returns the logits [rows, V] of the tokens that they are
// wanted of, in order. The memory is reused by the next step. Keys and values of the tokens go
// to the pool; what lies before Start must be there.
func (h *Host) Step(items []HostItem, pool *host.Pool) ([]float32, error) {
	if !slices.Equal(h.seen, h.weights.Buffers) {
		if err := h.refresh(); err != nil {
			return nil, err
		}
	}
	c := h.weights.Config
	N, longest, wanted := 0, 0, 0
	h.position, h.item, h.spans = h.position[:0], h.item[:0], h.spans[:0]
	for i, item := range items {
		for t := 0; t < len(item.Tokens); t += spanTokens {
			h.spans = append(h.spans, span{N + t, min(spanTokens, len(item.Tokens)-t)})
		}
		for t := range item.Tokens {
			h.position = append(h.position, item.Start+t)
			h.item = append(h.item, i)
		}
		N += len(item.Tokens)
		longest = max(longest, item.Start+len(item.Tokens))
		wanted += item.Logits
	}
	h.rotary.Extend(longest)
	D, QD, KD, I := c.HiddenSize, c.NumHeads*c.HeadDim, c.NumKVHeads*c.HeadDim, c.IntermediateSize
	h.x, h.h = sized(h.x, N*D), sized(h.h, N*D)
	h.q, h.k, h.v, h.o = sized(h.q, N*QD), sized(h.k, N*KD), sized(h.v, N*KD), sized(h.o, N*max(QD, D))
	h.gate, h.up = sized(h.gate, N*I), sized(h.up, N*I)

	n := 0
	for _, item := range items {
		for _, id := range item.Tokens {
			h.embed.Row(h.x[n*D:(n+1)*D], int(id))
			n++
		}
	}
	for l := range h.layers {
		h.layer(l, N, items, pool)
	}

	return h.project(items, wanted), nil
}

// layer runs one layer over the N rows of h.x.
func (h *Host) layer(index, N int, items []HostItem, pool *host.Pool) {
	c, l := h.weights.Config, &h.layers[index]
	D, E, I := c.HiddenSize, c.HeadDim, c.IntermediateSize
	QD, KD, G := c.NumHeads*E, c.NumKVHeads*E, c.NumHeads/c.NumKVHeads

	h.normalise(l.attentionNorm, N)
	h.rows.Set(h.team, h.h, N, D, &l.q)
	h.next(N, l.beforeO)
	h.products(
		product{m: &l.q, y: h.q, after: addBias(h.q, l.qBias, N, QD)},
		product{m: &l.k, y: h.k, after: addBias(h.k, l.kBias, N, KD)},
		product{m: &l.v, y: h.v, after: addBias(h.v, l.vBias, N, KD)})

	scale := float32(1 / math.Sqrt(float64(E)))
	h.forRows(N, func(i int) {
		position, blocks := h.position[i], items[h.item[i]].Blocks
		for a := range c.NumHeads {
			h.rotary.Rotate(h.q[i*QD+a*E:i*QD+(a+1)*E], position, scale)
		}
		for a := range c.NumKVHeads {
			h.rotary.Rotate(h.k[i*KD+a*E:i*KD+(a+1)*E], position, 1)
		}
		pool.Write(index, 0, blocks, position, h.k[i*KD:(i+1)*KD])
		pool.Write(index, 1, blocks, position, h.v[i*KD:(i+1)*KD])
	})
	h.team.Run(len(h.spans)*c.NumKVHeads, func(unit, member int) {
		span, head := h.spans[unit/c.NumKVHeads], unit%c.NumKVHeads
		from := span.row*QD + head*G*E
		pool.Attend(index, head, items[h.item[span.row]].Blocks, h.position[span.row], span.tokens,
			h.q[from:], h.o[from:], QD, G, &h.scratch[member])
	})
	h.rows.Set(h.team, h.o, N, QD, &l.o)
	h.next(N, l.beforeMLP)
	h.products(product{m: &l.o, y: h.h, after: addTo(h.x, h.h, N, D)})

	h.normalise(l.mlpNorm, N)
	h.rows.Set(h.team, h.h, N, D, &l.gate)
	if N <= fewRows { // they wait for memory, which is read fastest as it lies
		h.next(N, l.beforeDown)
		h.products(product{m: &l.gate, y: h.gate}, product{m: &l.up, y: h.up})
		h.forRows(N, func(i int) { host.SiLUMul(h.gate[i*I:(i+1)*I], h.up[i*I:(i+1)*I]) })
	} else {
		h.team.Run(l.gate.Blocks(), func(b, member int) {
			s := &h.scratch[member]
			lo, hi := l.gate.Product(&h.rows, h.gate, I, b, b+1, s)
			l.up.Product(&h.rows, h.up, I, b, b+1, s)
			for i := range N {
				host.SiLUMul(h.gate[i*I+lo:i*I+hi], h.up[i*I+lo:i*I+hi])
			}
		})
	}
	h.rows.Set(h.team, h.gate, N, I, &l.down)
	if index+1 < len(h.layers) {
		h.next(N, h.layers[index+1].beforeQKV)
	} else {
		h.next(N, h.beforeHead)
	}
	h.products(product{m: &l.down, y: h.h, after: addTo(h.x, h.h, N, D)})
}

// next has idle threads fetch what is read next, where N rows wait for memory.
func (h *Host) next(N int, a *host.Ahead) {
	if N > fewRows {
		a = nil
	}
	h.team.Next(a)
}

// project returns the logits of the last tokens of each item, as many as it wants.
func (h *Host) project(items []HostItem, wanted int) []float32 {
	D, V := h.weights.Config.HiddenSize, h.weights.Config.VocabSize
	epsilon := float32(h.weights.Config.RMSNormEps)
	end, n := 0, 0
	for _, item := range items {
		end += len(item.Tokens)
		for row := end - item.Logits; row < end; row++ {
			host.RMSNorm(h.h[n*D:(n+1)*D], h.x[row*D:(row+1)*D], h.norm, epsilon)
			n++
		}
	}
	h.logits = sized(h.logits, wanted*V)
	if wanted > 0 {
		h.rows.Set(h.team, h.h, wanted, D, &h.head)
		h.next(wanted, h.layers[0].beforeQKV)
		h.products(product{m: &h.head, y: h.logits})
	}
	return h.logits
}

// normalise fills h.h with the RMS norm of h.x.
func (h *Host) normalise(weight []float32, N int) {
	D, epsilon := h.weights.Config.HiddenSize, float32(h.weights.Config.RMSNormEps)
	h.forRows(N, func(i int) { host.RMSNorm(h.h[i*D:(i+1)*D], h.x[i*D:(i+1)*D], weight, epsilon) })
}

// forRows calls f for every row, a few to a unit of work.
func (h *Host) forRows(N int, f func(i int)) {
	const together = 4
	h.team.Run((N+together-1)/together, func(unit, _ int) {
		for i := unit * together; i < min(N, (unit+1)*together); i++ {
			f(i)
		}
	})
}

// product is y = rows·mᵀ; after is called for each range of outputs that is done.
type product struct {
	m     *host.Matrix
	y     []float32
	after func(lo, hi int)
}

// products runs several products with h.rows in one loop.
func (h *Host) products(list ...product) {
	h.blocks(list, func(p *product, first, end int, s *host.Scratch) {
		lo, hi := p.m.Product(&h.rows, p.y, p.m.Out, first, end, s)
		if p.after != nil {
			p.after(lo, hi)
		}
	})
}

// blocks calls do for all blocks of every product's matrix, several in turn, in one loop.
func (h *Host) blocks(list []product, do func(p *product, first, end int, s *host.Scratch)) {
	total := 0
	for _, p := range list {
		total += p.m.Blocks()
	}
	h.team.RunRanges(total, func(first, end, member int) {
		for i := range list {
			p := &list[i]
			n := p.m.Blocks()
			if first < n && end > 0 {
				do(p, max(first, 0), min(end, n), &h.scratch[member])
			}
			first, end = first-n, end-n
		}
	})
}

func addBias(y, bias []float32, N, width int) func(lo, hi int) {
	if bias == nil {
		return nil
	}
	return func(lo, hi int) {
		for i := range N {
			host.Add(y[i*width+lo:i*width+hi], bias[lo:hi])
		}
	}
}

func addTo(x, y []float32, N, width int) func(lo, hi int) {
	return func(lo, hi int) {
		for i := range N {
			host.Add(x[i*width+lo:i*width+hi], y[i*width+lo:i*width+hi])
		}
	}
}

func sized(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n, n+n/4)
	}
	return s[:n]
}
