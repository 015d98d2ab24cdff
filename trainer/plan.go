package trainer

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/trainer/learner"
	"github.com/stele-lm/stele/trainer/memory"
	"github.com/stele-lm/stele/trainer/problems"
)

// Plan describes a run before anything is computed.
type Plan struct {
	Algorithm string   `json:"algorithm"`
	Preset    string   `json:"preset"`
	Model     string   `json:"model_dir"`
	Languages []string `json:"languages"`
	// Problems counts prompts by language and level.
	Problems map[string]map[int]int `json:"problems"`
	Prompts  int                    `json:"prompts"`
	TooLong  int                    `json:"too_long"` // questions left out for their length
	// Layout is the line about what was guessed of the data's fields; empty where nothing was.
	Layout string `json:"layout,omitempty"`
	// Prompt and solution tokens, mean and most; solutions only for SFT.
	PromptMean   float64 `json:"prompt_mean"`
	PromptMost   float64 `json:"prompt_most"`
	SolutionMean float64 `json:"solution_mean"`
	SolutionMost float64 `json:"solution_most"`

	Steps       int     `json:"steps"`
	Updates     int     `json:"updates"`      // optimiser steps, at most
	Epochs      float64 `json:"epochs"`       // passes over the prompts, at least
	Sequences   int     `json:"sequences"`    // a step: rollouts, or examples of SFT
	TokensStep  int64   `json:"tokens_step"`  // a step, at most, without dynamic sampling's further batches
	TokensTotal int64   `json:"tokens_total"` // in all, at most

	Memory    memory.Plan     `json:"memory"`
	workload  memory.Workload // that Memory is the plan of
	solutions bool            // are learnt from, not rollouts
	// Notes are lines about how the model's folder was read that a person must know.
	Notes []string `json:"notes,omitempty"`
	// Ignored are settings that will have no effect, with the reason.
	Ignored []string `json:"ignored,omitempty"`
	// Saved is the dtype that checkpoints are written in.
	Saved string `json:"saved_dtype,omitempty"`
	// Refusal says why the run would be refused here; empty where it would begin.
	Refusal string `json:"refusal,omitempty"`
}

// newPlan plans a run on a model and its problems.
func newPlan(c Config, dir string, m *checkpoint.Config, set *problems.Set, dtype string) *Plan {
	p := &Plan{
		solutions: !c.Samples(), Algorithm: c.Algorithm, Preset: c.Preset, Model: dir,
		Languages: c.Data.Languages, Ignored: c.Ignored(dtype),
		Problems: map[string]map[int]int{}, Prompts: len(set.Problems), TooLong: set.Long, Steps: c.Steps,
	}
	var prompts, solutions series
	for _, q := range set.Problems {
		if p.Problems[q.Language] == nil {
			p.Problems[q.Language] = map[int]int{}
		}
		p.Problems[q.Language][q.Level]++
		prompts.add(float64(len(q.IDs)))
		solutions.add(float64(len(q.SolutionIDs)))
	}
	p.PromptMean, p.PromptMost = prompts.mean(), prompts.max
	p.SolutionMean, p.SolutionMost = solutions.mean(), solutions.max
	most := 0.0 // tokens of a sequence beside its prompt
	if !c.Samples() {
		p.Sequences, p.Updates = c.Update.Batch, c.Steps
		p.Epochs = float64(c.Steps) * float64(c.Update.Batch) / float64(p.Prompts)
		most = solutions.mean()
	} else {
		p.Sequences = c.Rollout.Questions * c.Rollout.GroupSize
		p.Updates = c.Steps * c.Update.Epochs * c.Update.MiniBatches
		p.Epochs = float64(c.Steps) * float64(c.Rollout.Questions) / float64(p.Prompts)
		most = float64(c.Rollout.MaxTokens)
	}
	p.TokensStep = int64(float64(p.Sequences) * (prompts.mean() + most))
	p.TokensTotal = p.TokensStep * int64(p.Steps)
	p.take(c.workload(m, dtype, longestSequence(&c, m, set), int(prompts.max)))
	return p
}

