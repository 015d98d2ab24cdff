package backend

import (
	"fmt"
	"reflect"
	"unsafe"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/gomlx/core/graph"
)

// NewClosure is graph.NewClosure for a body that has constants and reductions: the body of a
// loop. GoMLX keeps the scalars of a graph, and go-xla the functions that reductions apply, for
// the whole graph, and hands one that was made in a closure to the code outside, and the other
// way round, which both refuse. So a closure is built with none kept. It reads unexported
// fields, and panics when they are not as expected.
func NewClosure(g *graph.Graph, body func(g *graph.Graph) []*graph.Node) *graph.Function {
	defer withoutKept(g, "scalars")()
	if IsXLA(g) {
		builder := unexported[compute.Builder](g, "builder").(*xla.Builder)
		defer withoutKept(builder, "cacheReductions")()
	}
	return graph.NewClosure(g, body)
}

// withoutKept empties the map in a field of *p until what it returns is called.
func withoutKept(p any, field string) (restore func()) {
	v := reflect.ValueOf(p).Elem().FieldByName(field)
	if !v.IsValid() || v.Kind() != reflect.Map {
		panic(fmt.Sprintf("%T has no map %s", p, field))
	}
	settable := reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
	kept := reflect.New(v.Type()).Elem()
	kept.Set(settable)
	settable.Set(reflect.MakeMap(v.Type()))
	return func() { settable.Set(kept) }
}
