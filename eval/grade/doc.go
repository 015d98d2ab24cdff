// Package grade decides whether a model's answer to a mathematics problem is
// right: it extracts the final answer from the model's text and compares it
// with the reference.
//
// Grader Qwen gives the verdicts of the Qwen2.5-Math evaluation code (the grader
// the paper used), false ones included, so that accuracies are comparable with
// published tables. Grader Strict gives the verdicts that a person would give
// where the two are known to differ.
//
// The reference implementation is Python: it hands model text to SymPy, which
// evaluates it as code, and may run for minutes. Here text is only ever parsed
// into the package's own expression type and computed on under a step budget.
//
// Invariants: no function panics or hangs on any input; every pair costs at
// most a fixed number of steps; results depend on nothing but the arguments;
// all functions are safe for concurrent use.
package grade
