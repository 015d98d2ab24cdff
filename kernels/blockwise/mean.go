package blockwise

import "math/bits"

// meanOf returns the mean of x as torch computes it on one thread of an x86 processor, whose order of
// additions decides the last bit: four vectors of eight sums, each in four levels that are
// emptied into each other.
func meanOf(x []float32) float32 {
	const lanes, rows = 8, 4
	vectors := len(x) / lanes
	var sums [rows][lanes]float32
	if vectors > 0 {
		sums = cascade(x, vectors/rows)
	}
	for v := vectors / rows * rows; v < vectors; v++ {
		for l := range lanes {
			sums[0][l] += x[v*lanes+l]
		}
	}
	for row := 1; row < rows; row++ {
		for l := range lanes {
			sums[0][l] += sums[row][l]
		}
	}
	total := float32(0)
	for _, v := range x[vectors*lanes:] {
		total += v
	}
	for _, s := range sums[0] {
		total += s
	}
	return total / float32(len(x))
}

// cascade adds up n steps of 4 × 8 numbers, position by position: 2^power steps make a sum of
// the first level, as many of these one of the second, and so on.
func cascade(x []float32, n int) (sums [4][8]float32) {
	const levels = 4
	var level [levels][4][8]float32
	add := func(to, from *[4][8]float32) {
		for row := range to {
			for l := range to[row] {
				to[row][l] += from[row][l]
			}
		}
	}
	load := func(i int) {
		for row := range 4 {
			for l := range 8 {
				level[0][row][l] += x[(4*i+row)*8+l]
			}
		}
	}
	power := 4
	if n > 1 {
		power = max(power, bits.Len(uint(n-1))/levels)
	}
	step := 1 << power
	i := 0
	for i+step <= n {
		for range step {
			load(i)
			i++
		}
		for j := 1; j < levels; j++ {
			add(&level[j], &level[j-1])
			level[j-1] = [4][8]float32{}
			if i&((step-1)<<(j*power)) != 0 {
				break
			}
		}
	}
	for ; i < n; i++ {
		load(i)
	}
	for j := 1; j < levels; j++ {
		add(&level[0], &level[j])
	}
	return level[0]
}
