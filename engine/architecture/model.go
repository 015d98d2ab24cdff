package architecture

import (
	"cmp"
	"fmt"
	"math"
	"strings"
)

// Model is the description of one model: a family's layers with the sizes of a configuration,
// between the embedding and the head.
type Model struct {
	*Config
	Embedding Tensor // [VocabSize, HiddenSize]
	Layers    []Layer
	Norm      Norm   // of the residual stream before the head
	Head      Tensor // [VocabSize, HiddenSize]; Embedding where TieEmbeddings is set
	// What embeddings and logits are multiplied by.
	EmbeddingFactor, LogitFactor float64
}

// Tensor is a tensor that a model has, by its name in the checkpoint.
type Tensor struct {
	Name  string
	Shape []int // [out, in] of a matrix
	Kind  Kind
}

// Kind names the purpose of a tensor.
type Kind int

// The kinds.
const (
	Table  Kind = iota // embedding or head: a row for each token
	Matrix             // of a projection
	Bias               // of a projection
	Scale              // weight of a norm
)

// Module returns the last part of the name of the tensor's module, such as q_proj.
func (t Tensor) Module() string {
	return lastPart(t.Name[:strings.LastIndexByte(t.Name, '.')])
}

// Len returns the number of elements.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Names of the tensors beside the layers.
const (
	EmbeddingName = "model.embed_tokens.weight"
	HeadName      = "lm_head.weight"
	normModule    = "model.norm"
)

// Model returns the description of the model that a configuration stands for.
func (c *Config) Model() *Model {
	table := []int{c.VocabSize, c.HiddenSize}
	m := &Model{Config: c, Norm: Norm{normModule, c.HiddenSize}, EmbeddingFactor: 1, LogitFactor: 1}
	if c.Architecture.Factors != nil {
		m.EmbeddingFactor, m.LogitFactor = c.Architecture.Factors(c)
	}
	m.Embedding = Tensor{EmbeddingName, table, Table}
	if m.Head = m.Embedding; !c.TieEmbeddings {
		m.Head.Name = HeadName
	}
	for i := range c.NumLayers {
		layer, prefix := c.Architecture.Layer(c, i), fmt.Sprintf("model.layers.%d.", i)
		a, mlp := &layer.Attention, &layer.MLP
		a.Scale = cmp.Or(a.Scale, 1/math.Sqrt(float64(c.HeadDim)))
		a.Factor, mlp.Factor = cmp.Or(a.Factor, 1), cmp.Or(mlp.Factor, 1)
		for _, p := range layer.Projections() {
			p.Name = prefix + p.Name
		}
		for _, n := range layer.Norms() {
			n.Name = prefix + n.Name
		}
		m.Layers = append(m.Layers, layer)
	}
	return m
}

// Tensors returns every tensor of the model in a fixed order: embedding, layers, final norm,
// and the head unless it is tied.
func (m *Model) Tensors() []Tensor {
	tensors := []Tensor{m.Embedding}
	for i := range m.Layers {
		tensors = append(tensors, m.Layers[i].tensors()...)
	}
	tensors = append(tensors, Tensor{m.Norm.Weight(), []int{m.Norm.Size}, Scale})
	if m.Head.Name != m.Embedding.Name {
		tensors = append(tensors, m.Head)
	}
	return tensors
}
