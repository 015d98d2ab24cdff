package grade

import (
	"math"
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"
)

// judgement is the strict grader's opinion of a pair.
type judgement int

const (
	unsure judgement = iota // not understood: the reference's verdict stands
	right
	wrong
)

// ViaStrict marks a verdict of the strict grader that its own reading of both
// answers decided.
const ViaStrict = "strict"

// gradeStrict grades an output against the raw reference. Where it does not
// understand one of the answers it keeps the verdict in qwen, unless that rests on a part
// of an answer.
func gradeStrict(qwen Result, output, reference, dataName string) Result {
	if answered := beforeInvented(output); answered != output {
		output = answered
		qwen = gradeAgainst(qwen.GT, output, dataName)
	}
	c := &comparison{budget: budget{left: maxSteps}}
	verdict := unsure
	if letter := strip(writeAlike(reference[:min(len(reference), maxStrict)])); isChoice(strings.Trim(letter,
		"()")) {
		verdict = judgeChoice(output, strings.Trim(letter, "()"))
	} else {
		answer := strictExtract(output)
		c.pointed = strings.Contains(answer, ",") && writesPoint(output)
		verdict = c.judge(answer, reference)
	}
	if verdict != unsure {
		qwen.Verdict, qwen.Via = verdict == right, ViaStrict
	}
	return qwen
}

// equalStrict compares two answers as the strict grader does.
func (c *comparison) equalStrict(prediction, reference string) (bool, string) {
	if prediction == reference {
		return true, ViaString
	}
	switch c.judge(prediction, reference) {
	case right:
		return true, ViaStrict
	case wrong:
		return false, ViaStrict
	}
	return c.equal(prediction, reference, 0)
}

// judge compares two raw answers.
func (c *comparison) judge(prediction, reference string) judgement {
	if len(prediction) > maxStrict || len(reference) > maxStrict {
		return unsure
	}
	if isCanonicalInteger(prediction) && isCanonicalInteger(reference) {
		if prediction == reference {
			return right
		}
		return wrong // most pairs
	}
	c.pointed = c.pointed || hasNativeDigits(prediction)
	if x, y := currency(prediction), currency(reference); x != "" && y != "" && x != y {
		return wrong
	}
	p, r := writeAlike(prediction), writeAlike(reference)
	if r == "" {
		return unsure
	}
	if isTurned(prediction) != isTurned(reference) && (bareList(p) || bareList(r)) {
		return wrong // an interval is no list
	}
	if p == "" {
		return wrong
	}
	if compact(p) == compact(r) || sidesExchanged(p, r) || c.judgeRelations(p, r) == right {
		return right
	}
	if verdict := c.judgeSets(p, r); verdict != unsure {
		return verdict
	}
	predicted := readAnswer(p, &c.budget, 0)
	expected := readAnswer(r, &c.budget, 0)
	predicted.allowComma(r, c.pointed)
	expected.readPoint()
	verdict := c.judgeAnswers(predicted, expected)
	switch {
	case verdict != right && c.sameFormula(p, r):
		return right
	case verdict == unsure && sameButForMarks(p, r):
		return wrong
	case verdict == unsure && !predicted.isUnderstood() && expected.isUnderstood() && !isChoice(r):
		return wrong // what the reference makes of a part of it is not the answer
	}
	return verdict
}

// isTurned reports whether an answer begins or ends with the bracket of an open interval
// that faces away from it.
func isTurned(s string) bool {
	s = strings.TrimRight(strings.ReplaceAll(strings.ReplaceAll(fold(s), `\left`, ""), `\right`, ""), " .")
	return strings.HasPrefix(s, "]") || strings.HasSuffix(s, "[")
}

// bareList reports whether an answer is items without brackets.
func bareList(s string) bool {
	return len(splitTop(s)) > 1
}

