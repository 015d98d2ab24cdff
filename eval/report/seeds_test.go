package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/metric"
)

// simulated is an arm, or a model that is evaluated as it is, of a study whose numbers are drawn.
type simulated struct {
	name, base, method, arm string
	languages               []string // trained on
	skill                   float64  // in logits, of English
	elsewhere               float64  // less in other languages
	seeds                   int      // 0 for a model
	template                string
}

var simulatedLanguages = []string{"en", "es", "ru", "de", "fr", "bn", "th", "sw", "zh", "ja", "te"}

// simulatedStudy is the paper's three studies on two initial models, in small.
var simulatedStudy = []simulated{
	{name: "tiny", skill: -1, elsewhere: 0.8}, {name: "instruct", skill: -0.6, elsewhere: 0.5},
	{name: "tiny-plain", skill: -1.3, elsewhere: 0.8, template: "none"},
	{name: "sft", base: "tiny", method: "SFT", languages: []string{"en"}, skill: 0.6, elsewhere: 1.7, seeds: 3},
	{name: "rl", base: "tiny", method: "RL", languages: []string{"en"}, skill: 0.3, elsewhere: 0.6, seeds: 3},
	{name: "parallel-0", base: "instruct", method: "RL", arm: "parallel", languages: []string{"en"}, skill: 0.5,
		elsewhere: 1.3, seeds: 3},
	{name: "parallel-1", base: "instruct", method: "RL", arm: "parallel", languages: []string{"en", "ru"}, skill: 0.5,
		elsewhere: 0.8, seeds: 3},
	{name: "parallel-2", base: "instruct", method: "RL", arm: "parallel", languages: []string{"en", "ru", "fr"},
		skill: 0.5, elsewhere: 0.7, seeds: 3},
	{name: "parallel-3", base: "instruct", method: "RL", arm: "parallel", languages: []string{"en", "ru", "fr", "es"},
		skill: 0.5, elsewhere: 0.5, seeds: 3},
	{name: "unparallel-ru", base: "instruct", method: "RL", arm: "none", languages: []string{"en", "ru"}, skill: 0.5,
		elsewhere: 1, seeds: 3},
	{name: "parallel-bn", base: "instruct", method: "RL", arm: "none", languages: []string{"en", "bn"}, skill: 0.5,
		elsewhere: 0.75, seeds: 3},
}

// simulatedRuns draws the runs of a study, and its plan.
func simulatedRuns(arms []simulated, questions, samples int) ([]*Run, Plan) {
	random := rand.New(rand.NewPCG(6, 28))
	hard := make([]float64, questions)
	for i := range hard {
		hard[i] = random.NormFloat64()
	}
	plan := Plan{Title: "Simulated", ID: []string{"sums"}, Runs: map[string]PlanRun{}}
	var runs []*Run
	for _, a := range arms {
		for seed := range max(1, a.seeds) {
			name := a.name
			p := PlanRun{Label: a.name, Base: a.base, Method: a.method, Languages: a.languages, Arm: a.arm}
			better := 0.0
			if a.seeds > 0 {
				name = fmt.Sprintf("%s.%d", a.name, seed+1)
				p.Of, p.Seed = a.name, uint64(seed+1)
				better = 0.15 * random.NormFloat64()
			}
			if a.template != "" {
				p.Model, p.Template = "tiny", a.template
			}
			plan.Runs[name] = p
			right := metric.Answers{}
			for _, b := range []string{"sums", "words"} {
				right[b] = map[string]map[string]float64{}
				for k, l := range simulatedLanguages {
					right[b][l] = map[string]float64{}
					chance := a.skill + better
					if !slices.Contains(a.languages, l) && l != "en" {
						chance -= a.elsewhere * (0.7 + 0.06*float64(k))
					}
					for i, h := range hard {
						sum := 0.0
						for range samples {
							sum += metric.Indicator(random.Float64() < 1/(1+math.Exp(-chance-h)))
						}
						right[b][l][fmt.Sprint(i)] = sum / float64(samples)
					}
				}
			}
			runs = append(runs, answeredRun(name, a.template, right, samples))
		}
	}
	return runs, plan
}

// answeredRun is an evaluation in which each question was right so often.
func answeredRun(name, template string, right metric.Answers, samples int) *Run {
	r := &eval.Results{Model: name, Benchmarks: map[string]eval.BenchmarkResult{}, Languages: map[string]eval.Score{},
		Settings: eval.Spec{Samples: map[string]int{}, MaxTokens: 40, Template: "plain", Grader: "qwen"}}
	if template != "" {
		r.Settings.Template = template
	}
	o := &outcomes{right: right, asked: map[[3]string]question{}, tallies: map[[2]string]*tally{}}
	byLanguage := map[string][]eval.Score{}
	var means []eval.Score
	for _, b := range sortedKeys(right) {
		r.Settings.Benchmarks, r.Settings.Samples[b] = append(r.Settings.Benchmarks, b), samples
		r.Settings.Languages = nil
		result := eval.BenchmarkResult{Languages: map[string]eval.Score{}}
		var all []eval.Score
		for _, l := range simulatedLanguages {
			answers, ok := right[b][l]
			if !ok {
				continue
			}
			r.Settings.Languages = append(r.Settings.Languages, l)
			var x []float64
			for _, id := range sortedKeys(answers) {
				x = append(x, answers[id])
				o.asked[[3]string{b, l, id}] = question{reference: hash(id)}
				o.samples += samples
			}
			mean, se := *metric.Mean(x), math.Sqrt(variance(x)/float64(len(x)))
			s := eval.Score{Questions: len(x), Samples: samples * len(x), Accuracy: mean, AccuracySE: &se,
				Accuracies: map[string]float64{"qwen": mean, "strict": mean}, OffTarget: 0.1}
			result.Languages[l] = s
			byLanguage[l], all = append(byLanguage[l], s), append(all, s)
		}
		result.Mean = meanScore(all)
		means = append(means, result.Mean)
		r.Benchmarks[b] = result
	}
	for l, scores := range byLanguage {
		r.Languages[l] = meanScore(scores)
	}
	r.Mean = meanScore(means)
	return &Run{Name: name, Results: r, answers: o}
}

