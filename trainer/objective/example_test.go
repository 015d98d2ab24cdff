package objective_test

import (
	"fmt"

	"github.com/stele-lm/stele/trainer/objective"
)

// Rollouts of one question are compared with each other; equal rewards teach nothing.
func ExampleAdvantages() {
	fmt.Printf("%.3f\n", objective.Advantages([]float64{1, 0, 0, 1}, true))
	fmt.Printf("%.3f\n", objective.Advantages([]float64{1, 0, 0, 1}, false)) // Dr. GRPO
	fmt.Printf("%.3f\n", objective.Advantages([]float64{1, 1, 1, 1}, true))
	// Output:
	// [0.866 -0.866 -0.866 0.866]
	// [0.500 -0.500 -0.500 0.500]
	// [0.000 0.000 0.000 0.000]
}
