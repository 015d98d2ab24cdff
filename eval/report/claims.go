package report

import (
	"fmt"
	"slices"
	"strings"
)

// claim is an effect of which the study says whether there is one.
type claim struct {
	what, against string // of what, beside what
	quantity      string
	scale         float64 // of what is printed
	digits        int
	unit          string // behind a number, such as " points"
	pairs         []*pair
	of            func(drawn func(*pair) *transfer) value
	effect        value
}

// power is how many standard errors an effect must have so that four studies in five find it with
// their two-sided 95 % interval: 1.960 + 0.842. docs/evaluation.md says where it is from.
const power = 2.8

// smallest is the smallest effect that four studies like this in five would find: power standard errors, of
// which the 95 % interval is 2 × 1.96 wide.
func smallest(v value) value {
	if !v.ok || v.ci == nil {
		return value{}
	}
	return value{x: power * (v.ci[1] - v.ci[0]) / (2 * 1.96), ok: true}
}

// nothing tells whether an effect cannot be told from zero.
func (v value) nothing() bool { return v.ci != nil && v.ci[0] <= 0 && v.ci[1] >= 0 }

// claim lists the effects of the pairs and of the comparisons.
func (s *study) claim() {
	if !s.paper {
		return
	}
	add := func(c *claim) {
		c.effect = c.of(func(p *pair) *transfer { return p.transfer })
		if c.effect.ok {
			s.claims = append(s.claims, c)
		}
	}
	for _, p := range s.pairs {
		if p.transferring() {
			add(&claim{what: p.name(), against: p.base.name, quantity: "accuracy in languages not trained on",
				scale: 100, digits: 1, unit: " points", pairs: []*pair{p},
				of: func(drawn func(*pair) *transfer) value { return drawn(p).gain }})
		}
	}
	seen := map[[2]*pair]bool{}
	for i := range s.comparisons {
		pairs := s.pairsOf(&s.comparisons[i])
		for k := 1; k < len(pairs); k++ {
			for j := range k {
				// Each with the first, and those with each other that differ in neither model nor languages.
				p, q := pairs[j], pairs[k]
				alike := p.base == q.base && slices.Equal(p.languages, q.languages)
				if j > 0 && !alike || seen[[2]*pair{p, q}] {
					continue
				}
				seen[[2]*pair{p, q}] = true
				for _, c := range armClaims(p, q) {
					add(c)
				}
			}
		}
	}
}

// armClaims compare two trained models: what they gained in languages that neither was trained on, and
// their MTI.
func armClaims(p, q *pair) []*claim {
	benchmarks := common(p.benchmarks, q.benchmarks)
	languages := common(p.unseen(), q.unseen())
	over := func(t *transfer) value {
		var all []value
		for _, b := range benchmarks {
			var cells []value
			for _, l := range languages {
				cells = append(cells, t.points[b][l])
			}
			all = append(all, meanOf(cells))
		}
		return meanOf(all)
	}
	less := func(a, b value) value { return value{x: a.x - b.x, ok: a.ok && b.ok} }
	pairs := []*pair{p, q}
	return []*claim{
		{what: q.name(), against: p.name(), quantity: "gain in languages that neither was trained on", scale: 100,
			digits: 1, unit: " points", pairs: pairs, of: func(drawn func(*pair) *transfer) value {
				return less(over(drawn(q)), over(drawn(p)))
			}},
		{what: q.name(), against: p.name(), quantity: "MTI", scale: 1, digits: 2, pairs: pairs,
			of: func(drawn func(*pair) *transfer) value { return less(drawn(q).mean, drawn(p).mean) }},
	}
}

func common(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(x string) bool { return !slices.Contains(b, x) })
}

// lawClaims are what curves say: the leap, the law's exponent, and the gap.
func (s *study) lawClaims() []*claim {
	var all []*claim
	for _, a := range s.arms {
		for _, q := range []struct {
			name string
			law  *law
			unit string
		}{{"MTI", &a.mti, ""}, {"accuracy", &a.accuracy, " points"}} {
			for _, x := range []struct {
				name   string
				effect value
				unit   string
			}{{"First-Parallel Leap", q.law.leap, q.unit}, {"exponent of the Parallel Scaling Law", q.law.beta, ""},
				{"Monolingual Generalization Gap", q.law.gap, q.unit}} {
				if x.effect.ok {
					all = append(all, &claim{what: a.name, against: "–", quantity: x.name + ", " + q.name, scale: 1,
						digits: 2, unit: x.unit, effect: x.effect, pairs: a.pairs})
				}
			}
		}
	}
	return all
}

