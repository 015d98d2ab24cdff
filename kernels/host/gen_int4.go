//go:build ignore

// The kernels of int4 weights, and what quantises the activations that meet them; gen.go writes
// them. int4.go says how both lie in memory.
//
// A tile is R rows of x times the 16 outputs of a strip, a lane for each output: products of a
// span are summed as integers, which are exact on every tier, and a span's sum times both scales
// is added to the output's float32 span by span. No step is fused with another, so all tiers
// give the same bits.
package main

import (
	"math"
	"strings"
)

// Where things lie in a span of weights and in one of activations, in bytes.
const (
	stripSpan   = 288 // of weights: 16 outputs
	spanScales  = 256 // the 16 scales in it
	rowSpan     = 40  // of activations: one row
	spanScale   = 32
	spanOffset  = 36
	spanValues  = 128 // of activations as float32
	chunkInputs = 8   // 64 bytes of a strip
)

// The words of int4Words, eight times each, but for order.
const (
	lowBits = iota // of each byte
	ones16
	ones8
	most127
	smallest // magnitude of a span's largest activation that is not taken as zero
	order    // of the eight fours of bytes that packing has mixed
)

func int4Word(i int) string { return "·int4Words<>+" + itoa(32*i) + "(SB)" }

func int4Words() {
	words := [][]uint32{
		lowBits: {0x0f0f0f0f}, ones16: {0x00010001}, ones8: {0x01010101},
		most127: {math.Float32bits(127)}, smallest: {math.Float32bits(1e-30)},
		order: {0, 4, 1, 5, 2, 6, 3, 7},
	}
	p("")
	for i, row := range words {
		for j := 0; j < 8; j += 2 {
			p("DATA ·int4Words<>+%d(SB)/8, $0x%08x%08x", 32*i+4*j, row[(j+1)%len(row)], row[j%len(row)])
		}
	}
	p("GLOBL ·int4Words<>(SB), 24, $%d", 32*len(words)) // RODATA|NOPTR
}

// int4Name is the format in a kernel's name.
func int4Name(vnni bool) string {
	if vnni {
		return "VNNI"
	}
	return "Int4"
}

// int4 writes the kernels of a tier.
func (t tier) int4() {
	for rows := 1; rows <= t.int4Rows; rows++ {
		if t.bits == 512 {
			t.dotInt4(rows)
		} else {
			t.halfDotInt4(rows, false)
			t.halfDotInt4(rows, true)
		}
	}
	t.streamInt4(false)
	if t.bits == 256 {
		t.streamInt4(true)
	}
}

// vnniGo declares and lists the kernels for machines that have AVX-VNNI and not AVX-512.
func vnniGo() {
	t := tiers[0]
	for _, kind := range []string{"dot", "stream"} {
		names := t.names(kind, "VNNI")
		p("\nvar %s256VNNI = []kernel{%s}\n", kind, strings.Join(names, ", "))
		for _, name := range names {
			p("\n//go:noescape\nfunc %s(t *tile)", name)
		}
	}
}

// vex writes VPDPBUSD of AVX-VNNI, which Go's assembler does not know, on three 256-bit registers:
// acc += w (unsigned) · x (signed).
func vex(x, w, acc int) {
	inverted := func(n int) int { return 1 - n>>3&1 }
	p("\tBYTE $0xc4; BYTE $%#x; BYTE $%#x; BYTE $0x50; BYTE $%#x",
		inverted(acc)<<7|1<<6|inverted(x)<<5|2, (^w&15)<<3|1<<2|1, 3<<6|acc&7<<3|x&7)
}

