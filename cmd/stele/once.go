package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// once is the value of a flag that holds one: given again with another value it is an error, where pflag takes the
// last in silence.
type once struct {
	pflag.Value
	given *string
}

// twiceError says that a flag was given two values.
type twiceError struct{ first, second string }

func (e twiceError) Error() string {
	return fmt.Sprintf("is given twice, as %q and as %q: give one", e.first, e.second)
}

// Set implements pflag.Value.
func (o *once) Set(value string) error {
	if o.given != nil && *o.given != value {
		return twiceError{*o.given, value}
	}
	o.given = &value
	return o.Value.Set(value)
}

// onlyOnce has every flag that holds one value, of a command and those below it, refuse a second one. Lists add up.
func onlyOnce(c *cobra.Command) {
	for _, flags := range []*pflag.FlagSet{c.Flags(), c.PersistentFlags()} {
		flags.VisitAll(func(f *pflag.Flag) {
			_, list := f.Value.(pflag.SliceValue)
			if _, wrapped := f.Value.(*once); !wrapped && !list && f.Value.Type() != "stringToString" {
				f.Value = &once{Value: f.Value}
			}
		})
	}
	for _, sub := range c.Commands() {
		onlyOnce(sub)
	}
}
