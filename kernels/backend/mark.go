package backend

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/stablehlo"
	"github.com/gomlx/gomlx/core/graph"
)

// GoMLX has no assignment and no call of a function of this process. Graph code makes the
// operation that is nearest to the one it means and marks it, and Compile rewrites what is
// marked, nothing else. A mark hangs on the node's alias, which GoMLX hands on when it makes
// the node again to compute a layer once more in the backward pass (Node.CloneWithInputs).

// marks gives each alias of a graph its meaning: an assignment, a hostProduct, a hostAttention, a handOver, a
// kernelCall, a cudnnCall or a further result of one.
type marks map[string]any

// marksKey finds a graph's marks among what is attached to it.
type marksKey struct{}

// mark marks an operation of a graph for XLA; on the Go backend it does nothing.
func mark(n *graph.Node, as any) *graph.Node {
	g := n.Graph()
	if !IsXLA(g) {
		return n
	}
	m, _ := g.State(marksKey{}).(marks)
	if m == nil {
		m = marks{}
		g.AttachState(marksKey{}, m)
	}
	alias := fmt.Sprintf("/stele/mark/%d", len(m))
	m[alias] = as
	return n.WithAlias(alias)
}

// marked yields the StableHLO statements of the nodes that have a mark of type T, and the mark;
// nodes that are computed again are among them. It reads unexported fields, and panics when they
// are not as expected or a statement is of another operation than these.
func marked[T any](g *graph.Graph, operations ...string) iter.Seq2[*stablehlo.Statement, T] {
	return func(yield func(*stablehlo.Statement, T) bool) {
		m, _ := g.State(marksKey{}).(marks)
		for _, n := range g.Nodes() {
			as, ok := m[n.GetAlias()].(T)
			if !ok {
				continue
			}
			s := unexported[*stablehlo.Statement](valueOf(n), "stmt")
			if found := s.OpType.ToStableHLO(); !slices.Contains(operations, found) {
				panic(fmt.Sprintf("a marked operation is %s, not %s", found, strings.Join(operations, " or ")))
			}
			if !yield(s, as) {
				return
			}
		}
	}
}

// valueOf returns a node's value in StableHLO, of the first of its outputs.
func valueOf(n *graph.Node) *stablehlo.Value {
	output := unexported[[]compute.Value](n, "outputOps")[0].(*xla.Node)
	return unexported[*stablehlo.Value](output, "value")
}

// IsXLA reports whether a graph is for XLA rather than for the pure-Go backend.
func IsXLA(g *graph.Graph) bool {
	_, ok := g.Backend().(*xla.Backend)
	return ok
}

// IsCUDA reports whether a graph is for a GPU, one that is only described among them.
func IsCUDA(g *graph.Graph) bool {
	b, ok := g.Backend().(*xla.Backend)
	return ok && b.IsCUDA()
}
