package serve

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/model/dense"
)

// usage counts a request's tokens.
type usage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
	Total      int `json:"total_tokens"`
}

// generating answers requests of a kind.
func (s *Server) generating(k kind) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
		default:
			fail(w, refuse(http.StatusServiceUnavailable,
				"%d requests are under way, as many as may be: try again later", s.options.MaxRequests))
			return
		}
		a, err := s.read(w, r, k)
		switch {
		case err != nil:
			fail(w, err)
		case a.stream:
			s.stream(w, r, a)
		default:
			s.whole(w, r, a)
		}
	}
}

// generate runs all prompts of a request beside each other; index counts the completions of all. One that fails ends
// the others.
func (s *Server) generate(
	ctx context.Context, a *asked, piece func(index int, p engine.Piece) error,
	emit func(index int, c engine.Completion) error,
) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wait sync.WaitGroup
	for i, prompt := range a.prompts {
		r := a.request
		r.Prompt, r.ID = prompt, strconv.Itoa(i)
		if piece != nil {
			r.Piece = func(p engine.Piece) error { return piece(i*r.N+p.Sample, p) }
		}
		wait.Go(func() {
			if err := s.session.Generate(ctx, r, func(c engine.Completion) error {
				return emit(i*r.N+c.Sample, c)
			}); err != nil {
				stop(err) // the first error stays
			}
		})
	}
	wait.Wait()
	return context.Cause(ctx)
}

// choice is a completion, or a part of one, in an answer.
type choice struct {
	Index        int                  `json:"index"`
	Text         *string              `json:"text,omitempty"`    // of completions
	Message      *message             `json:"message,omitempty"` // of chats
	Delta        *message             `json:"delta,omitempty"`   // of chats, in a stream
	LogProbs     any                  `json:"logprobs"`
	FinishReason *engine.FinishReason `json:"finish_reason"`
}

type message struct {
	Role    string `json:"role,omitempty"`
	Content string `json:"content"`
}

// answer is what a client gets, whole or as a chunk of a stream.
type answer struct {
	ID      string   `json:"id"`
	Object  string   `json:"object"`
	Created int64    `json:"created"`
	Model   string   `json:"model"`
	Choices []choice `json:"choices"`
	Usage   *usage   `json:"usage,omitempty"`
}

func (s *Server) answer(a *asked) answer {
	object := "text_completion"
	switch {
	case a.kind == chat && a.stream:
		object = "chat.completion.chunk"
	case a.kind == chat:
		object = "chat.completion"
	}
	return answer{ID: a.id, Object: object, Created: a.created, Model: s.options.Model, Choices: []choice{}}
}

// whole answers when all has ended.
func (s *Server) whole(w http.ResponseWriter, r *http.Request, a *asked) {
	var mu sync.Mutex
	done := make([]engine.Completion, len(a.prompts)*a.request.N)
	var err error
	if a.request.MaxTokens > 0 {
		err = s.generate(r.Context(), a, nil, func(index int, c engine.Completion) error {
			mu.Lock()
			defer mu.Unlock()
			done[index] = c
			return nil
		})
	}
	out := s.answer(a)
	out.Usage = &usage{}
	for i, prompt := range a.prompts {
		if err != nil {
			break
		}
		out.Usage.Prompt += len(prompt)
		var before likelihoods
		if a.echo && a.likeliest >= 0 {
			before, err = s.ofPrompt(r.Context(), a, prompt)
		}
		for k := range a.request.N {
			index := i*a.request.N + k
			c := &done[index]
			out.Usage.Completion += len(c.Tokens)
			out.Choices = append(out.Choices, s.choice(a, index, c, before))
		}
	}
	out.Usage.Total = out.Usage.Prompt + out.Usage.Completion
	s.deadline(w)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, out)
}

// choice makes a completion a part of an answer; before are the log-probabilities of its prompt, if they are
// wanted.
func (s *Server) choice(a *asked, index int, c *engine.Completion, before likelihoods) choice {
	out := choice{Index: index}
	if c.FinishReason != "" {
		out.FinishReason = &c.FinishReason
	} else { // nothing was generated
		reason := engine.FinishLength
		out.FinishReason = &reason
	}
	likely := likelihoods{c.Tokens, c.LogProbs, c.Top}
	if a.kind == chat {
		out.Message = &message{"assistant", c.Text}
		if a.likeliest >= 0 {
			out.LogProbs = s.chatLogProbs(likely)
		}
		return out
	}
	said := c.Text
	if a.echo {
		said = a.texts[index/a.request.N] + said
	}
	out.Text = &said
	if a.likeliest >= 0 {
		told, begins := newLegacy(), 0
		if prompt := index / a.request.N; a.echo {
			s.tell(told, before, s.inPrompt(a.prompts[prompt], a.texts[prompt]))
			begins = utf8.RuneCountInString(a.texts[prompt])
		}
		s.tell(told, likely, s.inCompletion(begins))
		out.LogProbs = told
	}
	return out
}

// ofPrompt is what the model thinks of a prompt's tokens, of which the first has nothing before it.
func (s *Server) ofPrompt(ctx context.Context, a *asked, prompt []int32) (likelihoods, error) {
	temperature := a.request.Sampling.Temperature
	if temperature == 0 {
		temperature = 1
	}
	score, err := s.session.Score(ctx, dense.Pair{Prompt: prompt[:1], Completion: prompt[1:]}, temperature, a.likeliest)
	return likelihoods{prompt, score.LogProbs, score.Top}, err
}
