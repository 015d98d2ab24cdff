// Package checkpoint reads and writes Hugging Face model folders: config.json,
// safetensors and the local hub cache.
//
// Invariants: what Open returns has been checked whole, so that every expected
// tensor is there with its shape and bytes inside the file; a folder that Write
// makes is complete or absent.
package checkpoint

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint/gguf"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/nearest"
)

// Config has the fields of config.json that Stele uses.
type Config struct {
	architecture.Config
	BOS   int32   // -1 for none
	EOS   []int32 // any of these ends a sequence; may be empty
	DType DType   // of the weights, as the file declares it
	// Raw is config.json as it was read; Write hands it on. Nil for a new model.
	Raw json.RawMessage

	notes []string // what of config.json is not followed
	// Unsampled are settings in generation_config.json by which others sample unless told otherwise, as "top_k 20".
	Unsampled []string
	codes     *codes // how weights are quantised; nil if they are not
	declared  string // the dtype that the file declares; empty where it declares none
}

// configFile has the fields of config.json in both layouts: rope_theta, rope_scaling and
// torch_dtype of transformers 4; rope_parameters and dtype of transformers 5.
type configFile struct {
	ModelType             string          `json:"model_type"`
	HiddenSize            int             `json:"hidden_size"`
	IntermediateSize      int             `json:"intermediate_size"`
	NumHiddenLayers       int             `json:"num_hidden_layers"`
	NumAttentionHeads     int             `json:"num_attention_heads"`
	NumKeyValueHeads      *int            `json:"num_key_value_heads"`
	HeadDim               *int            `json:"head_dim"`
	VocabSize             int             `json:"vocab_size"`
	MaxPositionEmbeddings *int            `json:"max_position_embeddings"`
	RMSNormEps            *float64        `json:"rms_norm_eps"`
	TieWordEmbeddings     *bool           `json:"tie_word_embeddings"`
	UseSlidingWindow      bool            `json:"use_sliding_window"`
	SlidingWindow         *int            `json:"sliding_window"`
	MaxWindowLayers       *int            `json:"max_window_layers"`
	LayerTypes            []string        `json:"layer_types"`
	RopeTheta             *float64        `json:"rope_theta"`
	RopeScaling           json.RawMessage `json:"rope_scaling"`
	RopeParameters        json.RawMessage `json:"rope_parameters"`
	Original              int             `json:"original_max_position_embeddings"`
	TorchDType            string          `json:"torch_dtype"`
	DType                 string          `json:"dtype"`
	BOS                   json.RawMessage `json:"bos_token_id"`
	EOS                   json.RawMessage `json:"eos_token_id"`

	raw map[string]json.RawMessage
}

