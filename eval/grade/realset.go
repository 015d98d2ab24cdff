package grade

import (
	"math"
	"regexp"
	"slices"
	"strings"
)

// realSet is a set of real numbers that an answer describes by intervals, inequalities
// and finite sets: (-\infty,2)\cup(2,\infty), x<2 \lor x>2, \mathbb{R}\setminus\{2\}.
type realSet struct {
	operator string // `\cup`, `\cap`, `\setminus`, or "" for a single interval
	parts    []*realSet
	// The interval. A point is closed on both sides.
	low, high           float64
	closedLow, closedUp bool
	variable            string // that inequalities are about
	isSolution          bool   // an equation
}

// contains reports whether a number is in the set.
func (s *realSet) contains(x float64) bool {
	in := func(part *realSet) bool { return part.contains(x) }
	switch s.operator {
	case `\cup`:
		return slices.ContainsFunc(s.parts, in)
	case `\cap`:
		return !slices.ContainsFunc(s.parts, func(part *realSet) bool { return !in(part) })
	case `\setminus`:
		return in(s.parts[0]) && !slices.ContainsFunc(s.parts[1:], in)
	}
	return (x > s.low || s.closedLow && x == s.low) && (x < s.high || s.closedUp && x == s.high)
}

// ends appends the finite ends of all intervals.
func (s *realSet) ends(list []float64) []float64 {
	for _, part := range s.parts {
		list = part.ends(list)
	}
	if s.operator == "" {
		for _, end := range []float64{s.low, s.high} {
			if !math.IsInf(end, 0) {
				list = append(list, end)
			}
		}
	}
	return list
}

// snap gives ends that are the same but for rounding the same number.
func (s *realSet) snap(ends []float64) {
	for _, part := range s.parts {
		part.snap(ends)
	}
	for _, end := range []*float64{&s.low, &s.high} {
		for _, known := range ends {
			if math.Abs(*end-known) <= 1e-11*max(1, math.Abs(known)) {
				*end = known
				break
			}
		}
	}
}

// equal reports whether two sets have the same members: at all ends, between them and
// beyond them.
func (s *realSet) equal(other *realSet, b *budget) bool {
	ends := other.ends(s.ends(nil))
	slices.Sort(ends)
	if !b.spend(10 * (len(ends) + 1) * (len(ends) + 1)) {
		return false
	}
	s.snap(ends)
	other.snap(ends)
	points := []float64{0, math.Inf(-1), math.Inf(1)}
	if len(ends) > 0 {
		points = []float64{math.Inf(-1), math.Inf(1), 2*min(ends[0], 0) - 1, 2*max(ends[len(ends)-1], 0) + 1}
	}
	for i, end := range ends {
		points = append(points, end)
		if i > 0 {
			points = append(points, (ends[i-1]+end)/2)
		}
	}
	return !slices.ContainsFunc(points, func(x float64) bool { return s.contains(x) != other.contains(x) })
}

// isEmpty reports whether the set has no members.
func (s *realSet) isEmpty(b *budget) bool {
	return s.equal(&realSet{operator: `\cup`}, b)
}

var (
	setSigns     = regexp.MustCompile(`[<>]|\\(?:cup|cap|setminus|lor|land|le|ge|ne|notin)(?:$|[^a-zA-Z])`)
	inequality   = regexp.MustCompile(` ?(<=|>=|<|>|=|\\(?:le|ge|ne))`)
	variableName = regexp.MustCompile(`^(?:[a-zA-Z]|\\[a-z]+)$`)
	membership   = regexp.MustCompile(`^([a-zA-Z]|\\[a-z]+) ?(\\in|\\notin) ?([^a-z].*)$`)
	setOperators = regexp.MustCompile(`\\(cup|lor|cap|land|setminus|backslash)(?:$|[^a-zA-Z])|[\])] ?(U)` +
		` ?[\[(]|\} ?(U) ?\\\{`)
	exceptions = regexp.MustCompile(`^(\(-\\infty ?, ?\\infty ?\),?) ?(?:except|except for|excluding` +
		`|other than) (?:[a-z] ?= ?)?([^a-zA-Z]+)$`)
	setDifference = regexp.MustCompile(`^(.*\)) ?(?:-|\\) ?(\\\{[^{}]*\\\})$`)
)

