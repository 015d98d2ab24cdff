package main

import (
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/stele-lm/stele/docs"
	"github.com/stele-lm/stele/engine/builtin"
	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/eval/grade"
	"github.com/stele-lm/stele/eval/language"
	"github.com/stele-lm/stele/eval/multilingual"
	"github.com/stele-lm/stele/eval/prompt"
	"github.com/stele-lm/stele/eval/report"
	"github.com/stele-lm/stele/internal/hub"
	"github.com/stele-lm/stele/internal/nearest"
	"github.com/stele-lm/stele/kernels/blockwise"
	"github.com/stele-lm/stele/trainer"
	"github.com/stele-lm/stele/trainer/logger"
)

// backends, dtypes and kernels are the values of the global flags; a backend may also be
// xla:PATH.
var (
	backends = []string{"auto", "go", "xla:cpu", "xla:cuda"}
	dtypes   = []string{"auto", "float32", "bfloat16", "int8", "w8a8", "int4"}
	kernels  = []string{"auto", "host", "graph"}
	// benchFormats are the formats in which stele bench prints its table.
	benchFormats = []string{"md", "csv", "json", "jsonl"}
)

// flagValues returns the values that a shell offers for a flag, by the flag's name, which
// means the same in every command but for those that are named before it. Flags of files have the shell's own
// completion.
var flagValues = map[string]func() []string{
	"backend":         func() []string { return backends },
	"dtype":           func() []string { return dtypes },
	"convert dtype":   func() []string { return written },
	"kernels":         func() []string { return kernels },
	"quantize":        blockwise.Codes,
	"model":           func() []string { return append(builtinModels(), hub.Cached(hub.Model)...) },
	"grader":          grade.Names,
	"bench":           bench.Names,
	"lang":            languages,
	"languages":       languages,
	"allow":           report.Settings,
	"logger":          logger.Names,
	"lang-candidates": func() []string { return append([]string{"all"}, languages()...) },
	"template":        func() []string { return append([]string{"auto"}, prompt.Templates()...) },
	"preset":          func() []string { return slices.Sorted(maps.Keys(eval.Presets)) },
	"output":          func() []string { return benchFormats },
	"measures":        func() []string { return append([]string{multilingual.All}, multilingual.Names()...) },
	"type":            func() []string { return []string{"auto", string(hub.Model), string(hub.Dataset)} },
	"set":             settingValues,
}

// yamlFlags are the flags whose values are files of YAML.
var yamlFlags = []string{"config", "plan", "registry"}

// folderFlags are the flags whose values are folders.
var folderFlags = []string{"out", "run", "data", "base", "trained", "adapter"}

func builtinModels() (models []string) {
	for _, name := range builtin.Names() {
		models = append(models, "builtin:"+name)
	}
	return models
}

func languages() []string { return append([]string{"study"}, language.Builtin().All()...) }

// settingKeys finds the settings in docs.Config that --set can give.
var settingKeys = regexp.MustCompile("(?m)^- `([a-z0-9_.]+)`")

// settingValues returns the settings of stele train as --set has them: up to the =, and
// presets and built-in models whole.
func settingValues() (values []string) {
	for _, key := range settingKeys.FindAllStringSubmatch(docs.Config, -1) {
		values = append(values, key[1]+"=")
	}
	for _, preset := range slices.Sorted(maps.Keys(trainer.Presets)) {
		values = append(values, "preset="+preset)
	}
	for _, model := range builtinModels() {
		values = append(values, "model="+model)
	}
	return values
}

// shells are those that a script can be written for.
var shells = map[string]func(root *cobra.Command, out io.Writer) error{
	"bash":       func(root *cobra.Command, out io.Writer) error { return root.GenBashCompletionV2(out, true) },
	"zsh":        (*cobra.Command).GenZshCompletion,
	"fish":       func(root *cobra.Command, out io.Writer) error { return root.GenFishCompletion(out, true) },
	"powershell": (*cobra.Command).GenPowerShellCompletionWithDesc,
}

func newCompletionCommand(*globals) *cobra.Command {
	names := slices.Sorted(maps.Keys(shells))
	expected := strings.Join(names, ", ")
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a script for shell completion of commands, flags and values: " + expected,
		Long: `Print a script for shell completion of commands, flags and values: ` + expected + `.

  bash         source <(stele completion bash), in .bashrc, with bash-completion installed
  zsh          source <(stele completion zsh), in .zshrc, after compinit
  fish         stele completion fish | source, in config.fish
  powershell   stele completion powershell | Out-String | Invoke-Expression, in $PROFILE`,
		ValidArgs: names,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("one shell is expected: %s", expected)
			}
			write := shells[args[0]]
			if write == nil {
				return usagef("unknown shell %q: expected %s%s", args[0], expected, nearest.Hint(args[0], names))
			}
			return write(c.Root(), c.OutOrStdout())
		},
	}
}

// completeFlags gives the flags of a command and of those below it what a shell offers.
func completeFlags(c *cobra.Command) {
	complete := func(f *pflag.Flag) {
		values := flagValues[f.Name]
		if own := flagValues[c.Name()+" "+f.Name]; own != nil {
			values = own
		}
		if values != nil && f.Value.Type() != "bool" {
			must(c.RegisterFlagCompletionFunc(f.Name,
				func(_ *cobra.Command, _ []string, written string) ([]string, cobra.ShellCompDirective) {
					return offered(f, values(), written)
				}))
		} else if slices.Contains(folderFlags, f.Name) && f.DefValue == "" {
			must(c.MarkFlagDirname(f.Name))
		} else if slices.Contains(yamlFlags, f.Name) {
			must(c.MarkFlagFilename(f.Name, "yaml", "yml"))
		}
	}
	c.LocalFlags().VisitAll(complete)
	for _, sub := range c.Commands() {
		completeFlags(sub)
	}
}

// offered returns the values that go on from what is written, of a list after its last comma.
// Models and benchmarks may be files too, which the shell offers where none of the values fits.
func offered(f *pflag.Flag, values []string, written string) ([]string, cobra.ShellCompDirective) {
	before := ""
	if f.Value.Type() == "stringSlice" {
		before = written[:strings.LastIndexByte(written, ',')+1]
	}
	list := goingOn(values, before, written)
	switch f.Name {
	case "model", "bench":
		return list, cobra.ShellCompDirectiveDefault
	case "set":
		return list, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

// goingOn returns the values, each after what is before it, that begin with what is written.
func goingOn(values []string, before, written string) (list []string) {
	for _, value := range values {
		if strings.HasPrefix(before+value, written) {
			list = append(list, before+value)
		}
	}
	return list
}
