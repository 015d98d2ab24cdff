package gguf

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/internal/nearest"
)

// family is what the file of a model family, by general.architecture, has of its own.
type family struct {
	// paired says that the rows of a head's queries and keys lie in pairs that are rotated together, first and
	// second of each, where Hugging Face has the first of all pairs and then the second.
	paired bool
	// biases are the fields of config.json that say that a tensor is there.
	biases map[string]string
}

// families are the model families that are read and written, by their names here and in config.json.
var families = map[string]family{
	"llama": {paired: true, biases: map[string]string{
		"attention_bias": "blk.0.attn_q.bias", "mlp_bias": "blk.0.ffn_gate.bias",
	}},
	"qwen2": {},
	"qwen3": {biases: map[string]string{"attention_bias": "blk.0.attn_q.bias"}},
}

// Families lists the names of the model families that are read and written.
func Families() []string { return slices.Sorted(maps.Keys(families)) }

// outer are the modules beside the layers, inLayer those of a layer, by their names in Hugging Face's folders.
var (
	outer   = map[string]string{"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
	inLayer = map[string]string{
		"input_layernorm":          "attn_norm",
		"self_attn.q_proj":         "attn_q",
		"self_attn.k_proj":         "attn_k",
		"self_attn.v_proj":         "attn_v",
		"self_attn.o_proj":         "attn_output",
		"self_attn.q_norm":         "attn_q_norm",
		"self_attn.k_norm":         "attn_k_norm",
		"post_attention_layernorm": "ffn_norm",
		"mlp.gate_proj":            "ffn_gate",
		"mlp.up_proj":              "ffn_up",
		"mlp.down_proj":            "ffn_down",
	}
	outerHere, inLayerHere = turned(outer), turned(inLayer)
)

func turned(m map[string]string) map[string]string {
	back := map[string]string{}
	for a, b := range m {
		back[b] = a
	}
	return back
}

// Frequencies is the tensor of what the rotary embedding's frequencies are divided by, which Hugging Face's
// folders have as numbers in config.json.
const Frequencies = "rope_freqs.weight"

const (
	theirLayer = "model.layers."
	ourLayer   = "blk."
)

// TheirName returns the name in a Hugging Face folder of a tensor; ok is false for one that no folder has.
func TheirName(name string) (theirs string, ok bool) {
	module, kind := cutKind(name)
	layer, inner, inside := cutLayer(module, ourLayer)
	if !inside {
		theirs, ok = outerHere[module]
		return theirs + kind, ok
	}
	theirs, ok = inLayerHere[inner]
	return theirLayer + layer + "." + theirs + kind, ok
}

// OurName returns the name in a GGUF file of a tensor of a Hugging Face folder; ok is false for one of a
// module that has none.
func OurName(theirs string) (name string, ok bool) {
	module, kind := cutKind(theirs)
	layer, inner, inside := cutLayer(module, theirLayer)
	if !inside {
		name, ok = outer[module]
		return name + kind, ok
	}
	name, ok = inLayer[inner]
	return ourLayer + layer + "." + name + kind, ok
}

// cutKind cuts ".weight" or ".bias" off a name.
func cutKind(name string) (module, kind string) {
	for _, kind := range []string{".weight", ".bias"} {
		if module, ok := strings.CutSuffix(name, kind); ok {
			return module, kind
		}
	}
	return name, ""
}

// cutLayer divides the name of a module of a layer; ok is false for one of no layer.
func cutLayer(module, prefix string) (layer, inner string, ok bool) {
	rest, ok := strings.CutPrefix(module, prefix)
	if !ok {
		return "", "", false
	}
	layer, inner, ok = strings.Cut(rest, ".")
	n, err := strconv.ParseUint(layer, 10, 31)
	return layer, inner, ok && err == nil && strconv.FormatUint(n, 10) == layer
}

// Paired reports whether the rows of a tensor, by its name here, lie in pairs in a family's files.
func Paired(architecture, name string) bool {
	_, inner, _ := cutLayer(strings.TrimSuffix(strings.TrimSuffix(name, ".weight"), ".bias"), ourLayer)
	return families[architecture].paired && (inner == "attn_q" || inner == "attn_k")
}

// RowHere returns where a row of queries or keys lies in a file whose rows lie in pairs; width is that of a
// head. RowThere is its inverse.
func RowHere(row, width int) int {
	head, i := row/width, row%width
	return head*width + i%(width/2)*2 + i/(width/2)
}

// RowThere returns where a row of a file whose rows lie in pairs lies in a Hugging Face folder.
func RowThere(row, width int) int {
	head, i := row/width, row%width
	return head*width + i%2*(width/2) + i/2
}

// Architecture returns general.architecture; an error if it is no family that is read.
func (f *File) Architecture() (string, error) {
	name := f.Text("general.architecture")
	if kind := f.Text("general.type"); kind != "" && kind != "model" {
		return "", fmt.Errorf("general.type is %q: it holds no model of its own", kind)
	}
	if _, ok := families[name]; !ok {
		return "", fmt.Errorf("general.architecture %q is not supported in GGUF: expected %s", name,
			nearest.List(Families()))
	}
	return name, nil
}
