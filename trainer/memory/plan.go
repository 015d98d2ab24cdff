package memory

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/stele-lm/stele/engine/model/dense"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/kernels/op"
	"github.com/stele-lm/stele/trainer/learner"
	"github.com/stele-lm/stele/trainer/lora"
	"github.com/stele-lm/stele/trainer/optimizer"
)

// Plan is what a run needs of the device, in bytes.
type Plan struct {
	Weights     int64 `json:"weights"`     // the model that is trained
	Reference   int64 `json:"reference"`   // the model that it is compared with, or the base of an adapter
	Gradients   int64 `json:"gradients"`   // float32
	Optimizer   int64 `json:"optimizer"`   // two moments, masters of weights held in less than float32, factors of an adapter
	KVPool      int64 `json:"kv_pool"`     // keys and values of the rollouts
	Activations int64 `json:"activations"` // of one gradient pass, without the logits
	Logits      int64 `json:"logits"`      // those of a block of the vocabulary, and the head's gradient
	Program     int64 `json:"program"`     // the process itself: detector, tokenizer, compiled code
	Total       int64 `json:"total"`
	// MicroBatch is the gradient pass of the longest sequences that there may be.
	MicroBatch dense.Shape `json:"micro_batch"`
}

// programBytes is what a process takes before it loads a model: mostly the
// language detector's tables and XLA.
const programBytes = 1100 << 20

// Workload is what a plan is made for.
type Workload struct {
	Model *checkpoint.Config
	DType string // of the weights: float32 or bfloat16
	// Longest is how many tokens the longest sequence may have, Prompt how many the
	// longest prompt has.
	Longest, Prompt int
	Reference       bool // sequences are compared with a reference model
	LoRA            lora.Options
	Optimizer       optimizer.AdamW
	Layout          learner.Layout
	Remat           bool // layers are computed again in the backward pass
	// Sequences is how many sequences a mini-batch has; Group in turn share a prompt.
	Sequences, Group int
	// Rollouts is how many completions a step samples, 0 for none; Decoded is how many
	// are decoded together.
	Rollouts, Decoded int
}

// Plan computes the plan.
//
// Activations and logits are those of XLA's buffer assignment, fitted to the
// plans that it made for two models, seven shapes and both settings of remat: kept
// for each token and layer are 4·I + 4·D + 3·H·E + 2·K·E numbers, two for each that is
// normalised, and two rows of attention scores; for a token that continues a prompt H·E more and five quarters of
// a row; for each completion token three rows of a block of logits. With remat only
// the layers' inputs are kept, and either the logits or one layer is the peak.
func (w Workload) Plan() Plan {
	m := w.Model
	held := checkpoint.F32
	if w.DType == "bfloat16" {
		held = checkpoint.BF16
	}
	p := Plan{Weights: m.WeightBytes(held), Program: programBytes}
	trained := m.TensorSpecs()
	if w.LoRA.Rank > 0 {
		trained = nil
		for _, spec := range m.TensorSpecs() {
			if factors := w.LoRA.Factors(spec); factors != nil {
				trained = append(trained, factors...)
				p.Reference += int64(spec.Shape[0]*spec.Shape[1]) * int64(held.Size()) // the base
			}
		}
	}
	for _, spec := range trained {
		n := int64(1)
		for _, d := range spec.Shape {
			n *= int64(d)
		}
		p.Gradients += 4 * n
		p.Optimizer += optimizer.MomentBytes(w.Optimizer.State, spec.Shape)
		if w.LoRA.Rank > 0 || held != checkpoint.F32 && w.Optimizer.Masters {
			p.Optimizer += 4 * n // the factors, or masters
		}
	}
	if w.Reference && w.LoRA.Rank == 0 {
		p.Reference = p.Weights
	}
	if w.Rollouts > 0 {
		sequence := m.KVBytesPerToken(held) * int64(w.Longest)
		pool := sequence * int64(min(w.Decoded, w.Rollouts))
		p.KVPool = max(min(pool, engine.DefaultPoolBytes), sequence)
	}

	shape, fill := w.largestPass()
	p.MicroBatch = shape
	M, N := fill(shape.Tokens()), fill(shape.N)
	D, I, L := int64(m.HiddenSize), int64(m.IntermediateSize), int64(m.NumLayers)
	HE, KE, V := int64(m.NumHeads*m.HeadDim), int64(m.NumKVHeads*m.HeadDim), int64(m.VocabSize)
	rows := shape.B * shape.T
	alone, continued := shape.Prompts()*shape.Prompt*shape.Prompt, rows*(shape.Prompt+shape.T)
	layer := 4 * M * (4*I + 4*D + 3*HE + 2*KE + 2*normalised(m))
	if shape.Group == 0 {
		alone, continued = continued, 0
	} else {
		layer += 4 * fill(rows) * HE
	}
	scores := 4 * fill(alone+continued) * int64(m.NumHeads)
	kept := 4 * fill(2*alone+continued*5/4) * int64(m.NumHeads)
	p.Logits = 4 * (3*N*min(V, op.VocabularyBlock) + V*D) // and the head's gradient, or its blocks cut out
	if !w.Remat {
		p.Activations = L * (layer + kept)
	} else {
		inputs := 4 * L * M * D
		atHead, inLayer := inputs+scores+34*M*D+p.Logits, inputs+3*scores+layer*11/10
		if inLayer > atHead {
			p.Activations, p.Logits = inLayer, 0
		} else {
			p.Activations = atHead - p.Logits
		}
	}
	p.Total = p.Weights + p.Reference + p.Gradients + p.Optimizer + p.KVPool + p.Activations + p.Logits + p.Program
	return p
}

