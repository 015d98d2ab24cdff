#!/usr/bin/env bash
# GoMLX's Go backend: 16-bit products of rows with rows are wrong on a CPU with AVX2 and no AVX-512.
#
# One would guess that a product x·wᵀ of bfloat16 or float16 matrices, both contracted along their last axis as every linear layer
# of a Hugging Face checkpoint has it, differs from the same product in float32 by rounding, on any CPU. Built with
# GOEXPERIMENT=simd (Go 1.26) the Go backend of compute takes kernels by the CPU's instructions. With AVX-512 and
# without SIMD the product is right. With AVX2 alone its numbers are other ones altogether: as far from the right ones
# as two draws of such numbers are from each other. x·w with w [k, n] is right. Nothing fails, and a machine that has
# AVX-512, as most that run tests do, never shows it. Here AVX-512 is turned off with GODEBUG=cpu.avx512f=off,
# which does nothing where there is none.
#
# Seen with gomlx v0.28.1 and compute v0.1.2 (Go 1.26, linux/amd64), greatest difference from float32 over the
# greatest number, 64 x 128 times 64 x 128:
#   AVX2, GOEXPERIMENT=simd
#   BFloat16, w contracted along axis 1: 0.933
#   BFloat16, w contracted along axis 0: 0.000
#   Float16, w contracted along axis 1: 0.933
#   Float32, w contracted along axis 1: 0.000
#   AVX2, without SIMD: all 0.000
#
# What to do: convert to float32 before such a product on the Go backend, or give it w transposed.
# Exits with 1 if this changes.
set -euo pipefail
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module product

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

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	_ "github.com/gomlx/compute/gobackend"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

const m, k, n = 64, 128, 64

func main() {
	backend, err := compute.NewWithConfig("go")
	if err != nil {
		panic(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	draw := func(rows, columns int) *tensors.Tensor {
		x := make([][]float32, rows)
		for i := range x {
			x[i] = make([]float32, columns)
			for j := range x[i] { // few bits: exact in 16
				x[i][j] = float32(random.IntN(17)-8) / 8
			}
		}
		return tensors.FromValue(x)
	}
	x, w, wt := draw(m, k), draw(n, k), draw(k, n)
	for _, c := range []struct {
		dtype dtypes.DType
		axis  int
		w     *tensors.Tensor
	}{{dtypes.BFloat16, 1, w}, {dtypes.BFloat16, 0, wt}, {dtypes.Float16, 1, w}, {dtypes.Float32, 1, w}} {
		product := func(dtype dtypes.DType) [][]float32 {
			return MustNewExec(backend, func(x, w *Node) *Node {
				dot := Dot(ConvertDType(x, dtype), ConvertDType(w, dtype)).WithOutputDType(dtypes.Float32)
				return dot.General([]int{1}, nil, []int{c.axis}, nil)
			}).MustExec(x, c.w)[0].Value().([][]float32)
		}
		got, want := product(c.dtype), product(dtypes.Float64)
		worst, greatest := 0.0, 0.0
		for i := range want {
			for j := range want[i] {
				worst = math.Max(worst, math.Abs(float64(got[i][j]-want[i][j])))
				greatest = math.Max(greatest, math.Abs(float64(want[i][j])))
			}
		}
		fmt.Printf("%s, w contracted along axis %d: %.3f\n", c.dtype, c.axis, worst/greatest)
	}
}
GO
unset GOFLAGS GODEBUG
go mod tidy > tidy.log 2>&1 || { cat tidy.log >&2; exit 2; }
GOEXPERIMENT=simd go build -o with-simd . && GOEXPERIMENT=nosimd go build -o without .
echo "AVX2, GOEXPERIMENT=simd"; GODEBUG=cpu.avx512f=off ./with-simd | tee avx2
echo "AVX2, without SIMD"; GODEBUG=cpu.avx512f=off ./without | tee plain
wrong() { awk -F': ' '$2 > 0.01 {printf "%d ", NR}' "$1"; }
if [ "$(wrong avx2)" != "1 3 " ] || [ "$(wrong plain)" != "" ]; then
  echo "changed: the first and the third line with AVX2 were wrong, and no others" >&2
  exit 1
fi
