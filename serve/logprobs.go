package serve

import (
	"unicode/utf8"

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

// logProbs tells of a prompt and its completion, or of one of them; offset is where the first token begins.
func (s *Server) logProbs(prompt, completion likelihoods, offset int) legacy {
	out := legacy{[]string{}, []*float32{}, []map[string]float32{}, []int{}}
	for _, l := range []*likelihoods{&prompt, &completion} {
		for i, token := range l.tokens {
			said := s.said(token)
			out.Tokens = append(out.Tokens, said)
			out.Offsets = append(out.Offsets, offset)
			offset += utf8.RuneCountInString(said)
			logprob, top, known := l.at(i)
			if !known {
				out.LogProbs, out.Top = append(out.LogProbs, nil), append(out.Top, nil)
				continue
			}
			out.LogProbs = append(out.LogProbs, &logprob)
			likely := map[string]float32{said: logprob}
			for _, other := range top {
				text := s.said(other.Token)
				if have, ok := likely[text]; !ok || have < other.LogProb {
					likely[text] = finite(other.LogProb)
				}
			}
			out.Top = append(out.Top, likely)
		}
	}
	return out
}

// likely is a token as /v1/chat/completions tells of it.
type likely struct {
	Token   string   `json:"token"`
	LogProb float32  `json:"logprob"`
	Bytes   []int    `json:"bytes"`
	Top     []likely `json:"top_logprobs,omitempty"`
}

func (s *Server) likely(token int32, logprob float32) likely {
	out := likely{Token: s.said(token), LogProb: logprob, Bytes: []int{}}
	for _, b := range s.engine.Tokenizer.Bytes(token) {
		out.Bytes = append(out.Bytes, int(b))
	}
	return out
}

// chatLogProbs tells of a completion's tokens.
func (s *Server) chatLogProbs(l likelihoods) map[string][]likely {
	content := []likely{}
	for i, token := range l.tokens {
		logprob, top, _ := l.at(i)
		one := s.likely(token, logprob)
		for _, other := range top {
			one.Top = append(one.Top, s.likely(other.Token, finite(other.LogProb)))
		}
		content = append(content, one)
	}
	return map[string][]likely{"content": content}
}

// said is the text of a token, special ones included.
func (s *Server) said(token int32) string {
	text, err := s.engine.Tokenizer.Decode([]int32{token}, false)
	if err != nil { // no token's id, which a model may draw all the same
		return ""
	}
	return text
}
