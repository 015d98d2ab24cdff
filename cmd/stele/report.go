package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/stele-lm/stele/eval/report"
)

func newReportCommand(*globals) *cobra.Command {
	var out, planFile string
	var measures measuresFlags
	c := &cobra.Command{
		Use:   "report DIR... --out DIR",
		Short: "Make tables and figures of evaluations and training runs",
		Long: `Make tables and figures of evaluations and training runs.

Each DIR is the --out of stele eval or stele train; one that is still running is
reported as far as it has come. --out gets
  report.html        one self-contained page, also for printing
  samples.html       what the models wrote, to filter, search and compare; needs samples/ beside it
  report.md, .tex    the same as Markdown and as LaTeX (pdflatex, booktabs)
  report.json        every number, unrounded, with 95 % intervals
  figures/*.svg, *.png
  tables/*.csv, *.tex; accuracy.csv, transfer.csv and steps.csv are unrounded

The runs themselves often say which model was trained from which. A training run with an
evaluation before and after is a pair. An evaluation of RUN/checkpoints/step-N is paired
with the evaluation of the weights that RUN began with. GRPO counts as RL. Pairs are
compared on the questions that both answered, and only if both sampled, asked and judged
in the same way. Pairs of one base and method with different numbers of training
languages make a scaling curve. Intervals are bootstraps over questions if samples.jsonl
is there, otherwise binomial over the number of questions.

A plan gives the rest: --plan FILE, or report.yaml in a DIR or beside the DIRs:

  title: Transfer of open reasoning models
  in_distribution: [math500]    # benchmarks of the kind trained on: ID, others OOD
  measures: [words, agreement]  # as --measures; level_weights: {1: 1, 2: 2} as --level-weights
  runs:                         # by the name of the run's folder
    orz-7b:
      label: Open-Reasoner-Zero-7B
      base: qwen2.5-7b          # folder of the base model's evaluation
      method: RL                # RL, SFT or any other word
      languages: [en]           # trained on
      arm: parallel             # scaling curve it is a point of; none: of no curve
      allow: [temperature]      # settings in which it may differ from its base
    qwen2.5-7b-none:
      model: Qwen2.5-7B         # rows of the table of prompt templates:
      template: No template     # evaluations with the same model

Everything in it is optional and takes precedence over manifests. Runs that it names must
exist: with --plan they must be among the DIRs; a plan that was found may also name other
runs in its own folder.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("report needs at least one run's folder")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			plan, err := report.FindPlan(args)
			if planFile != "" {
				plan, err = report.ReadPlan(planFile)
			}
			if err != nil {
				return usageError{err}
			}
			if len(measures.names) > 0 {
				plan.Measures = measures.names
			}
			if asked, err := measures.asked(); err != nil {
				return usageError{err}
			} else if asked.Weights != nil {
				plan.LevelWeights = asked.Weights
			}
			var runs []*report.Run
			for _, dir := range args {
				run, err := report.Open(dir)
				if err != nil {
					return err
				}
				runs = append(runs, run)
			}
			r, err := report.New(runs, plan)
			if err != nil {
				return err
			}
			r.Version = buildVersion()
			if err := r.Write(out); err != nil {
				return err
			}
			for _, remark := range r.Remarks() {
				fmt.Fprintln(c.ErrOrStderr(), remark)
			}
			figures, tables := 0, 0
			for _, s := range r.Sections {
				figures, tables = figures+len(s.Figures), tables+len(s.Tables)
			}
			fmt.Fprintf(c.ErrOrStderr(), "%s/report.html: %d figures and %d tables of %d runs\n", out,
				figures, tables, len(runs))
			return nil
		},
	}
	c.Flags().StringVar(&out, "out", "", "folder of the report")
	c.Flags().StringVar(&planFile, "plan", "", "YAML file that describes how runs belong together")
	c.Flags().StringSliceVar(&measures.names, "measures", nil, "add sections on these measures of samples: words, "+
		"switches, consistency, agreement, levels, or all")
	c.Flags().StringSliceVar(&measures.weights, "level-weights", nil, levelWeightsUsage)
	must(c.MarkFlagRequired("out"))
	return c
}
