package dataset

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/extensions"
	"github.com/apache/arrow-go/v18/arrow/float16"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"github.com/stele-lm/stele/internal/jsonl"
)

// content says how the bytes or texts of a column are read where their Arrow type does not
// say.
type content int

const (
	asTyped content = iota
	asJSON          // JSON as text: arrow.json, Parquet's JSON
	asBSON
	asUUID
	asBool8    // a byte that is true or false
	asText     // bytes that are text: Parquet's ENUM
	asMonths   // Parquet's INTERVAL
	asShredded // Parquet's VARIANT
	asDuration // a number of time units
)

// meaning is the content of a column and of the columns in it.
type meaning struct {
	content  content
	children []meaning
}

// child returns the meaning of a column's i-th child.
func (m *meaning) child(i int) *meaning {
	if m == nil || i >= len(m.children) {
		return nil
	}
	return &m.children[i]
}

// extensionKey is the key under which IPC metadata names an extension type that the library does
// not know, or could not take.
const extensionKey = "ARROW:extension:name"

// meaningOf reads a field's extension out of its type and metadata.
func meaningOf(f arrow.Field) meaning {
	var m meaning
	name := ""
	if i := f.Metadata.FindKey(extensionKey); i >= 0 {
		name = f.Metadata.Values()[i]
	}
	t := f.Type
	if e, ok := t.(arrow.ExtensionType); ok {
		name, t = e.ExtensionName(), e.StorageType()
	}
	m.content = map[string]content{
		"arrow.json": asJSON, "arrow.uuid": asUUID, "arrow.bool8": asBool8,
		extensions.VariantExtensionName: asShredded,
	}[name]
	if t.ID() == arrow.DURATION {
		m.content = asDuration
	}
	if nested, ok := t.(arrow.NestedType); ok {
		for _, child := range nested.Fields() {
			m.children = append(m.children, meaningOf(child))
		}
	}
	return m
}

// parquetMeaning reads the meaning of a field from the schema of a Parquet file and, where the
// file has one, from the Arrow schema that it was written from, which knows more.
func parquetMeaning(f *pqarrow.SchemaField, columns *schema.Schema, origin *meaning) meaning {
	m := meaningOf(*f.Field)
	if f.ColIndex >= 0 && f.ColIndex < columns.NumColumns() && m.content == asTyped && len(f.Children) == 0 {
		switch columns.Column(f.ColIndex).LogicalType().(type) {
		case schema.JSONLogicalType:
			m.content = asJSON
		case schema.BSONLogicalType:
			m.content = asBSON
		case schema.EnumLogicalType:
			m.content = asText
		case schema.UUIDLogicalType:
			m.content = asUUID
		case schema.IntervalLogicalType:
			m.content = asMonths
		}
	}
	if m.content == asTyped && origin != nil {
		m.content = origin.content
	}
	if len(f.Children) > 0 {
		m.children = nil
		for i := range f.Children {
			m.children = append(m.children, parquetMeaning(&f.Children[i], columns, origin.child(i)))
		}
	}
	return m
}

// arrowSchemaKey is the key under which Arrow's writers keep the schema that a Parquet file was
// written from.
const arrowSchemaKey = "ARROW:schema"

// takeOrigin takes the Arrow schema out of a Parquet file's metadata and returns what
// it says of the columns, by name. The library, left to apply it, takes JSON for bytes
// or fails on it, depending on how wide its offsets were.
func takeOrigin(m *metadata.FileMetaData) map[string]*meaning {
	serialized := m.KeyValueMetadata().FindValue(arrowSchemaKey)
	if serialized == nil {
		return nil
	}
	if i := slices.Index(m.KeyValueMetadata().Keys(), arrowSchemaKey); i >= 0 {
		m.FileMetaData.KeyValueMetadata = slices.Delete(slices.Clone(m.FileMetaData.KeyValueMetadata), i, i+1)
	}
	data, err := base64.StdEncoding.DecodeString(*serialized)
	if err != nil {
		if data, err = base64.RawStdEncoding.DecodeString(*serialized); err != nil {
			return nil // a hint that cannot be read is none: the file has a schema of its own
		}
	}
	if checkStream(bytes.NewReader(data), int64(len(data))) != nil {
		return nil
	}
	r, err := ipc.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	defer r.Release()
	origin := map[string]*meaning{}
	for _, f := range r.Schema().Fields() {
		m := meaningOf(f)
		origin[f.Name] = &m
	}
	return origin
}

