package host

import (
	"math"
	"unsafe"
)

// AMX has eight registers of 16 rows of 64 bytes, and an instruction that multiplies two of them: the rows of
// the first by the columns of the second, which are pairs of bfloat16 or fours of int8. The first holds 16
// outputs' weights as the matrix does, so there is no packed copy of them; the second 16 rows of x, which are
// turned for it, once a product (Rows.turn). What comes out is [output, row], and turned again.
//
// In bfloat16 every number of rows is multiplied so: by its documentation the instruction sums 16 products of
// even inputs and 16 of odd ones, each from zero and in order, and adds both to the sum so far, without
// numbers below 2^-126. No other kernel has that order, and a row must not change its bits with its company.
// A row's sum depends on its column alone, wherever that is. In int8 sums are exact: few rows, which wait
// for memory, are left to the vectors of the tier, and more come to the same bits here.
//
// Activations beside int8 weights have 14 bits: a column of high ones and a column of low ones make two sums.

const (
	// registerRows outputs fill a register, and as many rows of x; registerBytes are of each.
	registerRows, registerBytes = 16, 64
	registerWords               = registerRows * registerBytes / 4
	// amxRows rows of x at a time meet amxOut outputs, piece by piece, so that both stay in the second-level
	// cache.
	amxRows, amxOut = 256, 256
	// fewRows or less are one group of a kernel: weights are read once, in the order in which they lie.
	fewRows = 2 * registerRows
)

// amxCall is the argument of a kernel; gen_amx.go knows the offsets of its fields. Strides are in bytes.
//
// A kernel multiplies the weights of 16 or 32 outputs by groups of one or two registers of x, over steps of 64
// bytes of each output. It writes the sums of a group one after another: for each 16 outputs and each register
// of x [16 outputs, 16 rows], 1 KiB.
type amxCall struct {
	config       *amxConfig
	w            unsafe.Pointer
	ldw          uintptr
	x            unsafe.Pointer
	ldx          uintptr // between rows of a register
	xstep, nextx uintptr // from step to step, from group to group
	sums         unsafe.Pointer
	steps        uintptr
	back         uintptr // bytes by which the last step begins before the end of the others
	groups       uintptr
	// Each step of the first group fetches a KiB of memory for each 16 outputs, from an address on that moves
	// by pace. It may belong to nobody.
	ahead, pace uintptr
}

// amxConfig says how many rows of how many bytes each register has: the operand of LDTILECFG.
type amxConfig struct {
	palette uint8
	_       [15]uint8 // where to go on after a fault, and nothing
	bytes   [16]uint16
	rows    [16]uint8
}

// set gives registers 0 to 3, the sums, and 4 and 5, the weights, outs outputs, and 0 to 3 and 6 and 7, of
// x, columns.
func (c *amxConfig) set(outs, columns int) {
	*c = amxConfig{palette: 1}
	for i, n := range [2]int{min(outs, registerRows), max(outs-registerRows, 0)} {
		c.bytes[6+i], c.rows[6+i] = uint16(4*columns), registerRows
		if n == 0 {
			continue
		}
		c.bytes[4+i], c.rows[4+i] = registerBytes, uint8(n)
		for j := range 2 {
			c.bytes[2*i+j], c.rows[2*i+j] = uint16(4*columns), uint8(n)
		}
	}
}

// amxKernels are those of a format, by registers of outputs and of x, less one; a format that has none is left
// to the vectors.
type amxKernels [2][2]func(*amxCall)

// amxScratch is a member's private memory for that.
type amxScratch struct {
	call   amxCall
	config amxConfig
	sums   []uint32
}

// amx returns the kernels that multiply n rows by m, or nil where vectors do.
func (m *Matrix) amx(n int) *amxKernels {
	if m.tier == nil || m.tier.amx[m.format][0][1] == nil {
		return nil
	}
	if m.format == formatInt8 && (n <= m.tier.rows || m.In < registerBytes) {
		return nil
	}
	return &m.tier.amx[m.format]
}

// amxSteps counts the steps of k inputs of int8.
func amxSteps(k int) int { return (k + registerBytes - 1) / registerBytes }

// amxColumns are the columns of a register of x: few rows of bfloat16 lie together, others are padded to 16.
func (x *Rows) amxColumns(f format) int {
	if f == formatInt8 {
		return registerRows
	}
	return min(x.N, registerRows)
}

