package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/eval/grade"
	"github.com/stele-lm/stele/eval/langid"
	"github.com/stele-lm/stele/eval/prompt"
	"github.com/stele-lm/stele/internal/nearest"
	"github.com/stele-lm/stele/kernels/blockwise"
	"github.com/stele-lm/stele/sampler"
	"github.com/stele-lm/stele/trainer"
)

// evalFlags are the flags of stele eval.
type evalFlags struct {
	model, data, out, preset, shard string
	registry                        string
	adapters, templateArgs          []string
	samples, batch                  int
	noHack, dryRun                  bool
	fields                          map[string]string
	spec                            eval.Spec
}

// langCandidatesUsage is for the flags that restrict language identification.
const langCandidatesUsage = "languages among which outputs in a shared script are distinguished: codes, all, or " +
	"study for the eleven"

func newEvalCommand(g *globals) *cobra.Command { return evalCommand(g, &evalFlags{}) }

func evalCommand(g *globals, f *evalFlags) *cobra.Command {
	c := &cobra.Command{
		Use:   "eval -m MODEL --bench NAMES [--lang LANGS] (--out RUN | --dry-run)",
		Short: "Measure a model on benchmarks in several languages",
		Long: fmt.Sprintf(`Measure a model on benchmarks in several languages.

A benchmark is one of
%s,
one of your own (--registry, or DATA/benchmarks.yaml), or the path or hub id of a dataset:
JSONL, TSV, CSV, Parquet, Arrow. The arith and chain tasks are built in; the others are
read from --data or from the hub cache (stele pull).

RUN gets samples.jsonl, results.json and manifest.json. A run that was stopped continues
when it is started again, with any --batch. On several machines each runs one part with
--shard, and stele eval merge makes one run of them. stele grade --run judges the samples
of a run again.

With several --adapter the model is loaded once, and RUN gets a folder for each, with the
adapter's name or, with --adapter NAME=DIR, NAME.

Templates: %s.`, strings.Join(bench.Names(), ", "), strings.Join(prompt.Templates(), ", ")),
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return runEval(c, g, f) },
	}
	flags := c.Flags()
	flags.StringVarP(&f.model, "model", "m", "", modelUsage)
	flags.StringArrayVar(&f.adapters, "adapter", nil,
		adapterUsage+", as [NAME=]DIR; may be repeated: each is measured on its own")
	g.quantizeFlag(c)
	g.devicesFlag(c)
	flags.StringSliceVar(&f.spec.Benchmarks, "bench", []string{bench.Arith}, "benchmarks, comma-separated")
	flags.StringSliceVar(&f.spec.Languages, "lang", nil,
		"languages, comma-separated; by default all that each benchmark has")
	flags.StringToStringVar(&f.fields, "fields", nil,
		"where your dataset has the parts of a problem, as in "+
			"answer=reward_model.ground_truth,problem=prompt.0.content")
	flags.StringVar(&f.data, "data", "", "folder of benchmarks")
	flags.StringVar(&f.registry, "registry", "",
		"file of your own benchmarks, in the form of eval/bench/registry.yaml")
	flags.IntVar(&f.spec.FewShot, "few-shot", 0,
		"worked examples before each question, if the benchmark has them (mgsm: 8)")
	flags.IntVar(&f.spec.Limit, "limit", 0, "first N questions, the same in each language; 0 for all")
	flags.IntSliceVar(&f.spec.Levels, "level", nil, "levels of difficulty; by default all")
	flags.IntVarP(&f.samples, "samples", "n", 0,
		"samples per question; 0 for the benchmark's own number: 16 for AIME")
	flags.Float64Var(&f.spec.Temperature, "temperature", 0.6, "sampling temperature; 0 is greedy")
	flags.Float64Var(&f.spec.TopP, "top-p", 0.95, topPUsage)
	flags.IntVar(&f.spec.TopK, "top-k", 0, "keep the K likeliest tokens; 0 is off")
	flags.Float64Var(&f.spec.MinP, "min-p", 0, minPUsage)
	flags.IntVar(&f.spec.MaxTokens, "max-tokens", 0,
		"maximum number of tokens to generate; 0 for the benchmarks' own limit")
	flags.StringArrayVar(&f.spec.Stop, "stop", nil, "end before this text; may be repeated")
	flags.Uint64Var(&f.spec.Seed, "seed", 0, "same seed, same samples")
	flags.StringVar(&f.spec.Template, "template", "auto", "prompt template")
	flags.StringArrayVar(&f.templateArgs, "template-arg", nil, templateArgUsage)
	flags.BoolVar(&f.spec.Hack, "hack", false, "begin the reasoning with the language's prefix")
	flags.BoolVar(&f.noHack, "no-hack", false, "leave the prefix out, even if --preset has it")
	c.MarkFlagsMutuallyExclusive("hack", "no-hack")
	flags.StringVar(&f.spec.Grader, "grader", grade.Default.Name,
		"grader whose verdicts make the accuracy: "+strings.Join(grade.Names(), " or "))
	flags.StringSliceVar(&f.spec.LangCandidates, "lang-candidates", []string{"all"}, langCandidatesUsage)
	flags.IntVar(&f.batch, "batch", 32, "sequences decoded together")
	flags.StringVar(&f.preset, "preset", "",
		"the paper's sampling, length and prefix: paper, paper-32b or dapo-32b")
	flags.StringVar(&f.shard, "shard", "", "run part i of n of the questions, given as i/n, such as 3/8")
	flags.StringVar(&f.out, "out", "", "folder of the run")
	flags.BoolVar(&f.dryRun, "dry-run", false, "check and print what would be asked, and stop there")
	must(c.MarkFlagRequired("model"))
	c.AddCommand(newEvalMergeCommand(g))
	return c
}

