package metric_test

import (
	"fmt"
	"log"
	"math"

	"github.com/stele-lm/stele/eval/metric"
)

func ExampleDeltaR() {
	fmt.Printf("%.2f\n", *metric.DeltaR(0.25, 0.35))
	fmt.Println(metric.DeltaR(0, 0.35)) // a ratio to nothing
	// Output:
	// 0.40
	// <nil>
}

func ExampleFit() {
	law, err := metric.Fit([]metric.Point{
		{Languages: 1, Value: 1}, {Languages: 2, Value: 2 * math.Sqrt(2)}, {Languages: 4, Value: 4},
		{Languages: 9, Value: 6},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.2f·X^%.2f\n", law.Alpha, law.Beta)
	fmt.Printf("gap %.2f\n", *law.Gap) // one language gives less than the curve says
	// Output:
	// 2.00·X^0.50
	// gap 1.00
}
