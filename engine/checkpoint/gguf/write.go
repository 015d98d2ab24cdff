package gguf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
)

// Field is a field of metadata. Its value is a string, bool, uint32, float32, []string or []int32.
type Field struct {
	Key   string
	Value any
}

// Fields are metadata in their order.
type Fields []Field

func (f *Fields) add(key string, value any) { *f = append(*f, Field{key, value}) }

// Output is a tensor that is written. Row yields its rows, in order, each once; a vector is one row.
type Output struct {
	Name  string
	Type  Type
	Shape []int
	Row   func(dst []float32, row int) error
}

// Write makes a file of version 3. It appears under its name when all of it is on disk; an older file of
// that name is replaced then.
func Write(path string, fields Fields, tensors []Output) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".partial-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already when all went well
	if err := write(f, fields, tensors); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	if err := errors.Join(f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func write(f *os.File, fields Fields, tensors []Output) error {
	w := bufio.NewWriterSize(f, 1<<20)
	head, err := header(fields, tensors)
	if err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	padding := make([]byte, defaultAlignment)
	for _, t := range tensors {
		width := t.Shape[len(t.Shape)-1]
		rows := 1
		for _, d := range t.Shape[:len(t.Shape)-1] {
			rows *= d
		}
		values, coded := make([]float32, width), []byte(nil)
		for row := range rows {
			if err := t.Row(values, row); err != nil {
				return fmt.Errorf("tensor %s: %w", t.Name, err)
			}
			if coded, err = t.Type.encode(coded[:0], values); err != nil {
				return fmt.Errorf("tensor %s: %w", t.Name, err)
			}
			if _, err := w.Write(coded); err != nil {
				return err
			}
		}
		if _, err := w.Write(padding[:padded(rows*len(coded))-rows*len(coded)]); err != nil {
			return err
		}
	}
	return w.Flush()
}

// padded rounds a length up to the alignment.
func padded(n int) int { return (n + defaultAlignment - 1) / defaultAlignment * defaultAlignment }

// header returns what stands before the tensors' bytes.
func header(fields Fields, tensors []Output) ([]byte, error) {
	b := append([]byte(magic), 3, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(tensors)))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(fields)))
	for _, field := range fields {
		b = appendText(b, field.Key)
		switch v := field.Value.(type) {
		case string:
			b = appendText(appendKind(b, typeString), v)
		case bool:
			b = append(appendKind(b, typeBool), 0)
			if v {
				b[len(b)-1] = 1
			}
		case uint32:
			b = binary.LittleEndian.AppendUint32(appendKind(b, typeUint32), v)
		case float32:
			b = binary.LittleEndian.AppendUint32(appendKind(b, typeFloat32), math.Float32bits(v))
		case []string:
			b = binary.LittleEndian.AppendUint64(appendKind(appendKind(b, typeArray), typeString), uint64(len(v)))
			for _, s := range v {
				b = appendText(b, s)
			}
		case []int32:
			b = binary.LittleEndian.AppendUint64(appendKind(appendKind(b, typeArray), typeInt32), uint64(len(v)))
			for _, n := range v {
				b = binary.LittleEndian.AppendUint32(b, uint32(n))
			}
		default:
			return nil, fmt.Errorf("field %s: a %T cannot be written", field.Key, v)
		}
	}
	at := 0
	for _, t := range tensors {
		size, err := t.Type.Bytes(t.Shape)
		if err != nil {
			return nil, fmt.Errorf("tensor %s: %w", t.Name, err)
		}
		b = binary.LittleEndian.AppendUint32(appendText(b, t.Name), uint32(len(t.Shape)))
		for i := len(t.Shape) - 1; i >= 0; i-- {
			b = binary.LittleEndian.AppendUint64(b, uint64(t.Shape[i]))
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(t.Type))
		b = binary.LittleEndian.AppendUint64(b, uint64(at))
		at += padded(int(size))
	}
	return append(b, make([]byte, padded(len(b))-len(b))...), nil
}

func appendKind(b []byte, kind valueType) []byte {
	return binary.LittleEndian.AppendUint32(b, uint32(kind))
}

func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}
