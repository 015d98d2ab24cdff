package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The Arrow library makes room for as many fields as the metadata says, before it
// looks for them, and one flipped bit then asks for more memory than there is,
// which no recover catches. So the lengths are checked first: a length is
// believed when what it counts fits into the metadata.

// errMetadata says that a flatbuffer of metadata points out of itself.
var errMetadata = errors.New("the file is damaged: its metadata points outside itself")

// maxDepth limits the nesting of types.
const maxDepth = 64

// flatbuffer is metadata of Arrow IPC that is being checked.
type flatbuffer struct {
	data  []byte
	left  int // tables that may still be visited; a sound buffer holds fewer
	views views
}

// views counts the columns of view types in a schema, in rows and in dictionaries:
// the library reads as many counts of buffers from a batch, there or not.
type views struct{ inRows, inDictionaries int }

func (f *flatbuffer) u16(at int) (int, error) {
	if at < 0 || at+2 > len(f.data) {
		return 0, errMetadata
	}
	return int(binary.LittleEndian.Uint16(f.data[at:])), nil
}

func (f *flatbuffer) u32(at int) (int, error) {
	if at < 0 || at+4 > len(f.data) {
		return 0, errMetadata
	}
	return int(binary.LittleEndian.Uint32(f.data[at:])), nil
}

// follow returns the position that the offset at another position points to.
func (f *flatbuffer) follow(at int) (int, error) {
	offset, err := f.u32(at)
	if err != nil || at+offset > len(f.data) {
		return 0, errMetadata
	}
	return at + offset, nil
}

// field returns the position of a table's field, or 0 where the table leaves it out.
func (f *flatbuffer) field(table, index int) (int, error) {
	back, err := f.u32(table)
	if err != nil {
		return 0, err
	}
	vtable := table - int(int32(uint32(back)))
	size, err := f.u16(vtable)
	if err != nil || 4+2*index >= size {
		return 0, err
	}
	offset, err := f.u16(vtable + 4 + 2*index)
	if err != nil || offset == 0 {
		return 0, err
	}
	return table + offset, nil
}

// vector returns the first element and the number of elements of a vector field.
func (f *flatbuffer) vector(table, index, size int) (first, count int, err error) {
	at, err := f.field(table, index)
	if err != nil || at == 0 {
		return 0, 0, err
	}
	if at, err = f.follow(at); err != nil {
		return 0, 0, err
	}
	count, err = f.u32(at)
	if err != nil || count > (len(f.data)-at-4)/size {
		return 0, 0, errMetadata
	}
	return at + 4, count, nil
}

// tables visits the tables of a vector field.
func (f *flatbuffer) tables(table, index int, visit func(int) error) error {
	first, count, err := f.vector(table, index, 4)
	if err != nil {
		return err
	}
	for i := range count {
		if f.left--; f.left < 0 {
			return errMetadata
		}
		at, err := f.follow(first + 4*i)
		if err != nil {
			return err
		}
		if err := visit(at); err != nil {
			return err
		}
	}
	return nil
}

// child returns the table that a field points to, or 0.
func (f *flatbuffer) child(table, index int) (int, error) {
	at, err := f.field(table, index)
	if err != nil || at == 0 {
		return 0, err
	}
	return f.follow(at)
}

// schema checks the vectors of an Arrow Schema table: fields and custom metadata.
func (f *flatbuffer) schema(table int) error {
	if _, _, err := f.vector(table, 2, 4); err != nil {
		return err
	}
	return f.tables(table, 1, func(field int) error { return f.schemaField(field, 0, false) })
}

// Types of Arrow's Schema.fbs.
const (
	typeUnion      = 14
	typeBinaryView = 23
	typeUtf8View   = 24
)

func (f *flatbuffer) schemaField(field, depth int, inDictionary bool) error {
	if depth > maxDepth {
		return errMetadata
	}
	if _, _, err := f.vector(field, 6, 4); err != nil {
		return err
	}
	kind, err := f.field(field, 2)
	if err != nil || kind >= len(f.data) {
		return errMetadata
	}
	dictionary, err := f.field(field, 4)
	if err != nil {
		return err
	}
	inDictionary = inDictionary || dictionary != 0
	if kind != 0 && (f.data[kind] == typeBinaryView || f.data[kind] == typeUtf8View) {
		if inDictionary {
			f.views.inDictionaries++
		} else {
			f.views.inRows++
		}
	}
	if kind != 0 && f.data[kind] == typeUnion {
		union, err := f.child(field, 3)
		if err != nil {
			return err
		}
		if _, _, err := f.vector(union, 1, 4); err != nil {
			return err
		}
	}
	return f.tables(field, 5, func(child int) error { return f.schemaField(child, depth+1, inDictionary) })
}

// The headers of messages in Arrow's Message.fbs.
const (
	headerSchema      = 1
	headerDictionary  = 2
	headerRecordBatch = 3
)

