package trainer

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/trainer/problems"
)

// offender is a sequence whose numbers are not finite, as
// RUN/nonfinite-step-N.jsonl keeps it.
type offender struct {
	ID       string `json:"id"`
	Language string `json:"language"`
	Sample   int    `json:"sample"`
	// What is not finite, and at which completion token; empty and -1 when the
	// tokens are finite and their summed gradient is not.
	What      string    `json:"what"`
	Position  int       `json:"position"`
	Prompt    string    `json:"prompt"`
	PromptIDs []int32   `json:"prompt_ids"`
	TokenIDs  []int32   `json:"token_ids"`
	LogProbs  []float32 `json:"logprobs,omitempty"` // as the engine reported them
	Advantage float32   `json:"advantage"`
}

// nonFinite looks for the first of n tokens from entry at that has a number that
// is not finite.
func (t TokenStats) nonFinite(at, n int) (position int, what string, found bool) {
	rows := []struct {
		name   string
		values []float32
	}{{"logprob", t.LogProb}, {"entropy", t.Entropy}, {"policy loss", t.Policy}, {"kl", t.KL}, {"ratio", t.Ratio}}
	for i := range n {
		for _, row := range rows {
			if x := float64(row.values[at+i]); math.IsNaN(x) || math.IsInf(x, 0) {
				return i, row.name, true
			}
		}
	}
	return 0, "", false
}

// stop writes the offending sequences and returns the error that ends the run.
func (r *run) stop(step int, reason error, offenders []offender) error {
	path := filepath.Join(r.dir, fmt.Sprintf("nonfinite-step-%d.jsonl", step))
	w, err := jsonl.Create(path)
	if err != nil {
		return errors.Join(reason, err)
	}
	defer w.Abort()
	for _, o := range offenders {
		if err := w.Write(o); err != nil {
			return errors.Join(reason, err)
		}
	}
	if err := w.Close(); err != nil {
		return errors.Join(reason, err)
	}
	first := ""
	if len(offenders) > 0 && offenders[0].What != "" {
		first = fmt.Sprintf(": %s of token %d of %s (%s)", offenders[0].What, offenders[0].Position, offenders[0].ID, offenders[0].Language)
	}
	return fmt.Errorf("%w%s; the sequences (%d) are in %s; go on from the last checkpoint with a smaller optimizer.lr or max_grad_norm, or without them",
		reason, first, len(offenders), path)
}

func newOffender(p *problems.Problem, pair model.Pair, position int, what string) offender {
	return offender{
		ID: p.ID, Language: p.Language, What: what, Position: position, Prompt: p.Text, PromptIDs: pair.Prompt, TokenIDs: pair.Completion,
	}
}
