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
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/eval/language"
	"github.com/stele-lm/stele/eval/metric"
	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/nearest"
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

// inPercent multiplies by factor, to twelve digits: the same accuracy comes to the same number as
// percent and as a fraction. Of so many digits a share of up to some thousand questions is never as
// near to the middle of two numbers as the two units' rounding errors, of fifteen it is.
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
	input := &metricsInput{}
	if err := input.decode(data); err != nil {
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
	if err := in.validate(say); err != nil {
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
		return metric.Measured{Scores: metric.Snap(inPercent(present(scores), factor), in.Counts),
			Trials: trials}
	}
	base := measured(in.Base)
	for _, name := range slices.Sorted(maps.Keys(in.Trained)) {
		t := in.Trained[name]
		s.models = append(s.models, comparedModel{name: name, train: t.TrainLanguages, base: base,
			trained: measured(t.Scores)})
	}
	return s, nil
}

// decode reads one JSON object, and nothing else. A name that appears twice is an
// error: of two numbers under one name one would be lost.
func (in *metricsInput) decode(data []byte) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return errors.New("is empty, expected a JSON object")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := uniqueNames(d, ""); errors.Is(err, io.EOF) {
		return fmt.Errorf("ends in the middle, at byte %d", len(data))
	} else if err != nil {
		return jsonl.Explain(data, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("more follows the object that ends at byte %d: expected one object",
			d.InputOffset())
	}
	d = json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return jsonl.Explain(data, d.Decode(in))
}

// uniqueNames reads one value, and reports a name that an object in it has twice.
func uniqueNames(d *json.Decoder, where string) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for d.More() {
		at := where
		if open == '{' {
			name, err := d.Token()
			if err != nil {
				return err
			}
			at = strings.TrimPrefix(where+", "+name.(string), ", ")
			if seen[name.(string)] {
				return fmt.Errorf("%s appears twice", at)
			}
			seen[name.(string)] = true
		}
		if err := uniqueNames(d, at); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// languageCode matches the code of a language, as en or pt-BR.
var languageCode = regexp.MustCompile(`^[a-z]{2,3}([-_][A-Za-z0-9]+)*$`)

// distinct reports an element that appears twice.
func distinct(what string, all []string) error {
	for i, x := range all {
		if slices.Contains(all[:i], x) {
			return fmt.Errorf("%s: %q appears twice", what, x)
		}
	}
	return nil
}

// validate refuses what no number can come from. A language that no detector knows may
// be one all the same; say hears of it.
func (in *metricsInput) validate(say io.Writer) error {
	if len(in.Languages) == 0 || len(in.Base) == 0 || len(in.Trained) == 0 {
		return errors.New(`"languages", "base" and "trained" must not be empty`)
	}
	if err := distinct(`"languages"`, in.Languages); err != nil {
		return err
	}
	for _, l := range in.Languages {
		switch {
		case language.Builtin().Lookup(l) != nil:
		case !languageCode.MatchString(l):
			return fmt.Errorf("%q is not a language: expected a code such as %s%s", l,
				strings.Join(language.Study(), " "), nearest.Hint(l, language.Study()))
		default:
			fmt.Fprintf(say, "language %q is taken as it is: Stele knows no such code%s\n", l,
				nearest.Hint(l, language.Study()))
		}
	}
	check := func(where string, scores map[string]map[string]*float64) error {
		for benchmark, cells := range scores {
			for language, v := range cells {
				if !slices.Contains(in.Languages, language) {
					return fmt.Errorf("%s, %s: language %q is not among \"languages\"", where, benchmark,
						language)
				}
				if v != nil && !(*v >= 0 && *v <= 100) {
					return fmt.Errorf("%s, %s, %s: accuracy %g is outside 0 to 100", where, benchmark,
						language, *v)
				}
			}
		}
		return nil
	}
	if err := check("base", in.Base); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(in.Trained)) {
		t := in.Trained[name]
		switch {
		case name == fitsName || name == "":
			return fmt.Errorf("a trained model is called %q, a name that the output uses itself: choose another",
				name)
		case len(t.TrainLanguages) == 0:
			return fmt.Errorf("%s: no \"train_languages\"", name)
		case len(present(t.Scores)) == 0:
			return fmt.Errorf("%s: no \"scores\"", name)
		}
		if err := distinct(name+`: "train_languages"`, t.TrainLanguages); err != nil {
			return err
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
		fmt.Fprintln(say,
			`accuracies are taken as fractions of 1, since none is above 1 ("unit": "percent" says otherwise)`)
		return 100, nil
	}
	for _, where := range slices.Sorted(maps.Keys(tables)) {
		if h := highest[where]; h == 0 || h > 1 || in.arePercent(tables[where]) {
			continue
		}
		return 0, fmt.Errorf(`no accuracy of %s is above 1, others reach %g: all must be in one unit; if they are, say "unit": "percent"`, where, top)
	}
	small := ""
	for _, where := range slices.Sorted(maps.Keys(tables)) {
		for benchmark, cells := range present(tables[where]) {
			for language, v := range cells {
				if said := fmt.Sprintf("%g of %s in %s, %s", v, benchmark, language, where); v > 0 && v < 1 &&
					(small == "" || said < small) {
					small = said
				}
			}
		}
	}
	if small != "" { // among percent a fraction is likelier a slip than less than a percent
		small = ": " + small + ", too, is percent then"
	}
	fmt.Fprintf(say, "accuracies are taken as percent, since some are above 1%s\n", small)
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
