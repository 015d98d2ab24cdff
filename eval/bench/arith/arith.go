// Package arith is Stele's own task: small arithmetic in words and digits, the
// same questions in eleven languages. It needs no data and no download.
//
// Invariants: a question is the same in every language under one id; whether it
// belongs to the training or the test split depends on its operands alone, so that
// no test question is trained on in any language; everything is a pure function.
package arith

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/eval/language"
	"github.com/stele-lm/stele/internal/nearest"
)

// Languages returns the languages of the task: those of the study that it has phrases in.
func Languages() []string {
	return slices.DeleteFunc(language.Study(), func(code string) bool {
		_,
			ok := phrasebook[code]
		return !ok
	})
}

// Levels is the number of levels of difficulty:
//
//	1  a + b, one digit each                       100 questions
//	2  a + b and a - b up to 20                    572
//	3  a + b and a - b of two digits               1000
//	4  a × b of one digit, a + b + c               364
//	5  a story of two steps, a + b - c             500
const Levels = 5

// Problem is a question in one language.
type Problem struct {
	ID       string // the same in every language
	Language string
	Text     string
	Answer   string // in digits
	Solution string // a sentence that states the computation, then the answer in \boxed{}
	Level    int
}

// question is a problem in no language.
type question struct {
	level   int
	ops     string // one operator between operands each, of + - *
	numbers []int
	story   bool
}

// Split names a part of the questions.
type Split string

// The splits: about one question in five is for testing.
const (
	Train Split = "train"
	Test  Split = "test"
	All   Split = "all"
)

// Generate returns the questions of some levels (all when none are given) and a
// split, in each of the languages: language by language, in the same order of
// questions, which is a fixed shuffle.
func Generate(levels []int, split Split, languages []string) ([]Problem, error) {
	if split != Train && split != Test && split != All {
		return nil, fmt.Errorf("arith: unknown split %q: expected train, test or all%s", split,
			nearest.Hint(string(split), []string{"train", "test", "all"}))
	}
	var questions []question
	for level := 1; level <= Levels; level++ {
		if len(levels) == 0 || slices.Contains(levels, level) {
			questions = append(questions, ofLevel(level)...)
		}
	}
	for _, level := range levels {
		if level < 1 || level > Levels {
			return nil, fmt.Errorf("arith: level %d, expected 1 to %d", level, Levels)
		}
	}
	questions = slices.DeleteFunc(questions, func(q question) bool {
		return split == Train && q.isTest() || split == Test && !q.isTest()
	})
	slices.SortStableFunc(questions, func(a, b question) int {
		switch x, y := a.hash("order"), b.hash("order"); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	var problems []Problem
	for _, language := range languages {
		p, ok := phrasebook[language]
		if !ok {
			return nil, fmt.Errorf("arith: no language %q: expected one of %s", language,
				strings.Join(Languages(), " "))
		}
		for _, q := range questions {
			problems = append(problems, q.in(language, p))
		}
	}
	return problems, nil
}

// ofLevel lists the questions of a level. Where there are too many, a fixed choice
// is taken.
func ofLevel(level int) []question {
	var out []question
	add := func(ops string, numbers ...int) {
		out = append(out, question{level: level, ops: ops, numbers: numbers, story: level == 5})
	}
	most := 0
	switch level {
	case 1:
		for a := range 10 {
			for b := range 10 {
				add("+", a, b)
			}
		}
	case 2:
		for a := range 21 {
			for b := range 21 {
				if a > 9 || b > 9 {
					add("+", a, b)
				}
				if b <= a {
					add("-", a, b)
				}
			}
		}
	case 3:
		most = 1000
		for a := 10; a < 100; a++ {
			for b := 10; b < 100; b++ {
				if a+b < 100 && (a > 20 || b > 20) {
					add("+", a, b)
				}
				if b <= a && a > 20 {
					add("-", a, b)
				}
			}
		}
	case 4:
		for a := 2; a < 10; a++ {
			for b := 2; b < 10; b++ {
				add("*", a, b)
			}
		}
		products := len(out)
		for a := 1; a < 10; a++ {
			for b := 1; b < 10; b++ {
				for c := 1; c < 10; c++ {
					add("++", a, b, c)
				}
			}
		}
		return append(out[:products:products], few(out[products:], 300)...)
	case 5:
		most = 500
		for a := 2; a < 21; a++ {
			for b := 2; b < 21; b++ {
				for c := 2; c < a+b; c++ {
					add("+-", a, b, c)
				}
			}
		}
	}
	return few(out, most)
}

// few is a fixed choice of n questions; 0 takes all.
func few(questions []question, n int) []question {
	if n == 0 || len(questions) <= n {
		return questions
	}
	slices.SortStableFunc(questions, func(a, b question) int {
		if a.hash("choice") < b.hash("choice") {
			return -1
		}
		return 1
	})
	return questions[:n]
}

// hash is a number that depends on the operands and a purpose.
func (q question) hash(purpose string) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, purpose, q.ops, q.numbers)
	x := h.Sum64()
	x = (x ^ x>>32) * 0xd6e8feb86659fd93 // FNV's high bits are weak for short texts
	return x ^ x>>32
}

func (q question) isTest() bool { return q.hash("split")%5 == 0 }

// inWords says whether the question has its numbers in words; half of them do.
func (q question) inWords() bool { return !q.story && q.hash("style")%2 == 0 }

func (q question) result() int {
	r := q.numbers[0]
	for i, op := range q.ops {
		switch n := q.numbers[i+1]; op {
		case '+':
			r += n
		case '-':
			r -= n
		case '*':
			r *= n
		}
	}
	return r
}

// id is readable: arith-2-12-5 would be twelve minus five of level 2.
func (q question) id() string {
	var b strings.Builder
	fmt.Fprintf(&b, "arith-%d-%d", q.level, q.numbers[0])
	for i, op := range q.ops {
		fmt.Fprintf(&b, "%c%d", op, q.numbers[i+1])
	}
	return b.String()
}

// in writes the question in a language.
func (q question) in(language string, p phrases) Problem {
	word := numerals[language]
	written := word
	if !q.inWords() {
		written = strconv.Itoa
	}
	text := strings.Replace(p.ask, "{e}", q.expression(p, written), 1)
	if q.story {
		text = p.story
		for i, name := range []string{"{a}", "{b}", "{c}"} {
			text = strings.Replace(text, name, strconv.Itoa(q.numbers[i]), 1)
		}
	}
	answer := strconv.Itoa(q.result())
	say := strings.Replace(p.say, "{e}", q.expression(p, word), 1)
	say = strings.Replace(say, "{r}", word(q.result()), 1)
	return Problem{
		ID: q.id(), Language: language, Text: text, Answer: answer,
		Solution: say + ` \boxed{` + answer + `}`, Level: q.level,
	}
}

// expression writes the operands with the operators' words between them.
func (q question) expression(p phrases, number func(int) string) string {
	var b strings.Builder
	b.WriteString(number(q.numbers[0]))
	for i, op := range q.ops {
		b.WriteString(map[rune]string{'+': p.plus, '-': p.minus, '*': p.times}[op])
		b.WriteString(number(q.numbers[i+1]))
	}
	return b.String()
}
