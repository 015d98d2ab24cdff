package checkpoint

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"iter"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine/architecture"
)

const models = "../../testdata/models"

// TestConfigs reads both layouts: the newer one says the same of tiny-qwen2.
func TestConfigs(t *testing.T) {
	old, err := LoadConfig(filepath.Join(models, "tiny-qwen2"))
	if err != nil {
		t.Fatal(err)
	}
	new, err := LoadConfig(filepath.Join(models, "tiny-qwen2-v5config"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(old.EOS, []int32{2047, 2045}) {
		t.Errorf("ends of sequence %v, want those of both files", old.EOS)
	}
	old.Raw, new.Raw, old.EOS, new.EOS = nil, nil, nil, nil
	old.Unsampled = nil
	if !reflect.DeepEqual(old, new) {
		t.Errorf("layouts differ:\n%+v\n%+v", old, new)
	}
	llama, err := LoadConfig(filepath.Join(models, "tiny-llama31"))
	if err != nil {
		t.Fatal(err)
	}
	if llama.HeadDim != 16 || llama.NumHeads*llama.HeadDim == llama.HiddenSize || llama.TieEmbeddings ||
		llama.Rope.Type != "llama3" ||
		!slices.Equal(llama.EOS, []int32{2041, 2045, 2046}) || llama.DType != BF16 {
		t.Errorf("%+v", llama)
	}
}

// TestLlama3Frequencies: low frequencies are divided by the factor, high ones are
// kept, those between lie between.
func TestLlama3Frequencies(t *testing.T) {
	c := architecture.Config{HeadDim: 128, Rope: architecture.Rope{
		Type: "llama3", Theta: 500000, Factor: 8, LowFreqFactor: 1, HighFreqFactor: 4,
		OriginalMaxPositions: 8192,
	}}
	plain := architecture.Config{HeadDim: 128, Rope: architecture.Rope{Type: "default", Theta: 500000}}
	got, base := c.InverseFrequencies(), plain.InverseFrequencies()
	between := 0
	for i := range got {
		switch length := 2 * math.Pi / base[i]; {
		case length < 8192/4:
			if got[i] != base[i] {
				t.Errorf("frequency %d is %g, want %g", i, got[i], base[i])
			}
		case length > 8192:
			if got[i] != base[i]/8 {
				t.Errorf("frequency %d is %g, want %g", i, got[i], base[i]/8)
			}
		default:
			between++
			if got[i] <= base[i]/8 || got[i] >= base[i] {
				t.Errorf("frequency %d is %g, want between %g and %g", i, got[i], base[i]/8, base[i])
			}
		}
	}
	if between == 0 || got[0] != 1 {
		t.Errorf("%d frequencies are between, the first is %g", between, got[0])
	}
}

// edit changes keys of a configuration; nil removes one.
func edit(t *testing.T, changes map[string]any) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(models, "tiny-qwen2", "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	for key, value := range changes {
		if value == nil {
			delete(fields, key)
		} else {
			fields[key] = value
		}
	}
	data, err = json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestConfigsThatCannotRun(t *testing.T) {
	for _, c := range []struct {
		change map[string]any
		want   string
	}{
		{map[string]any{"model_type": "mamba"}, `model_type "mamba"`},
		{map[string]any{"model_type": nil}, "no model_type"},
		{map[string]any{"hidden_act": "gelu"}, `hidden_act "gelu"`},
		{map[string]any{"rope_scaling": map[string]any{"rope_type": "longrope", "factor": 4}},
			`rope type "longrope"`},
		{map[string]any{"rope_scaling": map[string]any{"type": "dynamic", "factor": 4}},
			`rope type "dynamic"`},
		{map[string]any{"rope_scaling": map[string]any{"rope_type": "llama3", "factor": 8}},
			"low_freq_factor 0"},
		{map[string]any{"rope_theta": -1}, "rope_theta is -1"},
		{map[string]any{"hidden_size": nil}, "hidden_size is 0"},
		{map[string]any{"num_hidden_layers": 1e9}, "num_hidden_layers"},
		{map[string]any{"num_key_value_heads": 3}, "not a multiple"},
		{map[string]any{"head_dim": 15}, "odd"},
		{map[string]any{"rms_norm_eps": 0}, "rms_norm_eps"},
		{map[string]any{"eos_token_id": 99999}, "outside the vocabulary"},
		{map[string]any{"eos_token_id": "x"}, "neither a token id"},
		{map[string]any{"use_sliding_window": true, "max_window_layers": 1, "sliding_window": 32},
			"sliding_window 32 for layers from max_window_layers 1"},
		{map[string]any{"num_key_value_heads": nil}, "num_key_value_heads is absent, which is 32"},
		{map[string]any{"quantization_config": map[string]any{"bits": 4}}, "quantised"},
		{map[string]any{"torch_dtype": "int8"}, `dtype "int8"`},
	} {
		_, err := parseConfig(edit(t, c.change))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: error %v, want one line with %q", c.change, err, c.want)
		}
	}
	defaults, err := parseConfig(edit(t, map[string]any{
		"num_key_value_heads": json.RawMessage("null"), "head_dim": nil, "rope_theta": nil,
		"tie_word_embeddings": nil, "torch_dtype": nil,
	}))
	if err != nil || defaults.NumKVHeads != 4 || defaults.HeadDim != 16 || defaults.Rope.Theta != 10000 ||
		defaults.TieEmbeddings {
		t.Errorf("defaults %+v, %v", defaults, err)
	}
}

// copyModel copies a test model to a folder that may be damaged.
func copyModel(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(models, name))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// header rewrites the header of a safetensors file.
func header(t *testing.T, path string, change func(map[string]any)) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := binary.LittleEndian.Uint64(data)
	var fields map[string]any
	if err := json.Unmarshal(data[8:8+n], &fields); err != nil {
		t.Fatal(err)
	}
	change(fields)
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(text)))
	if err := os.WriteFile(path, append(append(out, text...), data[8+n:]...), 0o644); err != nil {
		t.Fatal(err)
	}
}

