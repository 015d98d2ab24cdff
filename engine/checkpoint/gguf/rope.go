package gguf

import (
	"errors"
	"fmt"
	"math"

	"github.com/stele-lm/stele/engine/architecture"
)

// rope adds the fields of the rotary embedding of heads of a width.
func (m *metadata) rope(s *Settings, width int64) (err error) {
	theta := m.float("rope.freq_base", 10000)
	s.add("rope_theta", theta)
	if n, ok := m.whole("rope.dimension_count"); ok && n != width {
		return fmt.Errorf("%srope.dimension_count is %d and heads have %d: expected the same", m.prefix, n, width)
	}
	kind := "none"
	if v, ok := m.find("rope.scaling.type"); ok {
		if kind, ok = v.text(); !ok {
			m.fail("rope.scaling.type", v, "text")
		}
	}
	factor := m.float("rope.scaling.factor", 0)
	if factor == 0 {
		factor = m.float("rope.scale_linear", 0) // its name in older files
	}
	original, _ := m.whole("rope.scaling.original_context_length")
	table, there := m.file.Tensor(Frequencies)
	var scaling Settings
	switch {
	case there && kind != "none":
		return fmt.Errorf("%srope.scaling.type is %q and there is %s: expected one of them", m.prefix, kind,
			Frequencies)
	case there:
		scaling, err = llama3(table, theta, width, original)
		if err != nil {
			return fmt.Errorf("%s: %w", Frequencies, err)
		}
	case kind == "none" || kind == "linear" && (factor == 0 || factor == 1):
	case kind == "":
		return fmt.Errorf("%srope.scaling.type is empty", m.prefix)
	default:
		scaling.add("rope_type", kind)
		scaling.add("factor", factor)
		if original > 0 {
			scaling.add("original_max_position_embeddings", original)
		}
		if kind == architecture.YaRN {
			m.yarn(&scaling, factor)
		}
	}
	if scaling != nil {
		s.add("rope_scaling", scaling)
	}
	return nil
}

// yarn adds the numbers of YaRN that a file may leave out. What multiplies cosines and sines is beside the factor
// that YaRN has by itself here, and is all of it in Hugging Face's folders.
func (m *metadata) yarn(scaling *Settings, factor float64) {
	for _, key := range []struct {
		ours, theirs string
		times        float64
	}{
		{"attn_factor", "attention_factor", architecture.YaRNAttention(factor, 0, 0)},
		{"yarn_beta_fast", "beta_fast", 1}, {"yarn_beta_slow", "beta_slow", 1},
	} {
		if v := m.float("rope.scaling."+key.ours, 0); v != 0 {
			scaling.add(key.theirs, v*key.times)
		}
	}
	for _, key := range []string{"rope.scaling.yarn_ext_factor", "rope.scaling.yarn_attn_factor"} {
		if v, ok := m.find(key); ok {
			if n, ok := v.float(); !ok || n != 1 && n >= 0 { // below 0: as if it were not there
				m.fail(key, v, "1")
			}
		}
	}
}

// Numbers that nearly every model with the scaling of Llama 3 has.
const lowFactor, highFactor = 1.0, 4.0

// llama3 finds the numbers of Llama 3's rotary embedding from what the frequencies are divided by: 1 where a
// turn takes fewer than original/high tokens, the factor where it takes more than original/low, between them
// what blends the two (see architecture.Rope). original is 0 where the file does not say it. Only original/low
// and original/high can be found, so low is taken for 1.
func llama3(table Tensor, theta float64, width, original int64) (Settings, error) {
	if table.Type != F32 || len(table.Shape) != 1 || int64(table.Shape[0]) != width/2 {
		return nil, fmt.Errorf("it is %s %v, expected F32 [%d]", table.Type, table.Shape, width/2)
	}
	divisors := make([]float32, width/2)
	table.Type.Decode(divisors, table.Data)
	factor := 1.0
	for _, d := range divisors {
		if !(d >= 1) || math.IsInf(float64(d), 0) {
			return nil, fmt.Errorf("it has %g, expected numbers from 1 on", d)
		}
		factor = max(factor, float64(d))
	}
	turns := make([]float64, len(divisors)) // in tokens
	for i := range turns {
		turns[i] = 2 * math.Pi * math.Pow(theta, float64(2*i)/float64(width))
	}
	fits := func(factor, low, high float64, original int64) bool {
		for i, d := range divisors {
			want := 1.0
			switch n := float64(original); {
			case turns[i] > n/low:
				want = factor
			case turns[i] >= n/high:
				smooth := (n/turns[i] - low) / (high - low)
				want = 1 / ((1-smooth)/factor + smooth)
			}
			if math.Abs(float64(d)-want) > 1e-5*want {
				return false
			}
		}
		return true
	}
	found := func(low, high float64, original int64) (s Settings) {
		s.add("rope_type", "llama3")
		s.add("factor", factor)
		s.add("low_freq_factor", low)
		s.add("high_freq_factor", high)
		s.add("original_max_position_embeddings", original)
		return s
	}
	// Guesses, those first that models have. What fits all divisors computes what the file's model computes.
	guesses := []int64{original, 8192}
	for n := int64(16); n <= 1<<20; n *= 2 {
		guesses = append(guesses, n)
	}
	for _, n := range guesses {
		if n > 0 && fits(factor, lowFactor, highFactor, n) {
			return found(lowFactor, highFactor, n), nil
		}
	}
	// 1/divisor is 1/factor + smooth·(1 - 1/factor), and smooth is a line over 1/turn.
	var x, y []float64
	for i, d := range divisors {
		if smooth := (1/float64(d) - 1/factor) / (1 - 1/factor); smooth > 1e-3 && smooth < 1-1e-3 {
			x, y = append(x, 1/turns[i]), append(y, smooth)
		}
	}
	if n := len(x) - 1; n > 0 {
		slope := (y[n] - y[0]) / (x[n] - x[0])
		start := y[0] - slope*x[0] // -low / (high - low)
		high := 1 - 1/start
		n := int64(math.Round(slope * (high - 1)))
		for _, high := range []float64{math.Round(high), math.Round(high*1e4) / 1e4, high} {
			if high > lowFactor && n > 0 && n < 1<<27 && fits(factor, lowFactor, high, n) {
				return found(lowFactor, high, n), nil
			}
		}
	}
	return nil, errors.New("its numbers are no scaling of Llama 3's, which is the only one that is read from a table")
}
