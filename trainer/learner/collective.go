package learner

import (
	"context"
	"errors"
	"fmt"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/cluster/nccl"
	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/trainer/optimizer"
)

// collective adds up gradients over the processes of a job where they lie in the memory of GPUs, by NCCL.
type collective struct{ comm *nccl.Communicator }

// collects reports whether gradients of a device may be summed by NCCL: GPUs', of which each process has one.
var collects = func(d *backend.Device, devices int) bool { return d.IsXLA() && !d.IsCPU() && devices == 1 }

// connect has the processes of a job exchange what lies on GPUs by NCCL, if they can.
func (l *Learner) connect() (err error) {
	job, d := l.options.Job, l.weights.Device
	if job == nil || job.Size == 1 || !collects(d, len(l.replicas)) {
		return nil
	}
	l.collective, err = openCollective(job, d)
	if err == nil || !cluster.IsAgreed(err) {
		return err
	}
	if l.options.Say != nil {
		l.options.Say("gradients pass through the memory of the machines, which takes time: %v", err)
	}
	return nil
}

// openCollective joins the processes of a job; all call it, and all have an error or none.
func openCollective(job *cluster.Job, d *backend.Device) (*collective, error) {
	library, err := nccl.Open(backend.NCCLFiles()...)
	var id nccl.ID
	if err == nil && job.Rank == 0 {
		id, err = library.NewID()
	}
	number := 0
	if err == nil {
		number, err = d.HardwareNumber()
	}
	var comm *nccl.Communicator
	if err == nil {
		comm, err = library.Prepare(number)
	}
	all, err := job.Exchange(id.Bytes(), err) // from here on all wait for each other
	if err == nil {
		id, err = nccl.IDOf(all[0]) // the same everywhere
	}
	if err == nil {
		err = job.Agree(comm.Join(id, job.Rank, job.Size))
	}
	if err != nil {
		if comm != nil {
			comm.Abort()
		}
		return nil, err
	}
	return &collective{comm}, nil
}

// sum replaces gradients by their sums over all processes.
func (c *collective) sum(gradients []backend.Buffer, specs []architecture.Tensor) error {
	ranges := make([]nccl.Range, len(gradients))
	for i, g := range gradients {
		address, err := backend.Address(g)
		if err != nil {
			return fmt.Errorf("gradient of %s: %w", specs[i].Name, err)
		}
		ranges[i] = nccl.Range{Address: address, Count: specs[i].Len()}
	}
	return c.comm.AllReduce(context.Background(), ranges...)
}

// gather gives all processes the rows of parameters that each has moved, rows[process][parameter].
func (c *collective) gather(parameters []backend.Buffer, specs []architecture.Tensor, rows [][]optimizer.Rows) error {
	var ranges []nccl.Rooted
	for i, p := range parameters {
		address, err := backend.Address(p)
		shape, failed := p.Shape()
		if err := errors.Join(err, failed); err != nil {
			return fmt.Errorf("%s: %w", specs[i].Name, err)
		}
		row := shape.Size() * int(shape.DType.Size()) / specs[i].Shape[0]
		for rank := range rows {
			if r := rows[rank][i]; r.From < r.To {
				ranges = append(ranges, nccl.Rooted{Root: rank, Range: nccl.Range{
					Address: address + uintptr(row*r.From), Count: row * (r.To - r.From)}})
			}
		}
	}
	return c.comm.Broadcast(context.Background(), ranges...)
}

func (c *collective) close() {
	if c != nil {
		c.comm.Close()
	}
}
