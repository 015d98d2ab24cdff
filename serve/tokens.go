package serve

import (
	"errors"
	"fmt"
	"net/http"
)

// tokenize, detokenize and tokenizerInfo are vLLM's, which lm-evaluation-harness asks as its "remote" tokenizer.

// tokenize answers with the ids of a prompt, or of messages put through the chat template.
func (s *Server) tokenize(w http.ResponseWriter, r *http.Request) {
	f, err := s.object(w, r)
	if err != nil {
		fail(w, err)
		return
	}
	var ids []int32
	var prompt string
	special := true
	f.take("add_special_tokens", &special)
	switch {
	case f.record.Has("messages"):
		ids, err = s.rendered(f)
	case f.take("prompt", &prompt):
		ids, err = s.engine.Tokenizer.Encode(prompt, special)
	default:
		err = errors.Join(append(f.errs, f.record.Lacks("prompt", "messages"))...)
	}
	if err == nil {
		err = errors.Join(f.errs...)
	}
	if err != nil {
		fail(w, wrong(oneLine(err)))
		return
	}
	if ids == nil {
		ids = []int32{}
	}
	writeJSON(w, map[string]any{"tokens": ids, "count": len(ids), "max_model_len": s.MaxLen()})
}

// detokenize answers with the text of ids, special tokens included.
func (s *Server) detokenize(w http.ResponseWriter, r *http.Request) {
	f, err := s.object(w, r)
	if err != nil {
		fail(w, err)
		return
	}
	ids := f.ids("tokens")
	if !f.record.Has("tokens") {
		f.errs = append(f.errs, f.record.Lacks("tokens"))
	}
	if len(f.errs) > 0 {
		fail(w, wrong(oneLine(errors.Join(f.errs...))))
		return
	}
	for _, id := range ids {
		if id < 0 || int(id) >= s.engine.Weights.Config.VocabSize {
			fail(w, wrong(fmt.Errorf("token %d is outside the model's vocabulary of %d", id,
				s.engine.Weights.Config.VocabSize)))
			return
		}
	}
	prompt, err := s.engine.Tokenizer.Decode(ids, false)
	if err != nil {
		fail(w, wrong(err))
		return
	}
	writeJSON(w, map[string]string{"prompt": prompt})
}

// tokenizerInfo tells what clients need of the tokenizer's configuration.
func (s *Server) tokenizerInfo(w http.ResponseWriter, _ *http.Request) {
	info := map[string]any{"eos_token": nil, "bos_token": nil, "pad_token": nil, "chat_template": nil,
		"model_max_length": s.MaxLen()}
	if eos := s.engine.Weights.Config.EOS; len(eos) > 0 {
		info["eos_token"] = s.said(eos[0])
	}
	if t := s.engine.Template; t != nil {
		for _, name := range []string{"bos_token", "pad_token"} {
			if token, ok := t.Special(name); ok {
				info[name] = token
			}
		}
		if source, err := t.Source(); err == nil {
			info["chat_template"] = source
		}
	}
	writeJSON(w, info)
}
