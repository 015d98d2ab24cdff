package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/stele-lm/stele/trainer/gpucheck"
)

// newGPUCheckCommand makes the command behind make gpu-check. Its subcommands are the parts that are processes of their
// own and no command of a user's.
func newGPUCheckCommand(g *globals) *cobra.Command {
	o := gpucheck.Options{Say: os.Stderr}
	c := &cobra.Command{
		Use:   "gpu-check",
		Short: "Check goldens, tokens and speeds on a machine with a GPU, in one report",
		Long: `Check goldens, that the same seed gives the same tokens, and a run that is killed, and
measure the speed of models with random weights beside transformers and vLLM, on a machine
with a GPU and without a network. The most important parts come first, each with a limit
of its own, as far as --limit allows. The results are in --out; a second call continues
where the first was cut off. make gpu-check runs it.`,
		Hidden: true,
		Args:   noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Backend, o.Version = g.checked(), buildVersion()
			var err error
			if o.Stele, err = os.Executable(); err != nil {
				return err
			}
			if o.Limit <= 0 {
				return usagef("--limit %v must be above 0", o.Limit)
			}
			if o.Work == "" {
				o.Work = filepath.Join(o.Out, "work")
			}
			for _, path := range []*string{&o.Out, &o.Work, &o.Data} {
				if *path, err = filepath.Abs(*path); err != nil {
					return err
				}
			}
			return gpucheck.Run(c.Context(), o)
		},
	}
	flags := c.Flags()
	flags.BoolVar(&o.Small, "small", false, "use shapes of a few thousand parameters, to try the check itself")
	flags.StringVar(&o.Out, "out", "runs/gpu-check", "folder of the report")
	flags.StringVar(&o.Work, "work", "",
		"folder for models and runs, removed when no part is left, except with --only; by default work in --out")
	flags.StringVar(&o.Python, "python", "python3", "Python interpreter that may have transformers and vLLM")
	flags.DurationVar(&o.Limit, "limit", 9*time.Minute, "time limit of this call")
	flags.StringSliceVar(&o.Only, "only", nil, "run only parts whose names begin like this")
	c.PersistentFlags().StringVar(&o.Data, "data", ".", "folder with the check's own files")

	step := func(name string, run func(ctx context.Context) (*gpucheck.Found, error)) *cobra.Command {
		return &cobra.Command{Use: name, Short: "A part of the check", Args: noArguments,
			RunE: func(c *cobra.Command, _ []string) error {
				found, err := run(c.Context())
				if err != nil {
					return err
				}
				return json.NewEncoder(c.OutOrStdout()).Encode(found)
			}}
	}
	c.AddCommand(
		step("tokens", func(ctx context.Context) (*gpucheck.Found, error) {
			return gpucheck.SameTokens(ctx, g.checked(), o.Data)
		}),
		step("bits", func(ctx context.Context) (*gpucheck.Found, error) {
			return gpucheck.Bits(ctx, g.checked(), o.Data)
		}),
		step("limits", func(context.Context) (*gpucheck.Found, error) { return gpucheck.Limits(g.checked()) }),
		step("kernels", func(ctx context.Context) (*gpucheck.Found, error) {
			return gpucheck.Kernels(ctx, g.checked())
		}),
		step("goldens", func(ctx context.Context) (*gpucheck.Found, error) {
			return gpucheck.Goldens(ctx, g.checked(), o.Data)
		}))

	var tokenizer string
	weights := &cobra.Command{
		Use: "weights SHAPE DIR", Short: "A model with random weights",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return errors.New("expected a shape and a folder")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			return gpucheck.WriteModel(args[1], args[0], tokenizer, o.Small)
		},
	}
	weights.Flags().StringVar(&tokenizer, "tokenizer", "", "tokenizer.json, optionally compressed with gzip")
	weights.Flags().BoolVar(&o.Small, "small", false, "shapes of a few thousand parameters")
	c.AddCommand(weights)
	return c
}

// checked is the backend that gpu-check checks.
func (g *globals) checked() string {
	if g.backend == "auto" {
		return "xla:cuda"
	}
	return g.backend
}
