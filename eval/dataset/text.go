package dataset

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/stele-lm/stele/internal/jsonl"
)

// maxLine is the longest line of TSV that is read.
const maxLine = 64 << 20

// openText opens a file of text, packed or not.
func openText(path string) (io.Reader, io.Closer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	if !strings.HasSuffix(strings.ToLower(path), ".gz") {
		return f, f, nil
	}
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("%s: %w", path, jsonl.Packed(err))
	}
	return unpacked, f, nil
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// jsonArray gives the elements of a JSON array.
type jsonArray struct {
	path    string
	closer  io.Closer
	decoder *json.Decoder
	row     int
}

// openJSON opens a .json file: an array of objects, or one object a line.
func openJSON(path string) (source, error) {
	in, closer, err := openText(path)
	if err != nil {
		return nil, err
	}
	buffered := bufio.NewReader(in)
	list, err := startsArray(buffered)
	if err != nil && err != io.EOF {
		closer.Close()
		return nil, fmt.Errorf("%s: %w", path, jsonl.Packed(err))
	}
	if !list {
		return lines{jsonl.NewReader(path, buffered), closer}, nil
	}
	a, err := newArray(path, buffered)
	if err != nil {
		closer.Close()
		return nil, err
	}
	a.closer = closer
	return a, nil
}

// startsArray passes over white space and reports whether a [ follows.
func startsArray(r *bufio.Reader) (bool, error) {
	if mark, err := r.Peek(len(byteOrderMark)); err == nil && bytes.Equal(mark, byteOrderMark) {
		_, _ = r.Discard(len(byteOrderMark))
	}
	for {
		next, err := r.Peek(1)
		if err != nil {
			return false, err
		}
		if !bytes.Contains([]byte(" \t\r\n"), next) {
			return next[0] == '[', nil
		}
		_, _ = r.Discard(1)
	}
}

// lines is a jsonl.Reader that closes the file it did not open.
type lines struct {
	*jsonl.Reader
	closer io.Closer
}

func (l lines) Close() error { return l.closer.Close() }

func newArray(path string, r io.Reader) (*jsonArray, error) {
	d := json.NewDecoder(r)
	if t, err := d.Token(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, unexpected(err))
	} else if t != json.Delim('[') {
		return nil, fmt.Errorf("%s: not a JSON array", path)
	}
	return &jsonArray{path: path, decoder: d}, nil
}

// Next implements source.
func (a *jsonArray) Next() (*jsonl.Record, error) {
	if !a.decoder.More() {
		if _, err := a.decoder.Token(); err != nil {
			return nil, fmt.Errorf("%s: after row %d: %w", a.path, a.row, unexpected(err))
		}
		if _, err := a.decoder.Token(); err != io.EOF {
			return nil, fmt.Errorf("%s: text after the array", a.path)
		}
		return nil, io.EOF
	}
	a.row++
	var raw json.RawMessage
	if err := a.decoder.Decode(&raw); err != nil {
		return nil, fmt.Errorf("%s: %w", a.Where(), unexpected(err))
	}
	record, err := jsonl.ParseRecord(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.Where(), err)
	}
	return record, nil
}

// unexpected is an error in the middle of a file, where no end was due.
func unexpected(err error) error { return jsonl.Explain(nil, err) }

// Where implements source.
func (a *jsonArray) Where() string { return fmt.Sprintf("%s: row %d", a.path, a.row) }

// Close implements source.
func (a *jsonArray) Close() error {
	if a.closer == nil {
		return nil
	}
	return a.closer.Close()
}

// table gives the rows of TSV or CSV; every value is text.
type table struct {
	path    string
	closer  io.Closer
	columns []string
	next    func() (fields []string, line int, err error)
	first   []string // a first row that was no header
	line    int
}

func openTable(path string, comma rune, quoted bool, o Options) (source, error) {
	in, closer, err := openText(path)
	if err != nil {
		return nil, err
	}
	t, err := newTable(path, in, comma, quoted, o)
	if err != nil {
		closer.Close()
		return nil, err
	}
	t.closer = closer
	return t, nil
}

