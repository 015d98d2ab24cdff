// Package kernels holds what GoMLX does not give: a device opened by name,
// graphs compiled over explicit buffers with inputs that are updated in place,
// a key-value pool written and read by pages, matrix products that keep bfloat16
// weights as they are, and a log-softmax that never holds a row of the
// vocabulary for every token.
//
// Invariants: a Program runs on the device it was compiled for; an input that
// was declared Donated is gone after Run and its memory belongs to an output;
// results are the same on every device within the tolerance of the dtype.
//
// Shape legend of this package: B sequences, T tokens a sequence, N tokens in
// all, V vocabulary, D model width, H query heads, K key-value heads, G query
// heads a key-value head, E head width, P pages, S slots a page, C context.
package kernels
