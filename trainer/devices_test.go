package trainer

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine"
	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// runOn trains on devices of xla:cpu and returns what the run said.
func runOn(t *testing.T, shared *backend.Shared, c Config, dir string, devices int, resume bool) (said string) {
	t.Helper()
	var say strings.Builder
	if err := Run(context.Background(), c, dir, Options{Backend: "xla:cpu", DType: "float32", Shared: shared,
		Kernels: engine.KernelsGraph, Devices: devices, Resume: resume, Say: &say}); err != nil {
		t.Fatalf("%d devices: %v", devices, err)
	}
	return say.String()
}

// checkNear compares two runs of one configuration: rollouts byte for byte; metrics and the weights, or the
// adapter, in the end to 1e-6.
func checkNear(t *testing.T, what, want, got, weights string, steps int) {
	t.Helper()
	for step := 1; step <= steps; step++ {
		name := fmt.Sprintf("rollouts/step-%d.jsonl", step)
		a, errA := os.ReadFile(filepath.Join(want, name))
		b, errB := os.ReadFile(filepath.Join(got, name))
		if errA == nil && (errB != nil || string(a) != string(b)) {
			t.Errorf("%s: %s differs (%v)", what, name, errB)
		}
	}
	a, errA := ReadMetrics(filepath.Join(want, "metrics.jsonl"))
	b, errB := ReadMetrics(filepath.Join(got, "metrics.jsonl"))
	if errA != nil || errB != nil || len(a) != steps || len(b) != steps {
		t.Fatal(what, len(a), len(b), errA, errB)
	}
	worst, of := 0.0, ""
	for i := range a {
		for key, x := range a[i] {
			y, ok := b[i][key]
			if OfClock(key) || strings.HasPrefix(key, "sampling/") { // which is rounding itself
				continue
			}
			if d := math.Abs(x-y) / max(1, math.Abs(x)); d > worst || !ok || math.IsNaN(d) != math.IsNaN(x) {
				worst, of = d, key
			}
			if d := math.Abs(x-y) / max(1, math.Abs(x)); !ok || d > 1e-6 {
				t.Errorf("%s: step %d: %s is %g, on one device %g", what, i+1, key, y, x)
			}
		}
	}
	t.Logf("%s: metrics differ by %.2g at most (%s)", what, worst, of)
	file := filepath.Join("checkpoints", checkpointName(steps), weights)
	one, errA := checkpoint.OpenFile(filepath.Join(want, file))
	other, errB := checkpoint.OpenFile(filepath.Join(got, file))
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	defer one.Close()
	defer other.Close()
	worst = 0
	for _, name := range one.Names() {
		x, errA := one.Tensor(name)
		y, errB := other.Tensor(name)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		xs, ys := make([]float32, x.Len()), make([]float32, y.Len())
		x.Float32s(xs)
		y.Float32s(ys)
		for i := range xs {
			if d := math.Abs(float64(xs[i] - ys[i])); d > worst {
				worst, of = d, name
			}
		}
	}
	if t.Logf("%s: weights differ by %.2g at most (%s)", what, worst, of); worst > 1e-6 {
		t.Errorf("%s: %s differs by %g", what, of, worst)
	}
}

// TestDevices: a run on 1, 2 and 4 devices samples the same rollouts, byte for byte, and has the same losses and
// weights to 1e-6: of the whole weights with a reference model, and, on 1 and 2, of an adapter and of solutions. One
// that goes on with another number of devices says so, and ends as the others do. Programs are another for each number
// of devices and take seconds to compile, which is why few of them have four.
func TestDevices(t *testing.T) {
	trainertest.OpenDevice(t, "xla:cpu").Close()
	for _, x := range []struct {
		name        string
		devices     []int
		first, then int // devices of the run that goes on
		change      func(*Config)
	}{
		{"weights", []int{2, 4}, 4, 2, func(c *Config) { c.Loss.Beta, c.Rollout.Batch = 0.01, 3 }},
		{"adapter", nil, 2, 1, func(c *Config) { c.LoRA.Rank, c.LoRA.Merge, c.Loss.Beta = 2, false, 0 }},
		{"sft", nil, 2, 1, func(c *Config) { c.Algorithm, c.Update.Batch = objective.SFT, 6 }},
	} {
		t.Run(x.name, func(t *testing.T) {
			var shared backend.Shared
			c := tinyRun(t, 2)
			c.Rollout.Questions, c.Update.MiniBatches, c.Update.MicroTokens, c.Optimizer.LR = 5, 1, 64, 1e-4
			x.change(&c)
			file := "model.safetensors"
			if c.LoRA.Trains() {
				file = filepath.Join(checkpoint.AdapterFolder, checkpoint.AdapterWeightsFile)
			}
			one := filepath.Join(t.TempDir(), "one")
			runOn(t, &shared, c, one, 1, false)
			for _, devices := range x.devices {
				several := filepath.Join(t.TempDir(), fmt.Sprint(devices))
				said := runOn(t, &shared, c, several, devices, false)
				checkNear(t, fmt.Sprintf("%d devices", devices), one, several, file, c.Steps)
				if want := fmt.Sprintf("on each of %d devices", devices); !strings.Contains(said, want) {
					t.Errorf("%q is not said: %s", want, said)
				}
			}
			moved, short := filepath.Join(t.TempDir(), "moved"), c
			short.Steps = 1
			runOn(t, &shared, short, moved, x.first, false)
			said := runOn(t, &shared, c, moved, x.then, true)
			checkNear(t, fmt.Sprintf("%d devices, then %d", x.first, x.then), one, moved, file, c.Steps)
			want := fmt.Sprintf("began with --devices %d and continues with %d", x.first, x.then)
			if !strings.Contains(said, want) {
				t.Errorf("%q is not said: %s", want, said)
			}
			if _, _, _, devices, err := RunOptions(moved); err != nil || devices != x.first {
				t.Errorf("the manifest has %d devices (%v)", devices, err)
			}
		})
	}
}
