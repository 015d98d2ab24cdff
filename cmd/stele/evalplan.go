package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/kernels/blockwise"
)

// evalPlan describes what an evaluation would ask.
type evalPlan struct {
	Settings eval.Spec       `json:"settings"`
	Parts    []*evalPlanPart `json:"parts"`
	Samples  int             `json:"samples"`
	Tokens   int             `json:"tokens"` // generated, at most
	Memory   evalMemory      `json:"memory"`
}

// evalMemory holds the bytes that an evaluation takes; the program itself is not in it.
type evalMemory struct {
	Weights int64 `json:"weights"`           // as they are held
	Adapter int64 `json:"adapter,omitempty"` // the largest of those that are measured in turn
	KVPool  int64 `json:"kv_pool"`
	Total   int64 `json:"total"`
}

// newEvalMemory plans the memory of an evaluation.
func newEvalMemory(c *checkpoint.Config, dtype string, projections blockwise.Format, batch, tokens int,
	p *evalPlan) evalMemory {
	held, err := engine.ParseDType(dtype)
	must(err) // the model was opened with it
	longest := 0
	for _, part := range p.Parts {
		longest = max(longest, part.PromptMost)
	}
	token, longest := c.KVBytesPerToken(poolDType(dtype)), min(longest+tokens, c.MaxPositions)
	pool := min(token*int64(engine.PoolTokens(longest, min(batch, p.Samples))), engine.DefaultPoolBytes)
	m := evalMemory{Weights: model.BytesHeld(c, held, projections), KVPool: max(pool, token*int64(longest))}
	m.Total = m.Weights + m.KVPool
	return m
}

// add counts an adapter.
func (m *evalMemory) add(a *checkpoint.Adapter) {
	if a == nil {
		return
	}
	bytes := int64(0)
	for _, f := range a.Factors {
		bytes += 4 * int64(f.A.Len()+f.B.Len())
	}
	if bytes > m.Adapter {
		m.Total += bytes - m.Adapter
		m.Adapter = bytes
	}
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

// printEvalPlan prints what would be asked of the model of an evaluation, or of each adapter over it.
func printEvalPlan(w io.Writer, g *globals, found *evaluation, runs []adapted, batch int) error {
	spec, c := found.spec, found.model.Config
	models := len(runs)
	p := newEvalPlan(spec, found.questions, c.MaxPositions)
	p.Memory = newEvalMemory(c, found.model.DType(), g.projections(), batch, spec.MaxTokens, &p)
	for _, r := range runs {
		p.Memory.add(r.adapter)
	}
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
	if _, err := fmt.Fprintf(w, "\n%s%d samples of at most %d tokens: %d tokens at most\n", each, p.Samples,
		spec.MaxTokens, p.Tokens); err != nil {
		return err
	}
	held := found.model.DType()
	if g.projections().Quantises() {
		held += ", projections in " + g.quantize
	}
	adapter := ""
	if p.Memory.Adapter > 0 {
		adapter = ", adapter " + binarySize(p.Memory.Adapter)
	}
	_, err := fmt.Fprintf(w, "memory: %s, of which weights %s (%s)%s, key-value pool %s; the program itself is "+
		"not counted\n",
		binarySize(p.Memory.Total), binarySize(p.Memory.Weights), held, adapter, binarySize(p.Memory.KVPool))
	return err
}
