package eval

import (
	"hash/fnv"
	"math"
	"math/bits"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/stele-lm/stele/eval/metric"
)

// Interval is a 95 % confidence interval: low, high.
type Interval = metric.Interval

// Estimate is a mean over questions with what is known of its error.
type Estimate struct {
	Value float64
	// SE is the standard error and CI a bootstrap interval. Questions are what was
	// drawn: samples of one question, and its translations, are not independent. Both
	// are nil with a single question. Where all questions came out alike, as with 0 of
	// 20, resampling them says nothing: SE is nil then and CI is Wilson's interval.
	SE *float64
	CI *Interval

	replicates []float64 // the value under each bootstrap resample
	// spread stands for SE in means over benchmarks, where SE is nil for questions that
	// came out alike: the standard error of Wilson's centre.
	spread *float64
}

// alike is below what tells two shares apart; rounding stays below it.
const alike = 1e-9

// z is the 97.5th percentile of the normal distribution.
const z = 1.959963984540054

// wilson is the score interval of a share p of n trials (Wilson 1927), with the standard
// error of its centre (Agresti and Coull 1998).
func wilson(p, n float64) (interval Interval, se float64) {
	centre := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	interval = Interval{min(p, max(0, centre-half)), max(p, min(1, centre+half))}
	return interval, math.Sqrt(centre * (1 - centre) / (n + z*z))
}

// wilson gives a share whose n questions came out alike the interval of as many
// trials, and for means over benchmarks replicates from Jeffreys' posterior.
func (e *Estimate) wilson(n float64, r *resample) {
	interval, se := wilson(min(1, max(0, e.Value)), n)
	e.CI, e.SE, e.spread = &interval, nil, &se
	beta := distuv.Beta{Alpha: n*e.Value + 0.5, Beta: n*(1-e.Value) + 0.5,
		Src: rand.NewPCG(r.seed, math.Float64bits(e.Value))}
	e.replicates = make([]float64, len(r.weights))
	for b := range e.replicates {
		e.replicates[b] = beta.Rand()
	}
}

// replicates counts the resamplings of the questions.
const replicates = 1000

// answered is a question with the outcomes of its samples.
type answered struct {
	id       string
	outcomes []outcome
	majority bool // whether the most frequent answer is right
}

// strata are the questions of a benchmark, language by language.
type strata [][]answered

// resample holds how often each question is drawn in each replicate. Translations
// of a question are drawn together: what is hard in all languages does not widen
// the difference between two.
type resample struct {
	seed    uint64
	index   map[string]int // of questions
	weights [][]float64    // by replicate and question
}

// newResample draws the replicates of a benchmark's questions.
func newResample(benchmark string, seed uint64, s strata) *resample {
	r := &resample{seed: seed, index: map[string]int{}}
	for _, stratum := range s {
		for i := range stratum {
			if id := stratum[i].id; !contains(r.index, id) {
				r.index[id] = len(r.index)
			}
		}
	}
	h := fnv.New64a()
	h.Write([]byte(benchmark))
	r.seed ^= h.Sum64()
	random := rand.NewPCG(seed, h.Sum64())
	pick := func(n int) int {
		k, _ := bits.Mul64(random.Uint64(), uint64(n))
		return int(k)
	}
	r.weights = make([][]float64, replicates)
	for b := range r.weights {
		r.weights[b] = metric.Redraw(len(r.index), pick)
	}
	return r
}

func contains(m map[string]int, key string) bool {
	_, ok := m[key]
	return ok
}

// mean is the mean of value over strata of the mean over their questions, and its
// standard error with the question as the cluster: the deviations of a question's
// translations are summed before they are squared (Miller, "Adding Error Bars to
// Evals", 2024, §2.2). With one stratum this is the sample standard deviation of
// the questions' values over √n. With r, the bootstrap replicates are computed too.
func (s strata) mean(value func(*answered) float64, r *resample) Estimate {
	values := make([][]float64, len(s))
	centre := make([]float64, len(s))
	var e Estimate
	for i, stratum := range s {
		for k := range stratum {
			values[i] = append(values[i], value(&stratum[k]))
			centre[i] += values[i][k] / float64(len(stratum))
		}
		e.Value += centre[i] / float64(len(s))
	}
	index := map[string]int{}
	var deviations []float64 // of each question, in the order met
	for i, stratum := range s {
		for k := range stratum {
			at, ok := index[stratum[k].id]
			if !ok {
				at = len(deviations)
				index[stratum[k].id] = at
				deviations = append(deviations, 0)
			}
			deviations[at] += (values[i][k] - centre[i]) / float64(len(stratum)*len(s))
		}
	}
	n := float64(len(deviations))
	if n < 2 {
		return e
	}
	squares := 0.0
	for _, d := range deviations {
		squares += d * d
	}
	root := math.Sqrt(squares * n / (n - 1))
	e.SE = &root
	if r != nil {
		e.bootstrap(s, values, centre, r)
		if e.CI[1]-e.CI[0] < alike || root < alike {
			e.wilson(n, r)
		}
	}
	return e
}

// bootstrap computes the replicates of a mean and their interval.
func (e *Estimate) bootstrap(s strata, values [][]float64, centre []float64, r *resample) {
	e.replicates = make([]float64, len(r.weights))
	for i, stratum := range s {
		at := make([]int, len(stratum))
		for k := range stratum {
			at[k] = r.index[stratum[k].id]
		}
		for b, weights := range r.weights {
			mean, drawn := metric.Reweighted(values[i], at, weights)
			if !drawn { // a language has few of the questions
				mean = centre[i]
			}
			e.replicates[b] += mean / float64(len(s))
		}
	}
	e.interval()
}

// interval sets CI to the replicates' percentiles.
func (e *Estimate) interval() {
	ci := metric.Percentiles(e.replicates)
	e.CI = &Interval{min(e.Value, ci[0]), max(e.Value, ci[1])}
}

// average is the mean of estimates that are independent of each other, as those of
// several benchmarks are. The mean of one is that one, with its interval.
func average(estimates []Estimate) Estimate {
	if len(estimates) == 1 {
		return estimates[0]
	}
	var e Estimate
	n := float64(len(estimates))
	squares := 0.0
	known, varied := true, false
	for _, x := range estimates {
		e.Value += x.Value / n
		se := x.SE
		varied = varied || se != nil
		if se == nil {
			se = x.spread
		}
		if se == nil {
			known = false
		} else {
			squares += *se * *se
		}
	}
	if !known {
		return e
	}
	root := math.Sqrt(squares) / n
	if e.SE = &root; !varied {
		e.SE, e.spread = nil, &root
	}
	for _, x := range estimates {
		if x.replicates == nil {
			return e
		}
	}
	e.replicates = make([]float64, replicates)
	for _, x := range estimates {
		for b, value := range x.replicates {
			e.replicates[b] += value / n
		}
	}
	e.interval()
	return e
}
