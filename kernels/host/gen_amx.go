//go:build ignore

// The kernels of AMX, which multiply by tile registers, and what turns 16 by 16 numbers on the way
// to them and from them; gen.go writes them. amx.go says how both sides lie in memory.
//
// Registers 4 and 5 hold 16 outputs' weights each, as they lie, 6 and 7 rows of x, turned, and 0 to 3
// the sums. A kernel configures, uses and releases them within one call: Go moves a goroutine to
// another thread, whose registers are others, only between calls.
package main

import (
	"fmt"
	"slices"
	"strings"
)

// amxFields are those of amxCall, in order (see amx.go), 8 bytes each.
var amxFields = []string{
	"config", "w", "ldw", "x", "ldx", "xstep", "nextx", "sums", "steps", "back", "groups", "ahead", "pace",
}

func amxField(name string) string {
	i := slices.Index(amxFields, name)
	if i < 0 {
		panic(name)
	}
	return fmt.Sprintf("%d(R15)", 8*i)
}

// The prefixes that tell instructions of one opcode apart.
const (
	none = iota
	prefix66
	prefixF3
	prefixF2
)

// instruction writes one that Go's assembler does not know, a VEX prefix of three bytes, an opcode of map
// 0F38 and what follows; vvvv is a register or 0, index and base are the numbers of general registers.
func instruction(comment string, prefix, opcode, vvvv, index, base int, rest ...int) {
	encoded := append([]int{0xc4, 1<<7 | (1-index>>3)<<6 | (1-base>>3)<<5 | 2, (^vvvv&15)<<3 | prefix, opcode}, rest...)
	list := make([]string, len(encoded))
	for i, b := range encoded {
		list[i] = fmt.Sprintf("BYTE $%#02x", b)
	}
	p("\t%s // %s", strings.Join(list, "; "), comment)
}

var generalRegisters = []string{"AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI", "R8", "R9", "R10", "R11", "R12"}

// tileMove writes a load or a store of a tile register: its rows begin at base + offset, stride bytes apart.
func tileMove(name string, prefix, tile, offset int, base, stride string) {
	b, i := slices.Index(generalRegisters, base), slices.Index(generalRegisters, stride)
	if b < 0 || i < 0 || b&7 == 5 {
		panic(base + stride)
	}
	rest := []int{tile<<3 | 4, i&7<<3 | b&7} // ModRM and SIB, without an offset
	if offset != 0 {
		rest[0] |= 2 << 6
		rest = append(rest, offset&255, offset>>8&255, offset>>16&255, offset>>24&255)
	}
	instruction(fmt.Sprintf("%s %d(%s)(%s*1), TMM%d", name, offset, base, stride, tile), prefix, 0x4b, 0, i, b, rest...)
}

func tileLoad(tile, offset int, base, stride string) {
	tileMove("TILELOADD", prefixF2, tile, offset, base, stride)
}
func tileStore(tile, offset int, base, stride string) {
	tileMove("TILESTORED", prefixF3, tile, offset, base, stride)
}

func tileZero(tile int) {
	instruction(fmt.Sprintf("TILEZERO TMM%d", tile), prefixF2, 0x49, 0, 0, 0, 3<<6|tile<<3)
}

// tileMultiply adds products of rows of a and columns of b to sums.
func tileMultiply(format string, sums, a, b int) {
	name, prefix, opcode := "TDPBF16PS", prefixF3, 0x5c
	if format == "Int8" {
		name, prefix, opcode = "TDPBSSD", prefixF2, 0x5e
	}
	instruction(fmt.Sprintf("%s TMM%d, TMM%d, TMM%d", name, b, a, sums), prefix, opcode, b, 0, 0, 3<<6|sums<<3|a)
}

// amxShapes are the numbers of registers with weights and with rows of x that a format's kernels take. Beside
// int8 weights a row is two: high and low bits.
func amxShapes(format string) [][2]int {
	if format == "Int8" {
		return [][2]int{{1, 2}, {2, 2}}
	}
	return [][2]int{{1, 1}, {1, 2}, {2, 1}, {2, 2}}
}

var amxFormats = []string{"BF16", "Int8"}

func amxName(format string, shape [2]int) string {
	return fmt.Sprintf("amx%s%dx%d", format, shape[0], shape[1])
}

func amxKernels() {
	for _, format := range amxFormats {
		for _, shape := range amxShapes(format) {
			amxKernel(format, shape)
		}
	}
	p("")
	at := 0
	for _, format := range amxFormats {
		for _, shape := range amxShapes(format) {
			p("DATA ·amxEntries+%d(SB)/8, $·%s(SB)", 8*at, amxName(format, shape))
			at++
		}
	}
	p("GLOBL ·amxEntries(SB), 16, $%d", 8*at) // NOPTR
	turnTile()
	foldInt8()
	splitLevels()
}

