package eval

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/eval/language"
	"github.com/stele-lm/stele/eval/metric"
	"github.com/stele-lm/stele/internal/nearest"
	"github.com/stele-lm/stele/internal/settings"
)

// Units of accuracies.
const (
	Percent  = "percent"
	Fraction = "fraction"
)

// Accuracies are those of models that were measured elsewhere, as a file has them that a person types:
// what a paper printed, or a colleague found. docs/studies.md describes the file.
type Accuracies struct {
	// Models are the names of the file's models in its order; one without a name is "".
	Models []string
	// Unit is Percent or Fraction. Told says that the numbers tell it, and not the file.
	Unit string
	Told bool

	questions, samples map[string]int // by benchmark; 0 questions are not known
	rows               map[string][]row
}

// row holds what a file says of a model on a benchmark, as it was typed.
type row struct {
	benchmark string
	accuracy  []typed
	off       []typed // of one mean, without a language, or by language
}

// typed is a number of a language.
type typed struct {
	language string
	x        float64
}

// offTarget is the key of off-target rates beside languages.
const offTarget = "off_target"

// ReadAccuracies reads a file of accuracies. Benchmarks are those that o knows, languages the built-in
// ones and those of languages.yaml in its folder. Errors name the file, the key, what was found and what
// was expected.
func ReadAccuracies(path string, o bench.Options) (*Accuracies, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	a, err := ParseAccuracies(data, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return a, nil
}

// ParseAccuracies is ReadAccuracies of a file's text.
func ParseAccuracies(data []byte, o bench.Options) (*Accuracies, error) {
	var f struct {
		Unit       string         `yaml:"unit"`
		Questions  map[string]int `yaml:"questions"`
		Samples    map[string]int `yaml:"samples"`
		Accuracies any            `yaml:"accuracies"`
		Models     any            `yaml:"models"`
	}
	if err := settings.Read(data, &f); err != nil {
		return nil, err
	}
	if (f.Accuracies == nil) == (f.Models == nil) {
		return nil, errors.New("expected either accuracies, of one model, or models, each with its accuracies: " +
			"benchmark: {language: accuracy}")
	}
	known, err := language.Find(o.Dir)
	if err != nil {
		return nil, err
	}
	r := accuracyReader{source: o, languages: known,
		a: &Accuracies{Unit: f.Unit, questions: f.Questions, samples: f.Samples, rows: map[string][]row{}}}
	if err := r.models(data); err != nil {
		return nil, err
	}
	if err := r.counts("questions", f.Questions); err != nil {
		return nil, err
	}
	if err := r.counts("samples", f.Samples); err != nil {
		return nil, err
	}
	return r.a, r.a.settleUnit()
}

// accuracyReader reads the accuracies of a file.
type accuracyReader struct {
	a         *Accuracies
	source    bench.Options
	languages *language.Table
}

// models reads the rows of all models.
func (r *accuracyReader) models(data []byte) error {
	document, err := settings.Ordered(data)
	if err != nil {
		return err
	}
	for _, group := range document {
		entries, ok := group.Value.(settings.Entries)
		switch group.Name {
		case "accuracies":
			if !ok {
				return found(group.Name, group.Value, "benchmark: {language: accuracy}")
			}
			return r.model("", group.Name, entries)
		case "models":
			if !ok || len(entries) == 0 {
				return found(group.Name, group.Value, "name: {benchmark: {language: accuracy}}")
			}
			for _, item := range entries {
				if item.Name == "" {
					return errors.New("a model of the file has no name")
				}
				entry, ok := item.Value.(settings.Entries)
				if !ok {
					return found("models."+item.Name, item.Value, "benchmark: {language: accuracy}")
				}
				if err := r.model(item.Name, "models."+item.Name, entry); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// model reads the rows of a model, which the file has at a key.
func (r *accuracyReader) model(name, key string, entry settings.Entries) error {
	if len(entry) == 0 {
		return fmt.Errorf("%s is empty: expected benchmark: {language: accuracy}", key)
	}
	r.a.Models = append(r.a.Models, name)
	for _, item := range entry {
		benchmark := item.Name
		if _, err := bench.Lookup(benchmark, r.source); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		cells, ok := item.Value.(settings.Entries)
		if !ok {
			return found(key+"."+benchmark, item.Value, "{language: accuracy}")
		}
		one, err := r.row(benchmark, key+"."+benchmark, cells)
		if err != nil {
			return err
		}
		r.a.rows[name] = append(r.a.rows[name], one)
	}
	return nil
}

// row reads the accuracies of a benchmark.
func (r *accuracyReader) row(benchmark, key string, cells settings.Entries) (one row, err error) {
	one.benchmark = benchmark
	var accuracies, off settings.Entries
	for _, item := range cells {
		if item.Name != offTarget {
			accuracies = append(accuracies, item)
			continue
		}
		if by, ok := item.Value.(settings.Entries); ok {
			off = by
			continue
		}
		x, ok, err := numberAt(key+"."+offTarget, item.Value)
		if err != nil {
			return one, err
		}
		if ok {
			one.off = []typed{{"", x}}
		}
	}
	if one.accuracy, err = r.cells(key, accuracies); err != nil {
		return one, err
	}
	if len(one.accuracy) == 0 {
		return one, fmt.Errorf("%s has no accuracy: leave the benchmark out, or give one as {en: 12.5}", key)
	}
	if off != nil {
		one.off, err = r.cells(key+"."+offTarget, off)
	}
	return one, err
}

// cells reads numbers by language; those that are null are left out.
func (r *accuracyReader) cells(key string, cells settings.Entries) (all []typed, err error) {
	for _, item := range cells {
		l := item.Name
		if r.languages.Exact(l) == nil {
			names := append(r.languages.All(), offTarget)
			return nil, fmt.Errorf("%s: %q is no language: expected a code such as %s, or %s%s", key, l,
				strings.Join(language.Study(), " "), offTarget, nearest.Hint(l, names))
		}
		x, ok, err := numberAt(key+"."+l, item.Value)
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, typed{l, x})
		}
	}
	return all, nil
}

// numberAt reads a share, in percent or as a fraction; ok is false for null.
func numberAt(key string, value any) (x float64, ok bool, err error) {
	switch v := value.(type) {
	case nil:
		return 0, false, nil
	case uint64:
		x = float64(v)
	case int64:
		x = float64(v)
	case int:
		x = float64(v)
	case float64:
		x = v
	default:
		return 0, false, found(key, value, "a number, or null for one that is lost")
	}
	if !(x >= 0 && x <= 100) {
		return 0, false, fmt.Errorf("%s is %g: expected 0 to 100 as percent, or 0 to 1 as a fraction", key, x)
	}
	return x, true, nil
}

func found(key string, value any, expected string) error {
	what := fmt.Sprintf("%.60q", fmt.Sprint(value))
	switch value.(type) {
	case nil:
		what = "nothing"
	case settings.Entries:
		what = "names with values"
	case []any:
		what = "a list"
	}
	return fmt.Errorf("%s: found %s, expected %s", key, what, expected)
}

// counts refuses numbers of questions or samples of benchmarks that no model has.
func (r *accuracyReader) counts(key string, counts map[string]int) error {
	var measured []string
	for _, m := range r.a.Models {
		for _, one := range r.a.rows[m] {
			measured = append(measured, one.benchmark)
		}
	}
	for _, b := range sortedNames(counts) {
		switch {
		case !slices.Contains(measured, b):
			return fmt.Errorf("%s.%s: no model of the file has that benchmark%s", key, b, nearest.Hint(b, measured))
		case counts[b] < 1:
			return fmt.Errorf("%s.%s is %d, expected at least 1", key, b, counts[b])
		}
	}
	return nil
}

func sortedNames(m map[string]int) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// trials counts the samples behind a cell of a benchmark; 0 where it is not known.
func (a *Accuracies) trials(benchmark string) int {
	return a.questions[benchmark] * max(1, a.samples[benchmark])
}

// settleUnit tells the unit where the file does not say it, and refuses numbers of two units. All of a
// file are in one: fractions where none is above 1.
func (a *Accuracies) settleUnit() error {
	top, highest := 0.0, map[string]float64{}
	a.each(func(model, _, _ string, x float64, accuracy bool) {
		top = max(top, x)
		if accuracy {
			highest[model] = max(highest[model], x)
		}
	})
	var err error
	refuse := func(format string, args ...any) {
		if err == nil {
			err = fmt.Errorf(format, args...)
		}
	}
	given := a.Unit
	switch given {
	case Percent:
	case Fraction:
		a.each(func(model, benchmark, language string, x float64, _ bool) {
			if x > 1 {
				refuse("%s is %g, and unit is %s: expected 0 to 1", keyOf(model, benchmark, language), x, Fraction)
			}
		})
		return err
	case "":
		a.Told = true
		if a.Unit = Percent; top <= 1 {
			a.Unit = Fraction
			return nil
		}
		for _, m := range a.Models {
			if h := highest[m]; h > 0 && h <= 1 {
				refuse("no accuracy of %s is above 1, others of the file reach %g: all must be in one unit; if they "+
					"are, say unit: %s", cmp.Or(m, "the model"), top, Percent)
			}
		}
	default:
		return fmt.Errorf("unit is %q: expected %s or %s%s", given, Percent, Fraction,
			nearest.Hint(given, []string{Percent, Fraction}))
	}
	a.each(func(model, benchmark, language string, x float64, accuracy bool) {
		n := a.trials(benchmark)
		switch {
		case !accuracy || x <= 0 || x >= 1 || n > 0 && countOf(x, n, 100):
		case n > 0 && countOf(x, n, 1):
			refuse("%s is %g among percent, and is %.0f of %d as a fraction: all must be in one unit",
				keyOf(model, benchmark, language), x, math.Round(x*float64(n)), n)
		case given == "":
			refuse("%s is %g, and others of the file reach %g: all must be in one unit; if %g is percent, "+
				"say unit: %s", keyOf(model, benchmark, language), x, top, x, Percent)
		}
	})
	return err
}

// keyOf names a number as the file has it.
func keyOf(model, benchmark, language string) string {
	key := "accuracies." + benchmark
	if model != "" {
		key = "models." + model + "." + benchmark
	}
	if language == "" {
		language = offTarget
	}
	return key + "." + language
}

// countOf reports whether x of full is a whole number of n trials, as tables round it: a percentage to
// two decimals, a fraction to four.
func countOf(x float64, n int, full float64) bool {
	exact := math.Round(x*float64(n)/full) / float64(n) * full
	return math.Abs(exact-x) < 0.000051*full
}

// each visits all numbers of the file in its order; language is empty for a mean of off-target rates.
func (a *Accuracies) each(f func(model, benchmark, language string, x float64, accuracy bool)) {
	for _, m := range a.Models {
		for _, r := range a.rows[m] {
			for _, t := range r.accuracy {
				f(m, r.benchmark, t.language, t.x, true)
			}
			for _, t := range r.off {
				f(m, r.benchmark, t.language, t.x, false)
			}
		}
	}
}

// Results returns a model's results; s says how it was measured, as far as that is known, and gets the
// benchmarks, languages and samples of the file. nil where the file has no model of that name.
//
// Accuracies of so many questions are taken as the counts that they were printed from (metric.Snap).
// Their standard errors are those of as many independent questions with one sample each: with several
// samples the error is at most that. Without the number of questions, and of means over languages, it
// is not known. What the file does not say is NaN.
func (a *Accuracies) Results(model string, s Spec) *Results {
	if len(a.rows[model]) == 0 {
		return nil
	}
	r := &Results{Settings: s, Benchmarks: map[string]BenchmarkResult{}, Languages: map[string]Score{}}
	set := &r.Settings
	set.Benchmarks, set.Languages, set.Samples = nil, nil, map[string]int{}
	byLanguage := map[string][]Score{}
	var means []Score
	for _, one := range a.rows[model] {
		set.Benchmarks = append(set.Benchmarks, one.benchmark)
		set.Samples[one.benchmark] = max(1, a.samples[one.benchmark])
		result := BenchmarkResult{Languages: map[string]Score{}}
		var all []Score
		for _, t := range one.accuracy {
			score := a.score(&one, t)
			result.Languages[t.language] = score
			all, byLanguage[t.language] = append(all, score), append(byLanguage[t.language], score)
			if !slices.Contains(set.Languages, t.language) {
				set.Languages = append(set.Languages, t.language)
			}
		}
		result.Mean = plainMean(all)
		if len(one.off) == 1 && one.off[0].language == "" {
			result.Mean.OffTarget = a.fraction(one.off[0].x)
		}
		r.Benchmarks[one.benchmark] = result
		means = append(means, result.Mean)
	}
	known := language.Builtin().With(s.OwnLanguages)
	slices.SortStableFunc(set.Languages, func(x, y string) int { return cmp.Compare(known.Rank(x), known.Rank(y)) })
	for l, scores := range byLanguage {
		r.Languages[l] = plainMean(scores)
	}
	r.Mean = plainMean(means)
	return r
}

// fraction brings a number of the file to a share of 1, of twelve digits: the same from either unit.
func (a *Accuracies) fraction(x float64) float64 {
	if a.Unit == Percent {
		x /= 100
	}
	x, _ = strconv.ParseFloat(strconv.FormatFloat(x, 'g', 12, 64), 64)
	return x
}

// score is the score of a language in a row.
func (a *Accuracies) score(r *row, t typed) Score {
	nan := math.NaN()
	s := Score{Questions: a.questions[r.benchmark], Samples: max(1, a.trials(r.benchmark)),
		Accuracy: a.fraction(t.x), OffTarget: nan, AnswerOffTarget: nan, MeanTokens: nan, Truncated: nan}
	if n := a.trials(r.benchmark); n > 0 {
		cell := metric.Scores{r.benchmark: {t.language: 100 * s.Accuracy}}
		s.Accuracy = metric.Snap(cell, map[string]int{r.benchmark: n})[r.benchmark][t.language] / 100
		se := math.Sqrt(s.Accuracy * (1 - s.Accuracy) / float64(s.Questions))
		s.AccuracySE = &se
		s.AccuracySE, s.AccuracyCI = widened(s.Accuracy, &se, nil, s.Questions)
	}
	for _, off := range r.off {
		if off.language == t.language {
			s.OffTarget = a.fraction(off.x)
		}
	}
	return s
}

// plainMean is the mean of scores, without errors: translations of a question are not independent, and
// nothing is known of single ones.
func plainMean(scores []Score) Score {
	var m Score
	n := float64(len(scores))
	for _, s := range scores {
		m.Questions += s.Questions
		m.Samples += s.Samples
		m.Accuracy += s.Accuracy / n
		m.OffTarget += s.OffTarget / n
		m.AnswerOffTarget += s.AnswerOffTarget / n
		m.MeanTokens += s.MeanTokens / n
		m.Truncated += s.Truncated / n
	}
	return m
}