func newEvalMergeCommand(g *globals) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "merge PART... --out RUN",
		Short: "Make one run of the parts of stele eval --shard",
		Long: `Make one run of the parts that stele eval --shard made, in any order. All parts must be
there and complete. The run is byte for byte the same as one that was not divided.`,
		RunE: func(c *cobra.Command, parts []string) error {
			if len(parts) == 0 {
				return usagef("no part is named: see %s --help", c.CommandPath())
			}
			results, err := eval.Merge(c.Context(), parts, out)
			if err != nil {
				return err
			}
			return showResults(c.OutOrStdout(), g, results)
		},
	}
	c.Flags().StringVar(&out, "out", "", "folder of the run")
	must(c.MarkFlagRequired("out"))
	return c
}

func runEval(c *cobra.Command, g *globals, f *evalFlags) error {
	if f.out == "" && !f.dryRun {
		return usagef("--out is not set: it is the folder of the run")
	}
	source := bench.Options{Dir: f.data, Registry: f.registry, Limit: f.spec.Limit, Levels: f.spec.Levels,
		Fields: f.fields, Say: c.ErrOrStderr()}
	if c.Flags().Changed("limit") && f.spec.Limit == 0 {
		fmt.Fprintln(c.ErrOrStderr(), "--limit 0 takes all questions")
	}
	spec, err := f.resolve(c, source)
	if err != nil {
		return err
	}
	if byPath := func(name string) bool {
		entry, err := bench.Lookup(name, source)
		return err == nil && entry.ByPath()
	}; len(f.fields) > 0 && !slices.ContainsFunc(spec.Benchmarks, byPath) {
		fmt.Fprintln(c.ErrOrStderr(),
			"--fields has no effect: no benchmark is named by its path or hub id, and others have their own")
	}
	var shard eval.Shard
	if f.shard != "" {
		if shard, err = eval.ParseShard(f.shard); err != nil {
			return usageError{err}
		}
	}
	adapters, err := parseAdapters(f.adapters)
	if err != nil {
		return err
	}
	g.goOnIn(c, c.ErrOrStderr(), f.model, f.folders(adapters)...)
	found, err := g.findEvaluation(f.model, "--max-tokens", spec, source, f.batch)
	if err != nil {
		return err
	}
	defer found.model.Close()
	runs, err := f.runs(found, adapters)
	defer func() {
		for _, r := range runs {
			r.close()
		}
	}()
	if err != nil {
		return err
	}
	spec = found.spec
	for _, r := range runs {
		if g.processes().Rank > 0 {
			r.out = "" // process 0 alone looks at the folder
		}
		done := g.guard("reading "+r.out, 0)
		err := eval.Check(spec, found.questions, shard, r.origin, r.out)
		if done(); err != nil {
			return err
		}
	}
	if f.dryRun {
		return printEvalPlan(c.OutOrStdout(), g, found, runs, f.batch)
	}
	done := g.guard("loading "+found.model.Dir, found.model.Config.NumParameters()*4)
	e, err := found.model.Load()
	if done(); err != nil {
		return err
	}
	defer e.Close()
	sayUnsampled(c.ErrOrStderr(), e, found.model.Dir)
	if e.Template != nil && prompt.Own(spec.Template) {
		own, err := e.Template.With(prompt.Values(spec.TemplateArgs))
		if err != nil {
			return err
		}
		sayDate(c.ErrOrStderr(), own)
	}
	for _, r := range runs {
		if len(runs) > 1 {
			fmt.Fprintf(g.stderr(), "%s\n", r.origin.Model)
		}
		if err := e.Attach(r.adapter); err != nil {
			return err
		}
		deps, err := evalDeps(e, spec, r.origin, f.batch, g.stderr())
		if err != nil {
			return err
		}
		deps.Processes = g.processes()
		if f.shard != "" {
			samples, err := eval.RunShard(c.Context(), spec, found.questions, shard, deps, r.out)
			if err != nil {
				return err
			}
			fmt.Fprintf(g.stderr(),
				"part %s is done with %d samples: stele eval merge makes one run of all parts\n", shard,
				samples)
			continue
		}
		results, err := eval.Run(c.Context(), spec, found.questions, deps, r.out)
		if err != nil {
			return err
		}
		if err := showResults(c.OutOrStdout(), g, results); err != nil {
			return err
		}
	}
	return nil
}

