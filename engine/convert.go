package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/checkpoint/gguf"
)

// Convert writes a model, which is found as by Find, anew: as a GGUF file if out ends in .gguf, with matrices
// as F32, F16, BF16 or Q8_0 and vectors as F32, otherwise as a Hugging Face folder, in the first three, which
// must not be there yet. What is written is complete or absent. Notes tell what a person must know of how the
// model was read, and of what the file cannot say.
func Convert(name, out string, as gguf.Type) (notes []string, err error) {
	s, err := Find(name)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	folder, err := checkpoint.Open(s.Dir)
	if err != nil {
		return nil, checkpoint.NotModel(s.Dir, err)
	}
	defer folder.Close()
	companions, err := checkpoint.ReadCompanions(s.Dir)
	if err != nil {
		return nil, err
	}
	if filepath.Ext(out) == gguf.Ext {
		more, err := checkpoint.WriteGGUF(out, folder.Config, companions, as, folder.Tensor)
		return append(folder.Notes, more...), err
	}
	dtype, ok := map[gguf.Type]checkpoint.DType{
		gguf.F32: checkpoint.F32, gguf.F16: checkpoint.F16, gguf.BF16: checkpoint.BF16,
	}[as]
	if !ok {
		return nil, fmt.Errorf("a folder cannot hold %s: name a file that ends in %s", as, gguf.Ext)
	}
	if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s already exists: name a folder that does not", out)
	}
	var tensors iter.Seq2[checkpoint.Tensor, error] = func(yield func(checkpoint.Tensor, error) bool) {
		for _, spec := range folder.Config.Model().Tensors() {
			t, err := folder.Tensor(spec.Name)
			if !yield(t, err) || err != nil {
				return
			}
		}
	}
	return folder.Notes, checkpoint.Write(out, folder.Config, tensors,
		checkpoint.WriteOptions{DType: dtype, Companions: companions})
}
