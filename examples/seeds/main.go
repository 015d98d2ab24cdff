// Command seeds sums up training runs that differ only in their seed: accuracy before
// and after by language in percent, as the mean over the runs ± its standard error.
//
//	go run ./examples/seeds LABEL=RUN,RUN,... [LABEL=RUN,...]
//
// "others" is the mean of the languages that no arm was trained on. With two arms of
// as many runs, their gains are also compared seed by seed.
package main

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"

	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/trainer"
)

// arm is some runs of one configuration.
type arm struct {
	label         string
	trained       []string
	before, after []map[string]float64 // accuracy by language, a run each
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "seeds:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	var arms []arm
	for _, arg := range args {
		label, list, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("%q is not LABEL=RUN,RUN", arg)
		}
		a := arm{label: label}
		for _, dir := range strings.Split(list, ",") {
			if err := a.read(dir); err != nil {
				return err
			}
		}
		arms = append(arms, a)
	}
	if len(arms) == 0 {
		return fmt.Errorf("no runs: see the top of this program")
	}
	languages := addOthers(arms)
	fmt.Print("| | runs |")
	for _, l := range languages {
		fmt.Printf(" %s before | %s after |", l, l)
	}
	fmt.Printf("\n|---|---:|%s\n", strings.Repeat("---:|---:|", len(languages)))
	for _, a := range arms {
		fmt.Printf("| %s | %d |", a.label, len(a.after))
		for _, l := range languages {
			fmt.Printf(" %s | %s |", spread(column(a.before, l)), spread(column(a.after, l)))
		}
		fmt.Println()
	}
	if len(arms) != 2 || len(arms[0].after) != len(arms[1].after) {
		return nil
	}
	fmt.Printf("\nGain of %s less gain of %s, seed by seed:", arms[1].label, arms[0].label)
	for _, l := range languages {
		var differences []float64
		for i := range arms[0].after {
			gain := func(a arm) float64 { return a.after[i][l] - a.before[i][l] }
			differences = append(differences, gain(arms[1])-gain(arms[0]))
		}
		fmt.Printf(" %s %s;", l, spread(differences))
	}
	fmt.Println()
	return nil
}

// read takes a run's first and last evaluation.
func (a *arm) read(dir string) error {
	var manifest trainer.Manifest
	data, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		return err
	}
	if err := jsonl.Unmarshal(data, &manifest); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	a.trained = manifest.Config.Data.Languages
	path := filepath.Join(dir, "eval.jsonl")
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var all []trainer.Evaluation
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e trainer.Evaluation
		if err := jsonl.Unmarshal(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, e)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if len(all) < 2 {
		return fmt.Errorf("%s: %d evaluations, expected one before and one after", path, len(all))
	}
	a.before, a.after = append(a.before, byLanguage(all[0])), append(a.after, byLanguage(all[len(all)-1]))
	return nil
}

// byLanguage is the mean accuracy over the benchmarks, in percent.
func byLanguage(e trainer.Evaluation) map[string]float64 {
	sum, n := map[string]float64{}, map[string]float64{}
	for _, scores := range e.Scores {
		for language, accuracy := range scores {
			sum[language] += accuracy
			n[language]++
		}
	}
	for language := range sum {
		sum[language] *= 100 / n[language]
	}
	return sum
}

// addOthers adds the mean of the untrained languages, where there are some, and
// returns the columns of the table: the trained ones and it.
func addOthers(arms []arm) []string {
	var trained []string
	for _, a := range arms {
		trained = append(trained, a.trained...)
	}
	slices.Sort(trained)
	trained = slices.Compact(trained)
	others := false
	for _, a := range arms {
		for _, runs := range [][]map[string]float64{a.before, a.after} {
			for _, scores := range runs {
				var rest []float64
				for language, accuracy := range scores {
					if !slices.Contains(trained, language) {
						rest = append(rest, accuracy)
					}
				}
				if len(rest) > 0 {
					scores["others"], others = stat.Mean(rest, nil), true
				}
			}
		}
	}
	if others {
		return append(trained, "others")
	}
	return trained
}

func column(runs []map[string]float64, language string) []float64 {
	var values []float64
	for _, scores := range runs {
		values = append(values, scores[language])
	}
	return values
}

func spread(values []float64) string {
	mean, deviation := stat.MeanStdDev(values, nil)
	if len(values) < 2 {
		return fmt.Sprintf("%.1f", mean)
	}
	return fmt.Sprintf("%.1f ± %.1f", mean, deviation/math.Sqrt(float64(len(values))))
}
