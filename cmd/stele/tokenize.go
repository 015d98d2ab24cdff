package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/internal/jsonl"
)

func newTokenizeCommand(_ *globals) *cobra.Command {
	var name, in, out string
	var decode, special bool
	c := &cobra.Command{
		Use:   "tokenize -m MODEL --in FILE",
		Short: "Turn text into token ids, or back with --decode",
		Long: `Turn text into token ids, or back with --decode.

Lines of --in have "text", and the output adds "ids". With --decode they have "ids", and
the output adds "text". --special adds the special tokens that the tokenizer puts around
a text; with --decode it writes them out instead of dropping them.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			dir, err := engine.Resolve(name)
			if err != nil {
				return err
			}
			files, err := checkpoint.Files(dir)
			if err != nil {
				return err
			}
			tokenizer, err := text.LoadFrom(files, dir)
			if err != nil {
				return err
			}
			defer tokenizer.Close()
			if decode {
				unknown := map[int32]bool{}
				defer func() {
					if len(unknown) > 0 {
						fmt.Fprintf(c.ErrOrStderr(),
							"warning: %s: the tokenizer has no text for %d of the ids, such as %d: they "+
								"are left out\n",
							in, len(unknown), slices.Min(slices.Collect(maps.Keys(unknown))))
					}
				}()
				return mapRecords(c.Context(), in, out, func(record *jsonl.Record) error {
					return decodeRecord(tokenizer, record, special, unknown)
				})
			}
			return mapRecords(c.Context(), in, out, func(record *jsonl.Record) error {
				return encodeRecord(tokenizer, record, special)
			})
		},
	}
	c.Flags().StringVarP(&name, "model", "m", "", modelUsage)
	c.Flags().StringVar(&in, "in", "", "JSONL file; - is stdin")
	c.Flags().StringVar(&out, "out", "-", "JSONL file; - is stdout")
	c.Flags().BoolVar(&decode, "decode", false, `from "ids" to "text"`)
	c.Flags().BoolVar(&special, "special", false, "include the tokenizer's special tokens")
	must(errors.Join(c.MarkFlagRequired("model"), c.MarkFlagRequired("in")))
	return c
}

func encodeRecord(tokenizer *text.Tokenizer, record *jsonl.Record, special bool) error {
	var s string
	if err := required(record, "text", &s); err != nil {
		return err
	}
	ids, err := tokenizer.Encode(s, special)
	if err != nil {
		return err
	}
	if ids == nil {
		ids = []int32{} // an empty text is [], not null
	}
	return record.Set("ids", ids)
}

// decodeRecord turns a record's ids to text, and notes those that have none.
func decodeRecord(tokenizer *text.Tokenizer, record *jsonl.Record, special bool,
	unknown map[int32]bool) error {
	var ids []int32
	if err := required(record, "ids", &ids); err != nil {
		return err
	}
	s, err := tokenizer.Decode(ids, !special)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if !tokenizer.Has(id) {
			unknown[id] = true
		}
	}
	return record.Set("text", s)
}
