package main

import (
	"errors"

	"github.com/spf13/cobra"

	"stele/engine/jsonl"
	"stele/eval/langid"
)

func newLangidCommand(*globals) *cobra.Command {
	var in, out string
	c := &cobra.Command{
		Use:   "langid --in FILE",
		Short: "The language of texts, LaTeX, code and digits left out",
		Long: `The language of texts, one of the study's eleven, after LaTeX, code, digits and
symbols are left out. Lines of --in hold "text"; the output adds "lang", which is
"none" where no letters are left, and "confidence".`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			detector := langid.New()
			return mapRecords(c.Context(), in, out, func(record *jsonl.Record) error {
				var text string
				if err := required(record, "text", &text); err != nil {
					return err
				}
				lang, confidence := detector.Detect(text)
				return errors.Join(record.Set("lang", lang), record.Set("confidence", confidence))
			})
		},
	}
	c.Flags().StringVar(&in, "in", "", "JSONL file; - is stdin")
	c.Flags().StringVar(&out, "out", "-", "JSONL file; - is stdout")
	must(c.MarkFlagRequired("in"))
	return c
}
