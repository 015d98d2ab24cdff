// Package peak measures the limits of a device that speeds are compared with: arithmetic
// and reading of memory.
package peak

import (
	"math"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/op"
)

// FLOPS measures what a device's plain matrix product reaches in dtype, in
// floating-point operations a second: the best of several runs, of one product of 2048
// rows and columns on a CPU, of four products of 8192 one after the other elsewhere.
// It is the limit that a training pass is compared with.
func FLOPS(d *backend.Device, dtype dtypes.DType) (float64, error) {
	n, products := 2048, 1
	if !d.IsCPU() {
		n, products = 8192, 4
	}
	square := shapes.Make(dtype, n, n)
	inputs := []backend.Input{{Name: "a", Shape: square}, {Name: "b", Shape: square}}
	program, err := backend.Compile(d, "peak", inputs, func(in []*Node) []*Node {
		x := in[0]
		for range products {
			x = op.Convert(op.Product(x, in[1], 1, 1), dtype)
		}
		return []*Node{Reshape(Slice(x, AxisElem(0), AxisElem(0)))}
	})
	if err != nil {
		return 0, err
	}
	defer program.Close()
	matrix, err := backend.UploadFloat32(d, dtype, noise(n*n, 1/math.Sqrt(float64(n))), n, n)
	if err != nil {
		return 0, err
	}
	defer backend.Free(matrix)
	took, err := best(program, []backend.Buffer{matrix, matrix})
	return 2 * float64(products) * math.Pow(float64(n), 3) / took.Seconds(), err
}

// Bandwidth measures how many bytes a second a device reads of its own memory: the
// best of several runs, each of eight sums over 1 GiB. It is the limit that decoding with
// graphs is compared with.
func Bandwidth(d *backend.Device) (float64, error) {
	const rows, columns, passes = 1 << 14, 1 << 14, 8
	input := []backend.Input{{Name: "x", Shape: shapes.Make(dtypes.Float32, rows, columns)}}
	program, err := backend.Compile(d, "read", input, func(in []*Node) []*Node {
		sum := ScalarZero(in[0].Graph(), dtypes.Float32)
		for range passes { // each needs the sum before it, and so none is left out
			sum = ReduceAllSum(ReduceSum(Add(in[0], sum), 1))
		}
		return []*Node{sum}
	})
	if err != nil {
		return 0, err
	}
	defer program.Close()
	x, err := backend.UploadFloat32(d, dtypes.Float32, noise(rows*columns, 1), rows, columns)
	if err != nil {
		return 0, err
	}
	defer backend.Free(x)
	took, err := best(program, []backend.Buffer{x})
	return passes * 4 * rows * columns / took.Seconds(), err
}

// best returns the time of the shortest of several runs of a program, until its first output is here.
func best(program *backend.Program, inputs []backend.Buffer) (time.Duration, error) {
	const repeat = 8
	var least time.Duration
	for range repeat {
		began := time.Now()
		outputs, err := program.Run(inputs)
		if err != nil {
			return 0, err
		}
		_, err = backend.Float32s(outputs[0]) // waits for it
		backend.Free(outputs...)
		if err != nil {
			return 0, err
		}
		if took := time.Since(began); least == 0 || took < least {
			least = took
		}
	}
	return least, nil
}

// noise returns n values between -scale and scale: a product of zeros is faster than one
// of numbers.
func noise(n int, scale float64) []float32 {
	values := make([]float32, n)
	state := uint32(1)
	for i := range values {
		state = state*1664525 + 1013904223
		values[i] = float32((float64(state)/(1<<31) - 1) * scale)
	}
	return values
}
