package trainer

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/stele-lm/stele/engine/model/dense"

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

// stop writes the offending sequences and returns the error that ends the run.
func (r *run) stop(step int, reason error, offenders []offender) error {
	path := filepath.Join(r.dir, fmt.Sprintf("nonfinite-step-%d.jsonl", step))
	if r.writes() {
		if err := r.guarded("writing "+path, 0, func() error { return keepOffenders(path, offenders) }); err != nil {
			return r.together(errors.Join(reason, err))
		}
	}
	first := ""
	if len(offenders) > 0 && offenders[0].What != "" {
		first = fmt.Sprintf(": %s of token %d of %s (%s)", offenders[0].What, offenders[0].Position,
			offenders[0].ID, offenders[0].Language)
	}
	return r.together(fmt.Errorf("%w%s; the sequences (%d) are in %s; continue from the last checkpoint with a "+
		"smaller optimizer.lr or max_grad_norm, or without them",
		reason, first, len(offenders), path))
}

func keepOffenders(path string, offenders []offender) error {
	w, err := jsonl.Create(path)
	if err != nil {
		return err
	}
	defer w.Abort()
	for _, o := range offenders {
		if err := w.Write(o); err != nil {
			return err
		}
	}
	return w.Close()
}

func newOffender(p *problems.Problem, pair dense.Pair, position int, what string) offender {
	return offender{
		ID: p.ID, Language: p.Language, What: what, Position: position, Prompt: p.Text,
		PromptIDs: pair.Prompt, TokenIDs: pair.Completion,
	}
}
