package backend

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/host"
)

// A program's outputs are all there when it ends. Gradients that somebody adds up elsewhere need not be: programs for
// xla:cpu hand each to a function of this process when it has been computed, and its memory is free for the next.

// handOverTarget names the custom call.
const handOverTarget = "stele.hand_over"

// Receiver gets a tensor of a program, by the number that the program gave it. Values are valid during the call. It
// computes as Go does elsewhere: XLA's thread, which calls it, would flush subnormal numbers.
type Receiver func(tensor int, values []float32) error

var (
	receivers sync.Map // int32 → Receiver
	lastGiven atomic.Int32
)

// Receive makes a receiver known until end is called: a program that is given the number hands its tensors to it.
func Receive(to Receiver) (number int32, end func()) {
	const most = 1 << 20 // a float32 has each of these
	for {
		number = lastGiven.Add(1) % most
		if _, used := receivers.LoadOrStore(number, to); !used {
			return number, func() { receivers.Delete(number) }
		}
	}
}

// ReceiverInput declares the number of a program's receiver.
func ReceiverInput(name string) Input { return Input{Name: name, Shape: shapes.Make(dtypes.Int32)} }

// HandsOver returns nil where programs can have a Receiver, or the reason why not. It opens the device.
func (d *Device) HandsOver() error {
	if d.Name != "xla:cpu" {
		return errors.New("the device is not xla:cpu")
	}
	if _, err := d.backend(); err != nil {
		return err
	}
	return d.handsOver
}

// handOver is the mark of a gather that hands its input over.
type handOver struct{ tensor int }

// HandOver has a program hand tensors, float32, to a receiver, whose number is a scalar (see ReceiverInput), one after
// another in the order of which, by their numbers: of tensors that do not depend on each other XLA may have all before
// it hands over any. What it returns is an output of the program, or nothing is handed.
// Programs that do so are for devices that HandsOver.
func HandOver(receiver *graph.Node, tensors []*graph.Node, which []int) (done *graph.Node) {
	last := receiver
	for _, i := range which {
		flat := graph.Reshape(tensors[i], tensors[i].Shape().Size())
		// A gather takes two inputs of these dtypes. The number passes from one to the next, which keeps their order.
		start := graph.Reshape(graph.ConvertDType(last, dtypes.Int32), 1, 1)
		last = mark(graph.GatherSlices(flat, []int{0}, start, []int{1}, false), handOver{i})
	}
	return last
}

// useHandOvers turns gathers that are so marked into custom calls, and returns how many.
func useHandOvers(g *graph.Graph) (calls int, err error) {
	defer internalsChanged(&err)
	for s, h := range marked[handOver](g, "stablehlo.gather") {
		if err := becomeCall(s, handOverTarget, []int64{int64(h.tensor)}); err != nil {
			return calls, err
		}
		calls++
	}
	return calls, nil
}

// registerHandOver makes handing over callable from the programs of the plugin at path.
func registerHandOver(path string) error {
	return registerCall(path, handOverTarget, func(c hostCall) error {
		number := elements[int32](c.operands[1])[0]
		to, ok := receivers.Load(number)
		if !ok {
			return fmt.Errorf("nobody receives what a program hands over to number %d", number)
		}
		var err error
		host.KeepSubnormals(func() {
			err = to.(Receiver)(int(c.attributes.numbers()[0]), elements[float32](c.operands[0]))
		})
		if err != nil {
			return err
		}
		elements[float32](c.results[0])[0] = float32(number)
		return nil
	})
}
