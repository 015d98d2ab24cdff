package eval

import (
	"fmt"

	"github.com/stele-lm/stele/eval/metric"
)

// passSizes are the k of pass@k with n samples a question: powers of two, and n.
func passSizes(n int) []int {
	var sizes []int
	for k := 1; k < n; k *= 2 {
		sizes = append(sizes, k)
	}
	return append(sizes, n)
}

// passAt is the probability that one of k samples is right, drawn without
// replacement from n of which c are: 1 - C(n-c, k) / C(n, k), the unbiased estimate
// of pass@k (Chen et al., "Evaluating Large Language Models Trained on Code", 2021).
func passAt(n, c, k int) float64 {
	if n-c < k {
		return 1
	}
	none := 1.0
	for i := n - c + 1; i <= n; i++ {
		none *= 1 - float64(k)/float64(i)
	}
	return 1 - none
}

// majority tells whether the most frequent answer among a question's samples is
// right. Answers are the same when the grader finds them equal; one that it
// finds equal to several counts for the earliest. Of answers that are equally
// frequent, the one given first wins. Samples without an answer do not vote; the
// verdict is that of the first sample that gave the winning answer.
func majority(outcomes []outcome, groups func(predictions []string) []int) bool {
	var given []int // samples with an answer
	var predictions []string
	for i, o := range outcomes {
		if o.pred != "" {
			given, predictions = append(given, i), append(predictions, o.pred)
		}
	}
	votes := make([]int, len(given))
	for _, group := range groups(predictions) {
		votes[group]++
	}
	best, most := -1, 0
	for i, n := range votes {
		if n > most {
			best, most = given[i], n
		}
	}
	return best >= 0 && outcomes[best].right
}

// several are the names and values of the measures that need several samples.
func several(n int) (names []string, values []func(*answered) float64) {
	if n < 2 {
		return nil, nil
	}
	right := func(a *answered) (c int) {
		for _, o := range a.outcomes {
			if o.right {
				c++
			}
		}
		return c
	}
	add := func(name string, value func(*answered) float64) {
		names, values = append(names, name), append(values, value)
	}
	add(fmt.Sprintf("avg@%d", n), func(a *answered) float64 { return float64(right(a)) / float64(n) })
	for _, k := range passSizes(n) {
		add(fmt.Sprintf("pass@%d", k), func(a *answered) float64 { return passAt(n, right(a), k) })
	}
	add(fmt.Sprintf("maj@%d", n), func(a *answered) float64 { return metric.Indicator(a.majority) })
	return names, values
}
