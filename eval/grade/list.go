package grade

import (
	"slices"
	"strings"
)

// judgeListAgainstValue: a list is not a single value, unless one of the two
// was not understood.
func (c *comparison) judgeListAgainstValue(prediction, reference *answer) judgement {
	a, b := prediction, reference
	if a.items == nil {
		a, b = b, a
	}
	if len(a.items) == 1 {
		return c.judgeAnswers(a.items[0], b)
	}
	if interval, ok := intervalText(b.text); ok {
		return c.judgeLists(a, readAnswer(interval, &c.budget, 1))
	}
	if len(b.values) == 0 {
		return unsure
	}
	if b.values[0].kind == kindMatrix {
		return c.judgeRows(a, b.values[0])
	}
	if len(a.values) > 0 {
		return c.judgeValues(a, b)
	}
	if a == reference && a.open == "" && c.judgeAnswers(b, a.items[0]) == right {
		return unsure // perhaps the first of several that are accepted
	}
	for _, item := range a.items {
		if len(item.values) == 0 && item.items == nil {
			return unsure
		}
	}
	return wrong
}

// judgeLists compares lists. Sets and bare lists have no order; tuples,
// intervals and unions do, and their brackets count.
func (c *comparison) judgeLists(a, b *answer) judgement {
	unordered := func(x *answer) bool {
		return x.open == "" || x.open == "{" || strings.HasPrefix(x.open, `\`)
	}
	if a.isNested() || b.isNested() {
		a, b = a.union(), b.union()
	}
	if a.open == "{" && b.open == "{" {
		a, b = a.distinct(), b.distinct()
	}
	if len(a.items) != len(b.items) {
		return c.understood(a, b, wrong)
	}
	if unordered(a) && unordered(b) && strings.HasPrefix(a.open, `\`) == strings.HasPrefix(b.open, `\`) {
		if a.open != b.open && strings.HasPrefix(a.open, `\`) {
			return wrong
		}
		return c.matchItems(a, b)
	}
	if half := a.open + b.open; half == "(" && a.shut+b.shut == "]" || half == "[" && a.shut+b.shut == ")" {
		return wrong // an interval is no list
	}
	if a.open != "" && b.open != "" && (a.open != b.open || a.shut != b.shut) {
		printed := a.open == "(" && a.shut == ")" && b.open != "[" && !sameTexts(a.items, b.items)
		if a.open == "{" || b.open == "{" || printed && c.itemwise(a, b) != wrong {
			return unsure // a restatement in another notation
		}
		return c.understood(a, b, wrong)
	}
	return c.itemwise(a, b)
}

// isNested reports whether a list, bare or a set, holds nothing but sets.
func (a *answer) isNested() bool {
	notSet := func(item *answer) bool { return item.open != "{" || item.items == nil }
	return (a.open == "" || a.open == "{") && len(a.items) > 0 && !slices.ContainsFunc(a.items, notSet)
}

// union returns the set of all members of a's sets, each once.
func (a *answer) union() *answer {
	if !a.isNested() {
		return a
	}
	all := &answer{text: a.text, open: "{", shut: "}", decimals: -1}
	for _, set := range a.items {
		for _, item := range set.items {
			same := func(other *answer) bool { return compact(other.text) == compact(item.text) }
			if !slices.ContainsFunc(all.items, same) {
				all.items = append(all.items, item)
			}
		}
	}
	return all
}

// sameTexts reports whether the items of two lists are written the same.
func sameTexts(a, b []*answer) bool {
	return slices.EqualFunc(a, b, func(x, y *answer) bool { return compact(x.text) == compact(y.text) })
}

// itemwise compares two lists of the same length in order.
func (c *comparison) itemwise(a, b *answer) judgement {
	verdict := right
	for i := range a.items {
		switch c.judgeAnswers(a.items[i], b.items[i]) {
		case wrong:
			return c.understood(a, b, wrong)
		case unsure:
			verdict = unsure
		}
	}
	return verdict
}

// isUnderstood reports whether an answer was read as a whole.
func (a *answer) isUnderstood() bool {
	if a.items == nil {
		return len(a.values) > 0 || a.prose
	}
	return len(a.values) > 0 || !slices.ContainsFunc(a.items,
		func(item *answer) bool { return !item.isUnderstood() || item.prose })
}

// understood returns the verdict if all items of both lists were read.
func (c *comparison) understood(a, b *answer, verdict judgement) judgement {
	for _, list := range []*answer{a, b} {
		for _, item := range list.items {
			if item.items == nil && len(item.values) == 0 && !item.prose {
				return unsure
			}
		}
	}
	return verdict
}

// matchItems pairs off the items of two lists of the same length.
func (c *comparison) matchItems(a, b *answer) judgement {
	used := make([]bool, len(b.items))
	for _, x := range a.items {
		found := false
		for i, y := range b.items {
			if !used[i] && c.judgeAnswers(x, y) == right {
				used[i], found = true, true
				break
			}
		}
		if !found {
			return c.understood(a, b, wrong)
		}
	}
	return right
}

// distinct returns the set with each member once.
func (a *answer) distinct() *answer {
	once := *a
	once.items = []*answer{}
	for _, item := range a.items {
		same := func(other *answer) bool {
			return compact(other.text) == compact(item.text) && other.unit == item.unit
		}
		if !slices.ContainsFunc(once.items, same) {
			once.items = append(once.items, item)
		}
	}
	return &once
}