// LoadConfig reads dir/config.json and adds the ends of sequence that
// dir/generation_config.json names. Keys that are absent have transformers'
// defaults; what Stele cannot run is an error in one line.
//
// Of a GGUF file it reads what stands for config.json in its metadata.
func LoadConfig(dir string) (*Config, error) {
	if gguf.Is(dir) {
		return configOfGGUF(dir)
	}
	path := filepath.Join(dir, "config.json")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, NotModel(dir, err)
	}
	if err != nil {
		return nil, err
	}
	c, err := parseConfig(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	path = filepath.Join(dir, "generation_config.json")
	data, err = os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	var generation struct {
		EOS json.RawMessage `json:"eos_token_id"`
	}
	if err := jsonl.Unmarshal(data, &generation); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	eos, err := tokenIDs(generation.EOS, c.VocabSize)
	if err != nil {
		return nil, fmt.Errorf("%s: eos_token_id: %w", path, err)
	}
	for _, id := range eos {
		if !slices.Contains(c.EOS, id) {
			c.EOS = append(c.EOS, id)
		}
	}
	c.Unsampled, err = unsampled(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// parseConfig reads the text of a config.json.
func parseConfig(data []byte) (*Config, error) {
	var f configFile
	if err := jsonl.Unmarshal(data, &f); err != nil {
		return nil, err
	}
	if err := jsonl.Unmarshal(data, &f.raw); err != nil {
		return nil, err
	}
	family := architecture.Find(f.ModelType)
	switch {
	case f.ModelType == "":
		return nil, errors.New("no model_type")
	case family == nil:
		return nil, fmt.Errorf("model_type %q is not supported: expected %s",
			f.ModelType, nearest.List(architecture.Names()))
	}
	c := &Config{BOS: -1, Raw: slices.Clone(data), Config: architecture.Config{
		Architecture: family, HiddenSize: f.HiddenSize, IntermediateSize: f.IntermediateSize,
		NumLayers: f.NumHiddenLayers, NumHeads: f.NumAttentionHeads, VocabSize: f.VocabSize,
		TieEmbeddings: or(f.TieWordEmbeddings, family.Defaults.Tied),
	}}
	if err := c.readOwn(f.raw); err != nil {
		return nil, err
	}
	if err := c.readHeads(&f); err != nil {
		return nil, err
	}
	c.MaxPositions = or(f.MaxPositionEmbeddings, family.Defaults.MaxPositions)
	c.RMSNormEps = or(f.RMSNormEps, cmp.Or(family.Defaults.RMSNormEps, 1e-6))
	if err := c.checkSizes(); err != nil {
		return nil, err
	}
	if err := c.checkFields(f.raw); err != nil {
		return nil, err
	}
	if err := c.readCodes(f.raw); err != nil {
		return nil, err
	}
	if err := c.checkWindow(&f); err != nil {
		return nil, err
	}
	c.remarks(f.raw)
	var err error
	if c.Rope, err = f.rope(c); err != nil {
		return nil, err
	}
	if _, key, _ := f.ropeFields(); strings.Contains(key, ".") {
		c.note("%s is read: transformers does not look into it for %s, "+
			"and goes by rope_theta beside it, or its default", key, c.Architecture)
	}
	if !empty(f.RopeScaling) && !empty(f.RopeParameters) {
		c.bothRopes(f)
	}
	if c.DType, err = parseTorchDType(f.DType, f.TorchDType); err != nil {
		return nil, err
	}
	if f.DType != "" || f.TorchDType != "" {
		c.declared = c.DType.TorchName()
	}
	if c.EOS, err = tokenIDs(f.EOS, c.VocabSize); err != nil {
		return nil, fmt.Errorf("eos_token_id: %w", err)
	}
	bos, err := tokenIDs(f.BOS, c.VocabSize)
	if err != nil {
		return nil, fmt.Errorf("bos_token_id: %w", err)
	}
	if len(bos) > 0 {
		c.BOS = bos[0]
	}
	return c, nil
}

// readOwn reads the fields that the family has of its own. What is null is left out.
func (c *Config) readOwn(raw map[string]json.RawMessage) error {
	for _, flag := range c.Architecture.Flags {
		if err := readField(raw, flag.Name, &c.Flags, func(bool) error { return nil }); err != nil {
			return err
		}
	}
	for _, number := range c.Architecture.Numbers {
		err := readField(raw, number.Name, &c.Numbers, func(v float64) error {
			switch {
			case !(v > 0) || math.IsInf(v, 0):
				return errors.New("expected above 0")
			case number.Whole && (v != math.Trunc(v) || v > 1<<20):
				return errors.New("expected a whole number")
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, name := range c.Architecture.Lists {
		err := readField(raw, name, &c.Lists, func(v []int) error {
			if len(v) < c.NumLayers {
				return fmt.Errorf("expected a number for each of %d layers", c.NumLayers)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// readField reads a field into values, which it makes, if it is there and not null.
func readField[T any](raw map[string]json.RawMessage, name string, values *map[string]T, check func(T) error) error {
	if text, there := raw[name]; !there || string(text) == "null" {
		return nil
	}
	var value T
	if err := jsonl.Unmarshal(raw[name], &value); err != nil {
		return fmt.Errorf("field %q: %w", name, err)
	}
	if err := check(value); err != nil {
		return fmt.Errorf("%s is %s, %w", name, brief(raw[name]), err)
	}
	if *values == nil {
		*values = map[string]T{}
	}
	(*values)[name] = value
	return nil
}

// readHeads reads how many heads of keys and values there are, and their width. Where a field
// is absent the family's default counts, but not where it is null.
func (c *Config) readHeads(f *configFile) error {
	absent := func(key string) bool { _, there := f.raw[key]; return !there }
	c.NumKVHeads = or(f.NumKeyValueHeads, c.NumHeads)
	if n := c.Architecture.Defaults.KVHeads; n > 0 && absent("num_key_value_heads") {
		c.NumKVHeads = n
		if c.NumHeads > 0 && c.NumHeads%n != 0 {
			return fmt.Errorf("num_key_value_heads is absent, which is %d for %s, "+
				"and num_attention_heads %d is not a multiple of it", n, c.Architecture, c.NumHeads)
		}
	}
	if c.NumHeads > 0 {
		c.HeadDim = or(f.HeadDim, c.HiddenSize/c.NumHeads)
	}
	if n := c.Architecture.Defaults.HeadDim; n > 0 && absent("head_dim") {
		c.HeadDim = n
	}
	return nil
}

// or returns what p points to, or a default where the key was absent or null.
func or[T any](p *T, absent T) T {
	if p == nil {
		return absent
	}
	return *p
}

// checkSizes refuses sizes that no model has, before anything is multiplied.
func (c *Config) checkSizes() error {
	for _, s := range []struct {
		key       string
		value, to int
	}{
		{"hidden_size", c.HiddenSize, 1 << 17}, {"intermediate_size", c.IntermediateSize, 1 << 20},
		{"num_hidden_layers", c.NumLayers, 1 << 10}, {"num_attention_heads", c.NumHeads, 1 << 12},
		{"num_key_value_heads", c.NumKVHeads, 1 << 12}, {"head_dim", c.HeadDim, 1 << 12},
		{"vocab_size", c.VocabSize, 1 << 24}, {"max_position_embeddings", c.MaxPositions, 1 << 27},
	} {
		if s.value < 1 || s.value > s.to {
			return fmt.Errorf("%s is %d, expected 1 to %d", s.key, s.value, s.to)
		}
	}
	if c.NumHeads%c.NumKVHeads != 0 {
		return fmt.Errorf("num_attention_heads %d is not a multiple of num_key_value_heads %d",
			c.NumHeads, c.NumKVHeads)
	}
	if c.HeadDim%2 != 0 {
		return fmt.Errorf("head_dim %d is odd, and rotary embeddings pair its halves", c.HeadDim)
	}
	if !(c.RMSNormEps > 0 && c.RMSNormEps < 1) {
		return fmt.Errorf("rms_norm_eps is %g, expected above 0 and below 1", c.RMSNormEps)
	}
	return nil
}

// tokenIDs reads a number, a list of numbers, null or nothing.
func tokenIDs(raw json.RawMessage, vocab int) ([]int32, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var ids []int32
	if err := json.Unmarshal(raw, &ids); err != nil {
		var id int32
		if err := json.Unmarshal(raw, &id); err != nil {
			return nil, fmt.Errorf("%.40s is neither a token id nor a list of them", raw)
		}
		ids = []int32{id}
	}
	for _, id := range ids {
		if id < 0 || int(id) >= vocab {
			return nil, fmt.Errorf("%d is outside the vocabulary of %d", id, vocab)
		}
	}
	return ids, nil
}

func parseTorchDType(names ...string) (DType, error) {
	for _, name := range names {
		switch strings.TrimPrefix(name, "torch.") {
		case "":
			continue
		case "float32":
			return F32, nil
		case "bfloat16":
			return BF16, nil
		case "float16":
			return F16, nil
		}
		return 0, fmt.Errorf("dtype %q is not supported: expected float32, bfloat16 or float16", name)
	}
	return F32, nil
}
