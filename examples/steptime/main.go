// Command steptime computes, on paper, how the time of a GRPO step of Qwen2.5-7B falls with the number of GPUs, from
// what was measured on one (docs/cluster.md has what it prints).
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	if err := tables(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "steptime:", err)
		os.Exit(1)
	}
}

// tables prints a step of 1,024 samples on more and more GPUs, and one of 128 samples for each GPU.
func tables(out io.Writer) error {
	w := work{questions: 128, samples: 8, prompt: 200, median: 800, longest: 4096}
	fmt.Fprint(out, "The same step on more GPUs:\n\n")
	if err := qwen7B.write(out, w, false); err != nil {
		return err
	}
	w.questions = 16
	fmt.Fprint(out, "\nAs many samples for each GPU:\n\n")
	return qwen7B.write(out, w, true)
}
