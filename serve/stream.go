package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/sampler"
)

// event is a token of a completion, or its end.
type event struct {
	index  int
	piece  engine.Piece
	reason engine.FinishReason // "" for a token
	tokens int                 // of the completion, at its end
}

// events are on the way from the engine, which must not wait, to a client that may be slow.
type events struct {
	mu   sync.Mutex
	list []event
	more chan struct{} // has room for one
}

func (q *events) put(e event) error {
	q.mu.Lock()
	q.list = append(q.list, e)
	q.mu.Unlock()
	select {
	case q.more <- struct{}{}:
	default:
	}
	return nil
}

func (q *events) take() []event {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := q.list
	q.list = nil
	return list
}

// deadline gives the client time to read what comes next.
func (s *Server) deadline(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.options.WriteTimeout)) // a recorder has none
}

// stream answers token by token, in server-sent events.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, a *asked) {
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	queue := &events{more: make(chan struct{}, 1)}
	ended := make(chan error, 1)
	go func() {
		ended <- s.generate(ctx, a,
			func(index int, p engine.Piece) error { return queue.put(event{index: index, piece: p}) },
			func(index int, c engine.Completion) error {
				return queue.put(event{index: index, reason: c.FinishReason, tokens: len(c.Tokens)})
			})
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	out := &streamer{Server: s, asked: a, w: w, places: make([]*place, len(a.prompts)*a.request.N)}
	for _, prompt := range a.prompts {
		out.used.Prompt += len(prompt)
	}
	for over := false; !over; {
		var err error
		select {
		case <-queue.more:
		case err = <-ended:
			over = true
		}
		for _, e := range queue.take() {
			out.event(e)
		}
		switch {
		case out.failed != nil: // the client has gone, or reads nothing
			stop()
			if !over {
				<-ended
			}
			return
		case err != nil:
			out.send(errorBody(err))
			return
		}
	}
	if a.usage {
		last := s.answer(a)
		out.used.Total = out.used.Prompt + out.used.Completion
		last.Usage = &out.used
		out.send(last)
	}
	out.write("data: [DONE]\n\n")
}

// streamer writes the chunks of a stream.
type streamer struct {
	*Server
	asked  *asked
	w      http.ResponseWriter
	places []*place // of the next token in each completion's text; nil before a completion's first chunk
	used   usage
	failed error
}

func (o *streamer) event(e event) {
	if o.failed != nil {
		return
	}
	chunk := o.answer(o.asked)
	c := choice{Index: e.index}
	if e.reason != "" {
		c.FinishReason = &e.reason
		o.used.Completion += e.tokens
	} else if e.piece.Text == "" && o.asked.likeliest < 0 {
		return // held back
	}
	ofPiece := likelihoods{[]int32{e.piece.Token}, []float32{e.piece.LogProb}, [][]sampler.TokenLogProb{e.piece.Top}}
	wanted := o.asked.likeliest >= 0 && e.reason == ""
	first := o.places[e.index] == nil
	if first {
		o.places[e.index] = o.inCompletion(0)
	}
	if o.asked.kind == chat {
		c.Delta = &message{Content: e.piece.Text}
		if first {
			c.Delta.Role = "assistant"
		}
		if wanted {
			c.LogProbs = o.chatLogProbs(ofPiece)
		}
	} else {
		c.Text = &e.piece.Text
		if wanted {
			told := newLegacy()
			o.tell(told, ofPiece, o.places[e.index])
			c.LogProbs = told
		}
	}
	chunk.Choices = append(chunk.Choices, c)
	o.send(chunk)
}

func (o *streamer) send(v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts and numbers
	}
	o.write(fmt.Sprintf("data: %s\n\n", data))
}

func (o *streamer) write(text string) {
	if o.failed != nil {
		return
	}
	o.deadline(o.w)
	if _, o.failed = o.w.Write([]byte(text)); o.failed == nil {
		o.failed = http.NewResponseController(o.w).Flush()
	}
}
