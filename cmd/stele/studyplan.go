package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/internal/hub"
	"github.com/stele-lm/stele/trainer"
	"github.com/stele-lm/stele/trainer/memory"
	"github.com/stele-lm/stele/trainer/study"
)

// once computes an estimate, or finds it where a job that is alike had it.
func (w *studyWork) once(
	kind study.Kind, of any, compute func() (study.Estimate, error),
) (study.Estimate, error) {
	key, err := json.Marshal([]any{kind, of})
	if err != nil {
		return study.Estimate{}, err
	}
	if e, ok := w.known[string(key)]; ok {
		return e, nil
	}
	e, err := compute()
	w.known[string(key)] = e
	return e, err
}

// PlanTrain implements study.Planner.
func (w *studyWork) PlanTrain(ctx context.Context, config trainer.Config) (study.Estimate, error) {
	alike := config
	alike.Seed = 0
	return w.once(study.Train, alike, func() (e study.Estimate, err error) {
		e.Missing = append(missingModel(config.Model),
			missingData(config.Data.Bench, "data.dir", config.Data.Languages,
				config.Data.Source(io.Discard))...)
		if config.LoRA.Adapter != "" {
			e.Missing = append(e.Missing, missingAdapter(config.LoRA.Adapter)...)
		}
		if len(e.Missing) > 0 {
			if config.Samples() {
				e.Generated = rollouts(config) * int64(config.Rollout.MaxTokens)
				e.Tokens = e.Generated // and prompts, which nobody has read
			}
			w.speed(&e, nil, "", nil)
			return e, nil
		}
		options := w.globals(study.Work{}).trainOptions(config, newTrainProgress(os.Stderr))
		options.Say, options.Log = nil, nil
		options.CheckEvaluation = func(model *engine.Source) error {
			return checkEvaluation(model, config, w.g.stderr())
		}
		plan, refusal := trainer.Check(ctx, config, "", options)
		if ctx.Err() != nil {
			return e, ctx.Err()
		}
		if refusal != nil {
			e.Refusal = refusal.Error()
		}
		if plan == nil {
			return e, nil
		}
		e.Notes = append(append([]string{}, plan.Notes...), trainer.Together(plan.Ignored)...)
		e.Memory, e.Tokens, e.Disk = plan.Memory.Total, plan.TokensTotal, config.DiskBytes(plan.Memory)
		if config.Samples() {
			e.Generated = rollouts(config) * int64(config.Rollout.MaxTokens)
		}
		shape, err := checkpoint.LoadConfig(plan.Model)
		if err != nil {
			return e, err
		}
		device, err := w.shared.Open(w.g.backend)
		if err != nil {
			return e, err
		}
		w.speed(&e, shape, device.Name, &config)
		return e, nil
	})
}

// rollouts counts the rollouts of a GRPO run, without dynamic sampling's further batches.
func rollouts(c trainer.Config) int64 {
	return int64(c.Steps) * int64(c.Rollout.Questions) * int64(c.Rollout.GroupSize)
}

// PlanEvaluate implements study.Planner.
func (w *studyWork) PlanEvaluate(
	_ context.Context, e study.Evaluation, model, adapter string,
) (study.Estimate, error) {
	return w.once(study.Evaluate, []any{e, model, adapter},
		func() (study.Estimate, error) { return w.planEvaluate(e, model, adapter) })
}

