// Package cudacheck compiles the programs of models for GPUs that are not here, and tells what XLA
// makes of them: launches, CUDA graphs, copies and memory. Everything in it is tests, which need what
// third_party/fetch-cuda.sh fetches: make cuda-check.
package cudacheck