// setEntry changes a field of the header's entry of model.norm.weight.
func setEntry(t *testing.T, path, field string, value any) {
	t.Helper()
	header(t, path, func(h map[string]any) { h["model.norm.weight"].(map[string]any)[field] = value })
}

func TestBadFolders(t *testing.T) {
	file := func(dir string) string { return filepath.Join(dir, singleFile) }
	for name, c := range map[string]struct {
		model  string
		damage func(t *testing.T, dir string)
		want   string
	}{
		"no config": {"tiny-qwen2",
			func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "config.json")) }, "config.json"},
		"no weights": {"tiny-qwen2", func(t *testing.T, dir string) { os.Remove(file(dir)) },
			"neither model.safetensors nor"},
		"truncated": {"tiny-qwen2", func(t *testing.T, dir string) { os.Truncate(file(dir), 500_000) },
			"outside the 4"},
		"header only": {"tiny-qwen2", func(t *testing.T, dir string) { os.Truncate(file(dir), 100) },
			"truncated"},
		"empty": {"tiny-qwen2", func(t *testing.T, dir string) { os.Truncate(file(dir), 0) },
			"0 bytes"},
		"huge header": {"tiny-qwen2", func(t *testing.T, dir string) {
			os.WriteFile(file(dir), []byte("\xff\xff\xff\xff\xff\xff\xff\xff{}"), 0o644)
		}, "header of"},
		"not JSON": {"tiny-qwen2", func(t *testing.T, dir string) {
			os.WriteFile(file(dir), []byte("\x04\x00\x00\x00\x00\x00\x00\x00abcd"), 0o644)
		}, "not a JSON object"},
		"missing": {"tiny-qwen2", func(t *testing.T, dir string) {
			header(t, file(dir), func(h map[string]any) {
				h["x"] = h["model.norm.weight"]
				delete(h, "model.norm.weight")
			})
		}, "tensor model.norm.weight is missing"},
		"shape": {"tiny-qwen2", func(t *testing.T, dir string) {
			setEntry(t, file(dir), "shape", []int{8, 8})
		}, "shape [8 8], expected [64]"},
		"bytes": {"tiny-qwen2", func(t *testing.T, dir string) {
			setEntry(t, file(dir), "shape", []int{65})
		}, "needs 260 bytes"},
		"shape in words": {"tiny-qwen2", func(t *testing.T, dir string) {
			setEntry(t, file(dir), "shape", "64")
		}, `tensor "model.norm.weight": field "shape": found text, expected a list of whole numbers`},
		"overflow": {"tiny-qwen2", func(t *testing.T, dir string) {
			setEntry(t, file(dir), "shape", []int64{1 << 62, 1 << 62})
		}, "not possible"},
		"negative": {"tiny-qwen2", func(t *testing.T, dir string) {
			setEntry(t, file(dir), "shape", []int{-64})
		}, "not possible"},
		"dtype": {"tiny-qwen2", func(t *testing.T, dir string) {
			setEntry(t, file(dir), "dtype", "I64")
		}, `dtype "I64"`},
		"overlap": {"tiny-qwen2", func(t *testing.T, dir string) {
			setEntry(t, file(dir), "data_offsets", []int{0, 256})
		}, "overlap"},
		"no shard": {"tiny-llama31", func(t *testing.T, dir string) {
			os.Remove(filepath.Join(dir, "model-00002-of-00002.safetensors"))
		}, "model-00002"},
		"escaping": {"tiny-llama31", func(t *testing.T, dir string) {
			os.WriteFile(filepath.Join(dir, indexFile), []byte(`{"weight_map":{"a":"../x.safetensors"}}`),
				0o644)
		}, "not a safetensors file of the folder"},
		"wrong index": {"tiny-llama31", func(t *testing.T, dir string) {
			os.WriteFile(filepath.Join(dir, indexFile),
				[]byte(`{"weight_map":{"a":"model-00001-of-00002.safetensors"}}`), 0o644)
		}, "mention"},
		"folder named": {"tiny-qwen2", func(t *testing.T, dir string) {
			os.Remove(file(dir))
			os.Mkdir(file(dir), 0o755)
		}, "not a file"},
	} {
		dir := copyModel(t, c.model)
		c.damage(t, dir)
		f, err := Open(dir)
		if err == nil {
			f.Close()
			t.Errorf("%s: it opened", name)
		} else if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one line with %q", name, err, c.want)
		}
	}
}

