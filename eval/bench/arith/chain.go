package arith

import (
	"strconv"
	"strings"
)

// Chains have their numbers in words and are worked out step by step. Each step's result is
// in digits, which all languages share: what is learned about a step in one language is of
// use in another, as far as the model reads that language's words.

// chainQuestions bounds the chains of a level: there are 1,779 of two steps, and more of three.
const chainQuestions = 2000

// maxStep bounds the numbers that a chain goes through.
const maxStep = 19

// chains lists chains of a number of steps, a fixed choice of them.
func chains(steps int) []question {
	var out []question
	var extend func(q question, value int)
	extend = func(q question, value int) {
		if len(q.ops) == steps {
			out = append(out, q)
			return
		}
		for _, op := range "+-" {
			for n := 1; n < 10; n++ {
				if next := apply(value, op, n); next >= 0 && next <= maxStep {
					longer := q
					longer.ops += string(op)
					longer.numbers = append(q.numbers[:len(q.numbers):len(q.numbers)], n)
					extend(longer, next)
				}
			}
		}
	}
	for a := 1; a < 10; a++ {
		extend(question{level: steps, numbers: []int{a}, chain: true}, a)
	}
	return few(out, chainQuestions)
}

// steps writes a chain's solution: a sentence for each step, as "seven plus eight is 15. 15
// minus three is 12."
func (q question) steps(p phrases, word func(int) string) string {
	var b strings.Builder
	at := word(q.numbers[0])
	value := q.numbers[0]
	for i, op := range q.ops {
		n := q.numbers[i+1]
		value = apply(value, op, n)
		step := at + p.operator(op) + word(n)
		at = strconv.Itoa(value)
		say := strings.Replace(p.say, "{e}", step, 1)
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(strings.Replace(say, "{r}", at, 1))
	}
	return b.String()
}
