package grade

// maxSteps bounds the work on one pair. A step is one character read, one node
// built or one node evaluated, some tens of nanoseconds; the bound is far
// above what real answers need.
const maxSteps = 200_000

// maxAnswer is the length in bytes from which a text is taken for no answer: it
// is compared as it is, without being normalised.
const maxAnswer = 8_000

// maxStrict is the length in bytes up to which the strict grader reads an answer;
// beyond it the reference's verdict stands. Bringing text to one notation takes some
// thirty passes before the first step is counted: at 8,000 bytes a hostile pair would
// take longer than 50 ms. A final answer has less than a tenth of this.
const maxStrict = 3_000

// maxTokens bounds the LaTeX that is parsed. The reference, a Python parser,
// runs into its time limit long before.
const maxTokens = 2_000

// maxDepth bounds nesting, in text and in expressions, and so the stack.
const maxDepth = 200

// budget counts the steps that are left for a pair. Every loop whose length
// depends on the input spends from it; when it is gone, parsers fail and
// evaluations are undefined, so that the pair ends up as different.
type budget struct {
	left int
}

// spend takes n steps and reports whether they were there.
func (b *budget) spend(n int) bool {
	b.left -= n
	return b.left >= 0
}
