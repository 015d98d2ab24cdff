package grade

import "strings"

// groupSteps bounds the work on one question's answers: twice what a pair may take,
// some 50 ms.
const groupSteps = 2 * maxSteps

// Groups tells which of a question's predictions are the same answer: for each the
// index of the first prediction that it equals, its own where there is none. Those
// that are written alike are equal without more; the others are compared as Equal
// does, with one budget of steps for all. When that is gone, what is left stands for
// itself.
func Groups(predictions []string, mode Mode) []int {
	groups := make([]int, len(predictions))
	byKey := map[string]int{}
	var distinct []int // first of each group
	steps := budget{left: groupSteps}
	for i, prediction := range predictions {
		key := groupKey(prediction, mode)
		group, known := byKey[key]
		if !known {
			group = i
			for _, first := range distinct {
				if steps.left <= 0 {
					break
				}
				c := &comparison{budget: budget{left: min(maxSteps, steps.left)}}
				before := c.budget.left
				equal, _ := c.decide(prediction, predictions[first], mode)
				if steps.spend(before - c.budget.left); equal {
					group = first
					break
				}
			}
			byKey[key] = group
			if group == i {
				distinct = append(distinct, i)
			}
		}
		groups[i] = group
	}
	return groups
}

// groupKey is equal for predictions that Equal finds equal by their text alone.
func groupKey(prediction string, mode Mode) string {
	if mode == Strict && len(prediction) <= maxStrict {
		// What is in dollars and in cents is not the same.
		return currency(prediction) + compact(writeAlike(prediction))
	}
	return strings.ToLower(strip(prediction))
}
