// Command stele loads a Hugging Face Qwen2.5 or Llama checkpoint, samples from
// it, trains it with GRPO and measures how its reasoning carries over to other
// languages.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// globals are the flags that every subcommand understands.
type globals struct {
	backend string // auto | go | xla:cpu | xla:cuda | xla:PATH
	dtype   string // float32 | bfloat16 | int8
	kernels string // auto | host | graph
	verbose bool
	json    bool // machine-readable results where a table would be printed
}

// Exit codes of the command-line contract.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// usageError marks an error as wrong usage: exit code 2.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// usagef reports wrong usage of a flag or an argument.
func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func newRootCommand() *cobra.Command {
	g := &globals{}
	root := &cobra.Command{
		Use:           "stele",
		Short:         "Sample, train with GRPO and measure cross-lingual transfer, from one binary",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown command %q: see stele --help", args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
		// Cobra checks these too, but not as wrong usage.
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			if err := errors.Join(c.ValidateRequiredFlags(), c.ValidateFlagGroups()); err != nil {
				return usagef("%w: see %s --help", err, c.CommandPath())
			}
			return nil
		},
	}
	flags := root.PersistentFlags()
	flags.StringVar(&g.backend, "backend", "auto", "auto, go, xla:cpu, xla:cuda or xla:PATH")
	flags.StringVar(&g.dtype, "dtype", "float32", "dtype of the weights in memory: float32, bfloat16 or int8 (on a CPU, not for training)")
	flags.StringVar(&g.kernels, "kernels", "auto", "what generates: host (Stele's own, on a CPU), graph (compiled on the backend) or auto")
	flags.BoolVarP(&g.verbose, "verbose", "v", false, "say more")
	flags.BoolVar(&g.json, "json", false, "print results as JSON where there is a table")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		newGenerateCommand(g),
		newScoreCommand(g),
		newTokenizeCommand(g),
		newTrainCommand(g),
		newReportCommand(g),
		newLangidCommand(g),
		newMetricsCommand(g),
		newGradeCommand(g),
		newEvalCommand(g),
		newPullCommand(g),
		newBenchCommand(g),
		newDoctorCommand(g),
		newVersionCommand(g),
	)
	return root
}

// noArguments refuses arguments that are no flags.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("unexpected argument %q: see %s --help", args[0], c.CommandPath())
	}
	return nil
}

// must is for errors that only a mistake in this package can cause.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	reexec()
	os.Exit(run())
}

// run executes the command line and returns the exit code.
func run() int {
	ctx := untilSignal()
	err := newRootCommand().ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitDone
	case ctx.Err() != nil || errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "stele: interrupted")
		return exitInterrupted
	}
	fmt.Fprintln(os.Stderr, "stele:", err)
	if usage := (usageError{}); errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}
