//go:build amd64 && !goexperiment.simd && !purego

package libtokenizers

/*
#warning Stele is built without GOEXPERIMENT=simd: its kernels are plain Go, and slower. See stele doctor.
*/
import "C"