// refusal says why a value has no JSON; it is no reason to give up the others.
type refusal struct{ why string }

func (r refusal) Error() string { return r.why }

// encoder writes the values of one record as JSON.
type encoder struct {
	record *jsonl.Record // that gets refusals
	path   []string      // of the value that is being written
	quoted bytes.Buffer

	refused int // values within objects, which the record keeps by name
}

// maxRefused is the number of refused values that a record keeps by name before their column is
// refused as a whole.
const maxRefused = 1000

// value appends the JSON of a value. A part of an object that has none is left out
// of it and refused in the record.
func (e *encoder) value(out []byte, a arrow.Array, m *meaning, row int) ([]byte, error) {
	if len(e.path) > maxDepth {
		return nil, errors.New("nested too deeply")
	}
	if a.IsNull(row) {
		return append(out, "null"...), nil
	}
	what := asTyped
	if m != nil {
		what = m.content
	}
	if what == asDuration {
		return nil, refusal{"is a length of time, which has no form in JSON"}
	}
	if x, ok := a.(array.ExtensionArray); ok {
		return e.value(out, x.Storage(), m, row)
	}
	switch a := a.(type) {
	case *array.Null:
		return append(out, "null"...), nil
	case *array.Boolean:
		return strconv.AppendBool(out, a.Value(row)), nil
	case *array.Int8:
		if what == asBool8 {
			return strconv.AppendBool(out, a.Value(row) != 0), nil
		}
		return strconv.AppendInt(out, int64(a.Value(row)), 10), nil
	case *array.Int16:
		return strconv.AppendInt(out, int64(a.Value(row)), 10), nil
	case *array.Int32:
		return strconv.AppendInt(out, int64(a.Value(row)), 10), nil
	case *array.Int64:
		return strconv.AppendInt(out, a.Value(row), 10), nil
	case *array.Uint8:
		return strconv.AppendUint(out, uint64(a.Value(row)), 10), nil
	case *array.Uint16:
		return strconv.AppendUint(out, uint64(a.Value(row)), 10), nil
	case *array.Uint32:
		return strconv.AppendUint(out, uint64(a.Value(row)), 10), nil
	case *array.Uint64:
		return strconv.AppendUint(out, a.Value(row), 10), nil
	case *array.Float16:
		return number(out, float64(a.Value(row).Float32()), 16)
	case *array.Float32:
		return number(out, float64(a.Value(row)), 32)
	case *array.Float64:
		return number(out, a.Value(row), 64)
	case *array.Decimal32:
		return append(out, a.Value(row).ToString(a.DataType().(arrow.DecimalType).GetScale())...), nil
	case *array.Decimal64:
		return append(out, a.Value(row).ToString(a.DataType().(arrow.DecimalType).GetScale())...), nil
	case *array.Decimal128:
		return append(out, a.Value(row).ToString(a.DataType().(arrow.DecimalType).GetScale())...), nil
	case *array.Decimal256:
		return append(out, a.Value(row).ToString(a.DataType().(arrow.DecimalType).GetScale())...), nil
	case *array.String:
		return e.text(out, []byte(a.Value(row)), what)
	case *array.LargeString:
		return e.text(out, []byte(a.Value(row)), what)
	case *array.StringView:
		return e.text(out, []byte(a.Value(row)), what)
	case *array.Binary:
		return e.bytes(out, a.Value(row), what)
	case *array.LargeBinary:
		return e.bytes(out, a.Value(row), what)
	case *array.BinaryView:
		return e.bytes(out, a.Value(row), what)
	case *array.FixedSizeBinary:
		return e.bytes(out, a.Value(row), what)
	case *array.Date32:
		return e.quote(out, a.Value(row).FormattedString())
	case *array.Date64:
		return e.quote(out, a.Value(row).FormattedString())
	case *array.Time32:
		return e.quote(out, trimFraction(a.Value(row).FormattedString(a.DataType().(*arrow.Time32Type).Unit)))
	case *array.Time64:
		return e.quote(out, trimFraction(a.Value(row).FormattedString(a.DataType().(*arrow.Time64Type).Unit)))
	case *array.Timestamp:
		return e.timestamp(out, a, row)
	case *array.Dictionary:
		return e.value(out, a.Dictionary(), m, a.GetValueIndex(row))
	case *array.RunEndEncoded:
		return e.value(out, a.Values(), m.child(1), a.GetPhysicalIndex(row))
	case *array.Struct:
		return e.object(out, a, m, row)
	case *array.Map:
		return e.mapping(out, a, m, row)
	case array.ListLike: // lists of every size, and views of them
		first, end := a.ValueOffsets(row)
		return e.list(out, a.ListValues(), m.child(0), int(first), int(end))
	case array.Union:
		child := a.ChildID(row)
		if child < 0 || child >= a.NumFields() {
			return nil, errors.New("a union names a type that it does not have")
		}
		at := row
		if dense, ok := a.(*array.DenseUnion); ok {
			at = int(dense.ValueOffset(row))
		}
		if values := a.Field(child); at >= 0 && at < values.Len() {
			return e.value(out, values, m.child(child), at)
		}
		return nil, errors.New("a union points outside its values")
	}
	return nil, refusal{fmt.Sprintf("is of type %s, which has no form in JSON", a.DataType())}
}

