//go:build ignore

// The kernels of weights whose outputs share spans of inputs, 32 with one scale, and what quantises the
// activations that meet them; gen.go writes them. spans.go says how both lie in memory.
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

// Where things lie in a span of activations, in bytes: one row.
const (
	rowSpan    = 40
	spanScale  = 32
	spanOffset = 36
	spanValues = 128 // of activations as float32
)

// code is what a weight is in memory: 4 or 8 bits without a sign.
type code struct {
	name string // of the format
	bits int
}

var codes = []code{{"Int4", 4}, {"W8A8", 8}}

// scales is where a strip's span has its 16 scales, in bytes, after the codes of 32 inputs.
func (c code) scales() int { return 16 * 32 * c.bits / 8 }

// span is the size of a strip's span.
func (c code) span() int { return c.scales() + 32 }

// inputs are those of 64 bytes of a strip: four for each output that a byte has a code of.
func (c code) inputs() int { return 32 / c.bits }

// kernel names a kernel's format: on the tier of 256 bits those with VNNI are others.
func (c code) kernel(vnni bool) string {
	if vnni {
		return c.name + "VNNI"
	}
	return c.name
}

// The words of spanWords, eight times each, but for order.
const (
	lowBits = iota // of each byte
	ones16
	ones8
	most127
	smallest // magnitude of a span's largest activation that is not taken as zero
	order    // of the eight fours of bytes that packing has mixed
	signs    // of each byte
	firsts   // words of each 128 bits
)

func spanWord(i int) string { return "·spanWords<>+" + itoa(32*i) + "(SB)" }

func spanWords() {
	words := [][]uint32{
		lowBits: {0x0f0f0f0f}, ones16: {0x00010001}, ones8: {0x01010101},
		most127: {math.Float32bits(127)}, smallest: {math.Float32bits(1e-30)},
		order: {0, 4, 1, 5, 2, 6, 3, 7}, signs: {0x80808080},
		firsts: {0, 4, 8, 12},
	}
	p("")
	for i, row := range words {
		for j := 0; j < 8; j += 2 {
			p("DATA ·spanWords<>+%d(SB)/8, $0x%08x%08x", 32*i+4*j, row[(j+1)%len(row)], row[j%len(row)])
		}
	}
	p("GLOBL ·spanWords<>(SB), 24, $%d", 32*len(words)) // RODATA|NOPTR
}

// spans writes the kernels of a tier.
func (t tier) spans(c code) {
	for rows := 1; rows <= t.spanRows; rows++ {
		if t.bits == 512 {
			t.dotSpans(c, rows)
		} else {
			t.halfDotSpans(c, rows, false)
			t.halfDotSpans(c, rows, true)
		}
	}
	t.streamSpans(c, false)
	if t.bits == 256 {
		t.streamSpans(c, true)
		return
	}
	for rows := 1; rows <= pairRows; rows++ {
		t.pairSpans(c, rows)
	}
}

// vnniGo declares and lists the kernels for machines that have AVX-VNNI and not AVX-512.
func vnniGo() {
	t := tiers[0]
	for _, c := range codes {
		for _, kind := range []string{"dot", "stream"} {
			names := t.names(kind, c.kernel(true))
			p("\nvar %s256%s = []kernel{%s}\n", kind, c.kernel(true), strings.Join(names, ", "))
			for _, name := range names {
				p("\n//go:noescape\nfunc %s(t *tile)", name)
			}
		}
	}
}

// parts splits 64 bytes of a strip, or 32, which are in the first of some registers: codes of four
// inputs go to each that it returns.
func (c code) parts(t tier, low, high, mask string) []string {
	if c.bits == 8 {
		return []string{low}
	}
	and := "VPAND"
	if t.bits == 512 {
		and = "VPANDD"
	}
	p("\tVPSRLD $4, %s, %s\n\t%s %s, %[1]s, %[1]s\n\t%[3]s %[4]s, %[2]s, %[2]s", low, high, and, mask)
	return []string{low, high}
}

