package learner

import (
	"bytes"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/trainer/optimizer"
	"github.com/stele-lm/stele/trainer/tensorfile"
)

// Divided reports whether the optimiser's state is divided over the processes of the job (optimizer.zero_stage).
func (l *Learner) Divided() bool { return l.part().Of > 1 }

// part is what this process has of the optimiser's state.
func (l *Learner) part() optimizer.Part {
	job := l.options.Job
	if l.options.AdamW.ZeROStage == 0 || job == nil || job.Size == 1 {
		return optimizer.Part{}
	}
	return optimizer.Part{Index: job.Rank, Of: job.Size}
}

// gather gives every process the rows of parameters that the others have moved.
func (l *Learner) gather() error {
	if !l.Divided() {
		return nil
	}
	job := l.options.Job
	rows := make([][]optimizer.Rows, job.Size) // by process and parameter
	for rank := range rows {
		rows[rank] = optimizer.Part{Index: rank, Of: job.Size}.Rows(l.specs)
	}
	if l.collective != nil {
		return l.collective.gather(l.replicas[0].trained(l), l.specs, rows)
	}
	return l.exchange(func(r *replica) []backend.Buffer { return r.trained(l) },
		func(first int, tensors [][]byte) error {
			parts := make([][][]byte, job.Size)
			for rank := range parts {
				for k, t := range tensors {
					row, r := len(t)/l.specs[first+k].Shape[0], rows[rank][first+k]
					parts[rank] = append(parts[rank], t[row*r.From:row*r.To])
				}
			}
			return job.AllGatherParts(parts)
		})
}

// SaveState writes the optimiser's state and more tensors to a file, as one process has them. Where the state is
// divided all processes call it, and process 0 writes.
func (l *Learner) SaveState(path string, more []tensorfile.Tensor) error {
	o, job := l.Optimizer(), l.options.Job
	if !l.Divided() {
		return tensorfile.Write(path, append(o.State(), more...))
	}
	own := map[string]tensorfile.Tensor{}
	for _, t := range o.State() {
		own[t.Name] = t
	}
	// Each tensor in turn: no process has room for all.
	gathered := func(yield func(checkpoint.Tensor, error) bool) {
		for _, whole := range o.Whole() {
			var part []byte
			var err error
			if t, ok := own[whole.Name]; ok {
				part, err = backend.Bytes(*t.Buffer)
			}
			failed := job.Agree(err)
			var parts [][]byte
			if failed == nil {
				parts, failed = job.Gather(part)
			}
			data := bytes.Join(parts, nil)
			if !yield(whole.InFile(data), failed) || failed != nil {
				return
			}
		}
	}
	if job.Rank > 0 {
		for _, err := range gathered {
			if err != nil {
				return err
			}
		}
		return nil
	}
	return tensorfile.WriteAfter(path, o.Whole(), gathered, more)
}