// turned gives a relation with its sides exchanged.
var turned = strings.NewReplacer("<", ">", ">", "<", `\le`, `\ge`, `\ge`, `\le`)

// judgeSets compares two answers as sets of real numbers, where one of them is written
// with operators or inequalities.
func (c *comparison) judgeSets(p, r string) judgement {
	isSet := func(pattern *regexp.Regexp) bool { return pattern.MatchString(p) }
	patterns := []*regexp.Regexp{setSigns, setOperators, setDifference, exceptions}
	if !slices.ContainsFunc(patterns, isSet) && !setSigns.MatchString(r) {
		return unsure
	}
	p, r = exceptions.ReplaceAllString(markConjunctions(p), `$1\setminus \{$2\}`), markConjunctions(r)
	x, okX := c.readSet(p, 0)
	if !okX {
		return unsure
	}
	y, okY := c.readSet(r, 0)
	switch {
	case !okY:
		return unsure
	case x.variable != "" && y.variable != "" && x.variable != y.variable:
		return wrong
	case x.equal(y, &c.budget):
		return right
	case c.budget.left < 0:
		return unsure
	}
	return wrong
}

// readSet reads unions of intersections of intervals, inequalities and finite sets.
func (c *comparison) readSet(s string, depth int) (*realSet, bool) {
	s = strip(s)
	if s == "" || depth > 6 || !c.budget.spend(20+len(s)) {
		return nil, false
	}
	if m := membership.FindStringSubmatch(s); m != nil && len(splitTop(s)) == 1 {
		set, ok := c.readSet(m[3], depth+1)
		if ok && m[2] == `\notin` {
			set = &realSet{operator: `\setminus`, parts: []*realSet{{low: math.Inf(-1), high: math.Inf(1)},
				set}}
		}
		return set, ok
	}
	switch {
	case s == `\emptyset`:
		return &realSet{operator: `\cup`}, true
	case s == "R" && depth > 0:
		return &realSet{low: math.Inf(-1), high: math.Inf(1)}, true
	}
	if parts := splitOperator(s, "cup", "lor", "U"); len(parts) > 1 {
		return c.readParts(`\cup`, parts, depth)
	}
	if parts := splitOperator(s, "cap", "land"); len(parts) > 1 {
		set, ok := c.readParts(`\cap`, parts, depth)
		notPlain := func(part *realSet) bool {
			return !part.isSolution && (part.variable != "" || part.operator != "")
		}
		if ok && strings.Contains(s, `\land`) && !slices.ContainsFunc(set.parts, notPlain) &&
			set.isEmpty(&c.budget) {
			set.operator = `\cup` // x = 1 and x = 2; the intervals (0,1) and (2,3)
		}
		return set, ok
	}
	if parts := splitOperator(s, "setminus", "backslash"); len(parts) > 1 {
		return c.readParts(`\setminus`, parts, depth)
	}
	if m := setDifference.FindStringSubmatch(s); m != nil {
		return c.readParts(`\setminus`, m[1:3], depth)
	}
	if parts := splitTop(s); len(parts) > 1 {
		if !setSigns.MatchString(s) {
			return nil, false
		}
		// Conditions side by side hold together where they can.
		set, ok := c.readParts(`\cap`, parts, depth)
		if ok && set.isEmpty(&c.budget) {
			set.operator = `\cup`
		}
		return set, ok
	}
	if body, ok := strings.CutPrefix(s, "{"); ok && strings.HasSuffix(body, "}") &&
		balanced(strings.TrimSuffix(body, "}")) {
		return c.readPoints(strings.TrimSuffix(body, "}"))
	}
	if body, ok := strings.CutPrefix(s, `\{`); ok && strings.HasSuffix(body, `\}`) {
		return c.readPoints(strings.TrimSuffix(body, `\}`))
	}
	if set, ok := c.readInterval(s); ok {
		return set, true
	}
	if strings.HasPrefix(s, "(") && strings.HasSuffix(s, ")") && balanced(s[1:len(s)-1]) {
		return c.readSet(s[1:len(s)-1], depth+1)
	}
	if m := absolute.FindStringSubmatch(s); m != nil {
		return c.readAbsolute(m)
	}
	return c.readInequality(s)
}

