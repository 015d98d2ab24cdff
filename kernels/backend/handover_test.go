package backend

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// TestHandOver: a program hands tensors over in the order that it is asked for, here that in which each is made of the
// one before, whose memory is free by then; it fails where the receiver does or there is none.
func TestHandOver(t *testing.T) {
	d, err := Open("xla:cpu")
	if err != nil {
		t.Skip(err)
	}
	if err := d.HandsOver(); err != nil {
		t.Fatal(err)
	}
	const tensors, rows, columns = 8, 300, 500
	inputs := []Input{ReceiverInput("receiver"), {Name: "x", Shape: shapes.Make(dtypes.Float32, rows)}}
	p, err := Compile(d, "hand over", inputs, func(in []*graph.Node) []*graph.Node {
		all, order := make([]*graph.Node, tensors), []int{}
		row := graph.Reshape(in[1], rows, 1)
		for i := tensors - 1; i >= 0; i-- {
			all[i] = graph.Add(row, graph.IotaFull(in[0].Graph(), shapes.Make(dtypes.Float32, 1, columns)))
			row = graph.ReduceAndKeep(all[i], graph.ReduceMin, 1)
			row = graph.AddScalar(row, 1)
			order = append(order, i)
		}
		return []*graph.Node{HandOver(in[0], all, order)}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if m := p.Memory(); m.Temporary > 3*4*rows*columns {
		t.Errorf("%d tensors of %d bytes take %d at a time", tensors, 4*rows*columns, m.Temporary)
	}
	x := make([]float32, rows)
	for i := range x {
		x[i] = float32(i * i)
	}
	run := func(number int32) error {
		receiver, errA := Upload(d, []int32{number})
		values, errB := Upload(d, x, rows)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		defer Free(receiver, values)
		outputs, err := p.Run([]Buffer{receiver, values})
		if err != nil {
			return err
		}
		defer Free(outputs...)
		_, err = Float32s(outputs[0])
		return err
	}
	var came []int
	tiny := math.Float32frombits(uint32(rows)) // below the least normal number
	number, end := Receive(func(tensor int, values []float32) error {
		came = append(came, tensor)
		if sum := tiny + tiny; math.Float32bits(sum) != 2*rows {
			t.Errorf("the receiver's sum of two subnormal numbers %g is %g", tiny, sum)
		}
		for _, at := range []int{0, columns + 3, rows*columns - 1} {
			if want := x[at/columns] + float32(tensors-1-tensor) + float32(at%columns); values[at] != want {
				t.Errorf("number %d of tensor %d is %g, expected %g", at, tensor, values[at], want)
			}
		}
		return nil
	})
	if err := run(number); err != nil || !slices.Equal(came, []int{7, 6, 5, 4, 3, 2, 1, 0}) {
		t.Errorf("tensors %v came (%v)", came, err)
	}
	end()
	if err := run(number); err == nil || !strings.Contains(err.Error(), "nobody receives") {
		t.Errorf("no receiver: %v", err)
	}
	number, end = Receive(func(int, []float32) error { return errors.New("no room") })
	defer end()
	if err := run(number); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("a receiver that fails: %v", err)
	}
}
