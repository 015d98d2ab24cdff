package trainer_test

import (
	"fmt"
	"log"

	"github.com/stele-lm/stele/trainer"
)

func ExampleLoadConfig() {
	c, err := trainer.LoadConfig("", []string{"preset=dapo", "model=builtin:tiny", "data.bench=arith",
		"optimizer.lr=1e-5"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Loss.Aggregation, c.Loss.ClipHigh, c.Optimizer.LR)
	_, err = trainer.LoadConfig("", []string{"model=builtin:tiny", "data.bench=arith", "optimizer.lrr=1e-5"})
	fmt.Println(err)
	// Output:
	// token-mean 0.28 1e-05
	// --set optimizer.lrr=1e-5: unknown setting "optimizer.lrr", did you mean "optimizer.lr"?
}
