// Package builtin holds models that are part of the program: a tokenizer and an
// architecture, with random weights. They need no download and are where the demo
// and the tests begin.
//
// Invariants: the folder of a built-in model is a pure function of its name and
// seed.
package builtin

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/internal/diskcache"
	"github.com/stele-lm/stele/internal/nearest"
	"github.com/stele-lm/stele/internal/splitmix"
)

//go:embed assets
var assets embed.FS

// version is part of the cache folder's name: a change of a model must change it.
const version = "2"

// models are the built-in models by name: tiny, of 1 M parameters, learns
// arithmetic in minutes on two cores, and so does micro, of a third of that; nano, of
// 90 thousand, is for tests.
var models = map[string]checkpoint.Config{
	"tiny":  qwen2(128, 4, 384),
	"micro": qwen2(64, 4, 192),
	"nano":  qwen2(32, 2, 64),
}

// qwen2 is a Qwen2 over the arithmetic task's vocabulary.
func qwen2(hidden, layers, intermediate int) checkpoint.Config {
	return checkpoint.Config{
		BOS: -1, EOS: []int32{2},
		Config: architecture.Config{
			Architecture: architecture.Qwen2, HiddenSize: hidden, IntermediateSize: intermediate,
			NumLayers: layers, NumHeads: 4, NumKVHeads: 2, HeadDim: hidden / 4, VocabSize: 2048,
			MaxPositions: 1024, RMSNormEps: 1e-6, TieEmbeddings: true,
			Rope: architecture.Rope{Type: architecture.PlainRope, Theta: 10000},
		},
	}
}

// Names lists the built-in models.
func Names() []string { return slices.Sorted(maps.Keys(models)) }

// Cut takes the name out of "builtin:NAME".
func Cut(name string) (string, bool) { return strings.CutPrefix(name, "builtin:") }

// Dir returns the Hugging Face folder of a built-in model with seed 0; it is made on first use in the user's cache
// folder, or, where there is none or it may not be written to, as in a container, among temporary files, in a
// folder that is the user's alone.
func Dir(name string) (string, error) {
	if _, err := find(name); err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err == nil {
		dir, err := made(filepath.Join(cache, "stele"), name)
		if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS) {
			return dir, err
		}
	}
	own := filepath.Join(os.TempDir(), fmt.Sprintf("stele-%d", os.Geteuid()))
	if err := diskcache.Private(own); err != nil {
		return "", fmt.Errorf("builtin:%s: there is no cache folder (HOME, XDG_CACHE_HOME), and: %w", name, err)
	}
	return made(own, name)
}

// made returns the folder of a built-in model, which it makes where it is not there.
func made(below, name string) (string, error) {
	dir := filepath.Join(below, "builtin-"+version, name)
	there := func() error {
		_, err := os.Stat(filepath.Join(dir, "config.json"))
		return err
	}
	if err := there(); !errors.Is(err, fs.ErrNotExist) {
		return dir, err
	}
	// Others may make it at the same time. The first gives it its name, and it stays from then on.
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	making, err := os.MkdirTemp(filepath.Dir(dir), "."+name+".partial-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(making)
	if err := Write(filepath.Join(making, name), name, 0); err != nil {
		return "", err
	}
	if err := os.Rename(filepath.Join(making, name), dir); err != nil && there() != nil {
		return "", err
	}
	return dir, nil
}

func find(name string) (checkpoint.Config, error) {
	c, ok := models[name]
	if !ok {
		return c, fmt.Errorf("no built-in model %q: expected builtin:%s%s",
			name, strings.Join(Names(), " or builtin:"), nearest.Hint(name, Names()))
	}
	return c, nil
}

// Write makes the folder of a built-in model: normal weights of standard deviation
// 0.02, biases zero, norms one, as transformers initialises Qwen2.
func Write(dir, name string, seed uint64) error {
	c, err := find(name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	companions := map[string][]byte{}
	for _, file := range []string{"tokenizer.json", "tokenizer_config.json"} {
		if companions[file], err = assets.ReadFile("assets/" + file); err != nil {
			return err
		}
	}
	options := checkpoint.WriteOptions{DType: checkpoint.F32, Companions: companions}
	return checkpoint.Write(dir, &c, random(&c, seed), options)
}

// random yields the initial tensors.
func random(c *checkpoint.Config, seed uint64) iter.Seq2[checkpoint.Tensor, error] {
	return func(yield func(checkpoint.Tensor, error) bool) {
		for i, tensor := range c.Model().Tensors() {
			values := make([]float32, tensor.Len())
			for j := range values {
				switch tensor.Kind {
				case architecture.Scale:
					values[j] = 1
				case architecture.Table, architecture.Matrix:
					values[j] = float32(0.02 * normal(seed, uint64(i), uint64(j)))
				}
			}
			if !yield(checkpoint.Float32Tensor(tensor.Name, tensor.Shape, values), nil) {
				return
			}
		}
	}
}

// normal is a standard normal number of (seed, tensor, element), by Box and
// Muller's method.
func normal(seed, tensor, element uint64) float64 {
	h := splitmix.Mix(splitmix.Mix(splitmix.Mix(seed)^tensor) ^ element)
	u := splitmix.Uniform(h) + 0.5/(1<<53) // never 0
	v := splitmix.Uniform(splitmix.Mix(h))
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*v)
}
