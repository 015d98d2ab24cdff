package serve

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/stele-lm/stele/engine"
)

// completions reads what only /v1/completions has.
func (s *Server) completions(f *fields, a *asked) error {
	a.request.MaxTokens = 16 // as OpenAI's and vLLM's
	f.take("echo", &a.echo)
	f.least("max_tokens", &a.request.MaxTokens, map[bool]int{true: 0, false: 1}[a.echo])
	if f.take("logprobs", &a.likeliest) && a.likeliest < 0 {
		return fmt.Errorf(`field "logprobs" is %d, expected 0 to %d`, a.likeliest, mostLikeliest)
	}
	f.refuses("suffix", "filling in before a suffix is not to be had", `""`)
	best := a.request.N
	if f.take("best_of", &best) && best != a.request.N {
		return fmt.Errorf(`field "best_of" is %d: expected n, which is %d, or nothing`, best, a.request.N)
	}
	special := true
	f.take("add_special_tokens", &special)
	f.read["prompt"] = true
	value, err := f.record.Find("prompt")
	if err != nil {
		return err
	}
	if value == nil {
		return f.record.Lacks("prompt")
	}
	if a.echo && a.stream {
		return errors.New(`"echo" and "stream" are not to be had together`)
	}
	if a.echo && a.likeliest > 0 && s.engine.Executor() != string(engine.KernelsHost) {
		return fmt.Errorf(`"echo" with "logprobs": %d: the likeliest tokens of a text that is given are told by host `+
			`kernels alone, and %s runs graphs`, a.likeliest, s.engine.Executor())
	}
	return s.prompts(a, value, special)
}

// prompts reads a text, token ids, or a list of either.
func (s *Server) prompts(a *asked, value json.RawMessage, special bool) error {
	var all []json.RawMessage
	var ids []*int32
	switch {
	case json.Unmarshal(value, &ids) == nil && len(ids) > 0:
		all = []json.RawMessage{value}
	case json.Unmarshal(value, &all) == nil:
	default:
		all = []json.RawMessage{value}
	}
	if len(all) == 0 {
		return errors.New(`field "prompt" is an empty list`)
	}
	for _, one := range all {
		var text string
		var given []*int32
		var ids []int32
		switch {
		case json.Unmarshal(one, &text) == nil:
			var err error
			if ids, err = s.engine.Tokenizer.Encode(text, special); err != nil {
				return err
			}
		case json.Unmarshal(one, &given) == nil && string(one) != "null":
			var err error
			if ids, err = known(given); err != nil {
				return fmt.Errorf(`field "prompt": %w`, err)
			}
			for _, id := range ids {
				if id < 0 || int(id) >= s.engine.Weights.Config.VocabSize {
					return fmt.Errorf("prompt token %d is outside the model's vocabulary of %d", id,
						s.engine.Weights.Config.VocabSize)
				}
			}
			if text, err = s.engine.Tokenizer.Decode(ids, false); err != nil {
				return err
			}
		default:
			return fmt.Errorf(`field "prompt": found %.60s, expected a text, a list of token ids, or a list of either`,
				one)
		}
		a.prompts, a.texts = append(a.prompts, ids), append(a.texts, text)
	}
	return nil
}
