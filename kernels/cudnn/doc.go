// Package cudnn describes calls of cuDNN's attention and of its gradient, as XLA for CUDA takes them, and
// computes what such a call means on this process's memory, so that it is known without a GPU.
//
// Invariant: what cuDNN leaves undefined is NaN here.
package cudnn
