package report

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/grade"
	"github.com/stele-lm/stele/eval/metric"
	"github.com/stele-lm/stele/eval/multilingual"
	"github.com/stele-lm/stele/internal/jsonl"
)

// jsonValue is a number with what is known of its precision; null where undefined.
type jsonValue struct {
	Value *float64         `json:"value"`
	CI95  *metric.Interval `json:"ci95,omitempty"`
}

func (v value) json() jsonValue {
	if !v.ok {
		return jsonValue{}
	}
	return jsonValue{&v.x, v.ci}
}

type jsonModel struct {
	Name       string                          `json:"name"`
	Run        string                          `json:"run"`
	Model      string                          `json:"model"`
	Template   string                          `json:"template"`
	Settings   eval.Spec                       `json:"settings"`
	Benchmarks map[string]eval.BenchmarkResult `json:"benchmarks"`
	Languages  map[string]eval.Score           `json:"languages"`
	Mean       eval.Score                      `json:"mean"`
	// Difficulty is by benchmark: shares of questions by share of right samples, and
	// by number of languages in which they were solved.
	Difficulty map[string]jsonDifficulty `json:"difficulty,omitempty"`
	// Graders counts, by benchmark and language, samples that one grader alone calls right.
	Graders map[string]map[string]*tally `json:"graders,omitempty"`
	// Measures are those that were asked for, of each seed of a mean.
	Measures []*multilingual.Measures `json:"measures,omitempty"`
}

type jsonDifficulty struct {
	Right     map[string]float64 `json:"right"`
	Languages []float64          `json:"languages"`
}

// MarshalJSON writes the samples, those that each grader calls right, and those that
// it alone does.
func (t *tally) MarshalJSON() ([]byte, error) {
	record := jsonl.NewRecord()
	err := record.Set("samples", t.samples)
	for _, g := range grade.Graders {
		err = errors.Join(err, record.Set(g.Name, t.right[g.Name]))
	}
	for _, g := range grade.Graders {
		err = errors.Join(err, record.Set(g.Name+"_only", t.only[g.Name]))
	}
	if err != nil {
		return nil, err
	}
	return record.MarshalJSON()
}

type jsonPair struct {
	Trained        string                          `json:"trained"`
	Seeds          []uint64                        `json:"seeds,omitempty"` // that it is the mean of
	Base           string                          `json:"base"`
	Method         string                          `json:"method"`
	Languages      []string                        `json:"train_languages"`
	InDistribution []string                        `json:"in_distribution"`
	DeltaR         map[string]map[string]jsonValue `json:"delta_r"`
	DeltaRTrain    map[string]jsonValue            `json:"delta_r_train"`
	DeltaRUnseen   map[string]jsonValue            `json:"delta_r_unseen"`
	DeltaPoints    map[string]map[string]jsonValue `json:"delta_points"`
	// Questions are those that base and trained model were both put, by benchmark and
	// language; Checked says that they were compared one by one.
	Questions map[string]map[string]asked `json:"questions"`
	// Before and After are accuracies on these.
	Before  metric.Scores `json:"accuracy_before"`
	After   metric.Scores `json:"accuracy_after"`
	Checked bool          `json:"questions_checked"`
	// Differing are settings that differ, where the plan allows it.
	Differing       string               `json:"differing_settings,omitempty"`
	MTI             map[string]jsonValue `json:"mti"`
	MTIByLanguage   map[string]jsonValue `json:"mti_by_language"`
	MTIID           jsonValue            `json:"mti_id"`
	MTIOOD          jsonValue            `json:"mti_ood"`
	MTIAvg          jsonValue            `json:"mti_avg"`
	AccuracyTrained jsonValue            `json:"accuracy"`
}

type jsonLaw struct {
	Alpha    jsonValue `json:"alpha"`
	Beta     jsonValue `json:"beta"`
	R2       float64   `json:"r2"`
	Expected jsonValue `json:"expected_monolingual"`
	Gap      jsonValue `json:"monolingual_gap"`
	Leap     jsonValue `json:"first_parallel_leap"`
}

type jsonArm struct {
	Name     string   `json:"name"`
	Trained  []string `json:"trained"`
	MTI      *jsonLaw `json:"mti"`
	Accuracy *jsonLaw `json:"accuracy"` // in percent
}

