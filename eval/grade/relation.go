package grade

import (
	"math"
	"math/big"
	"math/cmplx"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// sidesExchanged reports whether one text is A = B and the other B = A.
func sidesExchanged(p, r string) bool {
	p, r = strings.ReplaceAll(compact(p), ".=", "="), strings.ReplaceAll(compact(r), ".=", "=")
	if len(p) != len(r) {
		return false
	}
	for i := range len(r) {
		if r[i] == '=' && strings.HasPrefix(p, r[i+1:]) && strings.HasSuffix(p, r[:i]) &&
			p[len(r)-i-1] == '=' {
			return true
		}
	}
	return false
}

// sameFormula reports whether a word of the reference, read as a product of
// letters, is the product in the prediction: a program that handed its answer
// to a computer algebra system prints "yes" as e*s*y.
func (c *comparison) sameFormula(p, r string) bool {
	if !strings.ContainsAny(p, "*^ ") || strings.IndexFunc(r, unicode.IsLetter) < 0 {
		return false
	}
	x, okX := parseWhole(p, &c.budget)
	y, okY := parseWhole(r, &c.budget)
	return okX && okY && x.kind == kindProduct && y.kind == kindProduct && c.sameFunction(x, y)
}

// signsAndNumbers are left out by sameButForMarks; the strict grader's
// notation has no other relation signs.
var signsAndNumbers = regexp.MustCompile(`<=|>=|[=<>()\[\]]|\\(?:le|ge|ne)|\d+(?:\.\d+)?`)

// sameButForMarks reports whether two texts that were not understood are the
// same but for relation signs, brackets and numbers: x = 2 is not x < 2.
func sameButForMarks(p, r string) bool {
	p, r = compact(p), compact(r)
	x, y := signsAndNumbers.FindAllString(p, -1), signsAndNumbers.FindAllString(r, -1)
	if len(x) != len(y) || signsAndNumbers.ReplaceAllString(p, "#") != signsAndNumbers.ReplaceAllString(r,
		"#") {
		return false
	}
	different := false
	for i := range x {
		u, okU := new(big.Rat).SetString(x[i])
		v, okV := new(big.Rat).SetString(y[i])
		same := x[i] == y[i] || okU && okV && u.Cmp(v) == 0
		if same && x[i] != y[i] {
			return false // 2.0 for 2: a restatement, and more may be meant alike
		}
		different = different || !same
	}
	return different
}

// judgeRelations compares answers that are relations as a whole: the same sign,
// or its mirror image, between equal or opposite differences.
func (c *comparison) judgeRelations(p, r string) judgement {
	if !strings.ContainsAny(p, "=<>\\") || !strings.ContainsAny(r, "=<>\\") {
		return unsure
	}
	x, okX := parseWhole(p, &c.budget)
	y, okY := parseWhole(r, &c.budget)
	if !okX || !okY || x.kind != kindRelation || y.kind != kindRelation {
		return unsure
	}
	return c.compareRelations(x, y)
}

// mirror gives the relation with its sides exchanged.
var mirror = map[string]string{"=": "=", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}

// compareRelations compares two relations: right if the differences of their
// sides are proportional, with a positive factor for the same sign and a
// negative one for its mirror image.
func (c *comparison) compareRelations(x, y *expr) judgement {
	for _, side := range slices.Concat(x.args, y.args) {
		if !side.isScalar() {
			return unsure
		}
	}
	dx := sum(x.args[0], negative(x.args[1]))
	dy := sum(y.args[0], negative(y.args[1]))
	p := prober{seed: 1, budget: &c.budget}
	u, okU := p.eval(dx)
	v, okV := p.eval(dy)
	if !okU || !okV || u.z == 0 || v.z == 0 {
		return unsure
	}
	factor := u.z / v.z
	if math.Abs(imag(factor)) > 1e-9*math.Abs(real(factor)) || x.name != y.name && x.name != mirror[y.name] {
		return wrong
	}
	if x.name != "=" && x.name != "!=" && (x.name == y.name) != (real(factor) > 0) {
		return wrong
	}
	for seed := range uint64(planeProbes) {
		p := prober{seed: seed + 2, budget: &c.budget}
		u, okU := p.eval(dx)
		v, okV := p.eval(dy)
		if okU && okV && cmplx.Abs(u.z-factor*v.z) > 1e-8*(cmplx.Abs(u.z)+cmplx.Abs(factor*v.z)) {
			return wrong
		}
	}
	return right
}
