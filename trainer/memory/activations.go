package memory

import (
	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/host"
	"github.com/stele-lm/stele/kernels/op"
)

// What XLA keeps of a gradient pass between its forward and its backward half. The constants
// were rounded so that plans come out as XLA's buffer assignment for SmolLM2-135M, five
// shapes and both settings of remat: TestMemoryIsXLAs, within 15 %. TestFit
// has passes that differ in one property each; without remat plans are within 10 % of XLA there,
// and least squares over them, which it prints, is given with each constant as its fit. Where
// constant and fit differ, other constants of the sum make up for it in a model of usual
// proportions (I from 2.5 to 6 times D, H·E about D).
const (
	// Of each token in each layer, numbers as many as the row is wide. What lies between them is computed again
	// (see graphmodel.RecomputeBetween).
	keptIntermediate = 2 // rows of I: gate, up. Fit 2.45
	keptHidden       = 2 // rows of D: the residual stream after attention and after the MLP. Fit 1.40
	keptQuery        = 2 // rows of H·E: queries, attention's output. Fit 1.81
	keptKeyValue     = 2 // rows of K·E: keys, values. Fit 1.56

	// At the head, of each token, rows of I and of D that XLA has not freed yet.
	unfreedIntermediate = 1
	unfreedHidden       = 1

	// In one layer at a time, of each query of all rows and each key of a block, which is too many where
	// a row has several blocks: scores, their softmax, its gradient.
	blockScores = 3

	// Of each completion token, rows of a block of the vocabulary: logits, their softmax, its
	// gradient. Fit 2.88, and 1.08 for the head's gradient, which counts once.
	logitRows = 3

	// With remat a layer keeps its input and what attention returns, and the peak is at the head or in
	// one layer, where more is kept than without:
	rematIntermediate = 5  // rows of I: gate, up, SiLU(gate) and its sigmoid, their product
	rematNormalised   = 2  // rows of what a norm is applied to: normalised, and scaled
	rematHeadBytes    = 34 // at the head, of each token and unit of D: what XLA has not freed yet
	rematMore         = 10 // a tenth more in a layer
	rematFactors      = 2  // in a layer with an adapter further rows of I: gate and up without their factors

	// Where attention is cuDNN's, of each token in one layer at a time rows of H·E that its gradient works with.
	fusedRows = 1
)

// temporary plans the activations and logits of a gradient pass, in bytes.
func (w Workload) temporary(shape dense.Shape, scale func(int) int64) (activations, logits int64) {
	const float = 4 // bytes
	m := w.Model
	tokens, completions := scale(shape.Tokens()), scale(shape.N)
	D, I, layers := int64(m.HiddenSize), int64(m.IntermediateSize), int64(m.NumLayers)
	queries, keys := int64(m.NumHeads*m.HeadDim), int64(m.NumKVHeads*m.HeadDim)

	// Of a layer, but the MLP's.
	kept := float * tokens * (keptHidden*D + normalisedResults(m) + keptQuery*queries + keptKeyValue*keys)
	layer := kept + float*tokens*keptIntermediate*I
	rematLayer := kept + float*tokens*(rematIntermediate*I+rematNormalised*normalised(m))
	rematLayer += rematLayer / rematMore
	if w.LoRA.Trains() {
		rematLayer += float * rematFactors * tokens * I
	}

	_, block := op.AttentionBlocks(shape.T)
	rows, ofRows := shape.B*shape.T, block
	ofPrompts := 0
	if shape.Group > 0 {
		_, block := op.AttentionBlocks(shape.Prompt)
		ofRows = max(ofRows, block)
		ofPrompts = shape.Prompts() * shape.Prompt * block
	}
	scores := float * scale(blockScores*max(rows*ofRows, ofPrompts)) * int64(m.NumHeads)
	held, result := int64(0), int64(float) // bytes of a number of attention's result
	switch {
	case w.attendsOnHost():
		scores, held = 0, scale(int(w.attentionHeld(shape)))
	case w.attendsByCUDNN(shape):
		scores, result = float*tokens*fusedRows*queries, 2
		if shape.T <= op.LongestBiased { // what hides sequences of a row from each other, as passes may have them
			held = scale(2 * shape.B * shape.T * shape.T)
		}
	}

	// The head's gradient, or its blocks cut out, is as large as the head.
	logits = float * (logitRows*completions*min(int64(m.VocabSize), op.VocabularyBlock) +
		int64(m.VocabSize)*D)
	atHead := layers*layer + float*tokens*(unfreedIntermediate*I+unfreedHidden*D)
	inLayer := layers*layer + scores + layer
	if w.Remat {
		inputs := layers * tokens * (float*D + result*queries) // of a layer, and its attention's output
		atHead, inLayer = inputs+rematHeadBytes*tokens*D, inputs+scores+rematLayer
	}
	if inLayer > atHead+logits {
		return inLayer + held, 0
	}
	return atHead + held, logits
}

// attendsOnHost reports whether attention is computed outside XLA's programs.
func (w Workload) attendsOnHost() bool {
	m := w.Model
	return w.AttentionThreads > 0 && backend.FitsHostAttention(m.NumHeads, m.NumKVHeads, m.HeadDim)
}

// attendsByCUDNN reports whether attention of passes of a shape is cuDNN's.
func (w Workload) attendsByCUDNN(s dense.Shape) bool {
	m := w.Model
	dtype := dtypes.Float32
	if w.DType == "bfloat16" {
		dtype = dtypes.BFloat16
	}
	return w.CUDNN && op.CUDNNTakes(s.Sequences(), m.NumHeads, m.NumKVHeads, m.HeadDim, dtype)
}

// attentionHeld returns the bytes that attention outside XLA's programs keeps for passes of a shape.
func (w Workload) attentionHeld(s dense.Shape) int64 {
	m := w.Model
	return host.DensePass{
		Sequences: s.Sequences(), H: m.NumHeads, K: m.NumKVHeads, E: m.HeadDim, Round: w.DType == "bfloat16",
	}.Held(w.AttentionThreads)
}

// normalisedResults returns how many numbers of a token a layer has as results of products that a norm is applied
// to before they are added to the residual stream.
func normalisedResults(m *checkpoint.Config) int64 {
	layer := m.Architecture.Layer(&m.Config, 0)
	n := 0
	for _, norm := range []*architecture.Norm{layer.Attention.After, layer.MLP.After} {
		if norm != nil {
			n += norm.Size
		}
	}
	return int64(n)
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