// dotInt4 goes over strips of outputs, which follow each other in memory, and for each over all
// spans. Weights are fetched ahead, DX bytes after those that are used.
func (t tier) dotInt4(rows int) {
	sum := func(i int) string { return "Z" + itoa(i) }
	total := func(i int) string { return "Z" + itoa(rows+i) }
	const low, high, mask = "Z29", "Z30", "Z31"
	p("\nTEXT ·dot512Int4%d(SB), NOSPLIT, $0-8", rows)
	p("\tMOVQ t+0(FP), R15")
	p("\tVBROADCASTSS %s, %s", int4Word(lowBits), mask)
	p("\tMOVQ %s, SI\n\tMOVQ %s, BX\n\tMOVQ %s, CX", field("w"), field("y"), field("groups"))
	p("\tMOVQ %s, R8\n\tMOVQ %s, DX\n\tMOVQ %s, R13", field("ldx"), field("ahead"), field("ldy"))
	p("strip:\n\tMOVQ %s, DI\n\tMOVQ %s, AX", field("x"), field("k"))
	for i := range rows {
		p("\tVPXORD %s, %[1]s, %[1]s", total(i))
	}
	p("\tPCALIGN $32\nspan:")
	for i := range rows {
		p("\tVPBROADCASTD %d(DI), %s", rowSpan*i+spanOffset, sum(i))
	}
	for c := range spanScales / 64 {
		p("\tVMOVDQU32 %d(SI), %s", 64*c, low)
		p("\tPREFETCHT1 %d(SI)(DX*1)", 64*c)
		p("\tVPSRLD $4, %s, %s\n\tVPANDD %s, %s, %[4]s\n\tVPANDD %[3]s, %[2]s, %[2]s", low, high, mask, low)
		for half, w := range []string{low, high} {
			for i := range rows {
				p("\tVPDPBUSD.BCST %d(DI), %s, %s", rowSpan*i+chunkInputs*c+4*half, w, sum(i))
			}
		}
	}
	p("\tPREFETCHT1 %d(SI)(DX*1)", spanScales)
	p("\tVPMOVZXWD %d(SI), %s\n\tVPSLLD $16, %[2]s, %[2]s", spanScales, low)
	for i := range rows {
		p("\tVCVTDQ2PS %s, %[1]s", sum(i))
		p("\tVMULPS.BCST %d(DI), %s, %s", rowSpan*i+spanScale, low, high)
		p("\tVMULPS %s, %s, %[2]s\n\tVADDPS %[2]s, %s, %[3]s", high, sum(i), total(i))
	}
	p("\tADDQ R8, DI\n\tADDQ $%d, SI\n\tSUBQ $1, AX\n\tJNE span", stripSpan)
	p("\tMOVQ BX, AX")
	for i := range rows {
		p("\tVMOVUPS %s, (AX)\n\tADDQ R13, AX", total(i))
	}
	p("\tADDQ $64, BX\n\tSUBQ $1, CX\n\tJNE strip\n\tVZEROUPPER\n\tRET")
}

// halfDotInt4 is dotInt4 for vectors of 8 outputs, half a strip: without VNNI products of bytes
// are summed as 16 bits, which hold those of a span: 32 · 15 · 127 over two lanes.
func (t tier) halfDotInt4(rows int, vnni bool) {
	sum := func(i int) string { return "Y" + itoa(i) }
	total := func(i int) string { return "Y" + itoa(rows+i) }
	const low, high, product, mask = "Y12", "Y13", "Y14", "Y15"
	p("\nTEXT ·dot256%s%d(SB), NOSPLIT, $0-8", int4Name(vnni), rows)
	p("\tMOVQ t+0(FP), R15")
	p("\tVMOVDQU %s, %s", int4Word(lowBits), mask)
	// SI is a half's first weights and R10 its first scales; R11 and R12 move on span by span.
	p("\tMOVQ %s, SI\n\tMOVQ %s, BX\n\tMOVQ %s, CX\n\tSHLQ $1, CX", field("w"), field("y"), field("groups"))
	p("\tMOVQ %s, R8\n\tMOVQ %s, DX\n\tMOVQ %s, R13", field("ldx"), field("ahead"), field("ldy"))
	p("\tLEAQ %d(SI), R10", spanScales)
	p("half:\n\tMOVQ %s, DI\n\tMOVQ %s, AX\n\tMOVQ SI, R11\n\tMOVQ R10, R12", field("x"), field("k"))
	for i := range rows {
		p("\tVPXOR %s, %[1]s, %[1]s", total(i))
	}
	p("\tPCALIGN $32\nspan:")
	if vnni {
		for i := range rows {
			p("\tVPBROADCASTD %d(DI), %s", rowSpan*i+spanOffset, sum(i))
		}
	}
	for c := range spanScales / 64 {
		p("\tVMOVDQU %d(R11), %s", 64*c, low)
		p("\tPREFETCHT1 %d(R11)(DX*1)", 64*c)
		p("\tVPSRLD $4, %s, %s\n\tVPAND %s, %s, %[4]s\n\tVPAND %[3]s, %[2]s, %[2]s", low, high, mask, low)
		for half, w := range []string{low, high} {
			for i := range rows {
				p("\tVPBROADCASTD %d(DI), %s", rowSpan*i+chunkInputs*c+4*half, product)
				switch {
				case vnni:
					vex(14, 12+half, i)
				case c+half == 0:
					p("\tVPMADDUBSW %s, %s, %s", product, w, sum(i))
				default:
					p("\tVPMADDUBSW %s, %s, %[1]s\n\tVPADDW %[1]s, %[3]s, %[3]s", product, w, sum(i))
				}
			}
		}
	}
	p("\tVPMOVZXWD (R12), %s\n\tVPSLLD $16, %[1]s, %[1]s", low)
	for i := range rows {
		if !vnni {
			p("\tVPMADDWD %s, %s, %[2]s", int4Word(ones16), sum(i))
			p("\tVPBROADCASTD %d(DI), %s\n\tVPADDD %[2]s, %s, %[3]s", rowSpan*i+spanOffset, product, sum(i))
		}
		p("\tVCVTDQ2PS %s, %[1]s", sum(i))
		p("\tVBROADCASTSS %d(DI), %s\n\tVMULPS %s, %[2]s, %[2]s", rowSpan*i+spanScale, product, low)
		p("\tVMULPS %s, %s, %[2]s\n\tVADDPS %[2]s, %s, %[3]s", product, sum(i), total(i))
	}
	p("\tADDQ R8, DI\n\tADDQ $%d, R11\n\tADDQ $%[1]d, R12\n\tSUBQ $1, AX\n\tJNE span", stripSpan)
	p("\tMOVQ BX, AX")
	for i := range rows {
		p("\tVMOVUPS %s, (AX)\n\tADDQ R13, AX", total(i))
	}
	p("\tADDQ $32, BX\n\tSUBQ $1, CX\n\tTESTQ $1, CX\n\tJEQ strip")
	p("\tADDQ $32, SI\n\tADDQ $16, R10\n\tJMP half")
	p("strip:\n\tLEAQ -32(R11), SI\n\tLEAQ %d(SI), R10\n\tTESTQ CX, CX\n\tJNE half\n\tVZEROUPPER\n\tRET",
		spanScales)
}

