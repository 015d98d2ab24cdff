package architecture

import "math"

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

// Rope is the rotary embedding.
type Rope struct {
	Type                          string // default, linear or llama3
	Theta                         float64
	Factor                        float64 // linear, llama3
	LowFreqFactor, HighFreqFactor float64 // llama3
	OriginalMaxPositions          int     // llama3
}

// InverseFrequencies returns the HeadDim/2 angular frequencies of the rotary
// embedding, scaled as transformers does it (modeling_rope_utils,
// _compute_llama3_parameters for llama3).
func (c *Config) InverseFrequencies() []float64 {
	out := make([]float64, c.HeadDim/2)
	r := c.Rope
	for i := range out {
		f := math.Pow(r.Theta, -float64(2*i)/float64(c.HeadDim))
		switch r.Type {
		case "linear":
			f /= r.Factor
		case "llama3":
			length, original := 2*math.Pi/f, float64(r.OriginalMaxPositions)
			switch {
			case length > original/r.LowFreqFactor:
				f /= r.Factor
			case length >= original/r.HighFreqFactor:
				smooth := (original/length - r.LowFreqFactor) / (r.HighFreqFactor - r.LowFreqFactor)
				f = (1-smooth)*f/r.Factor + smooth*f
			}
		}
		out[i] = f
	}
	return out
}
