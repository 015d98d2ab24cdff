package sampler

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Adjustment changes the logits that a token is drawn from by what the sequence holds already. It decides what is
// drawn and nothing of what is reported: log-probabilities stay those of the model. The zero value changes nothing.
//
// Order and formulas are vLLM's: the bias is added, tokens that would end too early are left out, and then the
// penalties apply. transformers knows the repetition penalty alone, and applies it alike.
type Adjustment struct {
	Bias map[int32]float64 // added to the logit of a token
	// MinTokens is how many tokens come before one that ends the completion may be drawn.
	MinTokens int
	// Repetition divides the positive logits of tokens that the prompt or the completion holds, and multiplies
	// the negative ones; 0 or 1 is off. (Keskar et al., 2019, equation in section 4.1)
	Repetition float64
	// Presence is subtracted from the logits of tokens that the completion holds, Frequency as often as it
	// holds them.
	Presence, Frequency float64
}

// IsZero reports whether nothing is changed.
func (a *Adjustment) IsZero() bool {
	return len(a.Bias) == 0 && a.MinTokens == 0 && !a.penalises()
}

func (a *Adjustment) penalises() bool {
	return a.Repetition != 0 && a.Repetition != 1 || a.Presence != 0 || a.Frequency != 0
}

// Validate refuses what means nothing for a vocabulary of so many tokens.
func (a *Adjustment) Validate(vocabulary int) error {
	finite := func(x float64) bool { return math.Abs(x) <= math.MaxFloat32 } // which NaN is not
	switch {
	case !finite(a.Repetition) || a.Repetition < 0:
		return fmt.Errorf("repetition penalty is %g, expected above 0; 1 is off", a.Repetition)
	case !finite(a.Presence):
		return fmt.Errorf("presence penalty is %g, expected a finite number; 0 is off", a.Presence)
	case !finite(a.Frequency):
		return fmt.Errorf("frequency penalty is %g, expected a finite number; 0 is off", a.Frequency)
	case a.MinTokens < 0:
		return fmt.Errorf("min tokens is %d, expected 0 (off) or more", a.MinTokens)
	}
	for token, bias := range a.Bias {
		if token < 0 || int(token) >= vocabulary {
			return fmt.Errorf("logit bias names token %d, the vocabulary has %d", token, vocabulary)
		}
		if !finite(bias) && !math.IsInf(bias, -1) {
			return fmt.Errorf("logit bias of token %d is %g, expected a finite number, or -Inf to forbid it", token,
				bias)
		}
	}
	return nil
}

// Adjuster applies an Adjustment to one sequence as it grows.
type Adjuster struct {
	adjustment *Adjustment
	ends       []int32
	generated  int
	seen       map[int32]int // tokens of the sequence, and how often the completion holds them
	adjusted   []float32
}

// NewAdjuster begins at the end of a prompt; ends are the tokens that end a completion. It is nil where the
// adjustment changes nothing.
func NewAdjuster(a *Adjustment, prompt, ends []int32) *Adjuster {
	if a == nil || a.IsZero() {
		return nil
	}
	adjuster := &Adjuster{adjustment: a, ends: ends}
	if a.penalises() {
		adjuster.seen = map[int32]int{}
		for _, token := range prompt {
			adjuster.seen[token] = 0
		}
	}
	return adjuster
}

// Add notes the token that was drawn.
func (a *Adjuster) Add(token int32) {
	a.generated++
	if a.seen != nil {
		a.seen[token]++
	}
}

// EndsEarly reports whether a completion that ended now would have fewer tokens than it must have.
func (a *Adjuster) EndsEarly() bool { return a != nil && a.generated < a.adjustment.MinTokens }

// Adjusted returns the logits that the next token is drawn from. They are valid until the next call; logits stay
// as they are.
func (a *Adjuster) Adjusted(logits []float32) []float32 {
	a.adjusted = append(a.adjusted[:0], logits...)
	z := a.adjusted
	for token, bias := range a.adjustment.Bias {
		z[token] += float32(bias)
	}
	if a.EndsEarly() {
		for _, token := range a.ends {
			if int(token) < len(z) { // a configuration may name an end that the model cannot draw
				z[token] = float32(math.Inf(-1))
			}
		}
	}
	repetition := float32(a.adjustment.Repetition)
	for token, times := range a.seen {
		if repetition != 0 && z[token] > 0 {
			z[token] /= repetition
		} else if repetition != 0 {
			z[token] *= repetition
		}
		if times > 0 {
			z[token] -= float32(a.adjustment.Frequency)*float32(times) + float32(a.adjustment.Presence)
		}
	}
	return z
}

// ErrNothingLeft is returned where an adjustment has forbidden every token.
var ErrNothingLeft = errors.New("logit bias and min tokens leave no token to draw")

// SampleAdjusted is Sample from the adjusted logits; the log-probability is the model's own, of logits. A nil
// adjuster changes nothing.
func (s *Sampler) SampleAdjusted(
	logits []float32, a *Adjuster, p Params, key Key,
) (token int32, logprob float32, err error) {
	if a == nil {
		return s.Sample(logits, p, key)
	}
	adjusted := a.Adjusted(logits)
	if token, _, err = s.Sample(adjusted, p, key); err != nil {
		if _, broken := s.argmax(logits); broken == nil && slices.Max(adjusted) == float32(math.Inf(-1)) {
			err = ErrNothingLeft
		}
		return 0, 0, err
	}
	of, err := s.logProbs(logits, p.Temperature)
	if err != nil {
		return 0, 0, err
	}
	return token, of(token), nil
}

// logProbs returns the log-probability of each token as it is reported for draws at a temperature.
func (s *Sampler) logProbs(logits []float32, temperature float64) (of func(token int32) float32, err error) {
	best, err := s.argmax(logits)
	if err != nil {
		return nil, err
	}
	temperature = reported(temperature)
	scale := newScale(logits[best], temperature)
	sum := s.weigh(logits, &scale, false)
	return func(token int32) float32 { return logProb(logits[token], logits[best], temperature, sum) }, nil
}

// reported is the temperature at which log-probabilities are reported.
func reported(temperature float64) float64 {
	if temperature == 0 {
		return 1
	}
	return temperature
}

// TokenLogProb is a token and its log-probability.
type TokenLogProb struct {
	Token   int32
	LogProb float32
}

// Top returns the n likeliest tokens, those of a lower id first among equals, with their log-probabilities as
// Sample reports them at that temperature.
func (s *Sampler) Top(logits []float32, n int, temperature float64) ([]TokenLogProb, error) {
	of, err := s.logProbs(logits, temperature)
	if err != nil {
		return nil, err
	}
	n = min(n, len(logits))
	top := make([]TokenLogProb, 0, n+1)
	least := float32(math.Inf(-1)) // of the logits in top, once it is full
	for token, z := range logits {
		if len(top) == n && z <= least {
			continue
		}
		at, _ := slices.BinarySearchFunc(top, z, func(have TokenLogProb, z float32) int {
			if logits[have.Token] >= z {
				return -1
			}
			return 1
		})
		top = slices.Insert(top, at, TokenLogProb{Token: int32(token)})
		top = top[:min(len(top), n)]
		least = logits[top[len(top)-1].Token]
	}
	for i := range top {
		top[i].LogProb = of(top[i].Token)
	}
	return top, nil
}
