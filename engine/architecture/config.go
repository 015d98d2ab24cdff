package architecture

import "slices"

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
	// Flags, Numbers and Lists are the fields of the Architecture's that config.json has, by name.
	Flags   map[string]bool
	Numbers map[string]float64
	Lists   map[string][]int // at least NumLayers numbers
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

// Number returns the value of a number of the family. It panics if the family does not read the number.
func (c *Config) Number(name string) float64 {
	for _, n := range c.Architecture.Numbers {
		if n.Name == name {
			if value, ok := c.Numbers[name]; ok {
				return value
			}
			return n.Default
		}
	}
	panic("architecture " + c.Architecture.Type + " does not read " + name)
}

// List returns a list of the family, nil where config.json leaves it out. It panics if the family does not
// read the list.
func (c *Config) List(name string) []int {
	if !slices.Contains(c.Architecture.Lists, name) {
		panic("architecture " + c.Architecture.Type + " does not read " + name)
	}
	return c.Lists[name]
}

// NumParameters counts the model's parameters; a tied head counts once.
func (c *Config) NumParameters() int64 {
	n := int64(0)
	for _, t := range c.Model().Tensors() {
		n += int64(t.Len())
	}
	return n
}
