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
	First     int // number of the first of them: a request may ask for a part of another's samples
	Sampling  sampler.Params
	MaxTokens int
	// Stop are texts to end before. A special token, as in "<|im_end|>", which the text
	// leaves out, ends it too.
	Stop       []string
	StopTokens []int32 // end with one of these, besides the model's own end of sequence
	IgnoreEOS  bool    // go on after the model's end of sequence
	Seed       uint64
	// Adjustment changes the logits before a token is drawn; nil changes nothing.
	Adjustment *sampler.Adjustment
	// TopLogProbs is how many of the likeliest tokens are reported beside each token.
	TopLogProbs int
	// Piece, if there is one, is called with each token as it is drawn. An error ends Generate.
	Piece func(Piece) error
}

// Piece is what one token adds to a completion.
type Piece struct {
	Sample  int
	Token   int32
	LogProb float32
	Top     []sampler.TokenLogProb // as many as TopLogProbs asks for
	// Text is what is certain to be part of the completion's text now and was not before: it waits for the other
	// bytes of a character, and for what may become a stop string. All of a completion's pieces make its text.
	Text string
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
	Request, Sample int     // index into the requests; number among the samples
	Tokens          []int32 // with the token that ended it
	// LogProbs has one entry a token: the log-probability under the whole
	// vocabulary at the sampling temperature (1 when greedy).
	LogProbs     []float32
	Top          [][]sampler.TokenLogProb // of each token, where the request asks for them
	Text         string                   // special tokens and the stop string left out
	FinishReason FinishReason
}

// Generate completes the requests with continuous batching and calls emit for
// each sample as it ends, in an order that depends on the batch. It stops at the
// first error, of emit or its own, and when ctx is done. Several devices divide the requests.
func (e *Engine) Generate(ctx context.Context, requests []Request, emit func(Completion) error) error {
	for i := range requests {
		if err := e.CheckRequest(&requests[i]); err != nil {
			return fmt.Errorf("request %q: %w", requests[i].ID, err)
		}
	}
	if len(e.others) > 0 {
		return e.generateOnAll(ctx, requests, emit)
	}
	return e.generate(ctx, requests, emit)
}

// generate is Generate on one device, of requests that were checked.
func (e *Engine) generate(ctx context.Context, requests []Request, emit func(Completion) error) error {
	longest, samples, total := 0, 0, 0
	for i := range requests {
		r := &requests[i]
		length := min(len(r.Prompt)+r.MaxTokens, e.Weights.Config.MaxPositions)
		longest = max(longest, length)
		samples += max(r.N, 1)
		total += e.poolTokens(length, max(r.N, 1))
	}
	if len(requests) == 0 {
		return nil
	}
	together := e.poolTokens(longest, min(samples, e.options.MaxBatch))
	if err := e.ensurePool(longest, min(total, together)); err != nil {
		return err
	}
	run := e.newGeneration(longest)
	for i := range requests {
		run.requests = append(run.requests, e.pend(&requests[i], emit))
		r := &requests[i]
		if err := run.scheduler.Add(i, r.Prompt, max(r.N, 1), r.MaxTokens); err != nil {
			return fmt.Errorf("request %q: %w", r.ID, err)
		}
	}
	err := run.loop(ctx)
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
	case r.First < 0:
		return fmt.Errorf("the first sample is number %d, expected 0 or more", r.First)
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
	for _, id := range r.StopTokens {
		if id < 0 || int(id) >= c.VocabSize {
			return fmt.Errorf("stop token %d is outside the model's vocabulary of %d", id, c.VocabSize)
		}
	}
	if r.TopLogProbs < 0 || r.TopLogProbs > c.VocabSize {
		return fmt.Errorf("%d likeliest tokens are asked for, expected 0 to the vocabulary's %d", r.TopLogProbs,
			c.VocabSize)
	}
	if a := r.Adjustment; a != nil {
		if err := a.Validate(c.VocabSize); err != nil {
			return err
		}
		if a.MinTokens > r.MaxTokens {
			return fmt.Errorf("min tokens is %d, more than max tokens, which is %d", a.MinTokens, r.MaxTokens)
		}
	}
	return r.Sampling.Validate()
}

// generation is one call of Generate, or a session.
type generation struct {
	*Engine
	requests  []*pending // by Sequence.Request
	scheduler *schedule.Scheduler
	live      map[*schedule.Sequence]*sample
	asked     []draw  // of this step
	drafts    *drafts // nil where nothing is guessed
}