// JSON holds the numbers of the report, not rounded. Accuracies and shares are
// fractions of 1, delta_r and mti ratios, delta_points percentage points.
func (r *Report) JSON() ([]byte, error) {
	out := struct {
		Title    string      `json:"title"`
		Stele    string      `json:"stele"` // that made the report
		Interval string      `json:"interval"`
		Models   []jsonModel `json:"models"`
		Pairs    []jsonPair  `json:"pairs"`
		Scaling  []jsonArm   `json:"scaling"`
		// Effects are what findings say, in the unit that they name.
		Effects []jsonEffect `json:"effects,omitempty"`
		// Single seeds of what models and pairs have as means.
		SeedModels []jsonModel `json:"seed_models,omitempty"`
		SeedPairs  []jsonPair  `json:"seed_pairs,omitempty"`
		// Runs say where the numbers are from.
		Runs []provenance `json:"runs"`
	}{Title: r.Title, Stele: r.Version, Runs: append([]provenance{}, r.made...),
		Models: []jsonModel{}, Pairs: []jsonPair{}, Scaling: []jsonArm{}}
	s := r.study
	if s.resampled {
		out.Interval = "95 %, percentile bootstrap over questions, the same for all models and languages; " +
			"binomial where only counts are known"
		if len(s.singlePairs) > 0 {
			out.Interval += "; of means over seeds also over these, with Student's t"
		}
	}
	for _, m := range s.models {
		out.Models = append(out.Models, m.json())
	}
	for _, p := range s.pairs {
		out.Pairs = append(out.Pairs, p.json())
	}
	if s.paper {
		for _, c := range slices.Concat(s.claims, s.lawClaims()) {
			out.Effects = append(out.Effects, c.json())
		}
	}
	for _, m := range s.singles {
		out.SeedModels = append(out.SeedModels, m.json())
	}
	for _, p := range s.singlePairs {
		out.SeedPairs = append(out.SeedPairs, p.json())
	}
	for _, a := range s.arms {
		x := jsonArm{Name: a.name, MTI: a.mti.json(), Accuracy: a.accuracy.json()}
		for _, p := range a.pairs {
			x.Trained = append(x.Trained, p.name())
		}
		out.Scaling = append(out.Scaling, x)
	}
	data, err := json.MarshalIndent(out, "", " ")
	return append(data, '\n'), err
}

// jsonEffect is an effect and the smallest that could have been seen.
type jsonEffect struct {
	Model    string    `json:"model"`
	Beside   string    `json:"beside,omitempty"`
	Of       string    `json:"of"`
	Unit     string    `json:"unit,omitempty"`
	Effect   jsonValue `json:"effect"`
	Smallest jsonValue `json:"smallest"`
}

func (c *claim) json() jsonEffect {
	return jsonEffect{Model: c.what, Beside: strings.Trim(c.against, "–"), Of: c.quantity,
		Unit: strings.TrimSpace(c.unit), Effect: c.effect.scaled(c.scale).json(),
		Smallest: smallest(c.effect).scaled(c.scale).json()}
}

func (m *model) json() jsonModel {
	r := m.results
	x := jsonModel{Name: m.name, Run: m.run, Model: r.Model, Template: m.template, Settings: r.Settings,
		Benchmarks: r.Benchmarks, Languages: r.Languages, Mean: r.Mean, Measures: m.all()}
	if m.answers == nil {
		return x
	}
	x.Difficulty, x.Graders = map[string]jsonDifficulty{}, map[string]map[string]*tally{}
	for b, answers := range m.answers.right {
		d := newDifficulty(answers)
		right := map[string]float64{}
		for i, name := range difficultyBins {
			right[name] = d.bins[i]
		}
		x.Difficulty[b] = jsonDifficulty{right, d.languages}
	}
	for cell, t := range m.answers.tallies {
		if x.Graders[cell[0]] == nil {
			x.Graders[cell[0]] = map[string]*tally{}
		}
		x.Graders[cell[0]][cell[1]] = t
	}
	return x
}

func (p *pair) json() jsonPair {
	t := p.transfer
	var seeds []uint64
	for _, q := range p.seeds {
		seeds = append(seeds, q.seed)
	}
	return jsonPair{
		Seeds: seeds, Trained: p.name(), Base: p.base.name, Method: p.method, Languages: p.languages,
		InDistribution: t.inDistribution,
		DeltaR:         jsonCells(t.delta),
		DeltaRTrain:    jsonValues(t.deltaTrained), DeltaRUnseen: jsonValues(t.deltaUnseen),
		Questions: p.on.asked, Before: p.on.base, After: p.on.trained,
		Checked: p.on.checked, Differing: p.on.allowed,
		DeltaPoints: jsonCells(inPoints(t.points)),
		MTI:         jsonValues(t.mtiOfBenchmark), MTIByLanguage: jsonValues(t.mtiOfLanguage),
		MTIID: t.id.json(), MTIOOD: t.ood.json(), MTIAvg: t.mean.json(), AccuracyTrained: t.accuracy.json(),
	}
}

// inPoints returns differences of fractions as percentage points.
func inPoints(of map[string]map[string]value) map[string]map[string]value {
	out := map[string]map[string]value{}
	for k, cells := range of {
		out[k] = map[string]value{}
		for l, v := range cells {
			v.x *= 100
			if v.ci != nil {
				v.ci = &metric.Interval{100 * v.ci[0], 100 * v.ci[1]}
			}
			out[k][l] = v
		}
	}
	return out
}

func jsonValues(of map[string]value) map[string]jsonValue {
	out := map[string]jsonValue{}
	for k, v := range of {
		out[k] = v.json()
	}
	return out
}

func jsonCells(of map[string]map[string]value) map[string]map[string]jsonValue {
	out := map[string]map[string]jsonValue{}
	for k, cells := range of {
		out[k] = jsonValues(cells)
	}
	return out
}

func (l *law) json() *jsonLaw {
	if !l.ok {
		return nil
	}
	return &jsonLaw{l.alpha.json(), l.beta.json(), l.r2, l.expected.json(), l.gap.json(), l.leap.json()}
}
