package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestFlagTwice: a flag that holds one value and is given two is wrong usage, in every command; the same value twice,
// and lists, are not.
func TestFlagTwice(t *testing.T) {
	values := map[string][2]string{"string": {"a", "b"}, "int": {"1", "2"}, "int64": {"1", "2"}, "uint64": {"1", "2"},
		"float64": {"0.1", "0.2"}, "bool": {"true", "false"}, "duration": {"1s", "2s"}, "uint": {"1", "2"}}
	tried := 0
	var each func(c *cobra.Command, path []string)
	each = func(c *cobra.Command, path []string) {
		c.InheritedFlags() // merges those of the commands above
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if _, list := f.Value.(pflag.SliceValue); list || f.Value.Type() == "stringToString" || f.Name == "help" ||
				f.Name == "version" {
				return
			}
			two, ok := values[f.Value.Type()]
			if !ok {
				t.Errorf("%s --%s: a flag of type %s is not tried", c.CommandPath(), f.Name, f.Value.Type())
				return
			}
			tried++
			_, err := runCommand(append(path[:len(path):len(path)], "--"+f.Name+"="+two[0], "--"+f.Name+"="+two[1])...)
			if usage := (usageError{}); err == nil || !errors.As(err, &usage) || !strings.Contains(err.Error(), "--"+
				f.Name+` is given twice, as "`+two[0]+`" and as "`+two[1]+`": give one`) {
				t.Errorf("%s --%s twice: %v", c.CommandPath(), f.Name, err)
			}
		})
		for _, sub := range c.Commands() {
			each(sub, append(path[:len(path):len(path)], sub.Name()))
		}
	}
	each(newRootCommand(), nil)
	if tried < 100 {
		t.Errorf("%d flags were tried", tried)
	}
	if _, err := runCommand("version", "--json", "--json"); err != nil {
		t.Errorf("the same value twice: %v", err)
	}
}