// vex writes VPDPBUSD of AVX-VNNI, which Go's assembler does not know, on three 256-bit registers:
// acc += w (unsigned) · x (signed).
func vex(x, w, acc int) {
	inverted := func(n int) int { return 1 - n>>3&1 }
	p("\tBYTE $0xc4; BYTE $%#x; BYTE $%#x; BYTE $0x50; BYTE $%#x",
		inverted(acc)<<7|1<<6|inverted(x)<<5|2, (^w&15)<<3|1<<2|1, 3<<6|acc&7<<3|x&7)
}

// dotSpans goes over strips of outputs, which follow each other in memory, and for each over all
// spans. Weights are fetched ahead, DX bytes after those that are used.
func (t tier) dotSpans(c code, rows int) {
	sum := func(i int) string { return "Z" + itoa(i) }
	total := func(i int) string { return "Z" + itoa(rows+i) }
	const low, high, mask = "Z29", "Z30", "Z31"
	p("\nTEXT ·dot512%s%d(SB), NOSPLIT, $0-8", c.name, rows)
	p("\tMOVQ t+0(FP), R15")
	p("\tVBROADCASTSS %s, %s", spanWord(lowBits), mask)
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
	for line := range c.scales() / 64 {
		p("\tVMOVDQU32 %d(SI), %s", 64*line, low)
		p("\tPREFETCHT1 %d(SI)(DX*1)", 64*line)
		for part, w := range c.parts(t, low, high, mask) {
			for i := range rows {
				p("\tVPDPBUSD.BCST %d(DI), %s, %s", rowSpan*i+c.inputs()*line+4*part, w, sum(i))
			}
		}
	}
	p("\tPREFETCHT1 %d(SI)(DX*1)", c.scales())
	p("\tVPMOVZXWD %d(SI), %s\n\tVPSLLD $16, %[2]s, %[2]s", c.scales(), low)
	for i := range rows {
		p("\tVCVTDQ2PS %s, %[1]s", sum(i))
		p("\tVMULPS.BCST %d(DI), %s, %s", rowSpan*i+spanScale, low, high)
		p("\tVMULPS %s, %s, %[2]s\n\tVADDPS %[2]s, %s, %[3]s", high, sum(i), total(i))
	}
	p("\tADDQ R8, DI\n\tADDQ $%d, SI\n\tSUBQ $1, AX\n\tJNE span", c.span())
	p("\tMOVQ BX, AX")
	for i := range rows {
		p("\tVMOVUPS %s, (AX)\n\tADDQ R13, AX", total(i))
	}
	p("\tADDQ $64, BX\n\tSUBQ $1, CX\n\tJNE strip\n\tVZEROUPPER\n\tRET")
}

