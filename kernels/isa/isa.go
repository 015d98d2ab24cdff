// Package isa says which of a processor's instruction sets Stele computes with, and caps
// them: STELE_CPU names the most that may be used, so that a machine can stand for one
// that has less. The tiers differ in the last bits of their results.
package isa

import (
	"fmt"
	"os"
	"strings"

	"github.com/klauspost/cpuid/v2"
)

// Setting is the environment variable with the name of the highest tier that may be used.
const Setting = "STELE_CPU"

// Tier is a set of instructions that includes those of the tiers below it.
type Tier int

// The tiers of x86-64. Other processors have Scalar alone: Stele's kernels and the Go
// backend are plain Go there, and what XLA uses is its own affair.
const (
	Scalar     Tier = iota
	AVX2            // and FMA
	AVX512          // F, CD, BW, DQ and VL, which Go takes as one
	AVX512BF16      // and products of bfloat16
	AMX             // and tiles of bfloat16 and int8
)

// All are the tiers, the lowest first.
var All = []Tier{Scalar, AVX2, AVX512, AVX512BF16, AMX}

// tiers says of each what its name is, and what keeps Go's own detection, which GoMLX's
// backend asks, XLA's code generation and oneDNN's, which XLA multiplies by, from going above it.
var tiers = [...]struct{ name, godebug, xla, oneDNN string }{
	Scalar:     {"scalar", "cpu.avx512f=off,cpu.avx2=off,cpu.fma=off", "SSE4_2", "SSE41"},
	AVX2:       {"avx2", "cpu.avx512f=off", "AVX2", "AVX2"},
	AVX512:     {"avx512", "", "AVX512_VNNI", "AVX512_CORE_VNNI"}, // int8 kernels use VNNI
	AVX512BF16: {"avx512_bf16", "", "AVX512_BF16", "AVX512_CORE_BF16"},
	AMX:        {"amx", "", "AMX", "AVX512_CORE_AMX"},
}

// String returns the name that Parse reads.
func (t Tier) String() string { return tiers[t].name }

// Parse returns the tier of a name, in which case, - and _ do not matter.
func Parse(name string) (Tier, error) {
	plain := func(s string) string {
		return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(s))
	}
	var names []string
	for _, t := range All {
		if plain(name) == plain(t.String()) {
			return t, nil
		}
		names = append(names, t.String())
	}
	return 0, fmt.Errorf("unknown tier %q: expected one of %s", name, strings.Join(names, ", "))
}

// Machine returns the highest tier that the processor has, capped or not.
func Machine() Tier {
	has := func(features ...cpuid.FeatureID) bool { return cpuid.CPU.Supports(features...) }
	switch {
	case !has(cpuid.AVX2, cpuid.FMA3):
		return Scalar
	case !has(cpuid.AVX512F, cpuid.AVX512CD, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL):
		return AVX2
	case !has(cpuid.AVX512BF16):
		return AVX512
	case !has(cpuid.AMXTILE, cpuid.AMXBF16, cpuid.AMXINT8) && !emulatesTiles:
		return AVX512BF16
	}
	return AMX
}

// InForce returns the tier that this process computes with: the machine's, capped by Setting,
// by GODEBUG, by how the program was built and by what the system grants.
func InForce() Tier { return inForce }

// TilesRefused returns why the system keeps this process from the registers of AMX, which the machine
// has and which nothing else rules out; nil where it does not.
func TilesRefused() error { return tilesRefused }

var tilesRefused error

var inForce = func() Tier {
	limit, err := limit(os.Getenv(Setting), Machine())
	if err == nil && limit < Machine() {
		err = enforce(limit)
	}
	if err != nil { // a result of another tier than the one asked for is worse than none
		fmt.Fprintf(os.Stderr, "stele: %v\n", err)
		os.Exit(2)
	}
	t := granted(min(limit, seen()), permitTiles)
	if tilesRefused != nil && os.Getenv(Setting) != "" { // AMX was asked for
		fmt.Fprintf(os.Stderr, "stele: %s=%s: %v\n", Setting, limit, tilesRefused)
		os.Exit(2)
	}
	return t
}()

// granted lowers a tier with AMX to the one below it where the system refuses its registers.
func granted(t Tier, permit func() error) Tier {
	if t < AMX || emulatesTiles {
		return t
	}
	if tilesRefused = permit(); tilesRefused != nil {
		return AMX - 1
	}
	return t
}

// limit returns the tier that Setting names, which the machine must have.
func limit(setting string, machine Tier) (Tier, error) {
	if setting == "" {
		return machine, nil
	}
	t, err := Parse(setting)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", Setting, err)
	}
	if t > machine {
		return 0, fmt.Errorf("%s=%s: this machine has %s and what is below it", Setting, setting, machine)
	}
	return t, nil
}