// growWords makes room for what turnBits, or turnLevels, writes.
func (x *Rows) growWords(f format) {
	padded := (x.N + registerRows - 1) / registerRows * registerRows
	if f == formatBF16 {
		x.bits = grow(x.bits, padded*x.D)
		if x.N <= registerRows {
			padded = x.N
		}
		x.words = grow(x.words, padded*x.D/2)
		return
	}
	x.steps = 0
	for p, from := range x.bounds[:len(x.bounds)-1] {
		x.steps += amxSteps(x.bounds[p+1] - from)
	}
	x.words = grow(x.words, padded*x.steps*2*registerBytes/4)
}

// turned returns where the part of a piece lies that registers of rows from i on hold, which is a multiple of
// 32, or with int8 of 16; the piece begins at input from.
func (x *Rows) turned(f format, i, piece, from int) unsafe.Pointer {
	switch {
	case f == formatInt8:
		return unsafe.Pointer(&x.words[(i/registerRows*x.steps+piece*amxSteps(x.bounds[1]))*2*registerWords])
	case x.N == 1: // pairs of one row lie as they shall
		return unsafe.Pointer(&x.bits[from])
	}
	registers := min(2, (x.N-i+registerRows-1)/registerRows)
	return unsafe.Pointer(&x.words[i*x.D/2+from/2*registers*x.amxColumns(f)])
}

// turnBits turns the rows i to i+15, of which those that there are not are zeroes.
func (x *Rows) turnBits(i int) {
	if x.N == 1 {
		return
	}
	n, columns := min(registerRows, x.N-i), x.amxColumns(formatBF16)
	clear(x.bits[(i+n)*x.D : (i+registerRows)*x.D])
	first := i / fewRows * fewRows
	registers := min(2, (x.N-first+registerRows-1)/registerRows)
	words := x.words[first*x.D/2+(i-first)/registerRows*registerWords:]
	for at := 0; at < x.D; at += registerBytes / 2 {
		turnTile(unsafe.Pointer(&words[at/2*registers*columns]), unsafe.Pointer(&x.bits[i*x.D+at]),
			registerRows, columns, uintptr(4*columns), uintptr(2*x.D), 0)
	}
}

// turnLevels turns the rows i to i+15 of levels beside int8 weights. The last step of a piece has zeroes where
// it begins within the one before or before the piece.
func (x *Rows) turnLevels(i int) {
	n := min(registerRows, x.N-i)
	words := x.words[i/registerRows*x.steps*2*registerWords:]
	var high, low [registerRows][registerBytes]int8
	for p, from := range x.bounds[:len(x.bounds)-1] {
		end := x.bounds[p+1]
		for ; from < end; from += registerBytes {
			skip := max(from+registerBytes-end, 0)
			for r := range n {
				clear(high[r][:skip])
				clear(low[r][:skip])
				splitLevels(high[r][skip:], low[r][skip:], x.q[(i+r)*x.D+from:])
			}
			turnTile(unsafe.Pointer(&words[0]), unsafe.Pointer(&high), registerRows, registerRows, registerBytes,
				registerBytes, 0)
			turnTile(unsafe.Pointer(&words[registerWords]), unsafe.Pointer(&low), registerRows, registerRows,
				registerBytes, registerBytes, 0)
			words = words[2*registerWords:]
		}
	}
}

// amxProduct computes outputs lo to hi of all rows.
func (m *Matrix) amxProduct(kernels *amxKernels, x *Rows, y []float32, ldy, lo, hi int, s *Scratch) {
	_ = y[(x.N-1)*ldy+hi-1]
	size, together := m.piece(), amxOut
	if x.N <= fewRows {
		together = blockOut
	}
	s.amx.sums = grow(s.amx.sums, min(amxRows, (x.N+registerRows-1)/registerRows*registerRows)*2*blockOut)
	for row := 0; row < x.N; row += amxRows {
		for group := lo; group < hi; group += together {
			for piece, from := 0, 0; from < m.In; piece, from = piece+1, from+size {
				for o := group; o < min(group+together, hi); o += blockOut {
					m.amxBlock(kernels, x, y, ldy, row, o, min(blockOut, hi-o), piece, from, &s.amx)
				}
			}
		}
	}
}

