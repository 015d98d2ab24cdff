//go:build ignore

// The kernels of products whose lanes are rows of x, which outer.go describes; gen.go writes them.
package main

import (
	"fmt"
	"math/bits"
	"strings"
)

// outerFormats are those that a tier multiplies so.
func (t tier) outerFormats() []string {
	if t.bits == 512 {
		return []string{"F32", "BF16"}
	}
	return []string{"F32"}
}

// outerOuts are the outputs of a tile, and outerVectors the most vectors of rows.
func (t tier) outerOuts() int { return t.bits / 64 }

const outerVectors = 3

func (t tier) lanes() int { return t.bits / 32 }

// laneOrder lists the lanes of a dot product's sum in an order in which a sum is complete when its
// neighbour comes: those whose sums fold adds first follow each other.
func (t tier) laneOrder() (order []int) {
	parts := []int{0, 2, 1, 3}
	if t.bits == 256 {
		parts = []int{0, 1}
	}
	for _, part := range parts {
		for _, lane := range []int{0, 2, 1, 3} {
			order = append(order, 4*part+lane)
		}
	}
	return order
}

func (t tier) outerName(format string, vectors int) string {
	return fmt.Sprintf("outer%d%sx%d", t.bits, format, vectors)
}

func (t tier) turnName(format string) string { return fmt.Sprintf("turnRows%d%s", t.bits, format) }

func outerKernels() {
	for _, t := range tiers {
		for _, format := range t.outerFormats() {
			for vectors := 1; vectors <= outerVectors; vectors++ {
				t.outer(format, vectors)
			}
			t.turnRows(format)
		}
		p("")
		order := t.laneOrder()
		for i := 0; i < len(order); i += 8 {
			bytes := uint64(0)
			for j := range 8 {
				bytes |= uint64(4*order[i+j]) << (8 * j)
			}
			p("DATA ·lanes%d<>+%d(SB)/8, $%#016x", t.bits, i, bytes)
		}
		p("GLOBL ·lanes%d<>(SB), 24, $%d", t.bits, len(order)) // RODATA|NOPTR
	}
}

// outerFields are those of a tier that Go needs to know.
func (t tier) outerFields() {
	p("outs: %d,\nouter: [formatCount][]kernel{", t.outerOuts())
	for _, format := range t.outerFormats() {
		var names []string
		for vectors := 1; vectors <= outerVectors; vectors++ {
			names = append(names, t.outerName(format, vectors))
		}
		p("format%s: {%s},", format, strings.Join(names, ", "))
	}
	p("}, turnRows: [formatCount]turnKernel{")
	for _, format := range t.outerFormats() {
		p("format%s: %s,", format, t.turnName(format))
	}
	p("},")
}

// outerGo declares the kernels.
func outerGo() {
	for _, t := range tiers {
		for _, format := range t.outerFormats() {
			for vectors := 1; vectors <= outerVectors; vectors++ {
				p("\n//go:noescape\nfunc %s(t *tile)", t.outerName(format, vectors))
			}
			p("\n//go:noescape\nfunc %s(dst, src unsafe.Pointer, steps int, lddst, ldsrc uintptr)", t.turnName(format))
		}
	}
}

