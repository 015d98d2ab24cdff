package sampler_test

import (
	"fmt"
	"log"

	"github.com/stele-lm/stele/sampler"
)

func ExampleProbabilities() {
	params, err := sampler.NewParams(0.5, 2, 1, 0)
	if err != nil {
		log.Fatal(err)
	}
	tokens, probs, err := sampler.Probabilities([]float32{1, 3, 2}, params)
	if err != nil {
		log.Fatal(err)
	}
	for i, token := range tokens {
		fmt.Printf("token %d: %.4f\n", token, probs[i])
	}
	// Output:
	// token 1: 0.8808
	// token 2: 0.1192
}

// The same key draws the same token; the log-probability is of the whole vocabulary.
func ExampleSampler_Sample() {
	var s sampler.Sampler
	logits := []float32{1, 3, 2}
	greedy, logprob, err := s.Sample(logits, sampler.Params{}, sampler.Key{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("greedy: token %d, log-probability %.4f\n", greedy, logprob)
	key := sampler.Key{Seed: 7, Position: 12}
	first, _, err := s.Sample(logits, sampler.Params{Temperature: 1}, key)
	if err != nil {
		log.Fatal(err)
	}
	again, _, err := s.Sample(logits, sampler.Params{Temperature: 1}, key)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the same again:", first == again)
	// Output:
	// greedy: token 1, log-probability -0.4076
	// the same again: true
}
