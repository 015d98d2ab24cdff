package engine

import (
	"sync"

	"github.com/stele-lm/stele/engine/schedule"
	"github.com/stele-lm/stele/internal/threads"
	"github.com/stele-lm/stele/sampler"
)

// draw is one token to be drawn in a step, and what was drawn.
type draw struct {
	sequence *schedule.Sequence
	item     int // of the step, whose logits it is drawn from
	row      int // of that item among those that are drawn from
	params   sampler.Params
	key      sampler.Key

	token   int32
	logprob float32
	err     error
}

// drawFrom draws from logits [rows, V] in memory on all cores; row says which one a
// draw is from: a row may serve a whole group. It keeps scratch memory in samplers.
func drawFrom(samplers *[]sampler.Sampler, logits []float32, V int, draws []draw, row func(*draw) int) {
	workers := min(threads.Count, len(draws))
	for len(*samplers) < workers {
		*samplers = append(*samplers, sampler.Sampler{})
	}
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for i := w; i < len(draws); i += workers {
				d := &draws[i]
				from := row(d) * V
				d.token, d.logprob, d.err = (*samplers)[w].Sample(logits[from:from+V], d.params, d.key)
			}
		})
	}
	wait.Wait()
}
