package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/eval/dataset"
	"github.com/stele-lm/stele/eval/prompt"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/progress"
	"github.com/stele-lm/stele/kernels/blockwise"
	"github.com/stele-lm/stele/sampler"
)

// modelUsage is for the flags that name a model.
const modelUsage = "folder, GGUF file, hub id in the local cache, or builtin:NAME"

// adapterUsage is for the flags that add an adapter to the model.
const adapterUsage = "folder or hub id of a LoRA adapter in PEFT's layout, added to the model"

// templateArgUsage is for the flags that set variables of the chat template.
const templateArgUsage = "variable of the model's chat template, such as enable_thinking=false; may be repeated"

// generateFlags are the flags of stele generate.
type generateFlags struct {
	samplingFlags
	model, adapter          string
	prompt, in, out, system string
	n, batch, topLogProbs   int
	templateArgs            []string
	ignoreEOS, raw          bool
}

func newGenerateCommand(g *globals) *cobra.Command {
	f := &generateFlags{}
	c := &cobra.Command{
		Use:   "generate -m MODEL [-p TEXT | --in FILE]",
		Short: "Complete prompts; JSONL in and out, or one prompt on the command line",
		Long: `Complete prompts.

A prompt given with -p is a user's message. It goes through the model's chat template
unless --raw is given. The completion is printed as text, on a terminal token by token,
or as JSONL with --json or --out.

--in is JSONL, or a dataset as TSV, CSV, Parquet or Arrow. Its records have one of
"prompt" (a text or a list of messages), "messages", "prompt_ids", "problem" or
"question". Optional fields are "id" and "seed" and, for the chat template, "tools",
"documents" and "chat_template_kwargs" (an object, such as {"enable_thinking": false}).
The output has the same fields, in the order of the input, and adds "sample",
"prompt_ids", "token_ids", "logprobs", "text" and "finish_reason". stele score reads it.
--top-logprobs adds "top_logprobs": for each token, the likeliest tokens with their
log-probabilities.

Settings that change the draw apply in this order: --logit-bias, --min-tokens,
--repetition-penalty, --frequency-penalty and --presence-penalty, temperature, top-k,
top-p, min-p. Log-probabilities are always the model's own, at the temperature.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return runGenerate(c, g, f) },
	}
	flags := c.Flags()
	flags.StringVarP(&f.model, "model", "m", "", modelUsage)
	flags.StringVar(&f.adapter, "adapter", "", adapterUsage)
	g.quantizeFlag(c)
	g.devicesFlag(c)
	flags.StringVarP(&f.prompt, "prompt", "p", "", "one prompt")
	flags.StringVar(&f.in, "in", "", "file of prompts; - is JSONL from stdin")
	flags.StringVar(&f.out, "out", "-", "JSONL file of completions; - is stdout")
	flags.IntVarP(&f.n, "n", "n", 1, "samples per prompt (in stele bench -n is tokens, as in llama-bench)")
	f.samplingFlags.add(c)
	flags.IntVar(&f.topLogProbs, "top-logprobs", 0, "report this many of the likeliest tokens at each position")
	flags.BoolVar(&f.ignoreEOS, "ignore-eos", false, "continue after the model's end of sequence")
	flags.StringVar(&f.system, "system", "", "system message")
	flags.StringArrayVar(&f.templateArgs, "template-arg", nil, templateArgUsage)
	flags.BoolVar(&f.raw, "raw", false, "use prompts as plain text, without the chat template")
	flags.IntVar(&f.batch, "batch", 32, "sequences decoded together")
	must(c.MarkFlagRequired("model"))
	return c
}

// errNoAdapter refuses what would be the base model without a word.
var errNoAdapter = usagef("--adapter is empty: expected the folder of an adapter")

// loadAdapted loads a model with the adapter of --adapter, where that is given.
func loadAdapted(c *cobra.Command, model, adapter string, options engine.Options) (*engine.Engine, error) {
	if c.Flags().Changed("adapter") && adapter == "" {
		return nil, errNoAdapter
	}
	options.Adapter = adapter
	return engine.Load(model, options)
}

// sayUnsampled says which settings of the model's folder, by which others sample, are not those of Stele's samples.
func sayUnsampled(w io.Writer, e *engine.Engine, model string) {
	if settings := e.Weights.Config.Unsampled; len(settings) > 0 {
		fmt.Fprintf(w, "generation_config.json of %s has %s, with which transformers and vLLM sample unless told "+
			"otherwise: Stele does not read them, its own settings and their defaults count\n", model,
			strings.Join(settings, ", "))
	}
}

// sayDate says that the date which a chat template writes is not today's.
func sayDate(w io.Writer, t *text.Template) {
	if t != nil && t.WritesDate() {
		fmt.Fprintf(w, "%s asks for the date of today: it is %s in every prompt, so that a prompt stays the same\n",
			t.Path(), t.Now.Format("2 January 2006"))
	}
}

// setTemplate sets the variables of --template-arg in an engine's chat template.
func setTemplate(e *engine.Engine, variables map[string]string, model string) (err error) {
	switch {
	case len(variables) == 0:
		return nil
	case e.Template == nil:
		return usagef("--template-arg needs a chat template, and %s has none", model)
	}
	e.Template, err = e.Template.With(prompt.Values(variables))
	return err
}

func runGenerate(c *cobra.Command, g *globals, f *generateFlags) error {
	if (f.prompt == "") == (f.in == "") {
		return usagef("give either a prompt with -p or a file with --in")
	}
	if f.n < 1 || f.batch < 1 {
		return usagef("-n %d and --batch %d must be at least 1", f.n, f.batch)
	}
	if f.topLogProbs < 0 {
		return usagef("--top-logprobs %d: expected 0 (off) or more", f.topLogProbs)
	}
	if f.raw && f.system != "" {
		return usagef("--system needs the chat template, and --raw leaves it out")
	}
	variables, err := prompt.ParseArguments(f.templateArgs)
	if err != nil {
		return usageError{err}
	}
	if f.raw && len(variables) > 0 {
		return usagef("--template-arg needs the chat template, and --raw leaves it out")
	}
	base, err := f.samplingFlags.request()
	if err != nil {
		return err
	}
	base.N, base.IgnoreEOS, base.TopLogProbs = f.n, f.ignoreEOS, f.topLogProbs
	options := g.engineOptions(f.batch)
	options.NoDrafts = f.noDrafts
	e, err := loadAdapted(c, f.model, f.adapter, options)
	if err != nil {
		return err
	}
	defer e.Close()
	sayUnsampled(c.ErrOrStderr(), e, f.model)
	if e.Template == nil && !f.raw {
		if f.system != "" {
			return usagef("--system needs a chat template, and %s has none", f.model)
		}
		fmt.Fprintf(c.ErrOrStderr(), "%s has no chat template: prompts are used as plain text, as with --raw\n",
			f.model)
	}
	if err := setTemplate(e, variables, f.model); err != nil {
		return err
	}
	if !f.raw {
		sayDate(c.ErrOrStderr(), e.Template)
	}
	records, requests, err := f.read(e, base)
	if err != nil {
		return err
	}
	longest := 0
	for i := range requests {
		longest = max(longest, len(requests[i].Prompt))
	}
	sayPositions(os.Stderr, "--max-tokens", f.maxTokens, longest, e.Weights.Config.MaxPositions)
	plain := f.prompt != "" && !g.json && f.out == "-"
	if plain {
		return printTexts(c.Context(), e, requests, c.OutOrStdout())
	}
	w, err := jsonl.Create(f.out)
	if err != nil {
		return err
	}
	defer w.Abort()
	ordered := newOrder(len(requests), f.n, func(done engine.Completion) error {
		record := records[done.Request].Clone()
		for _, field := range []struct {
			key   string
			value any
		}{
			{"sample", done.Sample}, {"prompt_ids", requests[done.Request].Prompt},
			{"token_ids", done.Tokens},
			{"logprobs", done.LogProbs}, {"text", done.Text}, {"finish_reason", done.FinishReason},
			{"top_logprobs", topLogProbs(e.Tokenizer, done.Top)},
		} {
			if field.key == "top_logprobs" && done.Top == nil {
				continue
			}
			if err := record.Set(field.key, field.value); err != nil {
				return err
			}
		}
		return w.Write(record)
	})
	meter := f.meter(c.ErrOrStderr(), len(requests))
	defer meter.Close()
	for i := range requests {
		requests[i].Piece = func(engine.Piece) error { meter.AddTokens(1); return nil }
	}
	if err := e.Generate(c.Context(), requests, func(done engine.Completion) error {
		meter.Add(1, "")
		return ordered.add(done)
	}); err != nil {
		return err
	}
	if stats := e.Stats(); g.verbose {
		fmt.Fprintf(g.stderr(), "%d steps: %d tokens of prompts, %d reused, %d generated one by one, "+
			"%d more of %d guessed\n", stats.Steps, stats.PrefillTokens, stats.CachedTokens,
			stats.DecodeTokens, stats.AcceptTokens, stats.DraftTokens)
	}
	return w.Close()
}

// meter says how far the requests are, where they are more than one can wait for; not where completions come out on
// the same terminal.
func (f *generateFlags) meter(stderr io.Writer, requests int) *progress.Meter {
	if f.in == "" || f.out == "-" && term.IsTerminal(int(os.Stdout.Fd())) {
		return nil
	}
	return progress.New(stderr, "generate", "samples", 0, requests*f.n, f.batch).IfLong()
}

// printTexts prints completions as they end, and a single one on a terminal as its tokens are drawn.
func printTexts(ctx context.Context, e *engine.Engine, requests []engine.Request, out io.Writer) error {
	file, ok := out.(*os.File)
	if ok && len(requests) == 1 && requests[0].N == 1 && term.IsTerminal(int(file.Fd())) {
		requests[0].Piece = func(p engine.Piece) error {
			_, err := io.WriteString(out, p.Text)
			return err
		}
		err := e.Generate(ctx, requests, func(engine.Completion) error { return nil })
		fmt.Fprintln(out)
		return err
	}
	return e.Generate(ctx, requests, func(done engine.Completion) error {
		_, err := fmt.Fprintln(out, done.Text)
		return err
	})
}

// likelyToken is a token as top_logprobs lists it.
type likelyToken struct {
	ID      int32   `json:"token_id"`
	Text    string  `json:"text"`
	LogProb float32 `json:"logprob"`
}

func topLogProbs(t *text.Tokenizer, top [][]sampler.TokenLogProb) [][]likelyToken {
	var all [][]likelyToken
	for _, tokens := range top {
		var listed []likelyToken
		for _, l := range tokens {
			said, err := t.Decode([]int32{l.Token}, false)
			must(err) // the id is of the model's vocabulary
			listed = append(listed, likelyToken{l.Token, said, l.LogProb})
		}
		all = append(all, listed)
	}
	return all
}

// read turns the prompt or the input file into requests.
func (f *generateFlags) read(e *engine.Engine, base engine.Request) ([]*jsonl.Record, []engine.Request,
	error) {
	if f.in == "" {
		record := jsonl.NewRecord()
		if err := errors.Join(record.Set("id", "0"), record.Set("prompt", f.prompt)); err != nil {
			return nil, nil, err
		}
		request, err := f.request(e, record, base, &guesses{})
		if err == nil {
			err = e.CheckRequest(&request)
		}
		return []*jsonl.Record{record}, []engine.Request{request}, err
	}
	in, err := openRecords(f.in)
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	var records []*jsonl.Record
	var requests []engine.Request
	var said guesses
	told := map[string]bool{} // of fields that are not read
	for {
		record, err := in.Next()
		if err == io.EOF {
			if len(records) == 0 {
				return nil, nil, fmt.Errorf("%s holds no prompt", f.in)
			}
			said.write(os.Stderr, f.in)
			return records, requests, nil
		}
		if err != nil {
			return nil, nil, err
		}
		request, err := f.request(e, record, base, &said)
		if err == nil {
			err = e.CheckRequest(&request)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", in.Where(), err)
		}
		for _, key := range []string{"temperature", "top_p", "top_k", "min_p", "max_tokens", "max_new_tokens",
			"stop", "n", "repetition_penalty", "presence_penalty", "frequency_penalty", "logit_bias", "min_tokens",
			"top_logprobs"} {
			var value any
			if found, _ := record.Decode(key, &value); found && !told[key] {
				told[key] = true
				fmt.Fprintf(os.Stderr,
					"warning: %s: the line's %q is not read: the flags say how all lines are sampled\n",
					in.Where(), key)
			}
		}
		records = append(records, record)
		requests = append(requests, request)
	}
}

// recordReader gives records one after another.
type recordReader interface {
	Next() (*jsonl.Record, error)
	Where() string
	Close() error
}

// openRecords opens JSONL by any name, and datasets of every format by their endings.
func openRecords(path string) (recordReader, error) {
	if info, err := os.Stat(path); path != "-" &&
		(dataset.Extension(path) != "" || err == nil && info.IsDir()) {
		return dataset.Open(path, dataset.Options{})
	}
	return jsonl.Open(path)
}

// request reads one line: prompt_ids as they are, messages through the chat
// template, a prompt as a user's message or, with --raw, as text.
func (f *generateFlags) request(e *engine.Engine, record *jsonl.Record, base engine.Request,
	said *guesses) (engine.Request, error) {
	r := base
	var id any
	if found, err := record.Decode("id", &id); err != nil {
		return r, err
	} else if found {
		r.ID = fmt.Sprint(id)
	}
	if _, err := record.Decode("seed", &r.Seed); err != nil {
		return r, err
	}
	if found, err := record.Decode("prompt_ids", &r.Prompt); found || err != nil {
		return r, err
	}
	for _, path := range record.Refused() {
		if len(said.left) < 10 && !slices.Contains(said.left, path) {
			said.left = append(said.left, path)
		}
	}
	messages, prompt, err := asked(record, said)
	if err != nil {
		return r, err
	}
	found := messages != nil
	if f.raw && found {
		return r, errors.New("a conversation needs a chat template, and --raw leaves it out")
	}
	if f.raw || !found && e.Template == nil {
		r.Prompt, err = e.Tokenizer.Encode(prompt, true)
		return r, err
	}
	if e.Template == nil {
		return r, fmt.Errorf("%s has no chat template for a conversation", e.Dir)
	}
	rendered, err := f.rendered(e.Template, record, messages, prompt, said)
	if err != nil {
		return r, err
	}
	r.Prompt, err = e.Tokenizer.Encode(rendered, false)
	return r, err
}

// order holds completions back until those before them are there, so that the
// output has the order of the input whatever ended first.
type order struct {
	samples int
	next    int
	waiting map[int]engine.Completion
	emit    func(engine.Completion) error
}

func newOrder(requests, samples int, emit func(engine.Completion) error) *order {
	return &order{samples: samples, waiting: make(map[int]engine.Completion, requests), emit: emit}
}

func (o *order) add(done engine.Completion) error {
	o.waiting[done.Request*o.samples+done.Sample] = done
	for {
		done, ok := o.waiting[o.next]
		if !ok {
			return nil
		}
		delete(o.waiting, o.next)
		o.next++
		if err := o.emit(done); err != nil {
			return err
		}
	}
}

// engineOptions are the options of the global flags.
func (g *globals) engineOptions(batch int) engine.Options {
	o := engine.Options{Backend: g.backend, DType: g.dtype, Kernels: engine.Kernels(g.kernels),
		Shared: g.shared, Threads: g.threads, MaxBatch: batch, Log: g.log(), Say: g.stderr(),
		Projections: g.projections(), Devices: g.devices, Frozen: true}
	return o
}

// devicesFlag adds --devices to a command.
func (g *globals) devicesFlag(c *cobra.Command) {
	c.Flags().IntVar(&g.devices, "devices", 1,
		"number of this machine's GPUs that share the work; each holds the whole model")
}

// projections is how --quantize holds the projections.
func (g *globals) projections() blockwise.Format {
	if code := blockwise.Code(g.quantize); code != blockwise.None {
		return blockwise.Format{Code: code, Double: true}
	}
	return blockwise.Format{}
}

// quantizeFlag adds --quantize to a command.
func (g *globals) quantizeFlag(c *cobra.Command) {
	c.Flags().StringVar(&g.quantize, "quantize", string(blockwise.None),
		"hold the projections in 4 bits (nf4) or 8 bits (int8), as training with lora.base does: none, nf4 or int8")
}
