package checkpoint

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stele-lm/stele/internal/jsonl"
)

// codes is how the matrices of a folder are stored as codes and scales, by quantization_config. A matrix that
// is stored as floats is one, whatever that says.
type codes struct {
	method    string // fp8, compressed-tensors, gptq or awq
	bits      int    // of a code
	symmetric bool   // compressed-tensors: there are no zero points
	zero      int    // gptq: what is added to a stored zero point
	block     [2]int // fp8: rows and columns that have one scale; 0 where the scales' shape tells
	group     int    // columns that have one scale; 0 where the scales' shape tells
}

// quantizationFile has the fields of quantization_config that are read.
type quantizationFile struct {
	Method  string `json:"quant_method"`
	Bits    int    `json:"bits"`
	Group   int    `json:"group_size"`
	Format  string `json:"format"`            // compressed-tensors
	Layout  string `json:"checkpoint_format"` // gptq
	Version string `json:"version"`           // awq
	Zero    *bool  `json:"zero_point"`        // awq
	Fmt     string `json:"fmt"`               // fp8
	Block   []int  `json:"weight_block_size"` // fp8
	Scheme  string `json:"activation_scheme"` // fp8
	Groups  map[string]struct {
		Format  string `json:"format"`
		Weights *struct {
			Bits       int    `json:"num_bits"`
			Type       string `json:"type"`
			Symmetric  *bool  `json:"symmetric"`
			BlockShape []int  `json:"block_structure"`
		} `json:"weights"`
		Activations json.RawMessage `json:"input_activations"`
	} `json:"config_groups"`
	Sparsity  json.RawMessage `json:"sparsity_config"`
	Transform json.RawMessage `json:"transform_config"`
}

// quantizationKeys are the fields of config.json that tell of codes.
var quantizationKeys = []string{"quantization_config", "compression_config"}

// readCodes reads how weights are quantised; c.codes stays nil where they are not. What is not decoded is an
// error that names it.
func (c *Config) readCodes(raw map[string]json.RawMessage) error {
	for _, key := range quantizationKeys {
		if empty(raw[key]) {
			continue
		}
		var value any
		var f quantizationFile
		err := jsonl.Unmarshal(raw[key], &f)
		if err == nil {
			c.codes, err = f.codes()
		}
		if err != nil {
			_ = json.Unmarshal(raw[key], &value)
			return fmt.Errorf("%s: the weights are quantised%s, %w: %s", key, method(value), err, noCodes)
		}
		if f.activations() {
			c.note("%s asks for quantised activations: they are not quantised, only the weights were", key)
		}
		return nil
	}
	return nil
}

// activations reports whether what is multiplied with the weights is to be quantised, too.
func (f *quantizationFile) activations() bool {
	for _, g := range f.Groups {
		if !empty(g.Activations) {
			return true
		}
	}
	return f.Scheme != ""
}

var errUnread = errors.New("which is not read")

func (f *quantizationFile) codes() (*codes, error) {
	k := &codes{method: f.Method, bits: f.Bits, group: max(0, f.Group)}
	whole := func(name string, values ...int) error {
		return fmt.Errorf("with %d %s, expected %s", values[0], name, strings.Trim(fmt.Sprint(values[1:]), "[]"))
	}
	switch f.Method {
	case "fp8":
		if f.Fmt != "" && f.Fmt != "e4m3" {
			return nil, fmt.Errorf("as %s, expected e4m3", f.Fmt)
		}
		if len(f.Block) == 2 && f.Block[0] > 0 && f.Block[1] > 0 {
			k.block = [2]int(f.Block)
		} else if len(f.Block) > 0 {
			return nil, fmt.Errorf("with weight_block_size %v, expected two numbers", f.Block)
		}
	case "gptq":
		switch f.Layout {
		case "", "gptq":
			k.zero = 1
		case "gptq_v2":
		default:
			return nil, fmt.Errorf("with checkpoint_format %q, expected gptq or gptq_v2", f.Layout)
		}
		if !slices.Contains([]int{2, 4, 8}, k.bits) {
			return nil, whole("bits", k.bits, 2, 4, 8)
		}
	case "awq":
		if v := strings.ToLower(cmp.Or(f.Version, f.Format, "gemm")); v != "gemm" {
			return nil, fmt.Errorf("in the layout %q, expected gemm", v)
		}
		if k.bits != 4 {
			return nil, whole("bits", k.bits, 4)
		}
		if !or(f.Zero, true) {
			return nil, errors.New("without zero points, which is not read")
		}
	case "compressed-tensors":
		return f.compressed(k)
	default:
		return nil, errUnread
	}
	return k, nil
}

