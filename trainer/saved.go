package trainer

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
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

// exact lists the weights, those of a device, that a checkpoint has to keep beside the model, because that is written
// in less than they are held in. Those of a base that is not trained are read from where they came.
func (r *run) exact(w *model.Weights) (all []tensorfile.Tensor) {
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
	for _, w := range r.engine.Weights.Replicas() {
		if err := tensorfile.Read(path, w.Device, r.exact(w)); err != nil {
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
