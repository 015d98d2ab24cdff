package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"stele/engine"
	"stele/trainer"
)

// benchFlags are the flags of stele bench.
type benchFlags struct {
	model, output            string
	prompt, generate, repeat int
	batches                  []int
	train                    bool
}

func newBenchCommand(g *globals) *cobra.Command {
	f := &benchFlags{}
	c := &cobra.Command{
		Use:   "bench [-m MODEL]",
		Short: "Throughput of prefill, decode and a training step",
		Long: `Throughput in llama-bench's form: ppN is the prefill of N tokens, tgN the decoding of
N tokens from an empty context, tgN@B the same for B sequences together; tokens a
second, mean ± standard deviation over the repetitions. Programs are compiled
before the clock starts. A training step (a group of rollouts, its scoring, its
update) is reported in parts.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return runBench(c.Context(), c.OutOrStdout(), g, f) },
	}
	flags := c.Flags()
	flags.StringVarP(&f.model, "model", "m", "builtin:tiny", "folder, hub id in the local cache, or builtin:NAME")
	flags.IntVarP(&f.prompt, "pp", "p", 512, "tokens of the prefill test; 0 leaves it out")
	flags.IntVarP(&f.generate, "tg", "n", 128, "tokens of the decode test; 0 leaves it out")
	flags.IntVarP(&f.repeat, "repetitions", "r", 5, "repetitions of each test")
	flags.IntSliceVarP(&f.batches, "batch", "b", []int{1, 16}, "sequences decoded together")
	flags.BoolVar(&f.train, "train", true, "a GRPO step: 4 prompts of 32 tokens, 4 rollouts each, 64 tokens")
	flags.StringVarP(&f.output, "output", "o", "md", "md, csv or json")
	return c
}

// benchRow is one line of the table.
type benchRow struct {
	Model     string  `json:"model"`
	Params    int64   `json:"n_params"`
	Backend   string  `json:"backend"`
	DType     string  `json:"dtype"`
	Test      string  `json:"test"`
	Tokens    float64 `json:"avg_ts"`    // tokens a second
	Deviation float64 `json:"stddev_ts"` // over the repetitions
	CompileS  float64 `json:"compile_s"` // before the clock started
}

func runBench(ctx context.Context, out io.Writer, g *globals, f *benchFlags) error {
	if f.repeat < 1 || f.prompt < 0 || f.generate < 0 {
		return usagef("-r %d must be at least 1, --pp %d and --tg %d must not be negative", f.repeat, f.prompt, f.generate)
	}
	if f.output != "md" && f.output != "csv" && f.output != "json" {
		return usagef("unknown output %q: expected md, csv or json", f.output)
	}
	most := 16
	for _, b := range f.batches {
		if b < 1 {
			return usagef("--batch %d must be at least 1", b)
		}
		most = max(most, b)
	}
	e, err := engine.Load(f.model, g.engineOptions(most))
	if err != nil {
		return err
	}
	defer e.Close()
	var rows []benchRow
	add := func(test string, speed engine.Speed) {
		rows = append(rows, benchRow{
			Model: f.model, Params: e.Weights.Config.NumParameters(), Backend: e.Executor(), DType: g.dtype,
			Test: test, Tokens: speed.Mean, Deviation: speed.Deviation, CompileS: speed.Compile.Seconds(),
		})
		fmt.Fprintf(os.Stderr, "%s: %.1f tokens/s\n", test, speed.Mean)
	}
	if f.prompt > 0 {
		speed, err := e.BenchPrefill(ctx, f.prompt, f.repeat)
		if err != nil {
			return err
		}
		add(fmt.Sprintf("pp%d", f.prompt), speed)
	}
	for _, b := range f.batches {
		if f.generate == 0 {
			break
		}
		speed, err := e.BenchDecode(ctx, b, f.generate, f.repeat)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("tg%d", f.generate)
		if b > 1 {
			name += fmt.Sprintf("@%d", b)
		}
		add(name, speed)
	}
	if f.train {
		parts, err := trainer.BenchStep(ctx, e, f.repeat)
		if err != nil {
			return err
		}
		for _, p := range parts {
			add("train "+p.Name, p.Speed)
		}
	}
	return writeBench(out, f.output, rows)
}

func writeBench(out io.Writer, format string, rows []benchRow) error {
	switch format {
	case "json":
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(rows)
	case "csv":
		w := csv.NewWriter(out)
		err := w.Write([]string{"model", "n_params", "backend", "dtype", "test", "avg_ts", "stddev_ts", "compile_s"})
		for _, r := range rows {
			err = errors.Join(err, w.Write([]string{r.Model, strconv.FormatInt(r.Params, 10), r.Backend, r.DType, r.Test,
				fmt.Sprintf("%.2f", r.Tokens), fmt.Sprintf("%.2f", r.Deviation), fmt.Sprintf("%.2f", r.CompileS)}))
		}
		w.Flush()
		return errors.Join(err, w.Error())
	}
	width := 0
	for _, r := range rows {
		width = max(width, len(r.Model))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| %-*s | %8s | %-8s | %-8s | %-14s | %20s |\n", width, "model", "params", "backend", "dtype", "test", "t/s")
	fmt.Fprintf(&b, "| %s | %s: | %s | %s | %s | %s: |\n", strings.Repeat("-", width), strings.Repeat("-", 7),
		strings.Repeat("-", 8), strings.Repeat("-", 8), strings.Repeat("-", 14), strings.Repeat("-", 19))
	for _, r := range rows {
		fmt.Fprintf(&b, "| %-*s | %6.2f M | %-8s | %-8s | %-14s | %9.2f ± %8.2f |\n", width, r.Model, float64(r.Params)/1e6,
			r.Backend, r.DType, r.Test, r.Tokens, r.Deviation)
	}
	_, err := io.WriteString(out, b.String())
	return err
}
