// Package jsonl reads and writes files of one JSON object a line.
//
// Invariants: a record keeps fields it does not know, in their order; a file is
// written whole or not at all; an error says which file and line.
package jsonl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/stele-lm/stele/internal/nearest"
)

// Record is a JSON object whose fields keep their order.
type Record struct {
	keys    []string
	values  map[string]json.RawMessage
	refused map[string]string // why a value could not be had, by its path
}

// NewRecord makes an empty record.
func NewRecord() *Record { return &Record{values: map[string]json.RawMessage{}} }

// ParseRecord reads one JSON object. A key that appears twice, and text that is not
// UTF-8, are errors.
func ParseRecord(text []byte) (*Record, error) {
	if !utf8.Valid(text) {
		return nil, notUTF8(text)
	}
	r, key, err := parseRecord(text)
	if err == nil {
		return r, nil
	}
	// A decoder's errors do not say where they are: those about the whole text do.
	if syntax := Unmarshal(text, new(json.RawMessage)); syntax != nil {
		err = syntax
	}
	if key != "" {
		err = fmt.Errorf("field %.80q: %w", key, err)
	}
	return nil, err
}

// parseRecord reads an object; key is the field whose value is wrong.
func parseRecord(text []byte) (r *Record, key string, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil {
		return nil, "", Explain(text, err)
	} else if t != json.Delim('{') {
		return nil, "", errors.New("not a JSON object")
	}
	r = NewRecord()
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, "", err
		}
		key := t.(string) // a key is always a string
		if r.Has(key) {
			return nil, "", fmt.Errorf("field %.80q appears twice", key)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, key, err
		}
		r.keys = append(r.keys, key)
		r.values[key] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, "", err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, "", errors.New("text after the JSON object")
	}
	return r, "", nil
}

// notUTF8 says where text stops being UTF-8.
func notUTF8(text []byte) error {
	at := 0
	for {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size <= 1 {
			return fmt.Errorf("column %d is not UTF-8 (byte %#x): write the file as UTF-8", at+1, text[at])
		}
		at += size
	}
}

// Has reports whether the record has a field.
func (r *Record) Has(key string) bool {
	_, ok := r.values[key]
	return ok
}

// Decode reads a field into v; found is false when it is absent or null, and v is
// left as it was.
func (r *Record) Decode(key string, v any) (found bool, err error) {
	if why, ok := r.refused[key]; ok {
		return false, fmt.Errorf("field %q %s", key, why)
	}
	value, ok := r.values[key]
	if !ok || string(value) == "null" {
		return false, nil
	}
	if err := json.Unmarshal(value, v); err != nil {
		return false, wrongKind(key, value, err)
	}
	return true, nil
}

// wrongKind says that a field has a value of another kind; a short one is shown.
func wrongKind(key string, value json.RawMessage, err error) error {
	var kind *json.UnmarshalTypeError
	if !errors.As(err, &kind) {
		return fmt.Errorf("field %q: %w", key, Explain(value, err))
	}
	name, found := key, foundKind(kind.Value)
	if kind.Field != "" {
		name += "." + kind.Field
	}
	if scalar := value[0] != '[' && value[0] != '{'; scalar && len(value) <= 60 {
		found = string(value)
	}
	return fmt.Errorf("field %q: found %s, expected %s", name, found, expectedFor(found, kind.Type))
}

// Lacks says that the record has no value at a field that must be there, and what it
// has instead.
func (r *Record) Lacks(fields ...string) error {
	var quoted []string
	for _, field := range fields {
		if r.Has(field) {
			return fmt.Errorf("field %q is null", field)
		}
		quoted = append(quoted, fmt.Sprintf("%q", field))
	}
	has := "nothing"
	if len(r.keys) > 0 {
		has = listed(r.keys)
	}
	return fmt.Errorf("no %s: the record has %s", nearest.List(quoted), has)
}

// Set adds a field at the end, or replaces it where it is.
func (r *Record) Set(key string, v any) error {
	value, err := Marshal(v)
	if err != nil {
		return fmt.Errorf("field %q: %w", key, err)
	}
	if !r.Has(key) {
		r.keys = append(r.keys, key)
	}
	r.values[key] = value
	return nil
}

// Insert adds a field behind another, or at the end where that is not there.
func (r *Record) Insert(after, key string, v any) error {
	if err := r.Set(key, v); err != nil {
		return err
	}
	from, to := slices.Index(r.keys, key), slices.Index(r.keys, after)+1
	if to == 0 || to >= len(r.keys) {
		return nil
	}
	r.keys = slices.Delete(r.keys, from, from+1)
	r.keys = slices.Insert(r.keys, to, key)
	return nil
}

// Clone copies the record.
func (r *Record) Clone() *Record {
	c := NewRecord()
	c.keys = slices.Clone(r.keys)
	for key, value := range r.values {
		c.values[key] = value
	}
	c.refused = maps.Clone(r.refused)
	return c
}

// Without returns a copy that lacks a key.
func (r *Record) Without(key string) *Record {
	c := r.Clone()
	c.keys = slices.DeleteFunc(c.keys, func(k string) bool { return k == key })
	delete(c.values, key)
	return c
}

// Keys are the names of the fields, in their order.
func (r *Record) Keys() []string { return slices.Clone(r.keys) }

// Refuse says why the record has no value at a path although its source has one:
// it is an error to ask for it, and it is left out where the record is written.
func (r *Record) Refuse(path, why string) {
	if r.refused == nil {
		r.refused = map[string]string{}
	}
	r.refused[path] = why
}

// Refused are the paths that Refuse named, in order.
func (r *Record) Refused() []string { return slices.Sorted(maps.Keys(r.refused)) }

// MarshalJSON writes the fields in their order.
func (r *Record) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, key := range r.keys {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := Marshal(key)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(r.values[key])
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Marshal is JSON as a person reads it: text in any script and <, > and & as they
// are.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
