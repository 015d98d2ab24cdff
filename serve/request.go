package serve

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	crand "crypto/rand"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/nearest"
)

// kind is one of the two ways to ask.
type kind int

const (
	completions kind = iota
	chat
)

// asked is a request that was understood.
type asked struct {
	kind    kind
	id      string
	created int64
	prompts [][]int32
	texts   []string // of prompts, where they come back with the completion
	request engine.Request
	stream  bool
	usage   bool // a last chunk of the stream says how many tokens there were
	echo    bool
	// likeliest is the number of likeliest tokens; -1 where not even those that were drawn get log-probabilities.
	likeliest int
}

// mostLikeliest is how many of the likeliest tokens may be asked for beside each token, as with OpenAI.
const mostLikeliest = 20

// mostPrompts bounds a list of prompts.
const mostPrompts = 4096

// object reads the JSON object that a request brings.
func (s *Server) object(w http.ResponseWriter, r *http.Request) (*fields, error) {
	// A page of the web can send other types without asking first.
	if mime, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(mime) != "application/json" {
		return nil, refuse(http.StatusUnsupportedMediaType, "Content-Type is %q, expected application/json", mime)
	}
	controller := http.NewResponseController(w)
	_ = controller.SetReadDeadline(time.Now().Add(s.options.ReadTimeout)) // a test's recorder has none
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.options.MaxBody))
	if err != nil { // the deadline stays: what is left of the request is not waited for
		w.Header().Set("Connection", "close")
	} else {
		_ = controller.SetReadDeadline(time.Time{})
	}
	if long := (*http.MaxBytesError)(nil); errors.As(err, &long) {
		return nil, refuse(http.StatusRequestEntityTooLarge, "the request has more than %d bytes", long.Limit)
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "the request did not come whole: %v", err)
	}
	record, err := jsonl.ParseRecord(body)
	if err != nil {
		return nil, wrong(err)
	}
	f := &fields{record: record, read: map[string]bool{}}
	var name string
	if f.take("model", &name) && name != s.options.Model {
		return nil, s.noModel(name)
	}
	return f, nil
}

// read understands a request, or refuses it.
func (s *Server) read(w http.ResponseWriter, r *http.Request, k kind) (*asked, error) {
	f, err := s.object(w, r)
	if err != nil {
		return nil, err
	}
	a := &asked{kind: k, created: time.Now().Unix(), likeliest: -1}
	f.sampling(&a.request, s.engine.Weights.Config.VocabSize)
	a.request.N = 1
	f.least("n", &a.request.N, 1)
	seed, seeded := f.seed()
	a.request.Seed = seed
	a.identify(seeded)
	f.take("stream", &a.stream)
	var options struct {
		Usage bool `json:"include_usage"`
	}
	f.take("stream_options", &options)
	a.usage = options.Usage
	f.passes("user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key",
		"parallel_tool_calls", "verbosity")
	f.steering()
	if k == chat {
		err = s.chat(f, a)
	} else {
		err = s.completions(f, a)
	}
	if err == nil {
		err = errors.Join(f.errs...)
	}
	if err == nil {
		err = s.check(a)
	}
	if err != nil {
		return nil, wrong(oneLine(err))
	}
	if unread := f.unread(); len(unread) > 0 {
		w.Header().Set("X-Stele-Not-Read", strings.Join(unread, ", "))
		for _, name := range unread {
			s.say("requests have a field %q, which is not read%s", name, nearest.Hint(name, f.known()))
		}
	}
	return a, nil
}

// known lists the fields that are read.
func (f *fields) known() (names []string) {
	for name := range f.read {
		names = append(names, name)
	}
	return names
}

// oneLine puts several errors on a line.
func oneLine(err error) error {
	if text := err.Error(); strings.Contains(text, "\n") {
		return errors.New(strings.ReplaceAll(text, "\n", "; "))
	}
	return err
}

// identify names the request, and draws its seed where the client has not given one.
func (a *asked) identify(seeded bool) {
	var random [16]byte
	if _, err := crand.Read(random[:]); err != nil {
		panic(err) // never happens, the package says
	}
	a.id = map[kind]string{completions: "cmpl-", chat: "chatcmpl-"}[a.kind] + fmt.Sprintf("%x", random[:12])
	if !seeded {
		a.request.Seed = binary.LittleEndian.Uint64(random[:])
	}
}

// check refuses what cannot be generated before anything is.
func (s *Server) check(a *asked) error {
	if n := a.request.N; n > s.options.MaxSamples || n > 1 && n*len(a.prompts) > s.options.MaxSamples ||
		len(a.prompts) > mostPrompts {
		return fmt.Errorf("%d prompts of %d completions each: expected at most %d prompts of one, or %d completions",
			len(a.prompts), n, mostPrompts, s.options.MaxSamples)
	}
	if a.likeliest > mostLikeliest {
		return fmt.Errorf("%d likeliest tokens are asked for, expected at most %d", a.likeliest, mostLikeliest)
	}
	a.request.TopLogProbs = max(a.likeliest, 0)
	for i, prompt := range a.prompts {
		r := a.request
		r.Prompt = prompt
		r.MaxTokens = max(r.MaxTokens, 1) // 0 with echo: nothing is generated
		if a.request.MaxTokens > 0 {
			if n := len(prompt) + 1; n > s.MaxLen() {
				return fmt.Errorf("the prompt has %d tokens, and prompt and completion together may have %d",
					len(prompt), s.MaxLen())
			}
		}
		if err := s.engine.CheckRequest(&r); err != nil {
			if len(a.prompts) > 1 {
				err = fmt.Errorf("prompt %d: %w", i, err)
			}
			return err
		}
	}
	return nil
}
