package main

import (
	"fmt"
	"github.com/stele-lm/stele/cluster"
	"io"
	"math"
	"math/rand/v2"
	"slices"
)

// measured is what was measured on one H200 with the shape of Qwen2.5-0.5B in bfloat16 (docs/benchmarks.md).
var measured = struct {
	weights, bandwidth float64         // of the model; bytes a second of the memory
	decode             map[int]float64 // sequences → tokens a second, empty context
	prefill            float64         // tokens a second
}{
	weights: 494e6, bandwidth: 4.3e12,
	decode:  map[int]float64{1: 503, 16: 7360, 64: 25_600, 256: 69_200},
	prefill: 102_700,
}

// assumed is what nobody measured: links as their makers state them, of which four fifths are counted on.
var assumed = struct {
	perMachine      int     // GPUs
	within, between float64 // bytes a second from a GPU, in one direction: NVLink; a port of 400 Gb/s for each GPU
	share           float64
	latency         float64 // of a step of a ring between machines
}{8, 450e9, 50e9, 0.8, 10e-6}

// model is what is trained.
type model struct {
	name       string
	weights    float64
	cache      float64 // bytes of keys and values a token
	perElement float64 // bytes of weights in memory
}

var qwen7B = model{"Qwen2.5-7B", 7.616e9, 2 * 28 * 4 * 128 * 2, 2}

// work is a step's.
type work struct {
	questions, samples int
	prompt             int
	median, longest    int // tokens of completions, which are log-normal and cut off
}

// step is how long the parts of a step take, in seconds.
type step struct {
	rollout, gradient, sum, update float64
	longest                        float64 // of rollout: what the longest completion takes alone
}

func (s step) total() float64 { return s.rollout + s.gradient + s.sum + s.update }

// base and slope are of the time of a decode step of the measured shape: base + slope · sequences, without reading
// weights. Between 1 and 256 sequences it lies within a tenth of what was measured.
func fit() (base, slope float64) {
	time := func(n int) float64 { return float64(n) / measured.decode[n] }
	slope = (time(256) - time(1)) / 255
	return time(1) - slope - 2*measured.weights/measured.bandwidth, slope
}

// decode is how long a step takes that draws a token for so many sequences, which have so many tokens in all. What a
// launch takes is as measured; weights and keys and values are read at the memory's speed; arithmetic of a token
// grows with the weights.
func (m model) decode(sequences, tokens int) float64 {
	base, slope := fit()
	return base + (m.weights*m.perElement+m.cache*float64(tokens))/measured.bandwidth +
		slope*float64(sequences)*m.weights/measured.weights
}

// lengths draws the lengths of a step's completions, question by question.
func (w work) lengths(seed uint64) []int {
	r := rand.New(rand.NewPCG(seed, 1))
	all := make([]int, w.questions*w.samples)
	for i := range all {
		all[i] = min(w.longest, max(1, int(float64(w.median)*math.Exp(0.8*r.NormFloat64()))))
	}
	return all
}

// rollouts simulates how a job's processes, of one GPU each, take questions (see cluster.Deal), with batches of 64, and
// decode what they have, token by token.
func (m model) rollouts(w work, gpus int, lengths []int) float64 {
	type sequence struct{ left, context int }
	type gpu struct {
		now  float64
		live []sequence
		deal *cluster.Deal
		over bool // there are no more questions
	}
	next, end := 0, 0.0
	count := func() (int, error) {
		next++
		return next - 1, nil
	}
	all := make([]gpu, gpus)
	rooms := slices.Repeat([]cluster.Room{{Devices: 1, Batch: 64}}, gpus)
	for rank := range all {
		all[rank].deal = cluster.NewDeal(rank, rooms, w.questions, w.samples, count)
	}
	take := func(g *gpu) {
		for !g.over && len(g.live) < g.deal.Held {
			number, more, _ := g.deal.Next()
			if g.over = !more; g.over {
				break
			}
			for _, n := range lengths[number*w.samples : (number+1)*w.samples] {
				g.live = append(g.live, sequence{n, w.prompt})
			}
			g.now += float64(w.prompt) * m.weights / measured.weights / measured.prefill
		}
	}
	for { // the GPU that is furthest behind goes on
		var g *gpu
		for i := range all {
			if busy := len(all[i].live) > 0 || !all[i].over; busy && (g == nil || all[i].now < g.now) {
				g = &all[i]
			}
		}
		if g == nil {
			return end
		}
		if take(g); len(g.live) == 0 {
			continue
		}
		steps, tokens := math.MaxInt, 0
		for _, s := range g.live {
			steps = min(steps, s.left)
			tokens += s.context
		}
		g.now += float64(steps) * m.decode(len(g.live), tokens+len(g.live)*steps/2)
		kept := g.live[:0]
		for _, s := range g.live {
			if s.left > steps {
				kept = append(kept, sequence{s.left - steps, s.context + steps})
			}
		}
		g.live = kept
		end = max(end, g.now)
	}
}

// ring is how long a sum of so many bytes takes over GPUs: a ring passes each byte twice, but for a part of it; between
// machines it is as slow as a GPU's port.
func ring(bytes float64, gpus int) float64 {
	if gpus == 1 {
		return 0
	}
	speed, wait := assumed.within, 0.0
	if gpus > assumed.perMachine {
		speed, wait = assumed.between, assumed.latency
	}
	n := float64(gpus)
	return 2*(n-1)/n*bytes/(assumed.share*speed) + 2*(n-1)*wait
}

// of is a step's time on so many GPUs. The gradient of a token costs four times its forward pass, as
// update.remat has it, at the arithmetic of the measured prefill; the optimiser reads and writes weights, masters,
// both moments and gradients, each GPU its part of them where they are divided.
func (m model) of(w work, gpus int, divided bool) step {
	lengths, tokens := w.lengths(1), 0
	longest := 0
	for _, n := range lengths {
		tokens += n
		longest = max(longest, n)
	}
	tokens += w.questions * w.prompt
	share := 1.0
	if divided {
		share = 1 / float64(gpus)
	}
	return step{
		rollout:  m.rollouts(w, gpus, lengths),
		gradient: 4 * float64(tokens) / float64(gpus) * m.weights / measured.weights / measured.prefill,
		sum:      ring(4*m.weights, gpus),
		update:   2 * (m.perElement + 4 + 8 + 4) * m.weights * share / measured.bandwidth,
		longest:  float64(longest) * m.decode(1, w.prompt+longest/2),
	}
}

// write prints a table of a step on several numbers of GPUs; with grows, each GPU has as much work as one has.
func (m model) write(out io.Writer, w work, grows bool) error {
	fmt.Fprint(out, "| GPUs | samples | rollout s | gradient s | sum s | update s | step s | samples a second | "+
		"of even |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	first := 0.0
	for _, gpus := range []int{1, 8, 64, 512} {
		w := w
		if grows {
			w.questions *= gpus
		}
		s, n := m.of(w, gpus, true), float64(w.questions*w.samples)
		rate := n / s.total()
		if gpus == 1 {
			first = rate
		}
		fmt.Fprintf(out, "| %d | %.0f | %.1f | %.1f | %.1f | %.3f | %.1f | %.1f | %.0f %% |\n", gpus, n, s.rollout,
			s.gradient, s.sum, s.update, s.total(), rate, 100*rate/first/float64(gpus))
	}
	return nil
}