// quantizeSpans512 is quantizeSpans for four spans at a time; what is one number of a span is computed of all
// four together.
func quantizeSpans512() {
	head("quantizeSpans512", 40, "dst", "src", "n", "stride", "shift")
	const index, ones, count, each, magnitude = 16, 17, 18, 20, 31
	p("\tVMOVUPS %s, X13\n\tVMOVUPS %s, X14\n\tVPXOR X15, X15, X15", spanWord(most127), spanWord(smallest))
	p("\tVMOVDQU32 %s, Y%d", spanWord(firsts), index)
	p("\tVPBROADCASTD %s, X%d\n\tVMOVQ R8, X%d\n\tVPBROADCASTD %s, Z%d", spanWord(ones8), ones, count,
		number(13), magnitude)
	for s := range 4 {
		p("\tVPBROADCASTD %s, Z%d", spanWord(order)[:len("·spanWords<>+")]+itoa(32*order+8*s)+"(SB)", each+s)
	}
	p("\tLEAQ (DX)(DX*2), R9")
	at := []string{"(SI)", "(SI)(DX*1)", "(SI)(DX*2)", "(SI)(R9*1)"}
	// inside sets the lanes of X12 to what those of each 128 bits of Z24 are together.
	inside := func(do string) {
		for _, other := range []string{"0x4e", "0xb1"} {
			p("\tVPSHUFD $%s, Z24, Z25\n\t%s Z25, Z24, Z24", other, do)
		}
		p("\tVPERMD Z24, Z%d, Z12", index)
	}
	p("\tPCALIGN $32\nloop:")
	for i := range 8 {
		p("\tVMOVUPS %d(DI), Z%d", 64*i, i)
	}
	for s := range 4 {
		p("\tVPANDD Z%d, Z%d, Z%d\n\tVPANDD Z%[1]d, Z%[4]d, Z24\n\tVPMAXSD Z24, Z%[3]d, Z%[3]d",
			magnitude, 2*s, 8+s, 2*s+1)
	}
	half := func(a, b, to int, first, second string) {
		p("\tVSHUFF32X4 $%s, Z%d, Z%d, Z28", second, b, a)
		p("\tVSHUFF32X4 $%s, Z%d, Z%d, Z%d\n\tVPMAXSD Z28, Z%[4]d, Z%[4]d", first, b, a, to)
	}
	half(8, 9, 24, "0x44", "0xee")
	half(10, 11, 26, "0x44", "0xee")
	half(24, 26, 24, "0x88", "0xdd")
	inside("VPMAXSD")
	p("\tVCMPPS $5, X14, X12, X9\n\tVDIVPS X13, X12, X10\n\tVDIVPS X12, X13, X11") // 5: not less
	p("\tVANDPS X9, X10, X10\n\tVANDPS X9, X11, X11")
	for s := range 4 {
		p("\tVPERMD Z11, Z%d, Z28\n\tVPXORD X%d, X%[2]d, X%[2]d", each+s, 24+s)
		for h := range 2 { // of a span
			i := 2*s + h
			p("\tVMULPS Z28, Z%d, Z%[1]d\n\tVCVTPS2DQ Z%[1]d, Z%[1]d\n\tVPMOVSDB Z%[1]d, X%[1]d", i)
			p("\tVMOVDQU X%d, %d%s\n\tVPDPBUSD X%d, X%d, X%d", i, 16*h, at[s], i, ones, 24+s)
		}
	}
	p("\tVMOVSS X10, %d(SI)", spanScale)
	for s := 1; s < 4; s++ {
		p("\tVEXTRACTPS $%d, X10, %d%s\n\tVINSERTI32X4 $%d, X%d, Z24, Z24", s, spanScale, at[s], s, 24+s)
	}
	inside("VPADDD")
	p("\tVPSLLD X%d, X12, X12\n\tVPSUBD X12, X15, X12\n\tVMOVD X12, %d(SI)", count, spanOffset)
	for s := 1; s < 4; s++ {
		p("\tVPEXTRD $%d, X12, %d%s", s, spanOffset, at[s])
	}
	p("\tLEAQ (SI)(DX*4), SI\n\tADDQ $%d, DI\n\tSUBQ $4, CX\n\tJNE loop\n\tVZEROUPPER\n\tRET", 4*spanValues)
}

// pairRows is how many rows the largest tile of two strips has.
const pairRows = 6

