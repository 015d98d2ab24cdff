package serve

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/builtin"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/sampler"
)

// nano loads the smallest built-in model.
func nano(t *testing.T, o engine.Options) *engine.Engine {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "nano")
	if err := builtin.Write(dir, "nano", 1); err != nil {
		t.Fatal(err)
	}
	o.Backend, o.Kernels = "go", engine.KernelsHost
	e, err := engine.Load(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// client asks a server that runs until the test ends.
type client struct {
	t   *testing.T
	url string
}

func start(t *testing.T, o Options) client {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if o.PoolTokens == 0 {
		o.PoolTokens = 4000
	}
	o.Model = "nano"
	s, err := New(nano(t, engine.Options{MaxBatch: 16}), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	return client{t, "http://" + listener.Addr().String()}
}

// post sends a body, which is JSON or a text as it is, and returns the answer.
func (c client) post(path string, body any, header ...string) (status int, answer []byte) {
	c.t.Helper()
	response, err := http.DefaultClient.Do(c.request(path, body, header...))
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return response.StatusCode, answer
}

func (c client) request(path string, body any, header ...string) *http.Request {
	c.t.Helper()
	data, raw := body.(string)
	if !raw {
		text, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		data = string(text)
	}
	r, err := http.NewRequest("POST", c.url+path, strings.NewReader(data))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	return r
}

// said is an answer of either kind, or a chunk of one.
type said struct {
	Object  string
	Model   string
	Choices []saidChoice
	Usage   *usage
	Error   *struct{ Message, Type string }
}

type saidChoice struct {
	Index          int
	Text           string
	Message, Delta struct{ Role, Content string }
	FinishReason   string `json:"finish_reason"`
	LogProbs       struct {
		Tokens   []string
		LogProbs []*float32           `json:"token_logprobs"`
		Top      []map[string]float32 `json:"top_logprobs"`
		Offsets  []int                `json:"text_offset"`
		Content  []drawn
	}
}

type object = map[string]any

// ask is post of what must succeed.
func (c client) ask(path string, body object) said {
	c.t.Helper()
	status, answer := c.post(path, body)
	var s said
	if err := json.Unmarshal(answer, &s); err != nil || status != http.StatusOK {
		c.t.Fatalf("status %d: %s", status, answer)
	}
	return s
}

// streamed is ask of a stream, whose chunks it puts together by their index.
func (c client) streamed(path string, body object) said {
	c.t.Helper()
	body["stream"], body["stream_options"] = true, object{"include_usage": true}
	response, err := http.DefaultClient.Do(c.request(path, body))
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	var whole said
	lines := bufio.NewScanner(response.Body)
	over := false
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		switch {
		case lines.Text() == "":
			continue
		case !ok || over:
			c.t.Fatalf("line %q", lines.Text())
		case data == "[DONE]":
			over = true
			continue
		}
		var chunk said
		if err := json.Unmarshal([]byte(data), &chunk); err != nil || chunk.Error != nil {
			c.t.Fatalf("%v: %s", err, data)
		}
		if chunk.Usage != nil {
			whole.Usage = chunk.Usage
		}
		whole.Object = chunk.Object
		for _, part := range chunk.Choices {
			for part.Index >= len(whole.Choices) {
				whole.Choices = append(whole.Choices, saidChoice{Index: len(whole.Choices)})
			}
			at := &whole.Choices[part.Index]
			at.Text += part.Text
			at.Message.Content += part.Delta.Content
			at.Message.Role += part.Delta.Role
			at.FinishReason += part.FinishReason
			at.LogProbs.LogProbs = append(at.LogProbs.LogProbs, part.LogProbs.LogProbs...)
			at.LogProbs.Offsets = append(at.LogProbs.Offsets, part.LogProbs.Offsets...)
			at.LogProbs.Content = append(at.LogProbs.Content, part.LogProbs.Content...)
		}
	}
	if !over {
		c.t.Fatal("the stream ended without [DONE]")
	}
	return whole
}

// TestSameAsGenerate: what a request with a seed gets is what Generate draws, whole or streamed, as a text or as
// token ids, with log-probabilities in OpenAI's two forms.
func TestSameAsGenerate(t *testing.T) {
	c := start(t, Defaults())
	e := nano(t, engine.Options{})
	prompts := []string{"What is 3 + 4?", "Seven apples and"}
	var requests []engine.Request
	var ids [][]int32
	for i, prompt := range prompts {
		tokens, err := e.Tokenizer.Encode(prompt, true)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, tokens)
		requests = append(requests, engine.Request{
			ID: fmt.Sprint(i), Prompt: tokens, N: 3, Seed: 5, MaxTokens: 30, Stop: []string{"e"}, TopLogProbs: 2,
			Sampling:   sampler.Params{Temperature: 0.9, TopP: 0.8},
			Adjustment: &sampler.Adjustment{MinTokens: 4, Presence: 0.5, Bias: map[int32]float64{40: math.Inf(-1)}},
		})
	}
	want := map[int]engine.Completion{}
	if err := e.Generate(context.Background(), requests, func(c engine.Completion) error {
		want[3*c.Request+c.Sample] = c
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	body := func() object {
		return object{"model": "nano", "prompt": prompts, "n": 3, "seed": 5, "max_tokens": 30, "stop": "e",
			"temperature": 0.9, "top_p": 0.8, "min_tokens": 4, "presence_penalty": 0.5, "logprobs": 2,
			"logit_bias": object{"40": -100}, "user": "me"}
	}
	byIDs := body()
	byIDs["prompt"], byIDs["stop"] = ids, []string{"e"}
	for name, got := range map[string]said{
		"whole": c.ask("/v1/completions", body()), "token ids": c.ask("/v1/completions", byIDs),
		"stream": c.streamed("/v1/completions", body()),
	} {
		if got.Object != "text_completion" || len(got.Choices) != len(want) {
			t.Fatalf("%s: %q with %d choices", name, got.Object, len(got.Choices))
		}
		tokens := 0
		for _, choice := range got.Choices {
			w := want[choice.Index]
			tokens += len(w.Tokens)
			if choice.Text != w.Text || choice.FinishReason != string(w.FinishReason) {
				t.Errorf("%s %d: %q %s, want %q %s", name, choice.Index, choice.Text, choice.FinishReason, w.Text,
					w.FinishReason)
			}
			for i, logprob := range choice.LogProbs.LogProbs {
				if i >= len(w.LogProbs) || *logprob != w.LogProbs[i] {
					t.Errorf("%s %d: log-probability %d is another", name, choice.Index, i)
				}
			}
			if len(choice.LogProbs.LogProbs) != len(w.Tokens) || len(choice.LogProbs.Offsets) != len(w.Tokens) {
				t.Errorf("%s %d: %d log-probabilities of %d tokens", name, choice.Index, len(choice.LogProbs.LogProbs),
					len(w.Tokens))
			}
		}
		if u := got.Usage; u.Prompt != len(ids[0])+len(ids[1]) || u.Completion != tokens || u.Total != u.Prompt+tokens {
			t.Errorf("%s: usage %+v, %d tokens were generated", name, u, tokens)
		}
	}
}

// TestChat: messages go through the chat template, contents in parts as well, whole and streamed.
func TestChat(t *testing.T) {
	c := start(t, Defaults())
	e := nano(t, engine.Options{})
	rendered, err := e.Template.Render([]text.Message{{Role: "system", Content: "Be brief."},
		{Role: "user", Content: "What is 3 + 4?"}}, true)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := e.Tokenizer.Encode(rendered, false)
	if err != nil {
		t.Fatal(err)
	}
	var want engine.Completion
	if err := e.Generate(context.Background(), []engine.Request{{ID: "0", Prompt: ids, MaxTokens: 20, TopLogProbs: 3}},
		func(c engine.Completion) error { want = c; return nil }); err != nil {
		t.Fatal(err)
	}
	parts := []object{{"type": "text", "text": "What is "}, {"type": "text", "text": "3 + 4?"}}
	body := func() object {
		return object{"messages": []object{{"role": "system", "content": "Be brief."},
			{"role": "user", "content": parts}}, "temperature": 0, "max_completion_tokens": 20,
			"logprobs": true, "top_logprobs": 3}
	}
	for object, got := range map[string]said{"chat.completion": c.ask("/v1/chat/completions", body()),
		"chat.completion.chunk": c.streamed("/v1/chat/completions", body())} {
		choice := got.Choices[0]
		if got.Object != object || choice.Message.Role != "assistant" || choice.Message.Content != want.Text ||
			choice.FinishReason != string(want.FinishReason) {
			t.Errorf("%s: %+v, want %q %s", object, got, want.Text, want.FinishReason)
		}
		if len(choice.LogProbs.Content) != len(want.Tokens) {
			t.Fatalf("%s: log-probabilities of %d tokens, there are %d", object, len(choice.LogProbs.Content),
				len(want.Tokens))
		}
		for i, l := range choice.LogProbs.Content {
			var said []byte
			for _, b := range l.Bytes {
				said = append(said, byte(b))
			}
			if l.LogProb != want.LogProbs[i] || len(l.Top) != 3 ||
				!bytes.Equal(said, e.Tokenizer.Bytes(want.Tokens[i])) {
				t.Errorf("%s: token %d is %+v", object, i, l)
			}
		}
	}
}

// TestEcho: a prompt that comes back has the log-probabilities of scoring it, as lm-evaluation-harness reads them: the
// first has none, and the likeliest token in each place is there.
func TestEcho(t *testing.T) {
	c := start(t, Defaults())
	e := nano(t, engine.Options{})
	ids, err := e.Tokenizer.Encode("Three and four are seven", true)
	if err != nil {
		t.Fatal(err)
	}
	scores, err := e.ScoreTop(context.Background(), []dense.Pair{{Prompt: ids[:1], Completion: ids[1:]}}, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, generated := range []int{0, 1} {
		got := c.ask("/v1/completions", object{"prompt": ids, "echo": true, "logprobs": 1, "max_tokens": generated,
			"temperature": 0})
		choice := got.Choices[0]
		l := choice.LogProbs
		if !strings.HasPrefix(choice.Text, "Three and four are seven") || len(l.Tokens) != len(ids)+generated ||
			got.Usage.Completion != generated {
			t.Fatalf("%d generated: %+v", generated, got)
		}
		if l.LogProbs[0] != nil || l.Top[0] != nil {
			t.Error("the first token has a log-probability")
		}
		for i, want := range scores[0].LogProbs {
			top := scores[0].Top[i][0]
			if *l.LogProbs[i+1] != want {
				t.Errorf("token %d: log-probability %g, want %g", i+1, *l.LogProbs[i+1], want)
			}
			best := math.Inf(-1)
			for _, logprob := range l.Top[i+1] {
				best = max(best, float64(logprob))
			}
			if best != float64(top.LogProb) {
				t.Errorf("token %d: the likeliest has %g, want %g", i+1, best, top.LogProb)
			}
		}
	}
}

// TestFlood: 200 connections at once, of which some leave in the middle of their answer and some read nothing, get
// what each gets alone, and the others' tokens are generated all the same.
func TestFlood(t *testing.T) {
	o := Defaults()
	o.WriteTimeout = 200 * time.Millisecond
	c := start(t, o)
	body := func(i int) object {
		return object{"prompt": fmt.Sprintf("Number %d", i%10), "seed": i % 10, "max_tokens": 12, "ignore_eos": true}
	}
	var want []string
	for i := range 10 {
		want = append(want, c.ask("/v1/completions", body(i)).Choices[0].Text)
	}
	var wait sync.WaitGroup
	for i := range 200 {
		wait.Go(func() {
			switch i % 5 {
			case 0: // leaves
				b := body(i)
				b["stream"], b["max_tokens"] = true, 1000
				response, err := http.DefaultClient.Do(c.request("/v1/completions", b))
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = response.Body.Read(make([]byte, 10))
				response.Body.Close()
			case 1: // reads nothing, and is cut off when what is on the way fills up, or at the end of the test
				b := body(i)
				b["stream"], b["max_tokens"], b["n"], b["logprobs"] = true, 300, 2, 20
				response, err := http.DefaultClient.Do(c.request("/v1/completions", b))
				if err != nil {
					t.Error(err)
					return
				}
				t.Cleanup(func() { response.Body.Close() })
			case 2:
				if got := c.streamed("/v1/completions", body(i)).Choices[0].Text; got != want[i%10] {
					t.Errorf("request %d streams %q, alone %q", i, got, want[i%10])
				}
			default:
				if got := c.ask("/v1/completions", body(i)).Choices[0].Text; got != want[i%10] {
					t.Errorf("request %d gets %q, alone %q", i, got, want[i%10])
				}
			}
		})
	}
	wait.Wait()
	if got := c.ask("/v1/completions", body(3)).Choices[0].Text; got != want[3] {
		t.Errorf("after the flood %q, before %q", got, want[3])
	}
}

// TestRefused: what cannot be done is refused with a status and a line that says what was wrong.
func TestRefused(t *testing.T) {
	o := Defaults()
	o.MaxBody, o.MaxSamples = 2000, 8
	c := start(t, o)
	const path, chatPath = "/v1/completions", "/v1/chat/completions"
	user := []object{{"role": "user", "content": "Hi"}}
	for _, r := range []struct {
		path   string
		body   any
		status int
		says   string
	}{
		{path, "{", 400, "JSON"},
		{path, object{}, 400, "prompt"},
		{path, object{"prompt": 5}, 400, "prompt"},
		{path, object{"prompt": []string{}}, 400, "empty list"},
		{path, object{"prompt": []int{1 << 30}}, 400, "vocabulary"},
		{path, object{"prompt": "a", "model": "other"}, 404, `"nano" is`},
		{path, object{"prompt": "a", "temperature": -1}, 400, "temperature"},
		{path, object{"prompt": "a", "temperature": "warm"}, 400, "temperature"},
		{path, object{"prompt": "a", "top_p": 0}, 400, "top-p"},
		{path, object{"prompt": "a", "n": 0}, 400, `"n" is 0`},
		{path, object{"prompt": "a", "n": 9}, 400, "at most"},
		{path, object{"prompt": "a", "best_of": 3}, 400, "best_of"},
		{path, object{"prompt": "a", "max_tokens": 0}, 400, "max_tokens"},
		{path, object{"prompt": "a", "suffix": "b"}, 400, "suffix"},
		{path, object{"prompt": "a", "logprobs": 21}, 400, "at most 20"},
		{path, object{"prompt": "a", "logit_bias": object{"x": 1}}, 400, "logit_bias"},
		{path, object{"prompt": "a", "logit_bias": object{"99999999": 1}}, 400, "vocabulary"},
		{path, object{"prompt": "a", "repetition_penalty": 0}, 400, "repetition_penalty"},
		{path, object{"prompt": "a", "stop": []string{""}}, 400, "stop"},
		{path, object{"prompt": "a", "stop_token_ids": []int{1 << 30}, "min_tokens": 1}, 400, "stop token"},
		{path, object{"prompt": "a", "stop_token_ids": []int{-1}, "min_tokens": 1}, 400, "stop token"},
		{path, object{"prompt": "a", "stop_token_ids": make([]int, 65)}, 400, "65 stops"},
		{path, object{"prompt": "a", "stop": strings.Repeat("x", 1001)}, 400, "1001 bytes"},
		{path, object{"prompt": []string{"a", "b", "c", "d"}, "n": 1 << 62}, 400, "at most"},
		{path, object{"prompt": []any{5, nil}}, 400, "null"},
		{path, object{"prompt": []any{nil}}, 400, "prompt"},
		{path, object{"prompt": "a", "logit_bias": object{"5": 1e39}}, 400, "logit bias"},
		{path, object{"prompt": "a", "min_tokens": 20, "max_tokens": 10}, 400, "min tokens"},
		{path, object{"prompt": strings.Repeat("word ", 300)}, 400, "tokens"},
		{path, object{"prompt": strings.Repeat("word ", 1000)}, 413, "2000 bytes"},
		{chatPath, object{}, 400, "messages"},
		{chatPath, object{"messages": []object{}}, 400, "empty list"},
		{chatPath, object{"messages": []object{{"content": "x"}}}, 400, "role"},
		{chatPath, object{"messages": user, "tools": []object{{"type": "function"}}}, 400, "tools"},
		{chatPath, object{"messages": user, "response_format": object{"type": "json_object"}}, 400, "response_format"},
		{chatPath, object{"messages": user, "top_logprobs": 2}, 400, "logprobs"},
		{chatPath, object{"messages": []object{{"role": "user", "content": []object{{"type": "image_url"}}}}}, 400,
			"image_url"},
		{path, object{"prompt": "a", "guided_regex": "[0-9]+"}, 400, `"guided_regex": what is generated would follow it`},
		{path, object{"prompt": "a", "bad_words": []string{"b"}}, 400, "bad_words"},
		{path, object{"prompt": "a", "use_beam_search": true}, 400, "use_beam_search"},
		{path, object{"prompt": "a", "repeat_penalty": 1.1}, 400, `"repeat_penalty": it is called repetition_penalty here`},
		{path, object{"prompt": "a", "seed": 1.5}, 400, "seed"},
		{path, object{"prompt": "a", "seed": -1 << 63, "n": 0}, 400, `"n" is 0`},
		{chatPath, object{"messages": user, "chat_template": "x"}, 400, "chat_template"},
		{chatPath, object{"messages": user, "grammar": "root ::= [0-9]"}, 400, "grammar"},
		{"/v1/embeddings", object{}, 404, "/v1/embeddings"},
	} {
		if r.says == "tokens" {
			o := o
			o.PoolTokens = 100
			small := start(t, o)
			check(t, small, r.path, r.body, r.status, r.says)
			continue
		}
		check(t, c, r.path, r.body, r.status, r.says)
	}
	if status, _ := c.post(path, object{"prompt": "a"}, "Content-Type", "text/plain"); status != 415 {
		t.Errorf("a request of type text/plain: status %d", status)
	}
	response, err := http.Get(c.url + path)
	if err != nil || response.StatusCode != 405 {
		t.Errorf("GET: %v, %v", response, err)
	}
}

func check(t *testing.T, c client, path string, body any, status int, says string) {
	t.Helper()
	got, answer := c.post(path, body)
	var s said
	if err := json.Unmarshal(answer, &s); err != nil || s.Error == nil || got != status ||
		!strings.Contains(s.Error.Message, says) || strings.Contains(s.Error.Message, "\n") {
		t.Errorf("%s %.100v: status %d, %s; want %d and a line with %q", path, body, got, answer, status, says)
	}
}

// TestNothingLeft: a bias that forbids every token is the client's to mend; a temperature at which only one token has
// a finite log-probability is answered.
func TestNothingLeft(t *testing.T) {
	c := start(t, Defaults())
	bias := object{}
	for id := range nano(t, engine.Options{}).Weights.Config.VocabSize {
		bias[fmt.Sprint(id)] = -100
	}
	check(t, c, "/v1/completions", object{"prompt": "a", "logit_bias": bias}, 400, "no token to draw")
	got := c.ask("/v1/completions", object{"prompt": "a", "temperature": 1e-40, "logprobs": 2, "max_tokens": 2})
	if len(got.Choices[0].LogProbs.LogProbs) != 2 {
		t.Errorf("%+v", got)
	}
}

// TestUnread: a field that is not read is named, in the answer and to whoever runs the server, once.
func TestUnread(t *testing.T) {
	var log bytes.Buffer
	o := Defaults()
	o.Log = &log
	c := start(t, o)
	for range 2 {
		response, err := http.DefaultClient.Do(c.request("/v1/completions",
			object{"prompt": "a", "max_tokens": 1, "temprature": 0.5}))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if got := response.Header.Get("X-Stele-Not-Read"); response.StatusCode != 200 || got != "temprature" {
			t.Errorf("status %d, not read: %q", response.StatusCode, got)
		}
	}
	if said := log.String(); strings.Count(said, "temprature") != 1 || !strings.Contains(said, "temperature") {
		t.Errorf("said: %q", said)
	}
}

// TestNeutral: what changes nothing is no reason to refuse a request, and a seed may have a sign, of which -1 is none.
func TestNeutral(t *testing.T) {
	c := start(t, Defaults())
	text := func(seed any) string {
		return c.ask("/v1/completions", object{"prompt": "Three", "seed": seed, "max_tokens": 40, "grammar": "",
			"use_beam_search": false, "typical_p": 1, "repeat_penalty": json.RawMessage("1.0"), "bad_words": []string{},
			"json_schema": nil}).Choices[0].Text
	}
	if text(-2) != text(uint64(1<<64-2)) || text(-2) == text(-3) {
		t.Error("a negative seed is not its 64 bits")
	}
	if first := text(-1); first == text(-1) {
		t.Error("seed -1 is the same each time: expected a new one")
	}
}

// TestOffsets: each token begins at a character of the text, also where it has only a part of one, whole and streamed.
func TestOffsets(t *testing.T) {
	c := start(t, Defaults())
	e := nano(t, engine.Options{})
	const said = "5 ₿ 🦉 6"
	ids, err := e.Tokenizer.Encode(said, false)
	if err != nil {
		t.Fatal(err)
	}
	got := c.ask("/v1/completions", object{"prompt": said, "add_special_tokens": false, "echo": true, "logprobs": 0,
		"max_tokens": 1}).Choices[0].LogProbs
	characters, inside := []rune(said), 0
	for i := range ids {
		at := got.Offsets[i]
		if at >= len(characters) || i > 0 && at < got.Offsets[i-1] {
			t.Fatalf("token %d begins at %d of %d characters", i, at, len(characters))
		}
		if whole := []rune(got.Tokens[i]); !slices.Contains(whole, utf8.RuneError) {
			if at+len(whole) > len(characters) || string(characters[at:at+len(whole)]) != got.Tokens[i] {
				t.Errorf("token %d, %q, begins at %d, where the text is %q", i, got.Tokens[i], at,
					string(characters[at:]))
			}
			continue
		}
		inside++
	}
	if inside == 0 || got.Offsets[len(ids)] != len(characters) {
		t.Errorf("%d tokens are parts of characters; the completion begins at %d of %d", inside, got.Offsets[len(ids)],
			len(characters))
	}
	body := func() object {
		return object{"prompt": "Three", "seed": 3, "temperature": 5, "max_tokens": 200, "logprobs": 0,
			"ignore_eos": true}
	}
	whole, streamed := c.ask("/v1/completions", body()).Choices[0], c.streamed("/v1/completions", body()).Choices[0]
	if !slices.Equal(whole.LogProbs.Offsets, streamed.LogProbs.Offsets) {
		t.Errorf("offsets %v, streamed %v", whole.LogProbs.Offsets, streamed.LogProbs.Offsets)
	}
	last, n := whole.LogProbs.Offsets[199], utf8.RuneCountInString(whole.Text)
	if last > n || !strings.Contains(whole.Text, "\ufffd") {
		t.Errorf("the last of 200 tokens begins at %d of %d characters", last, n)
	}
}

// TestNoLikeliest: a token of a chat has a list of the likeliest also where none is asked for, as OpenAI's clients
// read.
func TestNoLikeliest(t *testing.T) {
	c := start(t, Defaults())
	_, answer := c.post("/v1/chat/completions", object{"messages": []object{{"role": "user", "content": "Hi"}},
		"logprobs": true, "max_tokens": 1})
	if !bytes.Contains(answer, []byte(`"top_logprobs":[]`)) {
		t.Errorf("%s", answer)
	}
}

// TestAdmitted: who may ask, with a token and without.
func TestAdmitted(t *testing.T) {
	body := object{"prompt": "a", "max_tokens": 1}
	c := start(t, Defaults())
	for _, r := range []struct {
		header []string
		status int
	}{
		{nil, 200},
		{[]string{"Host", "localhost:123"}, 200},
		{[]string{"Host", "[::1]"}, 200},
		{[]string{"Host", "example.com"}, 403},
		{[]string{"Origin", "http://localhost:3000"}, 200},
		{[]string{"Origin", "https://example.com"}, 403},
	} {
		if status, answer := c.post("/v1/completions", body, r.header...); status != r.status {
			t.Errorf("%v: status %d, want %d: %s", r.header, status, r.status, answer)
		}
	}
	o := Defaults()
	o.Token = "secret"
	c = start(t, o)
	for token, want := range map[string]int{"": 401, "Bearer secret": 200, "Bearer other": 401, "secret": 401} {
		status, answer := c.post("/v1/completions", body, "Authorization", token, "Host", "example.com")
		if status != want {
			t.Errorf("Authorization %q: status %d, want %d: %s", token, status, want, answer)
		}
	}
}

// TestLimits: one request more than may be is refused at once, a request that does not come holds up nobody, and one
// that takes longer than a request may take to come is not cut off.
func TestLimits(t *testing.T) {
	o := Defaults()
	o.MaxRequests, o.ReadTimeout = 2, 300*time.Millisecond
	c := start(t, o)
	long := object{"prompt": "a", "max_tokens": 3000, "ignore_eos": true, "stream": true, "n": 64, "temperature": 0}
	first, err := http.DefaultClient.Do(c.request("/v1/completions", long))
	if err != nil {
		t.Fatal(err)
	}
	defer first.Body.Close()
	// One that announces more than it sends.
	slow, err := net.Dial("tcp", strings.TrimPrefix(c.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	fmt.Fprint(slow, "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+
		"Content-Length: 100\r\n\r\n{")
	time.Sleep(100 * time.Millisecond)
	status, answer := c.post("/v1/completions", object{"prompt": "b", "max_tokens": 1})
	if status != http.StatusServiceUnavailable {
		t.Errorf("a third request: status %d: %s", status, answer)
	}
	reply, err := http.ReadResponse(bufio.NewReader(slow), nil)
	if err != nil || reply.StatusCode != http.StatusBadRequest {
		t.Errorf("a request that does not come: %v, %v", reply, err)
	}
	data, err := io.ReadAll(first.Body)
	if err != nil || !bytes.HasSuffix(data, []byte("data: [DONE]\n\n")) {
		t.Errorf("the long answer ends with %q, %v", data[max(0, len(data)-200):], err)
	}
	if got := c.ask("/v1/completions", object{"prompt": "b", "max_tokens": 1}); len(got.Choices) != 1 {
		t.Errorf("after all of them: %+v", got)
	}
}

// TestModels: clients find the model and how long its sequences may be.
func TestModels(t *testing.T) {
	c := start(t, Defaults())
	for _, path := range []string{"/v1/models", "/v1/models/nano", "/health"} {
		response, err := http.Get(c.url + path)
		if err != nil {
			t.Fatal(err)
		}
		data, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != 200 || path != "/health" && !slices.ContainsFunc([]string{`"max_model_len"`},
			func(s string) bool { return bytes.Contains(data, []byte(s)) }) {
			t.Errorf("%s: %d, %s", path, response.StatusCode, data)
		}
	}
}

// TestShutdown: who is waiting when the server ends is told so, and not that all is well.
func TestShutdown(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := Defaults()
	o.Model, o.PoolTokens = "nano", 4000
	s, err := New(nano(t, engine.Options{MaxBatch: 1}), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, listener) }()
	c := client{t, "http://" + listener.Addr().String()}
	status := make(chan int, 1)
	go func() {
		code, _ := c.post("/v1/completions", object{"prompt": "a", "max_tokens": 3900, "ignore_eos": true, "n": 8})
		status <- code
	}()
	time.Sleep(100 * time.Millisecond)
	stop()
	if err := <-ended; err != nil {
		t.Errorf("the server ended with %v", err)
	}
	if code := <-status; code != http.StatusServiceUnavailable {
		t.Errorf("the request that was under way: status %d", code)
	}
}

// TestTokens: the endpoints that lm-evaluation-harness's remote tokenizer asks.
func TestTokens(t *testing.T) {
	c := start(t, Defaults())
	e := nano(t, engine.Options{})
	var got struct {
		Tokens []int32
		Count  int
		Prompt string
	}
	ask := func(path string, body object) {
		t.Helper()
		got.Tokens = nil
		status, answer := c.post(path, body)
		if err := json.Unmarshal(answer, &got); err != nil || status != 200 {
			t.Fatalf("%s: status %d, %s", path, status, answer)
		}
	}
	want, err := e.Tokenizer.Encode("Drei und vier", false)
	if err != nil {
		t.Fatal(err)
	}
	ask("/tokenize", object{"prompt": "Drei und vier", "add_special_tokens": false})
	if !slices.Equal(got.Tokens, want) || got.Count != len(want) {
		t.Errorf("%v, want %v", got.Tokens, want)
	}
	ask("/detokenize", object{"tokens": want})
	if got.Prompt != "Drei und vier" {
		t.Errorf("%q", got.Prompt)
	}
	ask("/tokenize", object{"messages": []object{{"role": "user", "content": "Hi"}}})
	said, err := e.Tokenizer.Decode(got.Tokens, false)
	rendered, _ := e.Template.Render([]text.Message{{Role: "user", Content: "Hi"}}, true)
	if err != nil || said != rendered {
		t.Errorf("%q, want %q, %v", said, rendered, err)
	}
	check(t, c, "/tokenize", object{}, 400, "prompt")
	check(t, c, "/detokenize", object{"tokens": []int{-1}}, 400, "vocabulary")
	check(t, c, "/detokenize", object{}, 400, "tokens")
	response, err := http.Get(c.url + "/tokenizer_info")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var info struct {
		EOS      string `json:"eos_token"`
		Template string `json:"chat_template"`
	}
	if err := json.NewDecoder(response.Body).Decode(&info); err != nil || info.EOS == "" || info.Template == "" {
		t.Errorf("%+v, %v", info, err)
	}
}
