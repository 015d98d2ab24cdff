package checkpoint

import (
	"fmt"
	"math"
)

// rope reads the rotary embedding from either layout.
func (f *configFile) rope() (Rope, error) {
	r := Rope{Type: "default", Theta: 10000}
	source := f.RopeScaling
	if f.RopeParameters != nil {
		source = f.RopeParameters
	}
	if f.RopeTheta != nil {
		r.Theta = *f.RopeTheta
	}
	if source != nil {
		if source.Theta != nil {
			r.Theta = *source.Theta
		}
		if source.RopeType != "" {
			r.Type = source.RopeType
		} else if source.OldType != "" {
			r.Type = source.OldType
		}
		r.Factor, r.LowFreqFactor, r.HighFreqFactor = source.Factor, source.LowFreqFactor, source.HighFreqFactor
		r.OriginalMaxPositions = source.Original
	}
	if !(r.Theta > 1) || math.IsInf(r.Theta, 0) {
		return r, fmt.Errorf("rope_theta is %g, expected above 1", r.Theta)
	}
	switch r.Type {
	case "default":
		r.Factor, r.LowFreqFactor, r.HighFreqFactor, r.OriginalMaxPositions = 0, 0, 0, 0
	case "linear":
		if !(r.Factor >= 1) {
			return r, fmt.Errorf("rope type linear: factor is %g, expected at least 1", r.Factor)
		}
	case "llama3":
		if !(r.Factor >= 1) || !(r.LowFreqFactor > 0) || !(r.HighFreqFactor > r.LowFreqFactor) || r.OriginalMaxPositions < 1 {
			return r, fmt.Errorf("rope type llama3: factor %g, low_freq_factor %g, high_freq_factor %g, original_max_position_embeddings %d do not go together",
				r.Factor, r.LowFreqFactor, r.HighFreqFactor, r.OriginalMaxPositions)
		}
	default:
		return r, fmt.Errorf("rope type %q is not supported: expected default, linear or llama3", r.Type)
	}
	return r, nil
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
			length := 2 * math.Pi / f
			low, high := float64(r.OriginalMaxPositions)/r.LowFreqFactor, float64(r.OriginalMaxPositions)/r.HighFreqFactor
			switch {
			case length > low:
				f /= r.Factor
			case length >= high:
				smooth := (float64(r.OriginalMaxPositions)/length - r.LowFreqFactor) / (r.HighFreqFactor - r.LowFreqFactor)
				f = (1-smooth)*f/r.Factor + smooth*f
			}
		}
		out[i] = f
	}
	return out
}
