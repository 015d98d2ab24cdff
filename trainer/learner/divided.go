package learner

import (
	"bytes"
	"slices"

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
	var parts []byte
	for _, b := range buckets(l.specs, l.inOrder(), job.Size, together) {
		err := l.exchange(b, func(r *replica) []backend.Buffer { return r.trained(l) }, func(tensors [][]byte) error {
			number := len(tensors[0]) / l.specs[b.tensors[0]].Len() // its bytes
			bounds := make([]int, len(b.bounds))
			for rank, n := range b.bounds {
				bounds[rank] = n * number
			}
			if len(tensors) == 1 {
				return job.AllGatherParts(tensors[0], bounds)
			}
			parts = slices.Grow(parts[:0], bounds[job.Size])[:bounds[job.Size]]
			for k, t := range tensors {
				at, n, from := b.place(job.Rank, k)
				copy(parts[number*at:], t[number*from:number*(from+n)])
			}
			err := job.AllGatherParts(parts, bounds)
			for rank := range job.Size {
				for k, t := range tensors {
					at, n, from := b.place(rank, k)
					copy(t[number*from:], parts[number*at:number*(at+n)])
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
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
