package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/stele-lm/stele/docs"
	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/internal/progress"
	"github.com/stele-lm/stele/trainer"
)

func newTrainCommand(g *globals) *cobra.Command {
	var config, out, memory, adapter string
	var settings, loggers []string
	var resume, dryRun, helpConfig bool
	c := &cobra.Command{
		Use: "train [--config FILE.yaml] [--set key=value]... (--out RUN [--resume] | --dry-run | " +
			"--help-config)",
		Short: "Train with GRPO or SFT",
		Long: `Train with GRPO or SFT.

The configuration is a YAML file, settings on the command line, or both; --set takes
dotted keys, as in --set optimizer.lr=1e-5 --set data.languages='[en, ru]'.
--help-config explains every setting and its default.

RUN gets metrics.jsonl, eval.jsonl, rollouts/, checkpoints/step-N (Hugging Face
folders), TensorBoard events and manifest.json. --logger wandb, mlflow or trackio also
writes the metrics as files of these tools (docs/training.md says how to view them).

Ctrl-C or SIGTERM drops rollouts that are being sampled, finishes an update that has
begun, writes a checkpoint and says how to continue. A second one drops the step. A run
that was stopped or killed continues with train --out RUN --resume as if nothing had
happened. It needs no --config. Of the settings only steps and loggers may change;
--devices may change, too, but then the result is the same only up to rounding.

--dry-run makes the checks that the run makes before it begins, with the same exit code,
and prints what would be done: problems by language and level, steps, tokens, memory. The
plan is printed even if the run is refused, so that a run for another machine can be
planned; --memory 24GiB says what that machine has. docs/training.md lists the checks.

Your own reward is a program that reads one JSON object per line (id, sample, language,
prompt, output, answer, tokens, truncated) and writes {"reward": number or null} for
each, in the same order:

  reward:
    commands:
      - {name: short, run: [python3, short.py], weight: 0.2, timeout_s: 30}`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if helpConfig {
				_, err := io.WriteString(c.OutOrStdout(), docs.Config)
				return err
			}
			if c.Flags().Changed("adapter") {
				setting, err := adapterSetting(adapter, settings)
				if err != nil {
					return err
				}
				settings = append(settings, setting)
			}
			cfg, err := trainConfig(c, g, config, settings, out, resume)
			if err != nil {
				return usageError{err}
			}
			if err := cfg.AddLoggers(loggers...); err != nil {
				return usagef("--logger: %v", err)
			}
			limit, err := parseBytes(memory)
			if err != nil {
				return usagef("--memory: %v", err)
			}
			if out == "" && !dryRun {
				return usagef("--out is not set: name the folder of the run, or use --dry-run")
			}
			if err := g.settleTraining(c, cfg.Model); err != nil {
				return err
			}
			live := newTrainProgress(g.stderr())
			options := g.trainOptions(cfg, live)
			options.Resume, options.Memory, options.OnStep = resume, limit, live.step
			options.Job = g.job
			if dryRun { // has nothing to finish
				return printPlan(c.Context(), c.OutOrStdout(), g, cfg, out, options)
			}
			ctx, stop, done := twoSignals(c.Context())
			defer done()
			options.Stop = stop
			return trainer.Run(ctx, cfg, out, options)
		},
	}
	c.Flags().StringVar(&config, "config", "", "YAML file")
	c.Flags().StringArrayVar(&settings, "set", nil, "key=value, takes precedence over the file; may be repeated")
	c.Flags().StringVar(&adapter, "adapter", "",
		"adapter in PEFT's layout to train further, a folder or hub id (setting lora.adapter)")
	c.Flags().StringVar(&out, "out", "", "folder of the run")
	c.Flags().BoolVar(&resume, "resume", false, "continue the run in --out, which has its own configuration")
	c.Flags().StringSliceVar(&loggers, "logger", nil,
		"also write the metrics for this tool: wandb, mlflow, trackio; may be repeated (setting loggers)")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "check and print the plan, and stop there")
	c.Flags().BoolVar(&helpConfig, "help-config", false,
		"explain every setting, with its default and its value in presets")
	c.Flags().StringVar(&memory, "memory", "",
		"device memory to plan for, such as 24GiB; by default what is free")
	g.devicesFlag(c)
	return c
}

// adapterSetting returns --adapter as --set takes it.
func adapterSetting(adapter string, settings []string) (string, error) {
	const key = "lora.adapter="
	if adapter == "" {
		return "", errNoAdapter
	}
	for _, s := range settings {
		if strings.HasPrefix(s, key) {
			return "", usagef("--adapter %s and --set %s name it twice: give one", adapter, s)
		}
	}
	quoted, err := json.Marshal(adapter)
	return key + string(quoted), err
}

// trainOptions are the options of the global flags for a run; live gets what is said.
func (g *globals) trainOptions(cfg trainer.Config, live *trainProgress) trainer.Options {
	return trainer.Options{
		Backend: g.backend, DType: g.dtypeOfTraining(), Kernels: engine.Kernels(g.kernels), Version: buildVersion(),
		Devices: g.devices,
		Shared:  g.shared, Threads: g.threads, Log: g.log(), Say: live,
		Evaluate: func(ctx context.Context, e *engine.Engine, out string) (*eval.Results, error) {
			live.settle()
			return evaluateDuring(ctx, g, e, cfg, out)
		},
		CheckEvaluation: func(model *engine.Source) error { return checkEvaluation(model, cfg, live) },
	}
}