// compressed reads the groups of compressed-tensors, which must all have their weights in one form.
func (f *quantizationFile) compressed(k *codes) (*codes, error) {
	if !empty(f.Sparsity) || !empty(f.Transform) {
		var sparse struct {
			Format string `json:"format"`
		}
		_ = json.Unmarshal(f.Sparsity, &sparse)
		if !empty(f.Transform) || sparse.Format != "dense" {
			return nil, errors.New("with sparse or transformed weights, which is not read")
		}
	}
	first := true
	for _, name := range slices.Sorted(maps.Keys(f.Groups)) {
		g := f.Groups[name]
		if g.Weights == nil {
			continue
		}
		own := *k
		own.bits, own.symmetric = g.Weights.Bits, or(g.Weights.Symmetric, true)
		if len(g.Weights.BlockShape) == 2 && g.Weights.BlockShape[0] > 0 && g.Weights.BlockShape[1] > 0 {
			own.block = [2]int(g.Weights.BlockShape)
		}
		switch format := cmp.Or(g.Format, f.Format); format {
		case "pack-quantized":
			if g.Weights.Type == "float" || own.bits != 4 && own.bits != 8 {
				return nil, fmt.Errorf("as %s of %d bits, expected 4 or 8", format, own.bits)
			}
		case "int-quantized", "float-quantized", "naive-quantized":
			if own.bits != 8 {
				return nil, fmt.Errorf("as %s of %d bits, expected 8", format, own.bits)
			}
		default:
			return nil, fmt.Errorf("as %q, which is not read", format)
		}
		if !first && own != *k {
			return nil, errors.New("with groups in different forms, which is not read")
		}
		*k, first = own, false
	}
	if first {
		return nil, errors.New("and config_groups does not say how")
	}
	return k, nil
}

// decode puts Coded tensors in the place of codes and scales: a matrix of the model is what they are decoded to.
func (f *Folder) decode() error {
	k := f.Config.codes
	if k == nil {
		return nil
	}
	var fixed []string
	for _, spec := range f.Config.Model().Tensors() {
		if len(spec.Shape) != 2 {
			continue
		}
		m := &coded{codes: k, folder: f, module: strings.TrimSuffix(spec.Name, ".weight"), shape: spec.Shape}
		t, at, err := m.tensor()
		if err != nil {
			return fmt.Errorf("%s: %s: the weights are quantised by %s, and %w", f.Dir, m.module, k.method, err)
		}
		if at.file == nil {
			continue
		}
		for _, name := range m.used {
			delete(f.where, name)
		}
		for _, kind := range []string{".input_scale", ".input_zero_point", ".activation_scale", ".input_global_scale"} {
			if _, there := f.where[m.module+kind]; there {
				fixed = append(fixed, m.module+kind)
				delete(f.where, m.module+kind)
			}
		}
		t.Name = spec.Name
		at.file.tensors[spec.Name] = t
		f.where[spec.Name] = stored{at.file, spec.Name}
	}
	if len(fixed) > 0 {
		f.note("%s: activations are not quantised: not read: %s", f.Dir, summary(fixed))
	}
	return nil
}
