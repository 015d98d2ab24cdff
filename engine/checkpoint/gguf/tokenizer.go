package gguf

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// tokenType is what a token is, by its number in tokenizer.ggml.token_type.
type tokenType = int64

const (
	tokenNormal  tokenType = 1
	tokenUnknown tokenType = 2
	tokenControl tokenType = 3 // a special token
	tokenUser    tokenType = 4 // an added one that is not special
	tokenUnused  tokenType = 5 // an id that the embedding has and the tokenizer does not
)

// ending are the texts of the tokens at which llama.cpp ends a sequence wherever a vocabulary has them.
var ending = []string{
	"<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|eom_id|>", "<EOT>", "_<EOT>",
	"<|end_of_text|>", "<｜end▁of▁sentence｜>",
}

// vocabulary is the tokenizer's part of a file.
type vocabulary struct {
	tokens   []string
	types    []tokenType // of each token
	merges   []string
	pre      preTokenizer
	bos, eos int64 // -1 for none
	addBOS   bool
	addEOS   bool
}

// special returns the id that a field names, -1 if it names none.
func (f *File) special(name string, tokens int) (int64, error) {
	key := "tokenizer.ggml." + name
	v, there := f.fields[key]
	if !there {
		return -1, nil
	}
	id, ok := v.uint()
	if !ok || id >= int64(tokens) {
		return -1, fmt.Errorf("%s is %s, expected an id below %d", key, v, tokens)
	}
	return id, nil
}

