package learner

import (
	"context"
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/trainer/objective"
)

// Pass is a gradient pass: a batch and the inputs of the objective for its tokens.
type Pass struct {
	Batch   *dense.Batch
	Columns objective.Columns
}

// AccumulateAll adds the gradients of passes to the sums and returns what each saw of its tokens. Pass i is the
// device's with the number i modulo theirs: who takes which does not depend on how fast each is. Columns that are no
// inputs of the objective are not uploaded. Where gradients are divided over processes (see Scattered) all call it,
// each with passes of its own or none, and all have an error or none.
func (l *Learner) AccumulateAll(ctx context.Context, passes []Pass, temperature float32) ([]objective.Seen, error) {
	programs, err := l.programsOf(ctx, passes)
	if l.scattering != nil {
		return l.accumulateTogether(ctx, passes, temperature, programs, err)
	}
	if err != nil {
		return nil, err
	}
	seen := make([]objective.Seen, len(passes))
	err = l.each(func(device int, r *replica) (err error) {
		for i := device; i < len(passes) && err == nil; i += len(l.replicas) {
			if err = ctx.Err(); err == nil {
				seen[i], err = l.accumulate(r, programs[i], passes[i], temperature)
			}
		}
		return err
	})
	return seen, err
}

// programsOf returns the program of each pass.
func (l *Learner) programsOf(ctx context.Context, passes []Pass) ([]*backend.NamedProgram, error) {
	programs := make([]*backend.NamedProgram, len(passes))
	for i, p := range passes {
		err := ctx.Err()
		if err != nil {
			return nil, err
		}
		if programs[i], err = l.program(p.Batch); err != nil {
			return nil, err
		}
	}
	return programs, nil
}

// Accumulate is AccumulateAll of one pass, on the first device.
func (l *Learner) Accumulate(batch *dense.Batch, columns objective.Columns, temperature float32) (
	objective.Seen, error,
) {
	seen, err := l.AccumulateAll(context.Background(), []Pass{{batch, columns}}, temperature)
	if err != nil {
		return nil, err
	}
	return seen[0], nil
}

// accumulate takes a pass on a device.
func (l *Learner) accumulate(
	r *replica, program *backend.NamedProgram, p Pass, temperature float32,
) (objective.Seen, error) {
	device, o := r.weights.Device, l.options.Objective
	inputs, err := p.Batch.Upload(device, temperature)
	if err != nil {
		return nil, err
	}
	defer inputs.Free()
	columns, err := o.Upload(device, p.Columns, p.Batch.Sequences(), l.Beta)
	if err != nil {
		return nil, err
	}
	defer columns.Free()
	all := columns.WithAll(r.weights.Parameters()).WithAll(inputs)
	if l.scattering != nil {
		number, end := backend.Receive(l.scattering.receive)
		defer end()
		receiver, err := backend.Upload(device, []int32{number})
		if err != nil {
			return nil, err
		}
		defer backend.Free(receiver)
		all = all.With("receiver", []backend.Buffer{receiver})
	} else {
		all = all.With("gradients", r.gradients)
	}
	outputs, err := program.Run(all)
	if err != nil {
		return nil, err
	}
	if l.scattering == nil {
		copy(r.gradients, outputs["gradients"])
	}
	defer backend.Free(outputs["statistics"]...)
	defer backend.Free(outputs["handed"]...)
	values, err := backend.Float32s(outputs["statistics"][0])
	if err != nil {
		return nil, err
	}
	return o.Seen(values, p.Batch.Shape.N), nil
}

// Forget clears the sums of gradients.
func (l *Learner) Forget() error {
	return l.each(func(_ int, r *replica) error {
		for k, i := range l.owned {
			spec := l.specs[i]
			dims := slices.Clone(spec.Shape)
			if l.scattering != nil {
				rows := l.part().Rows(l.specs)[i]
				dims[0] = rows.To - rows.From
			}
			backend.Free(r.gradients[k])
			zeros, err := r.weights.Device.Zeros(dtypes.Float32, dims...)
			if err != nil {
				return fmt.Errorf("gradient of %s: %w", spec.Name, err)
			}
			r.gradients[k] = zeros
		}
		return nil
	})
}
