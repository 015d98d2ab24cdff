package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestRepeats: of a flag that holds one value and is given two the last counts, which is said, in every command; the
// same value twice, and lists, need no word.
func TestRepeats(t *testing.T) {
	values := map[string][2]string{"string": {"a", "b"}, "int": {"1", "2"}, "int64": {"1", "2"}, "uint64": {"1", "2"},
		"float64": {"0.1", "0.2"}, "bool": {"true", "false"}, "duration": {"1s", "2s"}, "uint": {"1", "2"}}
	tried := 0
	said := func(c *cobra.Command, arguments ...string) string {
		t.Helper()
		if err := c.ParseFlags(arguments); err != nil {
			t.Fatalf("%s %v: %v", c.CommandPath(), arguments, err)
		}
		var b strings.Builder
		sayRepeats(&b, c.Flags())
		return b.String()
	}
	var each func(path []string)
	each = func(path []string) {
		find := func() *cobra.Command {
			c, _, err := newRootCommand().Find(path)
			if err != nil {
				t.Fatal(err)
			}
			c.InheritedFlags() // merges those of the commands above
			return c
		}
		find().Flags().VisitAll(func(f *pflag.Flag) {
			if _, list := f.Value.(pflag.SliceValue); list || f.Value.Type() == "stringToString" || f.Name == "help" ||
				f.Name == "version" {
				return
			}
			two, ok := values[f.Value.Type()]
			if !ok {
				t.Errorf("%v --%s: a flag of type %s is not tried", path, f.Name, f.Value.Type())
				return
			}
			tried++
			c := find()
			want := "--" + f.Name + ` is given more than once: "` + two[1] + `" is used, not "` + two[0] + "\"\n"
			if got := said(c, "--"+f.Name+"="+two[0], "--"+f.Name+"="+two[1]); got != want ||
				c.Flag(f.Name).Value.String() != two[1] {
				t.Errorf("%v --%s twice: %q is said, the value is %s", path, f.Name, got, c.Flag(f.Name).Value)
			}
		})
		for _, sub := range find().Commands() {
			each(append(path[:len(path):len(path)], sub.Name()))
		}
	}
	each(nil)
	if tried < 100 {
		t.Errorf("%d flags were tried", tried)
	}
	version, _, _ := newRootCommand().Find([]string{"version"})
	version.InheritedFlags()
	if got := said(version, "--json", "--json"); got != "" {
		t.Errorf("the same value twice: %s", got)
	}
}
