package main

import (
	"errors"
	"fmt"
	"io"

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
		RunE: func(*cobra.Command, []string) error {
			r, err := jsonl.Open(in)
			if err != nil {
				return err
			}
			defer r.Close()
			w, err := jsonl.Create(out)
			if err != nil {
				return err
			}
			defer w.Abort()
			detector := langid.New()
			for {
				record, err := r.Next()
				if err == io.EOF {
					return w.Close()
				}
				if err != nil {
					return err
				}
				var text string
				found, err := record.Decode("text", &text)
				if err == nil && !found {
					err = errors.New(`no "text"`)
				}
				if err != nil {
					return fmt.Errorf("%s: %w", r.Where(), err)
				}
				lang, confidence := detector.Detect(text)
				if err := errors.Join(record.Set("lang", lang), record.Set("confidence", confidence), w.Write(record)); err != nil {
					return err
				}
			}
		},
	}
	c.Flags().StringVar(&in, "in", "", "JSONL file; - is stdin")
	c.Flags().StringVar(&out, "out", "-", "JSONL file; - is stdout")
	must(c.MarkFlagRequired("in"))
	return c
}