// absolute is an inequality for the distance from a number.
var absolute = regexp.MustCompile(`^\| ?([a-zA-Z]) ?(?:([+-]) ?([^|]*))?\| ?(<|>|\\le|\\ge) ?([^a-zA-Z` +
	`|<>=].*)$`)

// readAbsolute reads |x - a| < b.
func (c *comparison) readAbsolute(m []string) (*realSet, bool) {
	center, okCenter := 0.0, true
	if m[3] != "" {
		center, okCenter = c.end(m[3])
		if m[2] == "+" {
			center = -center
		}
	}
	distance, ok := c.end(m[5])
	if !ok || !okCenter || distance < 0 || math.IsInf(distance, 0) {
		return nil, false
	}
	within := &realSet{low: center - distance, high: center + distance, variable: m[1]}
	switch m[4] {
	case "<", `\ge`:
	default:
		within.closedLow, within.closedUp = true, true
	}
	if m[4] == "<" || m[4] == `\le` {
		return within, true
	}
	all := &realSet{low: math.Inf(-1), high: math.Inf(1)}
	return &realSet{operator: `\setminus`, parts: []*realSet{all, within}, variable: m[1]}, true
}

// readParts reads the operands of one operator.
func (c *comparison) readParts(operator string, parts []string, depth int) (*realSet, bool) {
	set := &realSet{operator: operator}
	for _, part := range parts {
		if operand := strip(part); operand != "" && c.isNumber(operand) && set.variable != "" {
			part = set.variable + "=" + operand // x = 1 or 2
		}
		read, ok := c.readSet(part, depth+1)
		if !ok || read.variable != "" && set.variable != "" && read.variable != set.variable {
			return nil, false
		}
		if read.variable != "" {
			set.variable = read.variable
		}
		set.parts = append(set.parts, read)
	}
	return set, true
}

// isNumber reports whether a text is a real number.
func (c *comparison) isNumber(s string) bool {
	_, ok := c.end(s)
	return ok
}

// readPoints reads the members of a finite set.
func (c *comparison) readPoints(s string) (*realSet, bool) {
	set := &realSet{operator: `\cup`}
	if strip(s) == "" {
		return set, true
	}
	for _, part := range splitItems(s) {
		x, ok := c.end(part)
		if !ok || math.IsInf(x, 0) {
			return nil, false
		}
		set.parts = append(set.parts, &realSet{low: x, high: x, closedLow: true, closedUp: true})
	}
	return set, true
}

// readInterval reads an interval in brackets.
func (c *comparison) readInterval(s string) (*realSet, bool) {
	if len(s) < 5 || !strings.Contains("([", s[:1]) || !strings.Contains(")]", s[len(s)-1:]) ||
		!balanced(s[1:len(s)-1]) {
		return nil, false
	}
	parts := splitItems(s[1 : len(s)-1])
	if len(parts) != 2 {
		return nil, false
	}
	low, okLow := c.end(parts[0])
	high, okHigh := c.end(parts[1])
	set := &realSet{low: low, high: high, closedLow: s[0] == '[', closedUp: s[len(s)-1] == ']'}
	return set, okLow && okHigh && (low < high || low == high && set.closedLow && set.closedUp)
}

// end is the value of an end of an interval.
func (c *comparison) end(s string) (float64, bool) {
	s = strip(s)
	if commaDecimal.MatchString(s) {
		s = strings.Replace(s, ",", ".", 1)
	}
	e, ok := parseWhole(strings.TrimPrefix(s, "+"), &c.budget)
	if !ok || !e.isScalar() {
		if value, ok := repeatingDecimal(s); ok {
			return ratFloat(value), true
		}
		return 0, false
	}
	return c.realValue(withConstants(e))
}

