package grade

import (
	"strings"
	"unicode/utf8"
)

// The values of Result.Via: the rule that decided.
const (
	ViaNone         = "none"           // blank output: wrong
	ViaString       = "string"         // same text but for case
	ViaChoice       = "choice"         // same answer letter
	ViaNumeric      = "numeric"        // numbers within the tolerance
	ViaNumericNo    = "numeric_no"     // numbers, different
	ViaEmptyNo      = "empty_no"       // nothing was extracted: wrong
	ViaBraces       = "braces_removed" // same text without brackets
	ViaParts        = "parts"          // tuple or interval, part by part
	ViaMatrixParts  = "matrix_parts"   // matrix, entry by entry
	ViaEquation     = "equation"       // both are equations: same difference of sides
	ViaPredEquation = "pred_equation"  // "x = 5" for "5"
	ViaRefEquation  = "ref_equation"   // "5" for "x = 5"
	ViaSymbolic     = "symbolic"       // same expression
	ViaNo           = "no"             // no rule found them equal
)

// Equal compares a prediction with a reference, both raw strings, and names
// the rule that decided. It is the math_equal of the Qwen2.5-Math grader.
func Equal(prediction, reference string, g *Grader) (verdict bool, via string) {
	return g.decide(&comparison{budget: budget{left: maxSteps}}, prediction, reference)
}

// comparison is the state of one call of Equal.
type comparison struct {
	budget budget
	real   bool // variables are real numbers, as in the strict grader's second look
	// pointed: the prediction is in a language with decimal points, for the strict grader.
	pointed bool
}

// equal applies the reference's rules in its order; a rule that finds no
// equality leaves the pair to the next.
func (c *comparison) equal(prediction, reference string, depth int) (bool, string) {
	if depth > maxDepth || !c.budget.spend(len(prediction)+len(reference)+1) {
		return false, ViaNo
	}
	if sameLower(strip(prediction), strip(reference)) {
		return true, ViaString
	}
	if isChoice(reference) && cleanChoice(prediction) == reference {
		return true, ViaChoice
	}
	if p, ok := parseDigits(prediction); ok {
		if r, ok := parseDigits(reference); ok {
			if percentEqual(p, r) {
				return true, ViaNumeric
			}
			return false, ViaNumericNo
		}
	}
	if prediction == "" {
		return false, ViaEmptyNo
	}
	prediction, reference = strip(prediction), strip(reference)
	if strings.Contains(prediction, "pmatrix") && !strings.Contains(reference, "pmatrix") {
		reference = setToMatrix(reference)
	}
	switch {
	case equalWithoutBrackets(prediction, reference):
		return true, ViaBraces
	case c.equalParts(prediction, reference, depth):
		return true, ViaParts
	case c.equalMatrices(prediction, reference, depth):
		return true, ViaMatrixParts
	}
	if verdict, via := c.equalEquations(prediction, reference, depth); verdict {
		return true, via
	}
	if c.symbolicEqual(prediction, reference) {
		return true, ViaSymbolic
	}
	return false, ViaNo
}

// setToMatrix rewrites the reference {1,2} as a column for a prediction that
// is a matrix. A reference without such a set becomes empty. Entries end up
// separated by one backslash, as in the reference.
func setToMatrix(reference string) string {
	var matrices []string
	for _, line := range strings.Split(reference, "\n") {
		open, shut := strings.Index(line, "{"), strings.LastIndex(line, "}")
		if open < 0 || shut < open || !strings.Contains(line[open:shut], ",") {
			continue
		}
		body := strings.Trim(line[open:shut+1], "{}")
		matrices = append(matrices, `\begin{pmatrix}`+strings.ReplaceAll(body, ",", `\`)+`\end{pmatrix}`)
	}
	return strings.Join(matrices, ", ")
}

var bracketRemover = strings.NewReplacer("{", "", "}", "", "(", "", ")", "")

// equalWithoutBrackets compares the texts without braces and parentheses.
// Square brackets go too, where the prediction is bracketed and the reference
// does not begin with the other kind: so [1,2) equals (1,2).
func equalWithoutBrackets(prediction, reference string) bool {
	const brackets = "[]()"
	square := strings.HasPrefix(prediction, "[") && strings.HasSuffix(prediction, "]") &&
		!strings.HasPrefix(reference, "(")
	round := strings.HasPrefix(prediction, "(") && strings.HasSuffix(prediction, ")") &&
		!strings.HasPrefix(reference, "[")
	if square || round {
		prediction, reference = strings.Trim(prediction, brackets), strings.Trim(reference, brackets)
	}
	return sameLower(bracketRemover.Replace(prediction), bracketRemover.Replace(reference))
}

// startsBracketed reports whether s begins with a bracket that is closed, by
// either kind, later on the same line, with something between.
func startsBracketed(s string) bool {
	if !strings.HasPrefix(s, "(") && !strings.HasPrefix(s, "[") {
		return false
	}
	line, _, _ := strings.Cut(s, "\n")
	if line == "" {
		return false
	}
	_, width := utf8.DecodeRuneInString(line[1:])
	return strings.ContainsAny(line[1+width:], ")]")
}

// equalParts compares tuples and intervals part by part, whatever their
// brackets are. The first and the last character are taken for the brackets.
func (c *comparison) equalParts(prediction, reference string, depth int) bool {
	if !startsBracketed(prediction) || !startsBracketed(reference) {
		return false
	}
	return c.equalLists(strings.Split(trimEnds(prediction), ","), strings.Split(trimEnds(reference), ","),
		depth)
}

// equalLists compares two lists of answers element by element.
func (c *comparison) equalLists(predictions, references []string, depth int) bool {
	if len(predictions) != len(references) {
		return false
	}
	for i := range predictions {
		if verdict, _ := c.equal(predictions[i], references[i], depth+1); !verdict {
			return false
		}
	}
	return true
}

// equalEquations compares equations. Of two, the differences of the sides must
// be the same up to sign. Of one, whose left side has at most two characters,
// the right side is compared with the other answer.
func (c *comparison) equalEquations(prediction, reference string, depth int) (bool, string) {
	predEquations, refEquations := strings.Count(prediction, "="), strings.Count(reference, "=")
	predLeft, predRight, _ := strings.Cut(prediction, "=")
	refLeft, refRight, _ := strings.Cut(reference, "=")
	short := func(s string) bool { return utf8.RuneCountInString(strip(s)) <= 2 }
	switch {
	case predEquations == 1 && refEquations == 1:
		pred := strip(predLeft) + " - (" + strip(predRight) + ")"
		ref := strip(refLeft) + " - (" + strip(refRight) + ")"
		return c.symbolicEqual(pred, ref) || c.symbolicEqual("-("+pred+")", ref), ViaEquation
	case predEquations == 1 && short(predLeft) && refEquations == 0:
		verdict, _ := c.equal(predRight, reference, depth+1)
		return verdict, ViaPredEquation
	case refEquations == 1 && short(refLeft) && predEquations == 0:
		verdict, _ := c.equal(prediction, refRight, depth+1)
		return verdict, ViaRefEquation
	}
	return false, ViaNo
}
