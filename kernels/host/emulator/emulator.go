// Package emulator runs the machine code of the kernels of AMX, instruction by instruction, on machines that have
// no such registers: what is tested is the code that would run there. It knows the few instructions that gen_amx.go
// of package host uses and Go's assembler makes of them, as Intel's manual documents them (Software Developer's
// Manual, volume 2); whatever else it meets is an error, and so is what a processor would end the program for.
package emulator

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"
)

// Processor is what a call runs on.
type Processor struct {
	// May reports whether memory may be read, or written; nil is all of it. Prefetches ask nobody.
	May func(address, bytes uintptr, write bool) bool

	general  [16]uint64
	zero     bool // the flag
	tiles    *tileRegisters
	argument unsafe.Pointer // here it is not on a goroutine's stack, which may move
}

// tileRegisters are what LDTILECFG makes.
type tileRegisters struct {
	rows, bytes [8]int
	data        [8][16][64]byte
}

// Call runs the function at an address with one argument, on the stack, until it returns.
func (p *Processor) Call(entry uintptr, argument unsafe.Pointer) error {
	p.argument = argument
	stack := [2]uint64{0, uint64(uintptr(argument))} // where it returns to, and the argument
	may := p.May
	onStack := func(address, bytes uintptr, write bool) bool {
		first := uintptr(unsafe.Pointer(&stack))
		return address >= first && address+bytes <= first+unsafe.Sizeof(stack) ||
			may == nil || may(address, bytes, write)
	}
	p.May = onStack
	defer func() { p.May = may }()
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
func (p *Processor) address(o operand, row int) uintptr {
	at := p.general[o.base] + uint64(o.offset)
	if o.index >= 0 {
		at += p.general[o.index] << o.shift * uint64(row)
	}
	return uintptr(at)
}

// memory returns bytes at an address.
func (p *Processor) memory(address, bytes uintptr, write bool) ([]byte, error) {
	if !p.May(address, bytes, write) {
		return nil, fmt.Errorf("%d bytes at %#x are not its own (write: %v)", bytes, address, write)
	}
	return unsafe.Slice((*byte)(codeAt(address)), bytes), nil
}

// step runs an instruction that does not jump.
func (p *Processor) step(d decoded) error {
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
func (p *Processor) tileStep(d decoded) error {
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
func (p *Processor) configure(d decoded) error {
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
					parts[i] = FlushedFMA(math.Float32frombits(uint32(x)<<16), math.Float32frombits(uint32(y)<<16),
						parts[i])
				}
			}
			both := FlushedFMA(1, parts[1], parts[0])
			binary.LittleEndian.PutUint32(sum, math.Float32bits(FlushedFMA(1, both, math.Float32frombits(was))))
		}
	}
	return nil
}

// FlushedFMA returns x·y + z, rounded once to float32, ties to even. Numbers below 2^-126 are zeroes, before and
// after. x and y have 24 digits together: bfloat16, or 1 and a float32.
func FlushedFMA(x, y, z float32) float32 {
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
