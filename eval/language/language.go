// Package language describes natural languages: how each is written, asked in and told
// from others. A language's entry in study.yaml, others.yaml, further.yaml or the user's languages.yaml
// says all that but two things of the study's languages: the strict grader's words for numbers
// and units (eval/grade/languages.go), and the phrases of the built-in benchmark's problems
// (eval/bench/arith).
//
// Invariants: an entry that was read is whole (prompts have all their texts, scripts and
// digits are real); the study's languages come first, in the paper's order.
package language

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/stele-lm/stele/internal/jsonl"
)

// Language is one language. In JSON it is what a run's manifest keeps of the user's own.
type Language struct {
	Code string `yaml:"-" json:"code"`
	Name string `yaml:"name" json:"name"`
	// Native is the language's name for itself.
	Native string `yaml:"native" json:"native,omitempty"`
	// Direction is ltr, rtl, or empty for that of the first script.
	Direction string `yaml:"direction" json:"direction,omitempty"`
	// Font and Bold are files of the fonts in which figures write Native.
	Font string `yaml:"font" json:"font,omitempty"`
	Bold string `yaml:"bold" json:"bold,omitempty"`
	// Also are other codes of the language.
	Also []string `yaml:"also" json:"also,omitempty"`
	// Scripts are Unicode's names of the scripts that belong to the language.
	Scripts []string `yaml:"scripts" json:"scripts,omitempty"`
	// Digits are the language's own, from zero to nine; empty where it has 0 to 9 alone.
	Digits string `yaml:"digits" json:"digits,omitempty"`
	// Decimal stands before a number's decimals, Grouping between groups of its digits.
	Decimal  string `yaml:"decimal" json:"decimal,omitempty"`
	Grouping string `yaml:"grouping" json:"grouping,omitempty"`
	// Counting is the words of its numbers; nil where digits alone are read. The study's languages have
	// theirs in the strict grader.
	Counting *Counting `yaml:"counting" json:"counting,omitempty"`
	Prompts  *Prompts  `yaml:"prompts" json:"prompts,omitempty"`

	// Letters are those by which the language differs from others of its script.
	Letters string `yaml:"letters" json:"letters,omitempty"`
	// OwnLetters are letters that a text in the language has.
	OwnLetters OwnLetters `yaml:"own_letters" json:"own_letters,omitzero"`
	// Words are its commonest words, separated by spaces.
	Words string `yaml:"words" json:"words,omitempty"`
	// Endings are those of many of its words.
	Endings []string `yaml:"endings" json:"endings,omitempty"`
}

// UnmarshalJSON implements json.Unmarshaler; an entry that is not whole is an error.
func (l *Language) UnmarshalJSON(text []byte) error {
	type bare Language // without this method
	if err := jsonl.Unmarshal(text, (*bare)(l)); err != nil {
		return err
	}
	if err := l.check(); err != nil {
		return fmt.Errorf("language %q: %w", l.Code, err)
	}
	return nil
}

// OwnLetters are letters that a language cannot do without, and about how many of its
// letters they are.
type OwnLetters struct {
	Letters string  `yaml:"letters" json:"letters"`
	Share   float64 `yaml:"share" json:"share"`
}

// Prompts are the words with which a problem is asked in a language.
type Prompts struct {
	// Prefix begins the reasoning: "By request, I will start thinking in English."
	Prefix      string `yaml:"prefix" json:"prefix"`
	Instruction string `yaml:"instruction" json:"instruction"`
	// Question is {problem} in the words around it.
	Question string `yaml:"question" json:"question"`
}

// Hole marks the problem in Prompts.Question.
const Hole = "{problem}"

// Around returns the words before and after a problem.
func (p *Prompts) Around() (before, after string) {
	before, after, _ = strings.Cut(p.Question, Hole)
	return before, after
}

// Ask writes a problem in the words around it.
func (p *Prompts) Ask(problem string) string {
	before, after := p.Around()
	return before + problem + after
}

// shown finds the sentence in Prompts.Question that shows how to answer.
var shown = regexp.MustCompile(`['"“„«「](.*\\boxed\{final_answer\}.*?)['"”“»」]`)

// Conclude writes the sentence with which an answer ends: "The answer is: \boxed{11}."
func (p *Prompts) Conclude(answer string) string {
	m := shown.FindStringSubmatch(p.Question)
	if m == nil { // a type of answers with an instruction of its own
		return answer
	}
	return strings.Replace(m[1], "final_answer", answer, 1)
}

// rightToLeft are the scripts that are written from right to left.
var rightToLeft = []string{"Arabic", "Hebrew", "Syriac", "Thaana", "Nko", "Adlam", "Mandaic", "Samaritan",
	"Hanifi_Rohingya"}

// Tables returns the Unicode tables of the language's scripts.
func (l *Language) Tables() []*unicode.RangeTable {
	tables := make([]*unicode.RangeTable, len(l.Scripts))
	for i, name := range l.Scripts {
		tables[i] = unicode.Scripts[name]
	}
	return tables
}
