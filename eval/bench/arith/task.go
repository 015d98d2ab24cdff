package arith

import (
	"fmt"
	"slices"
)

// Task is a set of questions by level of difficulty.
//
// The levels of arith are those of Levels. A chain has two or three steps of addition and
// subtraction, which is its level. chain-short and chain-long are those of chain that have two and
// three steps: trained on the first alone, a model can be measured on longer ones.
type Task struct {
	Name      string
	levels    []int
	questions func(level int) []question
}

var tasks = []Task{
	{"arith", []int{1, 2, 3, 4, 5}, ofLevel},
	{"chain", []int{2, 3}, chains},
	{"chain-short", []int{2}, chains},
	{"chain-long", []int{3}, chains},
}

// Find returns the task of a name.
func Find(name string) (Task, bool) {
	i := slices.IndexFunc(tasks, func(t Task) bool { return t.Name == name })
	if i < 0 {
		return Task{}, false
	}
	return tasks[i], true
}

// span names the levels that the task has.
func (t Task) span() string {
	first, last := t.levels[0], t.levels[len(t.levels)-1]
	if first == last {
		return fmt.Sprint(first)
	}
	return fmt.Sprintf("%d to %d", first, last)
}
