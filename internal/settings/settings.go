// Package settings reads YAML into structs, strictly: an error is one line that names
// the setting as the file writes it, and the one that was probably meant.
package settings

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/nearest"
)

// Read reads a YAML document into the struct or map that into points to. Keys that it
// does not have, and keys that are there twice, are errors.
func Read(data []byte, into any) error {
	data, err := Text(data)
	if err != nil {
		return err
	}
	err = Unmarshal(data, into, yaml.Strict())
	if err == nil {
		var document any
		if err := Unmarshal(data, &document, yaml.UseOrderedMap()); err != nil {
			return err
		}
		return noFraction(document, reflect.TypeOf(into), "")
	}
	var document yaml.MapSlice
	var key unknownKey
	found := false
	if Unmarshal(data, &document, yaml.UseOrderedMap()) == nil {
		key, found = findUnknown(document, reflect.TypeOf(into), "")
	}
	var unknown *yaml.UnknownFieldError
	var other yaml.Error
	switch {
	case errors.As(err, &unknown) && found && key.siblings != nil:
		return fmt.Errorf("line %d: %w", unknown.Token.Position.Line, key.explain(into))
	case errors.As(err, &unknown):
		return fmt.Errorf("line %d: unknown setting %q", unknown.Token.Position.Line, unknown.Token.Value)
	case found && key.siblings == nil && errors.As(err, &other) && other.GetToken() != nil:
		if called := key.called(into); called != nil {
			return fmt.Errorf("line %d: %w", other.GetToken().Position.Line, called)
		}
	}
	return Explain(data, err)
}

// Unmarshal reads a YAML document that Text has seen, not strictly. What the YAML library
// panics on is an error.
func Unmarshal(data []byte, into any, options ...yaml.DecodeOption) (err error) {
	defer recovered(&err)
	return yaml.UnmarshalWithOptions(data, into, options...)
}

// recovered turns a panic of the YAML library into an error.
func recovered(err *error) {
	if recover() != nil {
		*err = errors.New("the YAML library cannot read the file: look for a tag, as in !x, without a value")
	}
}

// lineOf is a line of the document as it is written.
func lineOf(data []byte, line int) string {
	lines := strings.Split(string(data), "\n")
	if line < 1 || line > len(lines) {
		return "?"
	}
	return fmt.Sprintf("%.80q", strings.TrimSpace(lines[line-1]))
}

// inWords says what values a setting of a type has.
func inWords(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		return "a list, as in [a, b]"
	case reflect.Map:
		return "names with values, as in {a: b}"
	case reflect.Struct:
		return "settings of its own: " + strings.Join(names(t), ", ")
	case reflect.Pointer:
		return inWords(t.Elem())
	}
	return jsonl.Expected(t)
}

// Renaming is implemented by settings that know what other programs call theirs.
type Renaming interface {
	// Called says what another program's setting is called here; it is "" where that is not known.
	Called(setting string) (here string)
}

// unknownKey is a key that a type has no field for.
type unknownKey struct {
	path     string
	value    any
	siblings []string // the fields that there are; nil where its path is of a setting that has none of its own
}

// explain says that a setting is not there, and which was probably meant: the one that another program calls so, one
// beside it, one that another program has within it, or one of the same name elsewhere.
func (u unknownKey) explain(into any) error {
	if r, renaming := into.(Renaming); renaming {
		if err := calledHere(u.path, r.Called(u.path), into); err != nil {
			return err
		}
	}
	parent, name := "", u.path
	if at := strings.LastIndexByte(u.path, '.'); at >= 0 {
		parent, name = u.path[:at+1], u.path[at+1:]
	}
	if near := nearest.Of(name, u.siblings); near != "" {
		return fmt.Errorf("unknown setting %q, did you mean %q?", u.path, parent+near)
	}
	if err := u.called(into); err != nil {
		return err
	}
	var elsewhere []string
	walkSettings(reflect.TypeOf(into), "", func(known string) {
		if known == name || strings.HasSuffix(known, "."+name) {
			elsewhere = append(elsewhere, known)
		}
	})
	if len(elsewhere) > 0 {
		return fmt.Errorf("unknown setting %q, did you mean \"%s\"?", u.path, strings.Join(elsewhere, `" or "`))
	}
	return fmt.Errorf("unknown setting %q: expected one of %s", u.path, strings.Join(u.siblings, ", "))
}