// pending is a request under way.
type pending struct {
	*Request
	stops []int32 // tokens that end a completion, the model's end of sequence among them
	emit  func(Completion) error
	left  int // samples that have not ended
}

// newGeneration begins one over the engine's pool, with sequences of at most longest tokens.
func (e *Engine) newGeneration(longest int) *generation {
	g := &generation{Engine: e, live: map[*schedule.Sequence]*sample{}}
	options := schedule.Options{
		MaxBatch:    e.options.MaxBatch,
		StepTokens:  e.stepTokens(),
		ChunkTokens: e.options.ChunkSize,
		PrefixCache: !e.options.NoPrefixCache,
		MaxLen:      longest,
	}
	if e.host != nil && !e.options.NoDrafts {
		g.drafts = newDrafts()
		options.Draft = g.guess
	}
	g.scheduler = schedule.New(e.pool.allocator, options)
	return g
}

// guess returns tokens that a sequence may go on with. None are guessed for those whose logits are changed by what
// they hold.
func (g *generation) guess(seq *schedule.Sequence, rows int) []int32 {
	r := g.requests[seq.Request]
	if r.Adjustment != nil || r.TopLogProbs > 0 {
		return nil
	}
	return g.drafts.guess(seq, rows, r.MaxTokens-(len(seq.Tokens)-seq.Prompt)-1)
}

func (e *Engine) pend(r *Request, emit func(Completion) error) *pending {
	p := &pending{Request: r, stops: slices.Clone(r.StopTokens), emit: emit, left: max(r.N, 1)}
	for _, stop := range r.Stop {
		if id, ok := e.Tokenizer.Special(stop); ok && int(id) < e.Weights.Config.VocabSize {
			p.stops = append(p.stops, id)
		}
	}
	if !r.IgnoreEOS {
		p.stops = append(p.stops, e.Weights.Config.EOS...)
	}
	return p
}

// sample is a completion in the making.
type sample struct {
	logprobs []float32
	top      [][]sampler.TokenLogProb
	adjuster *sampler.Adjuster // nil where nothing is adjusted
	stream   *text.Stream
	text     strings.Builder
	certain  int // bytes of text that are told of, and that no stop string begins in
}

// sample returns what is known of a sequence's completion, which begins with the first draw.
func (g *generation) sample(seq *schedule.Sequence) *sample {
	s := g.live[seq]
	if s == nil {
		r := g.requests[seq.Request]
		s = &sample{
			adjuster: sampler.NewAdjuster(r.Adjustment, r.Prompt, r.stops),
			stream:   g.Tokenizer.NewStream(true),
		}
		g.live[seq] = s
	}
	return s
}

func (g *generation) loop(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		step, err := g.scheduler.Next()
		if err != nil || step == nil {
			return err
		}
		draws, err := g.step(step)
		if err != nil {
			return err
		}
		for _, d := range draws {
			if err := g.take(d, len(draws)); err != nil {
				return err
			}
		}
	}
}

// take appends what was drawn to its sequence, a right guess and what follows it included, and ends the sequence when
// it is complete.
func (g *generation) take(d draw, rows int) error {
	seq := d.sequence
	ended, err := g.extend(d)
	for _, further := range d.further {
		if ended || err != nil {
			break
		}
		d.token, d.logprob = further.Token, further.LogProb
		ended, err = g.extend(d)
	}
	if err != nil || g.drafts == nil {
		return err
	}
	if len(d.guess) > 0 {
		g.drafts.checked(seq, len(d.guess), len(d.further), rows)
	}
	switch {
	case ended:
		g.drafts.ended(seq, g.requests[seq.Request] == nil || g.requests[seq.Request].left == 0)
	case len(d.guess) > 0:
		g.scheduler.Accept(seq, len(d.further))
	}
	return nil
}

// step runs a step and returns what was drawn.
func (g *generation) step(step *schedule.Step) ([]draw, error) {
	if len(step.Copies) > 0 {
		if err := g.pool.copyPages(step.Copies); err != nil {
			return nil, err
		}
	}
	draws := g.draws(step)
	return draws, g.pool.step(step.Items, draws)
}

