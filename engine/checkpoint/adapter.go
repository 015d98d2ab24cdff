package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/internal/filetype"
	"github.com/stele-lm/stele/internal/nearest"
)

// The files of an adapter, in PEFT's layout, what comes before its tensors' names, and the folder of the one
// that a training run's checkpoint has.
const (
	AdapterConfigFile  = "adapter_config.json"
	AdapterWeightsFile = "adapter_model.safetensors"
	AdapterPrefix      = "base_model.model."
	AdapterFolder      = "adapter"
)

// Adapter is an opened adapter of low rank that fits a model, as PEFT reads it.
type Adapter struct {
	Dir string
	// Base is the model that adapter_config.json says it is of; "" where it does not.
	Base string
	// Factors are added to weights of the model, in the order of its tensors.
	Factors []Factors
	// Rank and Alpha are r and lora_alpha, of factors that no pattern gives others. Dropout is that of the
	// training that made it.
	Rank           int
	Alpha, Dropout float64
	// Fields are all of adapter_config.json.
	Fields map[string]json.RawMessage
	// TrainedOver says how the base was held in 4 or 8 bits when the adapter was trained; "" where that is not
	// said.
	TrainedOver string
	// Notes tell a person, a line each, how the folder was read where that may surprise.
	Notes []string

	file *File
}

// Factors adds Scale·B·A to the weight of an index among the model's tensors. A [Rank, in] and B [out, Rank]
// are valid until Close of the adapter.
type Factors struct {
	Index, Rank int
	Scale       float64
	A, B        Tensor
}

// OpenAdapter reads an adapter's configuration, maps its tensors and checks that they are those that the
// configuration says, that each has the shape that it needs for the model, and that none is left over.
func OpenAdapter(dir string, model *Config) (*Adapter, error) {
	c, err := readAdapterConfig(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notAdapter(dir)
	}
	if err != nil {
		return nil, err
	}
	a := &Adapter{Dir: dir, Base: c.base, Rank: c.rank, Alpha: c.alpha, Dropout: c.dropout, Fields: c.fields,
		TrainedOver: trainedOver(dir)}
	for _, note := range c.notes {
		a.Notes = append(a.Notes, fmt.Sprintf("%s: %s", filepath.Join(dir, AdapterConfigFile), note))
	}
	path := filepath.Join(dir, AdapterWeightsFile)
	if kind := filetype.OfFile(path); kind != filetype.Unknown && kind != "a safetensors file" {
		return nil, fmt.Errorf("%s is %s (expected a safetensors file)", path, kind)
	}
	if a.file, err = OpenFile(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) && exists(dir, "adapter_model.bin") {
			return nil, fmt.Errorf("%s has its tensors in PyTorch's own format (adapter_model.bin): write %s, "+
				"with save_pretrained of PEFT", dir, AdapterWeightsFile)
		}
		return nil, err
	}
	if err := a.fit(c, model); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

// Close unmaps the tensors.
func (a *Adapter) Close() error { return a.file.Close() }

// notAdapter returns the error of a folder that is no adapter's. It says what the folder is where its files
// tell.
func notAdapter(dir string) error {
	switch inner := filepath.Join(dir, AdapterFolder); {
	case exists(inner, AdapterConfigFile):
		return fmt.Errorf("%s is the folder of a checkpoint: name the adapter in it, %s", dir, inner)
	case exists(dir, "config.json"):
		return fmt.Errorf("%s is a model and not an adapter (it has config.json and no %s): give it with --model",
			dir, AdapterConfigFile)
	}
	if what := filetype.Folder(dir); what != "" {
		return fmt.Errorf("%s is %s: expected an adapter in PEFT's layout, with %s", dir, what, AdapterConfigFile)
	}
	return fmt.Errorf("%s has no %s: expected an adapter in PEFT's layout", dir, AdapterConfigFile)
}

// fit finds the factors of a model's weights.
func (a *Adapter) fit(c *adapterConfig, model *Config) error {
	read := map[string]bool{}
	used := map[string]bool{} // of the ends of target_modules
	a.noteUnused(c, model)
	for i, weight := range model.Model().Tensors() {
		module, isWeight := strings.CutSuffix(weight.Name, ".weight")
		projection := weight.Kind == architecture.Matrix
		if !isWeight || !c.adapts(module, projection) {
			continue
		}
		if !projection {
			return fmt.Errorf("%s: target_modules has %s: Stele adds factors only to the projections of layers (%s)",
				filepath.Join(a.Dir, AdapterConfigFile), module,
				strings.Join(model.Architecture.Projections(), ", "))
		}
		for _, end := range c.targets.ends {
			used[end] = used[end] || module == end || strings.HasSuffix(module, "."+end)
		}
		f := Factors{Index: i, Rank: c.rankOf(module), Scale: c.scaleOf(module)}
		out, in := weight.Shape[0], weight.Shape[1]
		for _, of := range []struct {
			name  string
			shape []int
			into  *Tensor
		}{
			{".lora_A.weight", []int{f.Rank, in}, &f.A}, {".lora_B.weight", []int{out, f.Rank}, &f.B},
		} {
			name := AdapterPrefix + module + of.name
			t, err := a.tensor(name, of.shape, weight)
			if err != nil {
				return err
			}
			*of.into, read[name] = t, true
		}
		a.Factors = append(a.Factors, f)
	}
	for _, name := range a.file.Names() {
		if !read[name] {
			return a.unread(name, model)
		}
	}
	if len(a.Factors) == 0 {
		return fmt.Errorf("%s: target_modules names no projection of the model, which has %s",
			filepath.Join(a.Dir, AdapterConfigFile), strings.Join(model.Architecture.Projections(), ", "))
	}
	for _, end := range c.targets.ends {
		if !used[end] {
			a.Notes = append(a.Notes, fmt.Sprintf("%s: target_modules has %s, and the model has no such projection%s",
				filepath.Join(a.Dir, AdapterConfigFile), end, nearest.Hint(end, model.Architecture.Projections())))
		}
	}
	return nil
}

