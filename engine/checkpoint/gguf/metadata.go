package gguf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/internal/nearest"
)

// Model is what the metadata of a file are made from.
type Model struct {
	Name   string
	Config *architecture.Config
	EOS    []int32           // ends of a sequence; may be empty
	Files  map[string][]byte // of its folder: tokenizer.json, and what else there is of tokenizer and templates
	Type   Type              // of its matrices
}

// fileTypes are the numbers of general.file_type, llama_ftype in llama.h.
var fileTypes = map[Type]uint32{F32: 0, F16: 1, Q8_0: 7, BF16: 32}

// relatives are families whose files have another's name, as in llama.cpp's converter.
var relatives = map[string]string{"mistral": "llama"}

// nameOf returns general.architecture of a family's files.
func nameOf(a *architecture.Architecture) (string, error) {
	name := a.Type
	if of, ok := relatives[name]; ok {
		name = of
	}
	if _, ok := families[name]; !ok {
		return "", fmt.Errorf("a %s cannot be written as GGUF: expected %s", a.Type, nearest.List(Families()))
	}
	return name, nil
}

// IsPaired reports whether the rows of a tensor, by its name here, lie in pairs in a family's files.
func IsPaired(a *architecture.Architecture, name string) bool {
	own, err := nameOf(a)
	return err == nil && Paired(own, name)
}

// Metadata returns the fields of a model's file. Notes tell what of the model they cannot say.
func (m *Model) Metadata() (fields Fields, notes []string, err error) {
	c := m.Config
	name, err := nameOf(c.Architecture)
	if err != nil {
		return nil, nil, err
	}
	fields.add("general.architecture", name)
	fields.add("general.type", "model")
	fields.add("general.name", m.Name)
	fields.add("general.file_type", fileTypes[m.Type])
	fields.add("general.quantization_version", uint32(2))
	for _, size := range []struct {
		key   string
		value int
	}{
		{"vocab_size", c.VocabSize}, {"context_length", c.MaxPositions}, {"embedding_length", c.HiddenSize},
		{"block_count", c.NumLayers}, {"feed_forward_length", c.IntermediateSize},
		{"attention.head_count", c.NumHeads}, {"attention.head_count_kv", c.NumKVHeads},
		{"attention.key_length", c.HeadDim}, {"attention.value_length", c.HeadDim},
		{"rope.dimension_count", c.HeadDim},
	} {
		fields.add(name+"."+size.key, uint32(size.value))
	}
	fields.add(name+".attention.layer_norm_rms_epsilon", float32(c.RMSNormEps))
	fields.add(name+".rope.freq_base", float32(c.Rope.Theta))
	switch r := c.Rope; r.Type {
	case architecture.PlainRope, "llama3": // the latter is a tensor: see Divisors
	case "linear":
		fields.add(name+".rope.scaling.type", r.Type)
		fields.add(name+".rope.scaling.factor", float32(r.Factor))
	case architecture.YaRN:
		if r.Untruncated || r.BetaFast != 32 || r.BetaSlow != 1 {
			return nil, nil, fmt.Errorf("YaRN with truncate %t, beta_fast %g and beta_slow %g cannot be written as "+
				"GGUF: llama.cpp has true, 32 and 1, whatever a file says", !r.Untruncated, r.BetaFast, r.BetaSlow)
		}
		fields.add(name+".rope.scaling.type", r.Type)
		fields.add(name+".rope.scaling.factor", float32(r.Factor))
		fields.add(name+".rope.scaling.original_context_length", uint32(r.OriginalMaxPositions))
		if own := r.AttentionFactor / architecture.YaRNAttention(r.Factor, 0, 0); math.Abs(own-1) > 1e-6 {
			fields.add(name+".rope.scaling.attn_factor", float32(own))
		}
	default:
		return nil, nil, fmt.Errorf("a rotary embedding of type %s cannot be written as GGUF", r.Type)
	}
	notes, err = m.addTokenizer(&fields)
	return fields, notes, err
}

// Divisors returns what a model's rotary frequencies are divided by, as the tensor Frequencies; nil where its
// type needs none.
func Divisors(c *architecture.Config) []float32 {
	if c.Rope.Type != "llama3" {
		return nil
	}
	plain := *c
	plain.Rope = architecture.Rope{Type: architecture.PlainRope, Theta: c.Rope.Theta}
	scaled, out := c.InverseFrequencies(), []float32(nil)
	for i, f := range plain.InverseFrequencies() {
		out = append(out, float32(f/scaled[i]))
	}
	return out
}

