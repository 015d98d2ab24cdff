//go:build goexperiment.simd && !purego

package host

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"
)

// processor runs the machine code of the kernels of AMX, instruction by instruction, on machines that have no
// such registers: what is tested is the code that would run there. It knows the few instructions that gen_amx.go
// uses and Go's assembler makes of them, as Intel's manual (Software Developer's Manual, volume 2) documents
// them; whatever else it meets is an error, and so is what a processor would end the program for.
type processor struct {
	general [16]uint64
	zero    bool // the flag
	tiles   *tileRegisters
	// may reports whether memory may be read, or written; nil is all of it. Prefetches ask nobody.
	may func(address, bytes uintptr, write bool) bool
}

// tileRegisters are what LDTILECFG makes.
type tileRegisters struct {
	rows, bytes [8]int
	data        [8][16][64]byte
}

// operand is a place in memory, or a general register where base is one and direct is set.
type operand struct {
	base, index, shift int // -1 where there is none
	offset             int64
	direct             bool
}

// decoded is an instruction. Its registers are general ones, or numbers of tiles.
type decoded struct {
	name      string
	bytes     int
	reg       int // the operand in ModRM's middle
	vector    int // the operand in VEX
	rm        operand
	immediate int64 // also how far to jump
}

var generalNames = [16]string{"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"}

// String writes an instruction on tiles as llvm-mc does.
func (d decoded) String() string {
	place := ""
	if !d.rm.direct {
		if d.rm.offset != 0 {
			place = fmt.Sprint(d.rm.offset)
		}
		place += "(%" + generalNames[d.rm.base]
		if d.rm.index >= 0 {
			if place += ",%" + generalNames[d.rm.index]; d.rm.shift > 0 {
				place += fmt.Sprintf(",%d", 1<<d.rm.shift)
			}
		}
		place += ")"
	}
	switch d.name {
	case "tilerelease":
		return d.name
	case "ldtilecfg":
		return d.name + " " + place
	case "tilezero":
		return fmt.Sprintf("%s %%tmm%d", d.name, d.reg)
	case "tileloadd":
		return fmt.Sprintf("%s %s, %%tmm%d", d.name, place, d.reg)
	case "tilestored":
		return fmt.Sprintf("%s %%tmm%d, %s", d.name, d.reg, place)
	}
	return fmt.Sprintf("%s %%tmm%d, %%tmm%d, %%tmm%d", d.name, d.vector, d.rm.base, d.reg)
}

// modRM reads ModRM, SIB and an offset, with the high bits of the three registers, and returns the bytes taken.
func (d *decoded) modRM(code []byte, reg, index, base int) int {
	mode, rm, n := code[0]>>6, int(code[0]&7), 1
	d.reg = int(code[0]>>3&7) | reg<<3
	d.rm = operand{base: rm | base<<3, index: -1}
	if mode == 3 {
		d.rm.direct = true
		return n
	}
	if rm == 4 {
		sib := code[1]
		n++
		d.rm.base, d.rm.shift = int(sib&7)|base<<3, int(sib>>6)
		if i := int(sib>>3&7) | index<<3; i != 4 {
			d.rm.index = i
		}
	}
	switch {
	case mode == 1:
		d.rm.offset = int64(int8(code[n]))
		n++
	case mode == 2:
		d.rm.offset = int64(int32(binary.LittleEndian.Uint32(code[n:])))
		n += 4
	case d.rm.base&7 == 5:
		panic("an address without a base")
	}
	return n
}

