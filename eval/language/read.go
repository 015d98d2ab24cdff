package language

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"

	"github.com/stele-lm/stele/internal/nearest"
	"github.com/stele-lm/stele/internal/settings"
)

// File is the name of the user's file of languages, beside the data.
const File = "languages.yaml"

// Find returns the built-in languages with those of languages.yaml in the folders, as far
// as there is one; a folder of later place comes before. Empty names are left out.
func Find(folders ...string) (*Table, error) {
	t := Builtin()
	for i, dir := range folders {
		if dir == "" || slices.Contains(folders[:i], dir) {
			continue
		}
		own, err := Load(filepath.Join(dir, File), t)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		t = t.With(own)
	}
	return t, nil
}

// Load reads a file of languages. What an entry leaves out of a language that t knows
// stays as t has it. Errors name the file and the entry.
func Load(path string, t *Table) ([]*Language, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	languages, err := parse(text, t)
	if err != nil {
		return nil, fmt.Errorf("languages %s: %w", path, err)
	}
	for _, l := range languages {
		for _, font := range []*string{&l.Font, &l.Bold} {
			if *font != "" && !filepath.IsAbs(*font) {
				if *font, err = filepath.Abs(filepath.Join(filepath.Dir(path), *font)); err != nil {
					return nil, err
				}
			}
		}
	}
	return languages, nil
}

// parse reads entries and reports the first that is wrong.
func parse(text []byte, t *Table) ([]*Language, error) {
	entries := map[string]Language{}
	if err := settings.Read(text, &entries); err != nil {
		return nil, err
	}
	plain, err := settings.Text(text)
	if err != nil {
		return nil, err
	}
	var order yaml.MapSlice // entries has no order
	if err := settings.Unmarshal(plain, &order); err != nil {
		return nil, err
	}
	var languages []*Language
	taken := map[string]string{}
	for _, item := range order {
		code := fmt.Sprint(item.Key)
		l := entries[code]
		l.Code = code
		if known := t.byCode[code]; known != nil {
			l = known.with(l)
		}
		if err := l.check(); err != nil {
			return nil, fmt.Errorf("%s: %w", code, err)
		}
		for _, same := range append([]string{code}, l.Also...) {
			if taken[same] != "" || same != code && t.byCode[same] != nil {
				return nil, fmt.Errorf("%s: the code %q is that of another language too", code, same)
			}
			taken[same] = code
		}
		if same := t.same[code]; same != "" {
			return nil, fmt.Errorf("%s: it is another code of %s: write %s", code, same, same)
		}
		languages = append(languages, &l)
	}
	return languages, nil
}

// with returns the language with what another entry says of it.
func (l Language) with(own Language) Language {
	for _, text := range []struct{ to, from *string }{
		{&l.Name, &own.Name}, {&l.Native, &own.Native}, {&l.Direction, &own.Direction}, {&l.Font,
			&own.Font}, {&l.Bold, &own.Bold},
		{&l.Digits, &own.Digits}, {&l.Decimal, &own.Decimal}, {&l.Grouping, &own.Grouping},
		{&l.Letters, &own.Letters}, {&l.Words, &own.Words},
	} {
		if *text.from != "" {
			*text.to = *text.from
		}
	}
	for _, list := range []struct{ to, from *[]string }{{&l.Also, &own.Also}, {&l.Scripts, &own.Scripts},
		{&l.Endings, &own.Endings}} {
		if *list.from != nil {
			*list.to = *list.from
		}
	}
	if known := l.Prompts; own.Prompts != nil {
		l.Prompts = own.Prompts
		if known != nil {
			l.Prompts.Prefix = cmp.Or(own.Prompts.Prefix, known.Prefix)
			l.Prompts.Instruction = cmp.Or(own.Prompts.Instruction, known.Instruction)
			l.Prompts.Question = cmp.Or(own.Prompts.Question, known.Question)
		}
	}
	if own.Counting != nil {
		l.Counting = l.Counting.with(own.Counting)
	}
	if own.OwnLetters.Letters != "" {
		l.OwnLetters = own.OwnLetters
	}
	return l
}

