package host

import "math"

// W8A8Matrix quantises a matrix to 8 bits in spans: each has a scale for each output, the largest magnitude
// over 127, as llama.cpp's Q8_0 has. Activations meet it as 8 bits in spans of 32, and so a machine with VNNI
// multiplies twice as many at once as beside Int8Matrix. It fails when there is no memory.
func W8A8Matrix(t *Team, memory *Memory, s Source) (Matrix, error) {
	return spansMatrix(formatW8A8, t, memory, s, setSpan8)
}

// W8A8Bytes returns the size of such a matrix [out, in].
func W8A8Bytes(out, in int) int { return formatW8A8.spansBytes(out, in) }

// setSpan8 quantises a span of an output.
func setSpan8(to stripSpan, lane int, values *[spanIn]float32) {
	const zero = 128
	largest := uint32(0) // magnitude, of which the bits are in order
	for _, v := range values {
		largest = max(largest, math.Float32bits(v)&^(1<<31))
	}
	most := math.Float32frombits(largest)
	bits, up := uint16(0), float32(0)
	switch {
	case largest >= math.Float32bits(float32(math.Inf(1))):
		bits = notANumber
	case most >= smallestSpan:
		bits = bfloat16Bits(most / 127)
		up = 1 / math.Float32frombits(uint32(bits)<<16)
	}
	to.setScale(lane, bits)
	for c := range spanIn / 4 {
		codes := to[64*c+4*lane:][:4]
		for j := range codes {
			q := int32(0)
			if up > 0 { // a scale that was rounded down may have made it more than 127
				shifted := float32(values[4*c+j]*up) + roundingShift
				q = max(-127, min(127, int32(math.Float32bits(shifted))-roundingBits))
			}
			codes[j] = uint8(zero + q)
		}
	}
}

// roundingBits are those of roundingShift: those of an integer added to it are so many more.
const roundingBits = 0x4b400000
