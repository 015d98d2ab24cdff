//go:build !amd64 || !goexperiment.simd || purego

package blockwise

// decodeWhole and decodeWholeBFloat16 leave blocks to plain Go: there are no vectors here.
func (t *Tensor) decodeWhole(*[Block]float32, []byte, float32) bool        { return false }
func (t *Tensor) decodeWholeBFloat16(*[Block]uint16, []byte, float32) bool { return false }
