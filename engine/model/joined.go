package model

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/kernels/backend"
)

// Join makes Upload hold in one buffer, one below the other, the matrices that a layer multiplies with the same
// input — those of queries, keys and values, those of gate and up — and their biases: a graph has one product
// of them instead of two or three, and no weight is held twice. Parameters keep their names and values, but
// cannot be set: it is for weights that nobody trains until Part. Matrices that are held block-wise stay apart.
func (w *Weights) Join() {
	index := map[string]int{}
	for i, spec := range w.Specs {
		index[spec.Name] = i
	}
	w.first = make([]int, len(w.Specs))
	for i := range w.first {
		w.first[i] = i
	}
	join := func(names ...string) {
		for _, name := range names {
			w.first[index[name]] = index[names[0]]
		}
	}
	m := w.Config.Model()
	for i := range m.Layers {
		a, mlp := &m.Layers[i].Attention, &m.Layers[i].MLP
		for _, group := range [][]architecture.Projection{{a.Query, a.Key, a.Value}, {mlp.Gate, mlp.Up}} {
			var weights, biases []string
			for _, p := range group {
				weights = append(weights, p.Weight())
				if p.Bias {
					biases = append(biases, p.BiasName())
				}
			}
			if w.Blockwise(index[weights[0]]) {
				continue
			}
			join(weights...)
			if len(biases) == len(group) {
				join(biases...)
			}
		}
	}
}

// Part gives each parameter a buffer of its own where Join had some lie together. Programs for another Layout do
// not run with the weights any more.
func (w *Weights) Part() error {
	for i := range w.first {
		members := w.members(i)
		if len(members) < 2 || w.Buffers == nil {
			continue
		}
		data, err := backend.Bytes(w.Buffers[i])
		if err != nil {
			return fmt.Errorf("reading %s: %w", w.Specs[i].Name, err)
		}
		parts, size := make([]backend.Buffer, len(members)), int(w.HeldAs().Size())
		for k, j := range members {
			n := w.Specs[j].Len() * size
			shape := shapes.Make(w.HeldAs(), w.Specs[j].Shape...)
			if parts[k], err = backend.UploadBytes(w.Device, data[:n], shape); err != nil {
				backend.Free(parts...)
				return fmt.Errorf("a buffer for %s: %w", w.Specs[j].Name, err)
			}
			data = data[n:]
		}
		backend.Free(w.Buffers[i])
		for k, j := range members {
			w.Buffers[j], w.first[j] = parts[k], j
		}
	}
	w.first = nil
	for _, replica := range w.further {
		if err := replica.Part(); err != nil {
			return err
		}
	}
	return nil
}

// HeldIn returns the parameter in whose buffer parameter i lies: i itself, or the first of those that it is
// joined with.
func (w *Weights) HeldIn(i int) int {
	if w.first == nil {
		return i
	}
	return w.first[i]
}

// members lists the parameters in the buffer of parameter i, in order; none where that lies in another's.
func (w *Weights) members(i int) (all []int) {
	if w.HeldIn(i) != i {
		return nil
	}
	all = []int{i}
	if w.first != nil {
		for j := i + 1; j < len(w.first); j++ {
			if w.first[j] == i {
				all = append(all, j)
			}
		}
	}
	return all
}

// heldShape returns the shape of the buffer of parameter i, which is not held block-wise.
func (w *Weights) heldShape(i int) []int {
	shape := slices.Clone(w.Specs[i].Shape)
	for _, j := range w.members(i) {
		if j != i {
			shape[0] += w.Specs[j].Shape[0]
		}
	}
	return shape
}

// uploadAll makes the buffer of parameters of the folder, one below the other.
func (w *Weights) uploadAll(members []int) (backend.Buffer, error) {
	shape := shapes.Make(dtypes.BFloat16, w.heldShape(members[0])...)
	stored := w.HeldAs() == dtypes.BFloat16 // as they shall be held
	tensors := make([]checkpoint.Tensor, len(members))
	for k, i := range members {
		var err error
		if tensors[k], err = w.folder.Tensor(w.Specs[i].Name); err != nil {
			return nil, err
		}
		stored = stored && tensors[k].DType == checkpoint.BF16
		defer tensors[k].Forget()
	}
	if stored && len(tensors) == 1 {
		return backend.UploadBytes(w.Device, tensors[0].Data, shape)
	}
	if stored {
		data := make([]byte, 0, 2*shape.Size())
		for _, t := range tensors {
			data = append(data, t.Data...)
		}
		return backend.UploadBytes(w.Device, data, shape)
	}
	values := make([]float32, shape.Size())
	for at, rest := 0, values; at < len(tensors); at++ {
		n := tensors[at].Len()
		tensors[at].Float32s(rest[:n])
		rest = rest[n:]
	}
	return w.upload(values, shape.Dimensions)
}

// within returns where in its buffer parameter i lies, in numbers.
func (w *Weights) within(i int) (from, to int) {
	for _, j := range w.members(w.HeldIn(i)) {
		if j == i {
			break
		}
		from += w.Specs[j].Len()
	}
	return from, from + w.Specs[i].Len()
}

// errJoined is why a parameter cannot be set.
func (w *Weights) errJoined(i int) error {
	return fmt.Errorf("it lies in one buffer with %s, of weights that nobody trains", w.Specs[w.HeldIn(i)].Name)
}
