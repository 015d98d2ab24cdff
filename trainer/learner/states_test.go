package learner

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stele-lm/stele/engine/model/dense"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/optimizer"
	"github.com/stele-lm/stele/trainer/trainertest"
)

// chains counts the pairs that a step learns from; together they fill a packed row.
const chains = 5

// chain draws a pair from a noisy rule: a token is three times the one before plus 7
// modulo 61, and one in five is drawn freely.
func chain(r *rand.Rand) dense.Pair {
	ids := []int32{int32(r.IntN(61))}
	for len(ids) < 24 {
		next := (3*ids[len(ids)-1] + 7) % 61
		if r.IntN(5) == 0 {
			next = int32(r.IntN(61))
		}
		ids = append(ids, next)
	}
	return dense.Pair{Prompt: ids[:1], Completion: ids[1:]}
}

// learnChain trains tiny-qwen2 on the rule and returns the loss of each step, and the
// weights after the first.
func learnChain(
	t *testing.T, d *backend.Device, dtype dtypes.DType, a optimizer.AdamW, steps int,
) (losses []float64, first [][]float32) {
	t.Helper()
	w := trainertest.TinyWeights(t, d, dtype)
	defer w.Close()
	l, err := New(w, Options{AdamW: a, Objective: objective.Likelihood(), Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := rand.New(rand.NewPCG(1, 2))
	for step := range steps {
		pairs := make([]dense.Pair, chains)
		for i := range pairs {
			pairs[i] = chain(r)
		}
		loss := 0.0
		for indices, batch := range (Layout{MicroTokens: 512, Packed: true}).Batches(pairs) {
			columns := l.options.Objective.Columns(batch.Shape.N)
			for i := range 23 * len(indices) {
				columns[objective.Weight][i] = 1.0 / 23 / chains
			}
			seen, err := l.Accumulate(batch, columns, 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range seen[objective.LogProb][:23*len(indices)] {
				loss -= float64(x) / 23 / chains
			}
		}
		losses = append(losses, loss)
		if _, err := l.Update(a.LR); err != nil {
			t.Fatal(err)
		}
		if step == 0 {
			for i := range w.Specs {
				values, err := w.Float32s(i)
				if err != nil {
					t.Fatal(err)
				}
				first = append(first, values)
			}
		}
	}
	return losses, first
}

// TestStates: the smaller states of the optimiser learn as float32 does. The first
// step is the same bit for bit, for moments are rounded after it; later ones keep
// the loss within a bound.
func TestStates(t *testing.T) {
	d := trainertest.OpenDevice(t, "xla:cpu")
	const steps, part = 120, 30
	mean := func(losses []float64) float64 {
		sum := 0.0
		for _, x := range losses {
			sum += x
		}
		return sum / float64(len(losses))
	}
	a := optimizer.Default()
	a.LR = 2e-3
	want, first := learnChain(t, d, dtypes.Float32, a, steps)
	early, late := mean(want[:part]), mean(want[steps-part:])
	if !(late < 2) || !(want[0] > 6) {
		t.Fatalf("float32 goes from a loss of %g to %g", want[0], late)
	}
	for _, c := range []struct {
		dtype   dtypes.DType
		state   string
		masters bool
		bound   float64
	}{
		{dtypes.Float32, optimizer.StateBFloat16, true, 0.001},
		{dtypes.Float32, optimizer.StateInt8, true, 0.005},
		{dtypes.BFloat16, optimizer.StateFloat32, true, 0.005},
		{dtypes.BFloat16, optimizer.StateInt8, false, 0.05},
	} {
		b := a
		b.State, b.Masters = c.state, c.masters
		losses, moved := learnChain(t, d, c.dtype, b, steps)
		if c.dtype == dtypes.Float32 {
			for i := range first {
				if !slices.Equal(moved[i], first[i]) {
					t.Fatalf("state %s: parameter %d is another after the first step", c.state, i)
				}
			}
			if slices.Equal(losses, want) {
				t.Errorf("state %s changes nothing", c.state)
			}
		}
		e, l := mean(losses[:part])-early, mean(losses[steps-part:])-late
		t.Logf("weights %s, state %s, masters %v: loss %+.4f of %.4f in the first %d steps, %+.4f of %.4f "+
			"in the last", c.dtype, c.state, c.masters, e, early, part, l, late)
		if !(math.Abs(e) <= c.bound) || !(math.Abs(l) <= c.bound) {
			t.Errorf("weights %s, state %s: the loss is off by %.4f in the first %d steps, by %.4f in the "+
				"last", c.dtype, c.state, e, part, l)
		}
	}
}
