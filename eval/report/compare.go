package report

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/metric"
)

// setting is one of an evaluation's.
type setting struct {
	name string
	of   func(*eval.Spec) any
}

// mustAgree are the settings that must be equal for two evaluations to say what
// training changed, by the names that a plan may allow to differ.
var mustAgree = []setting{
	{"temperature", func(s *eval.Spec) any { return s.Temperature }},
	{"top_p", func(s *eval.Spec) any { return s.TopP }},
	{"top_k", func(s *eval.Spec) any { return s.TopK }},
	{"min_p", func(s *eval.Spec) any { return s.MinP }},
	{"max_tokens", func(s *eval.Spec) any { return s.MaxTokens }},
	{"stop", func(s *eval.Spec) any { return strings.Join(s.Stop, "\n") }},
	{"template", func(s *eval.Spec) any { return s.Template }},
	{"template_args", func(s *eval.Spec) any { return arguments(s.TemplateArgs) }},
	{"hack", func(s *eval.Spec) any { return s.Hack }},
	{"few_shot", func(s *eval.Spec) any { return s.FewShot }},
	{"grader", func(s *eval.Spec) any { return s.Grader }},
	{prompts, func(*eval.Spec) any { return nil }}, // question by question, see share
}

// prompts is the name under which questions may be put in other words.
const prompts = "prompt"

// rewords are the settings that change the words of a question; a plan may let them differ.
var rewords = []string{prompts, "template", "template_args", "hack", "few_shot"}

// arguments writes variables of a chat template, sorted by name; "" without any.
func arguments(variables map[string]string) string {
	if len(variables) == 0 {
		return ""
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		all = append(all, name+"="+variables[name])
	}
	return strings.Join(all, " ")
}

func settingNames() []string {
	var names []string
	for _, c := range mustAgree {
		names = append(names, c.name)
	}
	return names
}

// differ lists the settings that two evaluations do not share.
func differ(base, trained *eval.Spec) (names []string, said string) {
	var all []string
	for _, c := range mustAgree {
		if a, b := c.of(base), c.of(trained); a != b {
			names = append(names, c.name)
			all = append(all, fmt.Sprintf("%s is %v and %v", c.name, orEmpty(a), orEmpty(b)))
		}
	}
	return names, strings.Join(all, ", ")
}

func orEmpty(x any) any {
	if x == "" {
		return `""`
	}
	return x
}

// asked counts the questions of a benchmark in a language that two evaluations share.
type asked struct {
	Shared int `json:"shared"`
	Either int `json:"either"` // questions that one of them was put, or both
}

// comparison are the scores of two evaluations on the questions that both were put.
type comparison struct {
	base, trained               metric.Scores
	baseAnswers, trainedAnswers metric.Answers // on these questions; nil where not known
	benchmarks, languages       []string
	asked                       map[string]map[string]asked
	// baseOn and trainedOn are the results of each on what is compared; nil where that is
	// all that it was put, or its samples are not there.
	baseOn, trainedOn *eval.Results
	// restricted says that one was put questions that the other was not, checked that
	// the questions were compared one by one.
	restricted, checked bool
	// reworded counts questions of one id that were put in other words; they are not
	// shared, unless lenient.
	reworded int
	lenient  bool
	allowed  string // settings that differ, where a plan allows it
	// precision says in what each computed, and among which languages it told outputs
	// apart, where that differs: no setting of the sampling, and it changes few verdicts.
	precision string
}

// compare finds what two evaluations share; the error says why they cannot be compared.
// lenient lets a question be put in other words.
func compare(base, trained *model, lenient bool) (*comparison, error) {
	c := &comparison{lenient: lenient, base: metric.Scores{}, trained: metric.Scores{},
		asked:   map[string]map[string]asked{},
		checked: base.answers != nil && trained.answers != nil}
	if c.checked {
		c.baseAnswers, c.trainedAnswers = metric.Answers{}, metric.Answers{}
	}
	var languages []string
	for _, b := range base.results.Settings.Benchmarks {
		if _, ok := trained.results.Benchmarks[b]; !ok {
			continue
		}
		for _, l := range base.results.Settings.Languages {
			before, okBefore := base.score(b, l)
			after, okAfter := trained.score(b, l)
			if !okBefore || !okAfter {
				continue
			}
			n := asked{Shared: max(before.Questions, after.Questions)}
			n.Either = n.Shared
			if c.checked {
				n = c.share(base.answers, trained.answers, b, l, &before, &after)
				if n.Shared == 0 {
					continue
				}
			} else if before.Questions != after.Questions && min(before.Questions, after.Questions) > 0 {
				return nil, fmt.Errorf("%s in %s has %d questions in %s and %d in %s, and without the "+
					"samples.jsonl of both nothing says which they share",
					b, l, before.Questions, base.name, after.Questions, trained.name)
			}
			c.restricted = c.restricted || n.Shared < n.Either
			set(c.base, b, l, before.Accuracy)
			set(c.trained, b, l, after.Accuracy)
			if c.asked[b] == nil {
				c.asked[b] = map[string]asked{}
				c.benchmarks = append(c.benchmarks, b)
			}
			c.asked[b][l] = n
			if !slices.Contains(languages, l) {
				languages = append(languages, l)
			}
		}
	}
	c.languages = knownLanguagesOf(base.evaluation, trained.evaluation).inOrder(languages)
	if len(c.benchmarks) == 0 && c.reworded > 0 {
		return nil, fmt.Errorf("%s and %s were put the same questions in other words, all %d of them: "+
			"their data or chat templates differ (a plan, or --allow, can let %s differ)",
			base.name, trained.name, c.reworded, prompts)
	}
	if len(c.benchmarks) == 0 {
		return nil, fmt.Errorf("%s and %s have no question in common", base.name, trained.name)
	}
	return c, nil
}

