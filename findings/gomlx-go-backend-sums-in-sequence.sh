#!/usr/bin/env bash
# GoMLX's Go backend: a float32 sum over many elements adds one after another, and is off by percents.
#
# One would guess that ReduceAllSum of float32 numbers of one sign is right to about six digits however many
# they are, as numpy's (pairwise), PyTorch's and XLA's sums are, and as an optimiser's gradient norm or a mean
# over a large tensor takes for granted. The Go backend (compute's gobackend) keeps one float32 accumulator and
# adds to it in sequence: once it has grown to millions, each addend is no larger than its last bits and is
# rounded to a whole number of them, most of the time the same way for numbers alike. The sum of 2^24 squares of
# numbers about 0.7 is wrong by one percent, of 2^25 by two; nothing fails, and small tests agree with references.
#
# Seen with gomlx v0.28.1 and compute v0.1.2 (Go 1.26, linux/amd64):
#   2^16 squares: off by +0.0002 %, summed by rows first -0.0000 %
#   2^20 squares: off by -0.0037 %, summed by rows first -0.0000 %
#   2^22 squares: off by -0.0050 %, summed by rows first +0.0001 %
#   2^24 squares: off by +1.2043 %, summed by rows first +0.0001 %
#   2^25 squares: off by -2.2320 %, summed by rows first +0.0001 %
#
# What to do: sum in pieces (reshape to rows, sum the rows, then their sums), or in float64.
# Exits with 1 if this changes.
set -euo pipefail
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module sum

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
	"math"
	"math/rand/v2"
	"os"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

func main() {
	backend, err := compute.NewWithConfig("go")
	if err != nil {
		panic(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	worst, rows := 0.0, 0.0
	for _, power := range []int{16, 20, 22, 24, 25} {
		x := make([]float32, 1<<power)
		exact := 0.0
		for i := range x {
			x[i] = 0.7 + 0.1*float32(random.NormFloat64())
			exact += float64(x[i]) * float64(x[i])
		}
		squares := tensors.FromValue(x)
		off := func(sum func(x *Node) *Node) float64 {
			got := tensors.ToScalar[float32](MustNewExec(backend, sum).MustExec(squares)[0])
			return float64(got)/exact - 1
		}
		whole := off(func(x *Node) *Node { return ReduceAllSum(Mul(x, x)) })
		pieces := off(func(x *Node) *Node {
			return ReduceAllSum(ReduceSum(Reshape(Mul(x, x), -1, 1<<(power/2)), -1))
		})
		fmt.Printf("  2^%d squares: off by %+.4f %%, summed by rows first %+.4f %%\n", power, 100*whole, 100*pieces)
		worst, rows = math.Max(worst, math.Abs(whole)), math.Max(rows, math.Abs(pieces))
	}
	if worst < 0.01 || rows > 1e-4 {
		fmt.Println("changed: one sum was off by percents, sums of rows were not")
		os.Exit(1)
	}
}
GO
unset GOFLAGS GOEXPERIMENT
go mod tidy > tidy.log 2>&1 || { cat tidy.log >&2; exit 2; }
go run .
