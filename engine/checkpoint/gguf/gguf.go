// Package gguf reads and writes model files of llama.cpp's format: the container, the types of its
// tensors, and what its metadata stand for in a Hugging Face folder.
//
// Invariants: what Open returns has been checked whole, so that every tensor's bytes are inside the
// file; nothing is allocated by a number that the file's length does not bear out; decoded values are
// bit for bit those of the gguf package for Python.
package gguf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"os"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Ext is how names of such files end.
const Ext = ".gguf"

const (
	magic = "GGUF"
	// headLength is the length of magic, version and the counts of tensors and fields.
	headLength = 4 + 4 + 8 + 8
	// defaultAlignment is that of tensors where general.alignment does not say otherwise.
	defaultAlignment = 32
	// maxDims is the most dimensions that a tensor of ggml has.
	maxDims = 4
)

// File is a GGUF file, mapped into memory.
type File struct {
	Path    string
	Mapping []byte
	Tensors []Tensor // in the file's order
	Others  []*File  // the other parts of a model in several files, in their order

	fields    map[string]value
	alignment int
	end       int // of the last tensor
}

// Tensor is a stored tensor; its bytes are a view of the mapped file.
type Tensor struct {
	Name  string
	Type  Type
	Shape []int // [out, in] of a matrix: the reverse of the order in the file
	Data  []byte
}

// Is reports whether a file begins as one of this format.
func Is(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var head [len(magic)]byte
	n, _ := f.Read(head[:])
	return string(head[:n]) == magic
}

