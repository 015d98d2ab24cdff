package metric

import (
	"errors"
	"math"
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
	// Leap is the First-Parallel Leap, the value at 2 languages less that at 1.
	Leap *float64
	// Gap is the Monolingual Generalization Gap, f(1) less the value at 1.
	Gap *float64
}

// At is f(X).
func (p PowerLaw) At(languages float64) float64 { return p.Alpha * math.Pow(languages, p.Beta) }

// Fit fits a power law by nonlinear least squares on the values themselves, not
// their logarithms. It needs two different X ≥ 2.
func Fit(points []Point) (PowerLaw, error) {
	var x, y []float64
	var one, two *float64
	for _, p := range points {
		if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) || p.Languages < 1 {
			return PowerLaw{}, errors.New("power law: a point is not a number, or has no language")
		}
		value := p.Value
		switch p.Languages {
		case 1:
			one = &value
			continue
		case 2:
			two = &value
		}
		x = append(x, float64(p.Languages))
		y = append(y, value)
	}
	if distinct(x) < 2 {
		return PowerLaw{}, errors.New("power law: at least two points with different numbers of parallel languages are needed")
	}
	// For a given β the best α is known, so that one number is left to search: the
	// squared error as a function of β, by golden section around the best of a grid.
	cost := func(beta float64) float64 {
		alpha := bestAlpha(x, y, beta)
		sum := 0.0
		for i := range x {
			d := y[i] - alpha*math.Pow(x[i], beta)
			sum += d * d
		}
		return sum
	}
	best := 0.0
	const step = 0.05
	for beta := -6.0; beta <= 6; beta += step {
		if cost(beta) < cost(best) {
			best = beta
		}
	}
	lo, hi := best-step, best+step
	const golden = 0.6180339887498949
	for range 100 {
		a, b := hi-golden*(hi-lo), lo+golden*(hi-lo)
		if cost(a) < cost(b) {
			hi = b
		} else {
			lo = a
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
	if one != nil {
		gap := p.At(1) - *one
		p.Gap = &gap
		if two != nil {
			leap := *two - *one
			p.Leap = &leap
		}
	}
	return p, nil
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