// streamInt4 goes over one row of x and several streams of strips at once, each in the order in
// which its weights lie in memory and groups strips long: four with 512 bits, two with 256. The
// processor fetches each by itself. Sums are those of the other kernels, bit for bit.
func (t tier) streamInt4(vnni bool) {
	streams := []string{"SI", "DX", "R10", "R11"}[:t.bits/128]
	halves := 512 / t.bits
	accumulators := len(streams) * halves
	r := func(i int) string { return t.name + itoa(i) }
	sum := func(s, h int) string { return r(halves*s + h) }
	total := func(s, h int) string { return r(accumulators + halves*s + h) }
	first := 2 * accumulators
	xLow, xHigh, low, high, mask := r(first), r(first+1), r(first+2), r(first+3), r(first+4)
	and, move := "VPAND", "VMOVDQU"
	if t.bits == 512 {
		and, move = "VPANDD", "VMOVDQU32"
	}
	p("\nTEXT ·stream%d%s1(SB), NOSPLIT, $0-8", t.bits, int4Name(vnni))
	vnni = vnni || t.bits == 512
	p("\tMOVQ t+0(FP), R15")
	p("\tVBROADCASTSS %s, %s", int4Word(lowBits), mask)
	p("\tMOVQ %s, SI\n\tMOVQ %s, AX", field("w"), field("ldw"))
	for i := 1; i < len(streams); i++ {
		p("\tLEAQ (%s)(AX*1), %s", streams[i-1], streams[i])
	}
	// The streams' outputs are R12 bytes apart, and R13 is three times that.
	p("\tMOVQ %s, BX\n\tMOVQ %s, CX\n\tMOVQ %s, R8", field("y"), field("groups"), field("ldx"))
	p("\tMOVQ CX, R12\n\tSHLQ $6, R12\n\tLEAQ (R12)(R12*2), R13")
	p("strip:\n\tMOVQ %s, DI\n\tMOVQ %s, AX", field("x"), field("k"))
	for i := range accumulators {
		p("\t%s %s, %[2]s, %[2]s", t.xor, r(accumulators+i))
	}
	p("\tPCALIGN $32\nspan:")
	if vnni {
		for i := range accumulators {
			p("\tVPBROADCASTD %d(DI), %s", spanOffset, r(i))
		}
	}
	for c := range spanScales / 64 {
		p("\tVPBROADCASTD %d(DI), %s\n\tVPBROADCASTD %d(DI), %s",
			chunkInputs*c, xLow, chunkInputs*c+4, xHigh)
		for s, w := range streams {
			for h := range halves {
				p("\t%s %d(%s), %s", move, 64*c+32*h, w, low)
				p("\tVPSRLD $4, %s, %s\n\t%s %s, %[1]s, %[1]s\n\t%[3]s %[4]s, %[2]s, %[2]s",
					low, high, and, mask)
				if vnni && t.bits == 256 {
					vex(first, first+2, halves*s+h)
					vex(first+1, first+3, halves*s+h)
					continue
				}
				if vnni {
					p("\tVPDPBUSD %s, %s, %s\n\tVPDPBUSD %s, %s, %[3]s", xLow, low, sum(s, h), xHigh, high)
					continue
				}
				p("\tVPMADDUBSW %s, %s, %[2]s\n\tVPMADDUBSW %s, %s, %[4]s", xLow, low, xHigh, high)
				if c == 0 {
					p("\tVPADDW %s, %s, %s", high, low, sum(s, h))
				} else {
					p("\tVPADDW %s, %s, %[2]s\n\tVPADDW %[2]s, %s, %[3]s", high, low, sum(s, h))
				}
			}
		}
	}
	p("\tVBROADCASTSS %d(DI), %s", spanScale, xLow)
	if !vnni {
		p("\tVPBROADCASTD %d(DI), %s", spanOffset, xHigh)
	}
	for s, w := range streams {
		for h := range halves {
			if !vnni {
				p("\tVPMADDWD %s, %s, %[2]s\n\tVPADDD %s, %[2]s, %[2]s", int4Word(ones16), sum(s, h), xHigh)
			}
			p("\tVPMOVZXWD %d(%s), %s\n\tVPSLLD $16, %[3]s, %[3]s", spanScales+16*h, w, low)
			p("\tVMULPS %s, %s, %[2]s\n\tVCVTDQ2PS %s, %[3]s", xLow, low, sum(s, h))
			p("\tVMULPS %s, %s, %[2]s\n\tVADDPS %[2]s, %s, %[3]s", low, sum(s, h), total(s, h))
		}
	}
	p("\tADDQ R8, DI")
	for _, w := range streams {
		p("\tADDQ $%d, %s", stripSpan, w)
	}
	p("\tSUBQ $1, AX\n\tJNE span")
	for s, at := range []string{"", "(R12*1)", "(R12*2)", "(R13*1)"}[:len(streams)] {
		for h := range halves {
			p("\tVMOVUPS %s, %d(BX)%s", total(s, h), 32*h, at)
		}
	}
	p("\tADDQ $64, BX\n\tSUBQ $1, CX\n\tJNE strip\n\tVZEROUPPER\n\tRET")
}

