package objective

import (
	"fmt"
	"math"

	"github.com/stele-lm/stele/internal/nearest"
)

// ImportanceSampling is a way to weight a rollout's tokens by the ratio of the trainer's
// probability to that of the engine that sampled them, in the words of TRL's
// vllm_importance_sampling_mode. (verl calls token_truncate and
// sequence_truncate rollout_is "token" and "sequence", masks rollout_rs.) With a
// correction, π_old of the ratio is the trainer's own, computed before the first
// update; without, it is what the engine reported.
type ImportanceSampling string

// The kinds of importance sampling.
const (
	NoImportanceSampling ImportanceSampling = "none"
	TokenTruncate        ImportanceSampling = "token_truncate" // min(w, cap) for each token
	TokenMask            ImportanceSampling = "token_mask"     // w, and 0 where w is above cap
	// w of the whole sequence, for each of its tokens
	SequenceTruncate   ImportanceSampling = "sequence_truncate"
	SequenceMask       ImportanceSampling = "sequence_mask"
	correctionExponent                    = 20 // the largest |log w|, as verl has it
)

// Validate refuses a name that is no kind of importance sampling, and lists those that are.
func (c ImportanceSampling) Validate() error {
	switch c {
	case NoImportanceSampling, TokenTruncate, TokenMask, SequenceTruncate, SequenceMask:
		return nil
	}
	return fmt.Errorf("loss: unknown importance_sampling %q: expected none, token_truncate, token_mask, "+
		"sequence_truncate or sequence_mask%s", c,
		nearest.Hint(string(c), []string{"none", string(TokenTruncate), string(TokenMask),
			string(SequenceTruncate), string(SequenceMask)}))
}

// Weights returns the weight of each token of a sequence from its
// log-probabilities under the trainer and under the engine, and the ratios w
// before the cap: truncated importance sampling (Yao et al., "Your Efficient RL
// Framework Secretly Brings You Off-Policy RL Training").
func (c ImportanceSampling) Weights(trainer, engine []float32, limit float64) (weights, ratios []float32) {
	weights, ratios = make([]float32, len(trainer)), make([]float32, len(trainer))
	sum := 0.0
	for i := range trainer {
		sum += float64(trainer[i]) - float64(engine[i])
	}
	for i := range trainer {
		log := float64(trainer[i]) - float64(engine[i])
		if c == SequenceTruncate || c == SequenceMask {
			log = sum
		}
		w := math.Exp(min(max(log, -correctionExponent), correctionExponent))
		ratios[i] = float32(w)
		switch {
		case c == NoImportanceSampling:
			w = 1
		case w <= limit:
		case c == TokenMask || c == SequenceMask:
			w = 0
		default:
			w = limit
		}
		weights[i] = float32(w)
	}
	return weights, ratios
}
