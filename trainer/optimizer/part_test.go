package optimizer

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/stele-lm/stele/engine/architecture"
	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/kernelstest"
	"github.com/stele-lm/stele/kernels/op"
)

// TestRows: the parts of a division have every row once, in order, cut between blocks of the 8-bit code, and as much
// as each other but for a cut at either end.
func TestRows(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 5))
	for range 300 {
		var specs []architecture.Tensor
		total, unit := 0, 0
		for i := range 1 + random.IntN(6) {
			dims := []int{1 + random.IntN(3000)}
			if random.IntN(3) > 0 {
				dims = append(dims, []int{1, 8, 96, 256, 300, 1024}[random.IntN(6)])
			}
			spec := architecture.Tensor{Name: fmt.Sprint(i), Shape: dims}
			specs = append(specs, spec)
			total += spec.Len()
			columns := spec.Len() / dims[0]
			step := op.CodeBlock / divisor(columns, op.CodeBlock) * columns
			if spec.Len() < codedSize {
				step = spec.Len()
			}
			unit = max(unit, step)
		}
		of := 1 + random.IntN(9)
		at := make([]int, len(specs))
		for index := range of {
			numbers := 0
			for i, rows := range (Part{index, of}).Rows(specs) {
				if rows.From != at[i] || rows.To < rows.From {
					t.Fatalf("part %d of %d of %v has rows %v of tensor %d, the one before ended at %d", index, of,
						specs, rows, i, at[i])
				}
				at[i] = rows.To
				columns := specs[i].Len() / specs[i].Shape[0]
				if cut := rows.From * columns; specs[i].Len() >= codedSize && cut%op.CodeBlock != 0 &&
					rows.From < rows.To {
					t.Fatalf("part %d of %d of %v cuts a block of tensor %d at %d", index, of, specs, i, cut)
				}
				numbers += (rows.To - rows.From) * columns
			}
			if even := total / of; numbers > even+unit+of || numbers < even-unit-of {
				t.Fatalf("part %d of %d of %v has %d numbers of %d, cuts are at every %d", index, of, specs, numbers,
					total, unit)
			}
		}
		for i, spec := range specs {
			if at[i] != spec.Shape[0] {
				t.Fatalf("%d parts of %v end at row %d of tensor %d", of, specs, at[i], i)
			}
		}
	}
}

// TestParts: 3 optimisers that have a part each move the weights as one that has all, bit for bit, whatever the
// precision of the state, by whole gradients and by their parts, and their states are parts of its; together they are
// as large.
func TestParts(t *testing.T) {
	specs := []architecture.Tensor{
		{Name: "embedding", Shape: []int{40, 160}}, {Name: "norm", Shape: []int{96}},
		{Name: "matrix", Shape: []int{64, 256}}, {Name: "other", Shape: []int{70, 100}},
	}
	for _, d := range kernelstest.Open(t) {
		for _, c := range []struct {
			held    dtypes.DType
			state   string
			masters bool
		}{
			{dtypes.BFloat16, StateInt8, true}, {dtypes.BFloat16, StateBFloat16, false},
			{dtypes.Float32, StateFloat32, true},
		} {
			if !d.IsXLA() && c.state != StateInt8 {
				continue
			}
			a := Default()
			a.LR, a.State, a.Masters = 0.01, c.state, c.masters
			want := step3(t, d, specs, c.held, a, 1)
			for a.ZeROStage = 1; a.ZeROStage <= 2; a.ZeROStage++ {
				if a.ZeROStage == 1 && c.state != StateInt8 {
					continue // what differs is the gradients alone
				}
				got := step3(t, d, specs, c.held, a, 3)
				if len(got) != len(want) {
					t.Fatalf("%d tensors of the parts, one has %d", len(got), len(want))
				}
				for name, data := range want {
					if !bytes.Equal(data, got[name]) {
						t.Errorf("%s, weights %s, state %s, masters %v, stage %d: %s differs", d.Name, c.held, c.state,
							c.masters, a.ZeROStage, name)
					}
				}
			}
			bytes := int64(0)
			mastered := c.masters && c.held != dtypes.Float32
			for i := range 3 {
				bytes += Part{i, 3}.Bytes(specs, c.state, mastered)
			}
			if all := (Part{}).Bytes(specs, c.state, mastered); bytes != all {
				t.Errorf("state %s: 3 parts have %d bytes, one %d", c.state, bytes, all)
			}
		}
	}
}

