package emulator

import (
	"encoding/binary"
	"fmt"
)

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