// printed is an effect with its interval and unit.
func (c *claim) printed() string { return c.effect.signed(c.digits, c.scale) + c.unit }

// seen says of an effect whether it can be told from zero, and how large one must be to be found.
func (c *claim) seen() string {
	m := smallest(c.effect)
	if !m.ok {
		return "resampling gives no interval, so that nothing is known of its precision"
	}
	// An effect may be smaller and yet be found: by luck.
	least := "the smallest effect that four such studies in five would find is " + m.text(c.digits, c.scale) + c.unit
	if c.effect.nothing() {
		return "this cannot be told from zero; " + least
	}
	return least
}

// manySentences is from how many trained models on they are summed up in one, and three times as many
// differences between them.
const manySentences = 8

// findings says in sentences with numbers what the study shows, and how small an effect it could have found.
func (s *study) findings() Section {
	x := Section{ID: "findings", Title: "What the study shows"}
	for _, a := range s.arms {
		x.Points = append(x.Points, a.sentences(len(s.arms) > 1)...)
	}
	var against, trained []*claim
	for _, c := range s.claims {
		if len(c.pairs) == 1 {
			trained = append(trained, c)
		} else {
			against = append(against, c)
		}
	}
	if len(trained) > manySentences {
		n := countClaims(trained)
		x.Points = append(x.Points, fmt.Sprintf("Of %d trained models %d gain accuracy in languages that "+
			"they were not trained on, %d lose some, and the change of %d cannot be told from zero%s.",
			len(trained), n.more, n.less, n.none, n.others()))
		trained = nil
	}
	if len(against) > 3*manySentences {
		n := countClaims(against)
		x.Points = append(x.Points, fmt.Sprintf("Of %d differences between trained models that are compared, %d "+
			"can be told from zero and %d cannot%s: see the table of effects.", len(against), n.more+n.less, n.none,
			n.others()))
		against = nil
	}
	for _, c := range slices.Concat(trained, against) {
		x.Points = append(x.Points, fmt.Sprintf("%s beside %s, %s: %s; %s.", c.what, c.against, c.quantity, c.printed(),
			c.seen()))
	}
	if t, ok := claimsTable(slices.Concat(s.claims, s.lawClaims())); ok {
		x.Tables = []Table{t}
	}
	if note := s.intervalNote(); len(x.Points) > 0 && note != "" {
		x.Facts = []string{note}
		if len(s.claims) > 1 {
			x.Facts = append(x.Facts, "Intervals are not widened for the number of effects: of effects that are zero, "+
				"one in twenty is told from zero all the same.")
		}
		if once := s.trainedOnce(); once != "" {
			x.Facts = append(x.Facts, once)
		}
	}
	return x
}

// trainedOnce says whose intervals know nothing of seeds.
func (s *study) trainedOnce() string {
	if len(s.singlePairs) == 0 {
		return "Each model was trained once: what another seed would have given is not in the intervals."
	}
	var once []string
	for _, p := range s.pairs {
		if p.seeds == nil {
			once = append(once, p.name())
		}
	}
	if once == nil {
		return ""
	}
	return "Trained once, so that what another seed would have given is not in the intervals: " +
		strings.Join(once, ", ") + "."
}

// claimCounts are numbers of effects by what their intervals say: above zero, below it, that they cannot be
// told from it, and of effects without interval.
type claimCounts struct{ more, less, none, unknown int }

func countClaims(claims []*claim) (n claimCounts) {
	for _, c := range claims {
		switch {
		case c.effect.ci == nil:
			n.unknown++
		case c.effect.nothing():
			n.none++
		case c.effect.x > 0:
			n.more++
		default:
			n.less++
		}
	}
	return n
}