// decode reads an instruction.
func decode(code []byte) (d decoded, err error) {
	unknown := fmt.Errorf("unknown instruction % x", code[:12])
	if code[0] == 0xc4 {
		return decodeTile(code, unknown)
	}
	n, rex, short := 0, byte(0), false
	for code[n] == 0x66 { // of a nop
		n, short = n+1, true
	}
	if code[n]&0xf0 == 0x40 {
		rex = code[n]
		n++
	}
	reg, index, base := int(rex>>2&1), int(rex>>1&1), int(rex&1)
	opcode := code[n]
	n++
	byteAt := func() int64 { n++; return int64(int8(code[n-1])) }
	wordAt := func() int64 { n += 4; return int64(int32(binary.LittleEndian.Uint32(code[n-4:]))) }
	modRM := func() { n += d.modRM(code[n:], reg, index, base) }
	swap := func() { // both are registers: the result's is first
		d.reg, d.rm.base = d.rm.base, d.reg
	}
	two := map[byte]string{0x03: "add", 0x2b: "sub", 0x33: "xor", 0x8b: "mov",
		0x01: "add", 0x29: "sub", 0x31: "xor", 0x89: "mov"}
	groups := map[byte]string{0: "addi", 5: "subi", 7: "cmpi"}
	wide := rex&8 != 0
	switch {
	case two[opcode] != "" && wide:
		d.name = two[opcode]
		modRM()
		if opcode&2 == 0 {
			if !d.rm.direct {
				return d, unknown
			}
			swap()
		}
	case (opcode == 0x83 || opcode == 0x81) && wide:
		d.name = groups[code[n]>>3&7]
		modRM()
		if opcode == 0x83 {
			d.immediate = byteAt()
		} else {
			d.immediate = wordAt()
		}
	case opcode == 0xc7 && wide && code[n]>>3&7 == 0:
		d.name = "movi"
		modRM()
		d.immediate = wordAt()
	case opcode&0xf8 == 0xb8 && !wide: // zeroes above 32 bits
		d.name, d.rm = "movi", operand{base: int(opcode&7) | base<<3, direct: true}
		d.immediate = int64(uint32(wordAt()))
	case opcode == 0xc1 && wide && code[n]>>3&7 == 4:
		d.name = "shli"
		modRM()
		d.immediate = byteAt()
	case opcode == 0x05 && wide:
		d.name, d.rm, d.immediate = "addi", operand{direct: true}, wordAt()
	case opcode == 0x75, opcode == 0x74, opcode == 0xeb:
		d.name, d.immediate = map[byte]string{0x75: "jne", 0x74: "je", 0xeb: "jmp"}[opcode], byteAt()
	case opcode == 0xe9:
		d.name, d.immediate = "jmp", wordAt()
	case opcode == 0x0f && code[n] == 0x85, opcode == 0x0f && code[n] == 0x84:
		d.name = map[byte]string{0x85: "jne", 0x84: "je"}[code[n]]
		n++
		d.immediate = wordAt()
	case opcode == 0x0f && code[n] == 0x1f:
		n++
		d.name = "nop"
		modRM()
	case opcode == 0x0f && code[n] == 0x18:
		n++
		d.name = "prefetch"
		modRM()
	case opcode == 0x90:
		d.name = "nop"
	case opcode == 0xc3:
		d.name = "ret"
	}
	if d.name == "" || short && d.name != "nop" {
		return d, unknown
	}
	d.bytes = n
	return d, nil
}

// decodeTile reads an instruction with a VEX prefix of three bytes.
func decodeTile(code []byte, unknown error) (d decoded, err error) {
	one, two, opcode := code[1], code[2], code[3]
	if one&31 != 2 || two&0x84 != 0 { // map 0F38; W and L are 0
		return d, unknown
	}
	d.bytes = 4 + d.modRM(code[4:], int(one>>7&1^1), int(one>>6&1^1), int(one>>5&1^1))
	d.vector = int(^two >> 3 & 15)
	prefix := two & 3
	const none, prefix66, prefixF3, prefixF2 = 0, 1, 2, 3
	switch {
	case opcode == 0x49 && prefix == none && !d.rm.direct && d.reg == 0:
		d.name = "ldtilecfg"
	case opcode == 0x49 && prefix == none && code[4] == 0xc0:
		d.name = "tilerelease"
	case opcode == 0x49 && prefix == prefixF2 && d.rm.direct && d.rm.base == 0:
		d.name = "tilezero"
	case opcode == 0x4b && !d.rm.direct && d.rm.index >= 0 && prefix == prefixF2:
		d.name = "tileloadd"
	case opcode == 0x4b && !d.rm.direct && d.rm.index >= 0 && prefix == prefixF3:
		d.name = "tilestored"
	case opcode == 0x5c && prefix == prefixF3 && d.rm.direct:
		d.name = "tdpbf16ps"
	case opcode == 0x5e && prefix == prefixF2 && d.rm.direct:
		d.name = "tdpbssd"
	default:
		return d, unknown
	}
	multiplies := d.name == "tdpbf16ps" || d.name == "tdpbssd"
	if d.reg > 7 || multiplies && (d.vector > 7 || d.rm.base > 7) || !multiplies && d.vector != 0 {
		return d, unknown
	}
	return d, nil
}

