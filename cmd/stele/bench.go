package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/pprof"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"gonum.org/v1/gonum/stat"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/internal/nearest"
	"github.com/stele-lm/stele/internal/threads"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/host"
	"github.com/stele-lm/stele/kernels/peak"
	"github.com/stele-lm/stele/trainer"
	"github.com/stele-lm/stele/trainer/memory"
)

// benchFlags are the flags of stele bench.
type benchFlags struct {
	model, output, profile            string
	prompts, generate, depth, batches []int
	repeat                            int
	train, offline, save, exact       bool
	drafts                            bool
	step, pass                        string
	calls                             []string
	lora                              int
	scale                             float64
}

func newBenchCommand(g *globals) *cobra.Command {
	f := &benchFlags{}
	c := &cobra.Command{
		Use:   "bench [-m MODEL]",
		Short: "Measure the throughput of prefill, decode, a queue of requests and a training step",
		Long: `Measure throughput, in llama-bench's form.

Tests: ppN is the prefill of N tokens, tgN the decoding of N tokens, and tgN@B the same for
B sequences together. "d D" after a name means that each sequence has D tokens before the
clock starts. Results are tokens per second, mean ± standard deviation over the
repetitions. Sampling is included. Compilation is not; its seconds have their own column.

A training step (rollouts and their update) is reported in parts, followed by the cost of
a reference model's scoring and of a checkpoint. For the products in them "% of limit" is
the MFU: the operations that the model needs, without padding and recomputation, relative
to what a plain matrix product reaches on the backend.

MB/t is what the machine reads for each decoded token: the weights, shared by the
sequences of a step, and the keys and values before it. "% of limit" compares that with
the speed at which all cores can read just the weights, in place and in the same order,
measured before and after the repetition. With graphs it is compared with the read
bandwidth of the device's memory, measured at the end. The last line is the peak of
resident memory beside what it has to hold: weights and key-value pool.

--offline measures a queue instead, by nano-vllm's recipe: 256 requests with prompts and
completions of 100 to 1024 tokens each, ignoring the end of sequence, in output tokens per
second. --scale 0.1 asks a tenth of the requests. The batch is the largest of -b, by
default 64.

With --devices the sequences of tgN@B, the requests of a queue and a step's rollouts and
passes are divided among the GPUs; ppN, tgN and --pass have one sequence, so one GPU
computes them. "% of limit" then refers to all GPUs together.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if (f.offline || len(f.calls) > 0) && !c.Flags().Changed("batch") {
				f.batches = []int{64}
			}
			if err := f.asJSON(g.json, c.Flags().Changed("output")); err != nil {
				return err
			}
			return runBench(c.Context(), c.OutOrStdout(), g, f)
		},
	}
	flags := c.Flags()
	flags.StringVarP(&f.model, "model", "m", "builtin:tiny", modelUsage)
	flags.IntSliceVarP(&f.prompts, "pp", "p", []int{512}, "tokens of the prefill tests; 0 leaves them out")
	flags.IntSliceVarP(&f.generate, "tg", "n", []int{128},
		"tokens of the decode tests, as in llama-bench (in generate and eval -n is samples); 0 leaves them out")
	flags.IntSliceVarP(&f.depth, "depth", "d", []int{0}, "tokens that a sequence has before a test")
	flags.IntSliceVarP(&f.batches, "batch", "b", []int{1, 16}, "sequences decoded together")
	flags.IntVarP(&f.repeat, "repetitions", "r", 5, "repetitions of each test")
	flags.BoolVar(&f.train, "train", true, "measure a GRPO step; not with int8, w8a8 and int4")
	flags.StringVar(&f.step, "step", "4x4x64@32",
		"size of that step: prompts x rollouts of each x tokens of each @ tokens of a prompt; from 2048 tokens on\n"+
			"(prompt and rollout), layers are computed again in the backward pass")
	flags.StringVar(&f.pass, "pass", "",
		"also measure an update on one sequence, TOKENS or TOKENS@PROMPT, with layers computed again in the\n"+
			"backward pass")
	flags.IntVar(&f.lora, "lora", 0,
		"make step and pass train an adapter of this rank on all projections; needs -p 0 -n 0")
	flags.BoolVar(&f.save, "save", true, "also measure a checkpoint")
	flags.BoolVar(&f.exact, "exact", false,
		"compile for CUDA as stele train does, for exact resumption")
	flags.BoolVar(&f.drafts, "drafts", false,
		"guess tokens ahead from repeated text, as generate does; peers do not")
	flags.BoolVar(&f.offline, "offline", false, "measure only a queue of requests by nano-vllm's recipe")
	flags.Float64Var(&f.scale, "scale", 1, "share of the recipe's 256 requests")
	flags.StringSliceVar(&f.calls, "call", nil,
		"measure only whole calls: prompts x samples of each x tokens of each @ tokens of a prompt, as 8x8x64@256")
	g.devicesFlag(c)
	flags.StringVarP(&f.output, "output", "o", "md", "md, csv, json or jsonl")
	flags.StringVar(&f.profile, "cpuprofile", "",
		"write a profile of the tests to this file, for go tool pprof")
	return c
}

// asJSON makes the global --json the output, where -o does not say otherwise.
func (f *benchFlags) asJSON(wanted, given bool) error {
	switch {
	case wanted && given && !strings.HasPrefix(f.output, "json"):
		return usagef("--json and -o %s: leave one of them out", f.output)
	case wanted && !given:
		f.output = "json"
	}
	return nil
}

func (f *benchFlags) check() error {
	if !slices.Contains(benchFormats, f.output) {
		return usagef("unknown output %q: expected md, csv, json or jsonl%s", f.output,
			nearest.Hint(f.output, benchFormats))
	}
	if f.repeat < 1 {
		return usagef("-r %d must be at least 1", f.repeat)
	}
	if f.size() == (trainer.BenchSize{}) {
		return usagef("--step %q: expected PROMPTSxROLLOUTSxTOKENS@TOKENS as in 4x4x64@32, at least 2 rollouts",
			f.step)
	}
	if f.pass != "" && f.offline {
		return usagef("--pass %s: not possible with --offline, which measures only its queue", f.pass)
	}
	for _, text := range f.calls {
		switch {
		case callSize(text) == (engine.CallSize{}):
			return usagef("--call %q: expected PROMPTSxSAMPLESxTOKENS@TOKENS as in 8x8x64@256, all above 0", text)
		case f.pass != "" || f.offline:
			return usagef("--call %s measures only its calls: expected no --pass and no --offline", text)
		}
	}
	if tokens, _ := f.passSize(); f.pass != "" && tokens == 0 {
		return usagef("--pass %q: expected TOKENS or TOKENS@PROMPT as in 4096@1024, both must be above 0", f.pass)
	}
	if f.lora < 0 {
		return usagef("--lora %d must be at least 0", f.lora)
	}
	if f.lora > 0 && (f.offline || slices.Max(f.prompts)+slices.Max(f.generate) > 0) {
		return usagef("--lora %d affects only training; generation is measured without an adapter: give -p 0 -n 0",
			f.lora)
	}
	if !(f.scale > 0 && f.scale <= 100) {
		return usagef("--scale %g must be above 0 and at most 100", f.scale)
	}
	for _, list := range []struct {
		flag   string
		least  int
		values []int
	}{{"--pp", 0, f.prompts}, {"--tg", 0, f.generate}, {"--depth", 0, f.depth}, {"--batch", 1, f.batches}} {
		if len(list.values) == 0 {
			return usagef("%s needs a number", list.flag)
		}
		if v := slices.Min(list.values); v < list.least {
			return usagef("%s %d must be at least %d", list.flag, v, list.least)
		}
	}
	return nil
}

// size reads --step; it is all zeros where that is none.
func (f *benchFlags) size() trainer.BenchSize {
	var s trainer.BenchSize
	var rest string
	n, _ := fmt.Sscanf(f.step+"\n", "%dx%dx%d@%d%s", &s.Prompts, &s.Group, &s.Completion, &s.Prompt, &rest)
	if n != 4 || min(s.Prompts, s.Completion, s.Prompt) < 1 || s.Group < 2 {
		return trainer.BenchSize{}
	}
	return s
}

// callSize reads one of --call; it is all zeros where that is none.
func callSize(text string) engine.CallSize {
	var s engine.CallSize
	var rest string
	n, _ := fmt.Sscanf(text+"\n", "%dx%dx%d@%d%s", &s.Prompts, &s.Samples, &s.Tokens, &s.Prompt, &rest)
	if n != 4 || min(s.Prompts, s.Samples, s.Tokens, s.Prompt) < 1 {
		return engine.CallSize{}
	}
	return s
}

// passSize reads --pass; both are 0 where that is none.
func (f *benchFlags) passSize() (tokens, prompt int) {
	var rest string
	if n, _ := fmt.Sscanf(f.pass+"\n", "%d@%d%s", &tokens, &prompt, &rest); n == 2 && min(tokens, prompt) > 0 {
		return tokens, prompt
	}
	if n, _ := fmt.Sscanf(f.pass+"\n", "%d%s", &tokens, &rest); n == 1 && tokens > 0 {
		return tokens, 1
	}
	return 0, 0
}

// poolTokens is the room that the largest of the tests needs.
func (f *benchFlags) poolTokens() int {
	deepest := slices.Max(f.depth)
	most := max(engine.PoolTokens(deepest+slices.Max(f.prompts)+1, 1),
		engine.PoolTokens(deepest+1+slices.Max(f.generate), slices.Max(f.batches)))
	if f.train {
		s := f.size()
		most = max(most, engine.PoolTokens(s.Prompt+s.Completion, s.Prompts*s.Group)) // trainer.BenchStep's rollouts
	}
	return most
}

func runBench(ctx context.Context, out io.Writer, g *globals, f *benchFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	options := g.engineOptions(max(f.size().Prompts*f.size().Group, slices.Max(f.batches)))
	options.NoDrafts = !f.drafts
	if f.offline || len(f.calls) > 0 {
		options.MaxBatch = slices.Max(f.batches)
	} else {
		options.PoolTokens = f.poolTokens()
	}
	if f.exact {
		backend.Reproducible()
	}
	e, err := engine.Load(f.model, options)
	if err != nil {
		return err
	}
	defer e.Close()
	if f.pass != "" && model.HostOnly(e.Weights.DType) {
		return usagef("--pass %s trains, which is not possible with --dtype %s", f.pass, e.DType())
	}
	passTokens, passPrompt := f.passSize()
	if most := e.Weights.Config.MaxPositions; passTokens+passPrompt > most {
		return usagef("--pass %s has %d tokens with its prompt, more than the model's %d positions", f.pass,
			passTokens+passPrompt, most)
	}
	b := &benchRun{engine: e, flags: f, dtype: e.DType()}
	measure := b.run
	if f.offline {
		measure = b.runOffline
	}
	if len(f.calls) > 0 {
		measure = b.runCalls
	}
	if err := profiled(f.profile, func() error { return measure(ctx) }); err != nil {
		return err
	}
	if b.report.PeakRSS = memory.Peak(); b.report.PeakRSS == 0 {
		return errors.New("/proc/self/status: no VmHWM")
	}
	b.report.Footprint = e.Footprint()
	if b.report.OnHost = e.Device().IsCPU(); b.report.OnHost {
		b.report.Bandwidth, err = host.ReadBandwidth()
	} else if b.report.Hardware, err = e.Device().Hardware(); err == nil {
		b.report.Bandwidth, err = peak.Bandwidth(e.Device())
	}
	if err != nil {
		return err
	}
	if f.train && g.dtype == engine.AutoDType && e.DType() != trainingDType {
		fmt.Fprintf(os.Stderr, "the train step is measured in %s, the model's own dtype: stele train uses %s unless "+
			"--dtype is given\n", e.DType(), trainingDType)
	}
	var parts []trainer.Part
	training := trainer.BenchOptions{Repeat: f.repeat, Size: f.size(), Rank: f.lora, Save: f.save}
	if f.train && !f.offline && len(f.calls) == 0 && !model.HostOnly(e.Weights.DType) {
		if parts, err = trainer.BenchStep(ctx, e, training); err != nil {
			return err
		}
	}
	if passTokens > 0 {
		pass, err := trainer.BenchPass(e, training, passPrompt, passTokens)
		if err != nil {
			return err
		}
		parts = append(parts, pass)
	}
	if len(parts) > 0 {
		if b.report.Peak, err = peak.FLOPS(e.Device(), e.Weights.HeldAs()); err != nil {
			return err
		}
		for _, p := range parts {
			r := benchRow{Test: "train " + p.Name, Batch: 1}
			if p.FLOPs > 0 {
				r.FLOPS = p.FLOPs / p.Tokens * p.Mean
				r.Peak = b.report.Peak * float64(e.Devices())
				r.MFU = r.FLOPS / r.Peak
			}
			b.add(r, p.Speed)
		}
	}
	b.finish()
	if f.train && (f.size() != trainer.DefaultBenchSize || f.lora > 0) {
		fmt.Fprintln(os.Stderr, "the speed is not kept for stele study --dry-run, which assumes the default --step")
		return b.report.write(out, f.output)
	}
	if err := keepSpeed(e.Weights.Config, &b.report); err != nil {
		fmt.Fprintf(os.Stderr, "the speed is not kept for stele study --dry-run: %v\n", err)
	}
	return b.report.write(out, f.output)
}

// benchRun collects the rows of a run.
type benchRun struct {
	engine *engine.Engine
	flags  *benchFlags
	dtype  string
	report benchReport
}

// profiled does work under a CPU profile, which goes to a file; an empty path is none.
func profiled(path string, work func() error) error {
	if path == "" {
		return work()
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return errors.Join(err, file.Close())
	}
	err = work()
	pprof.StopCPUProfile()
	return errors.Join(err, file.Close())
}

// run measures prefill and decode.
func (b *benchRun) run(ctx context.Context) error {
	for _, depth := range b.flags.depth {
		for _, n := range b.flags.prompts {
			if n == 0 {
				continue
			}
			speed, err := b.engine.BenchPrefill(ctx, depth, n, b.flags.repeat)
			if err != nil {
				return err
			}
			b.add(benchRow{Test: benchName("pp", n, 1, depth), Prompt: n, Depth: depth, Batch: 1}, speed)
		}
		for _, batch := range b.flags.batches {
			for _, n := range b.flags.generate {
				if n == 0 {
					continue
				}
				speed, err := b.engine.BenchDecode(ctx, depth, batch, n, b.flags.repeat)
				if err != nil {
					return err
				}
				b.add(benchRow{Test: benchName("tg", n, batch, depth), Generate: n, Depth: depth,
					Batch: batch}, speed)
			}
		}
	}
	return nil
}

// runOffline measures a queue of requests.
func (b *benchRun) runOffline(ctx context.Context) error {
	count := max(1, int(math.Round(256*b.flags.scale)))
	fmt.Fprintf(os.Stderr, "offline: %d requests, %d together\n", count, slices.Max(b.flags.batches))
	o, err := b.engine.BenchOffline(ctx, count)
	if err != nil {
		return err
	}
	rate := float64(o.OutputTokens) / o.Seconds
	b.add(benchRow{
		Test: fmt.Sprintf("offline %d", count), Batch: slices.Max(b.flags.batches), Requests: o.Requests,
		InputTokens: o.InputTokens, OutputTokens: o.OutputTokens, Seconds: o.Seconds,
	}, engine.Speed{Mean: rate, Samples: []float64{rate}, Tokens: float64(o.OutputTokens),
		Compile: o.Compile})
	return nil
}

// runCalls measures whole calls.
func (b *benchRun) runCalls(ctx context.Context) error {
	for _, text := range b.flags.calls {
		size := callSize(text)
		speed, err := b.engine.BenchCall(ctx, size, b.flags.repeat)
		if err != nil {
			return fmt.Errorf("--call %s: %w", text, err)
		}
		inputs := size.Prompts * size.Prompt
		b.add(benchRow{
			Test: "call " + text, Batch: slices.Max(b.flags.batches), Requests: size.Prompts, InputTokens: inputs,
			OutputTokens: int(speed.Tokens), Seconds: speed.Tokens / stat.HarmonicMean(speed.Samples, nil),
		}, speed)
	}
	return nil
}

// benchName names a test as llama-bench does, the batch in between.
func benchName(kind string, n, batch, depth int) string {
	name := fmt.Sprintf("%s%d", kind, n)
	if batch > 1 {
		name += fmt.Sprintf("@%d", batch)
	}
	if depth > 0 {
		name += fmt.Sprintf(" d%d", depth)
	}
	return name
}

func (b *benchRun) add(r benchRow, speed engine.Speed) {
	e := b.engine
	r.Model, r.Params, r.Size = b.flags.model, e.Weights.Config.NumParameters(), e.Footprint().Weights
	r.Backend, r.DType, r.Threads, r.Devices = e.Executor(), b.dtype, threads.Count, e.Devices()
	if strings.HasPrefix(r.Test, "train") {
		r.Backend = e.Device().Name
	}
	r.Tokens, r.Deviation, r.SamplesTS, r.limits = speed.Mean, speed.Deviation, speed.Samples, speed.Limits
	for _, rate := range speed.Samples {
		r.SamplesNS = append(r.SamplesNS, int64(speed.Tokens/rate*1e9))
	}
	r.CompileS, r.WarmupS = speed.Compile.Seconds(), speed.Warmup.Seconds()
	b.report.Rows = append(b.report.Rows, r)
	fmt.Fprintf(os.Stderr, "%s: %.1f tokens/s\n", r.Test, r.Tokens)
}

// finish works out what rows and measured limits say together.
func (b *benchRun) finish() {
	p := &b.report
	for i := range p.Rows {
		r := &p.Rows[i]
		r.Bandwidth, r.PeakRSS, r.Pool = p.Bandwidth, p.PeakRSS, p.Footprint.Pool
		r.Memory = float64(p.PeakRSS) / float64(r.Size+r.Pool)
		if r.Generate > 0 {
			// A step of a device reads its weights once for all of its sequences, and of each
			// what is before its new token, half the generated tokens on average.
			before := float64(r.Depth) + float64(r.Generate+1)/2
			devices := float64(min(r.Devices, r.Batch)) // that have a sequence
			r.Bytes = devices*float64(p.Footprint.StepReads)/float64(r.Batch) + before*float64(p.Footprint.TokenReads)
			if r.limits[0] == 0 { // graphs: the weights are not ours to read
				r.limits = slices.Repeat([]float64{devices * p.Bandwidth}, len(r.limits))
			}
			r.Bandwidth = stat.Mean(r.limits, nil)
			for i, limit := range r.limits {
				r.Share += r.Bytes * r.SamplesTS[i] / limit / float64(len(r.limits))
			}
		}
	}
}
