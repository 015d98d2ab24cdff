package report

import (
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval/metric"
)

// law is a power law through an arm's points, with its bootstrap intervals or,
// where nothing is known to resample, those of the fit.
type law struct {
	alpha, beta, expected, leap, gap value
	r2                               float64
	points                           int // numbers of languages that it is fitted to
	ok                               bool
}

// arm is a line of pairs that differ in how many languages they were trained on.
type arm struct {
	name          string
	pairs         []*pair
	mti, accuracy law
}

// models names those of the arm.
func (a *arm) models() (names []string) {
	for _, p := range a.pairs {
		names = append(names, p.trained.name)
	}
	return names
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
	mti, accuracy := a.points(of)
	a.mti, a.accuracy = fitted(mti), fitted(accuracy)
}

// points are what the laws are fitted to.
func (a *arm) points(of func(*pair) *transfer) (mti, accuracy []metric.Point) {
	for _, p := range a.pairs {
		t := of(p)
		// Rounded as tables print them, which is what the paper fits.
		if t.mean.ok {
			mti = append(mti, metric.Point{Languages: len(p.languages), Value: metric.Round(t.mean.x, 3)})
		}
		if t.accuracy.ok {
			accuracy = append(accuracy, metric.Point{Languages: len(p.languages),
				Value: metric.Round(100*t.accuracy.x, 2)})
		}
	}
	return mti, accuracy
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
	l := law{leap: leapOf(points)}
	if len(parallel) < leastPoints {
		return l
	}
	f, err := metric.Fit(points)
	if err != nil {
		return l
	}
	return law{ok: true, r2: f.R2, points: len(parallel), leap: l.leap, gap: orUndefined(f.Gap),
		alpha: value{x: f.Alpha, ok: true, ci: f.AlphaCI}, beta: value{x: f.Beta, ok: true, ci: f.BetaCI},
		expected: value{x: f.At(1), ok: true}}
}

// leapOf is the First-Parallel Leap, which needs no law: the mean value of two languages less that of
// one.
func leapOf(points []metric.Point) value {
	one, two := valueAt(points, 1), valueAt(points, 2)
	return value{x: two.x - one.x, ok: one.ok && two.ok}
}

// valueAt returns the mean of the points of so many languages.
func valueAt(points []metric.Point, languages int) value {
	var all []value
	for _, p := range points {
		all = append(all, value{x: p.Value, ok: p.Languages == languages})
	}
	return meanOf(all)
}

func (l *law) each(f func(*value)) {
	for _, v := range []*value{&l.alpha, &l.beta, &l.expected, &l.leap, &l.gap} {
		f(v)
	}
}

// at returns the law's value for a number of languages.
func (l *law) at(x float64) float64 { return metric.PowerLaw{Alpha: l.alpha.x, Beta: l.beta.x}.At(x) }
