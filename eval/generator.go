package eval

import "context"

// Generator completes prompts, as an engine does. What it generates for a
// sample must depend on the request and the sample's index alone, and not on
// the other requests: that is what lets a run go on where it was stopped.
type Generator interface {
	// Generate completes the requests and calls emit for each sample as it ends,
	// in any order. It ends at the first error, of emit or its own, and when ctx
	// is done.
	Generate(ctx context.Context, requests []Request, emit func(Completion) error) error
}

// QueueGenerator is a Generator that is handed requests while it generates, as processes need that share them.
type QueueGenerator interface {
	Generator
	// GenerateFrom is Generate of the requests of a queue.
	GenerateFrom(ctx context.Context, q Queue, emit func(Completion) error) error
}

// Queue hands out requests.
type Queue struct {
	// Next returns a request and the number by which its completions name it; nil where there are no more.
	Next func(ctx context.Context) (number int, r *Request, err error)
	// Held is how many samples a process has under way at most, but for the last request's.
	Held int
	// Group is the most samples that a request asks for.
	Group int
	// Longest is the most tokens that a prompt with its completion may have.
	Longest int
}

// Sampling says how tokens are drawn.
type Sampling struct {
	Temperature float64 `json:"temperature"` // 0 is greedy
	TopP        float64 `json:"top_p"`       // 1 is off
	TopK        int     `json:"top_k"`       // 0 is off
	MinP        float64 `json:"min_p"`       // 0 is off
}

// Request asks for N samples of one prompt.
type Request struct {
	ID     string // with Seed, the key of the request's random numbers
	Prompt []int32
	N      int
	Sampling
	MaxTokens int
	Stop      []string
	Seed      uint64
}

// Completion is one finished sample.
type Completion struct {
	Request, Sample int // indices into the requests and their samples
	TokenIDs        []int32
	LogProbs        []float32 // of each token, under the whole vocabulary
	Text            string
	FinishReason    string // FinishStop or FinishLength
}

// Why a completion ended.
const (
	FinishStop   = "stop"   // by itself
	FinishLength = "length" // cut off at MaxTokens
)
