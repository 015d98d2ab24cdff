package jinja

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is a template that cannot be read, or a rendering that failed: one line.
type Error struct {
	Line      int    // from 1
	Construct string // the tag, shortened; empty where the whole template is meant
	Message   string
}

// Error returns the message after its line and its construct.
func (e *Error) Error() string {
	message := strings.Join(strings.Fields(e.Message), " ")
	if e.Construct == "" {
		return fmt.Sprintf("line %d: %s", e.Line, message)
	}
	return fmt.Sprintf("line %d, %s: %s", e.Line, e.Construct, message)
}

// fault returns the error at a byte of a source.
func fault(source string, at int, format string, args ...any) *Error {
	return &Error{
		Line: 1 + strings.Count(source[:at], "\n"), Construct: construct(source, at),
		Message: fmt.Sprintf(format, args...),
	}
}

// construct returns the tag around a byte, in one line and not longer than people read.
func construct(source string, at int) string {
	before := source[:min(at+2, len(source))]
	start := max(strings.LastIndex(before, "{%"), strings.LastIndex(before, "{{"),
		strings.LastIndex(source[:min(at+2, len(source))], "{#"))
	if start < 0 {
		return ""
	}
	end := map[byte]string{'%': "%}", '{': "}}", '#': "#}"}[source[start+1]]
	tag := source[start:]
	if i := strings.Index(source[max(at, start):], end); i >= 0 {
		tag = source[start : max(at, start)+i+len(end)]
	}
	tag = strings.Join(strings.Fields(tag), " ")
	const most = 80
	if utf8.RuneCountInString(tag) > most {
		tag = string([]rune(tag)[:most]) + "…"
	}
	return tag
}

// failure is the panic of the interpreter, to which Render adds the line.
type failure struct{ message string }

func throw(format string, args ...any) {
	panic(failure{fmt.Sprintf(format, args...)})
}
