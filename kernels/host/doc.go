// Package host computes on the memory of this process, without a graph: matrix
// products over float32 and bfloat16 weights as checkpoints hold them, over int8 and
// int4 and w8a8 copies of them and over block-wise ones, attention over the pages of a key-value
// pool, and the small operations between them. It is what a transformer's step on a CPU
// is made of.
//
// Invariants: a row's result does not depend on the rows that are computed with
// it, on the number of threads, on the page size or on how a prompt is cut into
// chunks, bit for bit: sums over the inner dimension are cut into pieces by that
// dimension alone and added in one order, and attention visits a sequence's
// positions in order. Weights are read where they are: [Out, In], row-major, no
// packed copy, but for int4 and w8a8 (see spans.go). Plain Go does all of it on other machines.
//
// Shape legend: N rows (tokens), D inner dimension (In), O outer dimension (Out),
// H query heads, K key-value heads, E head width, C context.
package host

//go:generate go run gen.go gen_amx.go gen_dot.go gen_outer.go gen_spans.go gen_strips.go