// recordBatch checks the vectors of a RecordBatch table. Views say how many buffers
// their bytes are in, and the library makes room for so many.
func (f *flatbuffer) recordBatch(table, views int) error {
	if _, _, err := f.vector(table, 1, 16); err != nil {
		return err
	}
	_, buffers, err := f.vector(table, 2, 16)
	if err != nil {
		return err
	}
	first, count, err := f.vector(table, 4, 8)
	if err != nil {
		return err
	}
	if count < views {
		return errMetadata
	}
	for i := range count {
		if n := binary.LittleEndian.Uint64(f.data[first+8*i:]); n > uint64(buffers) {
			return errMetadata
		}
	}
	return nil
}

// checkMessage checks the metadata of a message and returns the length of its body;
// in counts the views of the schema, which a schema's message sets.
func checkMessage(data []byte, in *views) (body int64, err error) {
	f := &flatbuffer{data: data, left: len(data)}
	message, err := f.follow(0)
	if err != nil {
		return 0, err
	}
	if _, _, err := f.vector(message, 4, 4); err != nil {
		return 0, err
	}
	if at, err := f.field(message, 3); err != nil || at+8 > len(data) {
		return 0, errMetadata
	} else if at != 0 {
		body = int64(binary.LittleEndian.Uint64(data[at:]))
	}
	kind, err := f.field(message, 1)
	if err != nil || kind >= len(data) {
		return 0, errMetadata
	}
	if kind == 0 {
		return body, nil
	}
	header, err := f.child(message, 2)
	if err != nil {
		return 0, errMetadata
	}
	expected := in.inRows
	switch data[kind] {
	case headerSchema:
		if header == 0 {
			return 0, errMetadata
		}
		err := f.schema(header)
		*in = f.views
		return body, err
	case headerDictionary:
		expected = min(1, in.inDictionaries)
		if header != 0 {
			header, err = f.child(header, 1)
		}
	case headerRecordBatch:
	default:
		return 0, errMetadata
	}
	if err != nil || header == 0 {
		return 0, errMetadata
	}
	return body, f.recordBatch(header, expected)
}

// continuation begins every message since Arrow 0.15.
const continuation = 0xffffffff

// messageAt reads the metadata of the message at a position, and returns where its body
// begins; empty metadata is the end of a stream.
func messageAt(in io.ReaderAt, at, size int64) (metadata []byte, body int64, err error) {
	var head [8]byte
	n, err := in.ReadAt(head[:], at)
	if n < 4 {
		return nil, 0, fmt.Errorf("cut off: %w", unexpected(err))
	}
	length, begin := binary.LittleEndian.Uint32(head[:]), at+4
	if length == continuation {
		if n < 8 {
			return nil, 0, fmt.Errorf("cut off: %w", unexpected(err))
		}
		length, begin = binary.LittleEndian.Uint32(head[4:]), at+8
	}
	if int64(length) > size-begin {
		return nil, 0, fmt.Errorf("cut off or damaged: metadata of %d bytes at byte %d of %d", length, begin,
			size)
	}
	metadata = make([]byte, length)
	if _, err := in.ReadAt(metadata, begin); err != nil {
		return nil, 0, err
	}
	return metadata, begin + int64(length), nil
}

// checkStream walks through the messages of an Arrow stream.
func checkStream(in io.ReaderAt, size int64) error {
	var seen views
	for at := int64(0); ; {
		metadata, body, err := messageAt(in, at, size)
		if err != nil || len(metadata) == 0 {
			return err
		}
		length, err := checkMessage(metadata, &seen)
		if err != nil {
			return err
		}
		if length < 0 || length > size-body {
			return fmt.Errorf("cut off or damaged: a body of %d bytes at byte %d of %d", length, body, size)
		}
		if at = body + length; at == size {
			return nil // a stream may end without saying so
		}
	}
}

// checkFile walks through the footer of an Arrow file and the messages it names.
func checkFile(in io.ReaderAt, size int64) error {
	var tail [10]byte // length of the footer, ARROW1
	if size < 20 {
		return fmt.Errorf("cut off: %d bytes", size)
	}
	if _, err := in.ReadAt(tail[:], size-10); err != nil {
		return err
	}
	length := int64(binary.LittleEndian.Uint32(tail[:]))
	if string(tail[4:]) != "ARROW1" || length > size-18 {
		return errors.New("cut off or damaged: no footer at its end")
	}
	data := make([]byte, length)
	if _, err := in.ReadAt(data, size-10-length); err != nil {
		return err
	}
	f := &flatbuffer{data: data, left: len(data)}
	footer, err := f.follow(0)
	if err != nil {
		return err
	}
	schema, err := f.child(footer, 1)
	if err != nil || schema == 0 {
		return errMetadata
	}
	if err := f.schema(schema); err != nil {
		return err
	}
	seen := f.views
	if _, _, err := f.vector(footer, 4, 4); err != nil {
		return err
	}
	const block = 24 // offset, length of the metadata, padding, length of the body
	for _, index := range []int{2, 3} {
		first, count, err := f.vector(footer, index, block)
		if err != nil {
			return err
		}
		for i := range count {
			at := int64(binary.LittleEndian.Uint64(data[first+block*i:]))
			if at < 0 || at >= size {
				return errMetadata
			}
			metadata, _, err := messageAt(in, at, size)
			if err != nil {
				return err
			}
			if _, err := checkMessage(metadata, &seen); err != nil {
				return err
			}
		}
	}
	return nil
}
