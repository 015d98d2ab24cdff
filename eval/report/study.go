package report

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"stele/eval"
	"stele/eval/metric"
)

// replicates of the bootstrap, and its seed: the same folders give the same report.
const (
	replicates    = 1000
	bootstrapSeed = 1
)

// model is a model as it was measured once.
type model struct {
	evaluation
	run      string // the folder's name, with /before or /after for those of a training run
	family   string // what it is called apart from its template
	template string
	answers  *outcomes
	paired   bool // base or trained model of a pair
}

// pair is a trained model beside its base.
type pair struct {
	run           string // of the trained one
	base, trained *model
	method        string   // RL, SFT, or empty
	languages     []string // trained on
	arm           string
	*transfer
}

func (p *pair) name() string { return p.trained.name }

// law is a power law through an arm's points, with its bootstrap intervals or,
// where nothing is known to resample, those of the fit.
type law struct {
	alpha, beta, expected, leap, gap value
	r2                               float64
	ok                               bool
}

// arm is a line of pairs that differ in how many languages they were trained on.
type arm struct {
	name          string
	pairs         []*pair
	mti, accuracy law
}

// study is how the runs belong together.
type study struct {
	id     []string // benchmarks in distribution
	models []*model
	pairs  []*pair
	arms   []*arm
	// resampled says that there are bootstrap intervals.
	resampled bool
}

// newStudy finds pairs and arms: what the plan says, then what manifests say.
func newStudy(runs []*Run, plan Plan) *study {
	s := &study{id: plan.ID}
	byRun := map[string]*model{}
	origins := map[string]*Training{}
	for _, r := range runs {
		if r.Results != nil {
			byRun[r.Name] = s.add(r.Name, plan.Runs[r.Name], r.Name, r.Results, r.answers)
			origins[r.Name] = r.origin
		}
	}
	bases := map[string]*model{} // of training runs: runs from one model share its evaluation
	for _, r := range runs {
		t := r.Training
		if t == nil {
			continue
		}
		if t.Before != nil {
			key := fingerprint(t.Before)
			if bases[key] == nil {
				label := r.Name + " (before)"
				if t.Model != "" {
					label = modelLabel(t.Model)
				}
				bases[key] = s.add(r.Name+"/before", PlanRun{}, label, t.Before, t.answersBefore)
			}
			byRun[r.Name+"/before"] = bases[key]
		}
		if t.After != nil {
			byRun[r.Name] = s.add(r.Name+"/after", plan.Runs[r.Name], r.Name, t.After, t.answersAfter)
			origins[r.Name] = t
		}
	}
	for _, r := range runs {
		trained, p := byRun[r.Name], plan.Runs[r.Name]
		if trained == nil {
			continue
		}
		origin := origins[r.Name]
		base := byRun[p.Base]
		if p.Base == "" {
			if base = byRun[r.Name+"/before"]; base == nil && origin != nil {
				base = s.evaluated(origin.Model, trained)
			}
		}
		if base == nil || base == trained {
			continue
		}
		s.addPair(r.Name, p, base, trained, origin)
	}
	s.group()
	s.intervals()
	return s
}

func fingerprint(r *eval.Results) string {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Sprintf("%p", r)
	}
	return string(data)
}

// add notes a model under a label of its own.
func (s *study) add(run string, p PlanRun, label string, r *eval.Results, answers *outcomes) *model {
	if p.Label != "" {
		label = p.Label
	}
	taken := func(name string) bool {
		return slices.ContainsFunc(s.models, func(m *model) bool { return m.name == name })
	}
	unique := label
	for n := 2; taken(unique); n++ {
		unique = fmt.Sprintf("%s (%d)", label, n)
	}
	m := &model{evaluation: evaluation{unique, r}, run: run, family: p.Model, template: p.Template, answers: answers}
	if m.family == "" {
		m.family = modelLabel(r.Model)
	}
	if m.template == "" {
		m.template = r.Settings.Template
	}
	s.models = append(s.models, m)
	return m
}

