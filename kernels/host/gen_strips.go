//go:build ignore

// The kernels of products over copies in strips, and what makes the strips; gen.go writes them.
// strips.go says how both sides lie in memory.
//
// A tile is the rows of a strip of the left side times two or three vectors of the right: a lane
// for each output, 12 accumulators of 16 registers or 24 of 32. Each is summed in the order of k.
package main

import (
	"fmt"
	"slices"
)

// strips describes a tier's tile: rows of the left side and vectors of the right.
func (t tier) strips() (rows, vectors int) {
	if t.bits == 512 {
		return 12, 2
	}
	return 4, 3
}

// stripFields are those of a tier that Go needs to know.
func (t tier) stripFields() {
	rows, vectors := t.strips()
	p("strips: strips{left: %d, right: %d,", rows, vectors*t.bits/32)
	p("multiply: [formatCount]stripsKernel{")
	for _, format := range t.stripFormats() {
		p("format%s: multiplyStrips%d%s,", format, t.bits, stripNumbers(format))
	}
	p("}, columns: [formatCount][2]columnsKernel{")
	for _, format := range t.stripFormats() {
		p("format%s: {", format)
		for _, width := range t.stripWidths() {
			p("stripColumns%d%s,", width, format)
		}
		p("},")
	}
	p("}},")
}

// stripFormats are those that a tier multiplies in strips.
func (t tier) stripFormats() []string {
	if slices.Contains(t.formats, "BF16") {
		return []string{"F32", "Wide", "BF16"}
	}
	return []string{"F32", "Wide"}
}

// stripNumbers names what a format's strips hold: widened numbers are float32.
func stripNumbers(format string) string {
	if format == "Wide" {
		return "F32"
	}
	return format
}

// stripWidths are the rows of a strip of the left side and of the right.
func (t tier) stripWidths() []int {
	rows, vectors := t.strips()
	return []int{rows, vectors * t.bits / 32}
}

// stripsGo declares the kernels.
func stripsGo() {
	for _, t := range tiers {
		for _, format := range t.stripFormats() {
			if stripNumbers(format) == format {
				p("\n//go:noescape\nfunc multiplyStrips%d%s(y, a, b unsafe.Pointer, k int, ldy, add uintptr)",
					t.bits, format)
			}
			for _, width := range t.stripWidths() {
				p("\n//go:noescape\nfunc stripColumns%d%s(dst, src unsafe.Pointer, k int, ldsrc uintptr, "+
					"strips int, lddst uintptr)", width, format)
			}
		}
	}
	for _, format := range []string{"F32", "Wide"} {
		p("\n//go:noescape\nfunc stripRows%s(dst, src unsafe.Pointer, k int, lddst, ldsrc uintptr)", format)
	}
}

func stripKernels() {
	for _, t := range tiers {
		for _, format := range t.stripFormats() {
			if stripNumbers(format) == format {
				t.multiplyStrips(format)
			}
			for _, width := range t.stripWidths() {
				stripColumns(format, width)
			}
		}
	}
	stripRows("F32")
	stripRows("Wide")
}

// multiplyStrips sets a tile of y, whose rows lie ldy bytes apart, to the product of a strip of each
// side over k numbers, a multiple of 4, or adds it. In BF16 a number is two.
func (t tier) multiplyStrips(format string) {
	rows, vectors := t.strips()
	register := func(i int) string { return fmt.Sprintf("%s%d", t.name, i) }
	acc := func(i, j int) int { return vectors*i + j }
	b := func(j int) int { return rows*vectors + j }
	spare := t.last() + 1 - rows*vectors - vectors // registers for numbers of a
	const y, a, right, k, ldy, add, row = "SI", "DI", "CX", "DX", "R8", "R9", "BX"
	head(fmt.Sprintf("multiplyStrips%d%s", t.bits, format), 48, "y", "a", "b", "k", "ldy", "add")
	p("\tMOVQ %s, %s", y, row)
	for i := range rows {
		for line := 0; line < vectors*t.bits/8; line += 64 {
			p("\tPREFETCHT0 %d(%s)", line, row)
		}
		if i+1 < rows {
			p("\tADDQ %s, %s", ldy, row)
		}
	}
	for i := range rows * vectors {
		p("\t%s %s%d, %[2]s%[3]d, %[2]s%[3]d", t.xor, t.name, i)
	}
	const unroll = 4
	p("\tPCALIGN $32\nloop:")
	for step := range unroll {
		for j := range vectors {
			p("\tVMOVUPS %d(%s), %s", (step*vectors+j)*t.bits/8, right, register(b(j)))
		}
		for i := range rows {
			number := rows*vectors + vectors + i%spare
			p("\tVBROADCASTSS %d(%s), %s", 4*(step*rows+i), a, register(number))
			for j := range vectors {
				if format == "BF16" { // VDPBF16PS
					evex(0x52, acc(i, j), number, b(j))
				} else {
					p("\tVFMADD231PS %s, %s, %s", register(b(j)), register(number), register(acc(i, j)))
				}
			}
		}
	}
	p("\tADDQ $%d, %s\n\tADDQ $%d, %s", 4*unroll*rows, a, unroll*vectors*t.bits/8, right)
	p("\tSUBQ $%d, %s\n\tJNE loop", unroll, k)
	p("\tTESTQ %s, %s\n\tJEQ set\n\tMOVQ %s, %s", add, add, y, row)
	for i := range rows {
		for j := range vectors {
			p("\tVADDPS %d(%s), %s, %[3]s", j*t.bits/8, row, register(acc(i, j)))
		}
		if i+1 < rows {
			p("\tADDQ %s, %s", ldy, row)
		}
	}
	p("set:")
	for i := range rows {
		for j := range vectors {
			p("\tVMOVUPS %s, %d(%s)", register(acc(i, j)), j*t.bits/8, y)
		}
		if i+1 < rows {
			p("\tADDQ %s, %s", ldy, y)
		}
	}
	p("\tVZEROUPPER\n\tRET")
}

