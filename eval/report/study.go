package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/metric"
	"github.com/stele-lm/stele/eval/multilingual"
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
	weights  map[string]string // SHA-256 by file, where known
	dir      string            // of the model, where known
	dtype    string            // that it computed in, where known
	given    string            // where its accuracies were stated; empty of an evaluation
	folder   string            // of its evaluation
	source   *Run              // that its evaluation is of
	after    bool              // measured at the end of the training run that it is named after
	paired   bool              // base or trained model of a pair
	spoken   bool              // its base is known, or why it is not here
	seeds    []*model          // that it is the mean of
	measures *multilingual.Measures
	madeBy   string // the arm whose run made it; empty for others
}

// pair is a trained model beside its base.
type pair struct {
	run           string // of the trained one
	base, trained *model
	method        string   // RL, SFT, or empty
	languages     []string // trained on
	arm           string
	on            *comparison // the questions that both were put
	of            string      // the arm whose run it is; empty for others
	seed          uint64      // of an arm's run
	seeds         []*pair     // that it is the mean of
	*transfer
}

func (p *pair) name() string { return p.trained.name }

// study groups the runs: models, pairs of base and trained model, arms of pairs.
type study struct {
	id     []string       // benchmarks in distribution
	known  knownLanguages // languages of all runs
	models []*model
	pairs  []*pair
	arms   []*arm
	// singles and singlePairs are of each seed of what models and pairs have as means.
	singles     []*model
	singlePairs []*pair
	// paper asks for the paper's tables and figures, of these comparisons where they name them.
	paper       bool
	comparisons []PlanComparison
	claims      []*claim
	// drawn is the name of the figure to be drawn, where that is another than usual.
	drawn string
	// refused says of runs that belong together why they are not compared.
	refused []string
	said    []string // of the plan
	// flagged says that flags name bases and what may differ, not a plan.
	flagged bool
	looks   map[string]int // see look
	// resampled says that there are bootstrap intervals.
	resampled bool
}

// newStudy finds pairs and arms: what the plan says, then what manifests say. What a
// plan pairs and cannot be compared is an error.
func newStudy(runs []*Run, plan Plan) (*study, error) {
	s := &study{id: plan.ID, known: knownLanguagesOf(evaluationsOf(runs)...), paper: plan.Paper,
		comparisons: plan.Comparisons}
	if err := s.fill(runs, plan); err != nil {
		return nil, err
	}
	s.average(plan)
	s.group()
	s.claim()
	s.intervals()
	return s, nil
}

// fill finds models and pairs.
func (s *study) fill(runs []*Run, plan Plan) error {
	byRun := map[string]*model{}
	for _, r := range runs {
		if r.Results != nil {
			p := plan.Runs[r.Name]
			if p.Label != "" && plan.several(p.Of) {
				p.Label += fmt.Sprintf(", seed %d", p.Seed)
			}
			m := s.add(r.Name, p, r.Name, r.Results, r.answers)
			m.folder, m.given, m.source = r.dir, r.given, r
			if r.manifest != nil {
				m.weights, m.dir, m.dtype = r.manifest.Weights, r.manifest.ModelDir, r.manifest.DType
			}
			byRun[r.Name] = m
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
				bases[key].folder, bases[key].source = filepath.Join(r.dir, "eval", "before"), r
				if r.origin != nil {
					bases[key].weights, bases[key].dir = r.origin.Weights, r.origin.Dir
				}
			}
			byRun[r.Name+"/before"] = bases[key]
		}
		if t.After != nil {
			m := s.add(r.Name+"/after", plan.Runs[r.Name], r.Name, t.After, t.answersAfter)
			m.folder, m.after, m.source = filepath.Join(r.dir, "eval", "after"), true, r
			byRun[r.Name] = m
		}
	}
	for _, r := range runs {
		trained, p := byRun[r.Name], plan.Runs[r.Name]
		if err := s.pair(r, p, byRun[p.Base], trained, byRun[r.Name+"/before"]); err != nil {
			return err
		}
	}
	return nil
}