// runs are the evaluations that the flags ask for: of the model, or of each adapter over it.
func (f *evalFlags) runs(found *evaluation, adapters []givenAdapter) (runs []adapted, err error) {
	if len(adapters) == 0 {
		return []adapted{{origin: found.origin, out: f.out}}, nil
	}
	for _, given := range adapters {
		r, err := found.with(given.path)
		if err != nil {
			return runs, err
		}
		r.out = f.folders(adapters)[len(runs)]
		runs = append(runs, r)
	}
	return runs, nil
}

// folders are those of the runs: of the model, or of each adapter.
func (f *evalFlags) folders(adapters []givenAdapter) []string {
	if len(adapters) < 2 || f.out == "" {
		return slices.Repeat([]string{f.out}, max(1, len(adapters)))
	}
	var all []string
	for _, a := range adapters {
		all = append(all, filepath.Join(f.out, a.name))
	}
	return all
}

// evaluation is one that nothing speaks against so far, of a model that is not loaded yet.
type evaluation struct {
	model     *engine.Source // to be closed
	spec      eval.Spec
	questions []eval.Question
	origin    eval.Origin
}

// findEvaluation finds a model and writes the questions of a spec for it. length is what
// messages call the setting of the most tokens.
func (g *globals) findEvaluation(name, length string, spec eval.Spec, source bench.Options,
	batch int) (_ *evaluation, err error) {
	model, err := engine.Find(name)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			model.Close()
		}
	}()
	if err := model.Open(g.engineOptions(batch)); err != nil {
		return nil, err
	}
	found := &evaluation{model: model, spec: spec}
	if found.questions, found.spec.FewShotStop, err = questionsFor(model.Tokenizer, model.Template, spec,
		source); err != nil {
		return nil, err
	}
	if err := checkPositions(g.stderr(), length, spec.MaxTokens, found.questions,
		model.Config.MaxPositions); err != nil {
		return nil, err
	}
	defer g.guard("reading "+model.Dir, model.Config.NumParameters()*4)()
	weights, err := eval.HashWeights(model.Dir)
	if err != nil {
		return nil, err
	}
	found.origin = evalOrigin(model.Executor(), model.DType(), name, weights)
	found.origin.Hardware = model.Device().Machine(len(model.Mesh()))
	found.origin.DTypeAuto = g.dtype == engine.AutoDType
	if code := blockwise.Code(g.quantize); code != blockwise.None {
		found.origin.DType += over + g.quantize // the projections
	}
	if found.origin.Trained, err = eval.LineageOf(model.Dir); err != nil {
		return nil, err
	}
	found.origin.ModelDir, err = filepath.Abs(model.Dir)
	return found, err
}