// pairSpans is dotSpans for two strips, which share what is loaded of x; it fetches nothing ahead.
func (t tier) pairSpans(c code, rows int) {
	sum := func(i, s int) int { return 2*i + s }
	total := func(i, s int) string { return "Z" + itoa(2*(pairRows+i)+s) }
	low := []string{"Z24", "Z26"}
	high := []string{"Z25", "Z27"}
	x := func(i int) string { return "Z" + itoa(28+i%2) }
	const mask = "Z31"
	p("\nTEXT ·pair512%s%d(SB), NOSPLIT, $0-8", c.name, rows)
	p("\tMOVQ t+0(FP), R15\n\tVBROADCASTSS %s, %s", spanWord(lowBits), mask)
	p("\tMOVQ %s, SI\n\tMOVQ %s, BX\n\tMOVQ %s, DI", field("w"), field("y"), field("x"))
	p("\tMOVQ %s, R8\n\tMOVQ %s, R13\n\tMOVQ %s, AX", field("ldx"), field("ldy"), field("k"))
	p("\tIMUL3Q $%d, AX, R9", c.span())
	strip := []string{"", "(R9*1)"}
	for i := range rows {
		p("\tVPXORD %s, %[1]s, %[1]s\n\tVPXORD %[2]s, %[2]s, %[2]s", total(i, 0), total(i, 1))
	}
	p("\tPCALIGN $32\nspan:")
	for i := range rows {
		for s := range strip {
			p("\tVPBROADCASTD %d(DI), Z%d", rowSpan*i+spanOffset, sum(i, s))
		}
	}
	for line := range c.scales() / 64 {
		var parts [2][]string
		for s, at := range strip {
			p("\tVMOVDQU32 %d(SI)%s, %s", 64*line, at, low[s])
			parts[s] = c.parts(t, low[s], high[s], mask)
		}
		for part := range parts[0] {
			for i := range rows {
				p("\tVPBROADCASTD %d(DI), %s", rowSpan*i+c.inputs()*line+4*part, x(i))
				for s := range strip {
					p("\tVPDPBUSD %s, %s, Z%d", x(i), parts[s][part], sum(i, s))
				}
			}
		}
	}
	for s, at := range strip {
		p("\tVPMOVZXWD %d(SI)%s, %s\n\tVPSLLD $16, %[3]s, %[3]s", c.scales(), at, low[s])
	}
	for i := range rows {
		p("\tVBROADCASTSS %d(DI), %s", rowSpan*i+spanScale, x(i))
		for s := range strip {
			p("\tVCVTDQ2PS Z%d, Z%[1]d\n\tVMULPS %[2]s, %[3]s, %[4]s", sum(i, s), x(i), low[s], high[s])
			p("\tVMULPS %s, Z%d, Z%[2]d\n\tVADDPS Z%[2]d, %[3]s, %[3]s", high[s], sum(i, s), total(i, s))
		}
	}
	p("\tADDQ R8, DI\n\tADDQ $%d, SI\n\tSUBQ $1, AX\n\tJNE span", c.span())
	for i := range rows {
		p("\tVMOVUPS %s, (BX)\n\tVMOVUPS %s, 64(BX)\n\tADDQ R13, BX", total(i, 0), total(i, 1))
	}
	p("\tVZEROUPPER\n\tRET")
}