// amxKernel goes over groups of registers of x, and for each over the steps of a piece, 64 bytes of every
// output.
func amxKernel(format string, shape [2]int) {
	w, x := shape[0], shape[1]
	const base0, base1, ldw, at, ldx, xstep = "SI", "DI", "R8", "DX", "R9", "R10"
	const sums, ldsums, ahead, pace, steps, groups = "BX", "R11", "R12", "R13", "CX", "R14"
	p("\nTEXT ·%s(SB), NOSPLIT, $0-8\n\tMOVQ c+0(FP), R15", amxName(format, shape))
	p("\tMOVQ %s, AX", amxField("config"))
	instruction("LDTILECFG (AX)", none, 0x49, 0, 0, 0, 0)
	p("\tMOVQ %s, %s\n\tMOVQ %s, %s\n\tMOVQ %s, %s", amxField("ldw"), ldw, amxField("ldx"), ldx,
		amxField("xstep"), xstep)
	p("\tMOVQ %s, %s\n\tMOVQ $64, %s", amxField("sums"), sums, ldsums)
	p("\tMOVQ %s, %s\n\tMOVQ %s, %s\n\tMOVQ %s, %s", amxField("ahead"), ahead, amxField("pace"), pace,
		amxField("groups"), groups)
	p("\tMOVQ %s, AX", amxField("x"))
	p("group:\n\tMOVQ %s, %s\n\tMOVQ AX, %s\n\tMOVQ %s, %s", amxField("w"), base0, at, amxField("steps"), steps)
	if w == 2 {
		p("\tMOVQ %s, %s\n\tSHLQ $4, %s\n\tADDQ %s, %s", ldw, base1, base1, base0, base1)
	}
	for i := range w {
		for j := range x {
			tileZero(2*i + j)
		}
	}
	p("\tPCALIGN $32\nloop:")
	lines := 0
	fetch := func(until int) {
		for ; lines < until; lines++ {
			p("\tPREFETCHT1 %d(%s)", 64*lines, ahead)
		}
	}
	done := 0
	multiply := func(i, j int) {
		tileMultiply(format, 2*i+j, 4+i, 6+j)
		done++
		fetch(16 * w * done / (w * x))
	}
	tileLoad(6, 0, at, ldx)
	tileLoad(4, 0, base0, ldw)
	multiply(0, 0)
	if x == 2 {
		tileLoad(7, 1024, at, ldx)
		multiply(0, 1)
	}
	if w == 2 {
		tileLoad(5, 0, base1, ldw)
		multiply(1, 0)
		if x == 2 {
			multiply(1, 1)
		}
	}
	p("\tADDQ %s, %s\n\tADDQ %s, %s\n\tADDQ $64, %s", xstep, at, pace, ahead, base0)
	if w == 2 {
		p("\tADDQ $64, %s", base1)
	}
	p("\tSUBQ $1, %s", steps)
	if format == "Int8" { // the last step may begin within the one before it
		p("\tJEQ store\n\tCMPQ %s, $1\n\tJNE loop\n\tSUBQ %s, %s", steps, amxField("back"), base0)
		if w == 2 {
			p("\tSUBQ %s, %s", amxField("back"), base1)
		}
		p("\tJMP loop\nstore:")
	} else {
		p("\tJNE loop")
	}
	for i := range w {
		for j := range x {
			tileStore(2*i+j, 1024*(i*x+j), sums, ldsums)
		}
	}
	p("\tADDQ $%d, %s\n\tADDQ %s, AX\n\tXORQ %s, %[4]s", 1024*w*x, sums, amxField("nextx"), pace)
	p("\tSUBQ $1, %s\n\tJNE group", groups)
	instruction("TILERELEASE", none, 0x49, 0, 0, 0, 0xc0)
	p("\tRET")
}

// amxGo declares the kernels and lists them by format and shape.
func amxGo() {
	p("\nvar amxTier = [formatCount]amxKernels{")
	for _, format := range amxFormats {
		p("format%s: {", format)
		for w := range 2 {
			names := [2]string{"nil", "nil"}
			for _, shape := range amxShapes(format) {
				if shape[0] == w+1 {
					names[shape[1]-1] = amxName(format, shape)
				}
			}
			p("{%s},", strings.Join(names[:], ", "))
		}
		p("},")
	}
	p("}")
	var all []string
	for _, format := range amxFormats {
		for _, shape := range amxShapes(format) {
			all = append(all, fmt.Sprintf("%q", amxName(format, shape)))
			p("\n//go:noescape\nfunc %s(c *amxCall)", amxName(format, shape))
		}
	}
	p("\n// amxNames are the kernels' names, in the order of amxEntries, where their code begins.")
	p("var amxNames = [...]string{%s}\n\nvar amxEntries [%d]uintptr", strings.Join(all, ", "), len(all))
}