// resolve makes the spec that the flags ask for: flags that are given win over the preset.
func (f *evalFlags) resolve(c *cobra.Command, source bench.Options) (eval.Spec, error) {
	spec := f.spec
	var err error
	if spec.TemplateArgs, err = prompt.ParseArguments(f.templateArgs); err != nil {
		return spec, usageError{err}
	}
	if f.preset != "" {
		apply := eval.Presets[f.preset]
		if apply == nil {
			names := slices.Sorted(maps.Keys(eval.Presets))
			return spec, usagef("unknown preset %q: expected %s%s", f.preset, strings.Join(names, ", "),
				nearest.Hint(f.preset, names))
		}
		apply(&spec)
		for name, keep := range map[string]func(){
			"temperature": func() { spec.Temperature = f.spec.Temperature },
			"top-p":       func() { spec.TopP = f.spec.TopP },
			"top-k":       func() { spec.TopK = f.spec.TopK }, "min-p": func() { spec.MinP = f.spec.MinP },
			"max-tokens": func() { spec.MaxTokens = f.spec.MaxTokens },
			"hack":       func() { spec.Hack = f.spec.Hack }, "no-hack": func() { spec.Hack = !f.noHack },
		} {
			if c.Flags().Changed(name) {
				keep()
			}
		}
	}
	if err := prompt.UnknownTemplate(spec.Template); err != nil {
		return spec, usageError{err}
	}
	if err := settleLanguages(&spec, source, c.ErrOrStderr()); err != nil {
		return spec, err
	}
	spec.Samples = eval.SamplesFor(spec.Benchmarks, f.samples)
	if err := spec.SetDefaults(source); err != nil {
		return spec, usageError{err}
	}
	if err := spec.Validate(); err != nil {
		return spec, usageError{err}
	}
	return spec, nil
}

// questionsFor loads the problems of a spec and writes their prompts. With worked
// examples, stops are the texts at which a next one would begin, by eval.Cell.
func questionsFor(tokenizer *text.Tokenizer, template *text.Template, spec eval.Spec,
	source bench.Options) (questions []eval.Question, stops map[string][]string, err error) {
	options := prompt.Options{Template: spec.Template, Hack: spec.Hack, Languages: spec.LanguageTable()}
	if err := options.SetChat(template, spec.TemplateArgs); err != nil {
		return nil, nil, err
	}
	for _, name := range spec.Benchmarks {
		entry, err := bench.Lookup(name, source)
		if err != nil {
			return nil, nil, err
		}
		if options.Answer, err = entry.Answer.Type(); err != nil {
			return nil, nil, err
		}
		problems, err := bench.Load(name, spec.LanguagesOf(name), source)
		if err != nil {
			return nil, nil, err
		}
		shots := map[string][]bench.Problem{}
		var unread prompt.Unread
		for _, p := range problems {
			if _, ok := shots[p.Language]; !ok && spec.FewShot > 0 {
				if shots[p.Language], err = bench.Exemplars(name, p.Language, spec.FewShot,
					source); err != nil {
					return nil, nil, err
				}
				options.Shots = shots[p.Language]
				if stops == nil {
					stops = map[string][]string{}
				}
				if stops[eval.Cell(name, p.Language)], err = prompt.Stops(p.Language, options); err != nil {
					return nil, nil, err
				}
			}
			options.Shots = shots[p.Language]
			built, err := prompt.Build(p, options)
			if err != nil {
				return nil, nil, err
			}
			if err := unread.LookAt(p, options, built); err != nil {
				return nil, nil, err
			}
			ids, err := built.Encode(tokenizer)
			if err != nil {
				return nil, nil, fmt.Errorf("prompt of %s (%s): %w", p.ID, p.Language, err)
			}
			questions = append(questions, eval.Question{
				Benchmark: name, Language: p.Language, ID: p.ID, Prompt: built.Text, PromptIDs: ids,
				Prefix: built.Prefix, Answer: p.Answer, DataName: entry.DataName, AnswerType: p.AnswerType,
				Level: p.Level,
			})
		}
		unread.Say(source.Say, name, "asked")
	}
	return questions, stops, nil
}

