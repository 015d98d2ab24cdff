package checkpoint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/engine/architecture"
)

// member is a key of a JSON object with its value as it is written.
type member struct {
	key   string
	value json.RawMessage
}

// members are a JSON object in its order, so that writing it again changes nothing that is
// not set: neither the order of keys nor how a number is written, since 500000.0 read and
// written by encoding/json becomes 500000, which Python takes for another type.
type members []member

// parseMembers reads an object. Of equal keys the last counts, as in Python.
func parseMembers(data []byte) (m members, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("not a JSON object")
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		m.set(t.(string), value) // a key is always a string
	}
	_, err = d.Token()
	return m, err
}

// get returns the value of a key, nil if it is not there.
func (m members) get(key string) json.RawMessage {
	for _, x := range m {
		if x.key == key {
			return x.value
		}
	}
	return nil
}

// set gives a key a value where it is, or at the end.
func (m *members) set(key string, value json.RawMessage) {
	for i := range *m {
		if (*m)[i].key == key {
			(*m)[i].value = value
			return
		}
	}
	*m = append(*m, member{key, value})
}

// add sets a key to what encoding/json makes of a value that has no floats.
func (m *members) add(key string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // only of what no configuration holds
	}
	m.set(key, text)
}

// text returns the object, indented.
func (m members) text() ([]byte, error) {
	var b, out bytes.Buffer
	b.WriteByte('{')
	for i, x := range m {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(x.key)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(x.value)
	}
	b.WriteByte('}')
	if err := json.Indent(&out, b.Bytes(), "", "  "); err != nil {
		return nil, err
	}
	return append(out.Bytes(), '\n'), nil
}

// float writes a number as Python does, so that it is read as a float again: 10000.0, 1e-06.
func float(v float64) json.RawMessage {
	text := strconv.FormatFloat(v, 'g', -1, 64)
	if mantissa, exponent, ok := strings.Cut(text, "e"); ok {
		if n, _ := strconv.Atoi(exponent); n >= -4 && n < 16 {
			text = strconv.FormatFloat(v, 'f', -1, 64)
		} else {
			return json.RawMessage(mantissa + "e" + exponent)
		}
	}
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return json.RawMessage(text)
}

// file returns the text of config.json: the one that was read, with the dtype of the weights as
// they are now and whether the head is tied, or one made from the fields.
func (c *Config) file(dtype DType) ([]byte, error) {
	if c.Raw == nil {
		return c.fields(dtype).text()
	}
	fields, err := parseMembers(c.Raw)
	if err != nil {
		return nil, err
	}
	fields = slices.DeleteFunc(fields, func(m member) bool { return slices.Contains(quantizationKeys, m.key) })
	for _, key := range []string{"torch_dtype", "dtype"} {
		if fields.get(key) != nil {
			fields.add(key, dtype.TorchName())
		}
	}
	was := c.Architecture.Defaults.Tied
	if tied := string(fields.get("tie_word_embeddings")); tied != "" {
		was = tied == "true"
	}
	if was != c.TieEmbeddings {
		fields.add("tie_word_embeddings", c.TieEmbeddings)
	}
	return fields.text()
}

// fields returns config.json of a new model.
func (c *Config) fields(dtype DType) members {
	var m members
	m.add("architectures", []string{c.Architecture.Class})
	m.add("model_type", c.Architecture.Type)
	m.add("hidden_act", "silu")
	for _, size := range []struct {
		key   string
		value int
	}{
		{"hidden_size", c.HiddenSize}, {"intermediate_size", c.IntermediateSize},
		{"num_hidden_layers", c.NumLayers}, {"num_attention_heads", c.NumHeads},
		{"num_key_value_heads", c.NumKVHeads}, {"head_dim", c.HeadDim},
		{"vocab_size", c.VocabSize}, {"max_position_embeddings", c.MaxPositions},
	} {
		m.add(size.key, size.value)
	}
	m.set("rms_norm_eps", float(c.RMSNormEps))
	m.set("rope_theta", float(c.Rope.Theta))
	if c.Rope.Type != architecture.PlainRope {
		var rope members
		rope.add("rope_type", c.Rope.Type)
		for _, field := range []struct {
			key   string
			value float64
		}{
			{"factor", c.Rope.Factor}, {"low_freq_factor", c.Rope.LowFreqFactor},
			{"high_freq_factor", c.Rope.HighFreqFactor}, {"beta_fast", c.Rope.BetaFast},
			{"beta_slow", c.Rope.BetaSlow}, {"attention_factor", c.Rope.AttentionFactor},
		} {
			if field.value != 0 { // the type reads it
				rope.set(field.key, float(field.value))
			}
		}
		if n := c.Rope.OriginalMaxPositions; n != 0 {
			rope.add("original_max_position_embeddings", n)
		}
		if c.Rope.Untruncated {
			rope.add("truncate", false)
		}
		text, err := rope.text()
		if err != nil {
			panic(err) // only of a factor that is no number
		}
		m.set("rope_scaling", text)
	}
	m.add("tie_word_embeddings", c.TieEmbeddings)
	m.add("torch_dtype", dtype.TorchName())
	if c.BOS >= 0 {
		m.add("bos_token_id", c.BOS)
	}
	m.add("eos_token_id", c.EOS)
	if w := c.Architecture.Window; w != nil && w.Always {
		m.add("sliding_window", nil)
		if w.Alters { // transformers divides by what it makes of no window to find them
			m.add("layer_types", slices.Repeat([]string{"full_attention"}, c.NumLayers))
		}
	} else if w != nil {
		m.add("use_sliding_window", false)
	}
	for _, flag := range c.Architecture.Flags {
		m.add(flag.Name, c.Flag(flag.Name))
	}
	for _, number := range c.Architecture.Numbers {
		if v := c.Number(number.Name); number.Whole {
			m.add(number.Name, int(v))
		} else {
			m.set(number.Name, float(v))
		}
	}
	for _, name := range c.Architecture.Lists {
		if list := c.List(name); list != nil {
			m.add(name, list)
		}
	}
	return m
}
