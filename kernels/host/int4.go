package host

import "math"

// Int4Matrix quantises a matrix to 4 bits in spans: each has a scale for each output, the one of a few
// that fits best (see fitSpan). Activations meet it as 8 bits in spans of 32. It fails when there is no memory.
func Int4Matrix(t *Team, memory *Memory, s Source) (Matrix, error) {
	return spansMatrix(formatInt4, t, memory, s, func(to stripSpan, lane int, values *[spanIn]float32) {
		bits, up := fitSpan(values)
		to.setScale(lane, bits)
		var codes [spanIn / 2]uint8
		encodeSpan(&codes, values, up)
		for c := range spanIn / 8 {
			copy(to[64*c+4*lane:], codes[4*c:4*c+4])
		}
	})
}

// Int4Bytes returns the size of an int4 matrix [out, in].
func Int4Bytes(out, in int) int { return formatInt4.spansBytes(out, in) }

// notANumber is a bfloat16.
const notANumber = 0x7fc0

// nearest4 returns v·up rounded to a level, -8 to 7.
func nearest4(v, up float32) float32 {
	q := float32(v*up) + roundingShift - roundingShift
	return max(-8, min(7, q))
}

// roundingShift rounds what it is added to, for float32 above it are integers.
const roundingShift = 3 << 22

// fitSpan returns a scale as bfloat16 bits, and its inverse.
func fitSpan(values *[spanIn]float32) (bits uint16, up float32) {
	most, high := extremes(values)
	if high > -most {
		most = high
	}
	if abs(most) < smallestSpan {
		for _, v := range values {
			if math.IsNaN(float64(v)) { // vectors may pass over it
				return notANumber, 0
			}
		}
		return 0, 0
	}
	best := float32(-1)
	bits = notANumber // stays where a value is infinite or not a number
	for _, levels := range [...]float32{-8, -9, -7, -8.5, -6.5} {
		// The level of the largest is about levels: of the levels that this gives, a sum of
		// products over a sum of squares is the scale that fits best.
		product, square := project(values, levels/most)
		if gain := product * product / square; gain > best {
			best, bits = gain, bfloat16Bits(product/square)
		}
	}
	return bits, 1 / math.Float32frombits(uint32(bits)<<16)
}

// extremesScalar returns the least and the largest value.
func extremesScalar(values *[spanIn]float32) (low, high float32) {
	low, high = values[0], values[0]
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	return low, high
}

// projectScalar returns the sums of v·q and of q·q, q being the level of v·up.
func projectScalar(values *[spanIn]float32, up float32) (product, square float32) {
	var products, squares [8]float32
	for i, v := range values {
		q := nearest4(v, up)
		products[i%8] += float32(v * q)
		squares[i%8] += float32(q * q)
	}
	return sumLanes(&products), sumLanes(&squares)
}

// encodeSpanScalar sets byte 4c + j to the codes of values 8c + j and 8c + 4 + j.
func encodeSpanScalar(codes *[spanIn / 2]uint8, values *[spanIn]float32, up float32) {
	for i := range codes {
		at := i/4*8 + i%4
		codes[i] = uint8(nearest4(values[at], up)+8) | uint8(nearest4(values[at+4], up)+8)<<4
	}
}

func abs(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ (1 << 31)) }
