package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// single is the value of a flag that holds one, and remembers whether the command line gave it several.
type single struct {
	pflag.Value
	first  *string
	others bool // a later value was another
}

// Set implements pflag.Value.
func (s *single) Set(value string) error {
	if s.first == nil {
		s.first = &value
	}
	s.others = s.others || value != *s.first
	return s.Value.Set(value)
}

// watchRepeats has every flag that holds one value, of a command and those below it, remember a second one. Lists add
// up.
func watchRepeats(c *cobra.Command) {
	for _, flags := range []*pflag.FlagSet{c.Flags(), c.PersistentFlags()} {
		flags.VisitAll(func(f *pflag.Flag) {
			_, list := f.Value.(pflag.SliceValue)
			if _, watched := f.Value.(*single); !watched && !list && f.Value.Type() != "stringToString" {
				f.Value = &single{Value: f.Value}
			}
		})
	}
	for _, sub := range c.Commands() {
		watchRepeats(sub)
	}
}

// sayRepeats says of each flag that was given several values which one is taken: the last, so that a script's own
// values can be followed by its user's.
func sayRepeats(w io.Writer, flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		if s, ok := f.Value.(*single); ok && s.others {
			fmt.Fprintf(w, "--%s is given more than once: %q is used, not %q\n", f.Name, f.Value, *s.first)
		}
	})
}