// outer goes over groups of some vectors of rows of x, and for each over the lanes of a dot product's sum, and
// over what belongs to a lane. A lane's sums wait, level by level of the tree in which fold adds lanes, for those
// that they are added to.
func (t tier) outer(format string, vectors int) {
	outs, lanes, bytes := t.outerOuts(), t.lanes(), t.bits/8
	levels := bits.Len(uint(lanes)) - 1
	register := func(i int) string { return fmt.Sprintf("%s%d", t.name, i) }
	acc := func(o, v int) int { return o*vectors + v }
	x := func(v int) int { return outs*vectors + v }
	firstSpare := outs*vectors + vectors
	spares := t.last() + 1 - firstSpare
	// Rows of w lie at multiples of ldw from DI on.
	w := []string{"(DI)", "(DI)(R9*1)", "(DI)(R9*2)", "(DI)(R10*1)", "(DI)(R9*4)", "(DI)(R11*1)", "(DI)(R10*2)",
		"(DI)(R12*1)"}
	rows := []string{"(SI)", "(SI)(R8*1)", "(SI)(R8*2)"}
	const steps, y, groups, first, totals = "steps-8(SP)", "y-16(SP)", "groups-24(SP)", "first-32(SP)", "totals-40(SP)"
	each := func(do func(r int)) {
		for i := range outs * vectors {
			do(i)
		}
	}
	level := func(i, r int) string { return fmt.Sprintf("%d(BX)", (i*outs*outerVectors+r)*bytes) }
	total := func(r int) string { return fmt.Sprintf("%d(R14)", r*bytes) }

	p("\nTEXT ·%s(SB), NOSPLIT, $40-8\n\tMOVQ t+0(FP), R15", t.outerName(format, vectors))
	move(field("groups"), groups)
	move(field("y"), y)
	move(field("totals"), totals)
	move(field("x"), first)
	p("\tMOVQ %s, R8\n\tMOVQ %s, R9", field("ldx"), field("ldw"))
	p("\tLEAQ (R9)(R9*2), R10\n\tLEAQ (R9)(R9*4), R11\n\tLEAQ (R10)(R9*4), R12")
	p("\tMOVQ %s, BX\n\tMOVQ %s, DX\n\tADDQ %s, DX\n\tMOVQ %s, R13", field("sums"), field("w"), field("ahead"),
		field("pace"))
	p("\tMOVQ %s, AX\n\tSHRQ $%d, AX\n\tMOVQ AX, %s", field("k"), bits.Len(uint(bytes))-1, steps)
	p("strip:\n\tMOVQ %s, SI\n\tXORQ R14, R14", first)
	p("lane:\n\tLEAQ ·lanes%d<>(SB), AX\n\tMOVBQZX (AX)(R14*1), DI\n\tADDQ %s, DI\n\tMOVQ %s, CX", t.bits,
		field("w"), steps)
	p("\tMOVQ R13, AX\n\tTESTQ AX, AX\n\tJEQ fetched")
	p("fetch:\n\tPREFETCHT1 (DX)\n\tADDQ $64, DX\n\tSUBQ $1, AX\n\tJNE fetch\nfetched:")
	each(func(r int) { p("\t%s %s, %[2]s, %[2]s", t.xor, register(r)) })
	p("\tPCALIGN $32\nloop:")
	for v := range vectors {
		p("\tVMOVUPS %s, %s", rows[v], register(x(v)))
	}
	for o := range outs {
		b := firstSpare + o%spares
		p("\tVBROADCASTSS %s, %s", w[o], register(b))
		for v := range vectors {
			if format == "BF16" { // VDPBF16PS
				evex(0x52, acc(o, v), x(v), b)
			} else {
				p("\tVFMADD231PS %s, %s, %s", register(b), register(x(v)), register(acc(o, v)))
			}
		}
	}
	p("\tADDQ $%d, SI\n\tADDQ $%[1]d, DI\n\tSUBQ $1, CX\n\tJNE loop", bytes)
	for i := range levels {
		p("\tTESTQ $%d, R14\n\tJNE add%d", 1<<i, i)
		each(func(r int) { p("\tVMOVUPS %s, %s", register(r), level(i, r)) })
		p("\tINCQ R14\n\tJMP lane\nadd%d:", i)
		each(func(r int) { p("\tVADDPS %s, %s, %[2]s", level(i, r), register(r)) })
	}
	p("\tMOVQ %s, R14\n\tCMPQ %s, $0\n\tJEQ one", totals, field("add"))
	each(func(r int) { p("\tVADDPS %s, %s, %[2]s", total(r), register(r)) })
	p("one:\n\tCMPQ %s, $1\n\tJEQ done", field("pieces"))
	each(func(r int) { p("\tVMOVUPS %s, %s", register(r), total(r)) })
	p("\tJMP next\ndone:")

	// Outputs become columns again: four of them are in a part of 128 bits of a register, a row each.
	p("\tMOVQ %s, AX\n\tMOVQ %s, R14\n\tLEAQ (R14*4), CX\n\tLEAQ (CX)(CX*2), DI", y, field("ldy"))
	parts := t.bits / 128
	to := []string{"%d(AX)", "%d(AX)(CX*1)", "%d(AX)(CX*2)", "%d(AX)(DI*1)"}
	spare := firstSpare - vectors // x is not needed any more
	for v := range vectors {
		turned := make([][4]int, outs/4)
		for q := range outs / 4 {
			a, b, c, d := acc(4*q, v), acc(4*q+1, v), acc(4*q+2, v), acc(4*q+3, v)
			pair := func(unit string, low, high, toLow, toHigh int) {
				p("\tVUNPCKL%s %s, %s, %s", unit, register(high), register(low), register(toLow))
				p("\tVUNPCKH%s %s, %s, %s", unit, register(high), register(low), register(toHigh))
			}
			pair("PS", a, b, spare, a)
			pair("PS", c, d, spare+1, c)
			pair("PD", spare, spare+1, b, d)
			pair("PD", a, c, spare, c)
			p("\tVMOVAPS %s, %s", register(spare), register(a))
			turned[q] = [4]int{b, d, a, c}
		}
		for i := range 4 {
			for part := range parts {
				for q := range turned {
					r, address := turned[q][i], fmt.Sprintf(to[part], 16*q)
					switch {
					case part == 0:
						p("\tVMOVUPS X%d, %s", r, address)
					case t.bits == 256:
						p("\tVEXTRACTF128 $%d, Y%d, %s", part, r, address)
					default:
						p("\tVEXTRACTF32X4 $%d, Z%d, %s", part, r, address)
					}
				}
			}
			p("\tADDQ R14, AX")
		}
		if p("\tADDQ CX, AX"); parts == 4 {
			p("\tLEAQ (AX)(CX*2), AX")
		}
	}
	p("\tMOVQ AX, %s\nnext:\n\tADDQ $%d, %s", y, outs*vectors*bytes, totals)
	for range vectors {
		p("\tADDQ R8, %s", first)
	}
	p("\tSUBQ $1, %s\n\tJNE strip\n\tVZEROUPPER\n\tRET", groups)
}