func set(s metric.Scores, benchmark, language string, x float64) {
	if s[benchmark] == nil {
		s[benchmark] = map[string]float64{}
	}
	s[benchmark][language] = x
}

// share keeps of a cell the questions that both were put: those of the same id, prompt and
// reference answer. Scores change only where one has others too.
func (c *comparison) share(base, trained *outcomes, b, l string, before, after *eval.Score) asked {
	answers := [2]map[string]float64{base.right[b][l], trained.right[b][l]}
	kept := [2]map[string]float64{{}, {}}
	n := asked{Either: len(answers[0]) + len(answers[1])}
	var sums [2]float64
	for _, id := range sortedKeys(answers[0]) {
		key := [3]string{b, l, id}
		x, ok := answers[1][id]
		if !ok || base.asked[key].reference != trained.asked[key].reference {
			continue
		}
		if base.asked[key].prompt != trained.asked[key].prompt {
			c.reworded++
			if !c.lenient {
				continue
			}
		}
		n.Shared++
		n.Either--
		kept[0][id], kept[1][id] = answers[0][id], x
		sums[0] += answers[0][id]
		sums[1] += x
	}
	if n.Shared > 0 && n.Shared < n.Either { // both, so that what is equal is equal to the last bit
		before.Accuracy, after.Accuracy = sums[0]/float64(n.Shared), sums[1]/float64(n.Shared)
	}
	for i, to := range []metric.Answers{c.baseAnswers, c.trainedAnswers} {
		if to[b] == nil {
			to[b] = map[string]map[string]float64{}
		}
		to[b][l] = kept[i]
	}
	return n
}

// measured returns the base or the trained model for the bootstrap, on what both share.
func (c *comparison) measured(m *model, scores metric.Scores, answers metric.Answers) metric.Measured {
	out := metric.Measured{Scores: scores, Answers: answers, Trials: map[string]map[string]int{}}
	for b, result := range m.results.Benchmarks {
		out.Trials[b] = map[string]int{}
		for l, s := range result.Languages {
			out.Trials[b][l] = trials(s)
		}
	}
	return out
}

// questions says on how many questions of a benchmark a comparison rests, a language.
func (c *comparison) questions(benchmark string) string {
	var distinct []asked
	for _, l := range c.languages {
		if n, ok := c.asked[benchmark][l]; ok && !slices.Contains(distinct, n) {
			distinct = append(distinct, n)
		}
	}
	if len(distinct) == 0 {
		return "–"
	}
	low, high, either := distinct[0].Shared, distinct[0].Shared, 0
	for _, n := range distinct {
		low, high, either = min(low, n.Shared), max(high, n.Shared), max(either, n.Either)
	}
	s := numberOf(low)
	if low < high {
		s = fmt.Sprintf("%d to %d", low, high)
	}
	if low < either {
		s += fmt.Sprintf(" of %d", either)
	}
	return s
}

// trainerState is the file in a checkpoint's folder that the optimiser's state is in.
const trainerState = "trainer_state.safetensors"

// sameModel reports whether an evaluation is of the model that a training run started
// from: by their weights, where both are known, else by folder or name.
func sameModel(m *model, origin *eval.Lineage) bool {
	if len(m.weights) > 0 && len(origin.Weights) > 0 {
		return reflect.DeepEqual(digests(m.weights), digests(origin.Weights))
	}
	if m.results.Model == origin.Model {
		return true
	}
	for _, a := range []string{m.dir, m.results.Model} {
		for _, b := range []string{origin.Dir, origin.Model} {
			if a != "" && b != "" && sameFolder(a, b) {
				return true
			}
		}
	}
	return false
}

// digests returns the SHA-256 of a model's files, whatever the files are called. What a
// checkpoint holds for its training besides is no part of the model.
func digests(weights map[string]string) []string {
	var all []string
	for name, sum := range weights {
		if name != trainerState {
			all = append(all, sum)
		}
	}
	slices.Sort(all)
	return all
}

func sameFolder(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && x.IsDir() && os.SameFile(x, y)
}

// lineageOf returns what is known of the training run that made the model of the
// evaluation in dir: from its manifest or, for older ones, from the manifest of the run
// whose checkpoint the model's name is, seen from here or from a folder above dir, which
// is where it was given.
func lineageOf(dir string, m *eval.Manifest, name string) (*eval.Lineage, error) {
	if m != nil && m.Trained != nil {
		return m.Trained, nil
	}
	folders := []string{name}
	if m != nil && m.ModelDir != "" {
		folders = append(folders, m.ModelDir)
	}
	if !filepath.IsAbs(name) {
		for above := filepath.Dir(dir); ; above = filepath.Dir(above) {
			folders = append(folders, filepath.Join(above, name))
			if filepath.Dir(above) == above {
				break
			}
		}
	}
	for _, folder := range folders {
		if l, err := eval.LineageOf(folder); err != nil || l != nil {
			return l, err
		}
	}
	return nil, nil
}

// questions says on how many questions a pair rests, benchmark by benchmark.
func (p *pair) questions() string {
	var all []string
	for _, b := range p.benchmarks {
		all = append(all, b+" "+p.on.questions(b))
	}
	if !p.on.checked {
		return strings.Join(all, ", ") + " (by number)"
	}
	return strings.Join(all, ", ")
}