func (w *studyWork) planEvaluate(e study.Evaluation, model, adapter string) (study.Estimate, error) {
	out := study.Estimate{Missing: missingModel(model)}
	if adapter != "" {
		out.Missing = append(out.Missing, missingAdapter(adapter)...)
	}
	absent := len(out.Missing)
	for _, name := range e.Benchmarks {
		out.Missing = append(out.Missing, missingData(name, "evaluate.data", e.Languages, e.Source())...)
	}
	dataThere := len(out.Missing) == absent
	if !dataThere {
		w.speed(&out, nil, "", nil)
		return out, nil
	}
	var said bytes.Buffer
	spec, source, err := w.spec(e, &said)
	for line := range strings.Lines(said.String()) {
		out.Notes = append(out.Notes, strings.TrimSpace(line))
	}
	if err != nil {
		out.Refusal = err.Error()
		return out, nil
	}
	if len(out.Missing) > 0 { // the model alone: questions can be counted
		for _, name := range spec.Benchmarks {
			problems, err := bench.Load(name, spec.LanguagesOf(name), source)
			if err != nil {
				out.Refusal = err.Error()
				return out, nil
			}
			out.Generated += int64(len(problems)) * int64(spec.Samples[name]) * int64(spec.MaxTokens)
		}
		out.Tokens = out.Generated
		w.speed(&out, nil, "", nil)
		return out, nil
	}
	source.Say = io.Discard
	found, err := engine.Find(model)
	if err != nil {
		out.Refusal = err.Error()
		return out, nil
	}
	defer found.Close()
	questions, _, err := questionsFor(found.Tokenizer, found.Template, spec, source)
	if err != nil {
		out.Refusal = err.Error()
		return out, nil
	}
	said.Reset()
	if err := checkPositions(&said, "max_tokens", spec.MaxTokens, questions,
		found.Config.MaxPositions); err != nil {
		out.Refusal = err.Error()
		return out, nil
	}
	if note := strings.TrimSpace(said.String()); note != "" {
		out.Notes = append(out.Notes, note)
	}
	if err := found.Open(w.globals(study.Work{}).engineOptions(cmp.Or(e.Batch, evaluationBatch))); err != nil {
		out.Refusal = err.Error()
		return out, nil
	}
	var opened *checkpoint.Adapter
	if adapter != "" {
		if opened, err = found.OpenAdapter(adapter); err != nil {
			out.Refusal = err.Error()
			return out, nil
		}
		defer opened.Close()
	}
	p := newEvalPlan(spec, questions, found.Config.MaxPositions)
	needed := newEvalMemory(found.Config, found.DType(), w.g.projections(), cmp.Or(e.Batch, evaluationBatch),
		spec.MaxTokens, &p)
	needed.add(opened)
	out.Generated = int64(p.Tokens)
	out.Tokens, out.Memory = out.Generated, needed.Total
	if free := memory.Available(); found.Device().IsCPU() && free > 0 && out.Memory > free {
		out.Refusal = fmt.Sprintf("weights and key-value pool need %s, and %s are available here",
			binarySize(out.Memory), binarySize(free))
	}
	for _, part := range p.Parts {
		// a question's samples share its prompt
		out.Tokens += int64(part.PromptMean * float64(part.Questions))
	}
	w.speedIn(found.DType(), &out, found.Config, found.Executor(), nil)
	return out, nil
}

// speed is speedIn in the dtype of trainings.
func (w *studyWork) speed(
	e *study.Estimate, shape *checkpoint.Config, executor string, training *trainer.Config,
) {
	w.speedIn(w.g.dtypeOfTraining(), e, shape, executor, training)
}

// speedIn adds to an estimate how fast a job is: as given, or as stele bench measured a
// model of that shape here, in a dtype, with what generates or trains. training is nil for an evaluation.
func (w *studyWork) speedIn(
	dtype string, e *study.Estimate, shape *checkpoint.Config, executor string, training *trainer.Config,
) {
	if w.perSecond > 0 {
		e.PerSecond, e.SpeedOf = w.perSecond, fmt.Sprintf("%g tokens a second as given", w.perSecond)
		return
	}
	if shape == nil {
		return
	}
	path, err := speedPath()
	if err != nil {
		return
	}
	all, err := readSpeeds(path)
	if err != nil {
		e.Notes = append(e.Notes, fmt.Sprintf("the speeds of stele bench, in %s, cannot be read: %v", path, err))
		return
	}
	s := all[speedKey(shape, dtype, executor, w.g.devices)]
	switch {
	case training == nil:
		e.PerSecond = s.Decode
	case training.Samples():
		e.PerSecond = s.Step
	default:
		e.PerSecond = s.Update
	}
	if e.PerSecond > 0 {
		e.SpeedOf = "speeds of stele bench, in " + path
	}
}

