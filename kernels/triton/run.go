package triton

import (
	"fmt"
	"math"
	"slices"
	"sync"
)

// Buffer is the memory that an argument points to: one of the slices.
type Buffer struct {
	F32  []float32
	BF16 []uint16
	I32  []int32
	// Loads and Stores, where they are not nil, count how often each element was read and written.
	Loads, Stores []int32
}

func (b *Buffer) len() int { return max(len(b.F32), len(b.BF16), len(b.I32)) }

// Run runs the programs of a grid one after another, in workers shares that run side by side: as on a GPU nothing
// may depend on their order. Reading or writing outside of a buffer is an error, and so is dividing by zero.
func (p *Program) Run(grid [3]int, memory []*Buffer, workers int) error {
	if len(memory) != len(p.Arguments) {
		return fmt.Errorf("a kernel gets %d buffers, expected %d", len(memory), len(p.Arguments))
	}
	for i, e := range p.Arguments {
		b := memory[i]
		fits := map[Elem]bool{F32: b.BF16 == nil && b.I32 == nil, BF16: b.F32 == nil && b.I32 == nil,
			I32: b.F32 == nil && b.BF16 == nil}
		if !fits[e] {
			return fmt.Errorf("the buffer of %s is not of %s", p.names[i], e)
		}
	}
	n := grid[0] * grid[1] * grid[2]
	workers = max(1, min(workers, n))
	errs := make([]error, workers)
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			m := newMachine(p, memory)
			for i := w; i < n && errs[w] == nil; i += workers {
				id := [3]int{i % grid[0], i / grid[0] % grid[1], i / grid[0] / grid[1]}
				if err := m.run(id); err != nil {
					errs[w] = fmt.Errorf("program %d of a kernel: %w", id, err)
				}
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// register holds a value: floats or integers by its type; of a pointer how many elements it is from the start
// of what an argument points to.
type register struct {
	Type
	floats   []float32
	ints     []int64
	argument int
}

// machine runs a kernel's programs.
type machine struct {
	memory    []*Buffer
	registers map[string]*register
	id        [3]int
	steps     []step
}

// step is an operation whose registers are known.
type step func() error

func newMachine(p *Program, memory []*Buffer) *machine {
	m := &machine{memory: memory, registers: map[string]*register{}}
	for i, name := range p.names {
		t := Type{Elem: p.Arguments[i], Pointer: true}
		m.registers[name] = &register{Type: t, ints: make([]int64, 1), argument: i}
	}
	m.steps = m.block(p.body)
	return m
}

func (m *machine) run(id [3]int) error {
	m.id = id
	return runAll(m.steps)
}

func runAll(steps []step) error {
	for _, s := range steps {
		if err := s(); err != nil {
			return err
		}
	}
	return nil
}

// block resolves operations. Constants are computed at once.
func (m *machine) block(all []operation) (steps []step) {
	for i := range all {
		o := &all[i]
		if s := m.resolve(o); s != nil {
			steps = append(steps, func() error {
				if err := s(); err != nil {
					return fmt.Errorf("line %d, %s: %w", o.line, o.name, err)
				}
				return nil
			})
		}
	}
	return steps
}

// room makes the register of a value.
func (m *machine) room(name string, t Type) *register {
	r := &register{Type: t}
	if t.Elem.float() && !t.Pointer {
		r.floats = make([]float32, t.Size())
	} else {
		r.ints = make([]int64, t.Size())
	}
	m.registers[name] = r
	return r
}

func (m *machine) resolve(o *operation) step {
	if o.name == "scf.for" {
		return m.loop(o)
	}
	in := make([]*register, len(o.operands))
	for i, name := range o.operands {
		in[i] = m.registers[name]
	}
	switch o.name {
	case "tt.store":
		return func() error { return m.store(in[0], in[1], in[2]) }
	case "tt.expand_dims": // the same elements
		same := *in[0]
		same.Type = o.types[0]
		m.registers[o.result] = &same
		return nil
	}
	out := m.room(o.result, o.types[0])
	switch o.name {
	case "tt.get_program_id":
		return func() error {
			out.ints[0] = int64(m.id[o.word[0]-'x'])
			return nil
		}
	case "tt.make_range":
		for i := range out.ints {
			out.ints[i] = int64(i)
		}
		return nil
	case "arith.constant":
		for i := range out.floats {
			out.floats[i] = float32(o.number)
		}
		for i := range out.ints {
			out.ints[i] = int64(o.number)
		}
		return nil
	case "tt.splat", "tt.broadcast", "tt.trans":
		out.argument = in[0].argument
		return move(out, in[0], places(o.name, in[0].Dims, out.Dims))
	case "tt.addptr":
		out.argument = in[0].argument
		return func() error {
			for i, at := range in[0].ints {
				out.ints[i] = at + in[1].ints[i]
			}
			return nil
		}
	case "tt.load":
		if len(in) == 1 {
			in = append(in, nil, nil)
		}
		return func() error { return m.load(out, in[0], in[1], in[2]) }
	case "arith.select":
		return func() error {
			for i, yes := range in[0].ints {
				from := in[2]
				if yes != 0 {
					from = in[1]
				}
				if out.floats != nil {
					out.floats[i] = from.floats[i]
				} else {
					out.ints[i] = from.ints[i]
				}
			}
			return nil
		}
	case "arith.truncf":
		return func() error {
			for i, x := range in[0].floats {
				out.floats[i] = fromBFloat16(toBFloat16(x))
			}
			return nil
		}
	case "arith.extf", "arith.extsi":
		return func() error {
			copy(out.floats, in[0].floats)
			copy(out.ints, in[0].ints)
			return nil
		}
	case "arith.fptosi":
		return func() error {
			for i, x := range in[0].floats { // beyond 32 bits and of NaN the result is not defined
				out.ints[i] = int64(int32(max(min(float64(x), math.MaxInt32), math.MinInt32)))
			}
			return nil
		}
	case "arith.sitofp":
		return func() error {
			for i, x := range in[0].ints {
				out.floats[i] = float32(x)
			}
			return nil
		}
	case "arith.bitcast":
		return func() error {
			for i, x := range in[0].ints {
				out.floats[i] = math.Float32frombits(uint32(x))
			}
			return nil
		}
	case "math.exp2":
		return func() error {
			for i, x := range in[0].floats {
				out.floats[i] = float32(math.Exp2(float64(x)))
			}
			return nil
		}
	case "math.sqrt":
		return func() error {
			for i, x := range in[0].floats {
				out.floats[i] = float32(math.Sqrt(float64(x)))
			}
			return nil
		}
	case "arith.cmpi":
		return func() error { return compare(o.word, out.ints, in[0].ints, in[1].ints, in[0].Elem) }
	case "arith.cmpf":
		return func() error {
			for i, x := range in[0].floats {
				y := in[1].floats[i]
				out.ints[i] = 0
				if x < y || x == y && o.word == "ole" {
					out.ints[i] = 1
				}
			}
			return nil
		}
	case "tt.dot":
		return func() error { return dot(out, in[0], in[1], in[2]) }
	case "tt.reduce":
		return func() error { return reduce(o.word, int(o.number), out, in[0]) }
	}
	if out.floats != nil {
		combine := floatBinary(o.name)
		return func() error { return combine(out.floats, in[0].floats, in[1].floats) }
	}
	combine := intBinary(o.name)
	return func() error {
		if err := combine(out.ints, in[0].ints, in[1].ints); err != nil {
			return err
		}
		if out.Elem == I32 {
			for i, n := range out.ints {
				out.ints[i] = int64(int32(n))
			}
		}
		return nil
	}
}

// loop resolves a loop and what is in it.
func (m *machine) loop(o *operation) step {
	outer := m.registers
	m.registers = make(map[string]*register, len(outer))
	for name, r := range outer {
		m.registers[name] = r
	}
	index := m.room(o.index, Type{Elem: I32})
	low, high, by := outer[o.operands[0]], outer[o.operands[1]], outer[o.operands[2]]
	var begin, carried, next, last []*register
	for i, name := range o.carried {
		begin = append(begin, outer[o.operands[3+i]])
		carried = append(carried, m.room(name, o.types[i]))
	}
	yield := &o.body[len(o.body)-1]
	steps := m.block(o.body[:len(o.body)-1])
	for i, name := range yield.operands {
		next = append(next, m.registers[name])
		last = append(last, &register{}) // next turn's, until all are there
		*last[i] = *carried[i]
		last[i].floats, last[i].ints = slices.Clone(carried[i].floats), slices.Clone(carried[i].ints)
	}
	m.registers = outer
	for i, r := range carried {
		m.registers[fmt.Sprintf("%s#%d", o.result, i)] = r // which keeps the last turn's
	}
	set := func(to, from []*register) {
		for i := range to {
			copy(to[i].floats, from[i].floats)
			copy(to[i].ints, from[i].ints)
		}
	}
	return func() error {
		set(carried, begin)
		if by.ints[0] <= 0 {
			return fmt.Errorf("a loop in steps of %d", by.ints[0])
		}
		for i := low.ints[0]; i < high.ints[0]; i += by.ints[0] {
			index.ints[0] = i
			if err := runAll(steps); err != nil {
				return err
			}
			set(last, next)
			set(carried, last)
		}
		return nil
	}
}

// places returns for each element of a reshaped tensor the one it is.
func places(name string, from, to []int) []int32 {
	n := Type{Dims: to}.Size()
	all := make([]int32, n)
	if name == "tt.splat" {
		return all
	}
	for i := range all {
		at, step, rest := 0, 1, i
		if name == "tt.trans" {
			all[i] = int32(i%to[1]*from[1] + i/to[1])
			continue
		}
		for axis := len(to) - 1; axis >= 0; axis-- {
			index := rest % to[axis]
			rest /= to[axis]
			if from[axis] > 1 {
				at += index * step
			}
			step *= from[axis]
		}
		all[i] = int32(at)
	}
	return all
}

// move places elements.
func move(out, in *register, from []int32) step {
	if out.floats != nil {
		return func() error {
			for i, at := range from {
				out.floats[i] = in.floats[at]
			}
			return nil
		}
	}
	return func() error {
		for i, at := range from {
			out.ints[i] = in.ints[at]
		}
		return nil
	}
}

// load reads what p points to where the mask holds.
func (m *machine) load(out, p, mask, other *register) error {
	b := m.memory[p.argument]
	n := int64(b.len())
	for i, at := range p.ints {
		if mask != nil && mask.ints[i] == 0 {
			if out.floats != nil {
				out.floats[i] = other.floats[i]
			} else {
				out.ints[i] = other.ints[i]
			}
			continue
		}
		if at < 0 || at >= n {
			return fmt.Errorf("element %d of argument %d is read, which has %d", at, p.argument, n)
		}
		switch {
		case b.F32 != nil:
			out.floats[i] = b.F32[at]
		case b.BF16 != nil:
			out.floats[i] = fromBFloat16(b.BF16[at])
		default:
			out.ints[i] = int64(b.I32[at])
		}
		if b.Loads != nil {
			b.Loads[at]++
		}
	}
	return nil
}

// store writes values to what p points to where the mask holds.
func (m *machine) store(p, value, mask *register) error {
	b := m.memory[p.argument]
	n := int64(b.len())
	for i, at := range p.ints {
		if mask.ints[i] == 0 {
			continue
		}
		if at < 0 || at >= n {
			return fmt.Errorf("element %d of argument %d is written, which has %d", at, p.argument, n)
		}
		switch {
		case b.F32 != nil:
			b.F32[at] = value.floats[i]
		case b.BF16 != nil:
			b.BF16[at] = toBFloat16(value.floats[i])
		default:
			b.I32[at] = int32(value.ints[i])
		}
		if b.Stores != nil {
			b.Stores[at]++
		}
	}
	return nil
}

func compare(predicate string, out, a, b []int64, elem Elem) error {
	for i, x := range a {
		y, holds := b[i], false
		switch predicate {
		case "slt":
			holds = x < y
		case "sle":
			holds = x <= y
		case "ult":
			holds = uint64(x) < uint64(y)
			if elem == I32 {
				holds = uint32(x) < uint32(y)
			}
		}
		out[i] = 0
		if holds {
			out[i] = 1
		}
	}
	return nil
}

// dot is out = c + a·b, added up in float32 along the shared axis.
func dot(out, a, b, c *register) error {
	copy(out.floats, c.floats)
	K, N := a.Dims[1], b.Dims[1]
	for i := range a.Dims[0] {
		row := out.floats[i*N : i*N+N]
		for k := range K {
			x := a.floats[i*K+k]
			for j, y := range b.floats[k*N : k*N+N] {
				row[j] += x * y
			}
		}
	}
	return nil
}

// reduce combines the elements along an axis in order.
func reduce(by string, axis int, out, in *register) error {
	inner := Type{Dims: in.Dims[axis+1:]}.Size()
	n := in.Dims[axis]
	for i := range out.Type.Size() {
		first := i/inner*n*inner + i%inner
		if out.floats != nil {
			x := in.floats[first]
			for k := 1; k < n; k++ {
				if y := in.floats[first+k*inner]; by == "addf" {
					x += y
				} else {
					x = larger(x, y)
				}
			}
			out.floats[i] = x
			continue
		}
		x := in.ints[first]
		for k := 1; k < n; k++ {
			if y := in.ints[first+k*inner]; by == "addi" {
				x = int64(int32(x + y))
			} else {
				x = max(x, y)
			}
		}
		out.ints[i] = x
	}
	return nil
}

// larger is IEEE 754's maximumNumber: NaN counts as missing.
func larger(x, y float32) float32 {
	switch {
	case x != x:
		return y
	case y != y:
		return x
	}
	return max(x, y)
}

// floatBinary returns what combines two tensors of float32.
func floatBinary(name string) func(out, a, b []float32) error {
	elementwise := func(combine func(x, y float32) float32) func(out, a, b []float32) error {
		return func(out, a, b []float32) error {
			for i, x := range a {
				out[i] = combine(x, b[i])
			}
			return nil
		}
	}
	switch name {
	case "arith.addf":
		return elementwise(func(x, y float32) float32 { return x + y })
	case "arith.subf":
		return elementwise(func(x, y float32) float32 { return x - y })
	case "arith.mulf":
		return elementwise(func(x, y float32) float32 { return x * y })
	case "arith.divf":
		return elementwise(func(x, y float32) float32 { return x / y })
	case "arith.minnumf":
		return elementwise(func(x, y float32) float32 { return -larger(-x, -y) })
	}
	return elementwise(larger)
}

// intBinary returns what combines two tensors of integers.
func intBinary(name string) func(out, a, b []int64) error {
	elementwise := func(combine func(x, y int64) int64) func(out, a, b []int64) error {
		return func(out, a, b []int64) error {
			for i, x := range a {
				out[i] = combine(x, b[i])
			}
			return nil
		}
	}
	division := func(combine func(x, y int64) int64) func(out, a, b []int64) error {
		return func(out, a, b []int64) error {
			for i, x := range a {
				if b[i] == 0 {
					return fmt.Errorf("%d is divided by zero", x)
				}
				out[i] = combine(x, b[i])
			}
			return nil
		}
	}
	switch name {
	case "arith.addi":
		return elementwise(func(x, y int64) int64 { return x + y })
	case "arith.subi":
		return elementwise(func(x, y int64) int64 { return x - y })
	case "arith.muli":
		return elementwise(func(x, y int64) int64 { return x * y })
	case "arith.divsi":
		return division(func(x, y int64) int64 { return x / y })
	case "arith.remsi":
		return division(func(x, y int64) int64 { return x % y })
	case "arith.minsi":
		return elementwise(func(x, y int64) int64 { return min(x, y) })
	case "arith.maxsi":
		return elementwise(func(x, y int64) int64 { return max(x, y) })
	}
	return elementwise(func(x, y int64) int64 { return x & y })
}

// toBFloat16 rounds to the nearest bfloat16, ties to even.
func toBFloat16(x float32) uint16 {
	bits := math.Float32bits(x)
	if x != x {
		return uint16(bits>>16) | 0x40
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

func fromBFloat16(bits uint16) float32 { return math.Float32frombits(uint32(bits) << 16) }

// round rounds a number to one of the elements.
func round(e Elem, x float64) float64 {
	if e == BF16 {
		return float64(fromBFloat16(toBFloat16(float32(x))))
	}
	return float64(float32(x))
}