// pair finds the base of a run's model, named by the plan or not, and adds the pair.
func (s *study) pair(r *Run, p PlanRun, named, trained, before *model) error {
	if p.Base != "" {
		switch {
		case trained == nil:
			return fmt.Errorf("the plan names %s as the base of %s, which has no evaluation after its "+
				"training", p.Base, r.Name)
		case named == nil:
			return fmt.Errorf("the plan names %s as the base of %s, and it has no evaluation: a training "+
				"run's own first one is %s/before", p.Base, r.Name, p.Base)
		}
		if err := s.addPair(r.Name, p, named, trained, r.origin); err != nil {
			if s.flagged {
				return err
			}
			return fmt.Errorf("the plan names %s as the base of %s: %w", p.Base, r.Name, err)
		}
		return nil
	}
	if p.Alone && trained != nil {
		trained.spoken = true
		return nil
	}
	if p.baseAt != "" && trained != nil {
		s.refused = append(s.refused,
			fmt.Sprintf("%s is not compared with its base: the plan names %s, not among the runs given.",
				trained.name, p.baseAt))
		trained.spoken = true
		return nil
	}
	if trained == nil || r.origin == nil && before == nil {
		return nil
	}
	trained.spoken = true
	candidates := []*model{before}
	if before == nil {
		candidates = s.evaluated(r.origin, trained)
	}
	var why []string
	for _, base := range candidates {
		err := s.addPair(r.Name, p, base, trained, r.origin)
		if err == nil {
			return nil
		}
		why = append(why, err.Error())
	}
	switch {
	case why != nil:
		s.refused = append(s.refused,
			fmt.Sprintf("%s is not compared with the model that it was trained from: %s.", trained.name,
				strings.Join(why, "; ")))
	default:
		s.refused = append(s.refused,
			fmt.Sprintf("%s was trained from %s, of which there is no evaluation here to compare with.",
				trained.name, modelLabel(r.origin.Model)))
	}
	return nil
}

func fingerprint(r *eval.Results) string {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Sprintf("%p", r)
	}
	return string(data)
}

// remarks say which models are not compared with the one that they were trained from,
// and why.
func (s *study) remarks() []string {
	var copied, alone []string
	for _, m := range s.models {
		switch {
		case m.paired || m.spoken:
		case m.weights[trainerState] != "":
			copied = append(copied, m.name)
		default:
			alone = append(alone, m.name)
		}
	}
	all := slices.Concat(s.said, s.refused)
	for _, name := range copied {
		all = append(all, name+" is of a training run's checkpoint that lies outside RUN/checkpoints, and "+
			"nothing says of which run: evaluate it where it was written, or name its base in a plan "+
			"(stele report --help).")
	}
	switch {
	case len(alone) > 1 && len(s.pairs)+len(s.refused) == 0:
		all = append(all, "Nothing says which model was trained from which: a plan can (stele report "+
			"--help).")
	case len(alone) > 0 && len(s.pairs) > 0:
		all = append(all, fmt.Sprintf("Nothing says whether %s was trained from another: a plan can "+
			"(stele report --help).", strings.Join(alone, ", ")))
	}
	return all
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
	m := &model{evaluation: evaluation{unique, r}, run: run, family: p.Model, template: p.Template,
		answers: answers, madeBy: p.Of}
	if m.family == "" {
		m.family = modelLabel(r.Model)
	}
	m.spoken = p.Model != "" || p.Template != "" // what a plan lays beside others
	if m.template == "" {
		m.template = r.Settings.Template
	}
	s.models = append(s.models, m)
	return m
}

// evaluated lists the evaluations of the model that a training run started from; those
// that put it questions in the same way as another come first.
func (s *study) evaluated(origin *eval.Lineage, like *model) []*model {
	var found []*model
	for _, m := range s.models {
		if m != like && sameModel(m, origin) &&
			slices.ContainsFunc(m.results.Settings.Benchmarks,
				func(b string) bool { return slices.Contains(like.results.Settings.Benchmarks, b) }) {
			found = append(found, m)
		}
	}
	slices.SortStableFunc(found, func(a, b *model) int {
		x, _ := differ(&a.results.Settings, &like.results.Settings)
		y, _ := differ(&b.results.Settings, &like.results.Settings)
		return len(x) - len(y)
	})
	return found
}

