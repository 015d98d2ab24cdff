package architecture

// Config has the fields of config.json that every family reads, and the flags of its own.
type Config struct {
	Architecture     *Architecture
	HiddenSize       int
	IntermediateSize int
	NumLayers        int
	NumHeads         int
	NumKVHeads       int
	HeadDim          int // not always HiddenSize / NumHeads
	VocabSize        int
	MaxPositions     int
	RMSNormEps       float64
	Rope             Rope
	TieEmbeddings    bool
	// Flags are the fields of Architecture.Flags that config.json has, by name.
	Flags map[string]bool
}

// Flag returns the value of a flag of the family. It panics if the family does not read the flag.
func (c *Config) Flag(name string) bool {
	for _, f := range c.Architecture.Flags {
		if f.Name == name {
			value, ok := c.Flags[name]
			return ok && value || !ok && f.Default
		}
	}
	panic("architecture " + c.Architecture.Type + " does not read " + name)
}

// NumParameters counts the model's parameters; a tied head counts once.
func (c *Config) NumParameters() int64 {
	n := int64(0)
	for _, t := range c.Model().Tensors() {
		n += int64(t.Len())
	}
	return n
}