// take plans the memory of a workload.
func (p *Plan) take(w memory.Workload) { p.workload, p.Memory = w, w.Plan() }

// workload returns what the memory plan is made for. longest counts the tokens that the
// longest sequence may have, prompt those of the longest prompt.
func (c *Config) workload(m *checkpoint.Config, dtype string, longest, prompt int) memory.Workload {
	w := memory.Workload{
		Model: m, DType: dtype, Longest: longest, Prompt: prompt, LoRA: c.LoRA, Optimizer: c.Optimizer,
		Layout: c.layout(), Remat: c.Update.Remat, Sequences: c.Update.Batch, Group: 1,
		Decoded: c.Rollout.Batch,
	}
	if c.Samples() {
		r := c.Rollout
		w.Reference, w.Group, w.Rollouts = c.compares(), r.GroupSize, r.Questions*r.GroupSize
		w.Sequences = (r.Questions + c.Update.MiniBatches - 1) / c.Update.MiniBatches * r.GroupSize
	}
	return w
}

// fit takes over the settings of a workload that memory.Workload.Choose chooses.
func (c *Config) fit(w memory.Workload) {
	c.Update.Remat, c.Update.MicroTokens = w.Remat, w.Layout.MicroTokens
	c.Rollout.Batch, c.Optimizer.State = w.Decoded, w.Optimizer.State
	c.Optimizer.ZeROStage = w.Optimizer.ZeROStage
}

// layout returns the layout of gradient passes: what rollouts have in common, a group's
// prompt, is computed once; solutions have nothing in common and may be packed.
func (c *Config) layout() learner.Layout {
	return learner.Layout{MicroTokens: c.Update.MicroTokens, Packed: c.Update.Packing && !c.Samples()}
}

// longestSequence returns how many tokens the longest sequence of a run may have.
func longestSequence(c *Config, m *checkpoint.Config, set *problems.Set) int {
	longest := 0
	for _, q := range set.Problems {
		n := len(q.IDs) + c.Rollout.MaxTokens
		if !c.Samples() {
			n = len(q.IDs) + len(q.SolutionIDs)
		}
		longest = max(longest, n)
	}
	return min(longest, m.MaxPositions)
}

// Write shows the plan to a person.
func (p *Plan) Write(w io.Writer) error {
	levels := map[int]bool{}
	for _, counts := range p.Problems {
		for level := range counts {
			levels[level] = true
		}
	}
	order := slices.Sorted(maps.Keys(levels))
	fmt.Fprintf(w, "%s, preset %s, model %s\n", p.Algorithm, p.Preset, p.Model)
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	header := "language\t"
	for _, level := range order {
		header += fmt.Sprintf("level %d\t", level)
	}
	fmt.Fprintln(t, header+"problems\t")
	for _, language := range p.Languages {
		row, sum := language+"\t", 0
		for _, level := range order {
			row += fmt.Sprintf("%d\t", p.Problems[language][level])
			sum += p.Problems[language][level]
		}
		fmt.Fprintf(t, "%s%d\t\n", row, sum)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	var b strings.Builder
	if p.TooLong > 0 {
		fmt.Fprintf(&b, "\n%d questions are left out because a prompt or a solution is too long\n", p.TooLong)
	}
	fmt.Fprintf(&b, "\nprompts     %d, %.0f tokens in the mean, %.0f at most\n", p.Prompts, p.PromptMean,
		p.PromptMost)
	if p.solutions {
		fmt.Fprintf(&b, "solutions   %.0f tokens in the mean, %.0f at most\n", p.SolutionMean, p.SolutionMost)
		fmt.Fprintf(&b, "steps       %d of %d examples, %.1f epochs\n", p.Steps, p.Sequences, p.Epochs)
	} else {
		fmt.Fprintf(&b, "steps       %d of %d rollouts, %.1f epochs, %d optimiser steps\n", p.Steps,
			p.Sequences, p.Epochs, p.Updates)
	}
	fmt.Fprintf(&b, "tokens      %d a step and %d in all, at most\n\n", p.TokensStep, p.TokensTotal)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	return p.Memory.Write(w)
}
