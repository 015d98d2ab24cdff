package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"stele/engine"
	"stele/engine/progress"
	"stele/eval"
	"stele/trainer"
)

func newTrainCommand(g *globals) *cobra.Command {
	var config, out, memory string
	var settings []string
	var resume, dryRun bool
	c := &cobra.Command{
		Use:   "train [--config FILE.yaml] [--set key=value]... (--out RUN [--resume] | --dry-run)",
		Short: "Train with GRPO or SFT",
		Long: `Train with GRPO or SFT.

The configuration is a YAML file, settings on the command line, or both; --set
takes dotted keys, as in --set optimizer.lr=1e-5 --set data.languages='[en, ru]'.
RUN gets metrics.jsonl, eval.jsonl, rollouts/, checkpoints/step-N (Hugging Face
folders), TensorBoard events and manifest.json. A run that was stopped goes on with
--resume as if it had not been. --dry-run says what would be done: problems by
language and level, steps, tokens, memory; with --memory 24GiB, what would make a
run fit there. docs/memory.md has such plans for common models.

A reward of one's own is a program that reads a JSON object a line (id, sample,
language, prompt, output, answer, tokens, truncated) and writes {"reward": number}
for each, in the same order:

  reward:
    commands:
      - {name: short, run: [python3, short.py], weight: 0.2, timeout_s: 30}`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := trainer.LoadConfig(config, settings)
			if err != nil {
				return usageError{err}
			}
			limit, err := parseBytes(memory)
			if err != nil {
				return usagef("--memory: %v", err)
			}
			if dryRun {
				return printPlan(c.OutOrStdout(), g, cfg, limit)
			}
			if out == "" {
				return usagef("--out is not set: name the folder of the run, or use --dry-run")
			}
			live := newTrainProgress(os.Stderr, cfg.Algorithm)
			return trainer.Run(c.Context(), cfg, out, trainer.Options{
				Backend: g.backend, DType: g.dtype, Kernels: engine.Kernels(g.kernels), Version: buildVersion(), Resume: resume, Memory: limit, Log: g.log(), Say: os.Stderr,
				OnStep: live.step,
				Evaluate: func(ctx context.Context, e *engine.Engine, out string) (*eval.Results, error) {
					return evaluateDuring(ctx, g, e, cfg, out)
				},
			})
		},
	}
	c.Flags().StringVar(&config, "config", "", "YAML file")
	c.Flags().StringArrayVar(&settings, "set", nil, "key=value, over the file; may be repeated")
	c.Flags().StringVar(&out, "out", "", "folder of the run")
	c.Flags().BoolVar(&resume, "resume", false, "go on with the run in --out")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "print the plan and do nothing")
	c.Flags().StringVar(&memory, "memory", "", "most memory of the device to use, as in 24GiB; by default what the machine has free, on a CPU")
	c.MarkFlagsMutuallyExclusive("dry-run", "resume")
	return c
}

// printPlan says what a run would do.
func printPlan(w io.Writer, g *globals, cfg trainer.Config, memory int64) error {
	plan, err := trainer.NewPlan(cfg, g.dtype, memory)
	if err != nil {
		return err
	}
	for _, note := range plan.Notes {
		fmt.Fprintln(os.Stderr, note)
	}
	if g.json {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(plan)
	}
	return plan.Write(w)
}

// parseBytes reads a size such as 24GiB, 80GB or 512MiB; empty is 0.
func parseBytes(size string) (int64, error) {
	if size == "" {
		return 0, nil
	}
	for _, unit := range []struct {
		name  string
		bytes float64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"GB", 1e9}, {"MB", 1e6}} {
		if number, ok := strings.CutSuffix(size, unit.name); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
			if err == nil && n > 0 {
				return int64(n * unit.bytes), nil
			}
		}
	}
	return 0, fmt.Errorf("%q is no size: expected a number of GiB, GB, MiB or MB, as in 24GiB", size)
}

// trainProgress says how training goes: a line that renews itself on a terminal,
// a plain line every few seconds elsewhere.
type trainProgress struct {
	w         io.Writer
	terminal  bool
	algorithm string
	pace      progress.Pace // from the end of the first step, which compiles, on
	began     time.Time
	last      time.Time
}

func newTrainProgress(f *os.File, algorithm string) *trainProgress {
	return &trainProgress{w: f, terminal: term.IsTerminal(int(f.Fd())), algorithm: algorithm}
}

func (p *trainProgress) step(step, steps int, m trainer.Metrics) {
	now := time.Now()
	if p.began.IsZero() {
		p.began = now
	} else {
		p.pace.Done(1, now.Sub(p.began))
	}
	if !p.terminal && step != steps && now.Sub(p.last) < 5*time.Second {
		return
	}
	p.last = now
	var b strings.Builder
	fmt.Fprintf(&b, "step %d/%d", step, steps)
	if p.algorithm == trainer.AlgorithmSFT {
		fmt.Fprintf(&b, "  loss %.3f  token probability %.2f", m["loss"], m["mean_token_probability"])
	} else {
		fmt.Fprintf(&b, "  reward %.3f  accuracy %.2f  language %.2f  length %.1f  cut off %.0f %%  entropy %.2f",
			m["reward"], m["rewards/accuracy/mean"], m["rewards/language/mean"], m["completions/mean_length"],
			100*m["completions/clipped_ratio"], m["entropy"])
		if kl, ok := m["kl"]; ok {
			fmt.Fprintf(&b, "  kl %.4f", kl)
		}
		if n, ok := m["train/kept_groups"]; ok {
			fmt.Fprintf(&b, "  groups %.0f of %.0f samplings", n, m["train/num_gen_batches"])
		}
	}
	fmt.Fprintf(&b, "  %.0f tok/s", m["perf/throughput"])
	if left, known := p.pace.Left(now.Sub(p.began), steps-step); known {
		fmt.Fprintf(&b, "  %s left", left.Round(time.Second))
	} else if step < steps {
		b.WriteString("  estimating the time left")
	}
	end := "\n"
	if p.terminal {
		fmt.Fprint(p.w, "\r\033[K")
		if step != steps {
			end = ""
		}
	}
	fmt.Fprint(p.w, b.String(), end)
}

// log is where remarks for a person go when they asked for more.
func (g *globals) log() io.Writer {
	if g.verbose {
		return os.Stderr
	}
	return nil
}
