package checkpoint

// WeightBytes returns the size of the weights in dtype.
func (c *Config) WeightBytes(dtype DType) int64 { return c.NumParameters() * int64(dtype.Size()) }

// KVBytesPerToken returns the size of one token's keys and values over all layers.
func (c *Config) KVBytesPerToken(dtype DType) int64 {
	return int64(2*c.NumLayers*c.NumKVHeads*c.HeadDim) * int64(dtype.Size())
}

func elements(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
