//go:build ignore

// The kernels of products that read weights where they lie, row by row; gen.go writes them. Lanes lie
// along the inner dimension, so sums end with one across the lanes of an accumulator.
package main

import "fmt"

// ratio returns the bytes of x that meet one byte of w.
func ratio(format string) int {
	if format == "Wide" || format == "Int8" {
		return 2
	}
	return 1
}

// dot goes over groups of four outputs, and for each over the pieces of k. The four
// take turns, and share what is loaded of x. Where k is one piece, rows of x and the strides of w
// are as they were for the next group.
func (t tier) dot(format string, rows int) {
	isInt, ratio := format == "Int8", ratio(format)
	const offset, add, pieces = "offset-8(SP)", "add-16(SP)", "pieces-24(SP)"
	const w, y, groups, length = "w-32(SP)", "y-40(SP)", "groups-48(SP)", "length-56(SP)"
	const xscale, wscale, first = "xscale-64(SP)", "wscale-72(SP)", "first-80(SP)"
	p("\nTEXT ·dot%d%s%d(SB), NOSPLIT, $80-8", t.bits, format, rows)
	p("\tMOVQ t+0(FP), R15")
	move(field("w"), w)
	move(field("y"), y)
	move(field("groups"), groups)
	if isInt {
		move(field("wscale"), first)
	}
	p("group:")
	p("\tMOVQ $0, %s", offset)
	move(field("add"), add)
	move(field("pieces"), pieces)
	if isInt {
		move(field("xscale"), xscale)
		move(first, wscale)
	}
	p("piece:")
	p("\tMOVQ %s, AX\n\tCMPQ %s, $1\n\tJNE full\n\tMOVQ %s, AX\nfull:", field("k"), pieces, field("last"))
	// Pointers are to the end of the piece, and AX counts up to 0.
	p("\tMOVQ AX, %s\n\tADDQ AX, %s\n\tMOVQ %[2]s, R14", length, offset)
	p("\tMOVQ %s, %s\n\tADDQ R14, %[2]s", w, ws[0])
	strides(ws, field("ldw"))
	p("\tMOVQ %s, %s\n\tLEAQ (%[2]s)(R14*%d), %[2]s", field("x"), xs[0], ratio)
	strides(xs[:rows], field("ldx"))
	p("start:")
	for i := range 4 * rows {
		p("\t%s %s%d, %[2]s%[3]d, %[2]s%[3]d", t.xor, t.name, i)
	}
	p("\tNEGQ AX")
	t.loop(format, rows, ratio)

	p("\tMOVQ %s, DX\n\tMOVQ %s, R14", y, field("ldy"))
	if t.bits == 512 {
		t.storeQuads(rows, isInt, xscale, wscale, add)
	} else {
		t.storeRows(rows, isInt, xscale, wscale, add)
	}
	p("\tSUBQ $1, %s\n\tJEQ done\n\tMOVQ $1, %s", pieces, add)
	if isInt {
		p("\tMOVQ %s, AX\n\tADDQ AX, %s\n\tMOVQ %s, AX\n\tADDQ AX, %s",
			field("ldxs"), xscale, field("ldws"), wscale)
	}
	p("\tJMP piece\ndone:\n\tSUBQ $1, %s\n\tJEQ return", groups)
	p("\tMOVQ %s, DX\n\tSHLQ $2, DX\n\tADDQ $16, %s", field("ldw"), y)
	p("\tCMPQ %s, $1\n\tJNE next\n\tMOVQ $1, %s", field("pieces"), pieces)
	for _, row := range ws {
		p("\tADDQ DX, %s", row)
	}
	if isInt {
		p("\tADDQ $16, %s", wscale)
	}
	p("\tMOVQ %s, AX\n\tJMP start\nnext:\n\tADDQ DX, %s", length, w)
	if isInt {
		p("\tADDQ $16, %s", first)
	}
	p("\tJMP group\nreturn:\n\tVZEROUPPER\n\tRET")
}

// storeRows sums a tile's accumulators and sets four outputs of each row, from DX on and R14 bytes
// apart, or adds to them.
func (t tier) storeRows(rows int, isInt bool, xscale, wscale, add string) {
	spare := 4 * t.rows // a register of x
	if isInt {
		p("\tMOVQ %s, AX\n\tVMOVUPS (AX), X%d\n\tMOVQ %s, AX", wscale, spare, xscale)
	}
	for i := range rows {
		t.fold(4*i, isInt)
		if isInt {
			p("\tVCVTDQ2PS X%d, X%[1]d", 4*i)
			p("\tVBROADCASTSS %d(AX), X%d", 4*i, spare+1)
			p("\tVMULPS X%d, X%d, X%[2]d", spare+1, 4*i)
			p("\tVMULPS X%d, X%d, X%[2]d", spare, 4*i)
		}
		p("\tCMPQ %s, $0\n\tJEQ store%d\n\tVADDPS (DX), X%d, X%[3]d\nstore%[2]d:\n\tVMOVUPS X%[3]d, (DX)",
			add, i, 4*i)
		if i+1 < rows {
			p("\tADDQ R14, DX")
		}
	}
}

