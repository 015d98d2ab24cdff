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
	adjuster *sampler.Adjuster // nil where nothing is adjusted
	top      int               // likeliest tokens that are asked for
	guess    []int32           // of the tokens from this one on; the rows after row have their logits

	token     int32
	logprob   float32
	further   []sampler.TokenLogProb // drawn after it, as far as the guess was right
	likeliest []sampler.TokenLogProb
	err       error
}

// near reports whether logits have to be in this process's memory for the draw.
func (d *draw) near() bool { return d.adjuster != nil || d.top > 0 }

// from draws from logits [V] in memory, after which come those of the guess.
func (d *draw) from(s *sampler.Sampler, logits []float32, V int) {
	d.token, d.logprob, d.err = s.SampleAdjusted(logits[:V], d.adjuster, d.params, d.key)
	if d.err == nil && d.top > 0 {
		d.likeliest, d.err = s.Top(logits[:V], d.top, d.params.Temperature)
	}
	key, token := d.key, d.token
	for _, guessed := range d.guess {
		if d.err != nil || guessed != token {
			return
		}
		logits = logits[V:]
		key.Position++
		next := sampler.TokenLogProb{}
		next.Token, next.LogProb, d.err = s.Sample(logits[:V], d.params, key)
		d.further, token = append(d.further, next), next.Token
	}
}

// those calls run with those of the draws that are near, or with those that are not, if there are any.
func those(draws []draw, near bool, run func([]draw) error) error {
	var some []draw
	var at []int
	for i := range draws {
		if draws[i].near() == near {
			some, at = append(some, draws[i]), append(at, i)
		}
	}
	if len(some) == 0 {
		return nil
	}
	err := run(some)
	for i, k := range at {
		draws[k] = some[i]
	}
	return err
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
				d.from(&(*samplers)[w], logits[row(d)*V:], V)
			}
		})
	}
	wait.Wait()
}
