package settings

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/stele-lm/stele/internal/filetype"
)

// Text is a file of settings without its byte order mark. What is no text in UTF-8,
// and a second document, which would not be read, are errors.
func Text(data []byte) (text []byte, err error) {
	defer recovered(&err)
	if kind := filetype.Of(data[:min(len(data), 512)], int64(len(data))); kind != filetype.Unknown &&
		kind != filetype.Empty {
		return nil, fmt.Errorf("the file is %s (expected YAML)", kind)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	for i, line := range bytes.Split(data, []byte("\n")) {
		if !utf8.Valid(line) {
			return nil, fmt.Errorf("line %d is not UTF-8: write the file as UTF-8", i+1)
		}
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, Explain(data, err)
	}
	n := 0
	for _, document := range file.Docs {
		if document.Body == nil {
			continue
		}
		if n++; n > 1 {
			return nil, fmt.Errorf("line %d: a second YAML document begins here, and one is read: take "+
				"the --- out", document.Body.GetToken().Position.Line)
		}
	}
	return data, nil
}

// Explain puts an error of the YAML library about data into one line: where, what was
// found and what was expected.
func Explain(data []byte, err error) error {
	var kind *yaml.TypeError
	var node *yaml.UnexpectedNodeTypeError
	var overflow *yaml.OverflowError
	var other yaml.Error
	switch {
	case errors.As(err, &kind):
		return fmt.Errorf("%s: found %s, expected %s", placeOf(data, kind), shown(kind.Token.Value),
			inWords(kind.DstType))
	case errors.As(err, &node):
		return fmt.Errorf("%s: found %s, expected %s", placeOf(data, node), nodeInWords(node.Actual),
			nodeInWords(node.Expected))
	case errors.As(err, &overflow):
		if strings.HasPrefix(overflow.SrcNum, "-") {
			return fmt.Errorf("line %d: found %s, expected %s", overflow.Token.Position.Line, overflow.SrcNum,
				inWords(overflow.DstType))
		}
		return fmt.Errorf("line %d: %s is too large", overflow.Token.Position.Line, overflow.SrcNum)
	case errors.As(err, &other) && other.GetToken() != nil:
		return fmt.Errorf("%s: %s", placeOf(data, other), syntaxInWords(other.GetMessage()))
	}
	first, _, _ := strings.Cut(yaml.FormatError(err, false, false), "\n")
	return errors.New(first)
}

// placeOf is an error's line, by its number and as it is written.
func placeOf(data []byte, err yaml.Error) string {
	line := err.GetToken().Position.Line
	return fmt.Sprintf("line %d, %s", line, lineOf(data, line))
}

// shown is a value as the file has it; the library names lists and settings by a mark.
func shown(value string) string {
	switch value {
	case ":", "{":
		return "settings"
	case "-", "[":
		return "a list"
	}
	return fmt.Sprintf("%.60q", value)
}

func nodeInWords(t ast.NodeType) string {
	switch t {
	case ast.MappingType, ast.MappingValueType:
		return "settings, as in name: value"
	case ast.SequenceType:
		return "a list, as in [a, b]"
	case ast.StringType, ast.LiteralType:
		return "text"
	case ast.IntegerType, ast.FloatType, ast.InfinityType, ast.NanType:
		return "a number"
	case ast.BoolType:
		return "true or false"
	case ast.NullType:
		return "nothing"
	}
	return strings.ToLower(t.YAMLName())
}

var definedTwice = regexp.MustCompile(`^mapping key (".*") already defined at \[(\d+):\d+\]$`)

// syntaxInWords says what the library means where its words need YAML's grammar.
func syntaxInWords(message string) string {
	if m := definedTwice.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("setting %s appears twice, first in line %s", m[1], m[2])
	}
	for _, s := range []struct{ has, words string }{
		{"mapping value is not allowed",
			"a setting cannot begin here: indent it as its neighbours are, or put a text that has a colon " +
				"in quotation marks"},
		{"value is not allowed in this context",
			"a value cannot stand here: indent it as its neighbours are"},
		{"found character '\t'", "YAML is indented with spaces, and this is a tab"},
		{"tab character", "YAML is indented with spaces, and this is a tab"},
		{"sequence end token", "[ is not closed"},
		{"flow mapping end token", "{ is not closed"},
		{"double-quoted", `a quotation mark " is not closed`},
		{"single-quoted", "a quotation mark ' is not closed"},
		{"non-map value is specified", "expected name: value"},
		{"unexpected key name", "expected name: value"},
	} {
		if strings.Contains(message, s.has) {
			return s.words
		}
	}
	first, _, _ := strings.Cut(message, "\n")
	return first
}