// storeQuads is storeRows with registers of four parts: the sums of up to four rows end in one register,
// a part each, in the order in which fold adds.
func (t tier) storeQuads(rows int, isInt bool, xscale, wscale, add string) {
	instruction := "VADDPS"
	if isInt {
		instruction = "VPADDD"
	}
	// halve adds the first and the second half of the parts of a, and of b where there is one: the
	// results lie in a, those of b above.
	halve := func(a, b int, first, second int) {
		p("\tVSHUFF32X4 $%#x, Z%d, Z%d, %s", first, b, a, t.w())
		p("\tVSHUFF32X4 $%#x, Z%d, Z%d, Z%[3]d", second, b, a)
		p("\t%s %s, Z%d, Z%[3]d", instruction, t.w(), a)
	}
	for i := range rows {
		t.gather(4*i, instruction)
	}
	for i := 0; i < rows; i += 2 {
		halve(4*i, 4*min(i+1, rows-1), 0x44, 0xee)
	}
	quads := (rows + 3) / 4
	for q := range quads {
		first := 16 * q
		second := first
		if 4*q+2 < rows {
			second += 8
		}
		halve(first, second, 0x88, 0xdd)
	}
	if isInt {
		x, w, order := 4*rows, 4*rows+1, 4*rows+2
		p("\tMOVQ %s, AX\n\tVBROADCASTF32X4 (AX), Z%d\n\tMOVQ %s, AX", wscale, w, xscale)
		p("\tVMOVUPS ·parts<>(SB), Z%d", order)
		for q := range quads {
			p("\tVBROADCASTF32X4 %d(AX), Z%d\n\tVPERMILPS Z%d, Z%[2]d, Z%[2]d", 16*q, x, order)
			p("\tVCVTDQ2PS Z%d, Z%[1]d\n\tVMULPS Z%d, Z%[1]d, Z%[1]d\n\tVMULPS Z%[3]d, Z%[1]d, Z%[1]d", 16*q, x, w)
		}
	}
	p("\tLEAQ (R14)(R14*2), AX")
	at := func(row int) string { return []string{"(DX)", "(DX)(R14*1)", "(DX)(R14*2)", "(DX)(AX*1)"}[row] }
	for q := range quads {
		part := min(4, rows-4*q)
		if q > 0 {
			p("\tLEAQ (DX)(R14*4), DX")
		}
		p("\tCMPQ %s, $0\n\tJEQ store%d\n\tVMOVUPS (DX), X%d", add, q, t.last())
		for row := 1; row < part; row++ {
			p("\tVINSERTF32X4 $%d, %s, %s, %[3]s", row, at(row), t.w())
		}
		p("\tVADDPS %s, Z%d, Z%[2]d\nstore%d:\n\tVMOVUPS X%[2]d, (DX)", t.w(), 16*q, q)
		for row := 1; row < part; row++ {
			p("\tVEXTRACTF32X4 $%d, Z%d, %s", row, 16*q, at(row))
		}
	}
}

// parts is the number of each 128 bits of a register, in all its lanes.
func parts() {
	p("")
	for i := range 8 {
		p("DATA ·parts<>+%d(SB)/8, $0x%08x%08x", 8*i, i/2, i/2)
	}
	p("GLOBL ·parts<>(SB), 24, $64") // RODATA|NOPTR
}

// loop adds the products of rows of x and four outputs over a piece: AX counts its
// bytes of w up to 0.
func (t tier) loop(format string, rows, ratio int) {
	p("\tMOVQ %s, DX\n\tADDQ AX, DX\n\tPCALIGN $32\nloop:", field("ahead"))
	inRegisters := rows
	if format == "Int8" && t.bits == 256 {
		inRegisters = min(rows, 2)
	}
	for i := range inRegisters {
		p("\tVMOVUPS (%s)(AX*%d), %s", xs[i], ratio, t.x(i))
	}
	for j := range 4 {
		t.load(format, fmt.Sprintf("(%s)(AX*1)", ws[j]))
		p("\tPREFETCHT1 (%s)(DX*1)", ws[j])
		for i := range rows {
			t.multiply(format, i, j)
		}
	}
	p("\tADDQ %s, DX\n\tADDQ $%d, AX\n\tJNE loop", field("pace"), t.bits/8/ratio)
}