// judgeAnswers compares two answers that were read.
func (c *comparison) judgeAnswers(a, b *answer) judgement {
	if !c.budget.spend(1) {
		return unsure
	}
	if compact(a.text) == compact(b.text) && a.unit == b.unit && !differentNames(a.name, b.name) {
		return right
	}
	if a.alternative != nil {
		first := *a
		first.alternative = nil
		if c.judgeAnswers(&first, b) == right || c.judgeAnswers(a.alternative, b) == right {
			return right
		}
		return c.judgeAnswers(&first, b)
	}
	switch {
	case a.items != nil && b.items != nil:
		return c.judgeLists(a, b)
	case a.items != nil || b.items != nil:
		return c.judgeListAgainstValue(a, b)
	case a.prose || b.prose:
		return judgeProse(a, b)
	case differentNames(a.name, b.name):
		return wrong
	case differentUnits(a, b):
		return wrong
	}
	return c.judgeValues(a, b)
}

// differentNames reports whether both are named by single letters that differ:
// x = 2 does not answer y = 2, while f(x) = 2 may. A prediction may call
// anything y.
func differentNames(prediction, reference string) bool {
	return utf8.RuneCountInString(prediction) == 1 && utf8.RuneCountInString(reference) == 1 &&
		prediction != reference && prediction != "y"
}

// judgeProse compares words. A number does not answer a question for words;
// words may be an unknown way to write a number.
func judgeProse(a, b *answer) judgement {
	x, y := wordsOf(a.text), wordsOf(b.text)
	switch {
	case x == y && strings.HasPrefix(a.text, "-") == strings.HasPrefix(b.text, "-"),
		a.prose && b.prose && slices.Equal(proseItems(a.text), proseItems(b.text)):
		return right
	case b.prose && (a.prose || len(a.values) > 0):
		return wrong
	}
	return unsure
}

// proseItems lists, in alphabetical order, what conjunctions and commas join: blue and red
// is red and blue.
func proseItems(s string) []string {
	items := splitTop(conjunction.ReplaceAllString(markConjunctions(s), "; "))
	for i, item := range items {
		items[i] = wordsOf(item)
	}
	slices.Sort(items)
	return items
}

// judgeValues compares single values: right if any reading of one equals any
// reading of the other.
func (c *comparison) judgeValues(a, b *answer) judgement {
	if len(a.values) == 0 || len(b.values) == 0 {
		return unsure
	}
	verdict := wrong
	switch {
	case b.multiple != nil && a.multiple == nil:
		return c.judgeValues(a, &answer{decimals: -1, values: []*expr{b.multiple}})
	case a.multiple != nil && c.sameFunction(a.multiple, b.values[0]):
		return right
	case b.product != nil && c.sameFunction(a.values[0], b.product):
		verdict = unsure
	}
	for _, x := range a.values {
		for _, y := range b.values {
			switch c.judgeExpressions(x, y, a, b) {
			case right:
				return right
			case unsure:
				verdict = unsure
			}
		}
	}
	return verdict
}

// judgeExpressions compares two expressions. A decimal that is a rounding of
// the other value to its own places is left to the reference's tolerance; a
// percentage may answer the fraction or the number.
func (c *comparison) judgeExpressions(x, y *expr, a, b *answer) judgement {
	if x.kind == kindRelation && y.kind == kindRelation {
		return c.compareRelations(x, y)
	}
	if !x.isScalar() || !y.isScalar() {
		if x.kind == kindMatrix && y.kind == kindMatrix {
			return c.judgeMatrices(x, y)
		}
		return unsure
	}
	x, y = withConstants(x), withConstants(y)
	if sameForm(x, y) || c.sameFunction(x, y) || c.sameOnReals(x, y) || c.sameOnIntegers(x, y) {
		return right
	}
	hundred := integer(100)
	if a.percent && !b.percent && c.sameFunction(x, product(y, hundred)) ||
		b.percent && !a.percent && c.sameFunction(y, product(x, hundred)) {
		return right
	}
	u, okU := c.realValue(x)
	v, okV := c.realValue(y)
	if !okU || !okV {
		if len(x.symbols(nil)) == 0 && len(y.symbols(nil)) == 0 {
			return unsure
		}
		return c.surelyDifferent(x, y)
	}
	for _, decimals := range []int{a.decimals, b.decimals} {
		if decimals >= 0 && roundsTo(u, v, decimals) && !(isLiteral(a) && isLiteral(b)) {
			return unsure
		}
	}
	return wrong
}

