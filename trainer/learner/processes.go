package learner

import (
	"fmt"

	"github.com/stele-lm/stele/kernels/backend"
)

// together is how many numbers of tensors processes exchange at a time, where one tensor has not more: those that do
// not lie in memory are copied to it, and gradients that pass through a receiver put together.
const together = 8 << 20

// sumProcesses replaces the gradients of every device by their sums over the processes of the job, in the order of
// ranks. They pass through this process's memory, or are summed where they lie on GPUs.
func (l *Learner) sumProcesses() error {
	job := l.options.Job
	if job == nil || job.Size == 1 {
		return nil
	}
	if l.collective != nil {
		return l.collective.sum(l.replicas[0].gradients, l.specs)
	}
	err := l.exchange(func(r *replica) []backend.Buffer { return r.gradients },
		func(_ int, tensors [][]byte) error {
			numbers := make([][]float32, len(tensors))
			for k, t := range tensors {
				numbers[k] = backend.FloatsIn(t)
			}
			return job.AllReduce(numbers...)
		})
	if err != nil {
		return fmt.Errorf("gradients: %w", err)
	}
	return nil
}

// exchange has work done on the tensors of the first device, the first of them a number of specs: on all where they lie
// in memory, else on copies of some at a time. What it makes of them is given to all devices.
func (l *Learner) exchange(of func(*replica) []backend.Buffer, work func(first int, tensors [][]byte) error) error {
	inMemory := l.weights.Device.IsCPU()
	for first := 0; first < len(l.specs); {
		end, n := first, 0
		for end < len(l.specs) && (inMemory || end == first || n+l.specs[end].Len() <= together) {
			n += l.specs[end].Len()
			end++
		}
		if err := l.exchangeSome(of, first, end, inMemory, work); err != nil {
			return err
		}
		first = end
	}
	return nil
}

// exchangeSome is exchange of the tensors from first to below end.
func (l *Learner) exchangeSome(of func(*replica) []backend.Buffer, first, end int, inMemory bool,
	work func(first int, tensors [][]byte) error) error {
	read := backend.Bytes
	if inMemory {
		read = backend.InMemory
	}
	tensors := make([][]byte, end-first)
	for k := range tensors {
		data, err := read(of(l.replicas[0])[first+k])
		if err != nil {
			return fmt.Errorf("%s: %w", l.specs[first+k].Name, err)
		}
		tensors[k] = data
	}
	if err := work(first, tensors); err != nil {
		return err
	}
	return l.each(func(device int, r *replica) error {
		for k, data := range tensors {
			name, buffer := l.specs[first+k].Name, &of(r)[first+k]
			if inMemory {
				own, err := backend.InMemory(*buffer)
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				if device > 0 {
					copy(own, data)
				}
				continue
			}
			shape, err := (*buffer).Shape()
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			moved, err := backend.UploadBytes(r.weights.Device, data, shape)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			backend.Free(*buffer)
			*buffer = moved
		}
		return nil
	})
}