// Open maps a file, and the other parts of a model whose first part it is, and checks their headers: versions 2
// and 3, little endian.
func Open(path string) (*File, error) {
	f, err := openOne(path)
	if err != nil {
		return nil, err
	}
	if count, _ := f.fields["split.count"].uint(); count > 1 {
		if err := f.openParts(count); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return f, nil
}

// openOne maps one file.
func openOne(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	if info.Size() < headLength {
		return nil, fmt.Errorf("%s: %d bytes are too few for a GGUF file", path, info.Size())
	}
	mapping, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("%s: mapping %d bytes: %w", path, info.Size(), err)
	}
	file, err := parse(mapping)
	if err != nil {
		unix.Munmap(mapping)
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	file.Path, file.Mapping = path, mapping
	return file, nil
}

// Close unmaps the file and its other parts; nothing of them may be used after.
func (f *File) Close() error {
	if f.Mapping == nil {
		return nil
	}
	var errs []error
	for _, part := range f.Others {
		errs = append(errs, part.Close())
	}
	mapping := f.Mapping
	f.Mapping, f.Tensors, f.fields, f.Others = nil, nil, nil, nil
	return errors.Join(append(errs, unix.Munmap(mapping))...)
}

// Tensor looks a tensor up by name, in the other parts, too.
func (f *File) Tensor(name string) (Tensor, bool) {
	for _, part := range append([]*File{f}, f.Others...) {
		for _, t := range part.Tensors {
			if t.Name == name {
				return t, true
			}
		}
	}
	return Tensor{}, false
}

// parse reads a whole file's bytes. Nothing in them is trusted.
func parse(data []byte) (*File, error) {
	r := &reader{data: data}
	if head := r.take(4); string(head) != magic {
		return nil, fmt.Errorf("it begins with %q, expected %q: not a GGUF file", head, magic)
	}
	switch version := r.uint32(); {
	case version == 2 || version == 3:
	case version == 1:
		return nil, errors.New("version 1 of GGUF is not supported: make the file again with llama.cpp's converter")
	case bits.ReverseBytes32(version) <= 0xffff:
		return nil, errors.New("the file is big endian: convert it again for little-endian machines")
	default:
		return nil, fmt.Errorf("version %d of GGUF is unknown: expected 2 or 3", version)
	}
	tensors, fields := r.uint64(), r.uint64()
	if r.err != nil {
		return nil, r.err
	}
	// An entry has at least so many bytes: its name's length, types, and a value or an offset.
	const leastTensor, leastField = 8 + 4 + 4 + 8, 8 + 4 + 1
	left := uint64(len(data) - r.at)
	if tensors > left/leastTensor || fields > left/leastField {
		return nil, fmt.Errorf("its header says %d tensors and %d fields, and it has %d bytes: "+
			"truncated, or not a GGUF file", tensors, fields, len(data))
	}
	f := &File{fields: map[string]value{}, alignment: defaultAlignment}
	for range fields {
		key := r.string()
		v := r.value(valueType(r.uint32()))
		if r.err != nil {
			return nil, fmt.Errorf("field %.80q: %w", key, r.err)
		}
		if _, there := f.fields[key]; there {
			return nil, fmt.Errorf("field %.80q appears twice", key)
		}
		if !utf8.ValidString(key) {
			return nil, fmt.Errorf("field %.80q is not UTF-8", key)
		}
		f.fields[key] = v
	}
	if v, there := f.fields["general.alignment"]; there {
		n, ok := v.uint()
		if !ok || n == 0 || n&(n-1) != 0 || n > 1<<30 {
			return nil, fmt.Errorf("general.alignment is %s, expected a power of 2", v)
		}
		f.alignment = int(n)
	}
	offsets, err := f.parseTensors(r, tensors)
	if err != nil {
		return nil, err
	}
	return f, f.place(data, r.at, offsets)
}

// parseTensors reads the descriptions of tensors, and where they say that the data begin.
func (f *File) parseTensors(r *reader, count uint64) (offsets []uint64, err error) {
	seen := map[string]bool{}
	for range count {
		t := Tensor{Name: r.string()}
		dims := r.uint32()
		if r.err == nil && dims > maxDims {
			return nil, fmt.Errorf("tensor %.80q has %d dimensions, expected at most %d", t.Name, dims, maxDims)
		}
		n := uint64(1)
		t.Shape = make([]int, dims)
		for i := len(t.Shape) - 1; i >= 0 && r.err == nil; i-- {
			d := r.uint64()
			high, low := bits.Mul64(n, d)
			if d == 0 || high != 0 || low > math.MaxInt64 {
				return nil, fmt.Errorf("tensor %.80q: a dimension of %d is not possible", t.Name, d)
			}
			n, t.Shape[i] = low, int(d)
		}
		t.Type = Type(r.uint32())
		offsets = append(offsets, r.uint64())
		if r.err != nil {
			return nil, fmt.Errorf("tensor %d of %d, %.80q: %w", len(offsets), count, t.Name, r.err)
		}
		if seen[t.Name] {
			return nil, fmt.Errorf("tensor %.80q appears twice", t.Name)
		}
		if !utf8.ValidString(t.Name) {
			return nil, fmt.Errorf("tensor %.80q: the name is not UTF-8", t.Name)
		}
		seen[t.Name] = true
		f.Tensors = append(f.Tensors, t)
	}
	return offsets, nil
}

// place finds the tensors' bytes after the header, which ends at head. As llama.cpp asks for, they
// follow each other in order, each padded to the alignment.
func (f *File) place(data []byte, head int, offsets []uint64) error {
	pad := func(n uint64) uint64 { return (n + uint64(f.alignment) - 1) &^ (uint64(f.alignment) - 1) }
	start := pad(uint64(head))
	if len(f.Tensors) > 0 && start > uint64(len(data)) {
		return fmt.Errorf("tensors begin at byte %d of %d: truncated", start, len(data))
	}
	f.end = head
	at := uint64(0)
	for i := range f.Tensors {
		t := &f.Tensors[i]
		size, err := t.Type.Bytes(t.Shape)
		if err != nil {
			return fmt.Errorf("tensor %.80q: %w", t.Name, err)
		}
		body := uint64(len(data)) - start
		if offsets[i] != at {
			return fmt.Errorf("tensor %.80q begins at byte %d, expected %d: tensors overlap or leave a hole",
				t.Name, offsets[i], at)
		}
		if at > body || size > body-at {
			return fmt.Errorf("tensor %.80q needs bytes %d to %d, and the file has %d: truncated",
				t.Name, start+at, start+at+size, len(data))
		}
		t.Data = data[start+at : start+at+size : start+at+size]
		f.end = int(start + at + size)
		at = pad(at + size)
	}
	return nil
}

// reader takes values off the front of bytes. After the first error, which it keeps, it returns zeros.
type reader struct {
	data []byte
	at   int
	err  error
}

// take returns the next n bytes, nil if there are fewer.
func (r *reader) take(n uint64) []byte {
	if r.err != nil || n > uint64(len(r.data)-r.at) {
		if r.err == nil {
			r.err = fmt.Errorf("%d bytes are wanted at byte %d of %d: truncated", n, r.at, len(r.data))
		}
		return nil
	}
	b := r.data[r.at : r.at+int(n) : r.at+int(n)]
	r.at += int(n)
	return b
}

func (r *reader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *reader) string() string { return string(r.take(r.uint64())) }
