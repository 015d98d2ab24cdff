package main

import (
	"errors"

	"github.com/spf13/cobra"

	"stele/engine"
	"stele/engine/jsonl"
	"stele/engine/text"
)

func newTokenizeCommand(_ *globals) *cobra.Command {
	var name, in, out string
	var decode, special bool
	c := &cobra.Command{
		Use:   "tokenize -m MODEL --in FILE",
		Short: "Text to token ids, or back with --decode",
		Long: `Text to token ids, or back with --decode.

Lines of --in hold "text" and the output adds "ids"; with --decode they hold "ids" and
the output adds "text". --special adds the special tokens that the tokenizer puts around
a text; with --decode it writes them out instead of leaving them away.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			dir, err := engine.Resolve(name)
			if err != nil {
				return err
			}
			tokenizer, err := text.Load(dir)
			if err != nil {
				return err
			}
			defer tokenizer.Close()
			if decode {
				return mapRecords(c.Context(), in, out, func(record *jsonl.Record) error {
					return decodeRecord(tokenizer, record, special)
				})
			}
			return mapRecords(c.Context(), in, out, func(record *jsonl.Record) error {
				return encodeRecord(tokenizer, record, special)
			})
		},
	}
	c.Flags().StringVarP(&name, "model", "m", "", "folder, hub id in the local cache, or builtin:NAME")
	c.Flags().StringVar(&in, "in", "", "JSONL file; - is stdin")
	c.Flags().StringVar(&out, "out", "-", "JSONL file; - is stdout")
	c.Flags().BoolVar(&decode, "decode", false, `from "ids" to "text"`)
	c.Flags().BoolVar(&special, "special", false, "with the tokenizer's special tokens")
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

func decodeRecord(tokenizer *text.Tokenizer, record *jsonl.Record, special bool) error {
	var ids []int32
	if err := required(record, "ids", &ids); err != nil {
		return err
	}
	s, err := tokenizer.Decode(ids, !special)
	if err != nil {
		return err
	}
	return record.Set("text", s)
}
