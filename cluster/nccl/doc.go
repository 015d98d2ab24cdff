// Package nccl calls NVIDIA's library of collectives, which is found and loaded at run time: sums, parts of sums
// and gatherings of float32 numbers over the GPUs of several processes, where they lie in the GPUs' memory.
package nccl
