package learner

import (
	"fmt"

	"github.com/stele-lm/stele/kernels/backend"
)

// together is how many numbers of gradients are added up over processes at a time, where one tensor has not more.
const together = 8 << 20

// sumProcesses replaces the gradients of every device by their sums over the processes of the job, in the order of
// ranks. They pass through this process's memory, some tensors at a time, or are summed where they lie on GPUs.
func (l *Learner) sumProcesses() error {
	job := l.options.Job
	if job == nil || job.Size == 1 {
		return nil
	}
	if l.collective != nil {
		return l.collective.sum(l.replicas[0].gradients, l.specs)
	}
	var numbers []float32
	for _, b := range buckets(l.specs, l.inOrder(), 1, together) {
		err := l.exchange(b, func(r *replica) []backend.Buffer { return r.gradients }, func(tensors [][]byte) error {
			if len(tensors) == 1 {
				return job.AllReduce(backend.FloatsIn(tensors[0]))
			}
			numbers = numbers[:0]
			for _, t := range tensors {
				numbers = append(numbers, backend.FloatsIn(t)...)
			}
			err := job.AllReduce(numbers)
			at := 0
			for _, t := range tensors {
				at += copy(backend.FloatsIn(t), numbers[at:])
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("gradients: %w", err)
		}
	}
	return nil
}

// inOrder are the numbers of all that is trained.
func (l *Learner) inOrder() []int {
	order := make([]int, len(l.specs))
	for i := range order {
		order[i] = i
	}
	return order
}

// exchange has work done on tensors of the first device, where they lie in memory or in copies, and gives what it makes
// of them to all devices.
func (l *Learner) exchange(b bucket, of func(*replica) []backend.Buffer, work func(tensors [][]byte) error) error {
	inMemory := l.weights.Device.IsCPU()
	read := backend.Bytes
	if inMemory {
		read = backend.InMemory
	}
	tensors := make([][]byte, len(b.tensors))
	for k, i := range b.tensors {
		data, err := read(of(l.replicas[0])[i])
		if err != nil {
			return fmt.Errorf("%s: %w", l.specs[i].Name, err)
		}
		tensors[k] = data
	}
	if err := work(tensors); err != nil {
		return err
	}
	return l.each(func(device int, r *replica) error {
		for k, i := range b.tensors {
			buffer := &of(r)[i]
			if inMemory {
				data, err := backend.InMemory(*buffer)
				if err != nil {
					return fmt.Errorf("%s: %w", l.specs[i].Name, err)
				}
				if device > 0 {
					copy(data, tensors[k])
				}
				continue
			}
			shape, err := (*buffer).Shape()
			if err != nil {
				return fmt.Errorf("%s: %w", l.specs[i].Name, err)
			}
			moved, err := backend.UploadBytes(r.weights.Device, tensors[k], shape)
			if err != nil {
				return fmt.Errorf("%s: %w", l.specs[i].Name, err)
			}
			backend.Free(*buffer)
			*buffer = moved
		}
		return nil
	})
}