// addPair adds a pair, or says why the two cannot be compared.
func (s *study) addPair(run string, p PlanRun, base, trained *model, origin *eval.Lineage) error {
	if base == trained {
		return errors.New("they are the same evaluation")
	}
	var names []string
	var said string
	if !base.unsettled() && !trained.unsettled() {
		names, said = differ(&base.results.Settings, &trained.results.Settings)
	}
	if slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(p.Allow, name) }) {
		how := fmt.Sprintf("a plan can allow it: allow: [%s]", strings.Join(names, ", "))
		if s.flagged {
			how = "it can be allowed: --allow " + strings.Join(names, ",")
		}
		return fmt.Errorf("%s and %s were evaluated differently: %s (%s)", base.name, trained.name, said, how)
	}
	x := &pair{run: run, base: base, trained: trained, method: p.Method,
		languages: s.known.inOrder(p.Languages), arm: p.Arm, of: p.Of, seed: p.Seed}
	id := s.id
	if origin != nil {
		if len(p.Languages) == 0 {
			x.languages = s.known.inOrder(origin.Languages)
		}
		if p.Method == "" {
			x.method = methodOf(origin.Algorithm)
		}
		if len(id) == 0 && origin.Bench != "" {
			id = []string{origin.Bench}
		}
	}
	var err error
	if x.on, err = compare(base, trained,
		slices.ContainsFunc(p.Allow,
			func(a string) bool { return slices.Contains(rewords, a) })); err != nil {
		return err
	}
	if err = x.on.measureShared(base, trained); err != nil {
		return err
	}
	x.on.allowed = said
	if a, b := base.dtype, trained.dtype; a != "" && b != "" && a != b {
		x.on.precision = fmt.Sprintf("%s was evaluated in %s, %s in %s", base.name, a, trained.name, b)
	}
	if a, b := base.results.Settings.LangCandidates, trained.results.Settings.LangCandidates; a != nil &&
		b != nil && !slices.Equal(a, b) {
		said := fmt.Sprintf("languages of %s were told apart among %s, of %s among %s: their off-target "+
			"rates say other things",
			base.name, strings.Join(a, " "), trained.name, strings.Join(b, " "))
		x.on.precision = strings.TrimPrefix(x.on.precision+"; "+said, "; ")
	}
	x.transfer = transferOf(x.on.base, x.on.trained, x.on.benchmarks, x.on.languages, x.languages, id)
	base.paired, trained.paired = true, true
	s.pairs = append(s.pairs, x)
	return nil
}

// measured returns the model for the bootstrap: its answers where it kept them, else
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

// trials returns the number of independent trials that would have the standard error of
// a score: its questions where each has one sample, more where samples of a
// question differ.
func trials(s eval.Score) int {
	if s.AccuracySE == nil || *s.AccuracySE == 0 {
		return s.Questions
	}
	n := int(math.Round(s.Accuracy * (1 - s.Accuracy) / (*s.AccuracySE * *s.AccuracySE)))
	return max(s.Questions, min(n, s.Samples))
}

// modelLabel returns a model's name without where it lies: a hub id as it is, a
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

// pairBenchmarks returns the benchmarks of any pair in the order of the first.
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

// pairLanguages returns the languages of any pair.
func (s *study) pairLanguages() []string {
	var all []string
	for _, p := range s.pairs {
		all = append(all, p.transfer.languages...)
	}
	return s.known.inOrder(all)
}

// methodOf returns how the paper calls what an algorithm does: SFT, or RL for every other, which
// learns from rewards; "" where no algorithm is known. A plan's method overrides it.
func methodOf(algorithm string) string {
	switch algorithm {
	case "":
		return ""
	case "sft":
		return "SFT"
	}
	return "RL"
}
