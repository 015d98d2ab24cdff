package backend

import (
	"fmt"
	"reflect"
	"unsafe"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"
	"github.com/gomlx/go-xla/stablehlo"
	"github.com/gomlx/gomlx/core/graph"
)

// markDonors tells XLA which parameters of a graph may be overwritten, by the
// StableHLO argument attribute jax.buffer_donor. Without it a donated buffer is
// copied on every call: go-xla v0.4.1 never sets the attribute, and keeps the
// function it would have to be set on in a private field. Call it when the
// parameters exist and before the graph is compiled.
//
// Unexported fields are read (see mainFunction): an error is returned when a new
// version changes them.
func markDonors(g *graph.Graph, donate []bool) (err error) {
	defer internalsChanged(&err)
	fn := mainFunction(g)
	if len(fn.Inputs) != len(donate) {
		return fmt.Errorf("in-place update is lost: %d parameters, expected %d", len(fn.Inputs), len(donate))
	}
	for i, in := range fn.Inputs {
		if !donate[i] {
			continue
		}
		if in.Attributes == nil {
			in.Attributes = map[string]any{}
		}
		in.Attributes["jax.buffer_donor"] = true
	}
	return nil
}

// mainFunction returns the StableHLO of a graph of XLA's, by way of two unexported fields,
// graph.Graph.builder and xla.Function.fn. It panics when they are not as expected.
func mainFunction(g *graph.Graph) *stablehlo.Function {
	builder := unexported[compute.Builder](g, "builder").(*xla.Builder)
	return unexported[*stablehlo.Function](builder.Main().(*xla.Function), "fn")
}

// internalsChanged makes an error of a panic that unexported or what follows from it ended in.
func internalsChanged(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("the internals of gomlx or go-xla changed: %v", r)
	}
}

// unexported reads the field of *p with that name; it panics when the field is
// missing or of another type.
func unexported[T any](p any, name string) T { return *unexportedField[T](p, name) }

// unexportedField is the place of that field.
func unexportedField[T any](p any, name string) *T {
	v := reflect.ValueOf(p).Elem().FieldByName(name)
	if want := reflect.TypeFor[T](); !v.IsValid() || v.Type() != want {
		panic(fmt.Sprintf("%T has no field %s of type %v", p, name, want))
	}
	return (*T)(unsafe.Pointer(v.UnsafeAddr()))
}

// Operations lists the program's StableHLO operations in order, as in "stablehlo.gather";
// none on the Go backend.
func (p *Program) Operations() []string {
	if !IsXLA(p.graph) {
		return nil
	}
	var names []string
	for _, s := range mainFunction(p.graph).Statements {
		names = append(names, s.OpType.ToStableHLO())
	}
	return names
}

// Memory gives the bytes that a compiled program needs, as XLA planned it.
type Memory struct {
	Inputs, Outputs int64
	Aliased         int64 // outputs that take over a donated input
	Temporary       int64
}

// Memory returns XLA's plan; it is zero on the Go backend.
func (p *Program) Memory() Memory {
	if p.described != nil {
		return p.described.memory
	}
	executable, ok := p.execute.(*xla.Executable)
	if !ok {
		return Memory{}
	}
	stats := unexported[*pjrt.LoadedExecutable](executable, "exec").OnDeviceMemoryUsageStats
	return Memory{stats.Inputs, stats.Outputs, stats.Aliases, stats.Temporary}
}

// Dump is the folder in which XLA wrote what it made of a program for a described GPU (see Device.DumpTo), or "".
func (p *Program) Dump() string {
	if p.described == nil {
		return ""
	}
	return p.described.dump
}
