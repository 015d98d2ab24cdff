package model

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/host"
)

// Host is the paged step on the memory of this process, without a graph: the
// second form of the transformer, for generation on a CPU. It reads the weights
// where they are, and rows of any length run together without padding.
//
// A token's logits depend on the weights and on the tokens before it, bit for bit:
// not on the rows beside it, the page size or the chunks of its prompt.
type Host struct {
	weights *Weights
	seen    []backend.Buffer // of the weights when they were looked up
	team    *host.Team
	rotary  *host.Rotary

	embed, unembed host.Matrix
	layers         []hostLayer
	head           hostLoop

	now     hostStep
	bodies  hostBodies
	rows    host.Rows
	scratch []host.Scratch

	x, h, q, k, v, o, gate, up, logits []float32
}

// hostStep is what the loops of a step work on.
type hostStep struct {
	N      int // rows
	items  []HostItem
	pool   *host.Pool
	places []place // of each row
	spans  []span

	layer int
	loop  *hostLoop
}

// place is where a row is: the token of an item at a position.
type place struct{ item, position int }

// span is some tokens of an item, whose attention is computed together: the rows
// from row on.
type span struct{ row, tokens int }

// spanTokens is how many that are at most.
const spanTokens = 4

// HostItem is one row of a step.
type HostItem struct {
	Tokens []int32 // fed in this step, one or many
	Start  int     // position of the first
	Table  []int32 // page table of the sequence
	Logits int     // of how many of the last tokens logits are wanted
}

// NewHost prepares weights for a team of threads.
func NewHost(w *Weights, team *host.Team) (*Host, error) {
	h := &Host{weights: w, team: team, rotary: host.NewRotary(w.Config.InverseFrequencies()),
		scratch: make([]host.Scratch, team.Size())}
	h.bodies = hostBodies{h.normaliseRow, h.placeRow, h.attend, h.multiplyBlocks, h.mlpBlocks}
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
	n := h.unembed.Bytes()
	for i := range h.layers {
		for _, m := range h.layers[i].matrices() {
			n += m.Bytes()
		}
	}
	return n
}

// ReadTime is how long all threads take to read what Bytes counts, layer after layer
// where it lies, without computing anything: the limit of a step of one token. It is the
// mean of the passes that fit into a time, at least one, as the speed of steps is a mean.
func (h *Host) ReadTime(within time.Duration) time.Duration {
	read := func(list host.Matrices) {
		h.team.RunRanges(list.Blocks(), func(first, end, member int) {
			list.Through(first, end, func(i, lo, hi int) { list[i].Read(lo, hi, &h.scratch[member]) })
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

// refresh looks the weights up again: an update moves them. A weight that the step has no
// place for is an error, because the step would then compute another model.
func (h *Host) refresh() error {
	w, c := h.weights, h.weights.Config
	index := make(map[string]int, len(w.Specs))
	for i, spec := range w.Specs {
		index[spec.Name] = i
	}
	read := reading{}
	var failure error
	matrix := func(format string, args ...any) host.Matrix {
		name := fmt.Sprintf(format, args...)
		i, ok := index[name]
		if !ok {
			failure = cmp.Or(failure, fmt.Errorf("host kernels read %s, which the model does not have", name))
			return host.Matrix{}
		}
		read[name] = true
		m, err := w.matrix(i, h.team)
		failure = cmp.Or(failure, err)
		return m
	}
	vector := func(required bool, format string, args ...any) []float32 {
		name := fmt.Sprintf(format, args...)
		i, ok := index[name]
		if !ok {
			if required {
				failure = cmp.Or(failure, fmt.Errorf("host kernels read %s, which the model does not have", name))
			}
			return nil
		}
		read[name] = true
		v, err := w.Float32s(i)
		failure = cmp.Or(failure, err)
		return v
	}
	h.embed = matrix("model.embed_tokens.weight")
	h.unembed = h.embed
	if _, ok := index["lm_head.weight"]; ok {
		h.unembed = matrix("lm_head.weight")
	}
	h.head = h.loop(vector(true, "model.norm.weight"), product{m: &h.unembed, y: &h.logits})
	h.layers = make([]hostLayer, c.NumLayers)
	for i := range h.layers {
		l := &h.layers[i]
		linear := func(name string, m *host.Matrix, y, sum *[]float32) product {
			*m = matrix("model.layers.%d.%s.weight", i, name)
			return product{m: m, y: y, sum: sum, bias: vector(false, "model.layers.%d.%s.bias", i, name)}
		}
		l.readQKV = h.loop(vector(true, "model.layers.%d.input_layernorm.weight", i),
			linear("self_attn.q_proj", &l.q, &h.q, nil),
			linear("self_attn.k_proj", &l.k, &h.k, nil),
			linear("self_attn.v_proj", &l.v, &h.v, nil))
		l.writeAttention = h.loop(nil, linear("self_attn.o_proj", &l.o, &h.h, &h.x))
		l.readMLP = h.loop(vector(true, "model.layers.%d.post_attention_layernorm.weight", i),
			linear("mlp.gate_proj", &l.gate, &h.gate, nil),
			linear("mlp.up_proj", &l.up, &h.up, nil))
		l.writeMLP = h.loop(nil, linear("mlp.down_proj", &l.down, &h.h, &h.x))
	}
	h.seen = slices.Clone(w.Buffers)
	if w.Buffers == nil && !w.memory.Empty() {
		w.folder.Forget() // what was copied; pages of what is read there are found again
	}
	return cmp.Or(failure, read.all("host kernels", slices.Sorted(maps.Keys(index))))
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
	c, now := h.weights.Config, &h.now
	N, longest, wanted := 0, 0, 0
	*now = hostStep{items: items, pool: pool, places: now.places[:0], spans: now.spans[:0]}
	for i, item := range items {
		for t := 0; t < len(item.Tokens); t += spanTokens {
			now.spans = append(now.spans, span{N + t, min(spanTokens, len(item.Tokens)-t)})
		}
		for t := range item.Tokens {
			now.places = append(now.places, place{i, item.Start + t})
		}
		N += len(item.Tokens)
		longest = max(longest, item.Start+len(item.Tokens))
		wanted += item.Logits
	}
	now.N = N
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
		h.layer(l)
	}
	return h.project(wanted), nil
}

// project returns the logits of the last tokens of each item, as many as it wants.
func (h *Host) project(wanted int) []float32 {
	c := h.weights.Config
	D, V := c.HiddenSize, c.VocabSize
	end, n := 0, 0
	for _, item := range h.now.items {
		end += len(item.Tokens)
		for row := end - item.Logits; row < end; row++ {
			host.RMSNorm(h.h[n*D:(n+1)*D], h.x[row*D:(row+1)*D], h.head.norm, float32(c.RMSNormEps))
			n++
		}
	}
	h.logits = sized(h.logits, wanted*V)
	if wanted > 0 {
		h.now.N = wanted
		h.multiply(&h.head, h.h, &h.layers[0].readQKV)
	}
	return h.logits
}

func sized(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n, n+n/4)
	}
	return s[:n]
}
