package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stele-lm/stele/eval/language"
	"github.com/stele-lm/stele/eval/metric"
	"github.com/stele-lm/stele/eval/report"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/nearest"
)

// transferOutput holds what stele metrics says of one trained model.
type transferOutput struct {
	DeltaR      map[string]map[string]*float64 `json:"delta_r"`
	DeltaRTrain map[string]*float64            `json:"delta_r_train"`
	MTI         map[string]*float64            `json:"mti"`
	MTIAvg      *float64                       `json:"mti_avg"`
	// DeltaPoints is trained less base in percentage points.
	DeltaPoints map[string]map[string]*float64 `json:"delta_points"`
	MTICI       map[string]*metric.Interval    `json:"mti_ci95,omitempty"`
	MTIAvgCI    *metric.Interval               `json:"mti_avg_ci95,omitempty"`
}

// fitOutput is a power law over the number of training languages.
type fitOutput struct {
	Alpha *float64 `json:"alpha"`
	Beta  *float64 `json:"beta"`
	R2    *float64 `json:"r2"`
	Leap  *float64 `json:"first_parallel_leap"`
	Gap   *float64 `json:"monolingual_gap"`
	// Interval says what the intervals come from: bootstrap or covariance.
	Interval string           `json:"interval,omitempty"`
	AlphaCI  *metric.Interval `json:"alpha_ci95,omitempty"`
	BetaCI   *metric.Interval `json:"beta_ci95,omitempty"`
	LeapCI   *metric.Interval `json:"first_parallel_leap_ci95,omitempty"`
	GapCI    *metric.Interval `json:"monolingual_gap_ci95,omitempty"`
}

// metricsFlags are the flags of stele metrics.
type metricsFlags struct {
	in, out, base  string
	trained, allow []string
	languages      []string // that the models were trained on; nil where their folders say it
	replicates     int
	seed           uint64
	measures       measuresFlags
}

// languagesUsage is for the flags that name the languages trained on.
const languagesUsage = "languages the models were trained on, if their folders do not say or are to be overruled"

