package kernels

import (
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// PeakFLOPS measures what a device's plain matrix product reaches in dtype, in
// floating-point operations a second: the best of several products of 2048 rows and
// columns. It is the limit that a training pass is compared with.
func PeakFLOPS(d *Device, dtype dtypes.DType) (float64, error) {
	const n, repeat = 2048, 8
	square := shapes.Make(dtype, n, n)
	program, err := Compile(d, "peak", []Input{{Name: "a", Shape: square}, {Name: "b", Shape: square}}, func(in []*Node) []*Node {
		return []*Node{Reshape(Slice(product(in[0], in[1], 1, 1), AxisElem(0), AxisElem(0)))}
	})
	if err != nil {
		return 0, err
	}
	defer program.Close()
	var inputs []Buffer
	defer func() { Free(inputs...) }()
	for range 2 {
		zeros, err := d.Zeros(dtype, n, n)
		if err != nil {
			return 0, err
		}
		inputs = append(inputs, zeros)
	}
	var best time.Duration
	for range repeat {
		began := time.Now()
		outputs, err := program.Run(inputs)
		if err != nil {
			return 0, err
		}
		_, err = Float32s(outputs[0]) // waits for it
		Free(outputs...)
		if err != nil {
			return 0, err
		}
		if took := time.Since(began); best == 0 || took < best {
			best = took
		}
	}
	return 2 * n * n * n / best.Seconds(), nil
}