// trainConfig is the configuration that the flags ask for. A run that goes on without
// --config has its own, and the backend, dtype and kernels that it began with where no
// flag says otherwise.
func trainConfig(c *cobra.Command, g *globals, config string, settings []string, out string,
	resume bool) (trainer.Config, error) {
	if resume && out == "" {
		return trainer.Config{}, errors.New("--resume needs --out: the folder of the run to continue")
	}
	if !resume {
		return readConfig(c, config, settings)
	}
	defer g.guard("reading "+out, 0)() // and the settings' file
	backend, dtype, kernels, devices, err := trainer.RunOptions(out)
	if err == nil {
		flags := c.Flags()
		if !flags.Changed("backend") {
			g.backend = backend
		}
		if g.dtype == engine.AutoDType {
			g.dtype = dtype
		}
		if !flags.Changed("kernels") {
			g.kernels = string(kernels)
		}
		if !flags.Changed("devices") {
			g.devices = devices
		}
	}
	if config != "" || err != nil && len(settings) > 0 {
		return readConfig(c, config, settings)
	}
	return trainer.ResumeConfig(out, settings)
}

// readConfig reads a file of settings, and says which paths in it may be others than were meant.
func readConfig(c *cobra.Command, file string, set []string) (trainer.Config, error) {
	return trainer.ReadConfig(trainer.Sources{File: file, Set: set, Say: func(line string) {
		fmt.Fprintln(c.ErrOrStderr(), line)
	}})
}

// printPlan says what a run would do, and whether it would be refused.
func printPlan(ctx context.Context, w io.Writer, g *globals, cfg trainer.Config, out string,
	options trainer.Options) error {
	plan, refusal := trainer.Check(ctx, cfg, out, options)
	if plan == nil {
		return refusal
	}
	if g.json {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return errors.Join(encoder.Encode(plan), refusal)
	}
	return errors.Join(plan.Write(w), refusal)
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
	return 0, fmt.Errorf("%q is not a size: expected a number of GiB, GB, MiB or MB, as in 24GiB", size)
}

// trainProgress says how training goes: a line that renews itself on a terminal,
// a plain line every few seconds elsewhere.
type trainProgress struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool
	every    time.Duration // between plain lines
	open     bool          // a line that renews itself stands on the terminal
	pace     progress.Pace // from the end of the first step, which compiles, on
	began    time.Time
	last     time.Time
}

func newTrainProgress(w io.Writer) *trainProgress {
	f, ok := w.(*os.File)
	return &trainProgress{w: w, terminal: ok && term.IsTerminal(int(f.Fd())), every: 5 * time.Second}
}

func (p *trainProgress) step(step, steps int, m trainer.Metrics) {
	now := time.Now()
	if p.began.IsZero() {
		p.began = now
	} else {
		p.pace.Done(1, now.Sub(p.began))
	}
	if !p.terminal && step != steps && now.Sub(p.last) < p.every {
		return
	}
	p.last = now
	var b strings.Builder
	fmt.Fprintf(&b, "step %d/%d", step, steps)
	if _, sampled := m["reward"]; !sampled {
		fmt.Fprintf(&b, "  loss %.3f  token probability %.2f", m["loss"], m["mean_token_probability"])
	} else {
		fmt.Fprintf(&b,
			"  reward %.3f  accuracy %.2f  language %.2f  length %.1f  cut off %.0f %%  entropy %.2f",
			m["reward"], m["rewards/accuracy/mean"], m["rewards/language/mean"], m["completions/mean_length"],
			100*m["completions/clipped_ratio"], m["entropy"])
		if kl, ok := m["kl"]; ok {
			fmt.Fprintf(&b, "  kl %.4f", kl)
		}
		if n, ok := m["train/kept_groups"]; ok {
			fmt.Fprintf(&b, "  groups %.0f in %.0f samplings", n, m["train/num_gen_batches"])
		}
	}
	fmt.Fprintf(&b, "  %.0f tok/s", m["perf/throughput"])
	if left, known := p.pace.Left(now.Sub(p.began), steps-step); known {
		fmt.Fprintf(&b, "  %s left", left.Round(time.Second))
	} else if step < steps {
		b.WriteString("  estimating the time left")
	}
	end := "\n"
	if p.terminal && step != steps {
		end = ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprint(p.w, b.String(), end)
	p.open = end == ""
}

// settle leaves the line that renews itself as it is; what is said next is below it.
func (p *trainProgress) settle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open {
		fmt.Fprintln(p.w)
		p.open = false
	}
}

// Write implements io.Writer for what is said beside: it takes the place of the line
// that renews itself.
func (p *trainProgress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	return p.w.Write(b)
}

func (p *trainProgress) clear() {
	if p.open {
		fmt.Fprint(p.w, "\r\033[K")
		p.open = false
	}
}

// log returns stderr with --verbose, and nil without.
func (g *globals) log() io.Writer {
	if g.verbose {
		return g.stderr()
	}
	return nil
}
