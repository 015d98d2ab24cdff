package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"stele/engine/jsonl"
	"stele/engine/nearest"
	"stele/eval/langid"
	"stele/eval/metric"
	"stele/eval/report"
)

// metricsInput is the object that stele metrics reads.
type metricsInput struct {
	Languages []string                       `json:"languages"`
	Base      map[string]map[string]*float64 `json:"base"` // benchmark, language: accuracy
	Trained   map[string]trainedScores       `json:"trained"`
	// Counts are the trials behind each accuracy, by benchmark; with them the
	// accuracies are taken as the counts that they were printed from.
	Counts map[string]int `json:"counts"`
	// Unit of the accuracies, percent or fraction; empty where it can be told.
	Unit string `json:"unit"`
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

// metricsFlags are the flags of stele metrics.
type metricsFlags struct {
	in, out, base  string
	trained, allow []string
	replicates     int
	seed           uint64
}

func newMetricsCommand(*globals) *cobra.Command {
	f := &metricsFlags{}
	c := &cobra.Command{
		Use:   "metrics --in FILE | --base RUN --trained RUN...",
		Short: "Cross-lingual transfer from accuracies or run folders: ΔR, MTI, power law",
		Long: `Cross-lingual transfer from accuracies or run folders.

--base and --trained name folders of stele eval, or of stele train, whose evaluations
before and after then count; without --base each training run is compared with its own.
The languages trained on are those of the manifests. Runs are compared on the questions
that both were put, and refused when they sampled, asked or judged differently (--allow
temperature,template lets named settings differ). Intervals are bootstraps over
questions where samples.jsonl is there.

--in holds one JSON object: "languages", "base" {benchmark: {language: accuracy}},
"trained" {name: {"train_languages": [...], "scores": {benchmark: {language: accuracy}}}}
and optionally "counts" {benchmark: trials}. Accuracies are percent or fractions, all
alike: fractions where none is above 1, percent otherwise; "unit": "percent" or
"fraction" says it where that would be a guess. null is a lost cell.

The output has "delta_r" (a ratio), "delta_points" (percentage points), "delta_r_train",
"mti" and "mti_avg" for each name, and "fits": power laws of MTI and of mean accuracy in
percent over the number of training languages, by nonlinear least squares with the
monolingual point left out.

With "counts" there are 95 % intervals ("mti_ci95" and so on) of a parametric bootstrap:
each accuracy is drawn anew from a binomial distribution of that many trials, and
everything is computed from the draws. A benchmark without a count is taken as exact.
Without "counts", α and β have the intervals of the fit's covariance.`,
		RunE: func(c *cobra.Command, args []string) error {
			f.trained = append(f.trained, args...)
			return f.run(c.ErrOrStderr())
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.in, "in", "", "JSON file; - is stdin")
	flags.StringVar(&f.base, "base", "", "folder of the base model's evaluation")
	flags.StringSliceVar(&f.trained, "trained", nil, "folders of the trained models' evaluations, or of training runs")
	flags.StringSliceVar(&f.allow, "allow", nil, "settings in which the runs may differ")
	flags.StringVar(&f.out, "out", "-", "JSON file; - is stdout")
	flags.IntVar(&f.replicates, "replicates", 1000, "bootstrap replicates; 0 for none")
	flags.Uint64Var(&f.seed, "seed", 0, "of the bootstrap")
	c.MarkFlagsMutuallyExclusive("in", "base")
	c.MarkFlagsMutuallyExclusive("in", "trained")
	c.MarkFlagsMutuallyExclusive("in", "allow")
	return c
}

func (f *metricsFlags) run(say io.Writer) error {
	if f.replicates < 0 {
		return usagef("--replicates is %d, expected 0 (no intervals) or more", f.replicates)
	}
	var s *transferStudy
	var err error
	switch {
	case f.in != "" && len(f.trained) > 0:
		return usagef("%s: with --in no run is named", f.trained[0])
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

// transferStudy is what is computed from: trained models beside their bases, by name.
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
	pairs, err := report.Compare(base, trained, f.allow)
	if err != nil {
		return nil, err
	}
	s := &transferStudy{resampled: true}
	for _, p := range pairs {
		fmt.Fprintf(say, "%s, trained on %v: questions a language that it and its base were both put: %s\n", p.Name, p.TrainLanguages, p.Questions)
		if p.Differing != "" {
			fmt.Fprintf(say, "%s and its base were evaluated differently, as --allow says: %s\n", p.Name, p.Differing)
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
	slices.SortFunc(s.models, func(a, b comparedModel) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	slices.SortStableFunc(s.languages, byLanguage)
	return s, nil
}

// byLanguage orders as langid.Languages is, others after them.
func byLanguage(a, b string) int {
	at := func(l string) int {
		if i := slices.Index(langid.Languages, l); i >= 0 {
			return i
		}
		return len(langid.Languages)
	}
	return at(a) - at(b)
}

// inPercent multiplies by factor, to twelve digits: the same accuracy comes to the same
// number from a fraction and from a percentage.
func inPercent(s metric.Scores, factor float64) metric.Scores {
	out := metric.Scores{}
	for benchmark, cells := range s {
		out[benchmark] = map[string]float64{}
		for language, v := range cells {
			out[benchmark][language], _ = strconv.ParseFloat(strconv.FormatFloat(factor*v, 'g', 12, 64), 64)
		}
	}
	return out
}

func readMetricsInput(path string, say io.Writer) (*transferStudy, error) {
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
	s, err := input.study(say)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// study checks the input and brings its accuracies to percent.
func (in *metricsInput) study(say io.Writer) (*transferStudy, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	factor, err := in.factor(say)
	if err != nil {
		return nil, err
	}
	s := &transferStudy{languages: in.Languages, resampled: len(in.Counts) > 0}
	trials := map[string]map[string]int{}
	for benchmark, n := range in.Counts {
		trials[benchmark] = map[string]int{}
		for _, language := range in.Languages {
			trials[benchmark][language] = n
		}
	}
	measured := func(scores map[string]map[string]*float64) metric.Measured {
		return metric.Measured{Scores: metric.Snap(inPercent(present(scores), factor), in.Counts), Trials: trials}
	}
	base := measured(in.Base)
	for _, name := range slices.Sorted(maps.Keys(in.Trained)) {
		t := in.Trained[name]
		s.models = append(s.models, comparedModel{name: name, train: t.TrainLanguages, base: base, trained: measured(t.Scores)})
	}
	return s, nil
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

// Units of accuracies.
const (
	unitPercent  = "percent"
	unitFraction = "fraction"
)

// factor brings the accuracies to percent, and says what they are taken for. All are in
// one unit: fractions where none is above 1. A model that has none above 1, and is not
// all zeros, beside others that have, is weak or in another unit: its counts say which,
// or the user must.
func (in *metricsInput) factor(say io.Writer) (float64, error) {
	tables := map[string]map[string]map[string]*float64{"base": in.Base}
	for name, t := range in.Trained {
		tables[strconv.Quote(name)] = t.Scores
	}
	highest := map[string]float64{}
	top := 0.0
	for where, scores := range tables {
		for _, cells := range present(scores) {
			for _, v := range cells {
				highest[where] = max(highest[where], v)
				top = max(top, v)
			}
		}
	}
	switch in.Unit {
	case unitPercent:
		return 1, nil
	case unitFraction:
		if top > 1 {
			return 0, fmt.Errorf(`"unit" is "fraction", and an accuracy is %g`, top)
		}
		return 100, nil
	case "":
	default:
		return 0, fmt.Errorf(`"unit" is %q: expected "percent" or "fraction"`, in.Unit)
	}
	if top <= 1 {
		fmt.Fprintln(say, `accuracies are taken as fractions of 1, since none is above 1 ("unit": "percent" says otherwise)`)
		return 100, nil
	}
	for _, where := range slices.Sorted(maps.Keys(tables)) {
		if h := highest[where]; h == 0 || h > 1 || in.arePercent(tables[where]) {
			continue
		}
		return 0, fmt.Errorf(`no accuracy of %s is above 1, others reach %g: all must be in one unit; if they are, say "unit": "percent"`, where, top)
	}
	fmt.Fprintln(say, `accuracies are taken as percent, since some are above 1`)
	return 1, nil
}

// arePercent reports whether accuracies are those of so many trials as percentages, to
// two decimals, and not as fractions.
func (in *metricsInput) arePercent(scores map[string]map[string]*float64) bool {
	fits := func(v float64, n int, full, digits float64) bool {
		return math.Abs(math.Round(v*float64(n)/full)/float64(n)*full-v) < digits
	}
	percent, fraction, counted := true, true, false
	for benchmark, cells := range present(scores) {
		n := in.Counts[benchmark]
		for _, v := range cells {
			if n > 0 && v > 0 {
				counted = true
				percent = percent && fits(v, n, 100, 0.0051)
				fraction = fraction && fits(v, n, 1, 0.000051)
			}
		}
	}
	return counted && percent && !fraction
}

// transferNumbers are what the output has numbers of, computed from one set of
// accuracies.
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
			points[0] = append(points[0], metric.Point{Languages: len(m.train), Value: metric.Round(*t.MTIMean, 3)})
		}
		if mean := s.meanAccuracy(trained[i]); mean != nil {
			points[1] = append(points[1], metric.Point{Languages: len(m.train), Value: metric.Round(*mean, 2)})
		}
	}
	for k := range points {
		slices.SortStableFunc(points[k], func(a, b metric.Point) int { return a.Languages - b.Languages })
		law, err := metric.Fit(points[k])
		out.fits[k], out.fitted[k] = law, err == nil
	}
	return out
}

// list is what has an interval, in a fixed order.
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
		o := transferOutput{DeltaR: t.DeltaR, DeltaRTrain: t.DeltaRTrain, MTI: t.MTI, MTIAvg: t.MTIMean, DeltaPoints: t.Points}
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
	out["fits"] = fits
	return out
}

// intervals are those of the numbers of a study, in their order; nil where nothing is
// known to draw them from. Models of one base share its draws.
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
