package trainer

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/trainer/memory"
	"github.com/stele-lm/stele/trainer/tensorfile"
)

// savedIn names the dtype that checkpoints of a run on a model are written in. A run that goes on writes them as it
// did: one from before there was a choice as the weights are held.
func (r *run) savedIn(s *engine.Source) string {
	held := checkpoint.F32
	if s.DType() == "bfloat16" && s.Device().IsXLA() {
		held = checkpoint.BF16
	}
	switch goesOn := r.started.Config.Model != ""; {
	case goesOn && r.started.Saved != "":
		return r.started.Saved
	case r.config.LoRA.Trains() && !r.config.LoRA.Merge: // no model is written, and adapters are float32
		return checkpoint.F32.TorchName()
	case r.config.Save.DType != "":
		return r.config.Save.DType
	case goesOn || held == checkpoint.BF16:
		return held.TorchName()
	}
	own, _ := s.StoredDType()
	return own.TorchName()
}

// savedDType is savedIn as files have it; what was not checked is saved as it is held.
func (r *run) savedDType() checkpoint.DType {
	if dtype, ok := checkpoint.ParseTorchName(r.saved); ok {
		return dtype
	}
	if r.engine.Weights.HeldAs() == dtypes.BFloat16 {
		return checkpoint.BF16
	}
	return checkpoint.F32
}

// exact lists the weights that a checkpoint has to keep beside the model, because that is written in less than they
// are held in. Those of a base that is not trained are read from where they came.
func (r *run) exact() (all []tensorfile.Tensor) {
	w := r.engine.Weights
	if r.adapter != nil || w.HeldAs() != dtypes.Float32 || r.savedDType() == checkpoint.F32 {
		return nil
	}
	for i, spec := range w.Specs {
		all = append(all, tensorfile.Tensor{
			Name: "weight." + spec.Name, Shape: shapes.Make(dtypes.Float32, spec.Shape...), Buffer: &w.Buffers[i],
		})
	}
	return all
}

// restoreExact puts back what exact has kept in the file of a checkpoint, on every device.
func (r *run) restoreExact(path string) error {
	kept := r.exact()
	if kept == nil {
		return nil
	}
	file, err := checkpoint.OpenFile(path)
	if err != nil {
		return err
	}
	defer file.Close()
	for i, t := range kept {
		found, err := file.Tensor(t.Name)
		if err != nil {
			return err
		}
		if found.DType != checkpoint.F32 || !slices.Equal(found.Shape, t.Shape.Dimensions) {
			return fmt.Errorf("%s: %s is %s %v, expected F32 %v", path, t.Name, found.DType, found.Shape,
				t.Shape.Dimensions)
		}
		values := make([]float32, found.Len())
		found.Float32s(values)
		if err := r.engine.Weights.Set(i, values); err != nil {
			return err
		}
	}
	return nil
}

// savedBytes adds to the size of a checkpoint what the dtype that it is written in makes of the model: less for
// each number, and the exact one beside it.
func (r *run) savedBytes(p memory.Plan, parameters int64) int64 {
	n := p.CheckpointBytes(r.config.LoRA)
	if r.saved == checkpoint.F32.TorchName() || r.options.DType == "bfloat16" || r.config.LoRA.Trains() {
		return n
	}
	return n + 2*parameters
}
