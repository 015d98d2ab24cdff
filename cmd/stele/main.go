// Command stele loads a Hugging Face checkpoint of a model family that engine/architecture
// describes, samples from it, trains it with GRPO and measures how its reasoning carries over to
// other languages.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/eval/langid"
	"github.com/stele-lm/stele/internal/nearest"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/blockwise"
)

// globals are the flags that every subcommand understands.
type globals struct {
	backend string // auto | go | xla:cpu | xla:cuda | xla:PATH
	dtype   string // auto | float32 | bfloat16 | int8 | w8a8 | int4
	kernels string // auto | host | graph
	verbose bool
	json    bool // machine-readable results where a table would be printed

	// devices is among how many devices of the backend the commands that take it divide their work; 0 is 1.
	devices int

	// quantize is how the commands that take it hold the projections: none | nf4 | int8.
	quantize string

	// job is the processes that share the work of the commands in divided.
	job *cluster.Job

	// What a study sets for each of its jobs.
	shared  *backend.Shared
	threads int
	say     io.Writer
	means   bool // of an evaluation means over languages are said, and not each language
}

// stderr is where everybody is told what they must know.
func (g *globals) stderr() io.Writer {
	if g.say != nil {
		return g.say
	}
	return os.Stderr
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
		Short:         "Sample from, train with GRPO and evaluate language models, and measure cross-lingual transfer",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(c, args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
		// Cobra checks these too, but not as wrong usage.
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			if err := g.validate(); err != nil {
				return err
			}
			if g.devices < 1 {
				return usagef("--devices is %d, expected 1 or more: stele doctor says how many there are", g.devices)
			}
			if !langid.Models && slices.Contains(judgesTexts, c.Name()) {
				return fmt.Errorf("stele %s identifies languages, and this program was built without the models for "+
					"that (-tags nolingua): use one that was built without the tag", c.Name())
			}
			var missing []string
			c.Flags().VisitAll(func(f *pflag.Flag) {
				if f.Annotations[cobra.BashCompOneRequiredFlag] != nil && !f.Changed {
					missing = append(missing, "--"+f.Name)
				}
			})
			if len(missing) > 0 {
				return usagef("%s not set: see %s --help", strings.Join(missing, " and "), c.CommandPath())
			}
			if err := c.ValidateFlagGroups(); err != nil {
				return usagef("%s: see %s --help", flagGroup(err), c.CommandPath())
			}
			var err error
			if slices.Contains(divided, c.Name()) {
				err = g.join(c)
			}
			// One of several processes speaks.
			warnOfVariables(g.stderr(), os.Environ())
			sayRepeats(g.stderr(), c.Flags())
			return err
		},
	}
	flags := root.PersistentFlags()
	flags.StringVar(&g.backend, "backend", "auto", "auto, go, xla:cpu, xla:cuda or xla:PATH")
	flags.StringVar(&g.dtype, "dtype", engine.AutoDType, "dtype of the weights in memory: float32, bfloat16 or auto, "+
		"and for generation on a CPU int8, w8a8 or int4; auto is the model's own dtype; training uses float32 by "+
		"default")
	flags.StringVar(&g.kernels, "kernels", "auto",
		"what runs generation: host (Stele's own kernels, on a CPU), graph (compiled for the backend) or auto")
	flags.BoolVarP(&g.verbose, "verbose", "v", false, "print more details")
	flags.BoolVar(&g.json, "json", false, "print results as JSON instead of a table")
	root.SetFlagErrorFunc(flagError)
	root.Version = buildVersion()
	root.SetVersionTemplate("stele {{.Version}}\n")
	root.AddCommand(
		newGenerateCommand(g),
		newChatCommand(g),
		newServeCommand(g),
		newScoreCommand(g),
		newTokenizeCommand(g),
		newConvertCommand(),
		newTrainCommand(g),
		newStudyCommand(g),
		newReportCommand(g),
		newLangidCommand(g),
		newMetricsCommand(g),
		newCompareCommand(g),
		newGradeCommand(g),
		newEvalCommand(g),
		newPullCommand(g),
		newBenchCommand(g),
		newDoctorCommand(g),
		newGPUCheckCommand(g),
		newVersionCommand(g),
		newNoticesCommand(g),
		newCompletionCommand(g),
		newManCommand(g),
	)
	giveExamples(root)
	completeFlags(root)
	watchRepeats(root)
	return root
}

