// Package hostmodel runs a model by its description on the memory of this process, without a
// graph: the paged step, for generation on a CPU.
package hostmodel

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/host"
)

// Model runs steps. It reads the weights where they are, and rows of any length run together
// without padding.
//
// A token's logits depend on the weights and on the tokens before it, bit for bit:
// not on the rows beside it, the page size or the chunks of its prompt.
type Model struct {
	weights *model.Weights
	seen    []backend.Buffer // of the weights when they were looked up
	adapter *model.Adapter   // of the weights then, and its factors
	factors []backend.Buffer
	team    *host.Team
	rotary  *host.Rotary

	embed, unembed               host.Matrix
	embeddingFactor, logitFactor float32
	joined                       bool // some norm is of several heads together
	layers                       []layer
	keysValues, queries          loop // the last layer's readQKV in two
	head                         loop

	now     step
	bodies  bodies
	rows    host.Rows
	inner   host.Rows  // of the MLP, where they are made a block at a time
	blocks  []mlpBlock // of each member
	scratch []host.Scratch
	lowRows []host.Rows // of each member, in products with A

	x, h, q, k, v, o, gate, up, logits []float32
}

// step holds what the loops of a step work on.
type step struct {
	N      int // rows
	wanted int // of these, whose logits are
	// alone is that all rows are of different sequences and no norm is of several heads: no row sees the key
	// and value of another, and what attends to a head's may store them first.
	alone  bool
	items  []Item
	pool   *host.Pool
	tokens []token // of each row
	tiles  []tile

	layer int
	loop  *loop      // whose products are computed
	rows  *host.Rows // by which
	parts bool       // the MLP's inner rows are set by block
	// adapted are the factors of the loop's products.
	adapted []*lowRank
	norm    []float32 // weight [D] of the norm that is computed
	ending  *ending   // that is computed
}

// token is the token that a row computes: that of an item at a position of its sequence.
type token struct{ item, position int }

// tile is tokens of one item whose attention is computed together: the rows from row on.
type tile struct{ row, tokens int }

// tileTokens returns the largest number of tokens of an item in a tile: what suits attention, or
// less where the team would have too few tiles to share.
func (h *Model) tileTokens(tokens int) int {
	c := h.weights.Config
	const units = 4 // of each member, since long tiles take longer than short ones
	share := tokens * c.NumKVHeads / (units * h.team.Size())
	return max(4, min(share, host.AttendTokens(c.NumHeads/c.NumKVHeads)))
}

// Item is one row of a step.
type Item struct {
	Tokens []int32 // fed in this step, one or many
	Start  int     // position of the first
	Table  []int32 // page table of the sequence
	Logits int     // of how many of the last tokens logits are wanted
}

// New prepares weights for a team of threads.
func New(w *model.Weights, team *host.Team) (*Model, error) {
	h := &Model{weights: w, team: team,
		rotary:  host.NewRotary(w.Config.InverseFrequencies(), w.Config.RotationFactor()),
		scratch: make([]host.Scratch, team.Size()), blocks: make([]mlpBlock, team.Size()),
		lowRows: make([]host.Rows, team.Size())}
	h.bodies = bodies{h.normaliseRow, h.storeRow, h.storeKeyRow, h.turnQueryRow, h.addRow, h.attend,
		h.innerUnit, h.mlpBlock, h.multiplyBlocks, h.mlpBlocks}
	return h, h.refresh()
}

// NewPool makes a key-value pool of some pages: float32 beside float32 weights,
// bfloat16 otherwise.
func (h *Model) NewPool(pages, slots int) (*host.Pool, error) {
	c := h.weights.Config
	return host.NewPool(c.NumLayers, pages, slots, c.NumKVHeads, c.HeadDim, h.weights.DType != dtypes.Float32)
}

// Bytes returns the size of the weights that a step of one token reads: all but the other
// tokens' rows of the embedding.
func (h *Model) Bytes() int {
	n := h.unembed.Bytes()
	for i := range h.layers {
		for _, m := range h.layers[i].matrices() {
			n += m.Bytes()
		}
	}
	return n
}

// Held returns the size of all weights: those that Bytes counts and an embedding that is not the
// head, too.
func (h *Model) Held() int {
	if m := h.weights.Config.Model(); m.Head.Name == m.Embedding.Name {
		return h.Bytes()
	}
	return h.Bytes() + h.embed.Bytes()
}