// evaluated finds the evaluation of a model that was put the same questions in the
// same way as another.
func (s *study) evaluated(name string, like *model) *model {
	for _, m := range s.models {
		if m != like && m.results.Model == name && m.results.Settings.Template == like.results.Settings.Template &&
			slices.ContainsFunc(m.results.Settings.Benchmarks, func(b string) bool { return slices.Contains(like.results.Settings.Benchmarks, b) }) {
			return m
		}
	}
	return nil
}

func (s *study) addPair(run string, p PlanRun, base, trained *model, origin *Training) {
	x := &pair{run: run, base: base, trained: trained, method: p.Method, languages: inOrder(p.Languages), arm: p.Arm}
	id := s.id
	if origin != nil {
		if len(p.Languages) == 0 {
			x.languages = origin.Languages
		}
		if p.Method == "" {
			x.method = map[string]string{"grpo": "RL", "sft": "SFT"}[origin.Algorithm]
		}
		if len(id) == 0 && origin.Bench != "" {
			id = []string{origin.Bench}
		}
	}
	x.transfer = newTransfer(base.results, trained.results, x.languages, id)
	if len(x.benchmarks) == 0 {
		return
	}
	base.paired, trained.paired = true, true
	s.pairs = append(s.pairs, x)
}

// group makes arms: of pairs that the plan puts together, and of those with the
// same base, method and template. An arm has two numbers of languages at least.
func (s *study) group() {
	byKey := map[string]*arm{}
	for _, p := range s.pairs {
		if p.arm == "none" || len(p.languages) == 0 {
			continue
		}
		key, name := p.arm, p.arm
		if key == "" {
			key = strings.Join([]string{"", p.base.run, p.method, p.trained.template}, "\x00")
			name = p.base.name
			if p.method != "" {
				name += ", " + p.method
			}
		}
		if byKey[key] == nil {
			byKey[key] = &arm{name: name}
			s.arms = append(s.arms, byKey[key])
		}
		byKey[key].pairs = append(byKey[key].pairs, p)
	}
	s.arms = slices.DeleteFunc(s.arms, func(a *arm) bool {
		slices.SortStableFunc(a.pairs, func(p, q *pair) int { return len(p.languages) - len(q.languages) })
		return len(a.pairs[0].languages) == len(a.pairs[len(a.pairs)-1].languages)
	})
	for _, a := range s.arms {
		a.fit(func(p *pair) *transfer { return p.transfer })
	}
}

// fit fits both laws to the arm's transfers.
func (a *arm) fit(of func(*pair) *transfer) {
	var mti, accuracy []metric.Point
	for _, p := range a.pairs {
		t := of(p)
		// Rounded as tables print them, which is what the paper fits.
		if t.mean.ok {
			mti = append(mti, metric.Point{Languages: len(p.languages), Value: metric.Round(t.mean.x, 3)})
		}
		if t.accuracy.ok {
			accuracy = append(accuracy, metric.Point{Languages: len(p.languages), Value: metric.Round(100*t.accuracy.x, 2)})
		}
	}
	a.mti, a.accuracy = fitted(mti), fitted(accuracy)
}

// leastPoints with two languages and more make a law: through two points there is
// always one, which says nothing.
const leastPoints = 3

func fitted(points []metric.Point) law {
	parallel := map[int]bool{}
	for _, p := range points {
		if p.Languages > 1 {
			parallel[p.Languages] = true
		}
	}
	if len(parallel) < leastPoints {
		return law{}
	}
	f, err := metric.Fit(points)
	if err != nil {
		return law{}
	}
	return law{ok: true, r2: f.R2, leap: orUndefined(f.Leap), gap: orUndefined(f.Gap),
		alpha: value{x: f.Alpha, ok: true, ci: f.AlphaCI}, beta: value{x: f.Beta, ok: true, ci: f.BetaCI},
		expected: value{x: f.At(1), ok: true}}
}

func (l *law) each(f func(*value)) {
	for _, v := range []*value{&l.alpha, &l.beta, &l.expected, &l.leap, &l.gap} {
		f(v)
	}
}

