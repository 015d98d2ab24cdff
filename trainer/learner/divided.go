package learner

import (
	"bytes"
	"fmt"

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
	for at := 0; at < len(l.specs); {
		end, _ := l.some(at)
		whole := make([][]byte, end-at)
		var own []byte
		for i := at; i < end; i++ {
			data, err := backend.Bytes(l.replicas[0].trained(l)[i])
			if err != nil {
				return fmt.Errorf("%s: %w", l.specs[i].Name, err)
			}
			row := len(data) / l.specs[i].Shape[0]
			whole[i-at] = data
			own = append(own, data[row*rows[job.Rank][i].From:row*rows[job.Rank][i].To]...)
		}
		all, err := job.AllGather(own)
		if err != nil {
			return err
		}
		for rank, data := range all {
			for i := at; i < end; i++ {
				row := len(whole[i-at]) / l.specs[i].Shape[0]
				n := row * (rows[rank][i].To - rows[rank][i].From)
				copy(whole[i-at][row*rows[rank][i].From:], data[:n])
				data = data[n:]
			}
		}
		err = l.each(func(_ int, r *replica) error {
			for i := at; i < end; i++ {
				if own := rows[job.Rank][i]; own.From == 0 && own.To == l.specs[i].Shape[0] {
					continue // nobody else has moved it
				}
				parameter := &r.trained(l)[i]
				shape, err := (*parameter).Shape()
				if err != nil {
					return fmt.Errorf("%s: %w", l.specs[i].Name, err)
				}
				moved, err := backend.UploadBytes(r.weights.Device, whole[i-at], shape)
				if err != nil {
					return fmt.Errorf("%s: %w", l.specs[i].Name, err)
				}
				backend.Free(*parameter)
				*parameter = moved
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
