package host

import "math"

// Add adds b to a, element by element; b is at least as long as a.
func Add(a, b []float32) { add(a, b) }

func addScalar(a, b []float32) {
	b = b[:len(a)]
	for i := range a {
		a[i] += b[i]
	}
}

// AddRows adds to y the rows of a matrix, each times its number in x: rows begin stride numbers apart from
// the first of m on, and are as long as y. The products are added in the order of the rows.
func AddRows(y, x, m []float32, stride int) { addRows(y, x, m, stride) }

func addRowsScalar(y, x, m []float32, stride int) {
	for k, v := range x {
		row := m[k*stride : k*stride+len(y)]
		for i := range y {
			y[i] += v * row[i]
		}
	}
}

// RMSNorm sets dst to x / √(mean(x²) + ε) · weight; the three are of one length.
func RMSNorm(dst, x, weight []float32, epsilon float32) { rmsNorm(dst, x, weight, epsilon) }

// SiLUMul sets gate to gate·σ(gate)·up, element by element.
func SiLUMul(gate, up []float32) { siluMul(gate, up) }

// SiLUMulRows is SiLUMul of n numbers in each of some rows, ld numbers apart.
func SiLUMulRows(gate, up []float32, rows, ld, n int) { siluMulRows(gate, up, rows, ld, n) }

func rmsNormScalar(dst, x, weight []float32, epsilon float32) {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	inverse := float32(1 / math.Sqrt(sum/float64(len(x))+float64(epsilon)))
	for i, v := range x {
		dst[i] = v * inverse * weight[i]
	}
}

func siluMulScalar(gate, up []float32) {
	for i, g := range gate {
		gate[i] = g / (1 + float32(math.Exp(-float64(g)))) * up[i]
	}
}

// sumLanes adds up eight lanes in one order.
func sumLanes(l *[8]float32) float32 {
	return ((l[0] + l[4]) + (l[1] + l[5])) + ((l[2] + l[6]) + (l[3] + l[7]))
}

// Rotary is the table of cosines and sines of a rotary embedding.
type Rotary struct {
	frequency []float32 // [E/2], radians a position
	factor    float32
	cos, sin  []float32 // [positions, E/2]
}

// NewRotary takes the inverse frequencies [E/2] and what cosines and sines are multiplied by.
func NewRotary(frequencies []float64, factor float64) *Rotary {
	r := &Rotary{factor: float32(factor)}
	for _, f := range frequencies {
		r.frequency = append(r.frequency, float32(f))
	}
	return r
}

// Extend makes the table cover positions below n. Angles are float32 products, as
// in transformers.
func (r *Rotary) Extend(n int) {
	for p := len(r.cos) / len(r.frequency); p < n; p++ {
		for _, f := range r.frequency {
			angle := float64(float32(p) * f)
			r.cos = append(r.cos, float32(math.Cos(angle))*r.factor)
			r.sin = append(r.sin, float32(math.Sin(angle))*r.factor)
		}
	}
}

// Rotate turns the halves (a, b) of a head x [E] at a position into
// scale·(a·cos - b·sin, b·cos + a·sin), the pairing of Hugging Face's checkpoints.
func (r *Rotary) Rotate(x []float32, position int, scale float32) {
	half := len(r.frequency)
	cos, sin := r.cos[position*half:(position+1)*half], r.sin[position*half:(position+1)*half]
	rotate(x[:half], x[half:2*half], cos, sin, scale)
}

func rotateScalar(a, b, cos, sin []float32, scale float32) {
	for i, u := range a {
		v := b[i]
		a[i] = (u*cos[i] - v*sin[i]) * scale
		b[i] = (v*cos[i] + u*sin[i]) * scale
	}
}