// stripColumns makes strips, lddst bytes apart, of a matrix that lies [k, rows]: for each k it
// copies rows of each strip, which are neighbours on both sides. In BF16 it takes two rows of the
// matrix for each k, and pairs their numbers.
func stripColumns(format string, width int) {
	size := 4
	if format != "F32" {
		size = 2
	}
	head(fmt.Sprintf("stripColumns%d%s", width, format), 48, "dst", "src", "k", "ldsrc", "strips", "lddst")
	p("row:\n\tMOVQ SI, R10\n\tMOVQ DI, R11\n\tMOVQ R8, AX\nstrip:")
	for at := 0; at < width; {
		n, name := 8, "Y"
		if width-at < n {
			n, name = 4, "X"
		}
		switch format {
		case "F32":
			p("\tVMOVUPS %d(R11), %s0", at*size, name)
		case "Wide":
			p("\tVPMOVZXWD %d(R11), %s0\n\tVPSLLD $16, %[2]s0, %[2]s0", at*size, name)
		case "BF16":
			p("\tVPMOVZXWD %d(R11)(DX*1), %s0\n\tVPSLLD $16, %[2]s0, %[2]s0", at*size, name)
			p("\tVPMOVZXWD %d(R11), %s1\n\tVPOR %[2]s1, %[2]s0, %[2]s0", at*size, name)
		}
		p("\tVMOVUPS %s0, %d(R10)", name, 4*at)
		at += n
	}
	p("\tADDQ R9, R10\n\tADDQ $%d, R11\n\tSUBQ $1, AX\n\tJNE strip", width*size)
	if p("\tADDQ $%d, SI\n\tADDQ DX, DI", 4*width); format == "BF16" {
		p("\tADDQ DX, DI")
	}
	p("\tSUBQ $1, CX\n\tJNE row\n\tVZEROUPPER\n\tRET")
}

// stripRows turns four rows of k numbers, a multiple of 8, into k fours, lddst bytes apart. Numbers of
// BF16 are pairs, which lie like float32.
func stripRows(format string) {
	head("stripRows"+format, 40, "dst", "src", "k", "lddst", "ldsrc")
	p("\tLEAQ (DX)(DX*2), R12\n\tLEAQ (R8)(R8*2), R13\nloop:")
	for i, row := range []string{"(DI)", "(DI)(R8*1)", "(DI)(R8*2)", "(DI)(R13*1)"} {
		if format == "F32" {
			p("\tVMOVUPS %s, Y%d", row, i)
		} else {
			p("\tVPMOVZXWD %s, Y%d\n\tVPSLLD $16, Y%[2]d, Y%[2]d", row, i)
		}
	}
	interleave := func(unit string, a, b, to int) {
		p("\tVUNPCKL%s Y%d, Y%d, Y%d", unit, b, a, to)
		p("\tVUNPCKH%s Y%d, Y%d, Y%d", unit, b, a, to+1)
	}
	interleave("PS", 0, 1, 4)
	interleave("PS", 2, 3, 6)
	interleave("PD", 4, 6, 0)
	interleave("PD", 5, 7, 2)
	// Each register has the four of one k and, above it, of the fourth after it.
	for _, instruction := range []string{"VMOVUPS X%d, %s", "VEXTRACTF128 $1, Y%d, %s"} {
		for i, to := range []string{"(SI)", "(SI)(DX*1)", "(SI)(DX*2)", "(SI)(R12*1)"} {
			p("\t"+instruction, i, to)
		}
		p("\tLEAQ (SI)(DX*4), SI")
	}
	p("\tADDQ $%d, DI\n\tSUBQ $8, CX\n\tJNE loop\n\tVZEROUPPER\n\tRET", 32/ratio(format))
}
