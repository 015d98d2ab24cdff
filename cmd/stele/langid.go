package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/stele-lm/stele/eval/langid"
	"github.com/stele-lm/stele/eval/language"
	"github.com/stele-lm/stele/internal/jsonl"
)

func newLangidCommand(*globals) *cobra.Command {
	var in, out, data string
	var among []string
	c := &cobra.Command{
		Use:   "langid --in FILE",
		Short: "Identify the language of texts, ignoring LaTeX, code and digits",
		Long: `Identify the language of texts, ignoring LaTeX, code, digits, symbols and the names in
formulas. Lines of --in have "text"; the output adds "lang", an ISO 639 code, and
"confidence", from 0 to 1. lang is "none" if no words are left, and "und" if they are in
no known language; confidence is 0 for both.

With --lang a text in the script of some of these languages must be in one of them: with
--lang study (the study's eleven) Portuguese counts as Spanish. Korean stays Korean.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			known, err := language.Find(data)
			if err != nil {
				return usageError{err}
			}
			detector, err := langid.Among(among, known)
			if err != nil {
				return usageError{err}
			}
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
	c.Flags().StringSliceVar(&among, "lang", nil,
		"choose among these languages: codes, or study for the eleven; by default all")
	c.Flags().StringVar(&data, "data", "", "folder with a languages.yaml of your own languages")
	must(c.MarkFlagRequired("in"))
	return c
}
