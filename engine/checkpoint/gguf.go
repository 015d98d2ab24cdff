package checkpoint

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/engine/checkpoint/gguf"
)

// configOfGGUF reads the configuration of a GGUF file. Its Raw is the config.json of the same model.
func configOfGGUF(path string) (*Config, error) {
	file, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	settings, notes, err := file.Config()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	fields := membersOf(settings)
	if family := architecture.Find(file.Text("general.architecture")); family != nil {
		fields.add("architectures", []string{family.Class})
	}
	text, err := fields.text()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c, err := parseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c.notes = append(c.notes, notes...)
	return c, nil
}

// membersOf returns settings as a JSON object.
func membersOf(settings gguf.Settings) (m members) {
	for _, s := range settings {
		switch value := s.Value.(type) {
		case float64:
			m.set(s.Key, float(value))
		case gguf.Settings:
			text, err := membersOf(value).text()
			if err != nil {
				text = []byte("null") // of a number that JSON has not, which is refused where it is read
			}
			m.set(s.Key, text)
		default:
			m.add(s.Key, value)
		}
	}
	return m
}

// openGGUF maps a GGUF file. Its tensors have their names in a Hugging Face folder from here on; one that no
// folder has keeps its own and is refused, but for the table that Config has read.
func (f *Folder) openGGUF() error {
	container, err := gguf.Open(f.Dir)
	if err != nil {
		return err
	}
	var unknown []string
	for _, part := range append([]*gguf.File{container}, container.Others...) {
		file := &File{Path: part.Path, mapping: part.Mapping, tensors: map[string]Tensor{}}
		f.files = append(f.files, file)
		for _, t := range part.Tensors {
			name, ok := gguf.TheirName(t.Name)
			switch {
			case t.Name == gguf.Frequencies && f.Config.Rope.Type != architecture.PlainRope:
				continue
			case !ok:
				unknown = append(unknown, t.Name)
				continue
			}
			if file.tensors[name], err = f.tensorOf(t, name); err != nil {
				return fmt.Errorf("%s: tensor %s: %w", part.Path, t.Name, err)
			}
			file.names = append(file.names, name)
		}
	}
	if len(unknown) > 0 {
		return fmt.Errorf("%s holds tensors that a %s does not have: %s", f.Dir, f.Config.Architecture,
			summary(unknown))
	}
	return nil
}

// tensorOf returns a tensor of a GGUF file by its name in a folder.
func (f *Folder) tensorOf(t gguf.Tensor, name string) (Tensor, error) {
	if err := t.Type.Check(); err != nil {
		return Tensor{}, err
	}
	width := 0
	if gguf.Paired(f.Config.Architecture.Type, t.Name) {
		if width = f.Config.HeadDim; len(t.Shape) == 0 || t.Shape[0]%width != 0 {
			return Tensor{}, fmt.Errorf("it has shape %v, expected rows for heads of %d", t.Shape, width)
		}
	}
	return decodedTensor(t, name, width), nil
}

// decodedTensor returns a tensor of a GGUF file by another name. Its rows lie in pairs in heads of a width, as they
// are where width is 0.
func decodedTensor(t gguf.Tensor, name string, width int) Tensor {
	out := Tensor{Name: name, Shape: t.Shape, Data: t.Data, DType: Coded}
	plain := map[gguf.Type]DType{gguf.F32: F32, gguf.F16: F16, gguf.BF16: BF16}
	dtype, isPlain := plain[t.Type]
	if isPlain && width == 0 {
		out.DType = dtype
		return out
	}
	place := func(row int) int { return row }
	if width != 0 {
		place = func(row int) int { return gguf.RowHere(row, width) }
	}
	if isPlain {
		out.order = &dtype
	}
	if len(t.Shape) == 1 { // a row has one number, and a block has more
		values := make([]float32, t.Shape[0])
		t.Type.Decode(values, t.Data)
		out.rows = func(dst []float32, row int) { dst[0] = values[place(row)] }
		return out
	}
	size := t.Type.RowBytes(t.Shape[len(t.Shape)-1])
	out.rows = func(dst []float32, row int) {
		at := place(row)
		if isPlain {
			Tensor{DType: dtype, Data: t.Data[at*size : (at+1)*size]}.Float32s(dst)
			return
		}
		t.Type.Decode(dst, t.Data[at*size:(at+1)*size])
	}
	return out
}

