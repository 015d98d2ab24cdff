package engine_test

import (
	"context"
	"fmt"
	"log"
	"math"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/sampler"
)

// A model is loaded once, samples, and scores what it sampled.
func Example() {
	e, err := engine.Load("builtin:nano", engine.Options{Backend: "go"})
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close()
	prompt, err := e.Tokenizer.Encode("Two plus two is", true)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	request := engine.Request{
		ID: "sum", Prompt: prompt, N: 2, Seed: 1, MaxTokens: 8, IgnoreEOS: true,
		Sampling: sampler.Params{Temperature: 1},
	}
	err = e.Generate(ctx, []engine.Request{request}, func(c engine.Completion) error {
		scores, err := e.Score(ctx, []dense.Pair{{Prompt: prompt, Completion: c.Tokens}},
			request.Sampling.Temperature)
		if err != nil {
			return err
		}
		agree := true
		for i, x := range scores[0].LogProbs {
			agree = agree && math.Abs(float64(x-c.LogProbs[i])) < 1e-4
		}
		fmt.Println(len(c.Tokens), "tokens,", c.FinishReason, agree)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// 8 tokens, length true
	// 8 tokens, length true
}
