package model

import (
	"fmt"
	"slices"

	"github.com/stele-lm/stele/kernels/backend"
)

// Replicate has the weights held on each device of a mesh, whose first is theirs: Upload, which must come later,
// makes the buffers there and copies them to the others.
func (w *Weights) Replicate(mesh backend.Mesh) {
	w.further = nil
	for _, device := range mesh[1:] {
		replica := *w
		replica.Device, replica.matrices = device, nil
		w.further = append(w.further, &replica)
	}
}

// Replicas returns the weights on each device, w itself first, with the adapter that w has now. Who trains them
// must move all alike.
func (w *Weights) Replicas() []*Weights {
	all := []*Weights{w}
	for i, replica := range w.further {
		var adapter *Adapter
		if w.Adapter != nil && w.Adapter.further != nil {
			adapter = w.Adapter.further[i]
		}
		if replica.Adapter != adapter { // it is not written where it is right: a session reads it meanwhile
			replica.Adapter = adapter
		}
		all = append(all, replica)
	}
	return all
}

// spread makes the buffers of the replicas that have none.
func (w *Weights) spread() error {
	if a := w.Adapter; a != nil && a.further == nil {
		var copies []*Adapter
		for _, replica := range w.further {
			copied, err := a.on(replica.Device)
			if err != nil {
				for _, c := range copies {
					c.Close()
				}
				return err
			}
			copies = append(copies, copied)
		}
		a.further = copies
	}
	for _, replica := range w.further {
		if replica.Buffers == nil {
			if err := replica.copyFrom(w); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyFrom makes the buffers of a replica.
func (w *Weights) copyFrom(source *Weights) (err error) {
	buffers, magnitudes := make([]backend.Buffer, len(w.Specs)), make([][]backend.Buffer, len(w.Specs))
	defer func() {
		if err != nil {
			backend.Free(buffers...)
			backend.Free(slices.Concat(magnitudes...)...)
		}
	}()
	for i, spec := range w.Specs {
		own, err := copyTo(w.Device, append([]backend.Buffer{source.Buffers[i]}, source.magnitudes[i]...))
		if err != nil {
			return fmt.Errorf("copying %s: %w", spec.Name, err)
		}
		buffers[i], magnitudes[i] = own[0], own[1:]
	}
	w.first, w.Projections = slices.Clone(source.first), source.Projections
	w.Buffers, w.magnitudes = buffers, magnitudes
	return nil
}

// on copies an adapter that has buffers to another device.
func (a *Adapter) on(device *backend.Device) (*Adapter, error) {
	copied := NewAdapter(a.Targets, nil)
	buffers, err := copyTo(device, append([]backend.Buffer{a.scales}, a.Factors...))
	if err != nil {
		return nil, fmt.Errorf("copying the adapter: %w", err)
	}
	copied.scales, copied.Factors = buffers[0], buffers[1:]
	return copied, nil
}

// copyTo copies buffers, of which some may be nil, to another device.
func copyTo(device *backend.Device, buffers []backend.Buffer) ([]backend.Buffer, error) {
	copies := make([]backend.Buffer, len(buffers))
	for i, b := range buffers {
		if b == nil {
			continue
		}
		var err error
		if copies[i], err = device.Copy(b); err != nil {
			backend.Free(copies...)
			return nil, err
		}
	}
	return copies, nil
}
