package optimizer

import (
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"

	"github.com/stele-lm/stele/trainer/trainertest"
)

// TestInPlace: an update needs no second copy of the parameters, of the gradients or of
// its own state, however that is held.
func TestInPlace(t *testing.T) {
	d := trainertest.OpenDevice(t, "xla:cpu")
	w := trainertest.TinyWeights(t, d, dtypes.Float32)
	defer w.Close()
	for _, c := range []struct {
		held    dtypes.DType
		state   string
		masters bool
		part    Part
	}{
		{dtypes.Float32, StateFloat32, true, Part{}}, {dtypes.Float32, StateBFloat16, true, Part{}},
		{dtypes.Float32, StateInt8, true, Part{}},
		{dtypes.BFloat16, StateFloat32, true, Part{}}, {dtypes.BFloat16, StateInt8, false, Part{}},
		{dtypes.BFloat16, StateFloat32, true, Part{1, 3}},
	} {
		a := AdamW{LR: 1e-3, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, Schedule: "constant", State: c.state,
			Masters: c.masters}
		o, err := New(d, w.Specs, c.held, a, c.part, 1, w.Float32s)
		if err != nil {
			t.Fatal(err)
		}
		donated := int64(0)
		for _, in := range slices.Concat(o.m.inputs(), o.v.inputs(), Floats("gradient", w.Specs, true)) {
			donated += int64(in.Shape.Size()) * int64(in.Shape.DType.Size())
		}
		for _, spec := range w.Specs {
			donated += int64(spec.Len() * c.held.Size())
		}
		for i := range o.masters {
			donated += 4 * int64(size(o.pieces[i].dims))
		}
		if aliased := o.update.Memory().Aliased; aliased < donated {
			t.Errorf("part %v, weights %s, state %s: %d bytes are updated in place, want all %d", c.part, c.held,
				c.state, aliased, donated)
		}
		o.Close()
	}
}

// TestRate: worked by hand; the cosine with a floor is verl's get_cosine_schedule_with_warmup with
// min_lr_ratio, apart from the warm-up, which begins at a step's share instead of 0.
func TestRate(t *testing.T) {
	for _, c := range []struct {
		schedule    string
		ratio       float64
		step, total int
		want        float64
	}{
		{"constant", 0, 2, 12, 0.5}, {"constant", 0, 4, 12, 1}, {"constant", 0, 12, 12, 1},
		{"cosine", 0, 5, 12, 1}, {"cosine", 0, 9, 12, 0.5}, {"cosine", 0, 13, 12, 0},
		{"cosine", 0.2, 2, 12, 0.5}, {"cosine", 0.2, 5, 12, 1}, {"cosine", 0.2, 9, 12, 0.6},
		{"cosine", 0.2, 13, 12, 0.2},
	} {
		a := AdamW{LR: 1, Warmup: 4, Schedule: c.schedule, MinLRRatio: c.ratio}
		if got := a.Rate(c.step, c.total); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s with floor %g, step %d of %d: %g, want %g", c.schedule, c.ratio, c.step, c.total, got, c.want)
		}
	}
	for _, ratio := range []float64{-0.1, 1.1, math.NaN()} {
		a := Default()
		a.MinLRRatio = ratio
		if a.Validate() == nil {
			t.Errorf("a floor of %g was taken", ratio)
		}
	}
}
