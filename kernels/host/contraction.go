package host

import "unsafe"

// Operand is a bfloat16 matrix [Rows, K] of a contraction; Transposed says that it
// lies in memory as [K, Rows].
type Operand struct {
	Bits       []uint16
	Rows       int
	Transposed bool
}

// Contraction multiplies bfloat16 matrices over whichever axis they share, where
// Matrix.Product knows one layout: an operand that lies transposed is copied first,
// which costs a hundredth of the product. It serves the backward pass of a linear
// layer: for y = x·wᵀ, dx = dy·w contracts over w's rows and dw = dyᵀ·x over tokens.
type Contraction struct {
	team        *Team
	scratch     []Scratch
	left, right []uint16 // operands as they are multiplied: [Rows, K] padded to whole steps
	values      []float32
}

// NewContraction returns a Contraction that a team computes; calls of Multiply must not overlap.
func NewContraction(team *Team) *Contraction {
	return &Contraction{team: team, scratch: make([]Scratch, team.Size())}
}

// chunkElements of the left side stay in the second-level cache while all of the right side goes
// past them.
const chunkElements = 256 << 10

// Multiply sets y [a.Rows, b.Rows] to Σ a[i, k]·b[j, k] over k below K. Sums are
// float32, in the order of Matrix.Product: the same bits whatever the team.
func (c *Contraction) Multiply(y []float32, a, b Operand, K int) {
	const step = 32 // a multiple of every tier's steps
	width := (K + step - 1) / step * step
	right := BFloat16Matrix(c.rowMajor(b, K, width, &c.right), b.Rows, width)
	rows := Rows{D: width, bits: c.rowMajor(a, K, width, &c.left)}
	if right.format != formatBF16 { // activations meet it as float32
		c.values = grow(c.values, a.Rows*width)
		rows.Values = c.values
		c.team.Run(a.Rows, func(i, _ int) {
			widenVector(rows.Values[i*width:(i+1)*width], rows.bits[i*width:(i+1)*width])
		})
	}
	chunk := max(chunkElements/width/blockRows, 1) * blockRows
	blocks := right.Blocks()
	c.team.Run((a.Rows+chunk-1)/chunk*blocks, func(unit, member int) {
		lo := unit / blocks * chunk
		hi := min(lo+chunk, a.Rows)
		some := Rows{N: hi - lo, D: width, bits: rows.bits[lo*width : hi*width]}
		if rows.Values != nil {
			some.Values = rows.Values[lo*width : hi*width]
		}
		right.Product(&some, y[lo*b.Rows:], b.Rows, unit%blocks, unit%blocks+1, &c.scratch[member])
	})
}

// rowMajor returns an operand as [Rows, width], zero beyond K: itself where it lies so, else a
// copy in memory.
func (c *Contraction) rowMajor(o Operand, K, width int, memory *[]uint16) []uint16 {
	if !o.Transposed && K == width {
		return o.Bits
	}
	*memory = grow(*memory, o.Rows*width)
	dst := *memory
	if !o.Transposed {
		c.team.Run(o.Rows, func(i, _ int) {
			n := copy(dst[i*width:(i+1)*width], o.Bits[i*K:(i+1)*K])
			clear(dst[i*width+n : (i+1)*width])
		})
		return dst
	}
	const together = 64 // rows of dst a unit of work
	c.team.Run((o.Rows+together-1)/together, func(unit, _ int) {
		lo, hi := unit*together, min((unit+1)*together, o.Rows)
		whole := lo // rows of dst up to it are left to the kernel, which makes 8 at a time
		if vector {
			whole += (hi - lo) / 8 * 8
		}
		k := 0
		if whole > lo {
			for ; k+8 <= K; k += 8 {
				transposeRows(unsafe.Pointer(&dst[lo*width+k]), unsafe.Pointer(&o.Bits[k*o.Rows+lo]),
					whole-lo, uintptr(width)*2, uintptr(o.Rows)*2)
			}
		}
		transpose := func(from, to, k int) {
			for i := from; i < to; i++ {
				row := dst[i*width : (i+1)*width]
				for j := k; j < K; j++ {
					row[j] = o.Bits[j*o.Rows+i]
				}
				clear(row[K:])
			}
		}
		transpose(lo, whole, k)
		transpose(whole, hi, 0)
	})
	return dst
}
