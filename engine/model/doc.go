// Package model is the transformer, once, as GoMLX graph code: the paged step
// that generates and the dense forward pass that scores and trains are built
// from the same layers.
//
// Invariants: parameters carry their Hugging Face names and shapes ([out, in])
// and one set of buffers serves generation, scoring and training; activations
// between matrix products are float32 whatever the dtype of the weights.
//
// Shape legend: B sequences, T tokens a sequence, N = B·T or a choice of rows
// from it, D model width, I MLP width, H query heads, K key-value heads, E head
// width, V vocabulary.
package model
