package gguf

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Setting is a field of a Hugging Face folder's config.json. Its value is a string, a bool, an int64, a
// float64, a list of int64 or Settings.
type Setting struct {
	Key   string
	Value any
}

// Settings are fields in their order.
type Settings []Setting

func (s *Settings) add(key string, value any) { *s = append(*s, Setting{key, value}) }

// harmless are fields of an architecture, without its name, that change nothing of what is computed from the
// others, or repeat what tensors say.
var harmless = regexp.MustCompile(`^(vocab_size|tensor_data_layout|rope\.scaling\.finetuned|` +
	`embedding_length_out|leading_dense_block_count)$`)

// metadata reads an architecture's fields and notes which it has read.
type metadata struct {
	file   *File
	prefix string
	read   map[string]bool
	err    error // the first
}

// find returns the field of a key; ok is false where it is not there.
func (m *metadata) find(key string) (v value, ok bool) {
	m.read[m.prefix+key] = true
	v, ok = m.file.fields[m.prefix+key]
	return v, ok
}

func (m *metadata) fail(key string, v value, expected string) {
	if m.err == nil {
		m.err = fmt.Errorf("%s%s is %s, expected %s", m.prefix, key, v, expected)
	}
}

// whole returns a whole number, or one that all layers have; ok is false where it is not there.
func (m *metadata) whole(key string) (n int64, ok bool) {
	v, ok := m.find(key)
	if !ok {
		return 0, false
	}
	if list, isList := v.ints(); isList && len(list) > 0 {
		if slices.Min(list) != slices.Max(list) {
			m.fail(key, v, "one number for all layers")
		}
		return list[0], true
	}
	if n, ok = v.uint(); !ok {
		m.fail(key, v, "a whole number")
	}
	return n, ok
}

// needed is whole of a field that must be there.
func (m *metadata) needed(key string) int64 {
	n, ok := m.whole(key)
	if !ok && m.err == nil {
		m.err = fmt.Errorf("it has no %s%s", m.prefix, key)
	}
	return n
}

// float returns a number, or another where it is not there.
func (m *metadata) float(key string, absent float64) float64 {
	v, ok := m.find(key)
	if !ok {
		return absent
	}
	n, ok := v.float()
	if !ok {
		m.fail(key, v, "a number")
	}
	return n
}

// Config returns what config.json of the same model says, and what a person must know of how it was found.
func (f *File) Config() (s Settings, notes []string, err error) {
	architecture, err := f.Architecture()
	if err != nil {
		return nil, nil, err
	}
	m := &metadata{file: f, prefix: architecture + ".", read: map[string]bool{}}
	table, ok := f.Tensor("token_embd.weight")
	if !ok || len(table.Shape) != 2 {
		return nil, nil, errors.New("it has no matrix token_embd.weight")
	}
	s.add("model_type", architecture)
	s.add("hidden_act", "silu")
	hidden, heads := m.needed("embedding_length"), m.needed("attention.head_count")
	s.add("hidden_size", hidden)
	s.add("intermediate_size", m.needed("feed_forward_length"))
	s.add("num_hidden_layers", m.needed("block_count"))
	s.add("num_attention_heads", heads)
	groups, ok := m.whole("attention.head_count_kv")
	if !ok {
		groups = heads
	}
	s.add("num_key_value_heads", groups)
	if m.err == nil && heads == 0 {
		m.err = fmt.Errorf("%sattention.head_count is 0", m.prefix)
	}
	if m.err != nil {
		return nil, nil, m.err
	}
	width, ok := m.whole("attention.key_length")
	if !ok {
		width = hidden / heads
	}
	if v, ok := m.whole("attention.value_length"); ok && v != width && m.err == nil {
		m.err = fmt.Errorf("%sattention.value_length is %d and that of keys %d: expected the same", m.prefix, v, width)
	}
	s.add("head_dim", width)
	s.add("vocab_size", int64(table.Shape[0]))
	s.add("max_position_embeddings", m.needed("context_length"))
	s.add("rms_norm_eps", m.float("attention.layer_norm_rms_epsilon", 1e-6))
	if n, ok := m.whole("attention.sliding_window"); ok && n > 0 {
		s.add("sliding_window", n)
	}
	if err := m.rope(&s, width); err != nil {
		return nil, nil, err
	}
	if m.err != nil {
		return nil, nil, m.err
	}
	_, own := f.Tensor("output.weight")
	s.add("tie_word_embeddings", !own)
	for _, flag := range slices.Sorted(maps.Keys(families[architecture].biases)) {
		_, there := f.Tensor(families[architecture].biases[flag])
		s.add(flag, there)
	}
	s.add("torch_dtype", f.dtype())
	if notes, err = f.ends(&s); err != nil {
		return nil, nil, err
	}
	rest, err := m.unread()
	return s, slices.Concat(notes, rest), err
}

// unread refuses fields of the architecture that switch something on that is not computed, and notes others
// that were not read.
func (m *metadata) unread() ([]string, error) {
	var names []string
	for _, key := range slices.Sorted(maps.Keys(m.file.fields)) {
		rest, own := strings.CutPrefix(key, m.prefix)
		v := m.file.fields[key]
		if !own || m.read[key] || harmless.MatchString(rest) || v.isOff() {
			continue
		}
		n, isNumber := v.float()
		if strings.Contains(rest, "scale") && isNumber && n == 1 {
			continue
		}
		if b, is := v.bool(); rest == "attention.causal" && is && b {
			continue
		}
		if changes.MatchString(rest) {
			return nil, fmt.Errorf("%s is %s, which is not supported", key, v)
		}
		names = append(names, key)
	}
	if len(names) == 0 {
		return nil, nil
	}
	return []string{"not read: " + strings.Join(names, ", ")}, nil
}

// changes are fields, without the architecture's name, that change what is computed.
var changes = regexp.MustCompile(`expert|softcap|scale|window|clamp|alibi|parallel|sections|causal|pooling|` +
	`norm|rope|nope|mrope|deepstack|attention|residual|nextn|activation`)

// dtype returns the name of the type that most of the weights' bytes have, of those that config.json may name.
func (f *File) dtype() string {
	held := map[Type]int{}
	for _, part := range append([]*File{f}, f.Others...) {
		for _, t := range part.Tensors {
			held[t.Type] += len(t.Data)
		}
	}
	best := F32
	for _, t := range slices.Sorted(maps.Keys(held)) {
		if held[t] > held[best] {
			best = t
		}
	}
	switch best {
	case BF16:
		return "bfloat16"
	case F16:
		return "float16"
	}
	return "float32"
}
