package engine

import (
	"context"
	"sync"

	"github.com/stele-lm/stele/engine/schedule"
	"github.com/stele-lm/stele/kernels/backend"
)

// Devices returns the number of devices among which sequences are divided.
func (e *Engine) Devices() int { return 1 + len(e.others) }

// Mesh returns these devices.
func (e *Engine) Mesh() (mesh backend.Mesh) {
	for _, one := range e.all() {
		mesh = append(mesh, one.Device())
	}
	return mesh
}

// all returns the engines of all devices, this one first.
func (e *Engine) all() []*Engine { return append([]*Engine{e}, e.others...) }

// spread makes the engines of further devices, one over each replica of the weights. They say nothing: what
// they would log is what this one does.
func (e *Engine) spread() {
	for _, w := range e.Weights.Replicas()[1:] {
		options := e.options
		options.Log, options.Say = nil, nil
		e.others = append(e.others, &Engine{
			Dir: e.Dir, Weights: w, Tokenizer: e.Tokenizer, Template: e.Template, options: options,
			scores: map[scoreKey]*backend.NamedProgram{},
		})
	}
}

// generateOnAll divides requests among the devices. Which takes one is decided before any begins, so that batches,
// and with them the last bits of log-probabilities, do not depend on how fast each is.
func (e *Engine) generateOnAll(ctx context.Context, requests []Request, emit func(Completion) error) error {
	e.Weights.Replicas() // which have the adapter from then on
	parts := e.divide(requests)
	var one sync.Mutex // calls of emit and of Piece
	var failed error   // of one of them, after which there are no more
	err := onEach(ctx, len(parts), func(ctx context.Context, device int) error {
		part := parts[device]
		own := make([]Request, len(part))
		for i, index := range part {
			own[i] = requests[index]
			if piece := own[i].Piece; piece != nil {
				own[i].Piece = func(p Piece) error {
					one.Lock()
					defer one.Unlock()
					if failed == nil {
						failed = piece(p)
					}
					return failed
				}
			}
		}
		return e.all()[device].generate(ctx, own, func(c Completion) error {
			c.Request = part[c.Request]
			one.Lock()
			defer one.Unlock()
			if failed == nil {
				failed = ctx.Err()
			}
			if failed == nil {
				failed = emit(c)
			}
			return failed
		})
	})
	var sum schedule.Stats
	for device, one := range e.all() {
		if len(parts[device]) > 0 {
			sum.Add(one.stats)
		}
	}
	e.stats = sum
	return err
}

// divide gives each device indices of requests, all samples of one together: the next goes to the device with the
// fewest tokens, of prompts and of completions as long as they may be.
func (e *Engine) divide(requests []Request) [][]int {
	parts, tokens := make([][]int, e.Devices()), make([]int, e.Devices())
	for i := range requests {
		least := 0
		for device := range tokens {
			if tokens[device] < tokens[least] {
				least = device
			}
		}
		r := &requests[i]
		parts[least] = append(parts[least], i)
		tokens[least] += len(r.Prompt) + max(r.N, 1)*r.MaxTokens
	}
	return parts
}

// onEach runs work for each of n devices at a time. The first error ends the others, and is returned.
func onEach(ctx context.Context, n int, work func(ctx context.Context, device int) error) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wait sync.WaitGroup
	var first sync.Once
	for device := range n {
		wait.Go(func() {
			if failed := work(ctx, device); failed != nil {
				first.Do(func() { err = failed })
				cancel()
			}
		})
	}
	wait.Wait()
	return err
}
