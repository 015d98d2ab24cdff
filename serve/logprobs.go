package serve

import (
	"strings"
	"unicode/utf8"

	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/sampler"
)

// likelihoods are tokens, their log-probabilities and the likeliest in their place. A prompt's first token has
// neither.
type likelihoods struct {
	tokens   []int32
	logprobs []float32
	top      [][]sampler.TokenLogProb
}

// at returns what is known of token i; known is false of a prompt's first.
func (l *likelihoods) at(i int) (logprob float32, top []sampler.TokenLogProb, known bool) {
	i -= len(l.tokens) - len(l.logprobs)
	if i < 0 {
		return 0, nil, false
	}
	if l.top != nil {
		top = l.top[i]
	}
	return finite(l.logprobs[i]), top, true
}

// finite makes OpenAI's number for never of an infinite log-probability, which JSON does not have.
func finite(logprob float32) float32 { return max(logprob, -9999) }

// legacy are log-probabilities as /v1/completions tells them.
type legacy struct {
	Tokens   []string             `json:"tokens"`
	LogProbs []*float32           `json:"token_logprobs"`
	Top      []map[string]float32 `json:"top_logprobs"`
	Offsets  []int                `json:"text_offset"` // in characters of the text
}

// place is where the next token of a text begins in it, in characters. A token that goes on with a character begins
// where that does.
type place struct {
	stream *text.Stream
	at     int
}

// inPrompt begins before the tokens of a prompt. Where these have more in front than its text, as a token that
// begins a sequence, the text begins after that.
func (s *Server) inPrompt(tokens []int32, said string) *place {
	p := &place{stream: s.engine.Tokenizer.NewStream(false)}
	if whole, err := s.engine.Tokenizer.Decode(tokens, false); err == nil && strings.HasSuffix(whole, said) {
		p.at = utf8.RuneCountInString(said) - utf8.RuneCountInString(whole)
	}
	return p
}

// inCompletion begins at a character, and leaves special tokens out, as a completion's text does.
func (s *Server) inCompletion(at int) *place {
	return &place{stream: s.engine.Tokenizer.NewStream(true), at: at}
}

// pass returns where the token begins, and goes behind it.
func (p *place) pass(token int32) int {
	at := max(0, p.at)
	if said, err := p.stream.Push(token); err == nil { // else a vocabulary has no such token, and no text
		p.at += utf8.RuneCountInString(said)
	}
	return at
}

func newLegacy() *legacy { return &legacy{[]string{}, []*float32{}, []map[string]float32{}, []int{}} }

// tell adds tokens, the first of which begins at a place.
func (s *Server) tell(out *legacy, l likelihoods, at *place) {
	for i, token := range l.tokens {
		said := s.said(token)
		out.Tokens = append(out.Tokens, said)
		out.Offsets = append(out.Offsets, at.pass(token))
		logprob, top, known := l.at(i)
		if !known {
			out.LogProbs, out.Top = append(out.LogProbs, nil), append(out.Top, nil)
			continue
		}
		out.LogProbs = append(out.LogProbs, &logprob)
		likely := map[string]float32{said: logprob}
		for _, other := range top {
			called := s.said(other.Token)
			if have, ok := likely[called]; !ok || have < other.LogProb {
				likely[called] = finite(other.LogProb)
			}
		}
		out.Top = append(out.Top, likely)
	}
}

// likely is a token as /v1/chat/completions tells of it.
type likely struct {
	Token   string  `json:"token"`
	LogProb float32 `json:"logprob"`
	Bytes   []int   `json:"bytes"`
}

// drawn is a token of a completion, with the likeliest in its place: an empty list where none was asked for, since
// OpenAI's clients require one.
type drawn struct {
	likely
	Top []likely `json:"top_logprobs"`
}

func (s *Server) likely(token int32, logprob float32) likely {
	out := likely{Token: s.said(token), LogProb: logprob, Bytes: []int{}}
	for _, b := range s.engine.Tokenizer.Bytes(token) {
		out.Bytes = append(out.Bytes, int(b))
	}
	return out
}

// chatLogProbs tells of a completion's tokens.
func (s *Server) chatLogProbs(l likelihoods) map[string][]drawn {
	content := []drawn{}
	for i, token := range l.tokens {
		logprob, top, _ := l.at(i)
		one := drawn{s.likely(token, logprob), []likely{}}
		for _, other := range top {
			one.Top = append(one.Top, s.likely(other.Token, finite(other.LogProb)))
		}
		content = append(content, one)
	}
	return map[string][]drawn{"content": content}
}

// said is the text of a token, special ones included.
func (s *Server) said(token int32) string {
	said, err := s.engine.Tokenizer.Decode([]int32{token}, false)
	if err != nil { // no token's id, which a model may draw all the same
		return ""
	}
	return said
}