// turn has Z0 to Z15, 16 rows of 16 numbers, become 16 columns; Z16 to Z31 are lost.
func turn() {
	for i := 0; i < 16; i += 2 { // pairs of rows
		p("\tVUNPCKLPS Z%d, Z%d, Z%d\n\tVUNPCKHPS Z%[1]d, Z%[2]d, Z%[4]d", i+1, i, 16+i, 17+i)
	}
	for i := 0; i < 16; i += 4 { // fours: Z(i+c) has column 4l + c in its part l of 128 bits
		for half := range 2 {
			p("\tVUNPCKLPD Z%d, Z%d, Z%d\n\tVUNPCKHPD Z%[1]d, Z%[2]d, Z%[4]d", 18+i+half, 16+i+half,
				i+2*half, i+2*half+1)
		}
	}
	for c := range 4 { // each register of four rows gives a part to each of four columns
		parts := func(selected, b, a, to int) { p("\tVSHUFF32X4 $%#x, Z%d, Z%d, Z%d", selected, b, a, to) }
		const even, odd = 0x88, 0xdd
		parts(even, 4+c, c, 16)
		parts(even, 12+c, 8+c, 17)
		parts(odd, 4+c, c, 18)
		parts(odd, 12+c, 8+c, 19)
		for k, from := range []int{16, 18} {
			parts(even, from+1, from, 4*k+c)
			parts(odd, from+1, from, 8+4*k+c)
		}
	}
}

// storeColumns sets rows, R9 bytes apart from SI on, to the first of Z0 to Z15, as many as R8 counts, or adds
// them where R10 is not 0; K1 selects their numbers, and scale comes before.
func storeColumns(scale func(column int)) {
	for i := range 16 {
		scale(i)
		p("\tTESTQ R10, R10\n\tJEQ set%d\n\tVMOVUPS.Z (SI), K1, Z20\n\tVADDPS Z20, Z%[1]d, Z%[1]d\nset%[1]d:", i)
		p("\tVMOVUPS Z%d, K1, (SI)", i)
		if i < 15 {
			p("\tSUBQ $1, R8\n\tJEQ done\n\tADDQ R9, SI")
		}
	}
	p("done:\n\tVZEROUPPER\n\tRET")
}

// mask has K1 select the first numbers, as many as CX counts, of 16.
func mask() { p("\tMOVQ $1, AX\n\tSHLQ CX, AX\n\tDECQ AX\n\tKMOVW AX, K1") }

// turnTile turns 16 rows of 16 numbers of 32 bits: rows columns of the source become rows, of which it
// writes the first columns numbers, or adds them as float32.
func turnTile() {
	p("\nTEXT ·turnTile512(SB), NOSPLIT, $0-56")
	p("\tMOVQ dst+0(FP), SI\n\tMOVQ src+8(FP), DI\n\tMOVQ rows+16(FP), R8\n\tMOVQ columns+24(FP), CX")
	p("\tMOVQ lddst+32(FP), R9\n\tMOVQ ldsrc+40(FP), DX\n\tMOVQ add+48(FP), R10")
	mask()
	for i := range 16 {
		p("\tVMOVUPS (DI), Z%d", i)
		if i < 15 {
			p("\tADDQ DX, DI")
		}
	}
	turn()
	storeColumns(func(int) {})
}

// foldInt8 makes results of a tile of integer sums [16 outputs, 16 rows], of high bits and, behind it, of low
// ones, and scales; see foldInt8Scalar.
func foldInt8() {
	p("\nTEXT ·foldInt8512(SB), NOSPLIT, $0-64")
	p("\tMOVQ y+0(FP), SI\n\tMOVQ sums+8(FP), DI\n\tMOVQ rows+16(FP), R8\n\tMOVQ outs+24(FP), CX")
	p("\tMOVQ ldy+32(FP), R9\n\tMOVQ xscale+40(FP), DX\n\tMOVQ wscale+48(FP), R11\n\tMOVQ add+56(FP), R10")
	mask()
	for i := range 16 {
		p("\tVMOVUPS %d(DI), Z%d\n\tVPSLLD $7, Z%[2]d, Z%[2]d", 64*i, i)
		p("\tVPADDD %d(DI), Z%d, Z%[2]d\n\tVCVTDQ2PS Z%[2]d, Z%[2]d", 1024+64*i, i)
	}
	turn()
	p("\tVMOVUPS.Z (R11), K1, Z21")
	storeColumns(func(z int) {
		p("\tVBROADCASTSS (DX), Z22\n\tADDQ $4, DX\n\tVMULPS Z22, Z%d, Z%[1]d\n\tVMULPS Z21, Z%[1]d, Z%[1]d", z)
	})
}

// splitLevels divides n numbers of 14 bits, a multiple of 32, into bytes: 7 high bits and 7 low ones.
func splitLevels() {
	head("splitLevels512", 32, "high", "low", "src", "n")
	p("\tMOVL $127, AX\n\tVPBROADCASTW AX, Z2\nloop:")
	p("\tVMOVUPS (CX), Z0\n\tVPSRAW $7, Z0, Z1\n\tVPANDD Z2, Z0, Z0\n\tVPMOVWB Z1, (SI)\n\tVPMOVWB Z0, (DI)")
	p("\tADDQ $64, CX\n\tADDQ $32, SI\n\tADDQ $32, DI\n\tSUBQ $32, DX\n\tJNE loop\n\tVZEROUPPER\n\tRET")
}
