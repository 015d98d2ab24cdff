package host

// Operand is a matrix [Rows, K] of a contraction, in bfloat16 or float32; Transposed says that it
// lies in memory as [K, Rows].
type Operand struct {
	Bits       []uint16  // bfloat16, or
	Values     []float32 // float32
	Rows       int
	Transposed bool
}

// Contraction multiplies matrices over whichever axis they share, where Matrix.Product knows one
// layout. It serves a linear layer in training: for y = x·wᵀ, dx = dy·w contracts over w's rows and
// dw = dyᵀ·x over tokens.
type Contraction struct {
	team        *Team
	scratch     []Scratch
	left, right []float32 // strips
}

// NewContraction returns a Contraction that a team computes; calls of Multiply must not overlap.
func NewContraction(team *Team) *Contraction {
	return &Contraction{team: team, scratch: make([]Scratch, team.Size())}
}

// Multiply sets y [a.Rows, b.Rows] to Σ a[i, k]·b[j, k] over k below K, for operands of one dtype. A
// sum is float32, its numbers added in the order of K, and a piece's to that of the pieces before it:
// the same bits whatever the team.
func (c *Contraction) Multiply(y []float32, a, b Operand, K int) {
	kernels, f := stripsFor(a.Bits != nil)
	left := slab{format: f, operand: a, width: kernels.left, K: K}
	right := slab{side: 1, format: f, operand: b, width: kernels.right, K: K}
	size := pieceSize(K, mostStripPiece*left.each())
	for left.first = 0; left.first < a.Rows; left.first += slabRows {
		left.rows = min(slabRows, a.Rows-left.first)
		for right.first = 0; right.first < b.Rows; right.first += slabRows {
			right.rows = min(slabRows, b.Rows-right.first)
			divide(&left, &right, c.team.Size())
			for from := 0; from < K; from += size {
				left.prepare(from, size, &c.left)
				right.prepare(from, size, &c.right)
				c.team.Run(left.units()+right.units(), func(unit, _ int) {
					if n := left.units(); unit >= n {
						right.fill(kernels, unit-n)
					} else {
						left.fill(kernels, unit)
					}
				})
				c.team.Run(left.units()*right.units(), func(unit, member int) {
					kernels.product(y, b.Rows, &left, &right, unit/right.units(), unit%right.units(),
						&c.scratch[member])
				})
			}
		}
	}
}