// tokenizerFile has the fields of tokenizer.json that a GGUF file speaks of.
type tokenizerFile struct {
	Normalizer *struct {
		Type        string `json:"type"`
		Normalizers []struct {
			Type string `json:"type"`
		} `json:"normalizers"`
	} `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor *processor      `json:"post_processor"`
	AddedTokens   []struct {
		ID      int    `json:"id"`
		Content string `json:"content"`
		Special bool   `json:"special"`
	} `json:"added_tokens"`
	Model struct {
		Type         string            `json:"type"`
		IgnoreMerges bool              `json:"ignore_merges"`
		Vocab        map[string]int    `json:"vocab"`
		Merges       []json.RawMessage `json:"merges"`
	} `json:"model"`
}

// processor is what puts tokens around a text.
type processor struct {
	Type       string      `json:"type"`
	Processors []processor `json:"processors"`
	Single     []struct {
		Token *struct {
			ID string `json:"id"`
		} `json:"SpecialToken"`
	} `json:"single"`
}

// around returns the tokens before and after a text.
func (p *processor) around() (before, after []string, err error) {
	switch {
	case p == nil || p.Type == "ByteLevel":
	case p.Type == "Sequence":
		for i := range p.Processors {
			b, a, err := p.Processors[i].around()
			if err != nil {
				return nil, nil, err
			}
			before, after = append(before, b...), append(after, a...)
		}
	case p.Type == "TemplateProcessing":
		list := &before
		for _, piece := range p.Single {
			if piece.Token == nil {
				list = &after
			} else {
				*list = append(*list, piece.Token.ID)
			}
		}
	default:
		return nil, nil, fmt.Errorf("post_processor %q cannot be written as GGUF", p.Type)
	}
	return before, after, nil
}

// addTokenizer adds the fields of tokenizer and chat template.
func (m *Model) addTokenizer(fields *Fields) (notes []string, err error) {
	var t tokenizerFile
	if err := json.Unmarshal(m.Files["tokenizer.json"], &t); err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	if t.Model.Type != "BPE" {
		return nil, fmt.Errorf("tokenizer.json: a %s model cannot be written as GGUF: expected BPE", t.Model.Type)
	}
	nfc := false
	if n := t.Normalizer; n != nil && !(n.Type == "Sequence" && len(n.Normalizers) == 0) {
		if nfc = n.Type == "NFC"; !nfc {
			return nil, fmt.Errorf("tokenizer.json: normalizer %s cannot be written as GGUF", n.Type)
		}
		notes = append(notes, "the tokenizer brings text into the normal form NFC first, which llama.cpp does not")
	}
	pre := namePreTokenizer(t.PreTokenizer, t.Model.IgnoreMerges, nfc)
	if pre == "" {
		return nil, errors.New("tokenizer.json: llama.cpp has no name for how it divides text (pre_tokenizer), so it " +
			"cannot be written as GGUF")
	}
	tokens, types, err := m.tokens(&t)
	if err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	merges := make([]string, len(t.Model.Merges))
	for i, raw := range t.Model.Merges {
		var pair []string
		if json.Unmarshal(raw, &merges[i]) != nil {
			if json.Unmarshal(raw, &pair) != nil || len(pair) != 2 {
				return nil, fmt.Errorf("tokenizer.json: merge %d is not a pair", i)
			}
			merges[i] = strings.Join(pair, " ")
		}
	}
	fields.add("tokenizer.ggml.model", "gpt2")
	fields.add("tokenizer.ggml.pre", pre)
	fields.add("tokenizer.ggml.tokens", tokens)
	fields.add("tokenizer.ggml.token_type", types)
	fields.add("tokenizer.ggml.merges", merges)
	more, err := m.addSpecial(fields, &t, tokens)
	if err != nil {
		return nil, err
	}
	return append(notes, more...), m.addTemplates(fields)
}

// tokens returns the texts and types of all ids that the embedding has.
func (m *Model) tokens(t *tokenizerFile) (tokens []string, types []int32, err error) {
	n := m.Config.VocabSize
	tokens, types = make([]string, n), slices.Repeat([]int32{int32(tokenUnused)}, n)
	for _, token := range slices.Sorted(maps.Keys(t.Model.Vocab)) {
		id := t.Model.Vocab[token]
		if id < 0 || id >= n || types[id] != int32(tokenUnused) {
			return nil, nil, fmt.Errorf("token %.40q has id %d, expected one of its own below %d", token, id, n)
		}
		tokens[id], types[id] = token, int32(tokenNormal)
	}
	for _, a := range t.AddedTokens {
		if a.ID < 0 || a.ID >= n {
			return nil, nil, fmt.Errorf("token %.40q has id %d, and the model has %d", a.Content, a.ID, n)
		}
		tokens[a.ID], types[a.ID] = a.Content, int32(tokenUser)
		if a.Special {
			types[a.ID] = int32(tokenControl)
		}
	}
	for id := range tokens {
		if types[id] == int32(tokenUnused) {
			tokens[id] = fmt.Sprintf("[PAD%d]", id) // as llama.cpp's converter calls it
		}
	}
	return tokens, types, nil
}

// addSpecial adds the ids of special tokens, and which are put around texts.
func (m *Model) addSpecial(fields *Fields, t *tokenizerFile, tokens []string) (notes []string, err error) {
	var config map[string]json.RawMessage
	if text := m.Files["tokenizer_config.json"]; len(text) > 0 {
		if err := json.Unmarshal(text, &config); err != nil {
			return nil, fmt.Errorf("tokenizer_config.json: %w", err)
		}
	}
	named := func(key string) int {
		var content string
		var whole struct {
			Content string `json:"content"`
		}
		if json.Unmarshal(config[key], &content) != nil && json.Unmarshal(config[key], &whole) == nil {
			content = whole.Content
		}
		if content == "" {
			return -1
		}
		return slices.Index(tokens, content)
	}
	before, after, err := t.PostProcessor.around()
	if err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	bos := named("bos_token")
	if len(before) > 0 {
		bos = slices.Index(tokens, before[0])
	}
	ends := slices.Clone(m.EOS)
	if own := int32(named("eos_token")); own >= 0 {
		ends = append([]int32{own}, slices.DeleteFunc(ends, func(id int32) bool { return id == own })...)
	}
	if len(before) > 1 || len(after) > 1 || len(before) == 1 && bos < 0 ||
		len(after) == 1 && (len(ends) == 0 || after[0] != tokens[ends[0]]) {
		return nil, fmt.Errorf("tokenizer.json: post_processor puts %q before texts and %q after them, which cannot "+
			"be written as GGUF", before, after)
	}
	if bos >= 0 {
		fields.add("tokenizer.ggml.bos_token_id", uint32(bos))
	}
	keys := []string{"eos_token_id", "eot_token_id", "eom_token_id"}
	for i, id := range ends {
		// Those that llama.cpp knows by their text need no field.
		switch known := slices.Contains(ending, tokens[id]); {
		case i > 0 && known:
		case len(keys) == 0:
			notes = append(notes, fmt.Sprintf("%s also ends a sequence, which GGUF cannot say", tokens[id]))
		default:
			fields.add("tokenizer.ggml."+keys[0], uint32(id))
			keys = keys[1:]
		}
	}
	if pad := named("pad_token"); pad >= 0 {
		fields.add("tokenizer.ggml.padding_token_id", uint32(pad))
	}
	fields.add("tokenizer.ggml.add_bos_token", len(before) == 1)
	fields.add("tokenizer.ggml.add_eos_token", len(after) == 1)
	return notes, nil
}

// addTemplates adds the chat templates: of files of their own, or of tokenizer_config.json.
func (m *Model) addTemplates(fields *Fields) error {
	named := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(m.Files)) {
		if own, ok := strings.CutSuffix(path.Base(name), ".jinja"); ok {
			if own == "chat_template" {
				own = "default"
			}
			named[own] = string(m.Files[name])
		}
	}
	if len(named) == 0 && len(m.Files["tokenizer_config.json"]) > 0 {
		var config struct {
			Template json.RawMessage `json:"chat_template"`
		}
		if err := json.Unmarshal(m.Files["tokenizer_config.json"], &config); err != nil {
			return fmt.Errorf("tokenizer_config.json: %w", err)
		}
		var one string
		var list []struct {
			Name     string `json:"name"`
			Template string `json:"template"`
		}
		switch {
		case len(config.Template) == 0 || bytes.Equal(config.Template, []byte("null")):
		case json.Unmarshal(config.Template, &one) == nil:
			named["default"] = one
		case json.Unmarshal(config.Template, &list) == nil:
			for _, t := range list {
				named[t.Name] = t.Template
			}
		}
	}
	var others []string
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if name == "default" {
			fields.add("tokenizer.chat_template", named[name])
			continue
		}
		others = append(others, name)
		fields.add("tokenizer.chat_template."+name, named[name])
	}
	if len(others) > 0 {
		fields.add("tokenizer.chat_templates", others)
	}
	return nil
}
