// Package text turns text into token ids and back, and conversations into
// prompts.
//
// Invariants: ids are those of Hugging Face's tokenizers library; decoding is
// exact to the byte, and a stream never gives out part of a character; templates
// are the model's own, and a template that fails is an error.
package text

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/daulet/tokenizers"

	"github.com/stele-lm/stele/internal/jsonl"
	_ "github.com/stele-lm/stele/third_party/libtokenizers" // without the library: a line that says so
)

// Tokenizer is the tokenizer of a model folder. It is safe for concurrent use.
type Tokenizer struct {
	path    string
	library *tokenizers.Tokenizer
	bytes   [][]byte // of each id; nil where there is no token
	special map[int32]bool
	ids     map[string]int32 // of the added tokens
}

// tokenizerFile holds the fields that Stele itself reads of tokenizer.json.
type tokenizerFile struct {
	AddedTokens []struct {
		ID      int32  `json:"id"`
		Content string `json:"content"`
		Special bool   `json:"special"`
	} `json:"added_tokens"`
	Decoder *decoderFile `json:"decoder"`
	Model   struct {
		Type  string           `json:"type"`
		Vocab map[string]int32 `json:"vocab"`
	} `json:"model"`
}

type decoderFile struct {
	Type     string        `json:"type"`
	Decoders []decoderFile `json:"decoders"`
}

// byteLevel reports whether tokens are bytes written as characters, GPT-2's way.
func (d *decoderFile) byteLevel() bool {
	if d == nil {
		return false
	}
	if d.Type == "Sequence" && len(d.Decoders) == 1 {
		return d.Decoders[0].byteLevel()
	}
	return d.Type == "ByteLevel"
}

// maxID bounds token ids, so that a broken file cannot ask for endless memory.
const maxID = 1 << 24

// Load opens dir/tokenizer.json. Only byte-level vocabularies are supported,
// which those of Qwen and Llama 3 are.
func Load(dir string) (*Tokenizer, error) { return LoadFrom(os.DirFS(dir), dir) }

// LoadFrom is Load from files that need not be on disk; messages say that they are those of dir.
func LoadFrom(files fs.FS, dir string) (*Tokenizer, error) {
	path := place(dir, "tokenizer.json")
	data, err := fs.ReadFile(files, "tokenizer.json")
	if err != nil {
		return nil, located(err, path)
	}
	var t *Tokenizer
	offMainThread(func() { t, err = parse(data) })
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	t.path = path
	release()
	return t, nil
}

// place returns where a file of a model is: in its folder, or in the one file that the model is.
func place(dir, name string) string {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return dir
	}
	return filepath.Join(dir, name)
}

// located puts the whole path into an error of reading a file.
func located(err error, path string) error {
	if own := (*fs.PathError)(nil); errors.As(err, &own) {
		return &fs.PathError{Op: own.Op, Path: path, Err: own.Err}
	}
	return fmt.Errorf("%s: %w", path, err)
}

func parse(data []byte) (*Tokenizer, error) {
	var f tokenizerFile
	if err := jsonl.Unmarshal(data, &f); err != nil {
		return nil, err
	}
	if !f.Decoder.byteLevel() {
		return nil, errors.New(
			"only byte-level vocabularies are supported, and this decoder is not ByteLevel")
	}
	t := &Tokenizer{special: map[int32]bool{}, ids: map[string]int32{}}
	set := func(id int32, token string) error {
		if id < 0 || id > maxID {
			return fmt.Errorf("token %.40q has id %d, expected 0 to %d", token, id, maxID)
		}
		for int(id) >= len(t.bytes) {
			t.bytes = append(t.bytes, nil)
		}
		t.bytes[id] = tokenBytes(token)
		return nil
	}
	for token, id := range f.Model.Vocab {
		if err := set(id, token); err != nil {
			return nil, err
		}
	}
	for _, added := range f.AddedTokens {
		if err := set(added.ID, added.Content); err != nil {
			return nil, err
		}
		t.ids[added.Content] = added.ID
		t.special[added.ID] = added.Special
	}
	library, err := tokenizers.FromBytes(data)
	if err != nil {
		return nil, err
	}
	t.library = library
	return t, nil
}

// Close frees the library's memory.
func (t *Tokenizer) Close() { t.library.Close() }

// VocabSize is one more than the largest id.
func (t *Tokenizer) VocabSize() int { return len(t.bytes) }

// ID looks up an added token, such as <|im_end|>, by its content.
func (t *Tokenizer) ID(content string) (id int32, ok bool) {
	id, ok = t.ids[content]
	return id, ok
}

// Special looks up a special token, which decoded text leaves out, by its content.
func (t *Tokenizer) Special(content string) (id int32, ok bool) {
	id, ok = t.ids[content]
	return id, ok && t.special[id]
}

// leading returns the added token that a text begins with, the longest; it is "" if there is none.
func (t *Tokenizer) leading(s string) (token string) {
	for content := range t.ids {
		if len(content) > len(token) && strings.HasPrefix(s, content) {
			token = content
		}
	}
	return token
}

// Encode returns the ids of s. Added tokens written in the text become their ids;
// addSpecial also adds those that the tokenizer's post-processor puts around a
// text. A NUL byte is an error: the library would cut the text there.
func (t *Tokenizer) Encode(s string, addSpecial bool) ([]int32, error) {
	if i := strings.IndexByte(s, 0); i >= 0 {
		return nil, fmt.Errorf("the text has a NUL at byte %d, which cannot be tokenised", i)
	}
	raw, _ := t.library.Encode(s, addSpecial)
	ids := make([]int32, len(raw))
	for i, id := range raw {
		ids[i] = int32(id)
	}
	return ids, nil
}

// Decode returns the text of ids, without special tokens when skipSpecial is set.
// Bytes that are no UTF-8 become U+FFFD as in the library. An id without a token
// is an error.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) (string, error) {
	var b []byte
	for _, id := range ids {
		piece, err := t.piece(id, skipSpecial)
		if err != nil {
			return "", err
		}
		b = append(b, piece...)
	}
	return lossy(b), nil
}

// Has reports whether an id is a token's: models pad their vocabulary with ids that are not.
func (t *Tokenizer) Has(id int32) bool {
	return id >= 0 && int(id) < len(t.bytes) && t.bytes[id] != nil
}

// Bytes returns the bytes of a token, none where an id has no token.
func (t *Tokenizer) Bytes(id int32) []byte {
	if !t.Has(id) {
		return nil
	}
	return slices.Clone(t.bytes[id])
}

// piece returns the bytes of a token.
func (t *Tokenizer) piece(id int32, skipSpecial bool) ([]byte, error) {
	if id < 0 || int(id) >= len(t.bytes) || t.bytes[id] == nil {
		// Models pad their vocabulary: such ids have logits and no token.
		if id >= 0 && id <= maxID {
			return nil, nil
		}
		return nil, fmt.Errorf("token id %d is outside the vocabulary of %d", id, len(t.bytes))
	}
	if skipSpecial && t.special[id] {
		return nil, nil
	}
	return t.bytes[id], nil
}
