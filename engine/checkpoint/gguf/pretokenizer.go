package gguf

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// preTokenizer is how text is divided before merges, by tokenizer.ggml.pre, and what else the name stands
// for in llama.cpp (llama_vocab::impl::load) and in the models that have it.
type preTokenizer struct {
	name string
	// split is what stands before the step that writes bytes as characters; nil where that step divides.
	split []any
	// whole says that a piece that is a token is one, whatever the merges say.
	whole bool
	// bos says that the beginning of a sequence is put before texts where the file does not say so.
	bos bool
	// nfc says that text is brought into that normal form first, as these models' own tokenizers do. llama.cpp
	// does not: texts in another form have other tokens there.
	nfc bool
}

// Regular expressions of tokenizer.json.
const (
	contractions = `(?i:'s|'t|'re|'ve|'m|'ll|'d)`
	marks        = `| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	llama3Split  = contractions + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}` + marks
	qwen2Split   = contractions + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}` + marks
	qwen35Split  = contractions + `|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}` +
		`| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	upper       = `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
	lower       = `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
	solidus     = `| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	tekkenSplit = `[^\r\n\p{L}\p{N}]?` + upper + `*` + lower + `+|[^\r\n\p{L}\p{N}]?` + upper + `+` + lower + `*` +
		`|\p{N}` + solidus
	gpt4oSplit = `[^\r\n\p{L}\p{N}]?` + upper + `*` + lower + `+` + contractions + `?` +
		`|[^\r\n\p{L}\p{N}]?` + upper + `+` + lower + `*` + contractions + `?|\p{N}{1,3}` + solidus
)

type object = map[string]any

// isolated divides text where an expression matches.
func isolated(expression string) []any {
	return []any{object{
		"type": "Split", "pattern": object{"Regex": expression}, "behavior": "Isolated", "invert": false,
	}}
}

// digits makes a piece of each digit.
var digits = []any{object{"type": "Digits", "individual_digits": true}}

// preTokenizers are the ways that are read and written, after llama.cpp's table. Of those that are alike the
// first is written.
var preTokenizers = []preTokenizer{
	{name: "llama-bpe", split: isolated(llama3Split), whole: true, bos: true},
	{name: "qwen2", split: isolated(qwen2Split), nfc: true},
	{name: "smollm", split: digits},
	{name: "gpt-2"},
	{name: "tekken", split: isolated(tekkenSplit), whole: true, bos: true},
	{name: "gpt-4o", split: isolated(gpt4oSplit)},
	{name: "qwen35", split: isolated(qwen35Split), nfc: true},
	{name: "smaug-bpe", split: isolated(llama3Split)},
	{name: "megrez", split: isolated(qwen2Split)},

	{name: "llama3", split: isolated(llama3Split), whole: true, bos: true},
	{name: "llama-v3", split: isolated(llama3Split), whole: true, bos: true},
	{name: "falcon3", split: isolated(llama3Split), whole: true, bos: true},
	{name: "falcon-h1", split: isolated(llama3Split), whole: true, bos: true},
	{name: "pixtral", split: isolated(llama3Split), whole: true, bos: true},
	{name: "midm-2.0", split: isolated(llama3Split), whole: true, bos: true},
	{name: "lfm2", split: isolated(llama3Split), whole: true, bos: true},
	{name: "dbrx", split: isolated(llama3Split)},
	{name: "deepseek-r1-qwen", split: isolated(qwen2Split), nfc: true},
	{name: "kormo", split: isolated(qwen2Split)},
	{name: "stablelm2", split: isolated(qwen2Split)},
	{name: "hunyuan", split: isolated(qwen2Split)},
	{name: "starcoder", split: digits},
	{name: "refact", split: digits},
	{name: "command-r", split: digits},
	{name: "codeshell", split: digits},
	{name: "exaone", split: digits},
	{name: "minerva-7b", split: digits},
	{name: "phi-2"},
	{name: "olmo"},
	{name: "mpt"},
	{name: "jais"},
	{name: "trillion"},
	{name: "exaone4"},
	{name: "mellum"},
	{name: "llama4", split: isolated(gpt4oSplit)},
	{name: "kanana2", split: isolated(gpt4oSplit)},
}

// findPreTokenizer looks a name up.
func findPreTokenizer(name string) (preTokenizer, error) {
	for _, p := range preTokenizers {
		if p.name == name {
			return p, nil
		}
	}
	if name == "" || name == "default" {
		return preTokenizer{}, fmt.Errorf("tokenizer.ggml.pre is %q, which does not say how text is divided: "+
			"make the file again with llama.cpp's converter", name)
	}
	return preTokenizer{}, fmt.Errorf("tokenizer.ggml.pre %q is not supported: how text is divided there is not known",
		name)
}

// byteLevel is the step that writes bytes as characters.
func byteLevel(divides bool) object {
	return object{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": divides}
}

// json returns the value of pre_tokenizer in tokenizer.json.
func (p preTokenizer) json() any {
	if p.split == nil {
		return byteLevel(true)
	}
	// Digits leave the rest to the division that byteLevel has, an expression divides all.
	divides := reflect.DeepEqual(p.split, digits)
	return object{"type": "Sequence", "pretokenizers": append(p.split[:len(p.split):len(p.split)], byteLevel(divides))}
}

// namePreTokenizer finds the name of what tokenizer.json has, "" if it has none.
func namePreTokenizer(raw json.RawMessage, whole, nfc bool) string {
	var own any
	if json.Unmarshal(raw, &own) != nil {
		return ""
	}
	own = simplified(own)
	alike := ""
	for _, p := range preTokenizers {
		text, err := json.Marshal(p.json())
		var theirs any
		if err != nil || json.Unmarshal(text, &theirs) != nil || !reflect.DeepEqual(own, simplified(theirs)) ||
			p.whole != whole {
			continue
		}
		if p.nfc == nfc {
			return p.name
		}
		if alike == "" {
			alike = p.name
		}
	}
	return alike
}

// simplified takes out of a pre-tokenizer what does not change which tokens a text has, and sequences of one.
func simplified(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	delete(m, "trim_offsets") // of positions in the text
	if list, ok := m["pretokenizers"].([]any); ok {
		for i := range list {
			list[i] = simplified(list[i])
		}
		if len(list) == 1 {
			return list[0]
		}
	}
	return m
}
