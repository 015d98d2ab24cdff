package jsonl

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Unmarshal is json.Unmarshal whose errors are one line in words: the field, what was
// expected there and what was found, or where the text stops being JSON.
func Unmarshal(data []byte, v any) error {
	return Explain(data, json.Unmarshal(data, v))
}

// Explain puts an error of encoding/json about data into words; other errors stay as
// they are. Without data, as of a stream, it does not say where.
func Explain(data []byte, err error) error {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &kind):
		found := foundKind(kind.Value)
		if kind.Field == "" {
			return fmt.Errorf("found %s, expected %s", found, expectedFor(found, kind.Type))
		}
		return fmt.Errorf("field %q: found %s, expected %s", kind.Field, found, expectedFor(found, kind.Type))
	case errors.As(err, &syntax):
		// A decoder counts from other places than the beginning: the whole text does not.
		if data != nil && !errors.As(json.Unmarshal(data, new(json.RawMessage)), &syntax) {
			data = nil
		}
		return notJSON(data, syntax)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errEndsEarly
	case err != nil && strings.HasPrefix(err.Error(), "json: unknown field "):
		return fmt.Errorf("unknown field %s", strings.TrimPrefix(err.Error(), "json: unknown field "))
	}
	return err
}

var errEndsEarly = errors.New("the JSON ends early: what begins in it is not closed")

// notJSON says where text stops being JSON, and what is there in place of what.
func notJSON(data []byte, err *json.SyntaxError) error {
	if data == nil {
		if strings.HasPrefix(err.Error(), "unexpected end") {
			return errEndsEarly
		}
		return fmt.Errorf("not JSON: %s", strings.Replace(err.Error(), "invalid character", "found", 1))
	}
	if strings.HasPrefix(err.Error(), "unexpected end") {
		return errEndsEarly
	}
	at := min(max(int(err.Offset)-1, 0), len(data))
	place := fmt.Sprintf("column %d", at-bytes.LastIndexByte(data[:at], '\n'))
	if lines := bytes.Count(bytes.TrimSpace(data), []byte("\n")); lines > 0 {
		place = fmt.Sprintf("line %d, %s", bytes.Count(data[:at], []byte("\n"))+1, place)
	}
	rest := data[at:]
	for _, other := range []struct{ text, why string }{
		{"-Infinity", "is no number of JSON: write null"}, {"NaN", "is no number of JSON: write null"},
		{"Infinity", "is no number of JSON: write null"}, {"None", "is Python's, not JSON: write null"},
		{"True", "is Python's, not JSON: write true"}, {"False", "is Python's, not JSON: write false"},
		{"'", "is no quotation mark of JSON: write \""},
	} {
		from := rest
		if other.text[0] == '-' && at > 0 { // the sign is JSON, what follows it is not
			from = data[at-1:]
		}
		if bytes.HasPrefix(from, []byte(other.text)) {
			return fmt.Errorf("%s: %s %s", place, other.text, other.why)
		}
	}
	if strings.Contains(err.Error(), "after top-level value") {
		return fmt.Errorf("%s: text after the JSON object", place)
	}
	found := "the end"
	if r, size := utf8.DecodeRune(rest); size > 0 {
		found = fmt.Sprintf("%q", r)
	}
	_, context, _ := strings.Cut(strings.TrimPrefix(err.Error(), "invalid character "), "' ")
	for _, c := range []struct{ context, expected string }{
		{"looking for beginning of value", "a value"},
		{"looking for beginning of object key", "a field's name in quotation marks"},
		{"after object key:value pair", "a comma or }"},
		{"after object key", "a colon"},
		{"after array element", "a comma or ]"},
		{"in string escape", `an escape such as \n or \\`}, {"in \\u", "four hexadecimal digits"},
		{"in string", `text, in which control characters are written as \n or \t`},
		{"in literal", "true, false or null"},
		{"in numeric", "a digit"}, {"after decimal", "a digit"}, {"in exponent", "a digit"},
	} {
		if strings.HasPrefix(context, c.context) {
			return fmt.Errorf("not JSON: %s: found %s, expected %s", place, found, c.expected)
		}
	}
	if strings.Contains(err.Error(), "max depth") {
		return fmt.Errorf("%s: lists and objects are nested too deep", place)
	}
	return fmt.Errorf("not JSON: %s: %s is not expected there", place, found)
}

// foundKind says what a JSON value is; encoding/json adds to a number its digits.
func foundKind(value string) string {
	kind, digits, _ := strings.Cut(value, " ")
	if digits != "" {
		return digits
	}
	if words := map[string]string{
		"string": "text", "number": "a number", "array": "a list", "object": "an object",
		"bool": "true or false",
	}[kind]; words != "" {
		return words
	}
	return value
}

var wholeNumber = regexp.MustCompile(`^-?\d+$`)

// expectedFor is Expected beside what was found: of a whole number that does not
// fit it says how long it may be.
func expectedFor(found string, t reflect.Type) string {
	expected := Expected(t)
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if wholeNumber.MatchString(found) && !(strings.HasPrefix(found, "-") && t.Kind() >= reflect.Uint) {
			expected += fmt.Sprintf(" that fits %d bits", t.Bits())
		}
	}
	return expected
}

// Expected says in words what JSON a Go type is read from.
func Expected(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number from 0 on"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.String:
		return "text"
	case reflect.Slice, reflect.Array:
		if item := expectedItems(t.Elem()); item != "" {
			return "a list of " + item
		}
		return "a list"
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Pointer:
		return Expected(t.Elem())
	}
	return "another value"
}

func expectedItems(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "whole numbers"
	case reflect.Float32, reflect.Float64:
		return "numbers"
	case reflect.String:
		return "texts"
	case reflect.Map, reflect.Struct:
		return "objects"
	case reflect.Slice, reflect.Array:
		return "lists"
	}
	return ""
}

// Packed says of an error of compress/gzip what is wrong with the file; other errors
// stay as they are.
func Packed(err error) error {
	switch {
	case errors.Is(err, gzip.ErrHeader):
		return errors.New("its name says gzip, and it is no gzip file: rename it without .gz")
	case errors.Is(err, gzip.ErrChecksum):
		return errors.New("the gzip file is damaged: its checksum does not agree")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the gzip file ends early: it was cut off")
	}
	return err
}
