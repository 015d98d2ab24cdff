package gpucheck

import (
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/builtin"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/internal/splitmix"
)

// shape is that of a model whose weights are random.
type shape struct {
	name                                                     string
	hidden, intermediate, layers, heads, kvHeads, vocabulary int
	tied                                                     bool
}

// shapes are Qwen2.5's, by the names of their sizes; smallShapes stand in for them where the check itself is tried.
var (
	shapes = []shape{
		{"0.5B", 896, 4864, 24, 14, 2, 151936, true},
		{"1.5B", 1536, 8960, 28, 12, 2, 151936, true},
		{"7B", 3584, 18944, 28, 28, 4, 152064, false},
	}
	smallShapes = []shape{
		{"0.5B", 64, 176, 2, 4, 2, 2048, true},
		{"1.5B", 96, 256, 2, 6, 2, 2048, true},
		{"7B", 128, 352, 3, 8, 4, 2048, false},
	}
)

func (s shape) config() *checkpoint.Config {
	return &checkpoint.Config{
		BOS: -1, EOS: []int32{2}, DType: checkpoint.BF16,
		Config: architecture.Config{
			Architecture: architecture.Qwen2, HiddenSize: s.hidden, IntermediateSize: s.intermediate,
			NumLayers: s.layers, NumHeads: s.heads, NumKVHeads: s.kvHeads, HeadDim: s.hidden / s.heads,
			VocabSize: s.vocabulary, MaxPositions: 32768, RMSNormEps: 1e-6, TieEmbeddings: s.tied,
			Rope: architecture.Rope{Type: architecture.PlainRope, Theta: 1e6},
		},
	}
}

// WriteModel makes the Hugging Face folder of a shape: bfloat16 weights drawn from a normal distribution of standard
// deviation 0.02, biases zero, norms one. tokenizer is a tokenizer.json, perhaps behind gzip; without one it is that
// of builtin:tiny.
func WriteModel(dir, name, tokenizer string, small bool) error {
	all := shapes
	if small {
		all = smallShapes
	}
	i := slices.IndexFunc(all, func(s shape) bool { return s.name == name })
	if i < 0 {
		return fmt.Errorf("no shape %q: expected 0.5B, 1.5B or 7B", name)
	}
	tiny, err := builtin.Dir("tiny")
	if err != nil {
		return err
	}
	companions, err := checkpoint.ReadCompanions(tiny)
	if err != nil {
		return err
	}
	if tokenizer != "" && !small {
		if companions["tokenizer.json"], err = readPacked(tokenizer); err != nil {
			return err
		}
		companions["tokenizer_config.json"] = []byte(`{"tokenizer_class": "Qwen2Tokenizer"}` + "\n")
	}
	c := all[i].config()
	return checkpoint.Write(dir, c, random(c), checkpoint.WriteOptions{DType: checkpoint.BF16, Companions: companions})
}

// readPacked reads a file, unpacked where its name ends in .gz.
func readPacked(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if !strings.HasSuffix(path, ".gz") {
		return io.ReadAll(file)
	}
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return io.ReadAll(unpacked)
}

// random yields a model's tensors.
func random(c *checkpoint.Config) iter.Seq2[checkpoint.Tensor, error] {
	return func(yield func(checkpoint.Tensor, error) bool) {
		quantiles := normalQuantiles(0.02)
		for i, spec := range c.Model().Tensors() {
			t := checkpoint.Tensor{Name: spec.Name, DType: checkpoint.BF16, Shape: spec.Shape,
				Data: make([]byte, 2*spec.Len())}
			switch spec.Kind {
			case architecture.Scale:
				for j := 0; j < len(t.Data); j += 2 {
					binary.LittleEndian.PutUint16(t.Data[j:], 0x3f80) // 1
				}
			case architecture.Table, architecture.Matrix:
				fill(t.Data, quantiles, splitmix.Mix(uint64(i)))
			}
			if !yield(t, nil) {
				return
			}
		}
	}
}

// normalQuantiles are the middles of as many equally likely parts of a normal distribution as 16 bits tell apart, in
// bfloat16.
func normalQuantiles(deviation float64) *[1 << 16]uint16 {
	q := new([1 << 16]uint16)
	for i := range q {
		p := (float64(i) + 0.5) / (1 << 16)
		bits := math.Float32bits(float32(deviation * math.Sqrt2 * math.Erfinv(2*p-1)))
		q[i] = uint16((bits + 0x7fff + bits>>16&1) >> 16)
	}
	return q
}

// fill draws bfloat16 numbers, four of each mixed word, on all cores.
func fill(data []byte, quantiles *[1 << 16]uint16, key uint64) {
	const piece = 1 << 20
	var group sync.WaitGroup
	next := make(chan int)
	for range runtime.NumCPU() {
		group.Go(func() {
			for at := range next {
				part := data[at:min(at+piece, len(data))]
				for i := 0; i < len(part); i += 8 {
					word := splitmix.Mix(key + uint64(at+i))
					for j := i; j < min(i+8, len(part)); j, word = j+2, word>>16 {
						binary.LittleEndian.PutUint16(part[j:], quantiles[uint16(word)])
					}
				}
			}
		})
	}
	for at := 0; at < len(data); at += piece {
		next <- at
	}
	close(next)
	group.Wait()
}

// tokenizerFile is the tokenizer of the shapes among the data that the check carries.
const tokenizerFile = "tokenizer.json.gz"

// tokenizer is its path, or empty where it is not there.
func (o *Options) tokenizer() string {
	path := filepath.Join(o.Data, tokenizerFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return path
}