var codePattern = regexp.MustCompile(`^[a-z]{2,3}(-[a-z0-9]{2,8})*$`)

// reserved are codes that verdicts use for texts of no named language.
var reserved = []string{"und", "all", "none", "study"}

func (l *Language) check() error {
	switch {
	case !codePattern.MatchString(l.Code) || slices.Contains(reserved, l.Code):
		return errors.New("not a language's code: expected two or three small letters, as ISO 639 has " +
			"them, such as id")
	case l.Name == "":
		return errors.New("name: none is given")
	case l.Direction != "" && l.Direction != "ltr" && l.Direction != "rtl":
		return fmt.Errorf("direction is %q: expected ltr or rtl", l.Direction)
	case len(l.Scripts) == 0:
		return errors.New("scripts: none is named; expected Unicode's names, such as [Latin]")
	case l.OwnLetters.Letters != "" && !(l.OwnLetters.Share > 0 && l.OwnLetters.Share <= 1):
		return fmt.Errorf("own_letters: share is %g: expected above 0, up to 1", l.OwnLetters.Share)
	}
	for _, script := range l.Scripts {
		if unicode.Scripts[script] == nil {
			names := slices.Sorted(maps.Keys(unicode.Scripts))
			return fmt.Errorf("scripts: %q is not known: expected Unicode's name of one, such as Latin or "+
				"Devanagari%s", script, nearest.Hint(script, names))
		}
	}
	for _, other := range l.Also {
		if !codePattern.MatchString(other) {
			return fmt.Errorf("also: %q is not a language's code", other)
		}
	}
	if err := l.checkNumbers(); err != nil {
		return err
	}
	if l.Counting != nil {
		if err := l.Counting.check(); err != nil {
			return err
		}
	}
	if l.Prompts == nil {
		return nil
	}
	return l.Prompts.check()
}

// checkNumbers refuses digits and separators that no number could be read by.
func (l *Language) checkNumbers() error {
	seen := map[rune]bool{}
	for _, r := range l.Digits {
		if seen[r] || unicode.IsSpace(r) || r == utf8.RuneError {
			return fmt.Errorf("digits are %q: expected ten different characters, from zero to nine", l.Digits)
		}
		seen[r] = true
	}
	if n := utf8.RuneCountInString(l.Digits); n != 0 && n != 10 {
		return fmt.Errorf("digits are %q, %d characters: expected ten, from zero to nine", l.Digits, n)
	}
	for _, s := range []struct{ name, value string }{{"decimal", l.Decimal}, {"grouping", l.Grouping}} {
		r, width := utf8.DecodeRuneInString(s.value)
		if s.value != "" && (width != len(s.value) || unicode.IsLetter(r) || unicode.IsDigit(r) || seen[r]) {
			return fmt.Errorf("%s is %q: expected one character that is neither letter nor digit", s.name,
				s.value)
		}
	}
	if l.Decimal != "" && l.Decimal == l.Grouping {
		return fmt.Errorf("decimal and grouping are both %q", l.Decimal)
	}
	return nil
}

func (p *Prompts) check() error {
	for _, text := range []struct{ name, value string }{{"prefix", p.Prefix}, {"instruction", p.Instruction},
		{"question", p.Question}} {
		if strings.TrimSpace(text.value) == "" {
			return fmt.Errorf("prompts: %s is missing: prefix, instruction and question are needed",
				text.name)
		}
	}
	switch {
	case strings.Count(p.Question, Hole) != 1:
		return fmt.Errorf("prompts: question has %s %d times, expected once", Hole,
			strings.Count(p.Question, Hole))
	case !shown.MatchString(p.Question):
		return errors.New("prompts: question does not show how to answer: expected a sentence in quotation " +
			`marks such as 'The answer is: \boxed{final_answer}.'`)
	}
	return nil
}

// RightToLeft reports whether the language is written from right to left.
func (l *Language) RightToLeft() bool {
	return l.Direction == "rtl" || l.Direction == "" && slices.Contains(rightToLeft, l.Scripts[0])
}
