package checkpoint

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const quantisedFolders = "../../testdata/quantised"

// TestQuantised: folders with quantised weights hold the values that the libraries which write them decode: see
// third_party/quantised-goldens.py.
func TestQuantised(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(quantisedFolders, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]map[string]string
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	for name, want := range golden {
		f, err := Open(filepath.Join(quantisedFolders, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		said := len(f.Notes) == 1 && strings.Contains(f.Notes[0], "quantised activations")
		if said != strings.HasPrefix(name, "fp8") || len(f.Notes) > 1 {
			t.Errorf("%s: %q", name, f.Notes)
		}
		for _, tensor := range slices.Sorted(maps.Keys(want)) {
			own, err := f.Tensor(tensor)
			if err != nil {
				t.Fatal(err)
			}
			values := make([]float32, own.Len())
			own.Float32s(values)
			sum := sha256.Sum256(littleEndian(values))
			if hex.EncodeToString(sum[:]) != want[tensor] {
				t.Errorf("%s: %s has other values, it begins with %v", name, tensor, values[:4])
			}
		}
		text, err := f.Config.file(BF16)
		if err != nil || strings.Contains(string(text), "quant") {
			t.Errorf("%s: it is written as %s, %v", name, text, err)
		}
		f.Close()
	}
}

func littleEndian(values []float32) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// TestQuantisedRefused: forms that are not decoded are named, in one line that says what to do.
func TestQuantisedRefused(t *testing.T) {
	base, err := os.ReadFile(filepath.Join(quantisedFolders, "gptq", "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(base, &config); err != nil {
		t.Fatal(err)
	}
	group := func(format string, weights map[string]any) map[string]any {
		return map[string]any{"quant_method": "compressed-tensors", "format": format,
			"config_groups": map[string]any{"group_0": map[string]any{"weights": weights}}}
	}
	for name, c := range map[string]struct {
		value map[string]any
		want  string
	}{
		"nf4":        {map[string]any{"quant_method": "bitsandbytes", "load_in_4bit": true}, "bitsandbytes"},
		"mxfp4":      {map[string]any{"quant_method": "mxfp4"}, "mxfp4"},
		"none":       {map[string]any{"bits": 4}, "to 4 bits"},
		"gptq3":      {map[string]any{"quant_method": "gptq", "bits": 3}, "3 bits"},
		"marlin":     {map[string]any{"quant_method": "gptq", "bits": 4, "checkpoint_format": "marlin"}, "marlin"},
		"gemv":       {map[string]any{"quant_method": "awq", "bits": 4, "version": "gemv"}, "gemv"},
		"no zeros":   {map[string]any{"quant_method": "awq", "bits": 4, "zero_point": false}, "zero points"},
		"e5m2":       {map[string]any{"quant_method": "fp8", "fmt": "e5m2"}, "e5m2"},
		"nvfp4":      {group("nvfp4-pack-quantized", map[string]any{"num_bits": 4, "type": "float"}), "nvfp4"},
		"3 bits":     {group("pack-quantized", map[string]any{"num_bits": 3, "type": "int"}), "3 bits"},
		"no groups":  {map[string]any{"quant_method": "compressed-tensors", "format": "int-quantized"}, "groups"},
		"wrong type": {map[string]any{"quant_method": 4}, "quant_method"},
	} {
		config["quantization_config"] = c.value
		text, err := json.Marshal(config)
		if err != nil {
			t.Fatal(err)
		}
		_, err = parseConfig(text)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), noCodes) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestQuantisedBroken: tensors that do not go together are named with what was expected.
func TestQuantisedBroken(t *testing.T) {
	const module = "model.layers.0.mlp.up_proj"
	shaped := func(shape ...int) func(*Tensor) bool {
		return func(t *Tensor) bool { t.Shape = shape; return true }
	}
	nine := func(t *Tensor) bool { t.Data[0] = 9; return true }
	absent := func(*Tensor) bool { return false }
	for name, c := range map[string]struct {
		folder, tensor string
		change         func(t *Tensor) bool // reports whether the tensor stays
		want           string
	}{
		"no zeros":  {"gptq", module + ".qzeros", absent, "no " + module + ".qzeros"},
		"shape":     {"awq", module + ".scales", shaped(96, 2), "[2 96]"},
		"group":     {"gptq-act", module + ".g_idx", nine, "group 9"},
		"size":      {"packed4", module + ".weight_shape", nine, "[9 64]"},
		"scales":    {"fp8", module + ".weight_scale_inv", shaped(2, 3), "[2 3]"},
		"no scales": {"float8", module + ".weight_scale", absent, "no " + module},
		"type": {"int8", module + ".weight", func(t *Tensor) bool {
			t.DType, _ = parseDType("I16")
			return true
		}, "I16"},
	} {
		path := filepath.Join(quantisedFolders, c.folder)
		config, err := LoadConfig(path)
		if err != nil {
			t.Fatal(err)
		}
		f := &Folder{Dir: path, Config: config, where: map[string]stored{}}
		if err := f.open(); err != nil {
			t.Fatal(err)
		}
		file := f.files[0]
		tensor := file.tensors[c.tensor]
		tensor.Data = slices.Clone(tensor.Data)
		delete(file.tensors, c.tensor)
		if c.change(&tensor) {
			file.tensors[c.tensor] = tensor
		}
		if err := f.gather(); err != nil {
			t.Fatal(err)
		}
		err = f.decode()
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "quantised by") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		f.Close()
	}
}
