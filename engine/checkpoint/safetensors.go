package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/stele-lm/stele/internal/jsonl"
)

// maxHeader is the longest safetensors header that is read, the reference
// implementation's own limit.
const maxHeader = 100_000_000

// File is a safetensors file, mapped into memory.
type File struct {
	Path    string
	mapping []byte
	tensors map[string]Tensor
	names   []string // in the order of their bytes
}

// OpenFile maps a file and checks its header: every tensor has a known dtype and
// as many bytes as its shape needs, and together they cover the file exactly.
func OpenFile(path string) (*File, error) {
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
	if info.Size() < 8 {
		return nil, fmt.Errorf("%s: %d bytes are too few for a safetensors file", path, info.Size())
	}
	mapping, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("%s: mapping %d bytes: %w", path, info.Size(), err)
	}
	file := &File{Path: path, mapping: mapping}
	if err := file.parse(mapping); err != nil {
		unix.Munmap(mapping)
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

// Close unmaps the file; tensors of it must not be used after.
func (f *File) Close() error {
	if f.mapping == nil {
		return nil
	}
	mapping := f.mapping
	f.mapping, f.tensors = nil, nil
	return unix.Munmap(mapping)
}

// Tensor returns a tensor by name.
func (f *File) Tensor(name string) (Tensor, error) {
	t, ok := f.tensors[name]
	if !ok {
		return t, fmt.Errorf("%s: no tensor %s", f.Path, name)
	}
	return t, nil
}

// Names lists the tensors in the order of their bytes.
func (f *File) Names() []string { return f.names }

// entry is one tensor of a header.
type entry struct {
	DType   string   `json:"dtype"`
	Shape   []int64  `json:"shape"`
	Offsets []uint64 `json:"data_offsets"`
}

// parse reads a whole file's bytes. Nothing in them is trusted.
func (f *File) parse(data []byte) error {
	length := binary.LittleEndian.Uint64(data)
	if length > maxHeader || length > uint64(len(data)-8) {
		return fmt.Errorf("header of %d bytes in a file of %d: truncated, or not a safetensors file",
			length, len(data))
	}
	entries, names, err := parseHeader(data[8 : 8+length])
	if err != nil {
		return fmt.Errorf("header: %w", err)
	}
	body := data[8+length:]
	f.tensors = make(map[string]Tensor, len(entries))
	for i, e := range entries {
		t, err := e.tensor(names[i], body)
		if err != nil {
			return fmt.Errorf("tensor %.80q: %w", names[i], err)
		}
		f.tensors[t.Name] = t
	}
	order := make([]int, len(entries))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		// By the end, too: an empty tensor shares its start with the next.
		return slices.Compare(entries[a].Offsets, entries[b].Offsets)
	})
	end := uint64(0)
	for _, i := range order {
		if o := entries[i].Offsets; o[0] != end {
			return fmt.Errorf("tensor %.80q begins at byte %d, expected %d: tensors overlap or leave a hole",
				names[i], o[0], end)
		}
		end = entries[i].Offsets[1]
		f.names = append(f.names, names[i])
	}
	if end != uint64(len(body)) {
		return fmt.Errorf("tensors end at byte %d of %d: truncated, or with bytes that belong to none",
			end, len(body))
	}
	return nil
}

// tensor checks an entry against the bytes that follow the header.
func (e entry) tensor(name string, body []byte) (Tensor, error) {
	dtype, err := parseDType(e.DType)
	if err != nil {
		return Tensor{}, err
	}
	if len(e.Offsets) != 2 || e.Offsets[0] > e.Offsets[1] || e.Offsets[1] > uint64(len(body)) {
		return Tensor{}, fmt.Errorf("data_offsets %v are outside the %d bytes of the file",
			e.Offsets, len(body))
	}
	size := int64(dtypeBits[dtype])
	shape := make([]int, len(e.Shape))
	for i, d := range e.Shape {
		if d < 0 || d != 0 && size > math.MaxInt64/d {
			return Tensor{}, fmt.Errorf("shape %v is not possible", e.Shape)
		}
		size *= d
		shape[i] = int(d)
	}
	if size%8 != 0 || uint64(size/8) != e.Offsets[1]-e.Offsets[0] {
		return Tensor{}, fmt.Errorf("shape %v of dtype %q needs %g bytes, data_offsets %v hold %d",
			e.Shape, e.DType, float64(size)/8, e.Offsets, e.Offsets[1]-e.Offsets[0])
	}
	own := body[e.Offsets[0]:e.Offsets[1]:e.Offsets[1]]
	return Tensor{Name: name, DType: dtype, Shape: shape, Data: own}, nil
}

// parseHeader reads the JSON object token by token, because encoding/json would
// silently keep the last of two equal keys.
func parseHeader(header []byte) (entries []entry, names []string, err error) {
	d := json.NewDecoder(bytes.NewReader(header))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, errors.New("not a JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, nil, jsonl.Explain(header, err)
		}
		name := t.(string) // a key is always a string
		if seen[name] {
			return nil, nil, fmt.Errorf("tensor %.80q appears twice", name)
		}
		seen[name] = true
		if name == "__metadata__" {
			var metadata map[string]string
			if err := d.Decode(&metadata); err != nil {
				return nil, nil, fmt.Errorf("__metadata__: %w", jsonl.Explain(header, err))
			}
			continue
		}
		var e entry
		if err := d.Decode(&e); err != nil {
			return nil, nil, fmt.Errorf("tensor %.80q: %w", name, jsonl.Explain(header, err))
		}
		entries = append(entries, e)
		names = append(names, name)
	}
	if _, err := d.Token(); err != nil {
		return nil, nil, jsonl.Explain(header, err)
	}
	if rest, _ := io.ReadAll(d.Buffered()); strings.TrimSpace(string(rest)) != "" {
		return nil, nil, errors.New("text after the JSON object")
	}
	return entries, names, nil
}
