// Package arith makes Stele's own tasks: small arithmetic in words and digits, the
// same questions in eleven languages. It needs no data and no download.
//
// Invariants: a question is the same in every language under one id; whether it
// belongs to the training or the test split depends on its operands alone, so that
// no test question is trained on in any language; everything is a pure function.
package arith

import (
	"cmp"
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
		_, ok := phrasebook[code]
		return !ok
	})
}

// Levels is the number of levels of difficulty of arith:
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
	chain   bool // answered step by step
}

// Split names a part of the questions.
type Split string

// The splits: about one question in five is for testing.
const (
	Train Split = "train"
	Test  Split = "test"
	All   Split = "all"
)

// Generate returns the questions of some levels (all of the task's when none are given)
// and a split, in each of the languages: language by language, in the same order of
// questions, which is a fixed shuffle.
func (t Task) Generate(levels []int, split Split, languages []string) ([]Problem, error) {
	if split != Train && split != Test && split != All {
		return nil, fmt.Errorf("%s: unknown split %q: expected train, test or all%s", t.Name, split,
			nearest.Hint(string(split), []string{"train", "test", "all"}))
	}
	for _, level := range levels {
		if !slices.Contains(t.levels, level) {
			return nil, fmt.Errorf("%s: level %d, expected %s", t.Name, level, t.span())
		}
	}
	var questions []question
	for _, level := range t.levels {
		if len(levels) == 0 || slices.Contains(levels, level) {
			questions = append(questions, t.questions(level)...)
		}
	}
	questions = slices.DeleteFunc(questions, func(q question) bool {
		return split == Train && q.isTest() || split == Test && !q.isTest()
	})
	questions = byHash(questions, "order")
	var problems []Problem
	for _, language := range languages {
		p, ok := phrasebook[language]
		if !ok {
			return nil, fmt.Errorf("%s: no language %q: expected one of %s", t.Name, language,
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
	return byHash(questions, "choice")[:n]
}

// byHash sorts questions by their hash for a purpose.
func byHash(questions []question, purpose string) []question {
	type keyed struct {
		key uint64
		question
	}
	sorted := make([]keyed, len(questions))
	for i, q := range questions {
		sorted[i] = keyed{q.hash(purpose), q}
	}
	slices.SortStableFunc(sorted, func(a, b keyed) int { return cmp.Compare(a.key, b.key) })
	out := make([]question, len(questions))
	for i, k := range sorted {
		out[i] = k.question
	}
	return out
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

// inWords says whether the question has its numbers in words; half of them do, and all chains.
func (q question) inWords() bool { return q.chain || !q.story && q.hash("style")%2 == 0 }

func (q question) result() int {
	r := q.numbers[0]
	for i, op := range q.ops {
		r = apply(r, op, q.numbers[i+1])
	}
	return r
}

func apply(a int, op rune, b int) int {
	switch op {
	case '-':
		return a - b
	case '*':
		return a * b
	}
	return a + b
}

// id is readable: arith-2-12-5 is twelve minus five of level 2.
func (q question) id() string {
	var b strings.Builder
	task := "arith"
	if q.chain {
		task = "chain"
	}
	fmt.Fprintf(&b, "%s-%d-%d", task, q.level, q.numbers[0])
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
	if q.chain {
		return Problem{
			ID: q.id(), Language: language, Text: text, Answer: answer,
			Solution: q.steps(p, word) + ` \boxed{` + answer + `}`, Level: q.level,
		}
	}
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
		b.WriteString(p.operator(op))
		b.WriteString(number(q.numbers[i+1]))
	}
	return b.String()
}