// others says how many have no interval.
func (n claimCounts) others() string {
	if n.unknown == 0 {
		return ""
	}
	return fmt.Sprintf("; of %d nothing is known of the precision", n.unknown)
}

// about names the models of the claim's pairs: the trained ones, and of a single pair its base before it.
func (c *claim) about() (names []string) {
	if len(c.pairs) == 1 {
		return c.pairs[0].both()
	}
	for _, p := range c.pairs {
		names = append(names, p.trained.name)
	}
	return names
}

// claimsTable has every effect with the smallest that could have been seen.
func claimsTable(claims []*claim) (Table, bool) {
	t := Table{Name: "effects", Labels: 3,
		Caption: "Effects with their 95 % intervals, and the smallest effect that four such studies in five would " +
			"find: 2.8 standard errors (80 % power, at 5 % two-sided). No: the interval contains zero.",
		Head: []string{"model", "beside", "of", "effect", "smallest", "told from zero"}}
	for _, c := range claims {
		told := "yes"
		switch {
		case c.effect.ci == nil:
			told = "–"
		case c.effect.nothing():
			told = "no"
		}
		least := "–"
		if m := smallest(c.effect); m.ok {
			least = m.text(c.digits, c.scale)
		}
		quantity := c.quantity
		if c.unit != "" {
			quantity += ", points"
		}
		t.About = append(t.About, c.about())
		t.Rows = append(t.Rows, []string{c.what, c.against, quantity, c.effect.signed(c.digits, c.scale), least, told})
	}
	return t, len(t.Rows) > 0
}

// sentences are the paper's three findings on an arm's curve.
func (a *arm) sentences(several bool) []string {
	prefix := ""
	if several {
		prefix = a.name + ": "
	}
	mti, accuracy := a.points(func(p *pair) *transfer { return p.transfer })
	var leaps, laws, gaps []string
	for _, q := range []struct {
		name     string
		law      *law
		one, two value
		percent  string // behind a value
		unit     string // behind a difference
	}{{"MTI", &a.mti, valueAt(mti, 1), valueAt(mti, 2), "", ""},
		{"accuracy", &a.accuracy, valueAt(accuracy, 1), valueAt(accuracy, 2), " %", " points"}} {
		of := func(v value, unit string) string {
			c := claim{digits: 2, scale: 1, unit: unit, effect: v}
			return c.printed() + "; " + c.seen()
		}
		if l := q.law.leap; l.ok {
			leaps = append(leaps, fmt.Sprintf("%s goes from %s%s with one training language to %s%s with two, by %s",
				q.name, q.one.text(2, 1), q.percent, q.two.text(2, 1), q.percent, of(l, q.unit)))
		}
		if !q.law.ok {
			continue
		}
		grows := ""
		if q.law.beta.nothing() {
			grows = "; the interval of β contains zero, so that there may be no growth"
		}
		laws = append(laws, fmt.Sprintf("%s is fitted by α·X^β with α = %s and β = %s over %d numbers of training "+
			"languages, X ≥ 2 (R² = %s)%s",
			q.name, q.law.alpha.text(2, 1), q.law.beta.text(2, 1), q.law.points, fixed(q.law.r2, 3), grows))
		if g := q.law.gap; g.ok {
			gaps = append(gaps, fmt.Sprintf("the law expects %s %s%s for one language and %s%s was measured, a gap "+
				"of %s",
				q.name, q.law.expected.text(2, 1), q.percent, q.one.text(2, 1), q.percent, of(g, q.unit)))
		}
	}
	var all []string
	say := func(name string, sentences []string, otherwise string) {
		if sentences == nil {
			all = append(all, prefix+name+": "+otherwise+".")
		}
		for _, s := range sentences {
			all = append(all, prefix+name+": "+s+".")
		}
	}
	say("First-Parallel Leap", leaps, "not known, since there is no arm with one training language or none with two")
	few := fmt.Sprintf("not fitted, since fewer than %d numbers of training languages from two on have a value",
		leastPoints)
	say("Parallel Scaling Law", laws, few)
	if laws != nil {
		few = "not known, since there is no arm with one training language"
	}
	say("Monolingual Generalization Gap", gaps, few)
	return all
}
