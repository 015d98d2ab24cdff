package grade

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// "and" and "or" make a list of what they stand between, whatever the language: they are
// written \land and \lor here.

var (
	uprightCommand = regexp.MustCompile(`\\(?:text|textrm|textup|textnormal|textbf|textit|textsf|texttt` +
		`|mathrm|mathsf|mbox|hbox)\s*\{`)
	conjunction = regexp.MustCompile(` *[;,]? *\\l(?:or|and) *[,;]? *`)
	quadList    = regexp.MustCompile(`([0-9}\])])[ ,]*\\q?quad *(-?[0-9]|[a-zA-Z] *=)`)
	// letterOr and letterAnd are conjunctions of one letter that stand between numbers.
	letterOr  = regexp.MustCompile(letterBefore + `[ouóOU]` + letterAfter)
	letterAnd = regexp.MustCompile(letterBefore + `[yeYE]` + letterAfter)
)

const (
	letterBefore = `([0-9}\])$]|[\pL\pM]{2}) +`
	letterAfter  = ` +(-?[0-9]|[a-zA-Z] *(?:=|<|>|\\(?:le|ge|ne))|\$|\\(?:frac|sqrt))`
)

// markUpright marks conjunctions and units among what a text says in upright letters.
func markUpright(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var out strings.Builder
	for {
		at := uprightCommand.FindStringIndex(s)
		if at == nil {
			out.WriteString(s)
			return out.String()
		}
		content := boxed(s[at[1]-1:])
		end := min(at[1]+len(content)+1, len(s))
		before, rest := s[:at[0]], s[end:]
		out.WriteString(before)
		word := strings.Trim(content, " ,;~")
		if len(word) > 1 {
			word = strings.ToLower(word)
		}
		next := strings.TrimLeft(rest, " ~")
		follows := next != "" && (isLetter(next[0]) || isDigit(next[0]) || next[0] == '(')
		switch last := strings.TrimRight(out.String(), " "); {
		case (word == "k" || word == "M" || word == "bn") && last != "" && isDigit(last[len(last)-1]):
			out.WriteString(word)
		case strip(out.String()) == "" || next == "": // joins nothing
			if unit, ok := markUnit(out.String(), content); ok {
				out.WriteString(unit)
			} else {
				out.WriteString(s[at[0]:end])
			}
		case words.or[word]:
			out.WriteString(` \lor `)
		case words.and[word]:
			out.WriteString(` \land `)
		default:
			if unit, ok := markUnit(out.String(), content); ok && !follows {
				out.WriteString(unit)
			} else {
				out.WriteString(s[at[0]:end])
			}
		}
		s = rest
	}
}

// markConjunctions marks conjunctions among plain words.
func markConjunctions(s string) string {
	for range 2 { // matches overlap
		s = letterOr.ReplaceAllString(s, `$1 \lor $2`)
		s = letterAnd.ReplaceAllString(s, `$1 \land $2`)
	}
	var out strings.Builder
	for i := 0; i < len(s); {
		r, width := utf8.DecodeRuneInString(s[i:])
		before, _ := utf8.DecodeLastRuneInString(s[:i])
		starts := unicode.IsLetter(r) && i > 0 && before != '\\' &&
			(isUnspaced(r) || !unicode.IsLetter(before) && !unicode.IsMark(before))
		if starts {
			word := longestWord(s[i:], func(word string) bool { return words.and[word] || words.or[word] })
			rest := s[i+len(word):]
			if utf8.RuneCountInString(word) > 1 || r >= 0x80 {
				if word != "" && strip(rest) != "" && joins(s[:i], rest, r) {
					mark := ` \land `
					if words.or[strings.ToLower(word)] {
						mark = ` \lor `
					}
					out.WriteString(mark)
					i += len(word)
					continue
				}
			}
		}
		out.WriteString(s[i : i+width])
		i += width
	}
	return out.String()
}

// joins reports whether a conjunction stands between two items. In scripts without
// blanks it must stand at mathematics or a unit before, and mathematics after it, for its
// letters occur in words.
func joins(before, rest string, first rune) bool {
	last, _ := utf8.DecodeLastRuneInString(before)
	if !isUnspaced(first) {
		return strings.ContainsRune(" ,;})", last)
	}
	if firstRune(strings.TrimLeft(rest, " ")) >= 0x80 {
		return false
	}
	unit := before[strings.LastIndexFunc(before, func(r rune) bool { return r < 0x80 })+1:]
	return last < 0x80 || startsWithMagnitude(unit) || words.unit(unit) != ""
}
