package learner

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/model"
	"github.com/stele-lm/stele/engine/model/dense"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/trainer/lora"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/optimizer"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// TestReplicas: after updates the devices of a mesh have the same weights or factors and the same states of the
// optimiser, bit for bit: with masters, with coded states, with weights that are rounded by chance, with an adapter,
// and where there are fewer passes than devices.
func TestReplicas(t *testing.T) {
	d := trainertest.OpenDevice(t, "xla:cpu")
	folder, err := checkpoint.Open(trainertest.Data("models/tiny-qwen2"))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	pairs := fivePairs(folder)
	for _, c := range []struct {
		devices int
		dtype   dtypes.DType
		state   string
		masters bool
		rank    int
	}{
		{2, dtypes.Float32, optimizer.StateFloat32, true, 0},
		{4, dtypes.BFloat16, optimizer.StateInt8, false, 0},
		{3, dtypes.BFloat16, optimizer.StateBFloat16, true, 0},
		{4, dtypes.Float32, optimizer.StateFloat32, true, 2},
	} {
		mesh, err := d.Mesh(c.devices)
		if err != nil {
			t.Fatal(err)
		}
		w := model.Open(folder, mesh[0], c.dtype)
		defer w.Close()
		w.Replicate(mesh)
		if err := w.Upload(); err != nil {
			t.Fatal(err)
		}
		options := Options{AdamW: optimizer.Default(), Objective: objective.Policy(objective.Default()), Seed: 9}
		options.AdamW.LR, options.AdamW.State, options.AdamW.Masters = 1e-2, c.state, c.masters
		if c.rank > 0 {
			lo := lora.Options{Rank: c.rank, Alpha: 8, Targets: []string{"q_proj", "down_proj"}}
			if options.Adapter, err = lora.New(w, lo, 5); err != nil {
				t.Fatal(err)
			}
		}
		l, err := New(w, options)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		before, err := backend.Bytes(l.replicas[0].trained(l)[0])
		if err != nil {
			t.Fatal(err)
		}
		for update := range 2 {
			passes := l.passesOf(pairs[:5-3*update])
			if want := 5 - 3*update; len(passes) != want {
				t.Fatalf("%d passes, want %d", len(passes), want)
			}
			seen, err := l.AccumulateAll(t.Context(), passes, 1)
			if err != nil || len(seen) != len(passes) {
				t.Fatal(len(seen), err)
			}
			if norm, err := l.Update(1e-2); err != nil || norm == 0 && update == 0 {
				t.Fatal(norm, err)
			}
		}
		for device, r := range l.replicas {
			for i, b := range r.trained(l) {
				same(t, l.specs[i].Name, device, b, l.replicas[0].trained(l)[i])
			}
			first := l.Optimizer().State()
			for i, state := range r.optimizer.State() {
				same(t, state.Name, device, *state.Buffer, *first[i].Buffer)
			}
		}
		if after, err := backend.Bytes(l.replicas[0].trained(l)[0]); err != nil || bytes.Equal(before, after) {
			t.Errorf("%+v: nothing was trained (%v)", c, err)
		}
	}
}

// fivePairs are some for a model.
func fivePairs(folder *checkpoint.Folder) (pairs []dense.Pair) {
	random := rand.New(rand.NewPCG(3, 5))
	ids := func(n int) []int32 {
		ids := make([]int32, n)
		for i := range ids {
			ids[i] = int32(random.IntN(folder.Config.VocabSize))
		}
		return ids
	}
	for range 5 {
		pairs = append(pairs, dense.Pair{Prompt: ids(4), Completion: ids(12)})
	}
	return pairs
}

// passesOf has a pass of each pair.
func (l *Learner) passesOf(pairs []dense.Pair) (passes []Pass) {
	for indices, batch := range (Layout{MicroTokens: 16}).Batches(pairs) {
		columns := l.options.Objective.Columns(batch.Shape.N)
		for i, index := range indices {
			for j := range pairs[index].Completion {
				columns[objective.Weight][batch.First[i]+j] = 0.02
				columns[objective.Advantage][batch.First[i]+j] = float32(index) - 2.5
				columns[objective.Old][batch.First[i]+j] = -8 // near the model's: no ratio is clipped
			}
		}
		passes = append(passes, Pass{batch, columns})
	}
	return passes
}

func same(t *testing.T, name string, device int, got, want backend.Buffer) {
	t.Helper()
	if on, err := got.DeviceNum(); err != nil || int(on) != device {
		t.Errorf("%s of device %d is on %d (%v)", name, device, on, err)
	}
	a, err := backend.Bytes(got)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := backend.Bytes(want); err != nil || !bytes.Equal(a, b) {
		t.Errorf("%s of device %d differs from the first's (%v)", name, device, err)
	}
}
