package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"
)

func newManCommand(*globals) *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write manual pages of all commands into a folder",
		Hidden: true,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("one folder is expected, which gets the pages")
			}
			return writeManual(args[0])
		},
	}
}

// manualOfAll is what the page of stele says beside what its commands are.
const manualOfAll = `Loads a Hugging Face checkpoint, samples from it, trains it with GRPO and measures how its reasoning
carries over to other languages. Each command has a page of its own; stele COMMAND --help says the same.

# EXIT STATUS
0 when all was done, 1 when something failed, 2 for wrong usage, 130 when it was interrupted.

# ENVIRONMENT
**PJRT_PLUGIN_LIBRARY_PATH**
	folders of XLA's plugins, before all others that are searched

**STELE_CPU**
	caps the instructions that are used: scalar, avx2, avx512, avx512_bf16 or amx

**STELE_PROGRAMS**, **STELE_PROGRAMS_LIMIT**
	folder of compiled programs, or off, and its size

**HF_HOME**, **HF_HUB_CACHE**, **HF_ENDPOINT**, **HF_TOKEN**
	the hub's local cache and the hub, as Hugging Face's own programs have them
`

// writeManual writes a page for each command that is not hidden. Its date is SOURCE_DATE_EPOCH's, today without.
func writeManual(dir string) error {
	date := time.Now()
	if epoch := os.Getenv("SOURCE_DATE_EPOCH"); epoch != "" {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			return fmt.Errorf("SOURCE_DATE_EPOCH is %q, expected seconds since 1970", epoch)
		}
		date = time.Unix(seconds, 0)
	}
	date = date.UTC()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root := newRootCommand()
	inMarkdown(root)
	root.Long = manualOfAll
	return writePages(root, dir, doc.GenManHeader{Section: "1", Date: &date, Source: "Stele", Manual: "Stele"})
}

func writePages(c *cobra.Command, dir string, header doc.GenManHeader) error {
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			if err := writePages(sub, dir, header); err != nil {
				return err
			}
		}
	}
	header.Title = strings.ToUpper(strings.ReplaceAll(c.CommandPath(), " ", "-"))
	var page strings.Builder
	if err := doc.GenMan(c, &header, &page); err != nil {
		return err
	}
	name := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".1"
	text := described.ReplaceAllString(page.String(), ".TP\n$1\n")
	text = strings.Replace(text, header.Date.Format(`"Jan 2006"`), header.Date.Format(`"2006-01-02"`), 1)
	return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)
}

// described is a flag and what it does, which the library sets as one paragraph with a tab between.
var described = regexp.MustCompile(`(?m)^(?:\.PP\n)?(\\fB.+)\n\t`)

// inMarkdown makes Markdown, which cobra takes them for, of the texts of a command and of those below it: plain
// ones, in which indented lines stand as they are.
func inMarkdown(c *cobra.Command) {
	c.DisableAutoGenTag = true
	name, rest, _ := strings.Cut(c.Use, " ")
	c.Use = strings.TrimSpace(name + " " + markdownLine(rest))
	c.Short = markdownLine(c.Short)
	c.Long = markdownText(c.Long)
	escape := func(f *pflag.Flag) { f.Usage = markdownLine(f.Usage) }
	c.LocalNonPersistentFlags().VisitAll(escape)
	c.PersistentFlags().VisitAll(escape)
	for _, sub := range c.Commands() {
		inMarkdown(sub)
	}
}

// marks are those that mean something in a line of Markdown.
var marks = regexp.MustCompile("[\\\\`*_{}\\[\\]()<>#+!|~-]")

func markdownLine(line string) string { return marks.ReplaceAllString(line, `\$0`) }

func markdownText(text string) string {
	var b strings.Builder
	indented := false
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" { // goes on with what it is in
			b.WriteString(line)
			continue
		}
		before := indented
		if indented = strings.HasPrefix(line, "  "); indented != before {
			b.WriteString("\n")
		}
		if indented {
			b.WriteString("    " + line)
		} else {
			b.WriteString(markdownLine(line))
		}
	}
	return b.String()
}
