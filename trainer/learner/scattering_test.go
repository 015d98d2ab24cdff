package learner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/trainer/lora"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/optimizer"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// scattered is a process's part of TestDivided: gradients that are divided, of passes of which one process has none,
// another one and the third four, are summed to those that each has whole, and to the same bits each time; a process
// that is stopped, or one of whose passes fails, leaves none waiting.
func scattered(job *cluster.Job) error {
	folder, err := checkpoint.Open(trainertest.Data("models/tiny-qwen2"))
	if err != nil {
		return err
	}
	defer folder.Close()
	collects = func(*backend.Device, int) bool { return false }
	shared := &backend.Shared{} // of the programs of two learners
	d, err := shared.Open("xla:cpu")
	if err != nil {
		return err
	}
	for _, c := range []struct {
		held dtypes.DType
		rank int // of an adapter
	}{{dtypes.Float32, 0}, {dtypes.BFloat16, 2}} {
		var norms []float64
		var weights [][][]float32
		for _, stage := range []int{0, 2, 2} {
			options := Options{AdamW: optimizer.Default(), Objective: objective.Policy(objective.Default()), Seed: 9,
				Job: job, Remat: c.rank > 0}
			options.AdamW.LR, options.AdamW.ZeROStage = 1e-3, stage
			norm, w, err := trainedIn(folder, d, c.held, c.rank, options)
			if err != nil {
				return fmt.Errorf("%+v, stage %d: %w", c, stage, err)
			}
			norms, weights = append(norms, norm), append(weights, w)
		}
		if norms[1] != norms[2] || math.Abs(norms[1]/norms[0]-1) > 1e-5 {
			return fmt.Errorf("%+v: the gradient's norms are %v", c, norms)
		}
		worst := 0.0
		for i, tensor := range weights[0] {
			for k, v := range tensor {
				if weights[1][i][k] != weights[2][i][k] {
					return fmt.Errorf("%+v: number %d of tensor %d is %g the one time and %g the other", c, k, i,
						weights[1][i][k], weights[2][i][k])
				}
				worst = max(worst, math.Abs(float64(v-weights[1][i][k])))
			}
		}
		if worst > 1e-6 {
			return fmt.Errorf("%+v: weights differ by %g", c, worst)
		}
	}
	return nil
}

// failingPasses has a pass of one process fail, before it begins and when it has given half of its gradients, while the
// others are in theirs or have none: all hear of it, and nothing of it is left when the gradients are forgotten.
func (l *Learner) failingPasses(job *cluster.Job, own []Pass) error {
	const rank = 2
	s := l.scattering
	for _, half := range []bool{false, true} {
		passes, specs := own, s.specs
		if job.Rank == rank && half {
			s.specs = slices.Clone(specs)
			s.specs[s.order[len(s.order)/2]].Shape = []int{1}
		} else if job.Rank == rank {
			passes = slices.Clone(own)
			passes[1].Columns = nil // its first goes well
		}
		_, err := l.AccumulateAll(context.Background(), passes, 1)
		s.specs = specs
		want := map[bool]string{false: `"weight" has 0 numbers`, true: "is not the next to come"}[half]
		if !cluster.IsAgreed(err) || !strings.Contains(err.Error(), fmt.Sprintf("rank %d on ", rank)) ||
			!strings.Contains(err.Error(), want) {
			return fmt.Errorf("a pass of rank %d failed, half of it done %v: %v", rank, half, err)
		}
	}
	return l.Forget()
}

// trainedIn takes two updates and returns the last one's norm and what was trained, the same in all processes.
func trainedIn(folder *checkpoint.Folder, d *backend.Device, held dtypes.DType, rank int, options Options) (
	norm float64, trained [][]float32, err error,
) {
	w := model.Open(folder, d, held)
	defer w.Close()
	if err := w.Upload(); err != nil {
		return 0, nil, err
	}
	if rank > 0 {
		lo := lora.Options{Rank: rank, Alpha: 8, Targets: []string{"q_proj", "down_proj"}}
		if options.Adapter, err = lora.New(w, lo, 5); err != nil {
			return 0, nil, err
		}
	}
	l, err := New(w, options)
	if err != nil {
		return 0, nil, err
	}
	defer l.Close()
	job, passes := options.Job, l.passesOf(fivePairs(folder))
	own := [][]Pass{nil, passes[:1], passes[1:]}[job.Rank]
	if l.scattering != nil {
		stopped, stop := context.WithCancel(context.Background())
		defer stop()
		if job.Rank == 2 {
			stop()
		}
		if _, err := l.AccumulateAll(stopped, own, 1); !errors.Is(err, context.Canceled) || !cluster.IsAgreed(err) {
			return 0, nil, fmt.Errorf("one process was stopped: %v", err)
		}
		if rank == 0 {
			err = l.failingPasses(job, own)
		}
		if err != nil {
			return 0, nil, err
		}
	}
	for range 2 {
		seen, err := l.AccumulateAll(context.Background(), own, 1)
		if err != nil {
			return 0, nil, err
		}
		for i, one := range seen {
			if len(one[objective.LogProb]) != own[i].Batch.Shape.N {
				return 0, nil, fmt.Errorf("pass %d saw %d tokens", i, len(one[objective.LogProb]))
			}
		}
		if norm, err = l.Update(1e-3); err != nil {
			return 0, nil, err
		}
	}
	for _, b := range l.replicas[0].trained(l) {
		data, err := backend.Bytes(b)
		if err != nil {
			return 0, nil, err
		}
		all, err := job.AllGather(data)
		if err != nil {
			return 0, nil, err
		}
		for other := range all {
			if !bytes.Equal(all[other], data) {
				return 0, nil, fmt.Errorf("rank %d has other weights", other)
			}
		}
		values, err := backend.Float32s(b)
		if err != nil {
			return 0, nil, err
		}
		trained = append(trained, values)
	}
	return norm, trained, nil
}
