package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/sampler"
)

// topPUsage and minPUsage are for the flags of every command that samples.
const (
	topPUsage = "nucleus sampling: keep the likeliest tokens with this total probability"
	minPUsage = "keep tokens with at least this share of the likeliest token's probability; 0 is off"
)

// noDraftsUsage is for the flags that have every token drawn in a step of its own.
const noDraftsUsage = "do not guess tokens ahead from repeated text; the tokens are the same, but slower"

// samplingFlags say how completions are drawn and when they end.
type samplingFlags struct {
	temperature, topP, minP         float64
	topK, maxTokens, minTokens      int
	repetition, presence, frequency float64
	bias, stop                      []string
	seed                            uint64
	noDrafts                        bool
}

// add adds the flags to a command.
func (f *samplingFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.Float64Var(&f.temperature, "temperature", 0.6, "sampling temperature; 0 is greedy")
	flags.Float64Var(&f.topP, "top-p", 0.95, topPUsage)
	flags.IntVar(&f.topK, "top-k", 0, "keep the K likeliest tokens; 0 is off")
	flags.Float64Var(&f.minP, "min-p", 0, minPUsage)
	flags.IntVar(&f.maxTokens, "max-tokens", 512, "maximum number of tokens to generate")
	flags.IntVar(&f.minTokens, "min-tokens", 0,
		"generate at least this many tokens before the end of sequence or --stop takes effect")
	flags.Float64Var(&f.repetition, "repetition-penalty", 1,
		"divide the logits of tokens already in the prompt or the completion by this; 1 is off")
	flags.Float64Var(&f.presence, "presence-penalty", 0,
		"subtract this from the logits of tokens already in the completion; 0 is off")
	flags.Float64Var(&f.frequency, "frequency-penalty", 0,
		"the same, once for each time the token occurs; 0 is off")
	flags.StringArrayVar(&f.bias, "logit-bias", nil,
		"ID=NUMBER: add this to the logit of a token; -inf forbids it; may be repeated")
	flags.StringArrayVar(&f.stop, "stop", nil, "end before this text; may be repeated")
	flags.Uint64Var(&f.seed, "seed", 0, "same seed, same tokens, whatever the batch")
	flags.BoolVar(&f.noDrafts, "no-drafts", false, noDraftsUsage)
}

// request returns a request without a prompt; what the flags ask for that makes no sense is wrong usage.
func (f *samplingFlags) request() (engine.Request, error) {
	r := engine.Request{N: 1, MaxTokens: f.maxTokens, Stop: f.stop, Seed: f.seed}
	if f.maxTokens < 1 {
		return r, usagef("--max-tokens %d must be at least 1", f.maxTokens)
	}
	if slices.Contains(f.stop, "") {
		return r, usagef("--stop is empty, which ends nothing")
	}
	var err error
	if r.Sampling, err = sampler.NewParams(f.temperature, f.topK, f.topP, f.minP); err != nil {
		return r, usageError{err}
	}
	if f.repetition == 0 {
		return r, usagef("--repetition-penalty is 0, expected above 0; 1 is off")
	}
	a := &sampler.Adjustment{MinTokens: f.minTokens, Repetition: f.repetition, Presence: f.presence,
		Frequency: f.frequency}
	if f.minTokens > f.maxTokens {
		return r, usagef("--min-tokens %d is more than --max-tokens %d", f.minTokens, f.maxTokens)
	}
	for _, text := range f.bias {
		token, bias, err := parseBias(text)
		if err != nil {
			return r, usageError{err}
		}
		if a.Bias == nil {
			a.Bias = map[int32]float64{}
		}
		if _, twice := a.Bias[token]; twice {
			return r, usagef("--logit-bias names token %d twice", token)
		}
		a.Bias[token] = bias
	}
	if err := a.Validate(math.MaxInt32); err != nil {
		return r, usageError{err}
	}
	if !a.IsZero() {
		r.Adjustment = a
	}
	return r, nil
}

// parseBias reads ID=NUMBER.
func parseBias(text string) (token int32, bias float64, err error) {
	id, number, ok := strings.Cut(text, "=")
	n, idErr := strconv.ParseInt(id, 10, 32)
	bias, numberErr := strconv.ParseFloat(number, 64)
	if !ok || errors.Join(idErr, numberErr) != nil {
		return 0, 0, fmt.Errorf("--logit-bias %q: expected ID=NUMBER, the id of a token as stele tokenize tells it, "+
			"as in 15=-2.5", text)
	}
	return int32(n), bias, nil
}
