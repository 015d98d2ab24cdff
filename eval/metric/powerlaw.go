package metric

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Point is a measured value at a number of training languages.
type Point struct {
	Languages int // X
	Value     float64
}

// PowerLaw is Eq. 8, f(X) = α·X^β, fitted to the points with parallel languages,
// X ≥ 2, and what it says of the monolingual point, which is left out of the fit.
type PowerLaw struct {
	Alpha, Beta float64
	// R2 is the share of the points' variance that the curve explains.
	R2 float64
	// AlphaCI and BetaCI are what the fit alone says of its precision: estimate ±
	// Student's t times the standard error from the covariance s²(JᵀJ)⁻¹, s² over
	// n - 2. They are nil with fewer than three points.
	AlphaCI, BetaCI *Interval
	// Leap is the First-Parallel Leap, the value at 2 languages less that at 1.
	Leap *float64
	// Gap is the Monolingual Generalization Gap, f(1) less the value at 1.
	Gap *float64
}

// At returns f(X).
func (p PowerLaw) At(languages float64) float64 { return p.Alpha * math.Pow(languages, p.Beta) }

// Fit fits a power law by nonlinear least squares on the values themselves, not
// their logarithms. It needs two different X ≥ 2. Several values at X = 1 or 2 count
// with their mean in Leap and Gap.
func Fit(points []Point) (PowerLaw, error) {
	var x, y, ones, twos []float64
	for _, p := range points {
		if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) || p.Languages < 1 {
			return PowerLaw{}, errors.New("power law: a point is not a number, or has no language")
		}
		switch p.Languages {
		case 1:
			ones = append(ones, p.Value)
			continue
		case 2:
			twos = append(twos, p.Value)
		}
		x = append(x, float64(p.Languages))
		y = append(y, p.Value)
	}
	if distinct(x) < 2 {
		return PowerLaw{}, errors.New("power law: at least two points with different numbers of parallel " +
			"languages are needed")
	}
	// For a given β the best α is known, so that one number is left to search: the
	// squared error as a function of β, by golden section around the best of a grid. Gonum
	// has no least squares for a curve: its optimize searches in several dimensions, and
	// would bring golang.org/x/tools into the program.
	logs := make([]float64, len(x))
	for i := range x {
		logs[i] = math.Log(x[i])
	}
	powers := make([]float64, len(x))
	cost := func(beta float64) float64 {
		var xy, xx, sum float64
		for i := range x {
			powers[i] = math.Exp(beta * logs[i])
			xy += powers[i] * y[i]
			xx += powers[i] * powers[i]
		}
		for i := range x {
			d := y[i] - xy/xx*powers[i]
			sum += d * d
		}
		return sum
	}
	best, least := 0.0, cost(0)
	const step = 0.05
	for beta := -6.0; beta <= 6; beta += step {
		if c := cost(beta); c < least {
			best, least = beta, c
		}
	}
	const golden = 0.6180339887498949
	lo, hi := best-step, best+step
	left, right := hi-golden*(hi-lo), lo+golden*(hi-lo)
	costLeft, costRight := cost(left), cost(right)
	for range 50 {
		if costLeft < costRight {
			hi, right, costRight = right, left, costLeft
			left = hi - golden*(hi-lo)
			costLeft = cost(left)
		} else {
			lo, left, costLeft = left, right, costRight
			right = lo + golden*(hi-lo)
			costRight = cost(right)
		}
	}
	beta := (lo + hi) / 2
	p := PowerLaw{Alpha: bestAlpha(x, y, beta), Beta: beta}
	mean, total := *Mean(y), 0.0
	for i := range y {
		total += (y[i] - mean) * (y[i] - mean)
	}
	p.R2 = 1
	if total > 0 {
		p.R2 = 1 - cost(beta)/total
	}
	p.intervals(x, cost(beta))
	if one, two := Mean(ones), Mean(twos); one != nil {
		gap := p.At(1) - *one
		p.Gap = &gap
		if two != nil {
			leap := *two - *one
			p.Leap = &leap
		}
	}
	return p, nil
}

// intervals sets AlphaCI and BetaCI from the sum of squared residuals at x.
func (p *PowerLaw) intervals(x []float64, squares float64) {
	if len(x) < 3 {
		return
	}
	var aa, ab, bb float64 // JᵀJ
	for _, v := range x {
		a := math.Pow(v, p.Beta)
		b := p.Alpha * a * math.Log(v)
		aa, ab, bb = aa+a*a, ab+a*b, bb+b*b
	}
	determinant := aa*bb - ab*ab
	if !(determinant > 0) {
		return
	}
	freedom := float64(len(x) - 2)
	t := distuv.StudentsT{Sigma: 1, Nu: freedom}.Quantile(0.975)
	alpha := t * math.Sqrt(squares/freedom*bb/determinant)
	beta := t * math.Sqrt(squares/freedom*aa/determinant)
	p.AlphaCI = &Interval{p.Alpha - alpha, p.Alpha + alpha}
	p.BetaCI = &Interval{p.Beta - beta, p.Beta + beta}
}

// bestAlpha minimises Σ(y - α·x^β)² over α.
func bestAlpha(x, y []float64, beta float64) float64 {
	var xy, xx float64
	for i := range x {
		f := math.Pow(x[i], beta)
		xy += f * y[i]
		xx += f * f
	}
	return xy / xx
}

func distinct(x []float64) int {
	seen := map[float64]bool{}
	for _, v := range x {
		seen[v] = true
	}
	return len(seen)
}