// number writes a float; what is missing in pandas is NaN, and null here.
func number(out []byte, v float64, bits int) ([]byte, error) {
	switch {
	case math.IsNaN(v):
		return append(out, "null"...), nil
	case math.IsInf(v, 0):
		return nil, refusal{"is infinite, which JSON cannot write"}
	}
	var text []byte
	var err error
	switch bits {
	case 16: // the fewest digits that are this half and no other
		half := float16.New(float32(v))
		for digits := 1; ; digits++ {
			short := strconv.FormatFloat(v, 'g', digits, 32)
			back, err := strconv.ParseFloat(short, 32)
			if err != nil || float16.New(float32(back)) == half || digits == 6 {
				v, _ = strconv.ParseFloat(short, 64)
				break
			}
		}
		text, err = json.Marshal(v)
	case 32:
		text, err = json.Marshal(float32(v))
	default:
		text, err = json.Marshal(v)
	}
	return append(out, text...), err
}

// trimFraction returns a time without the zeros at the end of its seconds.
func trimFraction(time string) string {
	if strings.Contains(time, ".") {
		return strings.TrimSuffix(strings.TrimRight(time, "0"), ".")
	}
	return time
}

func (e *encoder) timestamp(out []byte, a *array.Timestamp, row int) ([]byte, error) {
	t := a.DataType().(*arrow.TimestampType)
	convert, err := t.GetToTimeFunc()
	if err != nil {
		return nil, refusal{"is a timestamp of time zone " + strconv.Quote(t.TimeZone) +
			", which is not known here"}
	}
	layout := "2006-01-02T15:04:05.999999999"
	if t.TimeZone != "" {
		layout += "Z07:00"
	}
	return e.quote(out, convert(a.Value(row)).Format(layout))
}

// text writes a text, or the JSON that it holds.
func (e *encoder) text(out, text []byte, what content) ([]byte, error) {
	if what == asJSON {
		if !json.Valid(text) || !utf8.Valid(text) {
			return nil, fmt.Errorf("is a column of JSON, but %.60q is not JSON", text)
		}
		return append(out, text...), nil
	}
	if !utf8.Valid(text) {
		return nil, errors.New("is not UTF-8")
	}
	return e.quote(out, string(text))
}

// bytes writes what bytes stand for; where nothing says so they are no text, though
// they may look like it in this row.
func (e *encoder) bytes(out, data []byte, what content) ([]byte, error) {
	switch {
	case what == asJSON || what == asText:
		return e.text(out, data, what)
	case what == asUUID && len(data) == 16:
		return e.quote(out, fmt.Sprintf("%x-%x-%x-%x-%x", data[:4], data[4:6], data[6:8], data[8:10],
			data[10:]))
	case what == asBSON:
		return nil, refusal{"is BSON, which is not read: store it as JSON"}
	case what == asMonths:
		return nil, refusal{"is an interval of time, which has no form in JSON"}
	case what == asShredded:
		return nil, refusal{"is a Parquet variant, which is not read: store it as JSON"}
	}
	return nil, refusal{fmt.Sprintf("holds bytes (%d here), not text: store it as text, or name another "+
		"field", len(data))}
}