// halfDotSpans is dotSpans for vectors of 8 outputs, half a strip. Without VNNI products of bytes with
// codes of 4 bits are summed as 16 bits, which hold those of a span: 32 · 15 · 127 over two lanes. Codes of
// 8 bits are given their sign and that of x, and meet x's magnitude: 16 bits hold two products.
func (t tier) halfDotSpans(c code, rows int, vnni bool) {
	sum := func(i int) string { return "Y" + itoa(i) }
	total := func(i int) string { return "Y" + itoa(rows+i) }
	const low, high, product, mask = "Y12", "Y13", "Y14", "Y15"
	p("\nTEXT ·dot256%s%d(SB), NOSPLIT, $0-8", c.kernel(vnni), rows)
	p("\tMOVQ t+0(FP), R15")
	signed := c.bits == 8 && !vnni
	if signed {
		p("\tVMOVDQU %s, %s", spanWord(ones16), mask)
	} else {
		p("\tVMOVDQU %s, %s", spanWord(lowBits), mask)
	}
	// SI is a half's first weights and R10 its first scales; R11 and R12 move on span by span.
	p("\tMOVQ %s, SI\n\tMOVQ %s, BX\n\tMOVQ %s, CX\n\tSHLQ $1, CX", field("w"), field("y"), field("groups"))
	p("\tMOVQ %s, R8\n\tMOVQ %s, DX\n\tMOVQ %s, R13", field("ldx"), field("ahead"), field("ldy"))
	p("\tLEAQ %d(SI), R10", c.scales())
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
	for line := range c.scales() / 64 {
		p("\tVMOVDQU %d(R11), %s", 64*line, low)
		p("\tPREFETCHT1 %d(R11)(DX*1)", 64*line)
		if signed {
			p("\tVPXOR %s, %s, %[2]s", spanWord(signs), low)
			for i := range rows {
				p("\tVPBROADCASTD %d(DI), %s", rowSpan*i+c.inputs()*line, product)
				p("\tVPABSB %s, %s\n\tVPSIGNB %[1]s, %[3]s, %[1]s", product, high, low)
				multiplySigned(product, high, mask, sum(i), line == 0)
			}
			continue
		}
		for part, w := range c.parts(t, low, high, mask) {
			for i := range rows {
				p("\tVPBROADCASTD %d(DI), %s", rowSpan*i+c.inputs()*line+4*part, product)
				switch {
				case vnni:
					vex(14, 12+part, i)
				case line+part == 0:
					p("\tVPMADDUBSW %s, %s, %s", product, w, sum(i))
				default:
					p("\tVPMADDUBSW %s, %s, %[1]s\n\tVPADDW %[1]s, %[3]s, %[3]s", product, w, sum(i))
				}
			}
		}
	}
	p("\tVPMOVZXWD (R12), %s\n\tVPSLLD $16, %[1]s, %[1]s", low)
	for i := range rows {
		if !vnni && !signed {
			p("\tVPMADDWD %s, %s, %[2]s", spanWord(ones16), sum(i))
			p("\tVPBROADCASTD %d(DI), %s\n\tVPADDD %[2]s, %s, %[3]s", rowSpan*i+spanOffset, product, sum(i))
		}
		p("\tVCVTDQ2PS %s, %[1]s", sum(i))
		p("\tVBROADCASTSS %d(DI), %s\n\tVMULPS %s, %[2]s, %[2]s", rowSpan*i+spanScale, product, low)
		p("\tVMULPS %s, %s, %[2]s\n\tVADDPS %[2]s, %s, %[3]s", product, sum(i), total(i))
	}
	p("\tADDQ R8, DI\n\tADDQ $%d, R11\n\tADDQ $%[1]d, R12\n\tSUBQ $1, AX\n\tJNE span", c.span())
	p("\tMOVQ BX, AX")
	for i := range rows {
		p("\tVMOVUPS %s, (AX)\n\tADDQ R13, AX", total(i))
	}
	p("\tADDQ $32, BX\n\tSUBQ $1, CX\n\tTESTQ $1, CX\n\tJEQ strip")
	p("\tADDQ $32, SI\n\tADDQ $16, R10\n\tJMP half")
	p("strip:\n\tLEAQ -32(R11), SI\n\tLEAQ %d(SI), R10\n\tTESTQ CX, CX\n\tJNE half\n\tVZEROUPPER\n\tRET",
		c.scales())
}

// multiplySigned sets sum to the products of magnitudes of x and signed weights, four for each lane of it,
// or adds them; w is lost.
func multiplySigned(w, x, ones, sum string, set bool) {
	p("\tVPMADDUBSW %s, %s, %[1]s", w, x)
	if set {
		p("\tVPMADDWD %s, %s, %s", ones, w, sum)
		return
	}
	p("\tVPMADDWD %s, %s, %[2]s\n\tVPADDD %[2]s, %s, %[3]s", ones, w, sum)
}

