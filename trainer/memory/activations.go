package memory

import (
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/kernels/op"
)

// What XLA keeps of a gradient pass between its forward and its backward half. The constants
// were rounded so that plans come out as XLA's buffer assignment for SmolLM2-135M and
// tiny-qwen2, seven shapes and both settings of remat: TestMemoryIsXLAs, within 15 %. TestFit
// has passes that differ in one property each; without remat plans are within 10 % of XLA there,
// and least squares over them, which it prints, is given with each constant as its fit. Where
// constant and fit differ, other constants of the sum make up for it in a model of usual
// proportions (I from 2.5 to 6 times D, H·E about D).
const (
	// Of each token in each layer, numbers as many as the row is wide:
	keptIntermediate = 5 // rows of I: gate, up, SiLU(gate) and its sigmoid, their product. Fit 4.98
	// rows of D: the residual stream after attention and after the MLP. Fit, with norms, 6.21 (here 6)
	keptHidden     = 2
	keptNormalised = 2 // rows of what a norm is applied to: normalised, and scaled
	keptQuery      = 2 // rows of H·E: queries as rotated, attention's output. Fit 2.00
	keptKeyValue   = 2 // rows of K·E: keys, values. Fit 2.20

	// In one layer at a time, of each query of all rows and each key of a block, which is too many where
	// a row has several blocks: scores, their softmax, its gradient.
	blockScores = 3

	// Of each completion token, rows of a block of the vocabulary: logits, their softmax, its
	// gradient. Fit 2.95, and 1.01 for the head's gradient, which counts once.
	logitRows = 3

	// With remat a layer keeps its input and what attention returns, and the peak is at the head or in
	// one layer.
	rematHeadBytes = 34 // at the head, of each token and unit of D: what XLA has not freed yet
	rematMore      = 10 // in a layer a tenth more than is kept of it without remat
	rematFactors   = 2  // in a layer with an adapter further rows of I: gate and up without their factors
)

// temporary plans the activations and logits of a gradient pass, in bytes.
func (w Workload) temporary(shape dense.Shape, scale func(int) int64) (activations, logits int64) {
	const float = 4 // bytes
	m := w.Model
	tokens, completions := scale(shape.Tokens()), scale(shape.N)
	D, I, layers := int64(m.HiddenSize), int64(m.IntermediateSize), int64(m.NumLayers)
	queries, keys := int64(m.NumHeads*m.HeadDim), int64(m.NumKVHeads*m.HeadDim)

	layer := tokens * (keptIntermediate*I + keptHidden*D + keptNormalised*normalised(m) + keptQuery*queries +
		keptKeyValue*keys)
	_, block := op.AttentionBlocks(shape.T)
	rows, ofRows := shape.B*shape.T, block
	ofPrompts := 0
	if shape.Group > 0 {
		_, block := op.AttentionBlocks(shape.Prompt)
		ofRows = max(ofRows, block)
		ofPrompts = shape.Prompts() * shape.Prompt * block
	}
	layer *= float
	scores := float * scale(blockScores*max(rows*ofRows, ofPrompts)) * int64(m.NumHeads)

	// The head's gradient, or its blocks cut out, is as large as the head.
	logits = float * (logitRows*completions*min(int64(m.VocabSize), op.VocabularyBlock) +
		int64(m.VocabSize)*D)
	if !w.Remat {
		return layers*layer + scores, logits
	}
	inputs := float * layers * tokens * (D + queries) // of a layer, and its attention's output
	atHead := inputs + rematHeadBytes*tokens*D + logits
	inLayer := inputs + scores + layer + layer/rematMore
	if w.LoRA.Trains() {
		inLayer += float * rematFactors * tokens * I
	}
	if inLayer > atHead {
		return inLayer, 0
	}
	return atHead - logits, logits
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