// quantizeSpans sets spans of a row, stride bytes apart, from 32 values each: scale is the
// largest magnitude over 127, and offset -8 times the sum of the integers. Magnitudes are compared
// as integers, of which those that are not a number are the largest.
func quantizeSpans() {
	head("quantizeSpans", 32, "dst", "src", "n", "stride")
	for i, word := range []int{order, ones8, ones16} {
		p("\tVMOVDQU %s, Y%d", int4Word(word), 10+i)
	}
	p("\tVMOVUPS %s, X13\n\tVMOVUPS %s, X14\n\tVPXOR X15, X15, X15", int4Word(most127), int4Word(smallest))
	p("\tVMOVUPS %s, Y9", number(13))
	p("loop:")
	for i := range 4 {
		p("\tVMOVUPS %d(DI), Y%d", 32*i, i)
	}
	p("\tVANDPS Y9, Y0, Y4")
	for i := 1; i < 4; i++ {
		p("\tVANDPS Y9, Y%d, Y5\n\tVPMAXSD Y5, Y4, Y4", i)
	}
	p("\tVEXTRACTF128 $1, Y4, X5\n\tVPMAXSD X5, X4, X4")
	p("\tVPERMILPS $0x4e, X4, X5\n\tVPMAXSD X5, X4, X4\n\tVPERMILPS $0xb1, X4, X5\n\tVPMAXSD X5, X4, X4")
	p("\tVCMPPS $5, X14, X4, X6\n\tVDIVPS X13, X4, X7\n\tVDIVPS X4, X13, X8") // 5: not less
	p("\tVANDPS X6, X7, X7\n\tVANDPS X6, X8, X8\n\tVBROADCASTSS X8, Y8")
	for i := range 4 {
		p("\tVMULPS Y8, Y%d, Y%[1]d\n\tVCVTPS2DQ Y%[1]d, Y%[1]d", i)
	}
	p("\tVPACKSSDW Y1, Y0, Y0\n\tVPACKSSDW Y3, Y2, Y2\n\tVPACKSSWB Y2, Y0, Y0\n\tVPERMD Y0, Y10, Y0")
	p("\tVMOVDQU Y0, (SI)\n\tVMOVSS X7, %d(SI)", spanScale)
	p("\tVPMADDUBSW Y0, Y11, Y1\n\tVPMADDWD Y12, Y1, Y1\n\tVEXTRACTI128 $1, Y1, X2\n\tVPADDD X2, X1, X1")
	p("\tVPSHUFD $0x4e, X1, X2\n\tVPADDD X2, X1, X1\n\tVPSHUFD $0xb1, X1, X2\n\tVPADDD X2, X1, X1")
	p("\tVPSLLD $3, X1, X1\n\tVPSUBD X1, X15, X1\n\tVMOVD X1, %d(SI)", spanOffset)
	p("\tADDQ DX, SI\n\tADDQ $%d, DI\n\tSUBQ $1, CX\n\tJNE loop\n\tVZEROUPPER\n\tRET", spanValues)
}