// call runs the function at an address with one argument until it returns.
func (p *processor) call(entry uintptr, argument unsafe.Pointer) error {
	stack := [2]uint64{0, uint64(uintptr(argument))} // where it returns to, and the argument
	may := p.may
	onStack := func(address, bytes uintptr, write bool) bool {
		first := uintptr(unsafe.Pointer(&stack))
		return address >= first && address+bytes <= first+unsafe.Sizeof(stack) ||
			may == nil || may(address, bytes, write)
	}
	p.may = onStack
	defer func() { p.may = may }()
	p.general[4] = uint64(uintptr(unsafe.Pointer(&stack)))
	for ip := entry; ; {
		d, err := decode(unsafe.Slice((*byte)(codeAt(ip)), 16))
		if err != nil {
			return fmt.Errorf("at %d: %w", ip-entry, err)
		}
		ip += uintptr(d.bytes)
		switch {
		case d.name == "ret":
			if p.tiles != nil {
				return fmt.Errorf("it returns without releasing its tiles")
			}
			return nil
		case d.name == "jmp", d.name == "je" && p.zero, d.name == "jne" && !p.zero:
			ip += uintptr(d.immediate)
		case d.name == "je", d.name == "jne":
		default:
			if err := p.step(d); err != nil {
				return fmt.Errorf("at %d, %v: %w", ip-uintptr(d.bytes)-entry, d, err)
			}
		}
	}
}

// codeAt is an address outside Go's heap as a pointer.
func codeAt(address uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&address)) }

// address is where an operand's row lies; each row is the index further.
func (p *processor) address(o operand, row int) uintptr {
	at := p.general[o.base] + uint64(o.offset)
	if o.index >= 0 {
		at += p.general[o.index] << o.shift * uint64(row)
	}
	return uintptr(at)
}

// memory returns bytes at an address.
func (p *processor) memory(address, bytes uintptr, write bool) ([]byte, error) {
	if !p.may(address, bytes, write) {
		return nil, fmt.Errorf("%d bytes at %#x are not its own (write: %v)", bytes, address, write)
	}
	return unsafe.Slice((*byte)(codeAt(address)), bytes), nil
}

// step runs an instruction that does not jump.
func (p *processor) step(d decoded) error {
	value := uint64(d.immediate)
	to := &p.general[d.reg]
	switch d.name {
	case "nop", "prefetch":
		return nil
	case "mov", "add", "sub", "xor":
		if value = p.general[d.rm.base]; !d.rm.direct {
			m, err := p.memory(p.address(d.rm, 1), 8, false)
			if err != nil {
				return err
			}
			value = binary.LittleEndian.Uint64(m)
		}
	case "movi", "addi", "subi", "cmpi", "shli":
		if !d.rm.direct {
			return fmt.Errorf("a number for memory")
		}
		to = &p.general[d.rm.base]
	default:
		return p.tileStep(d)
	}
	result := *to
	switch d.name {
	case "mov", "movi":
		*to = value
		return nil
	case "add", "addi":
		result += value
	case "sub", "subi", "cmpi":
		result -= value
	case "xor":
		result ^= value
	case "shli":
		result <<= value
	}
	p.zero = result == 0
	if d.name != "cmpi" {
		*to = result
	}
	return nil
}

// tileStep runs an instruction on tiles.
func (p *processor) tileStep(d decoded) error {
	if d.name == "ldtilecfg" {
		return p.configure(d)
	}
	if p.tiles == nil {
		return fmt.Errorf("no tiles are configured")
	}
	t := p.tiles
	switch d.name {
	case "tilerelease":
		p.tiles = nil
		return nil
	case "tdpbf16ps", "tdpbssd":
		return t.multiply(d.name, d.reg, d.rm.base, d.vector)
	}
	rows, bytes, data := t.rows[d.reg], t.bytes[d.reg], &t.data[d.reg]
	if rows == 0 {
		return fmt.Errorf("tile %d is not configured", d.reg)
	}
	if d.name == "tilezero" {
		*data = [16][64]byte{}
		return nil
	}
	if d.name == "tileloadd" {
		*data = [16][64]byte{}
	}
	for row := range rows {
		m, err := p.memory(p.address(d.rm, row), uintptr(bytes), d.name == "tilestored")
		if err != nil {
			return fmt.Errorf("row %d: %w", row, err)
		}
		if d.name == "tileloadd" {
			copy(data[row][:], m)
		} else {
			copy(m, data[row][:])
		}
	}
	return nil
}