// turnRows makes a vector of rows for outer, whose lanes lie lddst bytes apart, of some steps of rows of
// float32 that lie ldsrc bytes apart.
func (t tier) turnRows(format string) {
	name := t.turnName(format)
	head(name, 40, "dst", "src", "steps", "lddst", "ldsrc")
	size := t.bits / 8
	if format == "BF16" {
		size *= 2
	}
	p("\tPCALIGN $32\nloop:\n\tMOVQ DI, AX")
	for i := range t.lanes() {
		if format == "BF16" {
			p("\tVMOVUPS (AX), Z16\n\tVMOVUPS 64(AX), Z17")
			evexPrefixed(prefixF2, 0x72, i, 17, 16) // VCVTNE2PS2BF16
		} else {
			p("\tVMOVUPS (AX), %s%d", t.name, i)
		}
		if i+1 < t.lanes() {
			p("\tADDQ R8, AX")
		}
	}
	if t.bits == 512 {
		turn()
	} else {
		turn8()
	}
	p("\tMOVQ SI, BX")
	for i, lane := range t.laneOrder() {
		if p("\tVMOVUPS %s%d, (BX)", t.name, lane); i+1 < t.lanes() {
			p("\tADDQ DX, BX")
		}
	}
	p("\tADDQ $%d, SI\n\tADDQ $%d, DI\n\tSUBQ $1, CX\n\tJNE loop\n\tVZEROUPPER\n\tRET", t.bits/8, size)
}

// turn8 has Y0 to Y7, 8 rows of 8 numbers, become 8 columns; Y8 to Y15 are lost.
func turn8() {
	for i := 0; i < 8; i += 2 {
		p("\tVUNPCKLPS Y%d, Y%d, Y%d\n\tVUNPCKHPS Y%[1]d, Y%[2]d, Y%[4]d", i+1, i, 8+i, 9+i)
	}
	for i := 0; i < 8; i += 4 { // Y(i+c) has column 4l + c in its part l
		for half := range 2 {
			p("\tVUNPCKLPD Y%d, Y%d, Y%d\n\tVUNPCKHPD Y%[1]d, Y%[2]d, Y%[4]d", 10+i+half, 8+i+half,
				i+2*half, i+2*half+1)
		}
	}
	for c := range 4 {
		p("\tVPERM2F128 $0x20, Y%d, Y%d, Y8\n\tVPERM2F128 $0x31, Y%[1]d, Y%[2]d, Y%[3]d\n\tVMOVAPS Y8, Y%[2]d",
			4+c, c, 4+c)
	}
}
