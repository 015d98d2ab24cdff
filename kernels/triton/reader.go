package triton

import (
	"fmt"
	"strconv"
	"strings"
)

// reader goes through a module line by line.
type reader struct {
	lines []string
	at    int    // number of the line
	rest  string // of the line
	err   error
	types map[string]Type // of values that are in scope
	size  int             // elements of all values
}

// deepest bounds how deep loops may lie in each other, largestKernel the elements of all of a kernel's values.
const (
	deepest       = 8
	largestKernel = 1 << 24
)

// next goes to the next line that has something on it.
func (r *reader) next() bool {
	for r.at < len(r.lines) {
		r.rest = strings.TrimSpace(r.lines[r.at])
		if r.at++; r.rest != "" {
			return true
		}
	}
	r.rest = ""
	return false
}

// fail notes the first mistake.
func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// has takes a piece of text if it is the next.
func (r *reader) has(text string) bool {
	rest, ok := strings.CutPrefix(r.rest, text)
	if ok {
		r.rest = strings.TrimLeft(rest, " ")
	}
	return ok
}

// expect takes a piece of text.
func (r *reader) expect(text string) {
	if r.err == nil && !r.has(text) {
		r.fail("%q, expected %q", r.rest, text)
	}
}

// end expects nothing more on the line.
func (r *reader) end() {
	if r.rest != "" {
		r.fail("%q behind the operation", r.rest)
	}
}

// take takes the characters that belong to a word.
func (r *reader) take(what string, belongs func(c byte) bool) string {
	n := 0
	for n < len(r.rest) && belongs(r.rest[n]) {
		n++
	}
	if n == 0 {
		r.fail("%q, expected %s", r.rest, what)
	}
	word := r.rest[:n]
	r.rest = strings.TrimLeft(r.rest[n:], " ")
	return word
}

func letter(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// define reads the name of a new value.
func (r *reader) define() string {
	if !strings.HasPrefix(r.rest, "%") {
		r.fail("%q, expected a value", r.rest)
		return ""
	}
	return r.take("a value", func(c byte) bool { return c == '%' || letter(c) })
}

// value reads the name of a value that there is.
func (r *reader) value() string {
	if !strings.HasPrefix(r.rest, "%") {
		r.fail("%q, expected a value", r.rest)
		return ""
	}
	name := r.take("a value", func(c byte) bool { return c == '%' || c == '#' || letter(c) })
	if _, ok := r.types[name]; !ok {
		r.fail("there is no value %s", name)
	}
	return name
}

// values reads some, between commas.
func (r *reader) values(n int) []string {
	names := make([]string, n)
	for i := range names {
		if i > 0 {
			r.expect(",")
		}
		names[i] = r.value()
	}
	return names
}

// integer reads a number.
func (r *reader) integer() int {
	word := r.take("a number", func(c byte) bool { return c == '-' || c >= '0' && c <= '9' })
	n, err := strconv.ParseInt(word, 10, 32)
	if err != nil {
		r.fail("%q is no number of 32 bits", word)
	}
	return int(n)
}

// typ reads a type.
func (r *reader) typ() (t Type) {
	tensor := r.has("tensor<")
	for tensor && r.rest != "" && r.rest[0] >= '0' && r.rest[0] <= '9' {
		t.Dims = append(t.Dims, r.integer())
		r.expect("x")
		if len(t.Dims) > 4 {
			r.fail("a tensor of more than 4 axes")
			return t
		}
	}
	if tensor && len(t.Dims) == 0 {
		r.fail("a tensor without axes")
	}
	t.Pointer = r.has("!tt.ptr<")
	for _, e := range elems {
		if r.has(string(e)) {
			t.Elem = e
			break
		}
	}
	if t.Elem == "" {
		r.fail("%q, expected a type", r.rest)
	}
	if t.Pointer {
		r.expect(">")
	}
	if tensor {
		r.expect(">")
	}
	if err := t.valid(); err != nil {
		r.fail("%v", err)
	}
	return t
}

// is reads a type and compares it with that of a value.
func (r *reader) is(name string) Type {
	t := r.typ()
	if has := r.types[name]; r.err == nil && !t.equal(has) {
		r.fail("%s is %v and not %v", name, has, t)
	}
	return t
}

// add makes a value known.
func (r *reader) add(name string, t Type) {
	if _, ok := r.types[name]; ok {
		r.fail("there are two values %s", name)
	}
	if r.size += t.Size(); r.size > largestKernel {
		r.fail("the kernel's values have more than %d elements", largestKernel)
	}
	r.types[name] = t
}
