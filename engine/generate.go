package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/stele-lm/stele/engine/schedule"
	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/sampler"
)

// Request asks for N completions of a prompt.
type Request struct {
	// ID names the prompt: randomness is keyed by it, not by the order of
	// requests. Two requests of the same ID and seed draw the same numbers.
	ID        string
	Prompt    []int32
	N         int // samples; 0 means 1
	Sampling  sampler.Params
	MaxTokens int
	// Stop are texts to end before. A special token, as in "<|im_end|>", which the text
	// leaves out, ends it too.
	Stop       []string
	StopTokens []int32 // end with one of these, besides the model's own end of sequence
	IgnoreEOS  bool    // go on after the model's end of sequence
	Seed       uint64
}

// FinishReason says why a completion ended, in OpenAI's words.
type FinishReason string

// The two reasons.
const (
	FinishStop   FinishReason = "stop"   // end of sequence, a stop token or a stop string
	FinishLength FinishReason = "length" // MaxTokens, or the model's last position
)

// Completion is one finished sample.
type Completion struct {
	Request, Sample int     // indices into the requests and their samples
	Tokens          []int32 // with the token that ended it
	// LogProbs has one entry a token: the log-probability under the whole
	// vocabulary at the sampling temperature (1 when greedy).
	LogProbs     []float32
	Text         string // special tokens and the stop string left out
	FinishReason FinishReason
}

// Generate completes the requests with continuous batching and calls emit for
// each sample as it ends, in an order that depends on the batch. It stops at the
// first error, of emit or its own, and when ctx is done.
func (e *Engine) Generate(ctx context.Context, requests []Request, emit func(Completion) error) error {
	longest, total := 0, 0
	for i := range requests {
		r := &requests[i]
		if err := e.CheckRequest(r); err != nil {
			return fmt.Errorf("request %q: %w", r.ID, err)
		}
		length := min(len(r.Prompt)+r.MaxTokens, e.Weights.Config.MaxPositions)
		longest = max(longest, length)
		total += length * max(r.N, 1)
	}
	if len(requests) == 0 {
		return nil
	}
	if err := e.ensurePool(longest, min(total, longest*e.options.MaxBatch)); err != nil {
		return err
	}
	run := &generation{
		Engine: e, requests: requests, stops: make([][]int32, len(requests)),
		live: map[*schedule.Sequence]*sample{},
	}
	run.scheduler = schedule.New(e.pool.allocator, schedule.Options{
		MaxBatch:    e.options.MaxBatch,
		StepTokens:  e.stepTokens(),
		ChunkTokens: e.options.ChunkSize,
		PrefixCache: !e.options.NoPrefixCache,
		MaxLen:      longest,
	})
	for i, r := range requests {
		run.stops[i] = slices.Clone(r.StopTokens)
		for _, stop := range r.Stop {
			if id, ok := e.Tokenizer.Special(stop); ok {
				run.stops[i] = append(run.stops[i], id)
			}
		}
		if err := run.scheduler.Add(i, r.Prompt, max(r.N, 1), r.MaxTokens); err != nil {
			return fmt.Errorf("request %q: %w", r.ID, err)
		}
	}
	err := run.loop(ctx, emit)
	e.stats = run.scheduler.Stats()
	if err != nil {
		// What was cut short may have left pages half written or buffers donated.
		e.dropPool()
	}
	return err
}

// stepTokens is the budget of a step: what runs beside the decodes delays them. A
// CPU gains nothing from more than a chunk; a graph pads less with several.
func (e *Engine) stepTokens() int {
	if e.host != nil {
		return e.options.ChunkSize + e.options.MaxBatch
	}
	return max(e.options.ChunkSize, 2048)
}

// CheckRequest reports why a request cannot be generated: Generate makes this check of
// all its requests before it begins.
func (e *Engine) CheckRequest(r *Request) error {
	c := e.Weights.Config
	switch {
	case len(r.Prompt) == 0:
		return errors.New("the prompt is empty")
	case r.MaxTokens < 1:
		return fmt.Errorf("max tokens is %d, expected at least 1", r.MaxTokens)
	case len(r.Prompt) >= c.MaxPositions:
		return fmt.Errorf("the prompt has %d tokens, the model has %d positions",
			len(r.Prompt), c.MaxPositions)
	}
	for _, id := range r.Prompt {
		if id < 0 || int(id) >= c.VocabSize {
			return fmt.Errorf("prompt token %d is outside the model's vocabulary of %d", id, c.VocabSize)
		}
	}
	return r.Sampling.Validate()
}

