package multilingual

import "github.com/stele-lm/stele/eval/metric"

// Positions is the number of equal parts that a reasoning is divided into.
const Positions = 10

// WordShares say how many of the words are in the language asked for: means over samples of the
// share in each.
type WordShares struct {
	Samples int `json:"samples"`
	// Worded is the number of samples whose reasoning has words; the others do not count.
	Worded    int      `json:"with_words"`
	Reasoning *float64 `json:"reasoning"`
	// ReasoningCI is its 95 % interval over questions, as for all such.
	ReasoningCI *metric.Interval `json:"reasoning_ci95,omitempty"`
	Output      *float64         `json:"output"` // of the whole output
	// Position holds the share in each tenth of the reasoning, by words.
	Position []float64 `json:"position"`
}

func shareOf(all []*said) *WordShares {
	w := &WordShares{Samples: len(all), Position: make([]float64, Positions)}
	reasoning, output, outputs := 0.0, 0.0, 0.0
	for _, s := range all {
		if s.outputWords > 0 {
			output += s.outputs
			outputs++
		}
		if s.words == 0 {
			continue
		}
		w.Worded++
		reasoning += s.reasoning
		for i, x := range s.parts {
			w.Position[i] += x
		}
	}
	w.Reasoning, w.Output = share(reasoning, float64(w.Worded)), share(output, outputs)
	if w.Worded == 0 {
		w.Position = nil
	}
	for i := range w.Position {
		w.Position[i] /= float64(w.Worded)
	}
	return w
}

func meanShares(all []*WordShares) *WordShares {
	m := &WordShares{}
	var reasoning, output []*float64
	n := 0.0
	for _, w := range all {
		m.Samples += w.Samples
		m.Worded += w.Worded
		reasoning, output = append(reasoning, w.Reasoning), append(output, w.Output)
		if w.Position == nil {
			continue
		}
		if m.Position == nil {
			m.Position = make([]float64, Positions)
		}
		n++
		for i, x := range w.Position {
			m.Position[i] += x
		}
	}
	for i := range m.Position {
		m.Position[i] /= n
	}
	m.Reasoning, m.Output = average(reasoning...), average(output...)
	return m
}

// SwitchCounts say how often reasonings go over from one language to another.
type SwitchCounts struct {
	Samples int              `json:"samples"`
	Worded  int              `json:"with_words"` // samples whose reasoning has words; the others do not count
	Mean    *float64         `json:"mean"`       // switches a reasoning
	MeanCI  *metric.Interval `json:"mean_ci95,omitempty"`
	Any     *float64         `json:"any"` // share of reasonings with a switch
}

func switchesOf(all []*said) *SwitchCounts {
	c := &SwitchCounts{Samples: len(all)}
	switches, with := 0.0, 0.0
	for _, s := range all {
		if s.words == 0 {
			continue
		}
		c.Worded++
		switches += float64(s.switches)
		if s.switches > 0 {
			with++
		}
	}
	c.Mean, c.Any = share(switches, float64(c.Worded)), share(with, float64(c.Worded))
	return c
}

func meanSwitches(all []*SwitchCounts) *SwitchCounts {
	m := &SwitchCounts{}
	var mean, with []*float64
	for _, c := range all {
		m.Samples += c.Samples
		m.Worded += c.Worded
		mean, with = append(mean, c.Mean), append(with, c.Any)
	}
	m.Mean, m.Any = average(mean...), average(with...)
	return m
}
