package grade

import (
	"slices"
	"strings"
)

// Result is the outcome of grading one output.
type Result struct {
	Extracted string // final answer, normalised once
	Pred      string // what was compared, normalised a second time
	GT        string // the reference, normalised
	Verdict   bool
	// Via names the rule that decided, one of the Via constants.
	Via string
}

// Grade extracts the final answer from a model's output and compares it with
// the reference answer (not a worked solution: pass that through Extract
// first). dataName is the benchmark's name in the Qwen2.5-Math code, which
// has rules for some of them; it may be empty.
func Grade(output, reference, dataName string, g *Grader) Result {
	result := grade(output, reference, normalizeReference(reference, dataName), dataName, g)
	if g.needsReference && strings.TrimSpace(reference) == "" {
		result.Verdict, result.Via = false, ViaNo // the Qwen2.5-Math code takes any number for right here
	}
	return result
}

// GradeNormalized is Grade against a reference in its comparable form, which
// Result.GT holds.
func GradeNormalized(output, gt, dataName string, g *Grader) Result {
	return grade(output, gt, gt, dataName, g)
}

func grade(output, reference, gt, dataName string, g *Grader) Result {
	result := gradeAgainst(gt, output, dataName)
	if g.revise != nil && result.Via != ViaNone {
		result = g.revise(result, output, reference, dataName)
	}
	return result
}

// gradeAgainst grades an output against a normalised reference as Qwen does.
func gradeAgainst(gt, output, dataName string) Result {
	extracted := Extract(output, dataName)
	prediction := normalize(extracted, slices.Contains(unitDataSets, dataName))
	result := Result{
		Extracted: extracted,
		Pred:      choosePrediction(prediction, gt, output),
		GT:        gt,
	}
	if strip(output) == "" {
		result.Via = ViaNone
		return result
	}
	result.Verdict, result.Via = Equal(result.Pred, result.GT, Qwen)
	return result
}

// dollarDataSets write their references with dollar signs that their loader
// removes before anything else.
var dollarDataSets = []string{"gaokao2023en", "college_math", "gaokao_math_cloze"}

// normalizeReference brings a reference to its comparable form as the loaders
// of the Qwen2.5-Math code do.
func normalizeReference(reference, dataName string) string {
	if slices.Contains(unitDataSets, dataName) {
		reference = strings.ReplaceAll(reference, `\neq`, `\ne`)
		reference = strings.ReplaceAll(reference, `\leq`, `\le`)
		return strings.ReplaceAll(reference, `\geq`, `\ge`)
	}
	switch {
	case slices.Contains(dollarDataSets, dataName):
		reference = strip(strings.ReplaceAll(reference, "$", ""))
	case dataName == "olympiadbench":
		reference = strings.Trim(reference, "$")
	}
	// Twice: when loading, and again when evaluating.
	return normalize(normalize(reference, false), false)
}
