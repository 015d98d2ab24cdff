// Command corpus prints the arithmetic task in all languages, the text that the
// built-in model's tokenizer was trained on.
package main

import (
	"fmt"
	"os"

	"github.com/stele-lm/stele/eval/bench/arith"
)

func main() {
	task, _ := arith.Find("arith")
	problems, err := task.Generate(nil, arith.All, arith.Languages())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, p := range problems {
		fmt.Printf("%s\n%s\n", p.Text, p.Solution)
	}
}
