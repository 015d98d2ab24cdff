package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stele-lm/stele/eval/metric"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/markdown"
)

func newCompareCommand(g *globals) *cobra.Command {
	f := &metricsFlags{}
	c := &cobra.Command{
		Use:   "compare BASE TRAINED... | TRAINING-RUN",
		Short: "Show what training changed, from run folders: differences with intervals, ΔR, MTI",
		Long: `Show what training changed, question by question, from the folders of stele eval or stele
train. A single training run is compared with its own evaluation before training.

Each row is a language of a benchmark: the accuracy before and after on the questions
that both models answered, the difference in percentage points, and ΔR, the relative
gain. Below are means over the languages trained on and over the others, and MTI.

[a, b] is the 95 % interval of a paired bootstrap: questions are resampled, the same ones
for both models and all languages. * marks a difference whose interval excludes 0. The
interval does not show how another training seed would have turned out.

stele metrics gives the same as JSON, and power laws over the number of languages.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("name the folder of a training run, or those of a base model's and of trained models' " +
					"evaluations")
			}
			if f.trained = args; len(args) > 1 {
				f.base, f.trained = args[0], args[1:]
			}
			return f.compare(c.OutOrStdout(), c.ErrOrStderr(), g.json)
		},
	}
	flags := c.Flags()
	flags.StringSliceVar(&f.languages, "languages", nil, languagesUsage)
	flags.StringSliceVar(&f.allow, "allow", nil, "settings in which the runs may differ")
	flags.IntVar(&f.replicates, "replicates", 2000, "bootstrap replicates; 0 for none")
	flags.Uint64Var(&f.seed, "seed", 0, "seed of the bootstrap")
	return c
}

// difference is a row of stele compare, or of its JSON.
type difference struct {
	Benchmark string           `json:"benchmark"`
	Language  string           `json:"language"` // or trained, unseen: a mean over languages
	Questions int              `json:"questions,omitempty"`
	Base      *float64         `json:"base"` // percent
	Trained   *float64         `json:"trained"`
	Points    *float64         `json:"delta_points"`
	PointsCI  *metric.Interval `json:"delta_points_ci95,omitempty"`
	DeltaR    *float64         `json:"delta_r"`
	MTI       *float64         `json:"mti,omitempty"` // of a benchmark: in the row of languages not trained on
	MTICI     *metric.Interval `json:"mti_ci95,omitempty"`
}

// differences lists the rows of a model; what they are of is the same for every draw of the questions.
func (m *comparedModel) differences(base, trained metric.Scores, languages []string) []difference {
	t := metric.NewTransfer(base, trained, languages, m.train)
	var rows []difference
	for _, benchmark := range metric.Benchmarks(m.base.Scores) {
		for _, language := range languages {
			if _, both := m.base.Scores[benchmark][language]; !both {
				continue
			}
			if _, both := m.trained.Scores[benchmark][language]; !both {
				continue
			}
			rows = append(rows, difference{Benchmark: benchmark, Language: language,
				Questions: len(m.base.Answers[benchmark][language]),
				Base:      score(base, benchmark, language), Trained: score(trained, benchmark, language),
				Points: t.Points[benchmark][language], DeltaR: t.DeltaR[benchmark][language]})
		}
		mean := func(s metric.Scores, trainedOn bool) *float64 {
			var of []float64
			for _, language := range languages {
				if x := score(s, benchmark, language); x != nil && slices.Contains(m.train, language) == trainedOn {
					of = append(of, *x)
				}
			}
			return metric.Mean(of)
		}
		rows = append(rows,
			difference{Benchmark: benchmark, Language: "trained on", Base: mean(base, true),
				Trained: mean(trained, true), Points: t.PointsTrain[benchmark], DeltaR: t.DeltaRTrain[benchmark]},
			difference{Benchmark: benchmark, Language: "others", Base: mean(base, false),
				Trained: mean(trained, false), Points: t.PointsUnseen[benchmark], DeltaR: t.DeltaRUnseen[benchmark],
				MTI: t.MTI[benchmark]})
	}
	return append(rows, difference{Benchmark: "mean", Language: "others", MTI: t.MTIMean})
}

func score(s metric.Scores, benchmark, language string) *float64 {
	if x, ok := s[benchmark][language]; ok {
		return &x
	}
	return nil
}

// compare writes what each trained model differs in from its base.
func (f *metricsFlags) compare(out, say io.Writer, asJSON bool) error {
	if err := f.check(); err != nil {
		return err
	}
	s, err := f.runs(say)
	if err != nil {
		return err
	}
	all := map[string][]difference{}
	for _, m := range s.models {
		rows := m.differences(m.base.Scores, m.trained.Scores, s.languages)
		if f.replicates > 0 {
			b := metric.Bootstrap{Models: []metric.Measured{m.base, m.trained}, Full: 100, Replicates: f.replicates,
				Seed: f.seed}
			intervals := b.Intervals(func(drawn []metric.Scores) (values []*float64) {
				for _, row := range m.differences(drawn[0], drawn[1], s.languages) {
					values = append(values, row.Points, row.MTI)
				}
				return values
			})
			for i := range rows {
				rows[i].PointsCI, rows[i].MTICI = intervals[2*i], intervals[2*i+1]
			}
		}
		all[m.name] = rows
		if !asJSON {
			fmt.Fprintf(out, "\n%s, trained on %s:\n\n%s", m.name, strings.Join(m.train, ", "),
				compareTable(rows).Aligned(" ", 0))
		}
	}
	if asJSON {
		data, err := jsonl.Marshal(all)
		if err == nil {
			_, err = fmt.Fprintf(out, "%s\n", data)
		}
		return err
	}
	return nil
}

// compareTable lays the rows out for a terminal.
func compareTable(rows []difference) *markdown.Table {
	t := &markdown.Table{
		Head:  []string{"benchmark", "language", "questions", "base %", "trained %", "points", "95 %", "ΔR", "MTI"},
		Right: []bool{false, false, true, true, true, true, false, true, false},
	}
	number := func(x *float64, format string) string {
		if x == nil {
			return ""
		}
		return fmt.Sprintf(format, *x)
	}
	for _, r := range rows {
		questions := ""
		if r.Questions > 0 {
			questions = fmt.Sprint(r.Questions)
		}
		mti := number(r.MTI, "%.2f")
		if r.MTI != nil && r.MTICI != nil {
			mti += fmt.Sprintf(" [%.2f, %.2f]", r.MTICI[0], r.MTICI[1])
		}
		points, interval := number(r.Points, "%+.1f"), ""
		if r.Points != nil && r.PointsCI != nil {
			interval = fmt.Sprintf("[%+.1f, %+.1f]", r.PointsCI[0], r.PointsCI[1])
			if r.PointsCI[0] > 0 || r.PointsCI[1] < 0 {
				interval += " *"
			}
		}
		t.Rows = append(t.Rows, []string{r.Benchmark, r.Language, questions, number(r.Base, "%.1f"),
			number(r.Trained, "%.1f"), points, interval, number(r.DeltaR, "%+.2f"), mti})
	}
	return t
}
