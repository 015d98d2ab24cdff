package model

import (
	"fmt"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/host"
	"github.com/stele-lm/stele/kernels/op"
)

// Adapter holds factors of low rank (Hu et al., "LoRA", 2021) of some of a model's parameters. Where it is
// attached the model multiplies by W + Scale·B·A and computes x·Wᵀ + Scale·(x·Aᵀ)·Bᵀ: W is not touched.
type Adapter struct {
	// Targets are the parameters that have factors.
	Targets []Target
	// Factors holds A [Rank, in] and B [out, Rank] of each target in turn, float32; nil until Upload of
	// the weights. The trainer replaces them.
	Factors []backend.Buffer

	further  []*Adapter     // copies for the replicas of the weights
	scales   backend.Buffer // [targets], float32
	values   [][]float32    // of the factors until Upload
	layout   string
	products map[string]*backend.NamedProgram // B·A, by its shape and rank
}

// Target is a parameter that has factors.
type Target struct {
	Index int // of the parameter
	Rank  int
	Scale float64 // of B·A
}

// NewAdapter makes an adapter of the values of A and B of each target in turn.
func NewAdapter(targets []Target, values [][]float32) *Adapter {
	a := &Adapter{Targets: targets, values: values, products: map[string]*backend.NamedProgram{}}
	var layout strings.Builder
	for _, t := range targets {
		fmt.Fprintf(&layout, "%d:%d ", t.Index, t.Rank)
	}
	a.layout = layout.String()
	return a
}

// ReadAdapter copies an adapter that was opened for the model.
func ReadAdapter(opened *checkpoint.Adapter) *Adapter {
	var targets []Target
	var values [][]float32
	for _, f := range opened.Factors {
		targets = append(targets, Target{Index: f.Index, Rank: f.Rank, Scale: f.Scale})
		for _, t := range []checkpoint.Tensor{f.A, f.B} {
			v := make([]float32, t.Len())
			t.Float32s(v)
			values = append(values, v)
		}
	}
	return NewAdapter(targets, values)
}

// shapes returns the shapes of A and B of a target.
func (t Target) shapes(w *Weights) (A, B shapes.Shape) {
	out, in := w.Specs[t.Index].Shape[0], w.Specs[t.Index].Shape[1]
	return shapes.Make(dtypes.Float32, t.Rank, in), shapes.Make(dtypes.Float32, out, t.Rank)
}

// upload makes the buffers of an adapter that have not been made.
func (a *Adapter) upload(w *Weights) error {
	if a == nil || a.Factors != nil {
		return nil
	}
	var factors []backend.Buffer
	scales := make([]float32, len(a.Targets))
	fail := func(what string, err error) error {
		backend.Free(factors...)
		return fmt.Errorf("adapter: %s: %w", what, err)
	}
	for i, t := range a.Targets {
		scales[i] = float32(t.Scale)
		A, B := t.shapes(w)
		for j, shape := range []shapes.Shape{A, B} {
			buffer, err := backend.Upload(w.Device, a.values[2*i+j], shape.Dimensions...)
			if err != nil {
				return fail("factor of "+w.Specs[t.Index].Name, err)
			}
			factors = append(factors, buffer)
		}
	}
	var err error
	if a.scales, err = backend.Upload(w.Device, scales, len(scales)); err != nil {
		return fail("scales", err)
	}
	a.Factors, a.values = factors, nil
	return nil
}

// Close frees the factors.
func (a *Adapter) Close() {
	if a == nil {
		return
	}
	if a.Factors != nil {
		backend.Free(a.scales)
		backend.Free(a.Factors...)
	}
	for _, p := range a.products {
		p.Close()
	}
	for _, copied := range a.further {
		copied.Close()
	}
	a.Factors, a.values, a.products, a.further = nil, nil, nil, nil
}

// Layout tells apart weights that need different programs: which of them have factors, and of which rank, and
// whether some lie together. It is "" without either.
func (w *Weights) Layout() string {
	layout := ""
	if w.first != nil {
		layout = "joined "
	}
	if w.Adapter != nil {
		layout += w.Adapter.layout
	}
	return layout
}

// Base returns the weights without their adapter, such as the reference of a model whose adapter is
// trained. It shares the buffers with w: never close it.
func (w *Weights) Base() (*Weights, error) {
	if err := w.Upload(); err != nil {
		return nil, err
	}
	return w.Beside(), nil
}

// Beside returns the weights without an adapter for a reader that may run beside those of w, with an adapter
// of its own. Where they have been read by host kernels, or uploaded, neither may move them then.
func (w *Weights) Beside() *Weights {
	view := *w
	view.Adapter, view.further = nil, nil
	for _, replica := range w.further {
		view.further = append(view.further, replica.Beside())
	}
	return &view
}

// HostFactors is what host kernels read of a target.
type HostFactors struct {
	A     host.Matrix // [Rank, in]
	B     []float32   // [out, Rank]
	Rank  int
	Scale float32
}

// HostFactors returns views of the factors of target i for host kernels.
func (w *Weights) HostFactors(i int) (HostFactors, error) {
	a, t := w.Adapter, w.Adapter.Targets[i]
	var pair [2][]float32
	for j := range pair {
		if a.Factors == nil {
			pair[j] = a.values[2*i+j]
			continue
		}
		data, err := a.Factors[2*i+j].Data()
		if err != nil {
			return HostFactors{}, fmt.Errorf("reading the factors of %s where they are: %w",
				w.Specs[t.Index].Name, err)
		}
		values, ok := data.([]float32)
		if !ok {
			return HostFactors{}, fmt.Errorf("factors of %s are a %T, expected float32",
				w.Specs[t.Index].Name, data)
		}
		pair[j] = values
	}
	in := w.Specs[t.Index].Shape[1]
	return HostFactors{A: host.Float32Matrix(pair[0], t.Rank, in), B: pair[1], Rank: t.Rank,
		Scale: float32(t.Scale)}, nil
}

// Merged returns the values of parameter i with its factors in them, W + Scale·B·A: what a model without an
// adapter needs to compute the same. W stays as it is.
func (w *Weights) Merged(i int) ([]float32, error) {
	values, err := w.Float32s(i)
	if err != nil || w.Adapter == nil {
		return values, err
	}
	a := w.Adapter
	for j, t := range a.Targets {
		if t.Index != i {
			continue
		}
		if err := a.upload(w); err != nil {
			return nil, err
		}
		product, err := a.product(w, j)
		if err != nil {
			return nil, fmt.Errorf("merging %s: %w", w.Specs[i].Name, err)
		}
		scale := float32(t.Scale)
		for k, v := range product {
			values[k] += scale * v
		}
	}
	return values, nil
}

// product returns B·A of target j.
func (a *Adapter) product(w *Weights, j int) ([]float32, error) {
	A, B := a.Targets[j].shapes(w)
	key := fmt.Sprint(A, B)
	program := a.products[key]
	if program == nil {
		var err error
		if program, err = op.CompileFactors(w.Device, A, B); err != nil {
			return nil, err
		}
		a.products[key] = program
	}
	outputs, err := program.Run(backend.Buffers{"A": a.Factors[2*j : 2*j+1], "B": a.Factors[2*j+1 : 2*j+2]})
	if err != nil {
		return nil, err
	}
	defer outputs.Free()
	return backend.Float32s(outputs["product"][0])
}
