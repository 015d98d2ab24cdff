package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/answer"
	"github.com/stele-lm/stele/eval/grade"
	"github.com/stele-lm/stele/eval/language"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/nearest"
)

func newGradeCommand(g *globals) *cobra.Command {
	var in, out, run, grader, data string
	c := &cobra.Command{
		Use:   "grade --in FILE | --run RUN",
		Short: "Judge whether answers are right",
		Long: `Judge whether answers are right.

Lines of --in have "output" (a model's text) and "reference". Optional fields are
"data_name", the name of a benchmark with rules of its own in the Qwen2.5-Math code, and
"answer_type", such as text or choice of 10, for answers that are not mathematics.
"gt" may replace "reference" if it is already normalised. "prediction" may replace
"output"; the strings are then compared as they are. The output adds "extracted", "pred",
"gt", "verdict" and "via", the rule that decided.

With --run the samples of an evaluation, and their languages, are judged again without
the model. --out is the folder of the run with the new verdicts; without it the results
are only shown. The grader is the run's own unless --grader names one.

--grader qwen gives the verdicts of the Qwen2.5-Math evaluation; strict corrects those
that a person would not share.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if run != "" {
				if !c.Flags().Changed("grader") {
					grader = ""
				}
				return regradeRun(c, g, run, grader, out)
			}
			if out == "" {
				out = "-"
			}
			chosen, err := graderNamed(grader)
			if err != nil {
				return err
			}
			known, err := language.Find(data)
			if err != nil {
				return usageError{err}
			}
			empty := 0
			err = mapRecords(c.Context(), in, out, func(record *jsonl.Record) error {
				var reference string
				if found, err := record.Decode("reference", &reference); err == nil && found &&
					strings.TrimSpace(reference) == "" {
					empty++
				}
				return gradeRecord(record, chosen, known)
			})
			if empty > 0 {
				fmt.Fprintf(c.ErrOrStderr(),
					"warning: %d references are empty: qwen takes any number for right there, strict "+
						"nothing\n", empty)
			}
			return err
		},
	}
	c.Flags().StringVar(&in, "in", "", "JSONL file; - is stdin")
	c.Flags().StringVar(&run, "run", "", "folder of an evaluation")
	c.Flags().StringVar(&out, "out", "", "JSONL file, by default stdout; with --run a folder")
	c.Flags().StringVar(&data, "data", "",
		"folder with a languages.yaml, for the digits and separators of each record's \"language\"")
	c.Flags().StringVar(&grader, "grader", grade.Default.Name, strings.Join(grade.Names(), " or "))
	c.MarkFlagsOneRequired("in", "run")
	c.MarkFlagsMutuallyExclusive("in", "run")
	return c
}

// graderNamed reads --grader.
func graderNamed(name string) (*grade.Grader, error) {
	g, err := grade.Named(name)
	if err != nil {
		err = usagef("--grader %q: must be %s%s", name, strings.Join(grade.Names(), " or "),
			nearest.Hint(name, grade.Names()))
	}
	return g, err
}

// regradeRun judges the samples of an evaluation again.
func regradeRun(c *cobra.Command, g *globals, run, grader, out string) error {
	if grader != "" {
		if _, err := graderNamed(grader); err != nil {
			return err
		}
	}
	spec, err := eval.ReadSpec(run)
	if err != nil {
		return err
	}
	identify, err := identifyAmong(spec, os.Stderr)
	if err != nil {
		return fmt.Errorf("%s: %w", run, err)
	}
	results, err := eval.Regrade(c.Context(), run, grader, out, buildVersion(), identify, os.Stderr)
	if err != nil {
		return err
	}
	return showResults(c.OutOrStdout(), g, results)
}

// gradeRecord adds the verdict to one line of the input of stele grade.
func gradeRecord(record *jsonl.Record, g *grade.Grader, known *language.Table) error {
	var output, prediction, reference, gt, dataName, label, code string
	hasReference, errReference := record.Decode("reference", &reference)
	hasGT, errGT := record.Decode("gt", &gt)
	hasOutput, errOutput := record.Decode("output", &output)
	hasPrediction, errPrediction := record.Decode("prediction", &prediction)
	_, errName := record.Decode("data_name", &dataName)
	_, errLabel := record.Decode("answer_type", &label)
	var errLanguage error
	if _, errLanguage = record.Decode("language", &code); known.Own() == nil {
		errLanguage = nil // a field of another meaning
	}
	switch err := errors.Join(errReference, errGT, errOutput, errPrediction, errName, errLabel,
		errLanguage); {
	case err != nil:
		return err
	case !hasReference && !hasGT:
		return record.Lacks("reference", "gt")
	case hasOutput == hasPrediction:
		return errors.New(`one of "output" and "prediction" is needed`)
	}
	of, err := answer.Labelled(label, nil)
	if err != nil {
		return fmt.Errorf("field \"answer_type\": %w", err)
	}
	output = known.Figures(code, output, answer.Label(of) == "")
	reference = known.Reference(code, reference, answer.Label(of) == "")
	comparer, compares := of.(answer.Comparer)
	var result grade.Result
	switch {
	case hasOutput && hasReference:
		results, err := of.Grade(answer.Output{Text: output, Reference: reference, DataName: dataName}, g)
		if err != nil {
			return err
		}
		result = results[0]
	case !compares:
		return fmt.Errorf("answer_type %s needs \"output\" and \"reference\"", label)
	case hasOutput:
		result = comparer.GradeNormalized(answer.Output{Text: output, Reference: gt, DataName: dataName}, g)
	default:
		if !hasReference {
			reference = gt
		}
		result = comparer.Compare(prediction, reference, g)
	}
	return errors.Join(
		record.Set("extracted", result.Extracted),
		record.Set("pred", result.Pred),
		record.Set("gt", result.GT),
		record.Set("verdict", result.Verdict),
		record.Set("via", result.Via),
	)
}