// ends adds the ids that begin and end a sequence, and notes those that only their text tells of.
func (f *File) ends(s *Settings) (notes []string, err error) {
	list := f.fields["tokenizer.ggml.tokens"]
	if list.kind != typeArray {
		return nil, nil // a file without a tokenizer
	}
	var ids []int64
	for _, name := range []string{"eos_token_id", "eot_token_id", "eom_token_id"} {
		id, err := f.special(name, list.count)
		if err != nil {
			return nil, err
		}
		if id >= 0 && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	tokens, _ := list.texts()
	var guessed []string
	for i, token := range tokens {
		if slices.Contains(ending, token) && !slices.Contains(ids, int64(i)) {
			ids, guessed = append(ids, int64(i)), append(guessed, token)
		}
	}
	if len(guessed) > 0 {
		notes = append(notes, fmt.Sprintf("a sequence also ends at %s, as in llama.cpp",
			strings.Join(guessed, " and ")))
	}
	bos, err := f.special("bos_token_id", list.count)
	if err != nil {
		return nil, err
	}
	if bos >= 0 {
		s.add("bos_token_id", bos)
	}
	if len(ids) > 0 {
		s.add("eos_token_id", ids)
	}
	return notes, nil
}

// vocabulary reads and checks the tokenizer's part.
func (f *File) vocabulary() (v *vocabulary, err error) {
	v = &vocabulary{}
	switch kind := f.Text("tokenizer.ggml.model"); kind {
	case "gpt2":
	case "", "none", "no_vocab":
		return nil, errors.New("the file has no tokenizer: convert the model with its tokenizer")
	case "llama":
		return nil, errors.New(`tokenizer.ggml.model "llama" is SentencePiece's, and only byte-level vocabularies ` +
			`("gpt2") are supported`)
	default:
		return nil, fmt.Errorf(`tokenizer.ggml.model %.40q is not supported: expected "gpt2"`, kind)
	}
	if v.pre, err = findPreTokenizer(f.Text("tokenizer.ggml.pre")); err != nil {
		return nil, err
	}
	var ok bool
	if v.tokens, ok = f.fields["tokenizer.ggml.tokens"].texts(); !ok || len(v.tokens) == 0 {
		return nil, errors.New("tokenizer.ggml.tokens is missing, or not a list of texts")
	}
	v.types = slices.Repeat([]tokenType{tokenNormal}, len(v.tokens))
	if own, there := f.fields["tokenizer.ggml.token_type"]; there {
		if v.types, ok = own.ints(); !ok || len(v.types) < len(v.tokens) {
			return nil, fmt.Errorf("tokenizer.ggml.token_type is %s, expected a number for each of %d tokens", own,
				len(v.tokens))
		}
	}
	if own, there := f.fields["tokenizer.ggml.merges"]; there {
		if v.merges, ok = own.texts(); !ok {
			return nil, errors.New("tokenizer.ggml.merges is not a list of texts")
		}
	}
	seen := make(map[string]int, len(v.tokens))
	for id, token := range v.tokens {
		if !utf8.ValidString(token) {
			return nil, fmt.Errorf("token %d, %.40q, is not UTF-8", id, token)
		}
		if first, twice := seen[token]; twice && token != "" {
			return nil, fmt.Errorf("token %.40q has the ids %d and %d", token, first, id)
		}
		seen[token] = id
	}
	if v.bos, err = f.special("bos_token_id", len(v.tokens)); err != nil {
		return nil, err
	}
	if v.eos, err = f.special("eos_token_id", len(v.tokens)); err != nil {
		return nil, err
	}
	// As in llama.cpp these are special whatever type they have.
	for id, token := range v.tokens {
		named := int64(id) == v.bos || int64(id) == v.eos || slices.Contains(ending, token)
		if named && v.types[id] != tokenUnknown {
			v.types[id] = tokenControl
		}
	}
	v.addBOS = v.pre.bos
	for key, add := range map[string]*bool{"add_bos_token": &v.addBOS, "add_eos_token": &v.addEOS} {
		if own, there := f.fields["tokenizer.ggml."+key]; there {
			if *add, ok = own.bool(); !ok {
				return nil, fmt.Errorf("tokenizer.ggml.%s is %s, expected true or false", key, own)
			}
		}
	}
	if v.addBOS && v.bos < 0 || v.addEOS && v.eos < 0 {
		return nil, errors.New("the tokenizer adds the beginning or the end of a sequence to texts, and does not say " +
			"which token that is")
	}
	return v, nil
}

// Files returns the files of a Hugging Face folder that stand for the tokenizer and the chat template:
// tokenizer.json and tokenizer_config.json.
func (f *File) Files() (map[string][]byte, error) {
	v, err := f.vocabulary()
	if err != nil {
		return nil, err
	}
	tokenizer, err := v.tokenizer()
	if err != nil {
		return nil, err
	}
	config, err := f.tokenizerConfig(v)
	return map[string][]byte{"tokenizer.json": tokenizer, "tokenizer_config.json": config}, err
}

// tokenizer returns tokenizer.json. Added tokens are in the vocabulary, too, or the library would number them
// anew.
func (v *vocabulary) tokenizer() ([]byte, error) {
	ids := make(map[string]int, len(v.tokens))
	added := []object{}
	for id, token := range v.tokens {
		if token == "" || v.types[id] == tokenUnused {
			continue
		}
		ids[token] = id
		switch kind := v.types[id]; kind {
		case tokenControl, tokenUser, tokenUnknown:
			added = append(added, object{
				"id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
				"special": kind != tokenUser,
			})
		}
	}
	merges := make([][2]string, len(v.merges))
	for i, merge := range v.merges {
		at := 0
		if merge != "" {
			at = strings.IndexByte(merge[1:], ' ') + 1
		}
		if at == 0 {
			return nil, fmt.Errorf("merge %d, %.40q, is no pair of tokens", i, merge)
		}
		merges[i] = [2]string{merge[:at], merge[at+1:]}
		for _, part := range []string{merges[i][0], merges[i][1], merges[i][0] + merges[i][1]} {
			if _, there := ids[part]; !there {
				return nil, fmt.Errorf("merge %d is of %.40q, and %.40q is no token", i, merge, part)
			}
		}
	}
	var normalizer any
	if v.pre.nfc {
		normalizer = object{"type": "NFC"}
	}
	decoder := byteLevel(true)
	return json.Marshal(object{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": added, "normalizer": normalizer,
		"pre_tokenizer": v.pre.json(), "post_processor": v.around(), "decoder": decoder,
		"model": object{
			"type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil,
			"end_of_word_suffix": nil, "fuse_unk": false, "byte_fallback": false, "ignore_merges": v.pre.whole,
			"vocab": ids, "merges": merges,
		},
	})
}

// around returns what puts the beginning and the end of a sequence around texts; nil for nothing.
func (v *vocabulary) around() any {
	if !v.addBOS && !v.addEOS {
		return nil
	}
	single, pair, named := []object{}, []object{}, object{}
	token := func(list *[]object, id int64) {
		content := v.tokens[id]
		*list = append(*list, object{"SpecialToken": object{"id": content, "type_id": 0}})
		named[content] = object{"id": content, "ids": []int64{id}, "tokens": []string{content}}
	}
	text := func(list *[]object, name string) {
		if v.addBOS {
			token(list, v.bos)
		}
		*list = append(*list, object{"Sequence": object{"id": name, "type_id": 0}})
		if v.addEOS {
			token(list, v.eos)
		}
	}
	text(&single, "A")
	text(&pair, "A")
	text(&pair, "B")
	return object{"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": named}
}

// tokenizerConfig returns tokenizer_config.json: special tokens and the chat template.
func (f *File) tokenizerConfig(v *vocabulary) ([]byte, error) {
	config := object{
		"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": false,
		"add_bos_token": v.addBOS, "add_eos_token": v.addEOS,
	}
	for name, key := range map[string]string{
		"bos_token_id": "bos_token", "eos_token_id": "eos_token", "padding_token_id": "pad_token",
		"unknown_token_id": "unk_token",
	} {
		id, err := f.special(name, len(v.tokens))
		if err != nil {
			return nil, err
		}
		if id >= 0 {
			config[key] = v.tokens[id]
		}
	}
	decoder := object{}
	for id, kind := range v.types[:len(v.tokens)] {
		if kind == tokenControl || kind == tokenUser || kind == tokenUnknown {
			decoder[fmt.Sprint(id)] = object{
				"content": v.tokens[id], "lstrip": false, "normalized": false, "rstrip": false, "single_word": false,
				"special": kind != tokenUser,
			}
		}
	}
	config["added_tokens_decoder"] = decoder
	named := []object{}
	if own, there := f.fields["tokenizer.chat_template"]; there {
		template, ok := own.text()
		if !ok {
			return nil, fmt.Errorf("tokenizer.chat_template is %s, expected a text", own)
		}
		config["chat_template"] = template
		named = append(named, object{"name": "default", "template": template})
	}
	names, _ := f.fields["tokenizer.chat_templates"].texts()
	for _, name := range names {
		if template, ok := f.fields["tokenizer.chat_template."+name].text(); ok && name != "default" {
			named = append(named, object{"name": name, "template": template})
		}
	}
	if len(names) > 0 && len(named) > 0 {
		config["chat_template"] = named
	}
	return json.MarshalIndent(config, "", "  ")
}