func newMetricsCommand(*globals) *cobra.Command {
	f := &metricsFlags{}
	c := &cobra.Command{
		Use:   "metrics --in FILE | --base RUN --trained RUN... | --measures NAMES RUN...",
		Short: "Compute cross-lingual transfer from accuracies or run folders: ΔR, MTI, power law",
		Long: `Compute cross-lingual transfer from accuracies or run folders.

--base and --trained name folders of stele eval, or of stele train, whose evaluations
before and after training are then used. Without --base each training run is compared
with its own. The languages trained on come from the manifests. Runs are compared on the
questions that both answered, and refused if they sampled, asked or judged differently
(--allow temperature,template lets these settings differ). Intervals are bootstraps over
questions if samples.jsonl is there.

--in has one JSON object: "languages", "base" {benchmark: {language: accuracy}},
"trained" {name: {"train_languages": [...], "scores": {benchmark: {language: accuracy}}}}
and optionally "counts" {benchmark: trials}. Accuracies are all percentages or all
fractions: fractions if none is above 1, otherwise percentages; "unit": "percent" or
"fraction" settles it. null is a missing value.

The output has "delta_r" (a ratio), "delta_points" (percentage points), "delta_r_train",
"mti" and "mti_avg" for each name, and "fits": power laws of MTI and of mean accuracy in
percent over the number of training languages, by nonlinear least squares without the
monolingual point.

With "counts" there are 95 % intervals ("mti_ci95" and so on) of a parametric bootstrap:
each accuracy is drawn from a binomial distribution with that many trials, and everything
is computed from the draws. A benchmark without a count is taken as exact. Without
"counts", α and β have the intervals of the fit's covariance.

--measures computes from samples.jsonl what accuracies do not show, for runs of any age
and without the model (docs/evaluation.md defines each):
  words        share of words in the language asked for: of reasonings, of outputs, by tenths
  switches     switches between languages in a reasoning
  consistency  shares in which question, reasoning and answer are in one language
  agreement    for each two languages, how often they answer the same; corrected for chance
  levels       accuracy by level of difficulty, and weighted by it (--level-weights)
For a training run these are measured in each of its evaluations, and words and switches
also in the rollouts it kept, step by step.`,
		RunE: func(c *cobra.Command, args []string) error {
			f.trained = append(f.trained, args...)
			return f.run(c.ErrOrStderr())
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.in, "in", "", "JSON file; - is stdin")
	flags.StringVar(&f.base, "base", "", "folder of the base model's evaluation")
	flags.StringSliceVar(&f.trained, "trained", nil,
		"folders of the trained models' evaluations, or of training runs")
	flags.StringSliceVar(&f.allow, "allow", nil, "settings in which the runs may differ")
	flags.StringSliceVar(&f.languages, "languages", nil, languagesUsage)
	flags.StringVar(&f.out, "out", "-", "JSON file; - is stdout")
	flags.IntVar(&f.replicates, "replicates", 1000, "bootstrap replicates; 0 for none")
	flags.Uint64Var(&f.seed, "seed", 0, "seed of the bootstrap")
	flags.StringSliceVar(&f.measures.names, "measures", nil, measuresUsage)
	flags.StringSliceVar(&f.measures.weights, "level-weights", nil, levelWeightsUsage)
	flags.StringVar(&f.measures.data, "data", "",
		"folder of the benchmarks, for levels that samples of older runs do not say")
	for _, other := range []string{"in", "allow", "languages"} {
		c.MarkFlagsMutuallyExclusive("measures", other)
	}
	c.MarkFlagsMutuallyExclusive("measures", "base")
	c.MarkFlagsMutuallyExclusive("in", "base")
	c.MarkFlagsMutuallyExclusive("in", "trained")
	c.MarkFlagsMutuallyExclusive("in", "allow")
	c.MarkFlagsMutuallyExclusive("in", "languages")
	return c
}

// check refuses what makes no sense.
func (f *metricsFlags) check() error {
	for _, a := range f.allow {
		if names := report.Settings(); !slices.Contains(names, a) {
			return usagef("--allow %q is not a setting: expected %s%s", a, strings.Join(names, ", "),
				nearest.Hint(a, names))
		}
	}
	if f.replicates < 0 {
		return usagef("--replicates is %d, expected 0 (no intervals) or more", f.replicates)
	}
	return nil
}

func (f *metricsFlags) run(say io.Writer) error {
	if err := f.check(); err != nil {
		return err
	}
	if len(f.measures.names) > 0 {
		if len(f.trained) == 0 {
			return usagef("--measures needs the folder of at least one run")
		}
		f.measures.replicates, f.measures.seed = f.replicates, f.seed
		return f.measures.measure(f.trained, f.out, say)
	}
	for flag, given := range map[string]bool{"level-weights": len(f.measures.weights) > 0,
		"data": f.measures.data != ""} {
		if given {
			return usagef("--%s has no effect without --measures", flag)
		}
	}
	var s *transferStudy
	var err error
	switch {
	case f.in != "" && len(f.trained) > 0:
		return usagef("%s: --in takes no runs", f.trained[0])
	case f.in != "":
		s, err = readMetricsInput(f.in, say)
	case len(f.trained) > 0:
		s, err = f.runs(say)
	default:
		return usagef("give accuracies with --in, or runs with --base and --trained")
	}
	if err != nil {
		return err
	}
	w, err := jsonl.Create(f.out)
	if err != nil {
		return err
	}
	defer w.Abort()
	return errors.Join(w.Write(s.output(f.replicates, f.seed)), w.Close())
}

// transferStudy holds the input of the computation: trained models beside their bases, by name.
// Accuracies are in percent.
type transferStudy struct {
	languages []string
	models    []comparedModel
	// resampled says that something is known of how accuracies came about.
	resampled bool
}

type comparedModel struct {
	name          string
	train         []string
	base, trained metric.Measured
}

// runs reads run folders.
func (f *metricsFlags) runs(say io.Writer) (*transferStudy, error) {
	var base *report.Run
	var trained []*report.Run
	for i, dir := range append([]string{f.base}, f.trained...) {
		if dir == "" {
			continue
		}
		run, err := report.Open(dir)
		if err != nil {
			return nil, err
		}
		if u := run.Unfinished(); u != "" {
			fmt.Fprintf(say, "%s is not done: %s; its numbers will change\n", dir, u)
		}
		if i == 0 {
			base = run
		} else {
			trained = append(trained, run)
		}
	}
	for _, r := range trained {
		if r.Name == fitsName {
			return nil, fmt.Errorf("a run is called %q, a name that the output uses itself: rename its "+
				"folder", r.Name)
		}
	}
	pairs, err := report.Compare(base, trained, f.allow, f.languages)
	if err != nil {
		return nil, err
	}
	s := &transferStudy{resampled: true}
	for _, p := range pairs {
		fmt.Fprintf(say, "%s, trained on %v: questions per language that both it and its base answered: %s\n",
			p.Name, p.TrainLanguages, p.Questions)
		if p.Differing != "" {
			fmt.Fprintf(say, "%s and its base were evaluated differently, as --allow says: %s\n", p.Name,
				p.Differing)
		}
		if p.Precision != "" {
			fmt.Fprintln(say, p.Precision)
		}
		m := comparedModel{name: p.Name, train: p.TrainLanguages, base: p.Base, trained: p.Trained}
		m.base.Scores, m.trained.Scores = inPercent(m.base.Scores, 100), inPercent(m.trained.Scores, 100)
		s.models = append(s.models, m)
		for _, l := range p.Languages {
			if !slices.Contains(s.languages, l) {
				s.languages = append(s.languages, l)
			}
		}
	}
	slices.SortFunc(s.models, func(a, b comparedModel) int {
		return bytes.Compare([]byte(a.name), []byte(b.name))
	})
	slices.SortStableFunc(s.languages, byLanguage)
	return s, nil
}

// byLanguage orders as the study does, others after its languages.
func byLanguage(a, b string) int { return language.Builtin().Rank(a) - language.Builtin().Rank(b) }

// fitsName is the key of the fits in the output, beside those of the models.
const fitsName = "fits"

// transferNumbers holds the numbers of the output, computed from one set of accuracies.
type transferNumbers struct {
	transfers []metric.Transfer  // by model
	fits      [2]metric.PowerLaw // of MTI and of accuracy
	fitted    [2]bool
}

// fitNames are the fits in the output.
var fitNames = [2]string{"mti", "accuracy"}

// numbers computes from the scores of each model's base and its own.
func (s *transferStudy) numbers(base, trained []metric.Scores) transferNumbers {
	var out transferNumbers
	var points [2][]metric.Point
	for i, m := range s.models {
		t := metric.NewTransfer(base[i], trained[i], s.languages, m.train)
		out.transfers = append(out.transfers, t)
		// Rounded as tables print them, which is what the paper fits.
		if t.MTIMean != nil {
			points[0] = append(points[0], metric.Point{Languages: len(m.train),
				Value: metric.Round(*t.MTIMean, 3)})
		}
		if mean := s.meanAccuracy(trained[i]); mean != nil {
			points[1] = append(points[1], metric.Point{Languages: len(m.train),
				Value: metric.Round(*mean, 2)})
		}
	}
	for k := range points {
		slices.SortStableFunc(points[k], func(a, b metric.Point) int { return a.Languages - b.Languages })
		law, err := metric.Fit(points[k])
		out.fits[k], out.fitted[k] = law, err == nil
	}
	return out
}

// list returns the numbers that get an interval, in a fixed order.
func (n *transferNumbers) list() []*float64 {
	var all []*float64
	for _, t := range n.transfers {
		for _, b := range slices.Sorted(maps.Keys(t.MTI)) {
			all = append(all, t.MTI[b])
		}
		all = append(all, t.MTIMean)
	}
	for k, law := range n.fits {
		if n.fitted[k] {
			all = append(all, &law.Alpha, &law.Beta, law.Leap, law.Gap)
		} else {
			all = append(all, nil, nil, nil, nil)
		}
	}
	return all
}

// output computes the output; map keys are sorted when it is written.
func (s *transferStudy) output(replicates int, seed uint64) map[string]any {
	var base, trained []metric.Scores
	for _, m := range s.models {
		base, trained = append(base, m.base.Scores), append(trained, m.trained.Scores)
	}
	n := s.numbers(base, trained)
	intervals := s.intervals(replicates, seed)
	next := func() (i *metric.Interval) {
		if len(intervals) > 0 {
			i, intervals = intervals[0], intervals[1:]
		}
		return i
	}
	drawn := len(intervals) > 0
	out := map[string]any{}
	for i, m := range s.models {
		t := &n.transfers[i]
		o := transferOutput{DeltaR: t.DeltaR, DeltaRTrain: t.DeltaRTrain, MTI: t.MTI, MTIAvg: t.MTIMean,
			DeltaPoints: t.Points}
		if drawn {
			o.MTICI = map[string]*metric.Interval{}
			for _, b := range slices.Sorted(maps.Keys(t.MTI)) {
				o.MTICI[b] = next()
			}
			o.MTIAvgCI = next()
		}
		out[m.name] = o
	}
	fits := map[string]fitOutput{}
	for k, law := range n.fits {
		var f fitOutput
		alpha, beta, leap, gap := next(), next(), next(), next()
		if n.fitted[k] {
			f = fitOutput{Alpha: &law.Alpha, Beta: &law.Beta, R2: &law.R2, Leap: law.Leap, Gap: law.Gap}
			if drawn {
				f.Interval, f.AlphaCI, f.BetaCI, f.LeapCI, f.GapCI = "bootstrap", alpha, beta, leap, gap
			} else if law.AlphaCI != nil {
				f.Interval, f.AlphaCI, f.BetaCI = "covariance", law.AlphaCI, law.BetaCI
			}
		}
		fits[fitNames[k]] = f
	}
	out[fitsName] = fits
	return out
}

// intervals computes the intervals of the numbers of a study, in their order; nil where there
// are no answers to resample. Models of one base share its draws.
func (s *transferStudy) intervals(replicates int, seed uint64) []*metric.Interval {
	if !s.resampled || replicates == 0 {
		return nil
	}
	b := metric.Bootstrap{Full: 100, Replicates: replicates, Seed: seed}
	var bases []int // of each model: where its base is among the bootstrap's
	var own []int
	for i, m := range s.models {
		if i > 0 && sameMeasured(s.models[i-1].base, m.base) {
			bases = append(bases, bases[i-1])
		} else {
			bases = append(bases, len(b.Models))
			b.Models = append(b.Models, m.base)
		}
		own = append(own, len(b.Models))
		b.Models = append(b.Models, m.trained)
	}
	return b.Intervals(func(drawn []metric.Scores) []*float64 {
		var base, trained []metric.Scores
		for i := range s.models {
			base, trained = append(base, drawn[bases[i]]), append(trained, drawn[own[i]])
		}
		n := s.numbers(base, trained)
		return n.list()
	})
}

// sameMeasured reports whether two measurements are of the same accuracies.
func sameMeasured(a, b metric.Measured) bool {
	return maps.EqualFunc(a.Scores, b.Scores, maps.Equal[map[string]float64, map[string]float64])
}

// meanAccuracy is the mean over benchmarks of their means over languages.
func (s *transferStudy) meanAccuracy(scores metric.Scores) *float64 {
	languages := slices.SortedStableFunc(slices.Values(s.languages), byLanguage)
	var means []float64
	for _, benchmark := range metric.Benchmarks(scores) {
		var cells []float64
		for _, language := range languages {
			if v, ok := scores[benchmark][language]; ok {
				cells = append(cells, v)
			}
		}
		if m := metric.Mean(cells); m != nil {
			means = append(means, *m)
		}
	}
	return metric.Mean(means)
}
