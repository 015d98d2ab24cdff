package learner

import (
	"errors"
	"sync"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/trainer/optimizer"
)

// replica is what a device has of training: the weights, its part of the gradient, the optimiser's state. Between
// updates all devices have the same weights and states, bit for bit: each takes the step with the summed gradient.
type replica struct {
	weights   *model.Weights
	gradients []backend.Buffer // float32, one a parameter, or for this process's rows of each that it has any of
	optimizer *optimizer.Optimizer
}

// allocate makes the replicas, and with several what sums their gradients.
func (l *Learner) allocate() (err error) {
	w, options := l.weights, l.options
	held := w.HeldAs()
	if options.Adapter != nil {
		held = dtypes.Float32
	}
	mesh := backend.Mesh{}
	for _, one := range w.Replicas() {
		r := &replica{weights: one, gradients: make([]backend.Buffer, len(l.owned))}
		l.replicas, mesh = append(l.replicas, r), append(mesh, one.Device)
		r.optimizer, err = optimizer.New(one.Device, l.specs, held, options.AdamW, l.part(), options.Seed,
			one.Float32s)
		if err != nil {
			return err
		}
		if l.scattering != nil {
			r.optimizer.Squares = l.scattering.squares
		}
	}
	if len(mesh) > 1 {
		if l.sums, err = CompileSum(mesh, l.specs); err != nil {
			return err
		}
	}
	return l.Forget()
}

// CompileSum compiles the sum of gradients over devices.
func CompileSum(mesh backend.Mesh, specs []architecture.Tensor) (*backend.AllReduce, error) {
	return backend.CompileAllReduce(mesh, "sum gradients", optimizer.Floats("gradient", specs, true))
}

// trained are the buffers that l trains on the device.
func (r *replica) trained(l *Learner) []backend.Buffer {
	if l.options.Adapter != nil {
		return r.weights.Adapter.Factors
	}
	return r.weights.Buffers
}

func (r *replica) close() {
	backend.Free(r.gradients...)
	if r.optimizer != nil {
		r.optimizer.Close()
	}
}

// Held returns the bytes of the gradients and of the optimiser's state that each device of this process holds between
// passes.
func (l *Learner) Held() (gradients, state int64, err error) {
	r := l.replicas[0]
	bytes := func(b backend.Buffer) int64 {
		shape, failed := b.Shape()
		err = errors.Join(err, failed)
		return int64(shape.Size()) * int64(shape.DType.Size())
	}
	for _, g := range r.gradients {
		gradients += bytes(g)
	}
	for _, t := range r.optimizer.State() {
		state += bytes(*t.Buffer)
	}
	return gradients, state, err
}

// each does work for all devices at a time and returns the error of the first that has one.
func (l *Learner) each(work func(device int, r *replica) error) error {
	errs := make([]error, len(l.replicas))
	var wait sync.WaitGroup
	for device, r := range l.replicas {
		wait.Go(func() { errs[device] = work(device, r) })
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