func TestDuplicateKey(t *testing.T) {
	const entry = `"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}`
	_, _, err := parseHeader([]byte("{" + entry + "," + entry + "}"))
	if err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("error %v, want one about a tensor that appears twice", err)
	}
}

// all yields a folder's tensors in the order that Write expects.
func all(f *Folder) iter.Seq2[Tensor, error] {
	return func(yield func(Tensor, error) bool) {
		for _, spec := range f.Config.Model().Tensors() {
			if t, err := f.Tensor(spec.Name); !yield(t, err) {
				return
			}
		}
	}
}

// TestWriteRoundTrip: a folder written in each dtype reads as it was, rounded.
// STELE_WRITE_DIR keeps the folders for third_party/check-transformers.py.
func TestWriteRoundTrip(t *testing.T) {
	parent := t.TempDir()
	if dir := os.Getenv("STELE_WRITE_DIR"); dir != "" {
		parent = dir
	}
	for _, name := range []string{"tiny-qwen2", "tiny-llama31"} {
		source := filepath.Join(models, name)
		f, err := Open(source)
		if err != nil {
			t.Fatal(err)
		}
		for _, dtype := range []DType{F32, BF16, F16} {
			dir := filepath.Join(parent, name+"-"+dtype.String())
			for range 2 { // the second time replaces the first
				companions, err := ReadCompanions(source)
				if err != nil {
					t.Fatal(err)
				}
				options := WriteOptions{DType: dtype, Companions: companions}
				if err := Write(dir, f.Config, all(f), options); err != nil {
					t.Fatal(err)
				}
			}
			g, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			if g.Config.DType != dtype {
				t.Errorf("%s: config says %s", dir, g.Config.DType)
			}
			for want := range all(f) {
				got, err := g.Tensor(want.Name)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got.Data, want.As(dtype).Data) {
					t.Errorf("%s: %s changed", dir, want.Name)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, "tokenizer.json")); err != nil {
				t.Error(err)
			}
			g.Close()
		}
		f.Close()
	}
	if entries, _ := os.ReadDir(parent); os.Getenv("STELE_WRITE_DIR") == "" && len(entries) != 6 {
		t.Errorf("%d entries are left, want 6", len(entries))
	}
}

