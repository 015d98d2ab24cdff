package trainer

import (
	"fmt"
	"slices"

	"stele/engine/text"
	"stele/eval/bench"
	"stele/eval/prompt"
)

// problem is a problem ready to be sampled or learnt from.
type problem struct {
	bench.Problem
	text   string  // the prompt, with the reasoning prefix when there is one
	prefix string  // the part of it that counts as the model's output
	ids    []int32 // the prompt's tokens
}

// loadProblems reads the training set in file order, languages interleaved so
// that every language has its share of each step, and leaves out prompts of more
// than maxPrompt tokens.
func loadProblems(d Data, tokenizer *text.Tokenizer, template *text.Template, maxPrompt int) ([]problem, int, error) {
	loaded, err := bench.Load(d.Bench, d.Languages, bench.Options{Dir: d.Dir, Limit: d.Limit, Split: d.Split, Levels: d.Levels})
	if err != nil {
		return nil, 0, err
	}
	byLanguage := map[string][]bench.Problem{}
	for _, p := range loaded {
		byLanguage[p.Language] = append(byLanguage[p.Language], p)
	}
	var problems []problem
	left := 0
	for i := 0; ; i++ {
		some := false
		for _, language := range d.Languages {
			if i >= len(byLanguage[language]) {
				continue
			}
			some = true
			p, err := newProblem(byLanguage[language][i], d.Template, d.Hack, tokenizer, template)
			if err != nil {
				return nil, 0, err
			}
			if len(p.ids) > maxPrompt {
				left++
				continue
			}
			problems = append(problems, p)
		}
		if !some {
			break
		}
	}
	if len(problems) == 0 {
		return nil, left, fmt.Errorf("data: no problem of %s has a prompt of at most %d tokens", d.Bench, maxPrompt)
	}
	return problems, left, nil
}

func newProblem(p bench.Problem, templateName string, hack bool, tokenizer *text.Tokenizer, template *text.Template) (problem, error) {
	options := prompt.Options{Template: templateName, Hack: hack}
	if template != nil {
		options.Chat = template.Render
	}
	built, err := prompt.Build(p, options)
	if err != nil {
		return problem{}, fmt.Errorf("prompt of %s (%s): %w", p.ID, p.Language, err)
	}
	ids, err := built.Encode(tokenizer)
	if err != nil {
		return problem{}, fmt.Errorf("prompt of %s (%s): %w", p.ID, p.Language, err)
	}
	return problem{Problem: p, text: built.Text, prefix: built.Prefix, ids: ids}, nil
}

// choose returns the problems of a step, counted from 1: the training set is gone
// through epoch after epoch, each time in another order that depends on the seed
// alone, so that a resumed run goes on with the same problems.
func choose(problems []problem, seed uint64, step, count int) []problem {
	chosen := make([]problem, 0, count)
	position := (step - 1) * count
	for len(chosen) < count {
		epoch, at := position/len(problems), position%len(problems)
		order := permutation(len(problems), seed, uint64(epoch))
		take := min(count-len(chosen), len(problems)-at)
		for _, i := range order[at : at+take] {
			chosen = append(chosen, problems[i])
		}
		position += take
	}
	return chosen
}

// permutation is a random order of 0..n-1 that depends on (seed, epoch) alone.
func permutation(n int, seed, epoch uint64) []int {
	order := make([]int, n)
	rank := make([]uint64, n)
	for i := range order {
		order[i] = i
		rank[i] = mix(mix(mix(seed)+epoch) + uint64(i))
	}
	slices.SortFunc(order, func(a, b int) int {
		if rank[a] != rank[b] {
			if rank[a] < rank[b] {
				return -1
			}
			return 1
		}
		return a - b
	})
	return order
}

// mix is the finaliser of SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
