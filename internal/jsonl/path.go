package jsonl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/internal/nearest"
)

// Find is the value at a path: the name of a field, or names and places in lists
// joined by dots, as in prompt.0.content; -1 is the last of a list. A field whose own
// name has the dots goes before what is nested, and a text that holds a JSON object
// or list is gone into as if it were one. It is nil where there is no such value or
// where it is null; Missing says why.
func (r *Record) Find(path string) (json.RawMessage, error) {
	for refused, why := range r.refused {
		if path == refused || strings.HasPrefix(path, refused+".") {
			return nil, fmt.Errorf("field %q %s", refused, why)
		}
	}
	value, _ := r.find(path)
	return value, nil
}

// Missing says in words that Find finds nothing: how far a path leads, and what is
// there instead.
func (r *Record) Missing(path string) error {
	_, stop := r.find(path)
	if stop == nil {
		return fmt.Errorf("field %q is null", path)
	}
	return fmt.Errorf("no field %q: %w", path, stop)
}

// deadEnd is the error of a path that leads nowhere from some element on.
type deadEnd struct {
	at, kind string // the path so far, and what is there
	names    []string
	count    int    // of a list
	sought   string // what it does not have
}

func (d *deadEnd) Error() string {
	at := "there"
	if d.at != "" {
		at = d.at
	}
	switch d.kind {
	case "object":
		if len(d.names) == 0 {
			return at + " is an empty object"
		}
		hint := ""
		if near := nearest.Of(d.sought, d.names); near != "" {
			if d.at != "" {
				near = d.at + "." + near
			}
			hint = fmt.Sprintf(" (did you mean %q?)", near)
		}
		if d.at == "" {
			return "the record has " + listed(d.names) + hint
		}
		return at + " has " + listed(d.names) + hint
	case "list":
		return fmt.Sprintf("%s is a list of %d", at, d.count)
	}
	return at + " is " + d.kind
}

// listed names some fields, so that the line stays one.
func listed(names []string) string {
	const most = 20
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

func (r *Record) find(path string) (json.RawMessage, *deadEnd) {
	return within(path, "", r.keys, r.values)
}

// within looks a path up in the fields of an object: the longest name first.
func within(path, at string, keys []string, values map[string]json.RawMessage) (json.RawMessage, *deadEnd) {
	var stop *deadEnd
	for end := len(path); end > 0; end = strings.LastIndexByte(path[:end], '.') {
		value, ok := values[path[:end]]
		if !ok {
			continue
		}
		if end == len(path) {
			return present(value), nil
		}
		found, deeper := into(value, path[end+1:], joined(at, path[:end]))
		if deeper == nil {
			return found, nil
		}
		if stop == nil {
			stop = deeper
		}
	}
	if stop == nil {
		sought, _, _ := strings.Cut(path, ".")
		if slices.Contains(keys, sought) { // its value was passed over
			sought = path
		}
		stop = &deadEnd{at: at, kind: "object", names: keys, sought: sought}
	}
	return nil, stop
}

// into looks the rest of a path up in a value.
func into(value json.RawMessage, path, at string) (json.RawMessage, *deadEnd) {
	value = bytes.TrimSpace(value)
	if len(value) > 0 && value[0] == '"' {
		var text string
		if json.Unmarshal(value, &text) == nil {
			inner := bytes.TrimSpace([]byte(text))
			if len(inner) == 0 || inner[0] != '{' && inner[0] != '[' || !json.Valid(inner) {
				return nil, &deadEnd{at: at, kind: "text"}
			}
			value = inner
		}
	}
	switch {
	case len(value) == 0 || string(value) == "null":
		return nil, &deadEnd{at: at, kind: "null"}
	case value[0] == '{':
		object, err := ParseRecord(value)
		if err != nil {
			return nil, &deadEnd{at: at, kind: "no object that can be read (" + err.Error() + ")"}
		}
		return within(path, at, object.keys, object.values)
	case value[0] == '[':
		var list []json.RawMessage
		if json.Unmarshal(value, &list) != nil {
			return nil, &deadEnd{at: at, kind: "no list that can be read"}
		}
		place, rest, more := strings.Cut(path, ".")
		i, err := strconv.Atoi(place)
		if i < 0 {
			i += len(list)
		}
		if err != nil || i < 0 || i >= len(list) {
			return nil, &deadEnd{at: at, kind: "list", count: len(list), sought: place}
		}
		if !more {
			return present(list[i]), nil
		}
		return into(list[i], rest, joined(at, place))
	case value[0] == 't' || value[0] == 'f':
		return nil, &deadEnd{at: at, kind: "true or false"}
	}
	return nil, &deadEnd{at: at, kind: "a number"}
}

// present is nil for null.
func present(value json.RawMessage) json.RawMessage {
	if string(bytes.TrimSpace(value)) == "null" {
		return nil
	}
	return value
}

func joined(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}
