package checkpoint

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"

	"github.com/stele-lm/stele/engine/checkpoint/gguf"
)

// Files returns what is beside a model's weights, by the names of a Hugging Face folder: the folder itself, or
// what the metadata of a GGUF file stand for.
func Files(dir string) (fs.FS, error) {
	if !gguf.Is(dir) {
		return os.DirFS(dir), nil
	}
	files, err := filesOfGGUF(dir)
	if err != nil {
		return nil, err
	}
	config, err := LoadConfig(dir)
	if err != nil {
		return nil, err
	}
	files["config.json"] = config.Raw
	return files, nil
}

// memory is a folder without folders, by the names of its files.
type memory map[string][]byte

func (m memory) Open(name string) (fs.File, error) {
	data, ok := m[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &memoryFile{Reader: bytes.NewReader(data), name: name}, nil
}

func (m memory) ReadFile(name string) ([]byte, error) {
	data, ok := m[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return slices.Clone(data), nil
}

func (m memory) Glob(pattern string) (names []string, err error) {
	for name := range m {
		ok, err := path.Match(pattern, name)
		if err != nil {
			return nil, err
		}
		if ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// memoryFile is an open file of memory, and what is known of it.
type memoryFile struct {
	*bytes.Reader
	name string
}

func (f *memoryFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *memoryFile) Close() error               { return nil }
func (f *memoryFile) Name() string               { return f.name }
func (f *memoryFile) Mode() fs.FileMode          { return 0o444 }
func (f *memoryFile) ModTime() time.Time         { return time.Time{} }
func (f *memoryFile) IsDir() bool                { return false }
func (f *memoryFile) Sys() any                   { return nil }
