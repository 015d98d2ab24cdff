package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// shown are the commands that help lists, and the root.
func shown(c *cobra.Command) (list []*cobra.Command) {
	list = append(list, c)
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			list = append(list, shown(sub)...)
		}
	}
	return list
}

// manual writes the pages of all commands.
func manual(t *testing.T) string {
	t.Helper()
	t.Setenv("SOURCE_DATE_EPOCH", "1767225600")
	dir := t.TempDir()
	root := newRootCommand()
	root.SetArgs([]string{"man", dir})
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestManual: each command has a page, with its flags, and what a reader of the page sees has every word of its
// help, in the same order.
func TestManual(t *testing.T) {
	dir := manual(t)
	render, warn := renderer(t)
	var want []string
	for _, c := range shown(newRootCommand()) {
		name := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".1"
		want = append(want, name)
		page, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if !strings.Contains(string(page), `"2026-01-01"`) {
			t.Errorf("%s is not of the date that is asked for", name)
		}
		if strings.Contains(string(page), "spf13") {
			t.Errorf("%s names the library that made it", name)
		}
		if render == nil {
			continue
		}
		text := words(render(t, filepath.Join(dir, name)))
		has := func(what, s string) {
			if !strings.Contains(text, words(s)) {
				t.Errorf("%s: rendered, the %s is not there: %.300s", name, what, words(s))
			}
		}
		has("short description", c.Short)
		if c.HasParent() {
			has("description", c.Long)
		}
		_, arguments, _ := strings.Cut(c.Use, " ")
		has("use", arguments)
		for line := range strings.Lines(c.Example) {
			has("example", line)
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				has("flag", "--"+f.Name)
				has("usage of --"+f.Name, f.Usage)
			}
		})
		if said := warn(filepath.Join(dir, name)); said != "" {
			t.Errorf("%s: %s", name, said)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("pages %q, expected %q", got, want)
	}
	if render == nil {
		t.Log("neither groff nor mandoc is here: pages were not rendered")
	}
}

// renderer returns what renders a page as text and what says what is wrong with it, or nil where there is none.
func renderer(t *testing.T) (render func(t *testing.T, page string) string, warn func(page string) string) {
	t.Helper()
	run := func(name string, args ...string) (string, string) {
		c := exec.Command(name, args...)
		var out, said bytes.Buffer
		c.Stdout, c.Stderr = &out, &said
		if err := c.Run(); err != nil && out.Len() == 0 {
			said.WriteString(err.Error())
		}
		return out.String(), said.String()
	}
	if _, err := exec.LookPath("groff"); err == nil {
		args := []string{"-k", "-t", "-man", "-Tutf8", "-P-cbou", "-rLL=300n", "-rHY=0", "-ww"}
		return func(_ *testing.T, page string) string {
				text, _ := run("groff", append(args, page)...)
				return text
			}, func(page string) string {
				_, said := run("groff", append(args, page)...)
				return said
			}
	}
	if _, err := exec.LookPath("mandoc"); err == nil {
		return func(_ *testing.T, page string) string {
				text, _ := run("mandoc", "-T", "utf8", "-O", "width=300", page)
				for strings.Contains(text, "\b") { // over-struck letters
					i := strings.Index(text, "\b")
					text = text[:i-1] + text[i+1:]
				}
				return text
			}, func(page string) string {
				said, _ := run("mandoc", "-T", "lint", "-W", "warning", page)
				return said
			}
	}
	return nil, nil
}

// words are the words of a text with one space between, whatever dashes and quotes a device has for -, ' and `.
func words(text string) string {
	text = strings.NewReplacer("‐", "-", "−", "-", "’", "'", "‘", "'", "`", "'", "´", "'").Replace(text)
	return strings.Join(strings.Fields(text), " ")
}

// TestFlagsAreDescribed: no flag without a description, none that is a sentence with a full stop, no command
// without a line of its own.
func TestFlagsAreDescribed(t *testing.T) {
	flags := 0
	for _, c := range shown(newRootCommand()) {
		if c.Short == "" {
			t.Errorf("%s has no description", c.CommandPath())
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			flags++
			if f.Usage != strings.TrimSpace(f.Usage) || f.Usage == "" || strings.HasSuffix(f.Usage, ".") {
				t.Errorf("%s --%s: description %q", c.CommandPath(), f.Name, f.Usage)
			}
		})
	}
	if flags < 100 {
		t.Errorf("only %d flags were seen", flags)
	}
}

// TestExamples: each command's help has examples; each is a command line that Stele takes: its flags and their
// values, its arguments, its settings.
func TestExamples(t *testing.T) {
	for _, c := range shown(newRootCommand()) {
		if c.Example == "" && c.Name() != "help" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		own := false
		for line := range strings.Lines(c.Example) {
			for _, call := range calls(t, line) {
				if call[0] != "stele" {
					continue
				}
				if found := takes(t, line, call[1:]); found == c.CommandPath() || !c.HasParent() {
					own = true
				}
			}
		}
		if c.Example != "" && !own {
			t.Errorf("%s: its examples are of other commands", c.CommandPath())
		}
	}
	for path := range examples {
		if c, _, err := newRootCommand().Find(strings.Fields(path)[1:]); err != nil || c.CommandPath() != path {
			t.Errorf("examples are of %q, which is no command", path)
		}
	}
}

// takes reports what is wrong with a command line and returns the command that it is of.
func takes(t *testing.T, line string, args []string) string {
	t.Helper()
	root := newRootCommand()
	c, rest, err := root.Find(args)
	if err != nil {
		t.Errorf("%s: %v", line, err)
		return ""
	}
	c.InitDefaultHelpFlag()
	if err := c.ParseFlags(rest); err != nil {
		t.Errorf("%s: %v", line, err)
		return ""
	}
	if err := c.ValidateArgs(c.Flags().Args()); err != nil {
		t.Errorf("%s: %v", line, err)
	}
	if err := root.PersistentPreRunE(c, c.Flags().Args()); err != nil {
		t.Errorf("%s: %v", line, err)
	}
	c.Flags().Visit(func(f *pflag.Flag) {
		known := flagValues[f.Name]
		if own := flagValues[c.Name()+" "+f.Name]; own != nil {
			known = own
		}
		if known == nil || f.Name == "model" {
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, value := range values {
			if key, _, setting := strings.Cut(value, "="); setting {
				value = key + "="
			}
			if !slices.Contains(known(), value) {
				t.Errorf("%s: --%s %s is not among %q", line, f.Name, value, known())
			}
		}
	})
	return c.CommandPath()
}

// calls splits a line as a shell does, at pipes and blanks outside of quotes; where output goes is left out.
func calls(t *testing.T, line string) (list [][]string) {
	t.Helper()
	var call []string
	var word strings.Builder
	var quote rune
	in := false
	end := func() {
		if in {
			call = append(call, word.String())
		}
		word.Reset()
		in = false
	}
	for _, r := range strings.TrimSpace(line) {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, in = r, true
		case r == ' ':
			end()
		case r == '|' || r == '>':
			end()
			list, call = append(list, call), nil
		default:
			word.WriteRune(r)
			in = true
		}
	}
	if end(); quote != 0 {
		t.Errorf("%s: a quote is not closed", line)
	}
	return append(list, call)
}
