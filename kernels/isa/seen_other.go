//go:build !amd64 || !goexperiment.simd || purego

package isa

// seen is the highest tier that the program was built for.
func seen() Tier { return Scalar }
