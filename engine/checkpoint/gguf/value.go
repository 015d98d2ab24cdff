package gguf

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// valueType is the type of a field's value, by its number in the file.
type valueType uint32

const (
	typeUint8 valueType = iota
	typeInt8
	typeUint16
	typeInt16
	typeUint32
	typeInt32
	typeFloat32
	typeBool
	typeString
	typeArray
	typeUint64
	typeInt64
	typeFloat64
)

// valueSizes are the numbers of bytes of values that have a fixed one.
var valueSizes = map[valueType]uint64{
	typeUint8: 1, typeInt8: 1, typeUint16: 2, typeInt16: 2, typeUint32: 4, typeInt32: 4, typeFloat32: 4,
	typeBool: 1, typeUint64: 8, typeInt64: 8, typeFloat64: 8,
}

// value is a field's value: its bytes in the file. Lengths of strings in an array are checked; the
// array is taken apart when it is asked for.
type value struct {
	kind  valueType
	of    valueType // of an array's elements
	count int       // of elements; 1 of what is no array
	data  []byte    // without the length of a string, with those of an array's
}

// value reads a value of a type.
func (r *reader) value(kind valueType) value {
	v := value{kind: kind, count: 1}
	size, fixed := valueSizes[kind]
	switch {
	case fixed:
		v.data = r.take(size)
	case kind == typeString:
		v.data = r.take(r.uint64())
	case kind == typeArray:
		v.of = valueType(r.uint32())
		count := r.uint64()
		size, fixed = valueSizes[v.of]
		if v.of == typeString {
			size = 8 // at least
		}
		if r.err == nil && !fixed && v.of != typeString {
			r.err = fmt.Errorf("an array of values of type %d is not supported", v.of)
		}
		if r.err == nil && count > uint64(len(r.data)-r.at)/size {
			r.err = fmt.Errorf("an array of %d values in a file of %d bytes: truncated", count, len(r.data))
		}
		if r.err != nil {
			return v
		}
		v.count = int(count)
		if fixed {
			v.data = r.take(size * count)
			return v
		}
		start := r.at
		for range count {
			r.take(r.uint64())
		}
		if r.err == nil {
			v.data = r.data[start:r.at:r.at]
		}
	default:
		if r.err == nil {
			r.err = fmt.Errorf("a value of type %d is unknown", kind)
		}
	}
	return v
}

// number returns a number that is no array's; ok is false for what is none, and for a field that is not there.
func number(kind valueType, b []byte) (n float64, whole int64, ok bool) {
	if len(b) == 0 {
		return 0, 0, false
	}
	switch kind {
	case typeUint8:
		whole = int64(b[0])
	case typeInt8:
		whole = int64(int8(b[0]))
	case typeUint16:
		whole = int64(binary.LittleEndian.Uint16(b))
	case typeInt16:
		whole = int64(int16(binary.LittleEndian.Uint16(b)))
	case typeUint32:
		whole = int64(binary.LittleEndian.Uint32(b))
	case typeInt32:
		whole = int64(int32(binary.LittleEndian.Uint32(b)))
	case typeUint64, typeInt64:
		u := binary.LittleEndian.Uint64(b)
		if u > math.MaxInt64 && kind == typeUint64 {
			return float64(u), math.MaxInt64, true
		}
		whole = int64(u)
	case typeFloat32:
		// The shortest decimal that stands for it, so that 1e-5 is 0.00001 in config.json.
		f := math.Float32frombits(binary.LittleEndian.Uint32(b))
		n, _ = strconv.ParseFloat(strconv.FormatFloat(float64(f), 'g', -1, 32), 64)
		return n, 0, true
	case typeFloat64:
		return math.Float64frombits(binary.LittleEndian.Uint64(b)), 0, true
	default:
		return 0, 0, false
	}
	return float64(whole), whole, true
}

// float returns a number of any type.
func (v value) float() (float64, bool) {
	n, _, ok := number(v.kind, v.data)
	return n, ok
}

// uint returns a whole number that is not negative.
func (v value) uint() (int64, bool) {
	_, n, ok := number(v.kind, v.data)
	return n, ok && n >= 0 && v.kind != typeFloat32 && v.kind != typeFloat64
}

func (v value) bool() (value, ok bool) {
	return v.kind == typeBool && v.data[0] != 0, v.kind == typeBool
}

func (v value) text() (string, bool) { return string(v.data), v.kind == typeString }

// ints returns an array of whole numbers.
func (v value) ints() ([]int64, bool) {
	size := int(valueSizes[v.of])
	if v.kind != typeArray || size == 0 || v.of == typeFloat32 || v.of == typeFloat64 {
		return nil, false
	}
	out := make([]int64, v.count)
	for i := range out {
		element := value{kind: v.of, data: v.data[i*size:]}
		if v.of == typeBool {
			out[i] = int64(element.data[0])
		} else {
			_, out[i], _ = number(v.of, element.data)
		}
	}
	return out, true
}

// texts returns an array of strings.
func (v value) texts() ([]string, bool) {
	if v.kind != typeArray || v.of != typeString {
		return nil, false
	}
	out := make([]string, v.count)
	r := &reader{data: v.data}
	for i := range out {
		out[i] = r.string()
	}
	return out, true
}

// String writes a value for a message.
func (v value) String() string {
	if n, ok := v.float(); ok {
		return strconv.FormatFloat(n, 'g', -1, 64)
	}
	if b, ok := v.bool(); ok {
		return strconv.FormatBool(b)
	}
	if s, ok := v.text(); ok {
		return fmt.Sprintf("%.60q", s)
	}
	return fmt.Sprintf("an array of %d", v.count)
}

// isOff reports whether a value switches its field off: 0, false, an empty text or array.
func (v value) isOff() bool {
	if n, ok := v.float(); ok {
		return n == 0
	}
	if b, ok := v.bool(); ok {
		return !b
	}
	return len(v.data) == 0
}

// Text returns a field that is text, "" where it is not there.
func (f *File) Text(key string) string {
	s, ok := f.fields[key].text()
	if !ok || !utf8.ValidString(s) {
		return ""
	}
	return s
}
