package engine

import (
	"iter"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/checkpoint"
)

// KeepCompanions reads the tokenizer and the other files of the folder that the model
// came from, so that Save does not need the folder any more.
func (e *Engine) KeepCompanions() (err error) {
	e.companions, err = checkpoint.ReadCompanions(e.Dir)
	return err
}

// Save writes the model, its adapter merged into it, as a Hugging Face folder in the dtype its weights are
// held in, with the tokenizer and the other files of the folder it came from: as they were
// at KeepCompanions or, without that, as they are now. The folder is complete or absent.
func (e *Engine) Save(dir string) error {
	if e.companions == nil {
		if err := e.KeepCompanions(); err != nil {
			return err
		}
	}
	w := e.Weights
	var tensors iter.Seq2[checkpoint.Tensor, error] = func(yield func(checkpoint.Tensor, error) bool) {
		for i, spec := range w.Specs {
			values, err := w.Merged(i)
			if !yield(checkpoint.Float32Tensor(spec.Name, spec.Shape, values), err) || err != nil {
				return
			}
		}
	}
	return checkpoint.Write(dir, w.Config, tensors, checkpoint.WriteOptions{
		DType: checkpointDType(w.HeldAs()), Companions: e.companions,
	})
}

func checkpointDType(dtype dtypes.DType) checkpoint.DType {
	if dtype == dtypes.BFloat16 {
		return checkpoint.BF16
	}
	return checkpoint.F32
}