func evalOrigin(executor, dtype, model string, weights map[string]string) eval.Origin {
	return eval.Origin{Stele: buildVersion(), Model: model, Weights: weights, Backend: executor, DType: dtype}
}

// evalDeps makes what a run needs besides its questions; batch samples are generated at once.
func evalDeps(e *engine.Engine, spec eval.Spec, origin eval.Origin, batch int, log io.Writer) (eval.Deps,
	error) {
	identify, err := identifyAmong(spec, log)
	return eval.Deps{Parallel: batch, Devices: e.Devices(), Generator: generator{e}, Identify: identify, Origin: origin,
		Log: log}, err
}

// identifyAmong is the identifier for a run's candidates. Languages asked for that no
// verdict names are spoken of.
func identifyAmong(spec eval.Spec, log io.Writer) (func(output, language string) eval.Identified, error) {
	known := spec.LanguageTable()
	for _, code := range spec.Languages {
		if known.Lookup(code) == nil {
			fmt.Fprintf(log,
				"warning: language identification does not know %q: all its samples count as off target\n",
				code)
		}
	}
	detector, err := langid.Among(spec.LangCandidates, known)
	if err != nil {
		return nil, err
	}
	return identifier(detector), nil
}

// identifier judges the language of an output's reasoning and answer.
func identifier(detector *langid.Detector) func(output, language string) eval.Identified {
	return func(output, language string) eval.Identified {
		reasoning, answer := langid.Split(output)
		lang, confidence := detector.Judge(reasoning, language)
		answerLang, _ := detector.Judge(answer, language)
		return eval.Identified{
			Lang: lang, Confidence: confidence, OffTarget: lang != language,
			AnswerLang: answerLang, AnswerOffTarget: answerLang != language && answerLang != langid.None,
		}
	}
}

// generator is an engine as an evaluation sees it.
type generator struct{ *engine.Engine }

// Generate implements eval.Generator.
func (g generator) Generate(ctx context.Context, requests []eval.Request,
	emit func(eval.Completion) error) error {
	own := make([]engine.Request, len(requests))
	for i := range requests {
		own[i] = engineRequest(&requests[i])
	}
	return g.Engine.Generate(ctx, own, engineEmit(emit))
}

// GenerateFrom implements eval.QueueGenerator.
func (g generator) GenerateFrom(ctx context.Context, q eval.Queue, emit func(eval.Completion) error) error {
	return g.Engine.GenerateFrom(ctx, engine.Queue{Held: q.Held, Group: q.Group, Longest: q.Longest,
		Next: func(ctx context.Context) (int, *engine.Request, error) {
			number, r, err := q.Next(ctx)
			if err != nil || r == nil {
				return 0, nil, err
			}
			own := engineRequest(r)
			return number, &own, nil
		}}, engineEmit(emit))
}

func engineRequest(r *eval.Request) engine.Request {
	return engine.Request{
		ID: r.ID, Prompt: r.Prompt, N: r.N, MaxTokens: r.MaxTokens, Stop: r.Stop, Seed: r.Seed,
		Sampling: sampler.Params{Temperature: r.Temperature, TopP: r.TopP, TopK: r.TopK, MinP: r.MinP},
	}
}

func engineEmit(emit func(eval.Completion) error) func(engine.Completion) error {
	return func(c engine.Completion) error {
		return emit(eval.Completion{
			Request: c.Request, Sample: c.Sample, TokenIDs: c.Tokens, LogProbs: c.LogProbs, Text: c.Text,
			FinishReason: string(c.FinishReason),
		})
	}
}

