package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/stele-lm/stele/internal/jsonl"
)

// CheckVocabulary refuses an adapter whose folder has another vocabulary than the folder of the base, as far
// as both have one: the adapter learnt what the ids meant there. A token that the base's tokenizer does not
// have, and its embedding has room for, is noted.
func (a *Adapter) CheckVocabulary(base string, model *Config) error {
	path := filepath.Join(a.Dir, tokenizerFile)
	own, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	files, err := Files(base)
	if err != nil {
		return nil // what is wrong with the base is said elsewhere
	}
	other, err := fs.ReadFile(files, tokenizerFile)
	if err != nil || bytes.Equal(own, other) {
		return nil // what is wrong with the base's is said elsewhere
	}
	ours, err := vocabulary(own)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	theirs, err := vocabulary(other)
	if err != nil {
		return nil
	}
	added := 0
	for _, token := range slices.Sorted(maps.Keys(ours)) {
		id, there := theirs[token]
		switch {
		case there && id != ours[token]:
			return fmt.Errorf("%s: token %.40q is %d, and %d in %s: the adapter goes with another vocabulary than the "+
				"base's", path, token, ours[token], id, filepath.Join(base, tokenizerFile))
		case !there && ours[token] >= model.VocabSize:
			return fmt.Errorf("%s: token %.40q is %d, and the base has %d tokens: the adapter goes with another "+
				"vocabulary, merge it into the base that it was trained on", path, token, ours[token], model.VocabSize)
		case !there:
			added++
		}
	}
	if added > 0 {
		a.Notes = append(a.Notes, fmt.Sprintf("%s has %d tokens that the base's does not have, and is not read: texts "+
			"are divided into the base's tokens", path, added))
	}
	return nil
}

const tokenizerFile = "tokenizer.json"

// vocabulary reads the ids of all tokens of a tokenizer.json.
func vocabulary(data []byte) (map[string]int, error) {
	var file struct {
		Model struct {
			Vocab json.RawMessage `json:"vocab"`
		} `json:"model"`
		Added []struct {
			ID      int    `json:"id"`
			Content string `json:"content"`
		} `json:"added_tokens"`
	}
	if err := jsonl.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	ids := map[string]int{}
	if json.Unmarshal(file.Model.Vocab, &ids) != nil {
		var scored [][2]any // unigrams: tokens with their scores, by id
		if err := jsonl.Unmarshal(file.Model.Vocab, &scored); err != nil {
			return nil, fmt.Errorf("model.vocab: %w", err)
		}
		ids = map[string]int{}
		for id, pair := range scored {
			if token, ok := pair[0].(string); ok {
				ids[token] = id
			}
		}
	}
	for _, t := range file.Added {
		ids[t.Content] = t.ID
	}
	return ids, nil
}
