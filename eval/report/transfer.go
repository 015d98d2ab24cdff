package report

import (
	"slices"

	"stele/eval"
	"stele/eval/metric"
)

// transfer is what a training run changed, by benchmark and language (Eq. 1-4 of
// the paper). What is undefined is not ok.
type transfer struct {
	benchmarks, languages []string
	trained               []string
	delta                 map[string]map[string]value // ΔR, Eq. 1
	deltaTrained          map[string]value            // its mean over the languages trained on, Eq. 2
	mti                   map[string]map[string]value // of unseen languages, Eq. 3
	mtiOfLanguage         map[string]value            // mean over benchmarks, Eq. 4
	mtiOfBenchmark        map[string]value            // mean over unseen languages
	mean                  value                       // mean of mtiOfBenchmark
}

// newTransfer compares two evaluations of the same benchmarks and languages; what
// only one of them has is left out.
func newTransfer(before, after *eval.Results, trained []string) *transfer {
	t := &transfer{trained: trained,
		delta: map[string]map[string]value{}, deltaTrained: map[string]value{},
		mti: map[string]map[string]value{}, mtiOfLanguage: map[string]value{}, mtiOfBenchmark: map[string]value{}}
	for _, b := range before.Settings.Benchmarks {
		if _, ok := after.Benchmarks[b]; ok {
			t.benchmarks = append(t.benchmarks, b)
		}
	}
	t.languages = inOrder(slices.DeleteFunc(slices.Clone(before.Settings.Languages), func(l string) bool {
		return !slices.Contains(after.Settings.Languages, l)
	}))
	base, gained := metric.Scores{}, metric.Scores{}
	for _, b := range t.benchmarks {
		base[b], gained[b] = accuracies(before.Benchmarks[b]), accuracies(after.Benchmarks[b])
	}
	m := metric.NewTransfer(base, gained, t.languages, trained)
	for _, b := range t.benchmarks {
		t.delta[b], t.mti[b] = map[string]value{}, map[string]value{}
		t.deltaTrained[b], t.mtiOfBenchmark[b] = orUndefined(m.DeltaRTrain[b]), orUndefined(m.MTI[b])
		for _, l := range t.languages {
			t.delta[b][l] = orUndefined(m.DeltaR[b][l])
		}
		for _, l := range t.unseen() {
			t.mti[b][l] = ratio(t.delta[b][l], t.deltaTrained[b])
		}
	}
	for _, l := range t.unseen() {
		var over []value
		for _, b := range t.benchmarks {
			over = append(over, t.mti[b][l])
		}
		t.mtiOfLanguage[l] = meanOf(over)
	}
	t.mean = orUndefined(m.MTIMean)
	return t
}

// unseen are the languages that were not trained on.
func (t *transfer) unseen() []string {
	return slices.DeleteFunc(slices.Clone(t.languages), func(l string) bool { return slices.Contains(t.trained, l) })
}

// accuracies are the measured cells of a benchmark.
func accuracies(r eval.BenchmarkResult) map[string]float64 {
	out := map[string]float64{}
	for language, s := range r.Languages {
		if s.Samples > 0 {
			out[language] = s.Accuracy
		}
	}
	return out
}

func orUndefined(x *float64) value {
	if x == nil {
		return value{}
	}
	return value{x: *x, ok: true}
}

func ratio(a, b value) value {
	if !a.ok || !b.ok || b.x == 0 {
		return value{}
	}
	return value{x: a.x / b.x, ok: true}
}

// meanOf is the mean of what is defined.
func meanOf(values []value) value {
	sum, n := 0.0, 0
	for _, v := range values {
		if v.ok {
			sum += v.x
			n++
		}
	}
	if n == 0 {
		return value{}
	}
	return value{x: sum / float64(n), ok: true}
}
