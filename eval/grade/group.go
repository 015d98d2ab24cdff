package grade

// groupSteps bounds the work on one question's answers: twice what a pair may take,
// some 50 ms.
const groupSteps = 2 * maxSteps

// Groups tells which of a question's predictions are the same answer: for each the
// index of the first prediction that it equals, its own where there is none. Those
// that are written alike are equal without more; the others are compared as Equal
// does, with one budget of steps for all. When that is gone, what is left stands for
// itself.
func Groups(predictions []string, g *Grader) []int {
	groups := make([]int, len(predictions))
	byKey := map[string]int{}
	var distinct []int // first of each group
	steps := budget{left: groupSteps}
	for i, prediction := range predictions {
		key := g.key(prediction)
		group, known := byKey[key]
		if !known {
			group = i
			for _, first := range distinct {
				if steps.left <= 0 {
					break
				}
				c := &comparison{budget: budget{left: min(maxSteps, steps.left)}}
				before := c.budget.left
				equal, _ := g.decide(c, prediction, predictions[first])
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