// draws lists the tokens that a step has to draw.
func (g *generation) draws(step *schedule.Step) []draw {
	g.asked = g.asked[:0]
	row := 0
	for i, item := range step.Items {
		for _, seq := range item.Sample {
			r := g.requests[seq.Request]
			key := sampler.Key{
				Seed: r.Seed, Prompt: promptKey(r.ID),
				Sample: uint32(r.First + seq.Sample), Position: uint32(len(seq.Tokens)),
			}
			g.asked = append(g.asked, draw{
				sequence: seq, item: i, row: row, params: r.Sampling, key: key,
				adjuster: g.sample(seq).adjuster, top: r.TopLogProbs,
				guess: item.Tokens[len(item.Tokens)-item.Draft:],
			})
		}
		row += min(1, len(item.Sample)) + item.Draft
	}
	if g.drafts != nil {
		g.drafts.stepped(len(g.asked))
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
func (g *generation) extend(d draw) (ended bool, err error) {
	seq, r := d.sequence, g.requests[d.sequence.Request]
	if d.err != nil {
		return false, fmt.Errorf("request %q, sample %d, position %d: %w", r.ID, r.First+seq.Sample, len(seq.Tokens),
			d.err)
	}
	s := g.sample(seq)
	s.logprobs = append(s.logprobs, d.logprob)
	if r.TopLogProbs > 0 {
		s.top = append(s.top, d.likeliest)
	}
	if s.adjuster != nil {
		s.adjuster.Add(d.token)
	}
	g.scheduler.Append(seq, d.token)
	if g.drafts != nil {
		g.drafts.drawn(seq)
	}
	added, err := s.stream.Push(d.token)
	if err != nil {
		return false, fmt.Errorf("request %q: %w", r.ID, err)
	}
	from := s.text.Len()
	s.text.WriteString(added)
	cut, stopped := findStop(s.text.String(), s.certain, from, r.Stop)
	stopped = stopped && !s.adjuster.EndsEarly()

	generated := len(seq.Tokens) - seq.Prompt
	var reason FinishReason
	switch {
	case stopped, slices.Contains(r.stops, d.token):
		reason = FinishStop
	case generated >= r.MaxTokens, len(seq.Tokens) >= g.Weights.Config.MaxPositions:
		reason = FinishLength
	default:
		text := s.text.String()
		return false, s.piece(r.Request, d, text, len(text)-begun(text, r.Stop))
	}
	out := s.text.String()
	if stopped {
		out = out[:cut]
	} else {
		rest, err := s.stream.Flush()
		if err != nil {
			return false, fmt.Errorf("request %q: %w", r.ID, err)
		}
		out += rest
	}
	if err := s.piece(r.Request, d, out, len(out)); err != nil {
		return false, err
	}
	completion := Completion{
		Request: seq.Request, Sample: r.First + seq.Sample, Tokens: slices.Clone(seq.Tokens[seq.Prompt:]),
		LogProbs: s.logprobs, Top: s.top, Text: out, FinishReason: reason,
	}
	delete(g.live, seq)
	g.scheduler.Finish(seq)
	r.left--
	return true, r.emit(completion)
}

// piece tells the request of a token, and of the text up to certain that it was not told of yet.
func (s *sample) piece(r *Request, d draw, text string, certain int) error {
	from := min(s.certain, certain)
	s.certain = certain
	if r.Piece == nil {
		return nil
	}
	return r.Piece(Piece{
		Sample: r.First + d.sequence.Sample, Token: d.token, LogProb: d.logprob, Top: d.likeliest,
		Text: text[from:certain],
	})
}

// begun is how many bytes at the end of text may be the beginning of a stop string.
func begun(text string, stops []string) int {
	longest := 0
	for _, stop := range stops {
		for n := min(len(stop)-1, len(text)); n > longest; n-- {
			if strings.HasSuffix(text, stop[:n]) {
				longest = n
			}
		}
	}
	return longest
}

// findStop looks for the first stop string that begins at byte begin of text or later, and ends after byte from.
func findStop(text string, begin, from int, stops []string) (cut int, found bool) {
	cut = len(text)
	for _, stop := range stops {
		if stop == "" {
			continue
		}
		begin := max(begin, from-len(stop)+1)
		if i := strings.Index(text[begin:], stop); i >= 0 && begin+i < cut {
			cut, found = begin+i, true
		}
	}
	return cut, found
}
