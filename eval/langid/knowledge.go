package langid

import (
	"slices"
	"strings"
	"sync"

	"github.com/stele-lm/stele/eval/language"
)

// knowledge holds the scripts, letters and words that tell languages apart, made of a table
// of languages once.
type knowledge struct {
	table     *language.Table
	scripts   []script
	latin     []string                   // languages of Latin script that lingua knows, the study's first
	preferred []string                   // those of the study among them
	byWords   []string                   // those of Latin script that it does not know
	told      map[rune]bool              // letters that not all languages of their script have
	words     map[string]map[string]bool // the commonest words of languages
}

// builtin is the knowledge of the built-in languages.
var builtin = sync.OnceValue(func() *knowledge { return newKnowledge(language.Builtin()) })

func knowledgeOf(t *language.Table) *knowledge {
	if t == language.Builtin() {
		return builtin()
	}
	return newKnowledge(t)
}

func newKnowledge(t *language.Table) *knowledge {
	k := &knowledge{table: t, told: map[rune]bool{}, words: map[string]map[string]bool{}}
	var all []*language.Language
	study := language.Study()
	for _, code := range t.All() {
		l := t.Lookup(code)
		all = append(all, l)
		for _, r := range l.Letters {
			k.told[r] = true
		}
		if l.Words != "" {
			k.words[code] = map[string]bool{}
			for word := range strings.FieldsSeq(l.Words) {
				k.words[code][word] = true
			}
		}
		switch {
		case !slices.Contains(l.Scripts, "Latin"):
		case !modelled[code]:
			k.byWords = append(k.byWords, code)
		default:
			k.latin = append(k.latin, code)
			if slices.Contains(study, code) {
				k.preferred = append(k.preferred, code)
			}
		}
	}
	k.scripts = scriptsOf(all)
	return k
}
