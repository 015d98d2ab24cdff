package backend_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
)

// TestMesh: a program that one device compiled runs on each, where its inputs are, all at a time; a device that is
// not there is an error that says how many are.
func TestMesh(t *testing.T) {
	for _, d := range kernelstest.Open(t) {
		count, err := d.Count()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Mesh(count + 1); err == nil || !strings.Contains(err.Error(), d.Name+" has ") {
			t.Errorf("%s, %d of %d devices: %v", d.Name, count+1, count, err)
		}
		if _, err := d.Mesh(0); err == nil {
			t.Errorf("%s: a mesh of 0 devices", d.Name)
		}
		if d.Name == "xla:cpu" && count < 4 {
			t.Errorf("xla:cpu has %d devices, tests need 4", count)
		}
		mesh, err := d.Mesh(min(count, 4))
		if err != nil {
			t.Fatal(err)
		}
		before, _ := backend.Compiled()
		in := []backend.Input{{Name: "x", Shape: shapes.Make(dtypes.Float32, 3), Donated: true}}
		programs := make([]*backend.Program, len(mesh))
		for i, one := range mesh {
			if programs[i], err = backend.Compile(one, "double", in, func(in []*Node) []*Node {
				return []*Node{MulScalar(in[0], 2)}
			}); err != nil {
				t.Fatal(err)
			}
			defer programs[i].Close()
		}
		described := strings.HasPrefix(d.Name, "xla:cuda@") // each is compiled for its GPU
		if after, _ := backend.Compiled(); after-before != 1 && !described {
			t.Errorf("%s: %d programs were compiled for %d devices", d.Name, after-before, len(mesh))
		}
		var all sync.WaitGroup
		for i, one := range mesh {
			all.Go(func() {
				x := float32(i + 1)
				b, err := backend.Upload(one, []float32{x, 2 * x, 3 * x}, 3)
				for range 5 {
					var out []backend.Buffer
					if err == nil {
						out, err = programs[0].Run([]backend.Buffer{b})
					}
					if err != nil {
						t.Error(err)
						return
					}
					b = out[0]
				}
				if on, err := b.DeviceNum(); err != nil || int(on) != i {
					t.Errorf("%s: what device %d computed is on %d (%v)", d.Name, i, on, err)
				}
				if i > 0 {
					if b, err = mesh[0].Copy(b); err != nil {
						t.Error(err)
						return
					}
				}
				got, err := backend.Float32s(b)
				if want := []float32{32 * x, 64 * x, 96 * x}; err != nil || !slices.Equal(got, want) {
					t.Errorf("%s, device %d: %v, want %v (%v)", d.Name, i, got, want, err)
				}
			})
		}
		all.Wait()
	}
}

// TestAllReduce: each device has the sum over all, with the same bits, which are the same each time; the tensors
// are summed in place.
func TestAllReduce(t *testing.T) {
	for _, d := range kernelstest.Open(t) {
		count, err := d.Count()
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{2, 3, 4} {
			if n > count || strings.HasPrefix(d.Name, "xla:cuda@") && n > 4 {
				continue
			}
			mesh, err := d.Mesh(n)
			if err != nil {
				t.Fatal(err)
			}
			dims := [][]int{{3, 5}, {1000}, {1}}
			var inputs []backend.Input
			for _, dim := range dims {
				shape := shapes.Make(dtypes.Float32, dim...)
				inputs = append(inputs, backend.Input{Name: fmt.Sprint(dim), Shape: shape})
			}
			sum, err := backend.CompileAllReduce(mesh, "sum", inputs)
			if err != nil {
				t.Fatal(err)
			}
			defer sum.Close()
			if m := sum.Memory(); m.Aliased != m.Inputs {
				t.Errorf("%s: %+v: sums are not in place", d.Name, m)
			}
			var first [][]float32
			for range 3 {
				random := rand.New(rand.NewPCG(4, uint64(n)))
				buffers, want := make([][]backend.Buffer, n), make([][]float64, len(dims))
				for device := range buffers {
					for k, dim := range dims {
						values := make([]float32, shapes.Make(dtypes.Float32, dim...).Size())
						want[k] = slices.Grow(want[k], len(values))[:len(values)]
						for i := range values {
							values[i] = float32(random.NormFloat64() * math.Exp(3*random.NormFloat64()))
							want[k][i] += float64(values[i])
						}
						b, err := backend.Upload(mesh[device], values, dim...)
						if err != nil {
							t.Fatal(err)
						}
						buffers[device] = append(buffers[device], b)
					}
				}
				if err := sum.Run(buffers); err != nil {
					t.Fatal(err)
				}
				for device := range buffers {
					for k, b := range buffers[device] {
						if on, err := b.DeviceNum(); err != nil || int(on) != device {
							t.Errorf("%s: the sum of device %d is on %d (%v)", d.Name, device, on, err)
						}
						got, err := backend.Float32s(b)
						if err != nil {
							t.Fatal(err)
						}
						for i, x := range got {
							if math.Abs(float64(x)-want[k][i]) > 1e-5*max(1, math.Abs(want[k][i]))*10 {
								t.Fatalf("%s, %d devices: sum %d of tensor %d is %g, want %g", d.Name, n, i, k, x,
									want[k][i])
							}
						}
						if len(first) <= k {
							first = append(first, got)
						} else if !slices.Equal(got, first[k]) {
							t.Errorf("%s, device %d of %d: other bits", d.Name, device, n)
						}
						backend.Free(b)
					}
				}
			}
			if err := sum.Run(make([][]backend.Buffer, n+1)); err == nil {
				t.Errorf("%s: tensors of %d devices are summed over %d", d.Name, n+1, n)
			}
		}
	}
}