// streamSpans goes over one row of x and several streams of strips at once, each in the order in
// which its weights lie in memory and groups strips long: four with 512 bits, two with 256. The
// processor fetches each by itself. Sums are those of the other kernels, bit for bit.
func (t tier) streamSpans(c code, vnni bool) {
	streams := []string{"SI", "DX", "R10", "R11"}[:t.bits/128]
	halves := 512 / t.bits
	accumulators := len(streams) * halves
	r := func(i int) string { return t.name + itoa(i) }
	sum := func(s, h int) string { return r(halves*s + h) }
	total := func(s, h int) string { return r(accumulators + halves*s + h) }
	first := 2 * accumulators
	xLow, xHigh, low, high, mask := r(first), r(first+1), r(first+2), r(first+3), r(first+4)
	move := "VMOVDQU"
	if t.bits == 512 {
		move = "VMOVDQU32"
	}
	p("\nTEXT ·stream%d%s1(SB), NOSPLIT, $0-8", t.bits, c.kernel(vnni))
	vnni = vnni || t.bits == 512
	p("\tMOVQ t+0(FP), R15")
	signed := c.bits == 8 && !vnni
	if signed {
		p("\tVBROADCASTSS %s, %s", spanWord(ones16), mask)
	} else {
		p("\tVBROADCASTSS %s, %s", spanWord(lowBits), mask)
	}
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
	for line := range c.scales() / 64 {
		p("\tVPBROADCASTD %d(DI), %s", c.inputs()*line, xLow)
		switch {
		case signed:
			p("\tVPABSB %s, %s", xLow, xHigh)
		case c.bits == 4:
			p("\tVPBROADCASTD %d(DI), %s", c.inputs()*line+4, xHigh)
		}
		for s, w := range streams {
			for h := range halves {
				p("\t%s %d(%s), %s", move, 64*line+32*h, w, low)
				if signed {
					p("\tVPXOR %s, %s, %[2]s\n\tVPSIGNB %s, %[2]s, %[2]s", spanWord(signs), low, xLow)
					multiplySigned(low, xHigh, mask, sum(s, h), line == 0)
					continue
				}
				for part, codes := range c.parts(t, low, high, mask) {
					x := []string{xLow, xHigh}[part]
					switch {
					case vnni && t.bits == 256:
						vex(first+part, first+2+part, halves*s+h)
					case vnni:
						p("\tVPDPBUSD %s, %s, %s", x, codes, sum(s, h))
					case line+part == 0:
						p("\tVPMADDUBSW %s, %s, %s", x, codes, sum(s, h))
					default:
						p("\tVPMADDUBSW %s, %s, %[2]s\n\tVPADDW %[2]s, %s, %[3]s", x, codes, sum(s, h))
					}
				}
			}
		}
	}
	p("\tVBROADCASTSS %d(DI), %s", spanScale, xLow)
	if !vnni && !signed {
		p("\tVPBROADCASTD %d(DI), %s", spanOffset, xHigh)
	}
	for s, w := range streams {
		for h := range halves {
			if !vnni && !signed {
				p("\tVPMADDWD %s, %s, %[2]s\n\tVPADDD %s, %[2]s, %[2]s", spanWord(ones16), sum(s, h), xHigh)
			}
			p("\tVPMOVZXWD %d(%s), %s\n\tVPSLLD $16, %[3]s, %[3]s", c.scales()+16*h, w, low)
			p("\tVMULPS %s, %s, %[2]s\n\tVCVTDQ2PS %s, %[3]s", xLow, low, sum(s, h))
			p("\tVMULPS %s, %s, %[2]s\n\tVADDPS %[2]s, %s, %[3]s", low, sum(s, h), total(s, h))
		}
	}
	p("\tADDQ R8, DI")
	for _, w := range streams {
		p("\tADDQ $%d, %s", c.span(), w)
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
// largest magnitude over 127, and offset the negative sum of the integers, shifted left. Magnitudes are compared
// as integers, of which those that are not a number are the largest.
func quantizeSpans() {
	head("quantizeSpans", 40, "dst", "src", "n", "stride", "shift")
	for i, word := range []int{order, ones8, ones16} {
		p("\tVMOVDQU %s, Y%d", spanWord(word), 10+i)
	}
	p("\tVMOVUPS %s, X13\n\tVMOVUPS %s, X14\n\tVPXOR X15, X15, X15", spanWord(most127), spanWord(smallest))
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
	p("\tVMOVQ R8, X2\n\tVPSLLD X2, X1, X1\n\tVPSUBD X1, X15, X1\n\tVMOVD X1, %d(SI)", spanOffset)
	p("\tADDQ DX, SI\n\tADDQ $%d, DI\n\tSUBQ $1, CX\n\tJNE loop\n\tVZEROUPPER\n\tRET", spanValues)
}
