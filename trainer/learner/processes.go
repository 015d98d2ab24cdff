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
	for at := 0; at < len(l.specs); {
		end, n := l.some(at)
		if cap(numbers) < n {
			numbers = make([]float32, n)
		}
		numbers = numbers[:n]
		first := l.replicas[0].gradients
		for i, from := at, 0; i < end; i++ {
			to := from + size(l.specs[i].Shape)
			if err := backend.Download(first[i], numbers[from:to]); err != nil {
				return fmt.Errorf("gradient of %s: %w", l.specs[i].Name, err)
			}
			from = to
		}
		if err := job.AllReduce(numbers); err != nil {
			return err
		}
		err := l.each(func(_ int, r *replica) error {
			for i, from := at, 0; i < end; i++ {
				to := from + size(l.specs[i].Shape)
				sum, err := backend.Upload(r.weights.Device, numbers[from:to], l.specs[i].Shape...)
				if err != nil {
					return fmt.Errorf("gradient of %s: %w", l.specs[i].Name, err)
				}
				backend.Free(r.gradients[i])
				r.gradients[i], from = sum, to
			}
			return nil
		})
		if err != nil {
			return err
		}
		at = end
	}
	return nil
}

// some returns where those parameters end, from number at on, that are given to others at a time, and how many numbers
// they have.
func (l *Learner) some(at int) (end, n int) {
	for end = at; end < len(l.specs) && (end == at || n+size(l.specs[end].Shape) <= together); end++ {
		n += size(l.specs[end].Shape)
	}
	return end, n
}

func size(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}