func (e *encoder) quote(out []byte, text string) ([]byte, error) {
	e.quoted.Reset()
	w := json.NewEncoder(&e.quoted)
	w.SetEscapeHTML(false)
	if err := w.Encode(text); err != nil {
		return nil, err
	}
	return append(out, bytes.TrimRight(e.quoted.Bytes(), "\n")...), nil
}

func (e *encoder) list(out []byte, values arrow.Array, m *meaning, first, end int) ([]byte, error) {
	if first < 0 || first > end || end > values.Len() {
		return nil, errors.New("a list points outside its values")
	}
	out = append(out, '[')
	for i := first; i < end; i++ {
		if len(out) > maxLine {
			return nil, fmt.Errorf("has a list of %d that is longer than %d MiB: the file is damaged, or "+
				"no dataset", end-first, maxLine>>20)
		}
		if i > first {
			out = append(out, ',')
		}
		e.path = append(e.path, strconv.Itoa(i-first))
		var err error
		if out, err = e.value(out, values, m, i); err != nil {
			return nil, err
		}
		e.path = e.path[:len(e.path)-1]
	}
	return append(out, ']'), nil
}

// object writes a struct; fields that have no JSON are refused in the record.
func (e *encoder) object(out []byte, a *array.Struct, m *meaning, row int) ([]byte, error) {
	if m != nil && m.content == asShredded {
		return nil, refusal{"is a Parquet variant, which is not read: store it as JSON"}
	}
	out = append(out, '{')
	names := map[string]bool{}
	t := a.DataType().(*arrow.StructType)
	for i, f := range t.Fields() {
		if names[f.Name] {
			return nil, fmt.Errorf("has the field %.80q twice", f.Name)
		}
		names[f.Name] = true
		var err error
		if out, err = e.member(out, f.Name, a.Field(i), m.child(i), row); err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}

// member adds a field to the object at the end of out.
func (e *encoder) member(out []byte, name string, a arrow.Array, m *meaning, row int) ([]byte, error) {
	if row >= a.Len() {
		return nil, fmt.Errorf("has only %d values of field %.80q", a.Len(), name)
	}
	if !utf8.ValidString(name) {
		return nil, errors.New("has a field whose name is not UTF-8")
	}
	depth, before := len(e.path), len(out)
	e.path = append(e.path, name)
	if out[len(out)-1] != '{' {
		out = append(out, ',')
	}
	out, err := e.quote(out, name)
	if err != nil {
		return nil, err
	}
	written, err := e.value(append(out, ':'), a, m, row)
	if no := (refusal{}); errors.As(err, &no) {
		if e.refused++; e.refused > maxRefused {
			return nil, no
		}
		e.record.Refuse(strings.Join(e.path, "."), no.why)
		e.path = e.path[:depth]
		return out[:before], nil
	}
	e.path = e.path[:depth]
	return written, err
}

// mapping writes a map whose keys are texts as an object, any other as pairs.
func (e *encoder) mapping(out []byte, a *array.Map, m *meaning, row int) ([]byte, error) {
	first, end := a.ValueOffsets(row)
	keys, items := a.Keys(), a.Items()
	if first < 0 || first > end || int(end) > keys.Len() || int(end) > items.Len() {
		return nil, errors.New("a map points outside its values")
	}
	name := func(i int) (string, bool) {
		switch keys := keys.(type) {
		case *array.String:
			return keys.Value(i), true
		case *array.LargeString:
			return keys.Value(i), true
		case *array.StringView:
			return keys.Value(i), true
		}
		return "", false
	}
	// Arrow's metadata has a map's key and value in a struct of their own.
	pair := m.child(0)
	if pair == nil || len(pair.children) != 2 {
		pair = m
	}
	out = append(out, '{')
	seen := map[string]bool{}
	for i := int(first); i < int(end); i++ {
		key, ok := name(i)
		if !ok {
			return nil, refusal{fmt.Sprintf("is a map whose keys are %s, which no JSON object has",
				keys.DataType())}
		}
		if seen[key] {
			return nil, refusal{fmt.Sprintf("is a map that has the key %.80q twice", key)}
		}
		seen[key] = true
		var err error
		if out, err = e.member(out, key, items, pair.child(1), i); err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}