// configure runs LDTILECFG.
func (p *processor) configure(d decoded) error {
	m, err := p.memory(p.address(d.rm, 1), 64, false)
	if err != nil {
		return err
	}
	t := &tileRegisters{}
	for i, b := range m {
		switch {
		case i == 0 && b != 1:
			return fmt.Errorf("palette %d", b)
		case i > 0 && i < 16 && b != 0, i >= 32 && i < 48 && b != 0, i >= 56 && b != 0:
			return fmt.Errorf("byte %d of the configuration is %d", i, b)
		}
	}
	for i := range 8 {
		t.bytes[i], t.rows[i] = int(binary.LittleEndian.Uint16(m[16+2*i:])), int(m[48+i])
		if t.bytes[i] > 64 || t.rows[i] > 16 || (t.bytes[i] == 0) != (t.rows[i] == 0) {
			return fmt.Errorf("tile %d has %d rows of %d bytes", i, t.rows[i], t.bytes[i])
		}
	}
	p.tiles = t
	return nil
}

// multiply adds the products of tiles a and b to c.
func (t *tileRegisters) multiply(name string, c, a, b int) error {
	switch {
	case c == a || a == b || b == c:
		return fmt.Errorf("a tile is used twice")
	case t.rows[c] == 0 || t.rows[a] == 0 || t.rows[b] == 0:
		return fmt.Errorf("a tile is not configured")
	case t.rows[c] != t.rows[a] || t.bytes[c] != t.bytes[b] || t.bytes[a] != 4*t.rows[b] || t.bytes[c]%4 != 0:
		return fmt.Errorf("tiles of %d x %d, %d x %d and %d x %d bytes do not fit", t.rows[c], t.bytes[c],
			t.rows[a], t.bytes[a], t.rows[b], t.bytes[b])
	}
	for m := range t.rows[c] {
		for n := range t.bytes[c] / 4 {
			sum := t.data[c][m][4*n:]
			was := binary.LittleEndian.Uint32(sum)
			if name == "tdpbssd" {
				for k := range t.rows[b] {
					for i := range 4 {
						was += uint32(int32(int8(t.data[a][m][4*k+i])) * int32(int8(t.data[b][k][4*n+i])))
					}
				}
				binary.LittleEndian.PutUint32(sum, was)
				continue
			}
			// Even and odd products are summed from zero, each in order, and then both are added.
			var parts [2]float32
			for k := range t.rows[b] {
				for i := range parts {
					x := binary.LittleEndian.Uint16(t.data[a][m][4*k+2*i:])
					y := binary.LittleEndian.Uint16(t.data[b][k][4*n+2*i:])
					parts[i] = flushedFMA(math.Float32frombits(uint32(x)<<16), math.Float32frombits(uint32(y)<<16),
						parts[i])
				}
			}
			both := flushedFMA(1, parts[1], parts[0])
			binary.LittleEndian.PutUint32(sum, math.Float32bits(flushedFMA(1, both, math.Float32frombits(was))))
		}
	}
	return nil
}

// flushedFMA returns x·y + z, rounded once to float32, ties to even. Numbers below 2^-126 are zeroes, before and
// after. x and y have 24 digits together: bfloat16, or 1 and a float32.
func flushedFMA(x, y, z float32) float32 {
	const least = 0x1p-126
	flush := func(v float32) float64 {
		if math.Abs(float64(v)) < least {
			return math.Copysign(0, float64(v))
		}
		return float64(v)
	}
	product, addend := flush(x)*flush(y), flush(z) // both exact
	sum := product + addend
	// What sum lost decides about ties: round to odd first, then to float32.
	part := sum - product
	lost := (product - (sum - part)) + (addend - part)
	if bits := math.Float64bits(sum); lost != 0 && !math.IsNaN(lost) && bits&1 == 0 {
		if (lost > 0) == (sum > 0) {
			bits++
		} else {
			bits--
		}
		sum = math.Float64frombits(bits)
	}
	if math.Abs(sum) < 2*least && math.Abs(float64(float32(sum*0x1p64))) < least*0x1p64 {
		return float32(math.Copysign(0, sum))
	}
	return float32(sum)
}
