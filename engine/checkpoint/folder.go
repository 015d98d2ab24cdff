package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint/gguf"
	"github.com/stele-lm/stele/internal/jsonl"
)

// Folder is an opened model folder.
type Folder struct {
	Dir string
	// Config has the values of config.json, but for TieEmbeddings, which the weights decide.
	Config *Config
	// Notes tell a person, a line each, how the folder was read where that may surprise.
	Notes []string

	files []*File
	where map[string]stored // tensors by the model's names for them
	index map[string]string // file of each tensor; nil if there is none
}

// stored names the file that holds a tensor, and the name of the tensor there.
type stored struct {
	file *File
	name string
}

func (s stored) tensor() Tensor { return s.file.tensors[s.name] }

// Open reads the configuration of a folder, or of a GGUF file, maps its weights and checks that every
// tensor of the model is there, once, with its shape, and that none is there that
// belongs to another model.
func Open(dir string) (*Folder, error) {
	config, err := LoadConfig(dir)
	if err != nil {
		return nil, err
	}
	f := &Folder{Dir: dir, Config: config, where: map[string]stored{}}
	open, source := f.open, filepath.Join(dir, "config.json")
	if gguf.Is(dir) {
		open, source = f.openGGUF, dir
	}
	for _, note := range config.notes {
		f.note("%s: %s", source, note)
	}
	for _, step := range []func() error{open, f.gather, f.decode, f.checkQuantised, f.tie, f.check, f.checkUnread} {
		if err := step(); err != nil {
			f.Close()
			return nil, err
		}
	}
	return f, nil
}

func (f *Folder) note(format string, args ...any) {
	f.Notes = append(f.Notes, fmt.Sprintf(format, args...))
}

const (
	singleFile = "model.safetensors"
	indexFile  = "model.safetensors.index.json"
)

// open maps the files that hold the weights. As in transformers, one file is taken if it
// is there, whatever an index beside it says.
func (f *Folder) open() error {
	shards := []string{singleFile}
	index, err := readIndex(filepath.Join(f.Dir, indexFile))
	info, missing := os.Stat(filepath.Join(f.Dir, singleFile))
	switch single := missing == nil && info.Mode().IsRegular(); {
	case single:
		for _, name := range slices.Sorted(maps.Keys(index)) {
			if index[name] != singleFile {
				f.note("%s: %s is read, and %s, which has %s in %s, is not",
					f.Dir, singleFile, indexFile, name, index[name])
				break
			}
		}
	case err == nil:
		f.index = index
		shards = slices.Compact(slices.Sorted(maps.Values(index)))
	case !errors.Is(err, fs.ErrNotExist):
		return err
	case errors.Is(missing, fs.ErrNotExist):
		return fmt.Errorf("%s has neither %s nor %s", f.Dir, singleFile, indexFile)
	}
	for _, shard := range shards {
		file, err := OpenFile(filepath.Join(f.Dir, shard))
		if errors.Is(err, fs.ErrNotExist) && f.index != nil {
			return fmt.Errorf("%s is missing, and %s says that it has tensors: fetch the rest of the model",
				filepath.Join(f.Dir, shard), indexFile)
		}
		if err != nil {
			return err
		}
		f.files = append(f.files, file)
	}
	return f.noteFiles(shards, index)
}

// noteFiles names the files of tensors that are not read, but for a trainer's own.
func (f *Folder) noteFiles(shards []string, index map[string]string) error {
	entries, err := os.ReadDir(f.Dir)
	if err != nil {
		return err
	}
	var others []string
	indexed := slices.Collect(maps.Values(index))
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasSuffix(name, ".safetensors") && name != "trainer_state.safetensors" &&
			!slices.Contains(shards, name) && !slices.Contains(indexed, name) {
			others = append(others, name)
		}
	}
	i := slices.Index(others, "adapter_model.safetensors")
	if i >= 0 && exists(f.Dir, "adapter_config.json") {
		others = slices.Delete(others, i, i+1)
		f.note("%s: adapter_model.safetensors is not added to %s: transformers adds it where PEFT is "+
			"installed, and --adapter %s does, which is right unless it is merged already", f.Dir,
			strings.Join(shards, ", "), f.Dir)
	}
	if len(others) > 0 {
		f.note("%s: not read: %s", f.Dir, strings.Join(others, ", "))
	}
	return nil
}