func newTable(path string, in io.Reader, comma rune, quoted bool, o Options) (*table, error) {
	t := &table{path: path, columns: o.Columns, next: unquoted(in, string(comma))}
	if quoted {
		t.next = csvRows(in, comma)
	}
	first, line, err := t.next()
	if err == io.EOF {
		return t, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %w", path, line, err)
	}
	first[0] = strings.TrimPrefix(first[0], string(byteOrderMark))
	header := len(o.Columns) == 0 || slices.ContainsFunc(first, func(name string) bool {
		name = strings.TrimSpace(name)
		return slices.Contains(o.Columns, name) ||
			slices.ContainsFunc(o.Header, func(known string) bool { return strings.EqualFold(name, known) })
	})
	if !header {
		t.first, t.line = first, line
		if o.Say != nil {
			fmt.Fprintf(o.Say, "%s: its first line, %.60q, names no usual field, so it is not a header: the columns "+
				"are taken to be %s\n", path, strings.Join(first, string(comma)), strings.Join(o.Columns, ", "))
		}
		return t, nil
	}
	t.columns = make([]string, len(first))
	for i, name := range first {
		name = strings.TrimSpace(name)
		if name == "" {
			name = fmt.Sprintf("column %d", i+1) // what pandas writes above its index
		}
		if slices.Contains(t.columns[:i], name) {
			return nil, fmt.Errorf("%s:%d: column %.80q appears twice", path, line, name)
		}
		t.columns[i] = name
	}
	return t, nil
}

// unquoted reads rows whose values hold neither a separator nor a line break.
func unquoted(in io.Reader, comma string) func() ([]string, int, error) {
	s := bufio.NewScanner(in)
	s.Buffer(make([]byte, 0, 64<<10), maxLine)
	line := 0
	return func() ([]string, int, error) {
		for s.Scan() {
			line++
			if text := strings.TrimSuffix(s.Text(), "\r"); text != "" {
				return strings.Split(text, comma), line, nil
			}
		}
		if err := s.Err(); err != nil {
			return nil, line + 1, err
		}
		return nil, line, io.EOF
	}
}

func csvRows(in io.Reader, comma rune) func() ([]string, int, error) {
	r := csv.NewReader(in)
	r.Comma = comma
	r.FieldsPerRecord = -1 // counted here, so that the error names the columns
	return func() ([]string, int, error) {
		fields, err := r.Read()
		if err != nil {
			line := 0
			if bad := (*csv.ParseError)(nil); errors.As(err, &bad) {
				line, err = bad.Line, csvInWords(bad.Err)
			}
			return nil, line, err
		}
		line, _ := r.FieldPos(0)
		return fields, line, nil
	}
}

// csvInWords says what encoding/csv means.
func csvInWords(err error) error {
	switch {
	case errors.Is(err, csv.ErrQuote):
		return errors.New(`a value that begins with " does not end with " before the next comma or line: ` +
			`a " inside it is written twice`)
	case errors.Is(err, csv.ErrBareQuote):
		return errors.New(`a " stands in a value that does not begin with one: ` +
			`put the value in quotation marks, and write the " inside it twice`)
	}
	return err
}

// Next implements source.
func (t *table) Next() (*jsonl.Record, error) {
	fields := t.first
	if fields == nil {
		var err error
		if fields, t.line, err = t.next(); err != nil {
			if err == io.EOF {
				return nil, err
			}
			return nil, fmt.Errorf("%s: %w", t.Where(), err)
		}
	}
	t.first = nil
	if len(fields) != len(t.columns) {
		return nil, fmt.Errorf("%s: %d columns, expected %d (%s)", t.Where(), len(fields), len(t.columns),
			strings.Join(t.columns, ", "))
	}
	record := jsonl.NewRecord()
	for i, value := range fields {
		if !utf8.ValidString(value) {
			return nil, fmt.Errorf("%s: column %q is not UTF-8", t.Where(), t.columns[i])
		}
		if err := record.Set(t.columns[i], value); err != nil {
			return nil, fmt.Errorf("%s: %w", t.Where(), err)
		}
	}
	return record, nil
}

// Where implements source.
func (t *table) Where() string { return fmt.Sprintf("%s:%d", t.path, t.line) }

// Close implements source.
func (t *table) Close() error {
	if t.closer == nil {
		return nil
	}
	return t.closer.Close()
}