// noteUnused notes what of the configuration fits no module that it could change, as PEFT warns of it.
func (a *Adapter) noteUnused(c *adapterConfig, model *Config) {
	var all, adapted []string
	for _, weight := range model.Model().Tensors() {
		module, isWeight := strings.CutSuffix(weight.Name, ".weight")
		projection := weight.Kind == architecture.Matrix
		if isWeight {
			all = append(all, module)
		}
		if isWeight && projection && c.adapts(module, projection) {
			adapted = append(adapted, module)
		}
	}
	if model.TieEmbeddings { // the module is there, with the embedding's weight
		all = append(all, strings.TrimSuffix(architecture.HeadName, ".weight"))
	}
	for _, note := range c.unused(all, adapted, model.NumLayers) {
		a.Notes = append(a.Notes, fmt.Sprintf("%s: %s", filepath.Join(a.Dir, AdapterConfigFile), note))
	}
}

// tensor returns a factor of a weight, whose shape it checks.
func (a *Adapter) tensor(name string, shape []int, weight architecture.Tensor) (Tensor, error) {
	t, ok := a.file.tensors[name]
	if !ok {
		return t, fmt.Errorf("%s: tensor %s is missing, although %s names its module: the adapter is for another "+
			"model (%s), or incomplete", a.file.Path, name, AdapterConfigFile, a.of())
	}
	if !slices.Equal(t.Shape, shape) {
		return t, fmt.Errorf("%s: tensor %s has shape %v, expected %v for a weight of shape %v: the adapter is for "+
			"another model (%s), or was trained with a different r or rank_pattern", a.file.Path,
			name, t.Shape, shape, weight.Shape, a.of())
	}
	if !t.DType.isFloat() {
		return t, fmt.Errorf("%s: tensor %s is %s, expected F32, BF16 or F16", a.file.Path, name, t.DType)
	}
	return t, nil
}

// of names the base that the adapter says it has.
func (a *Adapter) of() string {
	if a.Base == "" {
		return "it does not say which"
	}
	return a.Base
}

var (
	wholeTable = regexp.MustCompile(`(^|\.)(embed_tokens|lm_head)\.(base_layer\.|modules_to_save\.)?weight$`)
	inLayer    = regexp.MustCompile(`\.layers\.(\d+)\.`)
)

// unread returns the error of a tensor that nothing reads.
func (a *Adapter) unread(name string, model *Config) error {
	t := a.file.tensors[name]
	why := fmt.Sprintf("target_modules of %s leaves its module out, or the model has none of this name",
		AdapterConfigFile)
	layer := inLayer.FindStringSubmatch(name)
	index, number := -1, error(nil)
	if layer != nil {
		index, number = strconv.Atoi(layer[1])
	}
	switch {
	case strings.Contains(name, "lora_magnitude_vector"):
		why = "it is DoRA's, which is not supported: merge the adapter into its base, with merge_and_unload of PEFT"
	case strings.Contains(name, "lora_embedding_"), strings.Contains(name, "embed_tokens.lora_"),
		strings.Contains(name, "lm_head.lora_"):
		why = "factors of the embedding and the head are not supported"
	case wholeTable.MatchString(name) && len(t.Shape) == 2 && t.Shape[0] != model.VocabSize:
		why = fmt.Sprintf("the adapter goes with a vocabulary of %d tokens, and the base has %d: merge it into the "+
			"base that it was trained on, with merge_and_unload of PEFT", t.Shape[0], model.VocabSize)
	case wholeTable.MatchString(name):
		why = "the adapter brings its own embedding or head, which is not read: merge it into its base, with " +
			"merge_and_unload of PEFT"
	case strings.HasSuffix(name, ".bias"):
		why = "biases that were trained are not supported: merge the adapter into its base, with " +
			"merge_and_unload of PEFT"
	case strings.Contains(name, ".default."):
		why = "the adapter's name stands in the tensor's: write the file with save_pretrained of PEFT"
	case !strings.HasPrefix(name, AdapterPrefix):
		why = fmt.Sprintf("expected names that begin with %smodel.", AdapterPrefix)
	case layer != nil && (number != nil || index >= model.NumLayers):
		why = fmt.Sprintf("the base has %d layers: the adapter is for another model (%s)", model.NumLayers, a.of())
	}
	return fmt.Errorf("%s: tensor %s %v is not read: %s", a.file.Path, name, t.Shape, why)
}
