package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/engine/model/hostmodel"
	"github.com/stele-lm/stele/sampler"
)

// scoreRows is the largest number of tokens in a step of scoring: the logits of all of them are
// held at once.
const scoreRows = 64

// scoreOnHost scores one pair after the other by host kernels. What a pair begins with
// and the one before it did, too, such as a group's prompt, is not computed again.
func (e *Engine) scoreOnHost(
	ctx context.Context, pairs []dense.Pair, temperature float64, top int,
) ([]Score, error) {
	longest := 1
	for _, p := range pairs {
		longest = max(longest, len(p.Prompt)+len(p.Completion))
	}
	size := e.options.PageSize
	pages := (longest + size - 1) / size
	pool, err := e.host.NewPool(pages, size)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	table := make([]int32, pages)
	for i := range table {
		table[i] = int32(i)
	}
	scores := make([]Score, len(pairs))
	samplers := make([]sampler.Sampler, e.team.Size())
	errs := make([]error, scoreRows)
	V := e.Weights.Config.VocabSize
	var known []int32 // tokens whose keys and values the pool holds
	for i, p := range pairs {
		n := len(p.Completion)
		s := Score{LogProbs: make([]float32, n), Entropy: make([]float32, n)}
		if top > 0 {
			s.Top = make([][]sampler.TokenLogProb, n)
		}
		if scores[i] = s; n == 0 {
			e.scored(p)
			continue
		}
		// The last token is asked for, and feeds nothing.
		ids := slices.Concat(p.Prompt, p.Completion[:n-1])
		first := len(p.Prompt) - 1 // the token whose logits the completion begins with
		from := 0
		for from < min(len(known), len(ids), first) && known[from] == ids[from] {
			from++
		}
		for from < len(ids) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			to := min(from+scoreRows, len(ids))
			asked := max(0, to-max(from, first))
			item := hostmodel.Item{Tokens: ids[from:to], Start: from, Table: table, Logits: asked}
			logits, err := e.host.Step([]hostmodel.Item{item}, pool)
			if err != nil {
				return nil, err
			}
			at := to - asked - first // of the completion
			e.team.Run(asked, func(row, member int) {
				logits := logits[row*V : (row+1)*V]
				s.LogProbs[at+row], s.Entropy[at+row], errs[row] = samplers[member].Score(
					logits, p.Completion[at+row], temperature)
				if errs[row] == nil && top > 0 {
					s.Top[at+row], errs[row] = samplers[member].Top(logits, top, temperature)
				}
			})
			for row, err := range errs[:asked] {
				if err != nil {
					return nil, fmt.Errorf("sequence %d, token %d: %w", i, at+row, err)
				}
			}
			from = to
		}
		known = ids
		e.scored(p)
	}
	return scores, nil
}
