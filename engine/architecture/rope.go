package architecture

import (
	"fmt"
	"math"
	"slices"

	"github.com/stele-lm/stele/internal/nearest"
)

// Rope has the numbers of the rotary embedding; those that its type does not read are 0.
type Rope struct {
	Type                          string // the name of a kind
	Theta                         float64
	Factor                        float64 // linear, llama3
	LowFreqFactor, HighFreqFactor float64 // llama3
	OriginalMaxPositions          int     // llama3
}

// PlainRope is the type of a rotary embedding that scales no frequency.
const PlainRope = "default"

// ropeKind is a type of rotary embeddings.
type ropeKind struct {
	name  string
	read  func(r Rope) Rope               // returns r with only the numbers that the kind reads
	check func(r Rope) error              // of numbers that do not go together
	scale func(r Rope, f float64) float64 // returns what an angular frequency becomes
}

// ropeKinds are in the order in which messages list them.
var ropeKinds = []ropeKind{
	{
		name:  PlainRope,
		read:  func(r Rope) Rope { return Rope{Type: r.Type, Theta: r.Theta} },
		check: func(Rope) error { return nil },
		scale: func(_ Rope, f float64) float64 { return f },
	},
	{
		name: "linear",
		read: func(r Rope) Rope { return Rope{Type: r.Type, Theta: r.Theta, Factor: r.Factor} },
		check: func(r Rope) error {
			if !(r.Factor >= 1) {
				return fmt.Errorf("factor is %g, expected at least 1", r.Factor)
			}
			return nil
		},
		scale: func(r Rope, f float64) float64 { return f / r.Factor },
	},
	{
		name:  "llama3",
		read:  func(r Rope) Rope { return r },
		check: checkLlama3,
		scale: scaleLlama3,
	},
}

func checkLlama3(r Rope) error {
	if !(r.Factor >= 1) || !(r.LowFreqFactor > 0) || !(r.HighFreqFactor > r.LowFreqFactor) ||
		r.OriginalMaxPositions < 1 {
		return fmt.Errorf("factor %g, low_freq_factor %g, high_freq_factor %g, "+
			"original_max_position_embeddings %d do not go together",
			r.Factor, r.LowFreqFactor, r.HighFreqFactor, r.OriginalMaxPositions)
	}
	return nil
}

// scaleLlama3 follows _compute_llama3_parameters of transformers' modeling_rope_utils.
func scaleLlama3(r Rope, f float64) float64 {
	length, original := 2*math.Pi/f, float64(r.OriginalMaxPositions)
	switch {
	case length > original/r.LowFreqFactor:
		return f / r.Factor
	case length >= original/r.HighFreqFactor:
		smooth := (original/length - r.LowFreqFactor) / (r.HighFreqFactor - r.LowFreqFactor)
		return (1-smooth)*f/r.Factor + smooth*f
	}
	return f
}

// kind returns nil for a type that there is not.
func (r Rope) kind() *ropeKind {
	i := slices.IndexFunc(ropeKinds, func(k ropeKind) bool { return k.name == r.Type })
	if i < 0 {
		return nil
	}
	return &ropeKinds[i]
}

// Checked returns the numbers that the type reads, without the others. It is an error if they do
// not go together, or if there is no such type.
func (r Rope) Checked() (Rope, error) {
	kind := r.kind()
	if kind == nil {
		var names []string
		for _, k := range ropeKinds {
			names = append(names, k.name)
		}
		return r, fmt.Errorf("rope type %q is not supported: expected %s", r.Type, nearest.List(names))
	}
	if err := kind.check(r); err != nil {
		return r, fmt.Errorf("rope type %s: %w", r.Type, err)
	}
	return kind.read(r), nil
}

// InverseFrequencies returns the HeadDim/2 angular frequencies of the rotary
// embedding, scaled as transformers does it. Without a type they are not scaled.
func (c *Config) InverseFrequencies() []float64 {
	out := make([]float64, c.HeadDim/2)
	kind := c.Rope.kind()
	for i := range out {
		out[i] = math.Pow(c.Rope.Theta, -float64(2*i)/float64(c.HeadDim))
		if kind != nil {
			out[i] = kind.scale(c.Rope, out[i])
		}
	}
	return out
}
