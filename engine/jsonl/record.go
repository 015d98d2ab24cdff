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
)

// Record is a JSON object whose fields keep their order.
type Record struct {
	keys    []string
	values  map[string]json.RawMessage
	refused map[string]string // why a value could not be had, by its path
}

// NewRecord makes an empty record.
func NewRecord() *Record { return &Record{values: map[string]json.RawMessage{}} }

// ParseRecord reads one JSON object. A key that is there twice is an error.
func ParseRecord(text []byte) (*Record, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	} else if t != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	r := NewRecord()
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		key := t.(string) // a key is always a string
		if r.Has(key) {
			return nil, fmt.Errorf("field %.80q is there twice", key)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("field %.80q: %w", key, err)
		}
		r.keys = append(r.keys, key)
		r.values[key] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("text after the JSON object")
	}
	return r, nil
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
		return false, fmt.Errorf("field %q: %w", key, err)
	}
	return true, nil
}

// Set adds a field at the end, or replaces it where it is.
func (r *Record) Set(key string, v any) error {
	value, err := encode(v)
	if err != nil {
		return fmt.Errorf("field %q: %w", key, err)
	}
	if !r.Has(key) {
		r.keys = append(r.keys, key)
	}
	r.values[key] = value
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
		name, err := encode(key)
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

// encode is JSON as a person reads it: text in any script and <, > and & as they
// are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