// TestCompanions: a written folder keeps its chat templates, those in a folder too.
func TestCompanions(t *testing.T) {
	source, dir := t.TempDir(), filepath.Join(t.TempDir(), "out")
	files := map[string]string{"chat_template.jinja": "a", "additional_chat_templates/tool_use.jinja": "b"}
	for name, content := range files {
		path := filepath.Join(source, name)
		err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644))
		if err != nil {
			t.Fatal(err)
		}
	}
	companions, err := ReadCompanions(source)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(filepath.Join(models, "tiny-qwen2"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := Write(dir, f.Config, all(f), WriteOptions{DType: BF16, Companions: companions}); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != content || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestFailedWriteLeavesNothing: neither a half folder nor a damaged old one.
func TestFailedWriteLeavesNothing(t *testing.T) {
	f, err := Open(filepath.Join(models, "tiny-qwen2"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	parent := t.TempDir()
	dir := filepath.Join(parent, "out")
	broken := func(yield func(Tensor, error) bool) {
		n := 0
		for tensor := range all(f) {
			if n++; n == 5 {
				yield(Tensor{}, errors.New("device lost"))
				return
			}
			if !yield(tensor, nil) {
				return
			}
		}
	}
	if err := Write(dir, f.Config, broken, WriteOptions{}); err == nil ||
		!strings.Contains(err.Error(), "device lost") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a half folder is there: %v", err)
	}
	if entries, _ := os.ReadDir(parent); len(entries) != 0 {
		t.Errorf("%v is left", entries)
	}
}

func TestResolve(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("HF_HUB_CACHE", cache)
	snapshot := filepath.Join(cache, "models--org--name", "snapshots", "abc123")
	if err := errors.Join(os.MkdirAll(snapshot, 0o755),
		os.MkdirAll(filepath.Join(cache, "models--org--name", "refs"), 0o755),
		os.WriteFile(filepath.Join(cache, "models--org--name", "refs", "main"), []byte("abc123\n"), 0o644),
	); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"org/name": snapshot, "org/name@abc123": snapshot,
		cache: cache} {
		if got, err := Resolve(name); got != want || err != nil {
			t.Errorf("%s is %s, %v; want %s", name, got, err, want)
		}
	}
	for _, name := range []string{"org/other", "../etc/passwd", "org/../x", "org/name@../../x", "nothing", "",
		"a/b/c", "org/na\x00me"} {
		if got, err := Resolve(name); err == nil {
			t.Errorf("%q is %s", name, got)
		}
	}
}

func FuzzHeader(f *testing.F) {
	data, err := os.ReadFile(filepath.Join(models, "tiny-llama31", "model-00002-of-00002.safetensors"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data[:4096])
	text := `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`
	f.Add(append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...), 0, 0, 0, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 8 {
			return
		}
		var file File
		if file.parse(data) != nil {
			return
		}
		total := 0
		for _, name := range file.Names() {
			tensor, err := file.Tensor(name)
			if err != nil {
				t.Fatal(err)
			}
			tensor.Float32s(make([]float32, tensor.Len()))
			total += len(tensor.Data)
		}
		if total > len(data) {
			t.Fatalf("%d bytes of tensors in a file of %d", total, len(data))
		}
	})
}

func FuzzConfig(f *testing.F) {
	configs, err := filepath.Glob(filepath.Join(models, "..", "architectures", "*", "config.json"))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"tiny-qwen2", "tiny-llama31", "tiny-qwen2-v5config"} {
		configs = append(configs, filepath.Join(models, name, "config.json"))
	}
	for _, path := range configs {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseConfig(data)
		if err != nil {
			return
		}
		if c.NumLayers <= 64 {
			c.Model().Tensors()
		}
		for _, x := range c.InverseFrequencies() {
			if !(x > 0) {
				t.Fatalf("%s: a frequency is %g", data, x)
			}
		}
	})
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"metadata":{},"weight_map":{"a":"model-1.safetensors"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		index, err := parseIndex(data)
		if err != nil {
			return
		}
		for _, file := range index {
			if !filepath.IsLocal(file) || strings.ContainsAny(file, "/") {
				t.Fatalf("%s: file %q points outside the folder", data, file)
			}
		}
	})
}
