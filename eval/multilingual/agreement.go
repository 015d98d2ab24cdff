package multilingual

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/metric"
)

// Agreements say, for each two languages, how often the same question is answered the same in both.
// Matrices have a row and a column for each language, in order; they are symmetric, and on the
// diagonal and where nothing is defined they are null.
type Agreements struct {
	Languages []string `json:"languages"`
	// Questions are those that both languages have, with the same reference answer; Different those
	// whose references differ, which do not count.
	Questions [][]*float64 `json:"questions"`
	Different int          `json:"different_references"`
	// Same is the share of pairs of samples, one in each language, with the same answer, right or
	// wrong, a mean over questions.
	Same [][]*float64 `json:"same"`
	// SameWrong is that of pairs of two wrong answers.
	SameWrong [][]*float64 `json:"same_wrong"`
	// Kappa is Same with what chance gives taken off: (Same - e) / (1 - e).
	Kappa [][]*float64 `json:"kappa"`
	// SameCI and KappaCI are 95 % intervals over questions.
	SameCI  [][]*metric.Interval `json:"same_ci95,omitempty"`
	KappaCI [][]*metric.Interval `json:"kappa_ci95,omitempty"`
	// Options is the number of answers that a question can have, the most where questions differ; 0 is
	// any number. Guessed says that it is how far the references go in the alphabet.
	Options int  `json:"options"`
	Guessed bool `json:"options_guessed,omitempty"`
}

// sameType says by which type of answers predictions are compared.
type sameType struct{ label string }

// answered are the samples of a question, in all languages.
type answered struct {
	sameType
	by map[string][]given
}

// given is a sample's answer.
type given struct {
	prediction string
	right      bool
	reference  string
	group      int // answers of one number are the same; below 0 it is like no other
}

func (a *answered) add(s *eval.Sample) {
	if a.by == nil {
		a.by = map[string][]given{}
		a.label = s.AnswerType
	}
	a.by[s.Language] = append(a.by[s.Language], given{prediction: s.Pred, right: s.Verdict,
		reference: s.GT})
}

// group finds which answers are the same: the right ones, and of wrong ones those that the grader
// finds equal. A sample without an answer agrees with none.
func (a *answered) group(groups func(*sameType, []string) []int) {
	var predictions []string
	var of []*given
	for _, language := range sortedKeys(a.by) {
		samples := a.by[language]
		for i := range samples {
			switch g := &samples[i]; {
			case g.right:
				g.group = 0
			case g.prediction == "":
				g.group = -1
			default:
				predictions, of = append(predictions, g.prediction), append(of, g)
			}
		}
	}
	for i, group := range groups(&a.sameType, predictions) {
		of[i].group = 1 + group
	}
}

// pair sums up what two languages say to the questions of both.
type pair struct {
	questions, same, wrong, sameWrong, rightA, rightB float64
	parts                                             []part
}

// part is what one question, by its place among all, adds to a pair.
type part struct {
	question             int
	same, rightA, rightB float64
}

// drawn is the pair of drawn questions, without what no interval is of.
func (p *pair) drawn(weights []float64) *pair {
	d := &pair{}
	for _, of := range p.parts {
		w := weights[of.question]
		d.questions += w
		d.same += w * of.same
		d.rightA += w * of.rightA
		d.rightB += w * of.rightB
	}
	return d
}

func (p *pair) add(question int, a, b []given) {
	same, wrong, sameWrong := 0.0, 0.0, 0.0
	right := func(of []given) (n float64) {
		for _, g := range of {
			if g.right {
				n++
			}
		}
		return n / float64(len(of))
	}
	for _, x := range a {
		for _, y := range b {
			equal := x.group >= 0 && x.group == y.group
			if equal {
				same++
			}
			if !x.right && !y.right {
				wrong++
				if equal {
					sameWrong++
				}
			}
		}
	}
	n := float64(len(a) * len(b))
	p.questions++
	p.same += same / n
	p.wrong += wrong / n
	p.sameWrong += sameWrong / n
	p.rightA += right(a)
	p.rightB += right(b)
	p.parts = append(p.parts, part{question, same / n, right(a), right(b)})
}

