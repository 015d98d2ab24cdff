// Package sampler turns logits into a token and its log-probability.
//
// Invariants: what is drawn depends on the logits, the parameters and the key,
// and on nothing else; the log-probability is that of the whole vocabulary at the
// sampling temperature, whatever top-k, top-p and min-p leave out.
package sampler

import (
	"errors"
	"fmt"
	"math"
)

// Params are the sampling parameters. They apply in this order: temperature,
// top-k, top-p, min-p, as transformers' logits warpers do.
type Params struct {
	Temperature float64 // 0 is greedy: the first of the largest logits
	TopK        int     // keep the K largest; 0 is off
	TopP        float64 // keep the likeliest tokens of this mass; 0 or 1 is off
	MinP        float64 // keep tokens at least this likely relative to the likeliest; 0 is off
}

// Validate refuses parameters that mean nothing.
func (p Params) Validate() error {
	switch {
	case !(p.Temperature >= 0) || math.IsInf(p.Temperature, 0):
		return fmt.Errorf("temperature is %g, expected a finite number of at least 0, which is greedy",
			p.Temperature)
	case p.TopK < 0:
		return fmt.Errorf("top-k is %d, expected 0 (off) or more", p.TopK)
	case !(p.TopP >= 0 && p.TopP <= 1):
		return fmt.Errorf("top-p is %g, expected above 0 and at most 1, which is off", p.TopP)
	case !(p.MinP >= 0 && p.MinP <= 1):
		return fmt.Errorf("min-p is %g, expected 0 (off) to 1", p.MinP)
	}
	return nil
}

// NewParams checks the parameters that a person asked for. Unlike in Params, whose zero value has
// no filter, a top-p of 0 is a request, and an error, because it would keep no token.
func NewParams(temperature float64, topK int, topP, minP float64) (Params, error) {
	p := Params{Temperature: temperature, TopK: topK, TopP: topP, MinP: minP}
	if topP == 0 {
		return p, errors.New("top-p is 0, which keeps no token: expected above 0 and at most 1, " +
			"which is off; temperature 0 takes the likeliest token")
	}
	return p, p.Validate()
}

// Filters reports whether anything but the temperature is on.
func (p Params) Filters() bool { return p.TopK > 0 || p.TopP > 0 && p.TopP < 1 || p.MinP > 0 }