// stream goes over one row of x and 4·groups outputs in four streams at once, each in
// the order in which its weights lie in memory. The processor fetches each by itself:
// four at once keep more of memory busy than one, and a fetch ahead would take a slot of
// those that wait for it. Sums are those of dot, bit for bit.
func (t tier) stream(format string) {
	isInt, ratio := format == "Int8", ratio(format)
	step := t.bits / 8 / ratio
	one := func(offset int) {
		p("\tVMOVUPS %d(SI)(AX*%d), %s", offset*ratio, ratio, t.x(0))
		for j, stream := range ws {
			w := fmt.Sprintf("%d(%s)(AX*1)", offset, stream)
			if format == "F32" {
				p("\tVFMADD231PS %s, %s, %s", w, t.x(0), t.acc(0, j))
				continue
			}
			t.load(format, w)
			t.multiply(format, 0, j)
		}
	}
	const groups, pieces = "groups-8(SP)", "pieces-16(SP)"
	p("\nTEXT ·stream%d%s1(SB), NOSPLIT, $16-8", t.bits, format)
	p("\tMOVQ t+0(FP), R15")
	move(field("groups"), groups)
	p("\tMOVQ %s, %s", field("w"), ws[0])
	strides(ws, field("ldw"))
	// The streams' outputs and scales are R12 bytes apart, and R11 is three times that.
	p("\tMOVQ %s, DX\n\tMOVQ %s, R12\n\tSHLQ $2, R12\n\tLEAQ (R12)(R12*2), R11", field("y"), field("groups"))
	if isInt {
		p("\tMOVQ %s, R8", field("wscale"))
	}
	p("output:\n\tMOVQ %s, SI\n\tVXORPS X5, X5, X5", field("x"))
	move(field("pieces"), pieces)
	if isInt {
		p("\tMOVQ %s, R9\n\tMOVQ R8, R10", field("xscale"))
	}
	p("piece:\n\tMOVQ %s, AX\n\tCMPQ %s, $1\n\tJNE full\n\tMOVQ %s, AX\nfull:",
		field("k"), pieces, field("last"))
	// Pointers are to the end of the piece, and AX counts up to 0.
	for j, stream := range ws {
		p("\tADDQ AX, %s\n\t%s %s, %[3]s, %[3]s", stream, t.xor, t.acc(0, j))
	}
	p("\tLEAQ (SI)(AX*%d), SI\n\tNEGQ AX", ratio)
	p("\tADDQ $%d, AX\n\tJGT tail\n\tPCALIGN $32\nloop:", 2*step)
	one(-2 * step)
	one(-step)
	p("\tADDQ $%d, AX\n\tJLE loop\ntail:\n\tSUBQ $%[1]d, AX\n\tJEQ sum", 2*step)
	one(0)
	p("sum:")
	t.fold(0, isInt)
	if isInt {
		p("\tVMOVSS (R10), X1\n\tVINSERTPS $0x10, (R10)(R12*1), X1, X1")
		p("\tVINSERTPS $0x20, (R10)(R12*2), X1, X1\n\tVINSERTPS $0x30, (R10)(R11*1), X1, X1")
		p("\tVCVTDQ2PS X0, X0\n\tVBROADCASTSS (R9), X2\n\tVMULPS X2, X0, X0\n\tVMULPS X1, X0, X0")
		p("\tADDQ %s, R9\n\tADDQ %s, R10", field("ldxs"), field("ldws"))
	}
	p("\tVADDPS X0, X5, X5\n\tSUBQ $1, %s\n\tJNE piece", pieces)
	p("\tVMOVSS X5, (DX)\n\tVEXTRACTPS $1, X5, (DX)(R12*1)")
	p("\tVEXTRACTPS $2, X5, (DX)(R12*2)\n\tVEXTRACTPS $3, X5, (DX)(R11*1)\n\tADDQ $4, DX")
	if isInt {
		p("\tADDQ $4, R8")
	}
	p("\tSUBQ $1, %s\n\tJNE output\n\tVZEROUPPER\n\tRET", groups)
}

// fold sums the lanes of accumulators a to a+3 and leaves the four sums in a.
func (t tier) fold(a int, isInt bool) {
	add := "VADDPS"
	if isInt {
		add = "VPADDD"
	}
	t.gather(a, add)
	t.halve(a, add)
}

// gather sums the lanes in each part of 128 bits of accumulators a to a+3: the four sums of each lie in
// that part of a.
func (t tier) gather(a int, add string) {
	r := func(i int) string { return fmt.Sprintf("%s%d", t.name, i) }
	pair := func(kind string, a, b int) {
		p("\tVUNPCKL%s %s, %s, %s", kind, r(b), r(a), t.w())
		p("\tVUNPCKH%s %s, %s, %[3]s", kind, r(b), r(a))
		p("\t%s %s, %s, %[3]s", add, t.w(), r(a))
	}
	pair("PS", a, a+1)
	pair("PS", a+2, a+3)
	pair("PD", a, a+2)
}

// halve adds the four or two parts of 128 bits of a register; the sum is in the first.
func (t tier) halve(a int, add string) {
	extract := "VEXTRACTF128"
	if t.bits == 512 {
		p("\tVEXTRACTF64X4 $1, Z%d, Y%d\n\t%s Y%[2]d, Y%[1]d, Y%[1]d", a, t.last(), add)
		extract = "VEXTRACTF32X4"
	}
	p("\t%s $1, Y%d, X%d\n\t%s X%[3]d, X%[2]d, X%[2]d", extract, a, t.last(), add)
}
