package backend

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/host"
	"github.com/stele-lm/stele/kernels/isa"
)

// Attention of a dense pass in StableHLO is some sixty small operations a layer on a CPU, which wait for
// memory and for each other: BenchmarkAttention of kernels/op compares them with host.DenseAttention. So
// programs for xla:cpu call that where the CPU has AVX2. With AMX, where nobody has measured it, attention stays XLA's.

// attentionTargets names the custom calls: attention, and its gradient.
var attentionTargets = [2]string{"stele.attention", "stele.attention_gradient"}

// HostAttention returns nil where programs call host.DenseAttention, or the reason why they do not. It
// opens the device.
func (d *Device) HostAttention() error {
	if d.Name != "xla:cpu" {
		return errors.New("the device is not xla:cpu")
	}
	if _, err := d.backend(); err != nil {
		return err
	}
	switch {
	case d.products != nil:
		return d.products
	case isa.InForce() >= isa.AMX:
		return errors.New("the CPU has AMX")
	case isa.InForce() < isa.AVX2:
		return fmt.Errorf("the CPU has %v, not avx2", isa.InForce())
	}
	return nil
}

// FitsHostAttention reports whether HostAttention takes H query heads and K key-value heads that are E wide: the
// gather that it is made from cannot be wider than what it gathers from.
func FitsHostAttention(H, K, E int) bool { return H <= 2*K*E }

// hostAttentionKey finds among what is attached to a graph whether it may call host attention.
type hostAttentionKey struct{}

// UsesHostAttention reports whether a graph that Compile builds calls host attention.
func UsesHostAttention(g *graph.Graph) bool {
	uses, _ := g.State(hostAttentionKey{}).(bool)
	return uses
}

// hostAttention is the mark of a gather that becomes attention, or its gradient.
type hostAttention struct {
	pass    host.DensePass // but positions
	adjoint []*graph.Node  // more inputs, of the gradient
}

// HostAttention is host.DenseAttention's Forward in a graph that UsesHostAttention: of all [M, (H+2K)·E],
// float32, and position [M], int32, to [M, pass.ForwardWidth()].
func HostAttention(pass host.DensePass, all, position *graph.Node) *graph.Node {
	return markAttention(hostAttention{pass: pass}, all, position, pass.ForwardWidth())
}

// HostAttentionGradient is its Backward: the gradient [M, (H+2K)·E] of all. ofResult, logSum and away are
// host.Adjoint's.
func HostAttentionGradient(pass host.DensePass, all, position, ofResult, logSum, away *graph.Node) *graph.Node {
	a := hostAttention{pass: pass, adjoint: []*graph.Node{ofResult, logSum, away}}
	return markAttention(a, all, position, pass.StateWidth())
}

// markAttention makes a gather, which takes two inputs of these dtypes and whose result has the width that
// it is asked for.
func markAttention(a hostAttention, all, position *graph.Node, width int) *graph.Node {
	M := a.pass.Tokens()
	column := graph.Reshape(position, M, 1)
	start := graph.Concatenate([]*graph.Node{column, column}, 1)
	gathered := graph.GatherSlices(all, []int{0, 1}, start, []int{1, width}, false) // [M, 1, width]
	return graph.Reshape(mark(gathered, a), M, width)
}

// useHostAttention turns gathers that are so marked into custom calls, and returns how many.
func useHostAttention(g *graph.Graph) (calls int, err error) {
	defer internalsChanged(&err)
	for s, a := range marked[hostAttention](g, "stablehlo.gather") {
		p, target, round := a.pass, attentionTargets[0], int64(0)
		if a.adjoint != nil {
			target = attentionTargets[1]
		}
		for _, n := range a.adjoint { // made before the gather
			s.Inputs = append(s.Inputs, valueOf(n))
		}
		if p.Round {
			round = 1
		}
		numbers := []int64{int64(p.B), int64(p.T), int64(p.Group), int64(p.Prompt), int64(p.H), int64(p.K),
			int64(p.E), round}
		if err := becomeCall(s, target, numbers); err != nil {
			return calls, err
		}
		calls++
	}
	return calls, nil
}

// registerAttention makes host attention callable from the programs of the plugin at path.
func registerAttention(path string, workers *hostWorkers) error {
	attention := host.NewDenseAttention(workers.team)
	var positions []int32
	for i, target := range attentionTargets {
		call := func(c hostCall) (err error) {
			n := make([]int, 8)
			for i, number := range c.attributes.numbers() {
				n[i] = int(number)
			}
			pass := host.DensePass{
				Sequences: host.Sequences{B: n[0], T: n[1], Group: n[2], Prompt: n[3]},
				H:         n[4], K: n[5], E: n[6], Round: n[7] == 1,
			}
			in := func(i int) []float32 { return elements[float32](c.operands[i]) }
			result := elements[float32](c.results[0])
			workers.do(func() {
				positions = positions[:0]
				for pair := range slices.Chunk(elements[int32](c.operands[1]), 2) { // see markAttention
					positions = append(positions, pair[0])
				}
				pass.Position = positions
				if i == 0 {
					err = attention.Forward(pass, in(0), result)
				} else {
					adjoint := host.Adjoint{OfResult: in(2), LogSum: in(3), Away: in(4)}
					err = attention.Backward(pass, in(0), adjoint, result)
				}
			})
			return err
		}
		if err := registerCall(path, target, call); err != nil {
			return err
		}
	}
	return nil
}
