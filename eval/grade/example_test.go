package grade_test

import (
	"fmt"

	"github.com/stele-lm/stele/eval/grade"
)

func ExampleGrade() {
	output := `Half of it is \boxed{\frac{1}{2}}.`
	for _, grader := range grade.Graders {
		result := grade.Grade(output, "0.5", "math", grader)
		fmt.Println(grader.Name, result.Extracted, result.Verdict)
	}
	// Output:
	// qwen \frac{1}{2} true
	// strict \frac{1}{2} true
}

func ExampleEqual() {
	verdict, _ := grade.Equal(`x^2 - 1`, `(x - 1)(x + 1)`, grade.Strict)
	fmt.Println(verdict)
	// Output: true
}