// amxBlock computes outs outputs from o on of amxRows rows from row on, over a piece.
func (m *Matrix) amxBlock(kernels *amxKernels, x *Rows, y []float32, ldy, row, o, outs, piece, from int,
	s *amxScratch) {
	c, k := &s.call, min(m.piece(), m.In-from)
	w, ldw := m.address(o, from)
	rows, columns, registers := min(amxRows, x.N-row), x.amxColumns(m.format), (outs+registerRows-1)/registerRows
	s.config.set(outs, columns)
	*c = amxCall{
		config: &s.config, w: w, ldw: ldw, ldx: uintptr(4 * columns), ahead: uintptr(w),
		steps: uintptr(k / (registerBytes / 2)),
	}
	if pieces := (m.In + m.piece() - 1) / m.piece(); x.N <= fewRows || pieces == 1 {
		// Of the next outputs as much as was read of these before this piece.
		c.ahead += blockOut*ldw + (blockOut-1)*uintptr(from)*ldw/uintptr(m.In)
		c.pace = uintptr(registers) * registerRows * registerBytes
	}
	width := registerRows // rows of a group
	if m.format == formatInt8 {
		c.steps = uintptr(amxSteps(k))
		c.back = c.steps*registerBytes - uintptr(k)
		if c.steps == 1 {
			c.w = unsafe.Add(c.w, -int(c.back)) // which is in the piece before
		}
		c.xstep, c.nextx = 2*registerWords*4, uintptr(x.steps)*2*registerWords*4
	} else {
		width = fewRows
		c.xstep, c.nextx = 2*registerWords*4, uintptr(x.D)*fewRows*2
	}
	sums, done := s.sums, 0 // rows
	if whole := rows; m.format == formatInt8 || rows > registerRows {
		if m.format != formatInt8 {
			whole = (rows + registerRows - 1) / fewRows * fewRows
		}
		c.groups = uintptr((whole + width - 1) / width)
		c.x, c.sums = x.turned(m.format, row, piece, from), unsafe.Pointer(&sums[0])
		kernels[registers-1][1](c)
		done = int(c.groups) * width
	}
	each := 2 * registers * registerWords // of the sums of a group
	last := done / width
	if done < rows {
		c.groups, c.xstep = 1, uintptr(registerBytes*columns)
		c.x, c.sums = x.turned(m.format, row+done, piece, from), unsafe.Pointer(&sums[last*each])
		kernels[registers-1][0](c)
	}
	for i := 0; i < rows; i += registerRows {
		for a := range registers {
			at := y[(row+i)*ldy+o+a*registerRows:]
			n, outs := min(registerRows, rows-i), min(registerRows, outs-a*registerRows)
			add := uintptr(min(piece, 1))
			of := sums[i/width*each:]
			if m.format == formatInt8 {
				foldInt8(unsafe.Pointer(&at[0]), unsafe.Pointer(&of[2*a*registerWords]), n, outs, uintptr(ldy)*4,
					unsafe.Pointer(&x.scale[piece*x.N+row+i]),
					unsafe.Pointer(&m.scale[piece*m.Out+o+a*registerRows]), add)
				continue
			}
			tile := 2*a + i%fewRows/registerRows
			if i >= done {
				tile = a // of one register of x
			}
			turnTile(unsafe.Pointer(&at[0]), unsafe.Pointer(&of[tile*registerWords]), n, outs, uintptr(ldy)*4,
				registerBytes, add)
		}
	}
}

// turnTileScalar turns 16 rows of 16 numbers of 32 bits, ldsrc bytes apart: rows columns of the source become
// rows, lddst bytes apart, of which the first columns numbers are written, or added as float32.
func turnTileScalar(dst, src unsafe.Pointer, rows, columns int, lddst, ldsrc, add uintptr) {
	for i := range rows {
		to := unsafe.Slice((*uint32)(unsafe.Add(dst, i*int(lddst))), columns)
		for j := range to {
			v := *(*uint32)(unsafe.Add(src, j*int(ldsrc)+4*i))
			if add != 0 {
				v = math.Float32bits(math.Float32frombits(to[j]) + math.Float32frombits(v))
			}
			to[j] = v
		}
	}
}

// foldInt8Scalar makes results of sums [16 outputs, 16 rows] of high bits and, behind them, of low ones, with
// the scale of each row and each output: the bits of the vector kernels. It writes rows of outs results, ldy
// bytes apart, or adds them.
func foldInt8Scalar(y, sums unsafe.Pointer, rows, outs int, ldy uintptr, xscale, wscale unsafe.Pointer, add uintptr) {
	high := (*[2 * registerWords]int32)(sums)
	low := high[registerWords:]
	for i, scale := range unsafe.Slice((*float32)(xscale), rows) {
		to := unsafe.Slice((*float32)(unsafe.Add(y, i*int(ldy))), outs)
		for o, by := range unsafe.Slice((*float32)(wscale), outs) {
			v := float32(high[o*registerRows+i]<<7+low[o*registerRows+i]) * scale * by
			if add != 0 {
				v += to[o]
			}
			to[o] = v
		}
	}
}

// splitLevelsScalar divides levels into high bits and 7 low ones.
func splitLevelsScalar(high, low []int8, levels []int16) {
	for i := range high {
		high[i], low[i] = int8(levels[i]>>7), int8(levels[i]&127)
	}
}