// gather finds the tensors by the model's names for them. A base model saved without its
// head has names without "model.". A tensor that appears twice must be the same.
func (f *Folder) gather() error {
	names := map[string]bool{head: true} // tied or not
	for _, spec := range f.Config.Model().Tensors() {
		names[spec.Name] = true
	}
	var twice, unnamed, elsewhere []string
	for _, file := range f.files {
		for _, name := range slices.Sorted(maps.Keys(file.tensors)) {
			here := stored{file, name}
			own := name
			if bare, cut := strings.CutPrefix(name, "model."); names["model."+name] {
				own = "model." + name
			} else if cut && names[bare] {
				own = bare
			}
			if first, ok := f.where[own]; ok {
				if !equal(first.tensor(), here.tensor()) {
					return fmt.Errorf("tensor %s is in %s as %s and in %s as %s, with different values", own,
						first.file.Path, first.name, file.Path, name)
				}
				twice = append(twice, name)
				continue
			}
			f.where[own] = here
			if f.index != nil && f.index[name] == "" {
				unnamed = append(unnamed, name)
			}
		}
	}
	for name, shard := range f.index {
		named := func(file *File) bool { return filepath.Base(file.Path) == shard }
		if i := slices.IndexFunc(f.files, named); i >= 0 {
			if _, ok := f.files[i].tensors[name]; !ok {
				elsewhere = append(elsewhere, name)
			}
		}
	}
	for _, n := range []struct {
		names []string
		what  string
	}{
		{twice, "tensors that are there twice, with the same values"},
		{unnamed, "tensors that " + indexFile + " does not name"},
		{elsewhere, "tensors that are not in the file that " + indexFile + " names"},
	} {
		if len(n.names) > 0 {
			f.note("%s has %s: %s", f.Dir, n.what, summary(n.names))
		}
	}
	return nil
}

// equal reports whether two tensors have the same elements, whatever they are stored as.
func equal(a, b Tensor) bool {
	defer a.Forget()
	defer b.Forget()
	if !slices.Equal(a.Shape, b.Shape) {
		return false
	}
	if a.DType == b.DType && a.DType != Coded {
		return bytes.Equal(a.Data, b.Data)
	}
	if !a.DType.isFloat() || !b.DType.isFloat() {
		return false
	}
	x, y := make([]float32, a.Len()), make([]float32, b.Len())
	a.Float32s(x)
	b.Float32s(y)
	return slices.Equal(x, y)
}

const embedding, head = architecture.EmbeddingName, architecture.HeadName

// tie decides as transformers does whether a model whose configuration ties its head to
// its embedding has one matrix: either may be the one that is there, and if both are and
// differ, they are two.
func (f *Folder) tie() error {
	own, tied := f.where[head]
	if !f.Config.TieEmbeddings || !tied {
		return nil
	}
	embed, ok := f.where[embedding]
	switch {
	case !ok:
		f.where[embedding] = own
	case !equal(embed.tensor(), own.tensor()):
		f.Config.TieEmbeddings = false
		f.note("%s: tie_word_embeddings is true, but %s and %s are there and differ: "+
			"they are not tied, as in transformers", f.Dir, embedding, head)
		return nil
	}
	delete(f.where, head)
	return nil
}

// check looks for every tensor of the model.
func (f *Folder) check() error {
	for _, spec := range f.Config.Model().Tensors() {
		at, ok := f.where[spec.Name]
		if !ok {
			return fmt.Errorf("%s: tensor %s is missing%s", f.Dir, spec.Name, f.whyMissing(spec.Name))
		}
		t := at.tensor()
		if !slices.Equal(t.Shape, spec.Shape) {
			return fmt.Errorf("%s: tensor %s has shape %v, expected %v",
				at.file.Path, at.name, t.Shape, spec.Shape)
		}
		if !t.DType.isFloat() {
			return fmt.Errorf("%s: tensor %s is %s, expected F32, BF16 or F16",
				at.file.Path, at.name, t.DType)
		}
	}
	return nil
}

// whyMissing names what the folder has instead of a tensor, for the end of an error.
func (f *Folder) whyMissing(name string) string {
	for _, other := range slices.Sorted(maps.Keys(f.where)) {
		if prefix, ok := strings.CutSuffix(other, name); ok && prefix != "" {
			return fmt.Sprintf(": %s is there: remove %q from the names", other, prefix)
		}
	}
	dot := strings.LastIndexByte(name, '.')
	module, kind := name[:dot], name[dot:]
	for _, wrapped := range []string{module + ".base_layer" + kind, module + ".original_module" + kind} {
		if f.where[wrapped].file != nil {
			return fmt.Sprintf(": %s is there, so an adapter was saved with the model and not merged into it",
				wrapped)
		}
	}
	if shard, ok := f.index[name]; ok {
		return fmt.Sprintf(": %s says that it is in %s", indexFile, shard)
	}
	if name == head {
		return ": the folder has no head, and tie_word_embeddings is not true, " +
			"which would take the embedding for it"
	}
	if f.index != nil {
		return fmt.Sprintf(": %s does not mention it", indexFile)
	}
	return ""
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
	if err := jsonl.Unmarshal(data, &index); err != nil {
		return nil, err
	}
	if len(index.WeightMap) == 0 {
		return nil, errors.New("weight_map is empty")
	}
	for name, file := range index.WeightMap {
		if file == "" || file != filepath.Base(file) || !strings.HasSuffix(file, ".safetensors") {
			return nil, fmt.Errorf("tensor %.80q should be in %.80q, "+
				"which is not a safetensors file of the folder", name, file)
		}
	}
	return index.WeightMap, nil
}

// Tensor returns a tensor of the model; it is valid until Close.
func (f *Folder) Tensor(name string) (Tensor, error) {
	at, ok := f.where[name]
	if !ok {
		return Tensor{}, fmt.Errorf("%s: no tensor %s", f.Dir, name)
	}
	t, err := at.file.Tensor(at.name)
	t.Name = name
	return t, err
}

// Forget does what Tensor.Forget does for all tensors at once: pages that tensors share, or that
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
