package objective

// Totals sum what passes saw of tokens, by the statistics' names: LogProb, Entropy, the
// objective's and those derived of them.
type Totals struct {
	Updates float64
	Tokens  float64
	// Weighted sums are those of a statistic times the token's Weight, Sums those of each
	// token alike.
	Weighted, Sum map[string]float64
	// Lowest and Highest are extremes of a statistic's mean over an update's tokens.
	Lowest, Highest map[string]float64
}

// NewTotals begins an update.
func NewTotals() Totals {
	return Totals{
		Updates: 1, Weighted: map[string]float64{}, Sum: map[string]float64{},
		Lowest: map[string]float64{}, Highest: map[string]float64{},
	}
}

// See adds n tokens from entry first.
func (t *Totals) See(o Objective, seen Seen, columns Columns, first, n int) {
	add := func(name string, value func(i int) float64) {
		weighted, sum := t.Weighted[name], t.Sum[name]
		for i := first; i < first+n; i++ {
			x := value(i)
			weighted += float64(columns[Weight][i]) * x
			sum += x
		}
		t.Weighted[name], t.Sum[name] = weighted, sum
	}
	for name, values := range seen {
		add(name, func(i int) float64 { return float64(values[i]) })
	}
	for name, derived := range o.Derived {
		add(name, func(i int) float64 { return derived(seen, columns, i) })
	}
	t.Tokens += float64(n)
}

// Add joins the totals of an update; t may be of none yet.
func (t *Totals) Add(o Totals) {
	first := t.Updates == 0
	if first {
		*t = NewTotals()
		t.Updates = 0
	}
	for name, sum := range o.Sum {
		mean := sum / max(o.Tokens, 1)
		if first {
			t.Lowest[name], t.Highest[name] = mean, mean
		}
		t.Lowest[name], t.Highest[name] = min(t.Lowest[name], mean), max(t.Highest[name], mean)
		t.Sum[name] += sum
		t.Weighted[name] += o.Weighted[name]
	}
	t.Updates += o.Updates
	t.Tokens += o.Tokens
}
