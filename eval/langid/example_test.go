package langid_test

import (
	"fmt"

	"github.com/stele-lm/stele/eval/langid"
)

func ExampleDetector_Detect() {
	detector := langid.New()
	for _, text := range []string{
		"Zwei plus zwei ist vier, also ist die Antwort 4.",
		"Два плюс два равно четырём.",
		"2 + 2 = 4",
	} {
		code, _ := detector.Detect(text)
		fmt.Println(code)
	}
	// Output:
	// de
	// ru
	// none
}

// Off target is an output in another language than the one that was asked for.
func ExampleDetector_OffTarget() {
	off, code := langid.New().OffTarget("The answer is the sum of both numbers.", "sw")
	fmt.Println(off, code)
	// Output: true en
}
