package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/stele-lm/stele/eval"
)

// evalPlan describes what an evaluation would ask.
type evalPlan struct {
	Settings eval.Spec       `json:"settings"`
	Parts    []*evalPlanPart `json:"parts"`
	Samples  int             `json:"samples"`
	Tokens   int             `json:"tokens"` // generated, at most
}

// evalPlanPart is a benchmark in a language. Prompts are in tokens.
type evalPlanPart struct {
	Benchmark  string  `json:"benchmark"`
	Language   string  `json:"language"`
	Questions  int     `json:"questions"`
	Samples    int     `json:"samples"` // of all questions
	PromptMean float64 `json:"prompt_mean"`
	PromptMost int     `json:"prompt_most"`
}

// newEvalPlan says what would be asked of a model with so many positions.
func newEvalPlan(spec eval.Spec, questions []eval.Question, positions int) evalPlan {
	p := evalPlan{Settings: spec}
	parts := map[[2]string]*evalPlanPart{}
	for i := range questions {
		q := &questions[i]
		key := [2]string{q.Benchmark, q.Language}
		part := parts[key]
		if part == nil {
			part = &evalPlanPart{Benchmark: q.Benchmark, Language: q.Language}
			parts[key] = part
			p.Parts = append(p.Parts, part)
		}
		n, samples := len(q.PromptIDs), spec.Samples[q.Benchmark]
		part.Questions++
		part.Samples += samples
		part.PromptMean += (float64(n) - part.PromptMean) / float64(part.Questions)
		part.PromptMost = max(part.PromptMost, n)
		p.Samples += samples
		p.Tokens += samples * min(spec.MaxTokens, positions-n)
	}
	return p
}

// printEvalPlan prints what would be asked of each of some models with so many positions.
func printEvalPlan(w io.Writer, g *globals, spec eval.Spec, questions []eval.Question, positions,
	models int) error {
	p := newEvalPlan(spec, questions, positions)
	if g.json {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(p)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "benchmark\tlanguage\tquestions\tsamples\tprompt tokens, mean\tmost")
	for _, part := range p.Parts {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%.0f\t%d\n", part.Benchmark, part.Language, part.Questions,
			part.Samples, part.PromptMean, part.PromptMost)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	each := ""
	if models > 1 {
		each = fmt.Sprintf("of each of %d adapters ", models)
	}
	_, err := fmt.Fprintf(w, "\n%s%d samples of at most %d tokens: %d tokens at most\n", each, p.Samples,
		spec.MaxTokens, p.Tokens)
	return err
}