// ReadTime measures how long all threads take to read the weights that Bytes counts, layer by
// layer in memory, without computing anything: no step of one token can be faster. It returns
// the mean of as many passes as fit into a time, at least one, as the speed of steps is a mean.
func (h *Model) ReadTime(within time.Duration) time.Duration {
	read := func(list host.Matrices) {
		h.team.RunRanges(list.Blocks(), func(first, end, member int) {
			list.EachRange(first, end, func(i, lo, hi int) { list[i].Read(lo, hi, &h.scratch[member]) })
		})
	}
	began := time.Now()
	for passes := time.Duration(1); ; passes++ {
		for i := range h.layers {
			read(h.layers[i].matrices())
		}
		read(host.Matrices{&h.unembed})
		if took := time.Since(began); took >= within {
			return took / passes
		}
	}
}

// refresh looks the weights up again: an update moves them. A weight that the description does
// not name is an error, because the step would then compute another model.
func (h *Model) refresh() error {
	w := h.weights
	index := make(map[string]int, len(w.Specs))
	for i, spec := range w.Specs {
		index[spec.Name] = i
	}
	read := model.Reading{}
	var failure error
	find := func(name string) (int, bool) {
		i, ok := index[name]
		if !ok {
			failure = cmp.Or(failure, fmt.Errorf("host kernels read %s, which the model does not have", name))
		}
		read[name] = ok
		return i, ok
	}
	matrix := func(name string) (m host.Matrix) {
		if i, ok := find(name); ok {
			var err error
			m, err = w.Matrix(i, h.team)
			failure = cmp.Or(failure, err)
		}
		return m
	}
	vector := func(name string) (v []float32) {
		if i, ok := find(name); ok {
			var err error
			v, err = w.Float32s(i)
			failure = cmp.Or(failure, err)
		}
		return v
	}
	norm := func(n *architecture.Norm) []float32 {
		if n == nil {
			return nil
		}
		return vector(n.Weight())
	}
	targets := map[string]int{}
	if w.Adapter != nil {
		for i, t := range w.Adapter.Targets {
			targets[w.Specs[t.Index].Name] = i
		}
	}
	factors := func(name string) *lowRank {
		i, ok := targets[name]
		if !ok {
			return nil
		}
		delete(targets, name)
		found, err := w.HostFactors(i)
		failure = cmp.Or(failure, err)
		if err != nil {
			return nil
		}
		return newLowRank(found, w.Specs[w.Adapter.Targets[i].Index].Shape[0])
	}
	m := w.Config.Model()
	h.embeddingFactor, h.logitFactor = float32(m.EmbeddingFactor), float32(m.LogitFactor)
	h.embed = matrix(m.Embedding.Name)
	h.unembed = h.embed
	if m.Head.Name != m.Embedding.Name {
		h.unembed = matrix(m.Head.Name)
	}
	h.head = h.newLoop(norm(&m.Norm), product{m: &h.unembed, y: &h.logits})
	h.layers = make([]layer, len(m.Layers))
	for i := range h.layers {
		l, a, mlp := &h.layers[i], m.Layers[i].Attention, m.Layers[i].MLP
		linear := func(p architecture.Projection, m *host.Matrix, y *[]float32) product {
			*m = matrix(p.Weight())
			made := product{m: m, y: y, low: factors(p.Weight())}
			if p.Bias {
				made.bias = vector(p.BiasName())
			}
			return made
		}
		// write makes the product whose rows are added to the residual stream: at once, or
		// after their norm.
		write := func(p architecture.Projection, m *host.Matrix, after ending) product {
			product := linear(p, m, &h.h)
			if after.atOnce() {
				product.sum = &h.x
			}
			return product
		}
		l.queryNorm, l.keyNorm = norm(a.QueryNorm), norm(a.KeyNorm)
		h.joined = h.joined || max(len(l.queryNorm), len(l.keyNorm)) > w.Config.HeadDim
		l.scale, l.unrotated = float32(a.Scale), a.Unrotated
		l.afterAttention = ending{norm(a.After), float32(a.Factor)}
		l.afterMLP = ending{norm(mlp.After), float32(mlp.Factor)}
		l.readQKV = h.newLoop(norm(a.Before),
			linear(a.Query, &l.q, &h.q), linear(a.Key, &l.k, &h.k), linear(a.Value, &l.v, &h.v))
		l.writeAttention = h.newLoop(nil, write(a.Output, &l.o, l.afterAttention))
		l.readMLP = h.newLoop(norm(mlp.Before),
			linear(mlp.Gate, &l.gate, &h.gate), linear(mlp.Up, &l.up, &h.up))
		l.writeMLP = h.newLoop(nil, write(mlp.Down, &l.down, l.afterMLP))
	}
	last := h.layers[len(h.layers)-1].readQKV
	h.queries, h.keysValues = h.newLoop(last.norm, last.products[:1]...), h.newLoop(last.norm, last.products[1:]...)
	h.seen, h.adapter, h.factors = slices.Clone(w.Buffers), w.Adapter, nil
	if w.Adapter != nil {
		h.factors = slices.Clone(w.Adapter.Factors)
	}
	w.Forget() // what was copied
	for name := range targets {
		failure = cmp.Or(failure, fmt.Errorf("host kernels would leave out the factors of %s", name))
	}
	return cmp.Or(failure, read.All("host kernels", slices.Sorted(maps.Keys(index))))
}

