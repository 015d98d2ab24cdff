package architecture

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/stele-lm/stele/internal/nearest"
)

// Rope has the numbers of the rotary embedding; those that its type does not read are 0.
type Rope struct {
	Type                          string // the name of a kind
	Theta                         float64
	Factor                        float64 // linear, llama3, yarn
	LowFreqFactor, HighFreqFactor float64 // llama3
	OriginalMaxPositions          int     // llama3, yarn
	BetaFast, BetaSlow            float64 // yarn: turns within OriginalMaxPositions
	AttentionFactor               float64 // yarn: of cosines and sines
	Untruncated                   bool    // yarn: the ramp's ends are not rounded to whole frequencies
}

// PlainRope is the type of a rotary embedding that scales no frequency.
const PlainRope = "default"

// ropeKind is a type of rotary embeddings.
type ropeKind struct {
	name  string
	read  func(r Rope) Rope  // returns r with only the numbers that the kind reads
	check func(r Rope) error // of numbers that do not go together
	// scale returns what angular frequency f becomes, the one of an index of those of heads of a width.
	scale func(r Rope, f float64, index, width int) float64
}

// ropeKinds are in the order in which messages list them.
var ropeKinds = []ropeKind{
	{
		name:  PlainRope,
		read:  func(r Rope) Rope { return Rope{Type: r.Type, Theta: r.Theta} },
		check: func(Rope) error { return nil },
		scale: func(_ Rope, f float64, _, _ int) float64 { return f },
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
		scale: func(r Rope, f float64, _, _ int) float64 { return f / r.Factor },
	},
	{
		name: "llama3",
		read: func(r Rope) Rope {
			return Rope{Type: r.Type, Theta: r.Theta, Factor: r.Factor, LowFreqFactor: r.LowFreqFactor,
				HighFreqFactor: r.HighFreqFactor, OriginalMaxPositions: r.OriginalMaxPositions}
		},
		check: checkLlama3,
		scale: scaleLlama3,
	},
	{
		name: YaRN,
		read: func(r Rope) Rope {
			r.LowFreqFactor, r.HighFreqFactor = 0, 0
			return r
		},
		check: checkYaRN,
		scale: scaleYaRN,
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
func scaleLlama3(r Rope, f float64, _, _ int) float64 {
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

// YaRN is the type of Peng et al., "YaRN: Efficient Context Window Extension of Large Language Models", 2023.
const YaRN = "yarn"

func checkYaRN(r Rope) error {
	if !(r.Factor >= 1) || math.IsInf(r.Factor, 0) || r.OriginalMaxPositions < 1 || !(r.BetaSlow > 0) ||
		!(r.BetaFast >= r.BetaSlow) || !(r.AttentionFactor > 0) || math.IsInf(r.AttentionFactor, 0) {
		return fmt.Errorf("factor %g (expected at least 1), original_max_position_embeddings %d, beta_fast %g, "+
			"beta_slow %g (expected at most beta_fast), attention_factor %g do not go together",
			r.Factor, r.OriginalMaxPositions, r.BetaFast, r.BetaSlow, r.AttentionFactor)
	}
	return nil
}

// scaleYaRN follows _compute_yarn_parameters of transformers' modeling_rope_utils: frequencies that turn more than
// BetaFast times within the original positions stay, those that turn less than BetaSlow times are divided by the
// factor, and between them a ramp over their indices leads from one to the other.
func scaleYaRN(r Rope, f float64, index, width int) float64 {
	at := func(turns float64) float64 { // the index of the frequency that turns so often
		return float64(width) * math.Log(float64(r.OriginalMaxPositions)/(turns*2*math.Pi)) / (2 * math.Log(r.Theta))
	}
	low, high := at(r.BetaFast), at(r.BetaSlow)
	if !r.Untruncated {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = max(low, 0), min(high, float64(width-1))
	if low == high {
		high += 0.001
	}
	ramp := min(max((float64(index)-low)/(high-low), 0), 1)
	return f/r.Factor*ramp + f*(1-ramp)
}

// YaRNAttention returns the factor of cosines and sines where config.json does not give it, from the factor of
// positions and, where both are given, mscale and mscale_all_dim.
func YaRNAttention(factor, scale, scaleAll float64) float64 {
	of := func(scale float64) float64 {
		if factor <= 1 {
			return 1
		}
		return 0.1*scale*math.Log(factor) + 1
	}
	if scale != 0 && scaleAll != 0 {
		return of(scale) / of(scaleAll)
	}
	return of(1)
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
			out[i] = kind.scale(c.Rope, out[i], i, c.HeadDim)
		}
	}
	return out
}

// RotationFactor returns what cosines and sines of the rotary embedding are multiplied by.
func (c *Config) RotationFactor() float64 { return cmp.Or(c.Rope.AttentionFactor, 1) }