// filesOfGGUF returns the files that stand for the tokenizer and the chat template of a GGUF file.
func filesOfGGUF(path string) (memory, error) {
	file, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	files, err := file.Files()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return memory(files), nil
}

// WriteGGUF writes a model as a GGUF file, whole or not at all: its matrices in a type, its vectors as F32. A
// matrix whose rows are no whole blocks of the type is written as F32. companions are the files of its folder
// (see ReadCompanions); tensor returns a tensor by its name there. Notes tell what of the model the file
// cannot say.
func WriteGGUF(path string, c *Config, companions map[string][]byte, as gguf.Type,
	tensor func(name string) (Tensor, error)) (notes []string, err error) {
	name := strings.TrimSuffix(filepath.Base(path), gguf.Ext)
	m := gguf.Model{Name: name, Config: &c.Config, EOS: c.EOS, Files: companions, Type: as}
	fields, notes, err := m.Metadata()
	if err != nil {
		return nil, err
	}
	var outputs []gguf.Output
	if divisors := gguf.Divisors(&c.Config); divisors != nil {
		outputs = append(outputs, gguf.Output{
			Name: gguf.Frequencies, Type: gguf.F32, Shape: []int{len(divisors)},
			Row: func(dst []float32, _ int) error { copy(dst, divisors); return nil },
		})
	}
	var others []string
	for _, spec := range c.Model().Tensors() {
		out := gguf.Output{Type: gguf.F32, Shape: spec.Shape}
		var ok bool
		if out.Name, ok = gguf.OurName(spec.Name); !ok {
			return nil, fmt.Errorf("tensor %s has no name in GGUF", spec.Name)
		}
		if len(spec.Shape) == 2 {
			out.Type = as
			if _, err := as.Bytes(spec.Shape); err != nil {
				out.Type = gguf.F32
				others = append(others, spec.Name)
			}
		}
		out.Row = rowsOf(spec, tensor, gguf.IsPaired(c.Architecture, out.Name), c.HeadDim)
		outputs = append(outputs, out)
	}
	if len(others) > 0 {
		notes = append(notes, fmt.Sprintf("written as F32, because their rows are no whole blocks of %s: %s", as,
			summary(others)))
	}
	for i := range notes {
		notes[i] = path + ": " + notes[i]
	}
	return notes, gguf.Write(path, fields, outputs)
}

// rowsOf yields the rows of a tensor in the order of a file, in which those of heads of a width may lie in
// pairs. The tensor is asked for when its first row is, and let go of with its last.
func rowsOf(spec architecture.Tensor, tensor func(string) (Tensor, error), paired bool, width int,
) func(dst []float32, row int) error {
	var t Tensor
	return func(dst []float32, row int) (err error) {
		if row == 0 {
			if t, err = tensor(spec.Name); err != nil {
				return err
			}
		}
		switch {
		case len(spec.Shape) == 1 && paired:
			values := make([]float32, len(dst))
			t.Float32s(values)
			for i := range dst {
				dst[i] = values[gguf.RowThere(i, width)]
			}
		case len(spec.Shape) == 1:
			t.Float32s(dst)
		case paired:
			t.Row(dst, gguf.RowThere(row, width))
		default:
			t.Row(dst, row)
		}
		if len(spec.Shape) == 1 || row == spec.Shape[0]-1 {
			t = Tensor{}
		}
		return nil
	}
}