// evaluationSpec makes the spec of the evaluations that a training run's configuration asks for.
func evaluationSpec(c trainer.Config, say io.Writer) (eval.Spec, bench.Options, error) {
	names := strings.Split(c.Eval.Bench, ",")
	spec := eval.Spec{
		Benchmarks: names, Languages: c.Eval.Languages, Levels: c.Eval.Levels, Limit: c.Eval.Limit,
		Sampling:  eval.Sampling{Temperature: c.Eval.Temperature, TopP: c.Eval.TopP},
		MaxTokens: c.Eval.MaxTokens,
		Stop:      c.Rollout.Stop, Seed: c.Seed, Template: c.Data.Template,
		TemplateArgs: c.Data.TemplateArgs, Hack: c.Data.Hack,
		Grader:         cmp.Or(c.Eval.Grader, grade.Default.Name),
		LangCandidates: c.Reward.LangCandidates,
	}
	source := bench.Options{Dir: c.Eval.Dir, Registry: c.Eval.Registry, Limit: spec.Limit,
		Levels: spec.Levels, Say: say}
	if c.Eval.Bench == c.Data.Bench {
		source.Fields = c.Data.Fields // the same file
	}
	if err := settleLanguages(&spec, source, say); err != nil {
		return spec, source, err
	}
	spec.Samples = eval.SamplesFor(spec.Benchmarks, c.Eval.Samples)
	err := spec.SetDefaults(source)
	if err == nil {
		err = spec.Validate()
	}
	return spec, source, err
}

// checkEvaluation refuses what evaluateDuring would refuse, before anything is trained.
func checkEvaluation(model *engine.Source, c trainer.Config, say io.Writer) error {
	spec, source, err := evaluationSpec(c, say)
	if err != nil {
		return err
	}
	if err := spec.CheckCommands(); err != nil {
		return err
	}
	questions, _, err := questionsFor(model.Tokenizer, model.Template, spec, source)
	if err != nil {
		return err
	}
	return checkPositions(say, "eval.max_tokens", spec.MaxTokens, questions, model.Config.MaxPositions)
}

// checkPositions refuses questions that a model has no positions for, and says where
// completions end before the tokens that they may have.
func checkPositions(say io.Writer, setting string, tokens int, questions []eval.Question,
	positions int) error {
	longest := 0
	for i := range questions {
		q := &questions[i]
		n := len(q.PromptIDs)
		if n >= positions {
			return fmt.Errorf("the prompt of %s %s (%s) has %d tokens, the model has %d positions",
				q.Benchmark, q.ID, q.Language, n, positions)
		}
		longest = max(longest, n)
	}
	sayPositions(say, setting, tokens, longest, positions)
	return nil
}

// sayPositions says where a model has fewer positions than completions may have tokens.
func sayPositions(w io.Writer, setting string, tokens, prompt, positions int) {
	if prompt+tokens > positions {
		fmt.Fprintf(w,
			"%s %d is more than the model has positions for (%d): after the longest prompt, of %d tokens, "+
				"a completion ends at %d\n",
			setting, tokens, positions, prompt, max(positions-prompt, 0))
	}
}

// evaluateDuring measures a model in training as its configuration says.
func evaluateDuring(ctx context.Context, g *globals, e *engine.Engine, c trainer.Config,
	out string) (*eval.Results, error) {
	spec, source, err := evaluationSpec(c, g.stderr())
	if err != nil {
		return nil, err
	}
	questions, _, err := questionsFor(e.Tokenizer, e.Template, spec, source)
	if err != nil {
		return nil, err
	}
	origin := evalOrigin(e.Executor(), e.DType(), c.Model, nil)
	origin.Hardware = e.Device().Machine(len(e.Mesh()))
	deps, err := evalDeps(e, spec, origin, c.Rollout.Batch, g.stderr())
	if err != nil {
		return nil, err
	}
	deps.WithinRun, deps.Processes = true, g.processes()
	results, err := eval.Run(ctx, spec, questions, deps, out)
	if err != nil {
		return nil, err
	}
	g.sayResults(results)
	sayTruncation(g.stderr(), results, "eval.max_tokens")
	return results, nil
}
