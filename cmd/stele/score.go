package main

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/spf13/cobra"

	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/progress"
)

func newScoreCommand(g *globals) *cobra.Command {
	var name, adapter, in, out string
	var temperature float64
	c := &cobra.Command{
		Use:   "score -m MODEL --in FILE",
		Short: "Log-probabilities of given completions",
		Long: `Log-probabilities of given completions.

Lines of --in have "prompt_ids" and "completion_ids", or "token_ids" as stele generate
writes them. The output adds "logprobs", one for each completion id, over the whole
vocabulary at --temperature. Existing "logprobs" are replaced; all other fields are kept.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if !(temperature > 0) || math.IsInf(temperature, 1) {
				return usagef("--temperature is %g, expected a finite number above 0: the "+
					"log-probabilities are those of the logits divided by it", temperature)
			}
			records, pairs, where, err := readPairs(in)
			if err != nil {
				return err
			}
			e, err := loadAdapted(c, name, adapter, g.engineOptions(0))
			if err != nil {
				return err
			}
			defer e.Close()
			for i, p := range pairs {
				if err := e.CheckPair(p); err != nil {
					return fmt.Errorf("%s: %w", where[i], err)
				}
			}
			meter := progress.New(c.ErrOrStderr(), "score", "completions", 0, len(pairs), 1).IfLong()
			defer meter.Close()
			e.Scored = func(pairs, tokens int) {
				meter.AddTokens(tokens)
				meter.Add(pairs, "")
			}
			scores, err := e.Score(c.Context(), pairs, temperature)
			if err != nil {
				return fmt.Errorf("%s: %w", in, err)
			}
			w, err := jsonl.Create(out)
			if err != nil {
				return err
			}
			defer w.Abort()
			for i, record := range records {
				if err := errors.Join(record.Set("logprobs", scores[i].LogProbs),
					w.Write(record)); err != nil {
					return err
				}
			}
			return w.Close()
		},
	}
	c.Flags().StringVarP(&name, "model", "m", "", modelUsage)
	c.Flags().StringVar(&adapter, "adapter", "", adapterUsage)
	g.quantizeFlag(c)
	g.devicesFlag(c)
	c.Flags().StringVar(&in, "in", "", "JSONL file; - is stdin")
	c.Flags().StringVar(&out, "out", "-", "JSONL file; - is stdout")
	c.Flags().Float64Var(&temperature, "temperature", 1, "temperature of the distribution")
	must(errors.Join(c.MarkFlagRequired("model"), c.MarkFlagRequired("in")))
	return c
}

// readPairs reads the input of stele score; where is the place of each record.
func readPairs(path string) (records []*jsonl.Record, pairs []dense.Pair, where []string, err error) {
	in, err := jsonl.Open(path)
	if err != nil {
		return nil, nil, nil, err
	}
	defer in.Close()
	for {
		record, err := in.Next()
		if err == io.EOF {
			if len(records) == 0 {
				return nil, nil, nil, noRecord(path)
			}
			return records, pairs, where, nil
		}
		if err != nil {
			return nil, nil, nil, err
		}
		p, err := pairOf(record)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("%s: %w", in.Where(), err)
		}
		records, pairs, where = append(records, record), append(pairs, p), append(where, in.Where())
	}
}

// pairOf reads a line of stele score's input; completion ids have the name token_ids in
// what stele generate writes.
func pairOf(record *jsonl.Record) (p dense.Pair, err error) {
	for _, field := range []struct {
		keys []string
		ids  *[]int32
	}{{[]string{"prompt_ids"}, &p.Prompt}, {[]string{"completion_ids", "token_ids"}, &p.Completion}} {
		found := false
		for _, key := range field.keys {
			if found {
				break
			}
			if found, err = record.Decode(key, field.ids); err != nil {
				return p, fmt.Errorf("%w, token ids", err)
			}
		}
		if !found {
			return p, fmt.Errorf("%w; stele tokenize makes ids of text", record.Lacks(field.keys...))
		}
	}
	return p, nil
}
