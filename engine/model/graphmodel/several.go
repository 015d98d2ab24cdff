package graphmodel

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/sampler"
)

// once is graph code of a step: of its feed without draws, of draws [B, DrawInts] and of what else a program is given.
// It returns what was drawn [B, 2] and the pools.
type once func(in backend.Nodes, feed, draws *Node) (result *Node, pools []*Node)

// several takes the steps of a shape one after another, each with the tokens that the one before drew, in a loop
// whose graph is one step. It returns what all drew [Steps, B, 2] and the pools.
func (s StepShape) several(in backend.Nodes, vocab int, step once) (results *Node, pools []*Node) {
	feed, i32 := in.One("feed"), dtypes.Int32
	g, c := feed.Graph(), s.columns()
	var fixed []*Node // what no step changes
	names := slices.Sorted(maps.Keys(in))
	names = slices.DeleteFunc(names, func(name string) bool { return name == "pools" })
	for _, name := range names {
		fixed = append(fixed, in[name]...)
	}
	variables := []*Node{
		Scalar(g, i32, 0), Slice(feed, AxisRange(), AxisRange(0, 1)), Zeros(g, shapes.Make(i32, s.Steps, s.B, 2)),
	}
	state := len(variables)
	variables = append(append(variables, in["pools"]...), fixed...)
	parameters := func(g *Graph) []*Node {
		all := make([]*Node, len(variables))
		for i, v := range variables {
			all[i] = Parameter(g, fmt.Sprintf("variable%d", i), v.Shape())
		}
		return all
	}
	more := backend.NewClosure(g, func(g *Graph) []*Node {
		return []*Node{LessThan(parameters(g)[0], Scalar(g, i32, s.Steps))}
	})
	body := backend.NewClosure(g, func(g *Graph) []*Node {
		now := parameters(g)
		i, token, drawn := now[0], now[1], now[2]
		rest := now[state+len(in["pools"]):]
		within := backend.Nodes{"pools": now[state : state+len(in["pools"])]}
		for at, name := 0, names; len(name) > 0; name = name[1:] {
			n := len(in[name[0]])
			within[name[0]] = rest[at : at+n]
			at += n
		}
		feed := within.One("feed")
		start := Add(Slice(feed, AxisRange(), AxisElem(c.start)), i)
		feedOfStep := Concatenate([]*Node{token, start, Slice(feed, AxisRange(), AxisRange(c.length, c.draw))}, 1)
		draws := Reshape(Slice(feed, AxisRange(), AxisRange(c.draw)), s.B, s.Steps, sampler.DrawInts)
		ofStep := Equal(Iota(g, draws.Shape(), 1), i)
		result, next := step(within, feedOfStep, ReduceSum(Where(ofStep, draws, ZerosLike(draws)), 1))
		token = MinScalar(Slice(result, AxisRange(), AxisRange(0, 1)), int32(vocab-1)) // of padding it may be any
		ofStep = Equal(Iota(g, drawn.Shape(), 0), i)
		drawn = Where(ofStep, BroadcastToDims(Reshape(result, 1, s.B, 2), s.Steps, s.B, 2), drawn)
		return slices.Concat([]*Node{AddScalar(i, int32(1)), token, drawn}, next, rest)
	})
	last := While(more, body, variables...)
	return last[2], last[state : state+len(in["pools"])]
}
