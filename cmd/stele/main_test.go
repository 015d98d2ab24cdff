package main

import (
	"errors"
	"io"
	"strings"
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

// TestUsageInWords: what cobra, pflag and strconv say of flags is put into words.
func TestUsageInWords(t *testing.T) {
	for _, c := range []struct {
		args string
		want string
	}{
		{"generate -p x", "--model not set: see stele generate --help"},
		{"score", "--in and --model not set: see stele score --help"},
		{"generate -m m -p x --temperature warm", `--temperature "warm": expected a number`},
		{"generate -m m -p x --seed -1", `--seed "-1": expected a whole number from 0 on`},
		{"generate -m m -p x -n 1.5", `--n "1.5": expected a whole number`},
		{"eval -m m --level a,b", `--level "a,b": expected whole numbers with commas between, as in 1,2`},
		{"eval -m m --fields answer", `--fields "answer": expected NAME=VALUE, with commas between several`},
		{"eval -m m --hack=maybe --out x", `--hack "maybe": expected true or false`},
		{"grade", "give --in or --run: see stele grade --help"},
		{"grade --in a --run b", "--in and --run cannot both be given: see stele grade --help"},
		{"eval -m m --hack --no-hack --out x",
			"--hack and --no-hack cannot both be given: see stele eval --help"},
		{"eval -m m", "--out is not set: it is the folder of the run"},
		{"generate -m m -p x --raw --system s", "--system needs the chat template, and --raw leaves it out"},
	} {
		_, _, err := stele(t, strings.Fields(c.args)...)
		if usage := (usageError{}); !errors.As(err, &usage) || err.Error() != c.want {
			t.Errorf("stele %s: %v, want %q", c.args, err, c.want)
		}
	}
}