// generation is one call of Generate.
type generation struct {
	*Engine
	requests  []Request
	stops     [][]int32 // tokens that end a completion of each request
	scheduler *schedule.Scheduler
	live      map[*schedule.Sequence]*sample
	asked     []draw // of this step
}

// sample is a completion in the making.
type sample struct {
	logprobs []float32
	stream   *text.Stream
	text     strings.Builder
}

func (g *generation) loop(ctx context.Context, emit func(Completion) error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		step, err := g.scheduler.Next()
		if err != nil || step == nil {
			return err
		}
		if len(step.Copies) > 0 {
			if err := g.pool.copyPages(step.Copies); err != nil {
				return err
			}
		}
		draws := g.draws(step)
		if err := g.pool.step(step.Items, draws); err != nil {
			return err
		}
		for _, d := range draws {
			if err := g.extend(d, emit); err != nil {
				return err
			}
		}
	}
}

// draws lists the tokens that a step has to draw.
func (g *generation) draws(step *schedule.Step) []draw {
	g.asked = g.asked[:0]
	row := 0
	for i, item := range step.Items {
		for _, seq := range item.Sample {
			r := &g.requests[seq.Request]
			key := sampler.Key{
				Seed: r.Seed, Prompt: promptKey(r.ID),
				Sample: uint32(seq.Sample), Position: uint32(len(seq.Tokens)),
			}
			g.asked = append(g.asked, draw{sequence: seq, item: i, row: row, params: r.Sampling, key: key})
		}
		row += min(1, len(item.Sample))
	}
	return g.asked
}

// promptKey is the number that stands for a request's ID in the sampler's key.
func promptKey(id string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(id))
	return h.Sum64()
}

// extend appends a drawn token to its sequence and ends the sequence when it is
// complete.
func (g *generation) extend(d draw, emit func(Completion) error) error {
	seq, r := d.sequence, &g.requests[d.sequence.Request]
	if d.err != nil {
		return fmt.Errorf("request %q, sample %d, position %d: %w", r.ID, seq.Sample, len(seq.Tokens), d.err)
	}
	s := g.live[seq]
	if s == nil {
		s = &sample{stream: g.Tokenizer.NewStream(true)}
		g.live[seq] = s
	}
	s.logprobs = append(s.logprobs, d.logprob)
	g.scheduler.Append(seq, d.token)
	piece, err := s.stream.Push(d.token)
	if err != nil {
		return fmt.Errorf("request %q: %w", r.ID, err)
	}
	from := s.text.Len()
	s.text.WriteString(piece)
	cut, stopped := findStop(s.text.String(), from, r.Stop)

	generated := len(seq.Tokens) - seq.Prompt
	var reason FinishReason
	switch {
	case stopped,
		!r.IgnoreEOS && slices.Contains(g.Weights.Config.EOS, d.token),
		slices.Contains(g.stops[seq.Request], d.token):
		reason = FinishStop
	case generated >= r.MaxTokens, len(seq.Tokens) >= g.Weights.Config.MaxPositions:
		reason = FinishLength
	default:
		return nil
	}
	out := s.text.String()
	if stopped {
		out = out[:cut]
	} else {
		rest, err := s.stream.Flush()
		if err != nil {
			return fmt.Errorf("request %q: %w", r.ID, err)
		}
		out += rest
	}
	completion := Completion{
		Request: seq.Request, Sample: seq.Sample, Tokens: slices.Clone(seq.Tokens[seq.Prompt:]),
		LogProbs: s.logprobs, Text: out, FinishReason: reason,
	}
	delete(g.live, seq)
	g.scheduler.Finish(seq)
	return emit(completion)
}

// findStop looks for the first stop string that ends after byte from of text.
func findStop(text string, from int, stops []string) (cut int, found bool) {
	cut = len(text)
	for _, stop := range stops {
		if stop == "" {
			continue
		}
		begin := max(0, from-len(stop)+1)
		if i := strings.Index(text[begin:], stop); i >= 0 && begin+i < cut {
			cut, found = begin+i, true
		}
	}
	return cut, found
}