// moved reports whether the weights, or their adapter, lie elsewhere than when they were looked up.
func (h *Model) moved() bool {
	w := h.weights
	return !slices.Equal(h.seen, w.Buffers) || h.adapter != w.Adapter ||
		w.Adapter != nil && !slices.Equal(h.factors, w.Adapter.Factors)
}

// Step runs the items and returns the logits [rows, V] of the tokens that they are
// wanted of, in order. The memory is reused by the next step. Keys and values of the tokens go
// to the pool; what lies before Start must be there.
func (h *Model) Step(items []Item, pool *host.Pool) ([]float32, error) {
	if h.moved() {
		if err := h.refresh(); err != nil {
			return nil, err
		}
	}
	c, now := h.weights.Config, &h.now
	N, longest, wanted := 0, 0, 0
	*now = step{items: items, pool: pool, tokens: now.tokens[:0], tiles: now.tiles[:0],
		adapted: now.adapted[:0]}
	for i, item := range items {
		h.addTiles(N, len(item.Tokens))
		for t := range item.Tokens {
			now.tokens = append(now.tokens, token{i, item.Start + t})
		}
		N += len(item.Tokens)
		longest = max(longest, item.Start+len(item.Tokens))
		wanted += item.Logits
	}
	now.N, now.wanted, now.alone = N, wanted, N == len(now.tiles) && !h.joined
	h.rotary.Extend(longest)
	D, QD, KD, I := c.HiddenSize, c.NumHeads*c.HeadDim, c.NumKVHeads*c.HeadDim, c.IntermediateSize
	h.x, h.h = sized(h.x, N*D), sized(h.h, N*D)
	h.q, h.k, h.v, h.o = sized(h.q, N*QD), sized(h.k, N*KD), sized(h.v, N*KD), sized(h.o, N*max(QD, D))
	h.gate, h.up = sized(h.gate, min(N, fewRows)*I), sized(h.up, min(N, fewRows)*I)

	n := 0
	for _, item := range items {
		for _, id := range item.Tokens {
			h.embed.Row(h.x[n*D:(n+1)*D], int(id))
			multiplyBy(h.x[n*D:(n+1)*D], h.embeddingFactor)
			n++
		}
	}
	for l := range h.layers {
		h.run(l)
	}
	return h.project(), nil
}

// addTiles cuts tokens of an item, whose rows begin at one, into tiles.
func (h *Model) addTiles(row, tokens int) {
	most := h.tileTokens(tokens)
	for t := 0; t < tokens; t += most {
		h.now.tiles = append(h.now.tiles, tile{row + t, min(most, tokens-t)})
	}
}

// narrow leaves of the rows those whose logits are wanted, in x and in values, which may be x.
func (h *Model) narrow(values []float32) {
	now, D := &h.now, h.weights.Config.HiddenSize
	move := func(rows []float32, to, from int) { copy(rows[to*D:(to+1)*D], rows[from*D:]) }
	end, n := 0, 0
	now.tiles, now.alone = now.tiles[:0], false
	for _, item := range now.items {
		end += len(item.Tokens)
		h.addTiles(n, item.Logits)
		for row := end - item.Logits; row < end; row++ {
			if move(h.x, n, row); &values[0] != &h.x[0] {
				move(values, n, row)
			}
			now.tokens[n] = now.tokens[row]
			n++
		}
	}
	now.N = n
}

// project returns the logits of the rows that are left: those that are wanted.
func (h *Model) project() []float32 {
	c, N := h.weights.Config, h.now.N
	D, V := c.HiddenSize, c.VocabSize
	h.logits = sized(h.logits, N*V)
	if N == 0 {
		return h.logits
	}
	for n := range N {
		host.RMSNorm(h.h[n*D:(n+1)*D], h.x[n*D:(n+1)*D], h.head.norm, float32(c.RMSNormEps))
		multiplyBy(h.h[n*D:(n+1)*D], h.logitFactor)
	}
	h.multiply(&h.head, h.h, &h.layers[0].readQKV)
	return h.logits
}

func sized(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n, n+n/4)
	}
	return s[:n]
}
