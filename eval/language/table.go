package language

import (
	_ "embed"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Table is the languages that are known: the study's, in the paper's order, then the
// user's, then those that are only told apart, of which further.yaml says how to ask in some.
// It is never changed once it is made.
type Table struct {
	byCode  map[string]*Language
	same    map[string]string // codes by other codes of the same language
	all     []string
	study   []string
	further []string
	own     []string
}

//go:embed study.yaml
var studyText []byte

//go:embed others.yaml
var othersText []byte

//go:embed further.yaml
var furtherText []byte

// Builtin returns the languages that are part of the program.
var Builtin = sync.OnceValue(func() *Table {
	t := &Table{byCode: map[string]*Language{}, same: map[string]string{}}
	study, err := parse(studyText, t)
	if err != nil {
		panic("study.yaml, which is part of the program: " + err.Error())
	}
	for _, l := range study {
		t.study = append(t.study, l.Code)
	}
	t.add(study)
	others, err := parse(othersText, t)
	if err != nil {
		panic("others.yaml, which is part of the program: " + err.Error())
	}
	t.add(others)
	further, err := parse(furtherText, t)
	if err != nil {
		panic("further.yaml, which is part of the program: " + err.Error())
	}
	for _, l := range further {
		t.further = append(t.further, l.Code)
	}
	t.add(further)
	return t
})

// Study returns the codes of the study's languages in the paper's order.
func Study() []string { return slices.Clone(Builtin().study) }

// Further returns the codes of the languages beside the study's that the program asks in, in the
// order of further.yaml.
func Further() []string { return slices.Clone(Builtin().further) }

// add takes languages into the table, in the place of those that have their codes.
func (t *Table) add(languages []*Language) {
	for _, l := range languages {
		if t.byCode[l.Code] == nil {
			t.all = append(t.all, l.Code)
		}
		t.byCode[l.Code] = l
		for _, code := range l.Also {
			t.same[code] = l.Code
		}
	}
}

// With returns the table with the user's languages in it.
func (t *Table) With(own []*Language) *Table {
	if len(own) == 0 {
		return t
	}
	more := &Table{byCode: maps.Clone(t.byCode), same: maps.Clone(t.same), all: slices.Clone(t.all),
		study: t.study, further: t.further, own: slices.Clone(t.own)}
	more.add(own)
	for _, l := range own {
		if !slices.Contains(more.own, l.Code) {
			more.own = append(more.own, l.Code)
		}
	}
	return more
}

// Own returns the user's languages; nil where there are none.
func (t *Table) Own() []*Language {
	var own []*Language
	for _, code := range t.own {
		own = append(own, t.byCode[code])
	}
	return own
}

// All returns the codes of all languages: the study's first, then those of others.yaml,
// then new ones of the user's.
func (t *Table) All() []string { return slices.Clone(t.all) }

// Code returns the code by which the table names a language: "pt-BR" is "pt", "no" is
// "nb". A code of no known language stays as it is.
func (t *Table) Code(code string) string {
	code = strings.ToLower(strings.ReplaceAll(code, "_", "-"))
	if t.byCode[code] != nil {
		return code
	}
	code, _, _ = strings.Cut(code, "-")
	if same, ok := t.same[code]; ok {
		return same
	}
	return code
}

// Lookup returns the language with a code, or nil.
func (t *Table) Lookup(code string) *Language { return t.byCode[t.Code(code)] }

// Exact returns the language that has this very code, or nil.
func (t *Table) Exact(code string) *Language { return t.byCode[code] }

// Rank orders languages: the study's in the paper's order, then the user's in the order of
// their file, and all others after them, which have the same rank.
func (t *Table) Rank(code string) int {
	if i := slices.Index(t.study, code); i >= 0 {
		return i
	}
	for i, own := range t.own {
		if own == code {
			return len(t.study) + i
		}
	}
	return len(t.study) + len(t.own)
}

// Ranked reports whether a language is the study's or the user's.
func (t *Table) Ranked(code string) bool { return t.Rank(code) < len(t.study)+len(t.own) }

// Asked returns the codes of the languages that have prompts, sorted.
func (t *Table) Asked() []string {
	var asked []string
	for code, l := range t.byCode {
		if l.Prompts != nil {
			asked = append(asked, code)
		}
	}
	slices.Sort(asked)
	return asked
}
