// Package trainertest has what tests of the trainer's packages share.
package trainertest

import (
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/trainer/objective"
)

// SmolLM2 is the shape of SmolLM2-135M.
var SmolLM2 = &checkpoint.Config{Config: architecture.Config{
	Architecture: architecture.Llama, VocabSize: 49152, HiddenSize: 576, IntermediateSize: 1536,
	NumLayers: 30, NumHeads: 9,
	NumKVHeads: 3, HeadDim: 64, MaxPositions: 2048, TieEmbeddings: true,
}}

// OpenDevice opens a device; the test is skipped where it is not here.
func OpenDevice(t *testing.T, name string) *backend.Device {
	t.Helper()
	d, err := backend.Open(name)
	if err != nil {
		if name == "go" {
			t.Fatal(err)
		}
		t.Skipf("%s is not here: %v", name, err)
	}
	return d
}

// Data is the path of a file or folder in testdata.
func Data(name string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "../../testdata", filepath.FromSlash(name))
}

// TinyWeights are tiny-qwen2's as a dtype; the test closes them.
func TinyWeights(t *testing.T, d *backend.Device, dtype dtypes.DType) *model.Weights {
	t.Helper()
	folder, err := checkpoint.Open(Data("models/tiny-qwen2"))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	w, err := model.LoadWeights(folder, d, dtype)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Norm is the Euclidean norm.
func Norm(values []float32) float64 {
	sum := 0.0
	for _, x := range values {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}

// CompileObjective builds a program of an objective without a model: of n tokens, of at
// most so many sequences, its loss, what it returns of each token (statistics), and the
// loss's gradient by each log-probability.
func CompileObjective(
	d *backend.Device, o objective.Objective, n, sequences int,
) (*backend.NamedProgram, error) {
	vector := shapes.Make(dtypes.Float32, n)
	inputs := append(o.Groups(n), backend.Each(
		backend.Input{Name: objective.LogProb, Shape: vector},
		backend.Input{Name: objective.Entropy, Shape: vector})...)
	outputs := []string{"loss", "statistics", "gradient"}
	return backend.CompileNamed(d, "objective", inputs, outputs, func(in backend.Nodes) backend.Nodes {
		logprob := in.One(objective.LogProb)
		loss, statistics := o.Build(in, logprob, in.One(objective.Entropy), sequences)
		return backend.Nodes{"loss": {loss}, "statistics": {statistics},
			"gradient": graph.Gradient(loss, logprob)}
	})
}

// Objective runs that program. sequences is as in Objective.Upload.
func Objective(t *testing.T, d *backend.Device, o objective.Objective, beta float64,
	logprob, entropy []float32,
	columns objective.Columns, sequences []int32) (loss float64, seen objective.Seen, gradient []float32) {
	t.Helper()
	n := len(logprob)
	p, err := CompileObjective(d, o, n, int(slices.Max(sequences))+1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	buffers, err := o.Upload(d, columns, sequences, beta)
	if err != nil {
		t.Fatal(err)
	}
	defer buffers.Free()
	for name, values := range map[string][]float32{objective.LogProb: logprob, objective.Entropy: entropy} {
		buffer, err := backend.Upload(d, values, n)
		if err != nil {
			t.Fatal(err)
		}
		buffers[name] = []backend.Buffer{buffer}
	}
	out, err := p.Run(buffers)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Free()
	values := map[string][]float32{}
	for name := range out {
		if values[name], err = backend.Float32s(out[name][0]); err != nil {
			t.Fatal(err)
		}
	}
	return float64(values["loss"][0]), o.Seen(values["statistics"], n), values["gradient"]
}