// readInequality reads a chain of inequalities for one variable.
func (c *comparison) readInequality(s string) (*realSet, bool) {
	var sides, signs []string
	rest := s
	for len(sides) < 4 {
		m := inequality.FindStringSubmatchIndex(rest)
		if m == nil {
			break
		}
		if rest[m[2]] == '\\' && m[3] < len(rest) && isLetter(rest[m[3]]) {
			return nil, false // \left and the like
		}
		sides, signs = append(sides, strip(rest[:m[0]])), append(signs, rest[m[2]:m[3]])
		rest = rest[m[3]:]
	}
	sides = append(sides, strip(rest))
	at := slices.IndexFunc(sides, variableName.MatchString)
	if at < 0 || len(sides) == 1 || len(sides) > 3 || len(sides) == 3 && at != 1 {
		return nil, false
	}
	set := &realSet{operator: `\cap`, variable: sides[at]}
	for i, side := range sides {
		if i == at {
			continue
		}
		x, ok := c.end(side)
		if !ok {
			return nil, false
		}
		sign := signs[min(i, at)]
		if i < at { // seen from the variable
			sign = turned.Replace(sign)
		}
		part := &realSet{low: math.Inf(-1), high: math.Inf(1)}
		switch sign {
		case "<":
			part.high = x
		case "<=", `\le`:
			part.high, part.closedUp = x, true
		case ">":
			part.low = x
		case ">=", `\ge`:
			part.low, part.closedLow = x, true
		case "=":
			part = &realSet{low: x, high: x, closedLow: true, closedUp: true}
		case `\ne`:
			point := &realSet{low: x, high: x, closedLow: true, closedUp: true}
			part = &realSet{operator: `\setminus`, parts: []*realSet{part, point}}
		}
		if math.IsInf(x, 0) && (sign == "=" || sign == `\ne`) {
			return nil, false
		}
		if part.operator == "" && math.IsInf(part.low, 0) {
			part.closedLow = false
		}
		if part.operator == "" && math.IsInf(part.high, 0) {
			part.closedUp = false
		}
		set.parts = append(set.parts, part)
	}
	set.isSolution = len(signs) == 1 && signs[0] == "="
	rises := func(sign string) bool { return strings.HasPrefix(sign, "<") || sign == `\le` }
	if len(signs) == 2 && (rises(signs[0]) != rises(signs[1]) || signs[0] == "=" || signs[1] == "=") {
		return nil, false // 1 < x > 3
	}
	return set, true
}

// splitOperator splits at set operators outside brackets.
func splitOperator(s string, operators ...string) []string {
	var parts []string
	start := 0
	for _, m := range setOperators.FindAllStringSubmatchIndex(s, -1) {
		for group := 2; group < len(m); group += 2 {
			if m[group] < 0 || !slices.Contains(operators, s[m[group]:m[group+1]]) || m[group] < start {
				continue
			}
			from, to := m[group], m[group+1]
			if group == 2 {
				from-- // the backslash
			}
			if !balancedBraces(s[start:from]) {
				continue
			}
			parts = append(parts, s[start:from])
			start = to
		}
	}
	return append(parts, s[start:])
}

// balancedBraces reports whether all brackets that open in s are closed.
func balancedBraces(s string) bool {
	depth := 0
	for _, r := range s {
		switch r {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		}
	}
	return depth == 0
}

// splitItems splits at top-level semicolons, or at commas where there are none: between
// semicolons a comma is a decimal one.
func splitItems(s string) []string {
	if parts := splitMarks(s, ";"); len(parts) > 1 {
		for _, part := range parts {
			if commas := len(splitMarks(part, ",")); commas > 2 || commas == 2 &&
				!commaDecimal.MatchString(strip(part)) {
				return splitTop(s)
			}
		}
		return parts
	}
	return splitTop(s)
}
