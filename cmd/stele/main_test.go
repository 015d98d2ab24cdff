package main

import (
	"errors"
	"io"
	"testing"
)

func TestWrongUsage(t *testing.T) {
	for _, args := range [][]string{
		{"no-such-command"},
		{"version", "argument"},
		{"version", "--no-such-flag"},
		{"tokenize"}, // required flags
	} {
		root := newRootCommand()
		root.SetArgs(args)
		root.SetOut(io.Discard)
		root.SetErr(io.Discard)
		err := root.Execute()
		if usage := (usageError{}); !errors.As(err, &usage) {
			t.Errorf("stele %q: error %v, want wrong usage", args, err)
		}
	}
}