// at is the law's value for a number of languages.
func (l *law) at(x float64) float64 { return metric.PowerLaw{Alpha: l.alpha.x, Beta: l.beta.x}.At(x) }

// intervals resamples all models together and gives every number of pairs and arms
// its 95 % interval.
func (s *study) intervals() {
	if len(s.pairs) == 0 {
		return
	}
	b := metric.Bootstrap{Full: 1, Replicates: replicates, Seed: bootstrapSeed}
	index := map[*model]int{}
	for i, m := range s.models {
		index[m] = i
		b.Models = append(b.Models, m.measured())
	}
	drawn := make(map[*pair]*transfer, len(s.pairs))
	intervals := b.Intervals(func(scores []metric.Scores) []*float64 {
		var all []*float64
		see := func(v *value) {
			if v.ok {
				all = append(all, &v.x)
			} else {
				all = append(all, nil)
			}
		}
		for _, p := range s.pairs {
			t := transferOf(scores[index[p.base]], scores[index[p.trained]], p.benchmarks, p.transfer.languages, p.languages, p.inDistribution)
			t.sameMeans(p.transfer)
			drawn[p] = t
			t.each(func(v *value) { copied := *v; see(&copied) })
		}
		for _, a := range s.arms {
			again := arm{pairs: a.pairs}
			again.fit(func(p *pair) *transfer { return drawn[p] })
			again.mti.each(see)
			again.accuracy.each(see)
		}
		return all
	})
	take := func(v *value) {
		if i := intervals[0]; i != nil && i[1] > i[0] && v.ok {
			v.ci = i
			s.resampled = true
		}
		intervals = intervals[1:]
	}
	for _, p := range s.pairs {
		p.each(take)
	}
	for _, a := range s.arms {
		a.mti.each(take)
		a.accuracy.each(take)
	}
}

// measured is the model for the bootstrap: its answers where it kept them, else
// binomial trials.
func (m *model) measured() metric.Measured {
	out := metric.Measured{Scores: scoresOf(m.results), Trials: map[string]map[string]int{}}
	if m.answers != nil {
		out.Answers = m.answers.right
	}
	for b, result := range m.results.Benchmarks {
		out.Trials[b] = map[string]int{}
		for l, s := range result.Languages {
			out.Trials[b][l] = trials(s)
		}
	}
	return out
}

// trials is the number of independent trials that would have the standard error of
// a score: its questions where each has one sample, more where samples of a
// question differ.
func trials(s eval.Score) int {
	if s.AccuracySE == nil || *s.AccuracySE == 0 {
		return s.Questions
	}
	n := int(math.Round(s.Accuracy * (1 - s.Accuracy) / (*s.AccuracySE * *s.AccuracySE)))
	return max(s.Questions, min(n, s.Samples))
}

// modelLabel is a model's name without where it lies: a hub id as it is, a
// checkpoint as its run and step, another folder as its name.
func modelLabel(name string) string {
	clean := filepath.ToSlash(filepath.Clean(name))
	parts := strings.Split(clean, "/")
	if n := len(parts); n >= 3 && parts[n-2] == "checkpoints" {
		return parts[n-3] + " " + parts[n-1]
	}
	if strings.HasPrefix(name, "/") || strings.HasPrefix(name, ".") || len(parts) > 2 {
		return parts[len(parts)-1]
	}
	return name
}

// methods lists the methods of the pairs, RL and SFT first.
func (s *study) methods() []string {
	var all []string
	for _, p := range s.pairs {
		if !slices.Contains(all, p.method) {
			all = append(all, p.method)
		}
	}
	slices.Sort(all)
	return all
}

// pairBenchmarks are the benchmarks of any pair in the order of the first.
func (s *study) pairBenchmarks() []string {
	var all []string
	for _, p := range s.pairs {
		for _, b := range p.benchmarks {
			if !slices.Contains(all, b) {
				all = append(all, b)
			}
		}
	}
	return all
}

// pairLanguages are the languages of any pair.
func (s *study) pairLanguages() []string {
	var all []string
	for _, p := range s.pairs {
		all = append(all, p.transfer.languages...)
	}
	return inOrder(all)
}
