package checkpoint

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/internal/jsonl"
)

// ropeFile has the fields of rope_scaling or rope_parameters.
type ropeFile struct {
	RopeType       string   `json:"rope_type"`
	OldType        string   `json:"type"`
	Theta          *float64 `json:"rope_theta"`
	Factor         float64  `json:"factor"`
	LowFreqFactor  float64  `json:"low_freq_factor"`
	HighFreqFactor float64  `json:"high_freq_factor"`
	Original       int      `json:"original_max_position_embeddings"`
	BetaFast       float64  `json:"beta_fast"`
	BetaSlow       float64  `json:"beta_slow"`
	Attention      *float64 `json:"attention_factor"`
	Scale          float64  `json:"mscale"`
	ScaleAll       float64  `json:"mscale_all_dim"`
	Truncate       *bool    `json:"truncate"`
	Partial        *float64 `json:"partial_rotary_factor"`
}

// ropeFields returns the field that transformers goes by, and its name: rope_scaling if it
// is there and not empty, or else rope_parameters. What is nested by layer type counts for
// full attention, the only type that there is. Nil if neither is there.
func (f *configFile) ropeFields() (source *ropeFile, key string, err error) {
	for _, field := range []struct {
		key string
		raw json.RawMessage
	}{{ropeScaling, f.RopeScaling}, {ropeParameters, f.RopeParameters}} {
		var values map[string]json.RawMessage
		if len(field.raw) == 0 {
			continue
		}
		if err := json.Unmarshal(field.raw, &values); err != nil {
			return nil, "", fmt.Errorf("%s is %s, expected an object", field.key, brief(field.raw))
		}
		if len(values) == 0 {
			continue
		}
		raw, key := field.raw, field.key
		nested := 0
		for _, v := range values {
			if strings.HasPrefix(strings.TrimSpace(string(v)), "{") {
				nested++
			}
		}
		if nested > 0 {
			own := values["full_attention"]
			if own == nil || string(own) == "null" {
				return nil, "", fmt.Errorf("%s is nested by %s: expected full_attention to be among them",
					key, strings.Join(slices.Sorted(maps.Keys(values)), ", "))
			}
			raw, key = own, key+".full_attention"
		}
		if err := jsonl.Unmarshal(raw, &source); err != nil {
			return nil, "", fmt.Errorf("%s: %w", key, err)
		}
		return source, key, nil
	}
	return nil, "", nil
}

// The two fields of transformers 4 and 5.
const ropeScaling, ropeParameters = "rope_scaling", "rope_parameters"

// bothRopes notes that the two fields are there and say different things: as in
// transformers, nothing of rope_parameters counts then, not even its rope_theta.
func (c *Config) bothRopes(f configFile) {
	f.RopeScaling = nil
	if other, err := f.rope(c); len(f.RopeParameters) > 0 && (err != nil || other != c.Rope) {
		c.note("%s is read (rope_theta %g) and %s, which says otherwise, is not, as in transformers",
			ropeScaling, c.Rope.Theta, ropeParameters)
	}
}

// rope reads the rotary embedding from either layout.
func (f *configFile) rope(c *Config) (architecture.Rope, error) {
	r := architecture.Rope{Type: architecture.PlainRope, Theta: cmp.Or(c.Architecture.Defaults.RopeTheta, 10000)}
	source, key, err := f.ropeFields()
	if err != nil {
		return r, err
	}
	r.Theta = or(f.RopeTheta, r.Theta)
	if source != nil {
		if p := or(source.Partial, 1); p != 1 {
			return r, fmt.Errorf("%s.partial_rotary_factor is %g, which is not supported: expected 1", key, p)
		}
		r.Theta = or(source.Theta, r.Theta)
		r.Type = cmp.Or(source.RopeType, source.OldType, r.Type)
		r.Factor = source.Factor
		r.LowFreqFactor, r.HighFreqFactor = source.LowFreqFactor, source.HighFreqFactor
		r.OriginalMaxPositions = cmp.Or(f.Original, source.Original, c.MaxPositions)
	}
	if source != nil && r.Type == architecture.YaRN {
		r.BetaFast, r.BetaSlow = cmp.Or(source.BetaFast, 32), cmp.Or(source.BetaSlow, 1)
		r.AttentionFactor = or(source.Attention, architecture.YaRNAttention(r.Factor, source.Scale, source.ScaleAll))
		r.Untruncated = !or(source.Truncate, true)
	}
	if !(r.Theta > 1) || math.IsInf(r.Theta, 0) {
		return r, fmt.Errorf("rope_theta is %g, expected above 1", r.Theta)
	}
	return r.Checked()
}