// called says what a setting of another program, the key or one within it, is called here, if that is known.
func (u unknownKey) called(into any) error {
	r, renaming := into.(Renaming)
	if !renaming {
		return nil
	}
	for name := range leaves(u.path, u.value) {
		if err := calledHere(name, r.Called(name), into); err != nil {
			return err
		}
	}
	return nil
}

// calledHere says what a setting of another program is called here, if that is known.
func calledHere(name, here string, into any) (err error) {
	if here == "" {
		return nil
	}
	err = fmt.Errorf("unknown setting %q: here it is %s", name, here)
	walkSettings(reflect.TypeOf(into), "", func(known string) {
		if known == here || strings.HasSuffix(known, "."+here) {
			err = fmt.Errorf("unknown setting %q, did you mean %q?", name, known)
		}
	})
	return err
}

// leaves are the names of a setting and of all within its value, the outer ones first.
func leaves(path string, value any) iter.Seq[string] {
	return func(yield func(string) bool) {
		if !yield(path) {
			return
		}
		entries, _ := value.(yaml.MapSlice)
		for _, item := range entries {
			for name := range leaves(fmt.Sprintf("%s.%v", path, item.Key), item.Value) {
				if !yield(name) {
					return
				}
			}
		}
	}
}

// findUnknown is the first key of a document that a type has no field for.
func findUnknown(document any, t reflect.Type, path string) (unknownKey, bool) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch d := document.(type) {
	case yaml.MapSlice:
		for _, item := range d {
			key := fmt.Sprint(item.Key)
			inner := t
			switch t.Kind() {
			case reflect.Struct:
				field, ok := fieldOf(t, key)
				if !ok {
					return unknownKey{path + key, item.Value, names(t)}, true
				}
				inner = field
			case reflect.Map:
				inner = t.Elem()
			case reflect.Interface: // anything
				return unknownKey{}, false
			default:
				return unknownKey{strings.TrimSuffix(path, "."), d, nil}, true
			}
			if u, found := findUnknown(item.Value, inner, path+key+"."); found {
				return u, true
			}
		}
	case []any:
		if t.Kind() != reflect.Slice {
			return unknownKey{}, false
		}
		for i, e := range d {
			if u, found := findUnknown(e, t.Elem(), fmt.Sprintf("%s%d.", path, i)); found {
				return u, true
			}
		}
	}
	return unknownKey{}, false
}

// noFraction refuses a fraction where a type expects a whole number: the YAML library cuts
// it off without a word.
func noFraction(document any, t reflect.Type, path string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch d := document.(type) {
	case yaml.MapSlice:
		for _, item := range d {
			key, inner := fmt.Sprint(item.Key), t
			if t.Kind() == reflect.Struct {
				inner, _ = fieldOf(t, key)
			} else if t.Kind() == reflect.Map {
				inner = t.Elem()
			}
			if inner == nil {
				continue
			}
			if err := noFraction(item.Value, inner, path+key+"."); err != nil {
				return err
			}
		}
	case []any:
		if t.Kind() != reflect.Slice {
			return nil
		}
		for i, e := range d {
			if err := noFraction(e, t.Elem(), fmt.Sprintf("%s%d.", path, i)); err != nil {
				return err
			}
		}
	case float64:
		if t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64 && d != math.Trunc(d) {
			return fmt.Errorf("%s is %g, expected a whole number", strings.TrimSuffix(path, "."), d)
		}
	}
	return nil
}

// fields calls f with the settings of a struct, those of inlined ones among them.
func fields(t reflect.Type, f func(name string, t reflect.Type)) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch {
		case !field.IsExported() || name == "-":
		case strings.Contains(options, "inline"):
			fields(field.Type, f)
		case name == "":
			f(strings.ToLower(field.Name), field.Type)
		default:
			f(name, field.Type)
		}
	}
}

func fieldOf(t reflect.Type, key string) (of reflect.Type, ok bool) {
	fields(t, func(name string, t reflect.Type) {
		if name == key {
			of, ok = t, true
		}
	})
	return of, ok
}

func names(t reflect.Type) (out []string) {
	fields(t, func(name string, _ reflect.Type) { out = append(out, name) })
	return out
}

// walkSettings visits the settings in a type by their dotted names.
func walkSettings(t reflect.Type, path string, visit func(string)) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return
	}
	fields(t, func(name string, inner reflect.Type) {
		visit(path + name)
		walkSettings(inner, path+name+".", visit)
	})
}
