package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"stele/engine/jsonl"
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
}

// fitOutput is a power law over the number of training languages.
type fitOutput struct {
	Alpha *float64 `json:"alpha"`
	Beta  *float64 `json:"beta"`
	R2    *float64 `json:"r2"`
	Leap  *float64 `json:"first_parallel_leap"`
	Gap   *float64 `json:"monolingual_gap"`
}

func newMetricsCommand(*globals) *cobra.Command {
	var in, out string
	c := &cobra.Command{
		Use:   "metrics --in FILE",
		Short: "Cross-lingual transfer from accuracies: ΔR, MTI, power law",
		Long: `Cross-lingual transfer from accuracies.

--in holds one JSON object: "languages", "base" {benchmark: {language: accuracy}},
"trained" {name: {"train_languages": [...], "scores": {benchmark: {language: accuracy}}}}
and optionally "counts" {benchmark: trials}. Accuracies are in percent; null is a lost
cell. The output has "delta_r", "delta_r_train", "mti" and "mti_avg" for each name, and
"fits": power laws of MTI and of mean accuracy over the number of training languages,
by nonlinear least squares with the monolingual point left out.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			input, err := readMetricsInput(in)
			if err != nil {
				return err
			}
			w, err := jsonl.Create(out)
			if err != nil {
				return err
			}
			defer w.Abort()
			return errors.Join(w.Write(input.transfer()), w.Close())
		},
	}
	c.Flags().StringVar(&in, "in", "", "JSON file; - is stdin")
	c.Flags().StringVar(&out, "out", "-", "JSON file; - is stdout")
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
			return fmt.Errorf("unknown language %q", l)
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

// transfer computes the output; map keys are sorted when it is written.
func (in *metricsInput) transfer() map[string]any {
	base := metric.Snap(present(in.Base), in.Counts)
	out := map[string]any{}
	var index, accuracy []metric.Point
	for name, t := range in.Trained {
		scores := metric.Snap(present(t.Scores), in.Counts)
		result := metric.NewTransfer(base, scores, in.Languages, t.TrainLanguages)
		out[name] = transferOutput{result.DeltaR, result.DeltaRTrain, result.MTI, result.MTIMean}
		x := len(t.TrainLanguages)
		if result.MTIMean != nil {
			// Rounded as tables print them, which is what the paper fits.
			index = append(index, metric.Point{Languages: x, Value: metric.Round(*result.MTIMean, 3)})
		}
		if mean := meanAccuracy(scores); mean != nil {
			accuracy = append(accuracy, metric.Point{Languages: x, Value: metric.Round(*mean, 2)})
		}
	}
	out["fits"] = map[string]fitOutput{"mti": fit(index), "accuracy": fit(accuracy)}
	return out
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

// fit is a power law where the points allow one, else nulls.
func fit(points []metric.Point) fitOutput {
	slices.SortStableFunc(points, func(a, b metric.Point) int { return a.Languages - b.Languages })
	law, err := metric.Fit(points)
	if err != nil {
		return fitOutput{}
	}
	return fitOutput{&law.Alpha, &law.Beta, &law.R2, law.Leap, law.Gap}
}
