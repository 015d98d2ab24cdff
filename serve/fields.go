package serve

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/sampler"
)

// fields reads a request's JSON object and notes which of its fields were read, and what was wrong with them.
type fields struct {
	record *jsonl.Record
	read   map[string]bool
	errs   []error
}

// take reads a field into v, where it is there and not null.
func (f *fields) take(name string, v any) bool {
	f.read[name] = true
	found, err := f.record.Decode(name, v)
	if err != nil {
		f.errs = append(f.errs, err)
	}
	return found && err == nil
}

// least reads a whole number that may not be below least.
func (f *fields) least(name string, v *int, least int) bool {
	if !f.take(name, v) {
		return false
	}
	if *v < least {
		f.errs = append(f.errs, fmt.Errorf("field %q is %d, expected at least %d", name, *v, least))
		return false
	}
	return true
}

// texts reads a text or a list of texts.
func (f *fields) texts(name string) []string {
	var one string
	if found, err := f.record.Decode(name, &one); found && err == nil {
		f.read[name] = true
		return []string{one}
	}
	var all []string
	f.take(name, &all)
	return all
}

// refuses ends a request that asks for what is not to be had here. A field that asks for nothing but the usual
// passes.
func (f *fields) refuses(name, why string, usual ...string) {
	f.read[name] = true
	value, err := f.record.Find(name)
	if err != nil || value == nil || slices.Contains(usual, string(value)) {
		return
	}
	f.errs = append(f.errs, fmt.Errorf("field %q: %s", name, why))
}

// seed reads a whole number of 64 bits, with a sign or without. -1 is what vLLM and llama.cpp take for none.
func (f *fields) seed() (seed uint64, given bool) {
	if value, err := f.record.Find("seed"); err == nil && len(value) > 0 && value[0] == '-' {
		var signed int64
		given = f.take("seed", &signed) && signed != -1
		return uint64(signed), given
	}
	given = f.take("seed", &seed)
	return seed, given
}

// steered are fields of other servers that would make another text of a completion, with the values that change
// nothing. A client that gives one means it: unlike fields that nobody knows, they are not passed over.
var steered = []struct {
	names []string
	usual []string
}{
	{[]string{"guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs"}, nil}, // vLLM's
	{[]string{"chat_template", "truncate_prompt_tokens", "logits_processors", "thinking_token_budget"}, nil},
	{[]string{"allowed_token_ids", "bad_words"}, []string{"[]"}},
	{[]string{"use_beam_search", "include_stop_str_in_output"}, []string{"false"}},
	{[]string{"length_penalty", "typical_p"}, []string{"1", "1.0"}},
	{[]string{"grammar"}, []string{`""`}}, // llama.cpp's
	{[]string{"json_schema", "samplers"}, nil},
	{[]string{"mirostat", "dynatemp_range", "xtc_probability", "dry_multiplier"}, []string{"0", "0.0"}},
	{[]string{"top_n_sigma"}, []string{"-1", "-1.0"}},
}

// renamed are fields of llama.cpp's server that have another name here, with the values that change nothing.
var renamed = []struct {
	name, here string
	usual      []string
}{
	{"repeat_penalty", "repetition_penalty", []string{"1", "1.0"}},
	{"n_predict", "max_tokens", nil},
}

// steering refuses what would make another text of a completion and is not to be had here.
func (f *fields) steering() {
	for _, s := range steered {
		for _, name := range s.names {
			f.refuses(name, "what is generated would follow it, and it is not to be had: leave it out", s.usual...)
		}
	}
	for _, r := range renamed {
		f.refuses(r.name, "it is called "+r.here+" here", r.usual...)
	}
}

// passes marks fields as read that change nothing of what is generated.
func (f *fields) passes(names ...string) {
	for _, name := range names {
		f.read[name] = true
	}
}

// unread lists the fields that nobody asked for.
func (f *fields) unread() (names []string) {
	for _, name := range f.record.Keys() {
		if !f.read[name] {
			names = append(names, name)
		}
	}
	return names
}

// ids reads a list of token ids.
func (f *fields) ids(name string) []int32 {
	var given []*int32
	f.take(name, &given)
	ids, err := known(given)
	if err != nil {
		f.errs = append(f.errs, fmt.Errorf("field %q: %w", name, err))
	}
	return ids
}

// known refuses null among token ids, which JSON's decoder takes for 0.
func known(given []*int32) ([]int32, error) {
	ids := make([]int32, 0, len(given))
	for i, id := range given {
		if id == nil {
			return nil, fmt.Errorf("token id %d is null", i)
		}
		ids = append(ids, *id)
	}
	return ids, nil
}

// Stops are looked for after every token of a request, while all others wait.
const mostStops, longestStop = 64, 1000

// sampling reads what both kinds of requests say of how tokens are drawn.
func (f *fields) sampling(r *engine.Request, vocabulary int) {
	temperature, topP, topK, minP := 1.0, 1.0, 0, 0.0
	f.take("temperature", &temperature)
	f.take("top_p", &topP)
	if f.take("top_k", &topK) && topK == -1 { // vLLM's word for off
		topK = 0
	}
	f.take("min_p", &minP)
	var err error
	if r.Sampling, err = sampler.NewParams(temperature, topK, topP, minP); err != nil {
		f.errs = append(f.errs, err)
	}
	a := &sampler.Adjustment{}
	f.take("presence_penalty", &a.Presence)
	f.take("frequency_penalty", &a.Frequency)
	if f.take("repetition_penalty", &a.Repetition) && a.Repetition == 0 {
		f.errs = append(f.errs, errors.New(`field "repetition_penalty" is 0, expected above 0; 1 is off`))
	}
	f.take("min_tokens", &a.MinTokens)
	var bias map[string]float64
	f.take("logit_bias", &bias)
	for id, value := range bias {
		token, err := strconv.ParseInt(id, 10, 32)
		if err != nil {
			f.errs = append(f.errs, fmt.Errorf("field \"logit_bias\": %q is no token id", id))
			continue
		}
		if a.Bias == nil {
			a.Bias = map[int32]float64{}
		}
		if a.Bias[int32(token)] = value; value <= -100 { // OpenAI's word for never
			a.Bias[int32(token)] = math.Inf(-1)
		}
	}
	if err := a.Validate(vocabulary); err != nil {
		f.errs = append(f.errs, err)
	}
	if !a.IsZero() {
		r.Adjustment = a
	}
	r.Stop = f.texts("stop")
	if slices.Contains(r.Stop, "") {
		f.errs = append(f.errs, errors.New(`field "stop" has an empty text, which ends nothing`))
	}
	if r.StopTokens = f.ids("stop_token_ids"); len(r.Stop)+len(r.StopTokens) > mostStops {
		f.errs = append(f.errs, fmt.Errorf("%d stops are asked for, expected at most %d", len(r.Stop)+len(r.StopTokens),
			mostStops))
	}
	for _, stop := range r.Stop {
		if len(stop) > longestStop {
			f.errs = append(f.errs, fmt.Errorf("a stop has %d bytes, expected at most %d", len(stop), longestStop))
		}
	}
	f.take("ignore_eos", &r.IgnoreEOS)
}
