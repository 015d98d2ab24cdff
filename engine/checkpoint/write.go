package checkpoint

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
)

// WriteOptions say how a folder is written.
type WriteOptions struct {
	DType DType // of the weights in the file
	// Companions are the other files of the folder, by name; see ReadCompanions.
	Companions map[string][]byte
}

// companionNames are the files that belong to a model beside its weights.
var companionNames = []string{
	"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
	"merges.txt", "tokenizer.model", "chat_template.jinja", "chat_template.json", "generation_config.json",
}

// moreTemplates is the folder of the chat templates beside chat_template.jinja.
const moreTemplates = "additional_chat_templates"

// ReadCompanions reads the tokenizer, chat template and generation settings of a
// model folder, as far as it has them, or what stands for them in a GGUF file. They are small, and held in
// memory they outlive the folder: a run that was resumed from a checkpoint removes it later.
func ReadCompanions(dir string) (map[string][]byte, error) {
	folder, err := Files(dir)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	templates, err := fs.Glob(folder, moreTemplates+"/*.jinja")
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Concat(companionNames, templates) {
		data, err := fs.ReadFile(folder, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
		files[name] = data
	}
	return files, nil
}

// Write makes a folder that transformers loads. The folder appears under its name
// when all of it is on disk; an older folder of that name is replaced then.
// Tensors come one at a time and are written as they come.
func Write(dir string, c *Config, tensors iter.Seq2[Tensor, error], o WriteOptions) error {
	parent, base := filepath.Split(filepath.Clean(dir))
	if parent == "" {
		parent = "."
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	staging, err := os.MkdirTemp(parent, "."+base+".partial-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(staging) // gone already when all went well
	if err := os.Chmod(staging, 0o755); err != nil {
		return err
	}
	config, err := c.file(o.DType)
	if err != nil {
		return err
	}
	if err := writeSynced(filepath.Join(staging, "config.json"), config); err != nil {
		return err
	}
	for name, data := range o.Companions {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(staging, name)), 0o755); err != nil {
			return err
		}
		if err := writeSynced(filepath.Join(staging, name), data); err != nil {
			return err
		}
	}
	var heads []Tensor
	for _, spec := range c.Model().Tensors() {
		heads = append(heads, Tensor{Name: spec.Name, Shape: spec.Shape, DType: o.DType})
	}
	err = writeTensors(filepath.Join(staging, singleFile), heads, tensors)
	if err != nil {
		return err
	}
	return replaceDir(staging, dir)
}

// replaceDir gives a finished folder its name; an older folder steps aside first
// and goes when the new one has its name.
func replaceDir(staging, dir string) error {
	old := staging + ".old"
	err := os.Rename(dir, old)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(staging, dir); err != nil {
		return errors.Join(err, os.Rename(old, dir))
	}
	return errors.Join(os.RemoveAll(old), syncDir(filepath.Dir(dir)))
}

// WriteFile writes a safetensors file of tensors as they are, whole or not at
// all. It goes through them twice: for the header and for the bytes.
func WriteFile(path string, tensors iter.Seq2[Tensor, error]) error {
	var heads []Tensor
	for t, err := range tensors {
		if err != nil {
			return err
		}
		t.Data = nil
		heads = append(heads, t)
	}
	return WriteFileOf(path, heads, tensors)
}

// WriteFileOf is WriteFile of tensors that are gone through once: heads are they without their data.
func WriteFileOf(path string, heads []Tensor, tensors iter.Seq2[Tensor, error]) error {
	staging := path + ".partial"
	defer os.Remove(staging)
	if err := writeTensors(staging, heads, tensors); err != nil {
		return err
	}
	return os.Rename(staging, path)
}

// writeTensors writes tensors that come in the order of heads, in the heads' dtypes.
func writeTensors(path string, heads []Tensor, tensors iter.Seq2[Tensor, error]) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	header, err := makeHeader(heads)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	i := 0
	for t, err := range tensors {
		if err != nil {
			return err
		}
		if i >= len(heads) || t.Name != heads[i].Name || !slices.Equal(t.Shape, heads[i].Shape) {
			return fmt.Errorf("%s: tensor %d is %s %v, which is not what was expected there",
				path, i, t.Name, t.Shape)
		}
		if _, err := w.Write(t.As(heads[i].DType).Data); err != nil {
			return err
		}
		i++
	}
	if i != len(heads) {
		return fmt.Errorf("%s: %d tensors, expected %d", path, i, len(heads))
	}
	return errors.Join(w.Flush(), f.Sync())
}

// makeHeader lays tensors out one after another; the header is padded with
// spaces so that the data begins at a multiple of 8.
func makeHeader(heads []Tensor) ([]byte, error) {
	header := map[string]any{"__metadata__": map[string]string{"format": "pt"}}
	at := 0
	for _, t := range heads {
		end := at + t.Len()*t.DType.Size()
		header[t.Name] = map[string]any{
			"dtype": t.DType.String(), "shape": t.Shape, "data_offsets": []int{at, end},
		}
		at = end
	}
	text, err := json.Marshal(header)
	if err != nil {
		return nil, err
	}
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...), nil
}

func writeSynced(path string, data []byte) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

// syncDir makes a rename in a folder last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && err != io.EOF {
		return err
	}
	return nil
}
