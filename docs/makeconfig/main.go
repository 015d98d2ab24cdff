// Writes config.md: every setting of trainer.Config with its type, its default and what the
// presets make of it, explained by the comment of its field, in whatever package that is.
package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/stele-lm/stele/trainer"
	"github.com/stele-lm/stele/trainer/objective"
)

const (
	module = "github.com/stele-lm/stele/"
)

const head = `# Settings of a training run

Written by go generate from the comments in the code. A setting is a line of the YAML file that
stele train --config reads, or --set KEY=VALUE with the key written with dots, as here. After the
type come the default and the values that presets have instead. A run names the settings that have
no effect when it begins.
`

func main() {
	log.SetFlags(0)
	text, err := write("..")
	if err == nil {
		err = os.WriteFile("config.md", []byte(text), 0o644)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func write(root string) (string, error) {
	d := document{root: root, presets: map[string]reflect.Value{}}
	load := func(settings ...string) (reflect.Value, error) {
		c, err := trainer.LoadConfig("", append(settings, "model=x", "data.bench=x"))
		c.Model, c.Data.Bench = "", ""
		return reflect.ValueOf(c), err
	}
	defaults, err := load()
	if err != nil {
		return "", err
	}
	for name := range trainer.Presets {
		if d.presets[name], err = load("preset=" + name); err != nil {
			return "", err
		}
	}
	d.out.WriteString(head)
	d.section("", "", defaults, d.presets)
	for _, name := range objective.Names() {
		algorithm, err := objective.Named(name)
		if err != nil {
			return "", err
		}
		d.algorithm(algorithm)
	}
	return d.out.String(), errors.Join(d.errs...)
}

// document is config.md as it is written.
type document struct {
	root    string // of the module, from this folder
	out     strings.Builder
	presets map[string]reflect.Value
	errs    []error
}

// section writes the settings of a struct, first those that are values and then, as sections
// of their own, those that are structs.
func (d *document) section(prefix, about string, v reflect.Value, presets map[string]reflect.Value) {
	comments, err := commentsOf(d.root, v.Type())
	if err != nil {
		d.errs = append(d.errs, err)
		return
	}
	if prefix != "" {
		fmt.Fprintf(&d.out, "\n## %s\n\n%s\n", strings.TrimSuffix(prefix, "."), about)
	}
	d.out.WriteByte('\n')
	of := func(i int) map[string]reflect.Value {
		values := map[string]reflect.Value{}
		for name, preset := range presets {
			values[name] = preset.Field(i)
		}
		return values
	}
	var sections []func()
	for i := range v.NumField() {
		field := v.Type().Field(i)
		key, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		text := comments[field.Name]
		if key == "" || text == "" {
			d.errs = append(d.errs, fmt.Errorf("%s.%s has no key or no comment of its own", v.Type(),
				field.Name))
			continue
		}
		text = inWords(v.Type(), field.Name, text)
		if field.Type.Kind() == reflect.Struct {
			sections = append(sections, func() {
				d.section(prefix+key+".", strings.ToUpper(text[:1])+text[1:], v.Field(i), of(i))
			})
			continue
		}
		if key == "preset" {
			d.entry(prefix+key, field.Type, v.Field(i), nil, text)
			continue
		}
		d.entry(prefix+key, field.Type, v.Field(i), of(i), text)
		if element := field.Type; element.Kind() == reflect.Slice && element.Elem().Kind() == reflect.Struct {
			sections = append(sections, func() {
				d.section(prefix+key+"[].", "Each entry of "+prefix+key+" has these settings.",
					reflect.Zero(element.Elem()),
					nil)
			})
		}
	}
	for _, write := range sections {
		write()
	}
}

// algorithm writes the settings that only one algorithm has.
func (d *document) algorithm(a objective.Algorithm) {
	if a.Own != nil {
		d.section("loss.options.", "Settings of algorithm "+a.Name+" alone.", reflect.ValueOf(a.Own), nil)
	}
}

// width is the most columns of a line.
const width = 100

// entry writes one setting.
func (d *document) entry(key string, t reflect.Type, value reflect.Value, presets map[string]reflect.Value,
	text string) {
	like := shown(value)
	about := kind(t) + "; default " + like
	for _, name := range slices.Sorted(maps.Keys(presets)) {
		if other := shown(presets[name]); other != like {
			about += fmt.Sprintf("; %s: %s", name, other)
		}
	}
	line := fmt.Sprintf("- `%s` (%s):", key, about)
	for _, word := range strings.Fields(text) {
		if len([]rune(line))+1+len([]rune(word)) > width {
			d.out.WriteString(line + "\n")
			line = "  " + word
			continue
		}
		line += " " + word
	}
	d.out.WriteString(line + "\n")
}

// kind says what a value is.
func kind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Uint64:
		return "whole number"
	case reflect.Float64:
		return "number"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct {
			return "list"
		}
		return "list of " + kind(t.Elem()) + "s"
	case reflect.Map:
		return "a " + kind(t.Elem()) + " by " + map[reflect.Kind]string{reflect.String: "name",
			reflect.Int: "number"}[t.Key().Kind()]
	}
	panic(t)
}

// shown is a value as YAML has it.
func shown(v reflect.Value) string {
	switch v.Kind() {
	case reflect.String:
		if v.Len() == 0 {
			return `""`
		}
	case reflect.Slice:
		var items []string
		for i := range v.Len() {
			items = append(items, shown(v.Index(i)))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case reflect.Map:
		return "{}"
	}
	return fmt.Sprint(v)
}

// inWords is a comment that explains a field, without its name and with other fields by
// their keys.
func inWords(t reflect.Type, name, comment string) string {
	text := strings.Join(strings.Fields(comment), " ")
	rest, begins := strings.CutPrefix(text, name+" ")
	if begins {
		text = rest
	}
	for _, verb := range []string{"is ", "are "} {
		if rest, ok := strings.CutPrefix(text, verb); ok && begins {
			text = rest
			break
		}
	}
	for field := range fields(t) {
		if field.Name == strings.ToUpper(field.Name) { // KL, which a sentence has as a word
			continue
		}
		key, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		text = regexp.MustCompile(`\b`+field.Name+`\b`).ReplaceAllString(text, key)
	}
	return regexp.MustCompile(` \(see [A-Za-z.]+\)`).ReplaceAllString(text, "")
}

func fields(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

// commentsOf reads the comments of a struct's fields in the source of its package.
func commentsOf(root string, t reflect.Type) (map[string]string, error) {
	folder := strings.TrimPrefix(t.PkgPath(), module)
	if folder == "main" {
		folder = "docs/makeconfig"
	}
	files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		object := parsed.Scope.Lookup(t.Name())
		if object == nil {
			continue
		}
		comments := map[string]string{}
		for _, field := range object.Decl.(*ast.TypeSpec).Type.(*ast.StructType).Fields.List {
			for _, name := range field.Names {
				comments[name.Name] = field.Doc.Text() + field.Comment.Text()
			}
		}
		return comments, nil
	}
	return nil, fmt.Errorf("no source of %s in %s", t, t.PkgPath())
}
