package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Folder is an opened model folder.
type Folder struct {
	Dir    string
	Config *Config
	// Extra names tensors that the model has no use for.
	Extra []string
	files []*File
	where map[string]*File
}

// Open reads a folder's configuration, maps its weights and checks that every
// tensor of the model is there, once, with its shape.
func Open(dir string) (*Folder, error) {
	config, err := LoadConfig(dir)
	if err != nil {
		return nil, err
	}
	f := &Folder{Dir: dir, Config: config, where: map[string]*File{}}
	if err := f.open(); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

const (
	singleFile = "model.safetensors"
	indexFile  = "model.safetensors.index.json"
)

func (f *Folder) open() error {
	index, err := readIndex(filepath.Join(f.Dir, indexFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	shards := []string{singleFile}
	if index != nil {
		shards = shards[:0]
		for _, shard := range index {
			shards = append(shards, shard)
		}
		slices.Sort(shards)
		shards = slices.Compact(shards)
	}
	for _, shard := range shards {
		file, err := OpenFile(filepath.Join(f.Dir, shard))
		if errors.Is(err, fs.ErrNotExist) && index == nil {
			return fmt.Errorf("%s has neither %s nor %s", f.Dir, singleFile, indexFile)
		}
		if err != nil {
			return err
		}
		f.files = append(f.files, file)
		for _, name := range file.Names() {
			if first := f.where[name]; first != nil {
				return fmt.Errorf("tensor %s is in %s and in %s", name, first.Path, file.Path)
			}
			if index != nil && index[name] != shard {
				return fmt.Errorf("tensor %s is in %s, %s says %q", name, file.Path, indexFile, index[name])
			}
			f.where[name] = file
		}
	}
	expected := map[string]bool{}
	for _, spec := range f.Config.TensorSpecs() {
		expected[spec.Name] = true
		file := f.where[spec.Name]
		if file == nil {
			return fmt.Errorf("%s: tensor %s is missing", f.Dir, spec.Name)
		}
		t := file.tensors[spec.Name]
		if !slices.Equal(t.Shape, spec.Shape) {
			return fmt.Errorf("%s: tensor %s has shape %v, expected %v", file.Path, spec.Name, t.Shape, spec.Shape)
		}
		if t.DType == U8 {
			return fmt.Errorf("%s: tensor %s is %s, expected F32, BF16 or F16", file.Path, spec.Name, t.DType)
		}
	}
	for name := range f.where {
		if !expected[name] {
			f.Extra = append(f.Extra, name)
		}
	}
	slices.Sort(f.Extra)
	return nil
}

// readIndex reads which file holds each tensor. A name that leads out of the
// folder is refused.
func readIndex(path string) (map[string]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	index, err := parseIndex(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return index, nil
}

func parseIndex(data []byte) (map[string]string, error) {
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, err
	}
	if len(index.WeightMap) == 0 {
		return nil, errors.New("weight_map is empty")
	}
	for name, file := range index.WeightMap {
		if file == "" || file != filepath.Base(file) || !strings.HasSuffix(file, ".safetensors") {
			return nil, fmt.Errorf("tensor %.80q is said to be in %.80q, which is not a safetensors file of the folder", name, file)
		}
	}
	return index.WeightMap, nil
}

// Tensor returns a tensor of the model; it is valid until Close.
func (f *Folder) Tensor(name string) (Tensor, error) {
	file := f.where[name]
	if file == nil {
		return Tensor{}, fmt.Errorf("%s: no tensor %s", f.Dir, name)
	}
	return file.Tensor(name)
}

// Forget is Tensor.Forget for everything at once: pages that tensors share, or that
// the system mapped along with others, are then let go as well.
func (f *Folder) Forget() {
	for _, file := range f.files {
		_ = unix.Madvise(file.mapping, unix.MADV_DONTNEED) // advice: nothing depends on it
	}
}

// Close unmaps the weights.
func (f *Folder) Close() error {
	var errs []error
	for _, file := range f.files {
		errs = append(errs, file.Close())
	}
	return errors.Join(errs...)
}
