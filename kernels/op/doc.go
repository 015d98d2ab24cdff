// Package op holds the graph operations that GoMLX does not give: a key-value pool
// written and read by pages, attention, matrix products that keep bfloat16 weights as
// they are or are held block-wise, sums without long chains of additions, and a log-softmax
// that never holds a row of the vocabulary for every token.
//
// Invariant: results are the same on every backend within the tolerance of the dtype.
//
// Shape legend of this package: B sequences, T tokens a sequence, N tokens in
// all, V vocabulary, D model width, H query heads, K key-value heads, G query
// heads a key-value head, E head width, P pages, S slots a page, C context.
package op
