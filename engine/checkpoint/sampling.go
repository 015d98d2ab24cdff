package checkpoint

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/stele-lm/stele/internal/jsonl"
)

// neutral are the settings of a generation_config.json that change what is sampled, each with the values that change
// nothing; null does not, either.
var neutral = []struct {
	name   string
	values []string
}{
	{"temperature", []string{"1"}}, {"top_p", []string{"1"}}, {"top_k", []string{"0", "-1"}}, {"min_p", []string{"0"}},
	{"typical_p", []string{"1"}}, {"epsilon_cutoff", []string{"0"}}, {"eta_cutoff", []string{"0"}},
	{"top_h", nil}, {"repetition_penalty", []string{"1"}}, {"encoder_repetition_penalty", []string{"1"}},
	{"no_repeat_ngram_size", []string{"0"}}, {"num_beams", []string{"1"}}, {"penalty_alpha", []string{"0"}},
	{"guidance_scale", []string{"1"}}, {"bad_words_ids", []string{"[]"}}, {"sequence_bias", []string{"{}", "[]"}},
	{"suppress_tokens", []string{"[]"}}, {"begin_suppress_tokens", []string{"[]"}},
	{"forced_bos_token_id", nil}, {"forced_eos_token_id", nil}, {"exponential_decay_length_penalty", nil},
	{"min_length", []string{"0"}}, {"min_new_tokens", []string{"0"}}, {"stop_strings", []string{"[]"}},
	{"max_new_tokens", nil}, {"watermarking_config", nil}, {"token_healing", []string{"false"}}, {"dola_layers", nil},
}

// unsampled lists the settings in the text of a generation_config.json by which others sample, as "top_k 20".
func unsampled(data []byte) ([]string, error) {
	var settings map[string]json.RawMessage
	if err := jsonl.Unmarshal(data, &settings); err != nil {
		return nil, err
	}
	var all []string
	for _, s := range neutral {
		value := settings[s.name]
		if len(value) == 0 || string(value) == "null" || slices.Contains(s.values, plainly(value)) {
			continue
		}
		all = append(all, s.name+" "+plainly(value))
	}
	return all, nil
}

// plainly is a value in few letters: 1 for 1.0, and the beginning of a long list.
func plainly(value json.RawMessage) string {
	var number float64
	if json.Unmarshal(value, &number) == nil {
		short, err := json.Marshal(number)
		if err == nil {
			return string(short)
		}
	}
	var b bytes.Buffer
	if json.Compact(&b, value) != nil {
		return string(value)
	}
	if text := []rune(b.String()); len(text) > 40 {
		return string(text[:40]) + "…"
	}
	return b.String()
}