// kappa corrects for chance as CAPA does for answers (Goel et al. 2025): two languages that are right as
// often as these, independently of each other, give the same right answer with probability a·b, and the
// same wrong one with (1-a)·(1-b) / (options-1), which is nothing where answers are free.
func (p *pair) kappa(options int) *float64 {
	if p.questions == 0 {
		return nil
	}
	a, b := p.rightA/p.questions, p.rightB/p.questions
	chance := a * b
	if options > 1 {
		chance += (1 - a) * (1 - b) / float64(options-1)
	}
	if 1-chance < 1e-12 {
		return nil
	}
	return new((p.same/p.questions - chance) / (1 - chance))
}

func agreementsOf(questions map[string]*answered, asked *Asked, groups func(*sameType, []string) []int,
) *Agreements {
	out := &Agreements{}
	out.Options, out.Guessed = optionsOf(questions)
	there := map[string]bool{}
	for _, q := range questions {
		for language := range q.by {
			there[language] = true
		}
	}
	out.Languages = sortedKeys(there)
	n := len(out.Languages)
	pairs := make([]pair, n*n)
	for number, id := range sortedKeys(questions) {
		q := questions[id]
		q.group(groups)
		differs := false
		for i, a := range out.Languages {
			for k, b := range out.Languages[:i] {
				x, y := q.by[a], q.by[b]
				if len(x) == 0 || len(y) == 0 {
					continue
				}
				if x[0].reference != y[0].reference {
					differs = true
					continue
				}
				pairs[i*n+k].add(number, x, y)
			}
		}
		if differs {
			out.Different++
		}
	}
	out.Questions = matrix(n, pairs, func(p *pair) *float64 { return new(p.questions) })
	out.Same = matrix(n, pairs, func(p *pair) *float64 { return share(p.same, p.questions) })
	out.SameWrong = matrix(n, pairs, func(p *pair) *float64 { return share(p.sameWrong, p.wrong) })
	out.Kappa = matrix(n, pairs, func(p *pair) *float64 { return p.kappa(out.Options) })
	if draws := asked.draws(len(questions)); draws != nil {
		out.SameCI = matrix(n, pairs, func(p *pair) *metric.Interval {
			return interval(draws, func(weights []float64) *float64 {
				d := p.drawn(weights)
				return share(d.same, d.questions)
			})
		})
		out.KappaCI = matrix(n, pairs, func(p *pair) *metric.Interval {
			return interval(draws, func(weights []float64) *float64 { return p.drawn(weights).kappa(out.Options) })
		})
	}
	return out
}

// matrix has a number of each pair of languages on both sides of its diagonal.
func matrix[T any](n int, pairs []pair, of func(*pair) *T) [][]*T {
	rows := make([][]*T, n)
	for i := range rows {
		rows[i] = make([]*T, n)
	}
	for i := range rows {
		for k := range i {
			rows[i][k] = of(&pairs[i*n+k])
			rows[k][i] = rows[i][k]
		}
	}
	return rows
}

var (
	choiceOf = regexp.MustCompile(`^choice of ([0-9]+)$`)
	letter   = regexp.MustCompile(`^[A-Z]$`)
)

// optionsOf returns the number of options of a benchmark's questions, the most: that of their type, or,
// where references are single letters, how far these go in the alphabet, which is a guess; 0 where answers
// are free.
func optionsOf(questions map[string]*answered) (options int, guessed bool) {
	ofType := 0
	for _, q := range questions {
		m := choiceOf.FindStringSubmatch(q.label)
		for _, samples := range q.by {
			reference := strings.TrimSpace(samples[0].reference)
			switch {
			case m != nil:
				n, _ := strconv.Atoi(m[1]) // the pattern has let digits alone through
				ofType = max(ofType, n)
			case letter.MatchString(reference):
				options = max(options, int(reference[0]-'A')+1)
			default:
				return 0, false
			}
		}
	}
	return max(options, ofType), options > ofType
}

func sortedKeys[V any](of map[string]V) []string {
	keys := make([]string, 0, len(of))
	for key := range of {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
