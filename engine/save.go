package engine

import (
	"fmt"
	"iter"
	"math"
	"slices"

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
	return e.SaveIn(dir, checkpointDType(e.Weights.HeldAs()))
}

// SaveIn is Save in a dtype of files. What float16 has no number for is saved in float32 then, and said as the
// options have it.
func (e *Engine) SaveIn(dir string, dtype checkpoint.DType) error {
	if dtype == checkpoint.F16 {
		name, err := e.beyondFloat16()
		if err != nil {
			return err
		}
		if name != "" {
			dtype = checkpoint.F32
			if e.options.Say != nil {
				fmt.Fprintf(e.options.Say, "%s: saved in float32, because %s has numbers beyond the largest of "+
					"float16, %g\n", dir, name, largestFloat16)
			}
		}
	}
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
	return checkpoint.Write(dir, w.Config, tensors, checkpoint.WriteOptions{DType: dtype, Companions: e.companions})
}

// largestFloat16 is the largest number of float16.
const largestFloat16 = 65504.0

// beyondFloat16 names a parameter with a number that would become infinite in float16; it is "" if there is none.
func (e *Engine) beyondFloat16() (string, error) {
	w := e.Weights
	for i, spec := range w.Specs {
		values, err := w.Merged(i)
		if err != nil {
			return "", err
		}
		// 65520 lies halfway to the next power of two, and is rounded to it.
		if slices.ContainsFunc(values, func(v float32) bool {
			size := math.Abs(float64(v))
			return size >= 65520 && !math.IsInf(size, 1)
		}) {
			return spec.Name, nil
		}
	}
	return "", nil
}

func checkpointDType(dtype dtypes.DType) checkpoint.DType {
	if dtype == dtypes.BFloat16 {
		return checkpoint.BF16
	}
	return checkpoint.F32
}