// judgesTexts are the commands whose result rests on which language a text is in.
var judgesTexts = []string{"eval", "compare", "langid", "metrics", "report", "study"}

// unknownCommand says that there is no such command, and which was probably meant.
func unknownCommand(c *cobra.Command, name string) error {
	var names []string
	for _, sub := range c.Commands() {
		names = append(names, sub.Name())
	}
	if near := nearest.Of(name, names); near != "" {
		return usagef("unknown command %q, did you mean %q? See %s --help", name, near, c.CommandPath())
	}
	return usagef("unknown command %q: see %s --help", name, c.CommandPath())
}

// namedFlags are the flags that an error of cobra's about a group of flags names last.
var namedFlags = regexp.MustCompile(`\[([^\]]*)\]`)

// flagGroup puts an error about a group of flags into words.
func flagGroup(err error) string {
	all := namedFlags.FindAllStringSubmatch(err.Error(), -1)
	if len(all) == 0 {
		return err.Error()
	}
	names := "--" + strings.Join(strings.Fields(all[len(all)-1][1]), " and --")
	if len(all) == 1 { // none of them is given
		return "give " + strings.ReplaceAll(names, " and ", " or ")
	}
	return names + " cannot both be given"
}

// flagError adds the flag that was probably meant to an error about an unknown one.
func flagError(c *cobra.Command, err error) error {
	if invalid := (*pflag.InvalidValueError)(nil); errors.As(err, &invalid) {
		return usagef("--%s %q: expected %s", invalid.GetFlag().Name, invalid.GetValue(),
			flagValue(invalid.GetFlag()))
	}
	name, unknown := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !unknown {
		return usageError{err}
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	c.InheritedFlags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := nearest.Of(name, names); near != "" {
		return usagef("%w, did you mean --%s? See %s --help", err, near, c.CommandPath())
	}
	return usagef("%w: see %s --help", err, c.CommandPath())
}

// flagValue says what values a flag has.
func flagValue(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "int", "int64":
		return "a whole number"
	case "uint", "uint64":
		return "a whole number from 0 on"
	case "float64":
		return "a number"
	case "bool":
		return "true or false"
	case "intSlice":
		return "whole numbers with commas between, as in 1,2"
	case "stringToString":
		return "NAME=VALUE, with commas between several"
	case "stringSlice":
		return "texts with commas between, as in a,b"
	}
	return "another value"
}

// validate refuses global flags that no command understands.
func (g *globals) validate() error {
	for _, flag := range []struct {
		name, value string
		known       []string
		also        string // the beginning of others that are right
	}{
		{"backend", g.backend, backends, "xla:"},
		{"dtype", g.dtype, dtypes, ""},
		{"kernels", g.kernels, kernels, ""},
		{"quantize", g.quantize, blockwise.Codes(), ""},
	} {
		if slices.Contains(flag.known, flag.value) || flag.also != "" &&
			strings.HasPrefix(flag.value, flag.also) {
			continue
		}
		expected := strings.Join(flag.known, ", ")
		if flag.also != "" {
			expected += ", " + flag.also + "PATH"
		}
		return usagef("--%s %q: expected %s%s", flag.name, flag.value, expected,
			nearest.Hint(flag.value, flag.known))
	}
	return nil
}

// noArguments refuses arguments that are no flags.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		if c.HasSubCommands() {
			return unknownCommand(c, args[0])
		}
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
	if err := keepPrograms(os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "stele:", err)
		return exitUsage
	}
	err := newRootCommand().ExecuteContext(ctx)
	if job := cluster.Joined(); job.Size > 1 {
		return endJob(ctx, job, err)
	}
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "stele: interrupted")
		return exitInterrupted
	case ctx.Err() != nil: // what failed while it ended
		fmt.Fprintf(os.Stderr, "stele: interrupted: %v\n", err)
		return exitInterrupted
	}
	if cluster.Quiet(err) {
		return exitFailed
	}
	fmt.Fprintln(os.Stderr, "stele:", err)
	if usage := (usageError{}); errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}