// TestSeedsAreOneRow: an arm that was trained with three seeds is one row, the mean of them, with
// intervals that are wider than those of its questions; its seeds stay in the files for programs.
func TestSeedsAreOneRow(t *testing.T) {
	runs, plan := simulatedRuns(simulatedStudy, 30, 2)
	r, err := New(runs, plan)
	if err != nil {
		t.Fatal(err)
	}
	s := r.study
	names := map[string]bool{}
	for _, m := range s.models {
		names[m.name] = true
	}
	if len(s.models) != len(simulatedStudy) || !names["rl"] || names["rl, seed 1"] {
		t.Errorf("models %v, want one for each of %d", sortedKeys(names), len(simulatedStudy))
	}
	if len(s.pairs) != 8 || len(s.singlePairs) != 24 || len(s.singles) != 24 {
		t.Errorf("%d pairs of %d seeds and %d models of seeds, want 8, 24, 24", len(s.pairs), len(s.singlePairs),
			len(s.singles))
	}
	for _, p := range s.pairs {
		mean, deltas := 0.0, 0.0
		for _, q := range p.seeds {
			mean += q.accuracy.x / 3
			deltas += q.deltaUnseen["sums"].x / 3
		}
		if math.Abs(mean-p.accuracy.x) > 1e-12 || math.Abs(deltas-p.deltaUnseen["sums"].x) > 1e-12 {
			t.Errorf("%s: accuracy %g and ΔR %g, want the means of its seeds, %g and %g", p.name(), p.accuracy.x,
				p.deltaUnseen["sums"].x, mean, deltas)
		}
		got, single := p.accuracy.ci, p.seeds[0].accuracy.ci
		if got == nil || single == nil || !(got[0] < p.accuracy.x && p.accuracy.x < got[1]) {
			t.Errorf("%s: accuracy %g %v, of a seed %v", p.name(), p.accuracy.x, got, single)
		}
	}
	if a := s.arms; len(a) != 1 || len(a[0].pairs) != 4 || !a[0].mti.ok {
		t.Errorf("arms %+v, want one law of four means", a)
	}
	markdown := r.Markdown()
	for _, want := range []string{"bootstrap over questions and seeds",
		"Means over seed 1, seed 2, seed 3: sft, rl, parallel-0,"} {
		if !strings.Contains(markdown, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	data, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Pairs     []struct{ Seeds []uint64 }
		SeedPairs []struct{ Trained string } `json:"seed_pairs"`
	}
	if err := json.Unmarshal(data, &all); err != nil || len(all.SeedPairs) != 24 || len(all.Pairs[0].Seeds) != 3 {
		t.Errorf("report.json: %v, %+v", err, all)
	}
	for _, n := range r.numbers() {
		if n.name == "transfer" && !slices.ContainsFunc(n.rows, func(row []string) bool { return row[0] == "rl.2" }) {
			t.Error("transfer.csv has no single seeds")
		}
	}
}

// TestSeedsRepeat: the same runs give the same report.
func TestSeedsRepeat(t *testing.T) {
	var all [2][]byte
	for i := range all {
		runs, plan := simulatedRuns(simulatedStudy[:5], 10, 1)
		plan.Paper = true
		r, err := New(runs, plan)
		if err != nil {
			t.Fatal(err)
		}
		if all[i], err = r.HTML(); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(all[0], all[1]) {
		t.Error("the same runs gave another report")
	}
}

// TestOneSeed: with one seed intervals are those of the questions, and nothing says otherwise.
func TestOneSeed(t *testing.T) {
	arms := slices.Clone(simulatedStudy)
	for i := range arms {
		arms[i].seeds = min(1, arms[i].seeds)
	}
	runs, plan := simulatedRuns(arms, 30, 2)
	r, err := New(runs, plan)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.study.singles) != 0 || strings.Contains(r.Markdown(), "and seeds") {
		t.Error("one seed is reported as several")
	}
}

// TestSeedsOfSome: what was trained once beside what was trained thrice is named.
func TestSeedsOfSome(t *testing.T) {
	arms := slices.Clone(simulatedStudy[:5])
	arms[4].seeds = 1
	runs, plan := simulatedRuns(arms, 10, 1)
	plan.Paper = true
	r, err := New(runs, plan)
	if err != nil {
		t.Fatal(err)
	}
	if want := "is not in the intervals: rl."; !strings.Contains(r.Markdown(), want) {
		t.Errorf("the report does not say %q", want)
	}
}

// TestSeedsThatCannotBeAveraged are reported one by one, and the report says why.
func TestSeedsThatCannotBeAveraged(t *testing.T) {
	runs, plan := simulatedRuns(simulatedStudy[:4], 10, 1)
	runs[4].Results.Settings.Temperature = 0.3
	p := plan.Runs["sft.2"]
	p.Allow = []string{"temperature"}
	plan.Runs["sft.2"] = p
	r, err := New(runs, plan)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.study.pairs) != 3 || !strings.Contains(strings.Join(r.Remarks(), "\n"), "reported one by one") {
		t.Errorf("%d pairs, remarks %q", len(r.study.pairs), r.Remarks())
	}
}