// missingModel says that a model is not here, and what gets it.
func missingModel(name string) []study.Missing {
	_, err := engine.Resolve(name)
	if err == nil {
		return nil
	}
	id, _, _ := strings.Cut(name, "@")
	if !hub.IsID(id) {
		return []study.Missing{{What: err.Error()}}
	}
	if _, there := os.Stat(name); there == nil {
		return []study.Missing{{What: err.Error()}} // a folder that is no model
	}
	return []study.Missing{{What: "model " + name, Get: "stele pull " + name, Bytes: bytesByName(id)}}
}

// missingAdapter says that an adapter is not here, and what gets it.
func missingAdapter(name string) []study.Missing {
	_, err := checkpoint.ResolveAdapter(name)
	if err == nil {
		return nil
	}
	missing := study.Missing{What: err.Error()}
	if id, _, _ := strings.Cut(name, "@"); hub.IsID(id) {
		missing = study.Missing{What: "adapter " + name, Get: "stele pull " + name}
	}
	return []study.Missing{missing}
}

// billions matches the parameters that a model's name says it has, as in Qwen2.5-1.5B-Instruct.
var billions = regexp.MustCompile(`(?i)(?:^|[-_/])([0-9]+(?:\.[0-9]+)?)b(?:[-_]|$)`)

// bytesByName is what a model's weights take at two bytes a parameter, going by its name; 0 where that says
// nothing.
func bytesByName(id string) int64 {
	found := billions.FindStringSubmatch(id)
	if found == nil {
		return 0
	}
	parameters, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		return 0
	}
	return int64(2e9 * parameters)
}

// missingData says that a benchmark's data cannot be read in the languages that it is known
// to have of those asked for, and what gets them. setting names the folder of benchmarks.
func missingData(name, setting string, languages []string, source bench.Options) []study.Missing {
	source.Say = nil
	entry, err := bench.Lookup(name, source)
	if err != nil {
		return []study.Missing{{What: err.Error()}}
	}
	here, away, named, err := bench.Languages(name, source)
	var absent []string
	if err == nil {
		asked := languages
		switch {
		case len(asked) == 0 && named && len(here) > 0:
			asked = here
		case len(asked) == 0 && named:
			asked = away
		case len(asked) == 0:
			asked = []string{"en"}
		case named:
			asked = slices.DeleteFunc(slices.Clone(asked),
				func(l string) bool { return !slices.Contains(here, l) && !slices.Contains(away, l) })
		default:
			asked = asked[:1] // records that name no language are in the first
		}
		absent = slices.DeleteFunc(slices.Clone(asked),
			func(l string) bool { return !slices.Contains(away, l) })
		if len(absent) > 0 {
			asked = absent
		}
		if len(asked) == 0 {
			return nil // in none of these languages: what the evaluation says itself
		}
		_, err = bench.Load(name, asked, source)
	}
	if err == nil {
		return nil
	}
	missing := study.Missing{What: strings.ReplaceAll(err.Error(), "with --data", "with "+setting),
		Languages: absent}
	switch _, known := bench.Registry[name]; {
	case len(entry.Repositories()) > 0 && source.Registry != "" && !known:
		missing.Get = fmt.Sprintf("stele pull --registry %s %s", source.Registry, name)
	case len(entry.Repositories()) > 0:
		missing.Get = "stele pull " + name
	case hub.IsID(name):
		missing.Get = "stele pull --type dataset " + name
	case source.Registry != "" && entry.About != "":
		missing.About = fmt.Sprintf("%s: %s describes it", entry.About, source.Registry)
	}
	return []study.Missing{missing}
}