// withConstants gives i, e and π their values.
func withConstants(e *expr) *expr {
	for name := range constants {
		e = e.replace(name, constant(name))
	}
	return e
}

// sameOnReals reports whether two expressions are equal as functions of real
// numbers, as |x| and the root of x² are, and the cube roots of −8 and −2.
func (c *comparison) sameOnReals(x, y *expr) bool {
	c.real = true
	defer func() { c.real = false }()
	return c.sameFunction(x, y)
}

// integerNames are the letters that stand for whole numbers.
const integerNames = "kmn"

// sameOnIntegers reports whether two expressions, one of which rounds or alternates in
// sign, are equal for positive whole numbers: ⌈n/2⌉ and ⌊(n+1)/2⌋, (−1)^n and cos πn.
func (c *comparison) sameOnIntegers(x, y *expr) bool {
	names := y.symbols(x.symbols(nil))
	if len(names) == 0 || !x.forIntegers() && !y.forIntegers() {
		return false
	}
	for _, name := range names {
		if len(name) != 1 || !strings.Contains(integerNames, name) {
			return false
		}
	}
	const points = 12
	for point := range int64(points) {
		u, v := x, y
		for _, name := range names {
			// Each letter in steps of its own, so that all remainders meet.
			n := integer(1 + point*int64(1+strings.Index(integerNames, name)))
			u, v = u.replace(name, n), v.replace(name, n)
		}
		if !c.sameFunction(u, v) {
			return false
		}
	}
	return true
}

// forIntegers reports whether an expression rounds, or raises a negative number to a
// power that is not known.
func (e *expr) forIntegers() bool {
	switch {
	case e.kind == kindFunction && (e.name == "floor" || e.name == "ceiling" || e.name == "mod"),
		e.kind == kindPower && e.args[0].kind == kindNumber && e.args[0].number.Sign() < 0 &&
			len(e.args[1].symbols(nil)) > 0:
		return true
	}
	return slices.ContainsFunc(e.args, (*expr).forIntegers)
}

// judgeMatrices compares matrices entry by entry.
func (c *comparison) judgeMatrices(x, y *expr) judgement {
	if x.rows != y.rows || len(x.args) != len(y.args) {
		return wrong
	}
	if c.sameMatrix(x, y) {
		return right
	}
	for i := range x.args {
		u, okU := exact(x.args[i], &c.budget)
		v, okV := exact(y.args[i], &c.budget)
		if okU && okV && math.Abs(ratFloat(u)-ratFloat(v)) > 1e-3*math.Abs(ratFloat(v)) {
			return wrong
		}
	}
	return unsure
}

func ratFloat(r *big.Rat) float64 {
	x, _ := r.Float64()
	return x
}

// isLiteral reports whether an answer is an integer or decimal as written.
func isLiteral(a *answer) bool {
	_, ok := new(big.Rat).SetString(strings.ReplaceAll(a.text, ",", ""))
	if _, repeats := repeatingDecimal(a.text); repeats {
		return true
	}
	return ok && !strings.Contains(a.text, "/")
}

// roundsTo reports whether two numbers differ by less than one unit in the
// given decimal place.
func roundsTo(u, v float64, decimals int) bool {
	unit := 1.0
	for range min(decimals, 300) {
		unit /= 10
	}
	difference := u - v
	return difference < unit && -difference < unit
}

// surelyDifferent tells functions that differ at a probe from those that could
// not be evaluated.
func (c *comparison) surelyDifferent(x, y *expr) judgement {
	for seed := range uint64(planeProbes) {
		p := prober{seed: seed + 1, budget: &c.budget}
		u, okU := p.eval(x)
		v, okV := p.eval(y)
		if !okU || !okV {
			continue
		}
		distance := u.z - v.z
		if agree(u, v, max(real(distance), -real(distance))+max(imag(distance),
			-imag(distance))) == different {
			return wrong
		}
	}
	return unsure
}
