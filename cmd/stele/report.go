package main

import (
	"github.com/spf13/cobra"

	"stele/eval/report"
)

func newReportCommand(*globals) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "report DIR... --out DIR",
		Short: "Tables and figures of evaluations and training runs",
		Long: `Tables and figures of evaluations and training runs.

Each DIR is the --out of stele eval or stele train; one that is still going is
reported as far as it is. --out gets report.html (one page that needs nothing
else), report.md, figures/*.svg and tables/*.csv.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("report needs at least one run's folder")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			var runs []*report.Run
			for _, dir := range args {
				run, err := report.Open(dir)
				if err != nil {
					return err
				}
				runs = append(runs, run)
			}
			return report.New(runs).Write(out)
		},
	}
	c.Flags().StringVar(&out, "out", "", "folder of the report")
	must(c.MarkFlagRequired("out"))
	return c
}
