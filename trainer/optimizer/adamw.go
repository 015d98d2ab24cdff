package optimizer

import (
	"fmt"
	"math"

	"github.com/stele-lm/stele/internal/nearest"
)

// AdamW holds the optimiser's settings; the update is torch.optim.AdamW's, on
// every parameter, after clipping the gradient's norm as clip_grad_norm_ does.
type AdamW struct {
	// LR is the learning rate after the warm-up.
	LR float64 `yaml:"lr" json:"lr"`
	// Beta1 is the decay of the running mean of the gradient.
	Beta1 float64 `yaml:"beta1" json:"beta1"`
	// Beta2 is the decay of the running mean of its squares.
	Beta2 float64 `yaml:"beta2" json:"beta2"`
	// Epsilon is added to the square root of the mean of squares.
	Epsilon float64 `yaml:"epsilon" json:"epsilon"`
	// WeightDecay is the share of each weight, times the learning rate, that a step subtracts.
	WeightDecay float64 `yaml:"weight_decay" json:"weight_decay"`
	// MaxGradNorm is the norm above which a gradient is scaled down; 0 does not clip.
	MaxGradNorm float64 `yaml:"max_grad_norm" json:"max_grad_norm"`
	// Warmup is the number of the run's steps in which the learning rate rises from 0.
	Warmup int `yaml:"warmup" json:"warmup"`
	// Schedule is the course of the learning rate after the warm-up: constant or cosine (to min_lr_ratio of
	// it at the last step).
	Schedule string `yaml:"schedule" json:"schedule"`
	// MinLRRatio is the share of the learning rate at which the cosine ends, like verl's setting of that
	// name.
	MinLRRatio float64 `yaml:"min_lr_ratio" json:"min_lr_ratio,omitempty"`
	// State is the precision of the moments: float32, bfloat16 or int8. docs/memory.md says what the
	// smaller ones cost.
	State string `yaml:"state" json:"state"`
	// Masters keeps float32 copies of weights that are held in bfloat16. Without them an update rounds each
	// weight up or down at random, so that it moves correctly on average.
	Masters bool `yaml:"masters" json:"masters"`
	// ZeROStage is the stage of ZeRO, as DeepSpeed's zero_optimization.stage. 1 divides the moments and masters over
	// the processes that mpirun or srun started. 2 divides the gradients, too, which are then exchanged in every pass
	// (docs/cluster.md). With 0 each process has all of them. Checkpoints are the same.
	ZeROStage int `yaml:"zero_stage" json:"zero_stage,omitempty"`
}

// Default is torch's, at a learning rate for reinforcement and with the gradient's norm
// clipped at 1.
func Default() AdamW {
	return AdamW{
		LR: 1e-6, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.01, MaxGradNorm: 1,
		Schedule: "constant",
		State:    StateFloat32, Masters: true,
	}
}

// Validate refuses settings that are out of range and unknown schedules and states.
func (a AdamW) Validate() error {
	switch {
	case !(a.LR > 0):
		return fmt.Errorf("optimizer: lr %g must be positive", a.LR)
	case a.Beta1 < 0 || a.Beta1 >= 1 || a.Beta2 < 0 || a.Beta2 >= 1:
		return fmt.Errorf("optimizer: beta1 %g and beta2 %g must be in [0, 1)", a.Beta1, a.Beta2)
	case !(a.Epsilon > 0) || a.WeightDecay < 0 || a.MaxGradNorm < 0 || a.Warmup < 0:
		return fmt.Errorf("optimizer: epsilon %g must be positive; weight_decay %g, max_grad_norm %g and "+
			"warmup %d must not be negative",
			a.Epsilon, a.WeightDecay, a.MaxGradNorm, a.Warmup)
	case a.Schedule != "constant" && a.Schedule != "cosine":
		return fmt.Errorf("optimizer: unknown schedule %q: expected constant or cosine%s", a.Schedule,
			nearest.Hint(a.Schedule, []string{"constant", "cosine"}))
	case !(a.MinLRRatio >= 0 && a.MinLRRatio <= 1):
		return fmt.Errorf("optimizer: min_lr_ratio %g must be in [0, 1]", a.MinLRRatio)
	case a.ZeROStage < 0 || a.ZeROStage > 2:
		return fmt.Errorf("optimizer: zero_stage %d: expected 0, 1 or 2", a.ZeROStage)
	case a.State != StateFloat32 && a.State != StateBFloat16 && a.State != StateInt8:
		return fmt.Errorf("optimizer: unknown state %q: expected float32, bfloat16 or int8%s", a.State,
			nearest.Hint(string(a.State), []string{string(StateFloat32), string(StateBFloat16),
				string(StateInt8)}))
	}
	return nil
}

// Rate is the learning rate of a step, counted from 1, of a run of total steps.
func (a AdamW) Rate(step, total int) float64 {
	if step <= a.Warmup {
		return a.LR * float64(step) / float64(a.Warmup)
	}
	if a.Schedule == "cosine" && total > a.Warmup {
		done := float64(step-1-a.Warmup) / float64(total-a.Warmup)
		return a.LR * (a.MinLRRatio + (1-a.MinLRRatio)*0.5*(1+math.Cos(math.Pi*min(done, 1))))
	}
	return a.LR
}