func shapeOf(held dtypes.DType, spec architecture.Tensor) shapes.Shape {
	return shapes.Make(held, spec.Shape...)
}

// step3 takes three steps with so many parts, and returns the bytes of weights and states by name.
func step3(t *testing.T, d *backend.Device, specs []architecture.Tensor, held dtypes.DType, a AdamW,
	of int) map[string][]byte {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	numbers := func(spec architecture.Tensor) []float32 {
		x := make([]float32, spec.Len())
		for i := range x {
			x[i] = float32(random.NormFloat64())
		}
		return x
	}
	upload := func(dtype dtypes.DType, x []float32, dims []int) backend.Buffer {
		b, err := backend.UploadFloat32(d, dtype, x, dims...)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	read := func(b backend.Buffer) []byte {
		data, err := backend.Bytes(b)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	first := make([][]float32, len(specs))
	for i, spec := range specs {
		first[i] = numbers(spec)
		if held == dtypes.BFloat16 {
			backend.RoundBFloat16(first[i])
		}
	}
	parts := make([]*Optimizer, of)
	for k := range parts {
		o, err := New(d, specs, held, a, Part{k, of}, 9, func(i int) ([]float32, error) { return first[i], nil })
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		parts[k] = o
	}
	weights := make([]backend.Buffer, len(specs))
	for i, spec := range specs {
		weights[i] = upload(held, first[i], spec.Shape)
	}
	whole, err := CompileNorm(d, specs)
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	for range 3 {
		gradients := make([][]float32, len(specs))
		for i, spec := range specs {
			gradients[i] = numbers(spec)
		}
		next, squares, ofParts := make([][]byte, len(specs)), 0.0, 0.0
		for k, o := range parts {
			own, sums := make([]backend.Buffer, len(specs)), make([]backend.Buffer, len(specs))
			for i, spec := range specs {
				data := read(weights[i])
				var err error
				if own[i], err = backend.UploadBytes(d, data, shapeOf(held, spec)); err != nil {
					t.Fatal(err)
				}
				sums[i] = upload(dtypes.Float32, gradients[i], spec.Shape)
			}
			if k == 0 {
				ofAll, err := whole.Run(sums)
				if err != nil {
					t.Fatal(err)
				}
				of, err := backend.Float32s(ofAll[0])
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range of {
					squares += float64(s)
				}
			}
			if a.Divides(o.part) {
				backend.Free(sums...)
				sums = sums[:0]
				for _, p := range o.pieces {
					n := p.columns()
					sums = append(sums, upload(dtypes.Float32, gradients[p.tensor][n*p.rows.From:n*p.rows.To], p.dims))
				}
			}
			o.Squares = func(own float64) (float64, error) {
				ofParts += own
				return squares, nil
			}
			if _, err := o.Step(0.01, own, sums); err != nil {
				t.Fatal(err)
			}
			for i, rows := range o.part.Rows(specs) {
				data := read(own[i])
				row := len(data) / specs[i].Shape[0]
				next[i] = append(next[i], data[row*rows.From:row*rows.To]...)
			}
			for _, sum := range sums {
				if left := read(sum); !bytes.Equal(left, make([]byte, len(left))) {
					t.Fatal("a gradient is left")
				}
			}
			backend.Free(own...)
			backend.Free(sums...)
		}
		if a.Divides(parts[0].part) && math.Abs(ofParts/squares-1) > 1e-6 {
			t.Fatalf("the squares of the parts are %g, of all %g", ofParts, squares)
		}
		for i, spec := range specs {
			backend.Free(weights[i])
			var err error
			if weights[i], err = backend.UploadBytes(d, next[i], shapeOf(held, spec)); err != nil {
				t.Fatal(err)
			}
		}
	}
	all := map[string][]byte{}
	for i, spec := range specs {
		all["weights of "+spec.Name] = read(weights[i])
	}
	for _, o := range parts {
		for _, tensor := range o.State() {
			data := read(*tensor.Buffer)
			if at := len(all[tensor.Name]); tensor.From*len(data)/tensor.Shape.Dimensions[0] != at {
				t.Fatalf("%s goes on at row %d, %d bytes are there", tensor.Name, tensor.From, at)
			}
			all[tensor.Name] = append(all[tensor.Name], data...)
		}
	}
	return all
}
