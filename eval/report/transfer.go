package report

import (
	"slices"

	"github.com/stele-lm/stele/eval"
	"github.com/stele-lm/stele/eval/metric"
)

// transfer holds the change by training, by benchmark and language (Eq. 1-4 of the
// paper). What is undefined is not ok.
type transfer struct {
	benchmarks, languages []string
	trained               []string                    // languages trained on
	delta                 map[string]map[string]value // ΔR, Eq. 1
	deltaTrained          map[string]value            // its mean over the languages trained on, Eq. 2
	deltaUnseen           map[string]value            // and over the others
	points                map[string]map[string]value // after less before
	pointsTrained         map[string]value
	pointsUnseen          map[string]value
	mti                   map[string]map[string]value // of unseen languages, Eq. 3
	deltaOfLanguage       map[string]value            // mean of delta over benchmarks
	mtiOfLanguage         map[string]value            // mean over benchmarks, Eq. 4
	mtiOfBenchmark        map[string]value            // mean over unseen languages
	mean                  value                       // mean of mtiOfBenchmark
	id, ood               value                       // over benchmarks in and out of distribution
	inDistribution        []string
	accuracy              value            // after, mean over benchmarks of means over languages
	accuracyOf            map[string]value // by benchmark
	gain                  value            // points in languages not trained on, mean over benchmarks
}

// transferOf computes a transfer from accuracies.
func transferOf(before, after metric.Scores, benchmarks, languages, trained, id []string) *transfer {
	t := &transfer{benchmarks: benchmarks, languages: languages, trained: trained, inDistribution: id,
		delta: map[string]map[string]value{}, deltaTrained: map[string]value{},
		deltaUnseen: map[string]value{},
		points:      map[string]map[string]value{}, pointsTrained: map[string]value{},
		pointsUnseen: map[string]value{}, accuracyOf: map[string]value{},
		mti: map[string]map[string]value{}, deltaOfLanguage: map[string]value{},
		mtiOfLanguage: map[string]value{}, mtiOfBenchmark: map[string]value{}}
	base, gained := metric.Scores{}, metric.Scores{}
	for _, b := range benchmarks {
		base[b], gained[b] = before[b], after[b]
	}
	m := metric.NewTransfer(base, gained, languages, trained)
	var means []value
	for _, b := range benchmarks {
		t.delta[b], t.mti[b], t.points[b] = map[string]value{}, map[string]value{}, map[string]value{}
		t.deltaTrained[b], t.deltaUnseen[b] = orUndefined(m.DeltaRTrain[b]), orUndefined(m.DeltaRUnseen[b])
		t.mtiOfBenchmark[b] = orUndefined(m.MTI[b])
		t.pointsTrained[b], t.pointsUnseen[b] = orUndefined(m.PointsTrain[b]), orUndefined(m.PointsUnseen[b])
		var accuracies []value
		for _, l := range languages {
			t.delta[b][l], t.points[b][l] = orUndefined(m.DeltaR[b][l]), orUndefined(m.Points[b][l])
			a, ok := gained[b][l]
			accuracies = append(accuracies, value{x: a, ok: ok})
		}
		t.accuracyOf[b] = meanOf(accuracies)
		means = append(means, t.accuracyOf[b])
		for _, l := range t.unseen() {
			t.mti[b][l] = orUndefined(m.MTILanguage[b][l])
		}
	}
	over := func(of map[string]map[string]value, l string) value {
		var all []value
		for _, b := range benchmarks {
			all = append(all, of[b][l])
		}
		return meanOf(all)
	}
	for _, l := range languages {
		t.deltaOfLanguage[l] = over(t.delta, l)
	}
	for _, l := range t.unseen() {
		t.mtiOfLanguage[l] = over(t.mti, l)
	}
	t.mean, t.accuracy = orUndefined(m.MTIMean), meanOf(means)
	var gains []value
	for _, b := range benchmarks {
		gains = append(gains, t.pointsUnseen[b])
	}
	t.gain = meanOf(gains)
	var in, out []string
	for _, b := range benchmarks {
		if slices.Contains(id, b) {
			in = append(in, b)
		} else {
			out = append(out, b)
		}
	}
	t.id, t.ood = orUndefined(metric.MeanOf(m.MTI, in)), orUndefined(metric.MeanOf(m.MTI, out))
	return t
}

// each calls f with every number that gets an interval, always in the same order,
// and keeps what f made of it.
func (t *transfer) each(f func(*value)) {
	for _, b := range t.benchmarks {
		for _, of := range []map[string]value{t.mtiOfBenchmark, t.deltaTrained, t.deltaUnseen, t.accuracyOf} {
			v := of[b]
			f(&v)
			of[b] = v
		}
	}
	for _, l := range t.languages {
		for _, of := range []map[string]value{t.deltaOfLanguage, t.mtiOfLanguage} {
			v := of[l]
			f(&v)
			of[l] = v
		}
	}
	for _, v := range []*value{&t.mean, &t.id, &t.ood, &t.accuracy, &t.gain} {
		f(v)
	}
}

// sameMeans leaves means undefined that are not over the same benchmarks as those
// of another transfer: a mean of other things is no replicate of it.
func (t *transfer) sameMeans(as *transfer) {
	for _, b := range t.benchmarks {
		if t.mtiOfBenchmark[b].ok == as.mtiOfBenchmark[b].ok {
			continue
		}
		t.mean = value{}
		if slices.Contains(t.inDistribution, b) {
			t.id = value{}
		} else {
			t.ood = value{}
		}
	}
	for _, l := range t.languages {
		for _, b := range t.benchmarks {
			if t.delta[b][l].ok != as.delta[b][l].ok {
				t.deltaOfLanguage[l] = value{}
			}
			if t.mti[b][l].ok != as.mti[b][l].ok {
				t.mtiOfLanguage[l] = value{}
			}
		}
	}
}

// unseen returns the languages that were not trained on.
func (t *transfer) unseen() []string {
	return slices.DeleteFunc(slices.Clone(t.languages),
		func(l string) bool { return slices.Contains(t.trained, l) })
}

// scoresOf returns the measured cells of an evaluation.
func scoresOf(r *eval.Results) metric.Scores {
	out := metric.Scores{}
	for b, result := range r.Benchmarks {
		out[b] = map[string]float64{}
		for language, s := range result.Languages {
			if s.Samples > 0 {
				out[b][language] = s.Accuracy
			}
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

// meanOf returns the mean of what is defined.
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
	if len(values) == 1 {
		return values[0] // with its interval
	}
	return value{x: sum / float64(n), ok: true}
}
