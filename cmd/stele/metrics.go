package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"stele/engine/jsonl"
	"stele/engine/nearest"
	"stele/eval/langid"
	"stele/eval/metric"
)

// metricsInput is the object that stele metrics reads.
type metricsInput struct {
	Languages []string                       `json:"languages"`
	Base      map[string]map[string]*float64 `json:"base"` // benchmark, language: percent
	Trained   map[string]trainedScores       `json:"trained"`
	// Counts are the trials behind each accuracy, by benchmark; with them the
	// accuracies are taken as the counts that they were printed from.
	Counts map[string]int `json:"counts"`
}

type trainedScores struct {
	TrainLanguages []string                       `json:"train_languages"`
	Scores         map[string]map[string]*float64 `json:"scores"`
}

// transferOutput is what stele metrics says of one trained model.
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

func newMetricsCommand(*globals) *cobra.Command {
	var in, out string
	var seed uint64
	var replicates int
	c := &cobra.Command{
		Use:   "metrics --in FILE",
		Short: "Cross-lingual transfer from accuracies: ΔR, MTI, power law",
		Long: `Cross-lingual transfer from accuracies.

--in holds one JSON object: "languages", "base" {benchmark: {language: accuracy}},
"trained" {name: {"train_languages": [...], "scores": {benchmark: {language: accuracy}}}}
and optionally "counts" {benchmark: trials}. Accuracies are in percent; null is a lost
cell. The output has "delta_r", "delta_r_train", "mti" and "mti_avg" for each name, and
"fits": power laws of MTI and of mean accuracy over the number of training languages,
by nonlinear least squares with the monolingual point left out.

With "counts" there are 95 % intervals ("mti_ci95" and so on) of a parametric bootstrap:
each accuracy is drawn anew from a binomial distribution of that many trials, and
everything is computed from the draws. A benchmark without a count is taken as exact.
Without "counts", α and β have the intervals of the fit's covariance.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			if replicates < 0 {
				return usagef("--replicates is %d, expected 0 (no intervals) or more", replicates)
			}
			input, err := readMetricsInput(in)
			if err != nil {
				return err
			}
			w, err := jsonl.Create(out)
			if err != nil {
				return err
			}
			defer w.Abort()
			return errors.Join(w.Write(input.transfer(replicates, seed)), w.Close())
		},
	}
	c.Flags().StringVar(&in, "in", "", "JSON file; - is stdin")
	c.Flags().StringVar(&out, "out", "-", "JSON file; - is stdout")
	c.Flags().IntVar(&replicates, "replicates", 1000, "bootstrap replicates; 0 for none")
	c.Flags().Uint64Var(&seed, "seed", 0, "of the bootstrap")
	must(c.MarkFlagRequired("in"))
	return c
}

func readMetricsInput(path string) (*metricsInput, error) {
	var data []byte
	var err error
	if path == "-" {
		data, err = io.ReadAll(os.Stdin)
	} else {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	input := &metricsInput{}
	if err := d.Decode(input); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := input.validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return input, nil
}

func (in *metricsInput) validate() error {
	if len(in.Languages) == 0 || len(in.Base) == 0 || len(in.Trained) == 0 {
		return errors.New(`"languages", "base" and "trained" must not be empty`)
	}
	for _, l := range in.Languages {
		if !slices.Contains(langid.Languages, l) {
			return fmt.Errorf("unknown language %q: expected %s%s", l, strings.Join(langid.Languages, " "), nearest.Hint(l, langid.Languages))
		}
	}
	check := func(where string, scores map[string]map[string]*float64) error {
		for benchmark, cells := range scores {
			for language, v := range cells {
				if !slices.Contains(in.Languages, language) {
					return fmt.Errorf("%s, %s: language %q is not among \"languages\"", where, benchmark, language)
				}
				if v != nil && !(*v >= 0 && *v <= 100) {
					return fmt.Errorf("%s, %s, %s: accuracy %g is outside 0 to 100", where, benchmark, language, *v)
				}
			}
		}
		return nil
	}
	if err := check("base", in.Base); err != nil {
		return err
	}
	for name, t := range in.Trained {
		if len(t.TrainLanguages) == 0 {
			return fmt.Errorf("%s: no \"train_languages\"", name)
		}
		for _, l := range t.TrainLanguages {
			if !slices.Contains(in.Languages, l) {
				return fmt.Errorf("%s: training language %q is not among \"languages\"", name, l)
			}
		}
		if err := check(name, t.Scores); err != nil {
			return err
		}
		for benchmark := range t.Scores {
			if in.Base[benchmark] == nil {
				return fmt.Errorf("%s: the base has no benchmark %q", name, benchmark)
			}
		}
	}
	for benchmark, n := range in.Counts {
		if n < 1 {
			return fmt.Errorf("counts: %s is %d, expected at least 1", benchmark, n)
		}
	}
	return nil
}

// study is what the output has numbers of, computed from one set of accuracies.
type study struct {
	transfers []metric.Transfer  // by name, sorted
	fits      [2]metric.PowerLaw // of MTI and of accuracy
	fitted    [2]bool
}

// fitNames are the fits of a study in the output.
var fitNames = [2]string{"mti", "accuracy"}

// names of the trained models, sorted.
func (in *metricsInput) names() []string { return slices.Sorted(maps.Keys(in.Trained)) }

// study computes from the scores of the base and of each trained model by name.
func (in *metricsInput) study(base metric.Scores, trained []metric.Scores) study {
	var s study
	var points [2][]metric.Point
	for i, name := range in.names() {
		train := in.Trained[name].TrainLanguages
		t := metric.NewTransfer(base, trained[i], in.Languages, train)
		s.transfers = append(s.transfers, t)
		// Rounded as tables print them, which is what the paper fits.
		if t.MTIMean != nil {
			points[0] = append(points[0], metric.Point{Languages: len(train), Value: metric.Round(*t.MTIMean, 3)})
		}
		if mean := meanAccuracy(trained[i]); mean != nil {
			points[1] = append(points[1], metric.Point{Languages: len(train), Value: metric.Round(*mean, 2)})
		}
	}
	for k := range points {
		slices.SortStableFunc(points[k], func(a, b metric.Point) int { return a.Languages - b.Languages })
		law, err := metric.Fit(points[k])
		s.fits[k], s.fitted[k] = law, err == nil
	}
	return s
}

// numbers lists what has an interval, in a fixed order.
func (s *study) numbers() []*float64 {
	var all []*float64
	for _, t := range s.transfers {
		for _, b := range slices.Sorted(maps.Keys(t.MTI)) {
			all = append(all, t.MTI[b])
		}
		all = append(all, t.MTIMean)
	}
	for k, law := range s.fits {
		if s.fitted[k] {
			all = append(all, &law.Alpha, &law.Beta, law.Leap, law.Gap)
		} else {
			all = append(all, nil, nil, nil, nil)
		}
	}
	return all
}

// transfer computes the output; map keys are sorted when it is written.
func (in *metricsInput) transfer(replicates int, seed uint64) map[string]any {
	names := in.names()
	base := metric.Snap(present(in.Base), in.Counts)
	var trained []metric.Scores
	for _, name := range names {
		trained = append(trained, metric.Snap(present(in.Trained[name].Scores), in.Counts))
	}
	s := in.study(base, trained)
	intervals := in.intervals(base, trained, replicates, seed)
	next := func() (i *metric.Interval) {
		if len(intervals) > 0 {
			i, intervals = intervals[0], intervals[1:]
		}
		return i
	}
	drawn := len(intervals) > 0
	out := map[string]any{}
	for i, name := range names {
		t := &s.transfers[i]
		o := transferOutput{DeltaR: t.DeltaR, DeltaRTrain: t.DeltaRTrain, MTI: t.MTI, MTIAvg: t.MTIMean, DeltaPoints: t.Points}
		if drawn {
			o.MTICI = map[string]*metric.Interval{}
			for _, b := range slices.Sorted(maps.Keys(t.MTI)) {
				o.MTICI[b] = next()
			}
			o.MTIAvgCI = next()
		}
		out[name] = o
	}
	fits := map[string]fitOutput{}
	for k, law := range s.fits {
		var f fitOutput
		alpha, beta, leap, gap := next(), next(), next(), next()
		if s.fitted[k] {
			f = fitOutput{Alpha: &law.Alpha, Beta: &law.Beta, R2: &law.R2, Leap: law.Leap, Gap: law.Gap}
			if drawn {
				f.Interval, f.AlphaCI, f.BetaCI, f.LeapCI, f.GapCI = "bootstrap", alpha, beta, leap, gap
			} else if law.AlphaCI != nil {
				f.Interval, f.AlphaCI, f.BetaCI = "covariance", law.AlphaCI, law.BetaCI
			}
		}
		fits[fitNames[k]] = f
	}
	out["fits"] = fits
	return out
}

// intervals are those of the numbers of a study, in their order; nil without counts.
func (in *metricsInput) intervals(base metric.Scores, trained []metric.Scores, replicates int, seed uint64) []*metric.Interval {
	if len(in.Counts) == 0 || replicates == 0 {
		return nil
	}
	trials := map[string]map[string]int{}
	for benchmark, n := range in.Counts {
		trials[benchmark] = map[string]int{}
		for _, language := range in.Languages {
			trials[benchmark][language] = n
		}
	}
	b := metric.Bootstrap{Full: 100, Replicates: replicates, Seed: seed}
	for _, scores := range append([]metric.Scores{base}, trained...) {
		b.Models = append(b.Models, metric.Measured{Scores: scores, Trials: trials})
	}
	return b.Intervals(func(drawn []metric.Scores) []*float64 {
		s := in.study(drawn[0], drawn[1:])
		return s.numbers()
	})
}

// present leaves lost cells out.
func present(scores map[string]map[string]*float64) metric.Scores {
	out := metric.Scores{}
	for benchmark, cells := range scores {
		out[benchmark] = map[string]float64{}
		for language, v := range cells {
			if v != nil {
				out[benchmark][language] = *v
			}
		}
	}
	return out
}

// meanAccuracy is the mean over benchmarks of their means over languages.
func meanAccuracy(scores metric.Scores) *float64 {
	var means []float64
	for _, benchmark := range metric.Benchmarks(scores) {
		var cells []float64
		for _, language := range langid.Languages {
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
