package architecture

import (
	"fmt"
	"slices"
	"strings"
)

// Layer is the modules of a layer: x ← x + Attention(x), then x ← x + MLP(x), where x [D] is
// the residual stream.
type Layer struct {
	Attention Attention
	MLP       MLP
}

// Attention is Factor·After(Output(softmax(Scale·q·kᵀ)·v)), of queries q, keys k and values v that are
// projected from Before(x) and divided into heads of E = HeadDim numbers. Queries and keys are
// normalised, head by head or all heads together, and then rotated by their positions (see Rope).
type Attention struct {
	Before                    *Norm
	Query, Key, Value, Output Projection
	QueryNorm, KeyNorm        *Norm // over the E numbers of a head, or over those of all heads
	After                     *Norm
	Scale                     float64 // 0 is 1/√E
	Unrotated                 bool    // queries and keys are not rotated
	Factor                    float64 // 0 is 1
}

// MLP is Factor·After(Down(SiLU(Gate(h))·Up(h))), where h is Before(x).
type MLP struct {
	Before         *Norm
	Gate, Up, Down Projection
	After          *Norm
	Factor         float64 // 0 is 1
}

// Projection is a product with a matrix [Out, In], to which a vector [Out] is added if Bias is
// set.
type Projection struct {
	Name    string // of the module that holds weight and bias
	Out, In int
	Bias    bool
}

// Weight returns the name of the matrix.
func (p Projection) Weight() string { return p.Name + ".weight" }

// BiasName returns the name of the vector.
func (p Projection) BiasName() string { return p.Name + ".bias" }

// Norm is x / √(mean(x²) + RMSNormEps) · weight over Size numbers.
type Norm struct {
	Name string // of the module that holds the weight
	Size int
}

// Weight returns the name of the vector.
func (n *Norm) Weight() string { return n.Name + ".weight" }

// Projections returns the layer's projections, in the order in which a checkpoint has them.
func (l *Layer) Projections() []*Projection {
	a, m := &l.Attention, &l.MLP
	return []*Projection{&a.Query, &a.Key, &a.Value, &a.Output, &m.Gate, &m.Up, &m.Down}
}

// Norms returns the norms that the layer has, in the order in which a checkpoint has them.
func (l *Layer) Norms() []*Norm {
	a, m := &l.Attention, &l.MLP
	var norms []*Norm
	for _, n := range []*Norm{a.QueryNorm, a.KeyNorm, a.Before, a.After, m.Before, m.After} {
		if n != nil {
			norms = append(norms, n)
		}
	}
	return norms
}

// PreNorm returns the layer that most families vary: norms before attention and MLP, no biases,
// by the names that checkpoints of transformers have.
func PreNorm(c *Config) Layer {
	D, I, queries, keys := c.HiddenSize, c.IntermediateSize, c.NumHeads*c.HeadDim, c.NumKVHeads*c.HeadDim
	return Layer{
		Attention: Attention{
			Before: &Norm{"input_layernorm", D},
			Query:  Projection{Name: "self_attn.q_proj", Out: queries, In: D},
			Key:    Projection{Name: "self_attn.k_proj", Out: keys, In: D},
			Value:  Projection{Name: "self_attn.v_proj", Out: keys, In: D},
			Output: Projection{Name: "self_attn.o_proj", Out: D, In: queries},
		},
		MLP: MLP{
			Before: &Norm{"post_attention_layernorm", D},
			Gate:   Projection{Name: "mlp.gate_proj", Out: I, In: D},
			Up:     Projection{Name: "mlp.up_proj", Out: I, In: D},
			Down:   Projection{Name: "mlp.down_proj", Out: D, In: I},
		},
	}
}

// setBias gives all projections a bias, or none.
func (a *Attention) setBias(on bool) {
	a.Query.Bias, a.Key.Bias, a.Value.Bias, a.Output.Bias = on, on, on, on
}

func (m *MLP) setBias(on bool) { m.Gate.Bias, m.Up.Bias, m.Down.Bias = on, on, on }

// tensors returns the layer's tensors: projections with their biases, then norms.
func (l *Layer) tensors() []Tensor {
	var tensors []Tensor
	for _, p := range l.Projections() {
		tensors = append(tensors, Tensor{p.Weight(), []int{p.Out, p.In}, Matrix})
		if p.Bias {
			tensors = append(tensors, Tensor{p.BiasName(), []int{p.Out}, Bias})
		}
	}
	for _, n := range l.Norms() {
		tensors = append(tensors, Tensor{n.Weight(), []int{n.Size}, Scale})
	}
	return tensors
}

// check reports a layer whose sizes do not fit each other or a configuration's, by a
// configuration of which all sizes differ.
func (a *Architecture) check() error {
	c := &Config{Architecture: a, HiddenSize: 3, IntermediateSize: 5, NumHeads: 8, NumKVHeads: 4, HeadDim: 16}
	l := a.Layer(c, 0)
	D, I, queries, keys := c.HiddenSize, c.IntermediateSize, c.NumHeads*c.HeadDim, c.NumKVHeads*c.HeadDim
	for i, want := range [][2]int{{queries, D}, {keys, D}, {keys, D}, {D, queries}, {I, D}, {I, D}, {D, I}} {
		if p := l.Projections()[i]; p.Name == "" || p.Out != want[0] || p.In != want[1] {
			return fmt.Errorf("projection %d, %q, is [%d, %d], expected a name and [%d, %d]",
				i, p.Name, p.Out, p.In, want[0], want[1])
		}
	}
	for _, n := range l.Norms() {
		want := []int{D}
		switch n {
		case l.Attention.QueryNorm:
			want = []int{c.HeadDim, queries}
		case l.Attention.KeyNorm:
			want = []int{c.HeadDim, keys}
		}
		if n.Name == "" || !slices.Contains(want, n.Size) {
			return fmt.Errorf("norm %q has %d numbers, expected a name and %d", n.Name, n.Size, want)
		}
	}
	names := map[string]bool{}
	for _, t := range l.tensors() {
		if names[t.Name] {
			return fmt.Errorf("two modules have the tensor %s", t.Name)
		}
		names[t.Name] = true
	}
	return nil
}

// lastPart returns a module's name without those of the modules around it.
func lastPart(module string) string { return module[strings.LastIndexByte(module, '.')+1:] }