// normalised returns how many numbers of a token a layer normalises: D for each norm of the
// residual stream or of what is added to it, H·E and K·E for those of queries and keys.
func normalised(m *checkpoint.Config) int64 {
	layer := m.Architecture.Layer(&m.Config, 0)
	n := 0
	for _, norm := range layer.Norms() {
		switch norm {
		case layer.Attention.QueryNorm:
			n += layer.Attention.Query.Out
		case layer.Attention.KeyNorm:
			n += layer.Attention.Key.Out
		default:
			n += norm.Size
		}
	}
	return int64(n)
}

// largestPass is the shape of a gradient pass over sequences that are all as long as
// they may be. Shorter ones may fill a pass better: fill says to what a number of
// the shape's then grows.
func (w Workload) largestPass() (shape dense.Shape, fill func(int) int64) {
	group, micro := w.Group, w.Layout.MicroTokens
	sequences := min(w.Sequences, group*(micro/w.Longest+1)) // more do not fit into one
	pairs := make([]dense.Pair, sequences)
	completion := make([]int32, max(w.Longest-w.Prompt, 1))
	for i := range pairs {
		if i%group == 0 {
			ids := make([]int32, max(w.Prompt, 1))
			ids[0] = int32(i)
			pairs[i].Prompt = ids
		} else {
			pairs[i].Prompt = pairs[i-1].Prompt
		}
		pairs[i].Completion = completion
	}
	total := 0
	for _, batch := range w.Layout.Batches(pairs) {
		if total == 0 {
			shape = batch.Shape
		}
		total += batch.Shape.Tokens()
	}
	tokens := shape.Tokens()
	full := max(tokens, min(micro, total))
	return shape, func(n int) int64 { return int64(n) * int64(full) / int64(tokens) }
}

// describe says what a pass computes: rows × tokens, after prompts × tokens.
func describe(s dense.Shape) string {
	rows := fmt.Sprintf("%d × %d tokens", s.B, s.T)
	if s.Group == 0 {
		return rows
	}
	return fmt.Sprintf("%s after %d × %d", rows, s.Prompts(), s.Prompt)
}

// Write shows the plan to a person.
func (p Plan) Write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "memory\tMiB\t")
	for _, row := range []struct {
		name  string
		bytes int64
	}{
		{"weights", p.Weights}, {"reference", p.Reference}, {"gradients", p.Gradients}, {"optimizer", p.Optimizer}, {"kv pool", p.KVPool},
		{"activations of " + describe(p.MicroBatch), p.Activations}, {"logits", p.Logits}, {"program", p.Program}, {"total", p.Total},
	} {
		fmt.Fprintf(t, "%s\t%d\t\n", row.name, row.bytes>>20)
	}
	return t.Flush()
}

// CheckpointBytes is about how large a checkpoint is: the model, the moments, and the
// masters or the adapter.
func (p Plan) CheckpointBytes(l lora.Options) int64 {
	n := p.Optimizer
	if l.Rank == 0 || l.Merge {
		n += p.Weights
	}
	if l.Rank > 0 { // the factors are among the masters, and a file of their own
		n += p.Gradients
	}
	return n
}
