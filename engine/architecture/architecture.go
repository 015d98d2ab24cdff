// Package architecture describes the model families that Stele runs: which fields of
// config.json a family reads, which tensors it has and how a layer combines them. Everything
// that depends on a family follows the description: reading and writing checkpoints, graphs,
// host kernels, counts of parameters and operations, memory plans and LoRA's targets.
//
// # Adding a model
//
// A family is one file with one value of Architecture, and one line that registers it, in
// architecture.go. qwen2.go and llama.go are the examples to copy:
//
//  1. Type and Class are model_type in config.json and the class of transformers that
//     computes it.
//  2. Defaults are the values in transformers' configuration class of fields that config.json
//     may leave out, Flags, Numbers and Lists the fields that the family reads beside those
//     of Config, Window its sliding window if it can have one.
//  3. Layer returns the modules of a layer by their names in the checkpoint, with sizes:
//     norms before and after attention and MLP, projections with or without bias, and norms
//     of queries and keys, of each head or of all heads together. PreNorm has what most families
//     vary; a norm that is nil is one that the layer does not have. What a layer multiplies
//     scores and results by, and whether it rotates, is said there, too; Factors has what
//     embeddings and logits are multiplied by.
//  4. A golden: a tiny random model of the family by transformers, as in
//     third_party/architecture-goldens.py, and a test as TestArchitecture of package trainer.
//
// Nothing else changes. What a checkpoint holds and the description does not name is
// refused when it is opened, and an executor that leaves out a tensor of the description
// does not run.
//
// A family whose layers compute something that Layer cannot say, such as another activation
// or a window, needs a field here first, and its meaning in the two packages that run
// descriptions: engine/model/graphmodel and engine/model/hostmodel.
package architecture

import (
	"fmt"
	"slices"
)

// Architecture is a model family.
type Architecture struct {
	Type  string // model_type in config.json
	Class string // the class of transformers that computes it
	// Defaults are transformers' values of fields that config.json leaves out.
	Defaults Defaults
	// Flags, Numbers and Lists are the fields of config.json that only this family and its relatives read.
	Flags   []Flag
	Numbers []Number
	Lists   []string // a whole number for each layer; may be left out
	// Window has the defaults of the fields of config.json that switch sliding-window
	// attention on; nil for a family without it. A window that would hide a position is refused.
	Window *Window
	// Layer describes the layer of an index. Names in it follow "model.layers.<index>.".
	// All layers of a model have the same projections, sizes and norms: LoRA's targets, memory
	// plans and Register's check go by the first. Only Bias of a projection and Unrotated of attention may
	// depend on the index.
	Layer func(c *Config, index int) Layer
	// Factors returns what embeddings and logits are multiplied by; nil for a family that does neither.
	Factors func(c *Config) (embedding, logits float64)
}

// Defaults are values of fields that config.json leaves out. A field that is null is not left
// out: num_key_value_heads is then num_attention_heads, and head_dim is hidden_size divided by
// num_attention_heads, as they are where a default here is 0.
type Defaults struct {
	KVHeads      int     // num_key_value_heads
	HeadDim      int     // head_dim
	MaxPositions int     // max_position_embeddings
	RMSNormEps   float64 // rms_norm_eps; 0 is 1e-6
	RopeTheta    float64 // rope_theta; 0 is 10000
	Tied         bool    // tie_word_embeddings
}

// Flag is a field of config.json that is true or false, and what it is where it is left out.
type Flag struct {
	Name    string
	Default bool
}

// Number is a field of config.json that is a number above 0, and what it is where it is left out.
type Number struct {
	Name    string
	Default float64
	Whole   bool
}

// Window says how a family reads the fields of sliding-window attention.
type Window struct {
	Size int // sliding_window where it is left out, tokens; 0 is none
	// Always is that sliding_window alone switches the window on: neither use_sliding_window nor layer_types
	// is asked.
	Always bool
	// FirstLayer is the default of max_window_layers, the first layer with a window; with -1 all have one and
	// the field is not read.
	FirstLayer int
	// Alters is that a window changes more than which positions are seen, so that one of any size counts.
	Alters bool
}

// Fields lists the fields of config.json that the family reads beside those that every family does.
func (a *Architecture) Fields() []string {
	names := slices.Clone(a.Lists)
	for _, f := range a.Flags {
		names = append(names, f.Name)
	}
	for _, n := range a.Numbers {
		names = append(names, n.Name)
	}
	return names
}

// String returns model_type.
func (a *Architecture) String() string { return a.Type }

// Projections returns the last part of the names of a layer's projections, such as q_proj, in
// the layer's order. All layers have the same (see Layer).
func (a *Architecture) Projections() []string {
	var names []string
	layer := a.Layer(&Config{Architecture: a}, 0)
	for _, p := range layer.Projections() {
		names = append(names, lastPart(p.Name))
	}
	return names
}

// families are in the order in which messages list them.
var families []*Architecture

func init() {
	for _, a := range []*Architecture{Qwen2, Qwen3, Llama, Mistral, OLMo2, SmolLM3, Granite, EXAONE4} {
		Register(a)
	}
}

// Register adds a family. It panics if there is one of its type, or if its layer has sizes that
// do not go together: both are mistakes in the program.
func Register(a *Architecture) {
	if Find(a.Type) != nil {
		panic(fmt.Sprintf("architecture %s is registered twice", a.Type))
	}
	if err := a.check(); err != nil {
		panic(fmt.Sprintf("architecture %s: %v", a.Type, err))
	}
	families = append(families, a)
}

// Find returns the family of a model_type, nil if there is none.
func Find(name string) *Architecture {
	i := slices.IndexFunc(families, func(a *Architecture) bool { return a.Type == name })
	if i < 0 {
		return nil
	}
	return families[i]
}

// Names lists the families by model_type.
func Names() []string {
	var names []string
	for _, a := range families {
		names = append(names, a.Type)
	}
	return names
}

// Projections lists the projections of all families, each name once.
func Projections() []string {
	var names []string
	for _, a := range families {
		for _, name := range a.Projections() {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}
