#!/usr/bin/env bash
# GoMLX: a number first used in a loop's body cannot be used after the loop.
#
# One would guess that the 2 of MulScalar(x, 2) inside a While's body and the 2 of MulScalar(y, 2) after it have
# nothing to do with each other: each stands where it is written, as a literal does in JAX's while_loop. GoMLX
# keeps one node for each scalar of a graph. Whichever use comes first makes it, in the function that is being
# built at that moment; if that is a closure, the body of a loop or a branch, code outside it is handed a node of
# the closure, and the graph does not build: "uses a node from a different function scope". So whether a
# function builds depends on which numbers were used before it is called: a helper that works alone stops
# working behind another that loops, and works again where somebody has used the same number earlier.
#
# Seen with gomlx v0.28.1 and compute v0.1.2 (Go 1.26, linux/amd64):
#   doubling after a loop that adds 1: [6]
#   doubling after a loop that doubles: failed during graph construction/compilation: compilation failed for Exec
#     "...": graphFn for "..." panicked: Mul: input #1 uses a node from a different function scope
#   doubling before it, too: [32]
#
# What to do: use the number once before the closure is built, or keep the graph's scalars apart while it is.
# Exits with 1 if this changes.
set -euo pipefail
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module loop

go 1.26

require (
	github.com/gomlx/compute v0.1.2
	github.com/gomlx/gomlx v0.28.1
)
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
	. "github.com/gomlx/gomlx/core/graph"
)

// thrice applies step to x in a loop of three turns.
func thrice(x *Node, step func(x *Node) *Node) *Node {
	g := x.Graph()
	counter := Const(g, []int32{0})
	turns := Const(g, []int32{3})
	state := func(g *Graph) (x_, counter_, turns_ *Node) {
		return Parameter(g, "x", x.Shape()), Parameter(g, "counter", counter.Shape()),
			Parameter(g, "turns", turns.Shape())
	}
	more := NewClosure(g, func(g *Graph) []*Node {
		_, counter, turns := state(g)
		return []*Node{Reshape(LessThan(counter, turns))}
	})
	body := NewClosure(g, func(g *Graph) []*Node {
		x, counter, turns := state(g)
		return []*Node{step(x), Add(counter, Const(g, []int32{1})), turns}
	})
	return While(more, body, x, counter, turns)[0]
}

func main() {
	backend, err := compute.NewWithConfig("go")
	if err != nil {
		panic(err)
	}
	double := func(x *Node) *Node { return MulScalar(x, 2) }
	addOne := func(x *Node) *Node { return Add(x, Const(x.Graph(), []float32{1})) }
	run := func(what string, f func(x *Node) *Node) (said string) {
		defer func() {
			if r := recover(); r != nil {
				said = strings.Split(fmt.Sprint(r), "\n")[0]
			}
			fmt.Printf("  %s: %s\n", what, said)
		}()
		exec, err := NewExec(backend, f)
		if err == nil {
			out, failed := exec.Exec([]float32{0})
			if err = failed; err == nil {
				return fmt.Sprint(out[0].Value())
			}
		}
		return strings.Split(err.Error(), "\n")[0]
	}
	plain := run("doubling after a loop that adds 1", func(x *Node) *Node { return double(thrice(x, addOne)) })
	after := run("doubling after a loop that doubles", func(x *Node) *Node { return double(thrice(addOne(x), double)) })
	before := run("doubling before it, too", func(x *Node) *Node { return double(thrice(double(addOne(x)), double)) })
	if plain != "[6]" || !strings.Contains(after, "different function scope") || before != "[32]" {
		fmt.Println("changed: the scalar of a loop's body could not be used after the loop")
		os.Exit(1)
	}
}
GO
unset GOFLAGS GOEXPERIMENT
go mod tidy > tidy.log 2>&1 || { cat tidy.log >&2; exit 2; }
go run .
