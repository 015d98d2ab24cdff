package blockwise

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"unsafe"
)

const (
	// Block is the length of a block.
	Block = 64
	// Group is how many blocks' largest magnitudes are quantised together.
	Group = 256
)

// Format says how a tensor is held. The zero value is not block-wise at all.
type Format struct {
	Code Code
	// Double quantises the blocks' magnitudes, too: less their mean, by the dynamic code of 8
	// bits in groups of Group.
	Double bool
}

// Quantises reports whether the format is block-wise.
func (f Format) Quantises() bool { return f.Code == NF4 || f.Code == Int8 }

// Blocks returns the number of blocks that n numbers make.
func (f Format) Blocks(n int) int { return (n + Block - 1) / Block }

// Groups returns the number of groups of blocks that n numbers make.
func (f Format) Groups(n int) int { return (f.Blocks(n) + Group - 1) / Group }

// BlockBytes returns the number of bytes that the codes of a block take.
func (f Format) BlockBytes() int {
	if f.Code == NF4 {
		return Block / 2
	}
	return Block
}

// Bytes returns the size of n numbers in memory.
func (f Format) Bytes(n int) int64 {
	codes := int64(f.Blocks(n) * f.BlockBytes())
	if f.Double {
		return codes + int64(f.Groups(n)*Group) + 4*int64(f.Groups(n)+1)
	}
	return codes + 4*int64(f.Blocks(n))
}

// String names the format.
func (f Format) String() string {
	if f.Double && f.Quantises() {
		return string(f.Code) + ", double quantisation"
	}
	return string(f.Code)
}

// Tensor is N numbers in a format. Codes and AbsmaxCodes end with whole blocks and groups.
type Tensor struct {
	Format
	N int
	// Rounded is that numbers are rounded to bfloat16 as they are decoded.
	Rounded bool
	// Codes has, for NF4, two numbers a byte, the earlier in the upper half; for Int8 a byte
	// for each number, Zero + k.
	Codes []byte
	// Absmax is the largest magnitude of each block or, with Double, that of each group of
	// blocks' magnitudes less their mean, and behind these the mean.
	Absmax []float32
	// AbsmaxCodes holds, with Double, the blocks' magnitudes as indices into DynamicValues.
	AbsmaxCodes []byte
}

// Quantize returns values in the format. One that is not finite is an error.
func (f Format) Quantize(values []float32) (*Tensor, error) {
	t := &Tensor{Format: f, N: len(values), Codes: make([]byte, f.Blocks(len(values))*f.BlockBytes())}
	absmax := make([]float32, f.Blocks(len(values)))
	share := (len(absmax) + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0)
	const least = 256 // blocks that are worth a goroutine
	share = max(share, least)
	var wait sync.WaitGroup
	for first := 0; first < len(absmax); first += share {
		wait.Go(func() {
			for b := first; b < min(first+share, len(absmax)); b++ {
				absmax[b] = t.encode(b, values[b*Block:min((b+1)*Block, len(values))])
			}
		})
	}
	wait.Wait()
	for b, m := range absmax {
		if m < 0 {
			for i, v := range values[b*Block:] {
				if !finite(v) {
					return nil, fmt.Errorf("number %d is %g, and only finite ones can be quantised", b*Block+i, v)
				}
			}
		}
	}
	if t.Absmax = absmax; f.Double {
		t.double(absmax)
		for _, m := range t.Absmax {
			if !finite(m) {
				return nil, fmt.Errorf("numbers up to %g are too large for double quantisation", slices.Max(absmax))
			}
		}
	}
	return t, nil
}

func finite(v float32) bool { return v-v == 0 }

// distance returns |x - y|.
func distance(x, y float32) float32 { return math.Float32frombits(math.Float32bits(x-y) &^ (1 << 31)) }

// leastAbsmax is the least that numbers are divided by.
const leastAbsmax = 1e-38

// encode sets the codes of block b and returns its largest magnitude, or -1 where a number of
// it is not finite.
func (t *Tensor) encode(b int, values []float32) (absmax float32) {
	largest := uint32(0) // as bits, which are ordered as the magnitudes
	for _, v := range values {
		largest = max(largest, math.Float32bits(v)&^(1<<31))
	}
	if absmax = math.Float32frombits(largest); !finite(absmax) {
		return -1
	}
	codes := t.Codes[b*t.BlockBytes():]
	if t.Code == Int8 {
		inverse := 1 / absmax
		for i, v := range values {
			switch x := v * inverse; {
			case absmax == 0:
				codes[i] = Zero - most
			case finite(inverse):
				codes[i] = Zero - most + linearFinder.find(x)
			default:
				codes[i] = Zero - most + linearFinder.find(v/absmax)
			}
		}
		return absmax
	}
	if len(values)%2 == 1 {
		codes[len(values)/2] = nf4Zero
	}
	divisor := max(absmax, leastAbsmax)
	if len(values) < Block { // bitsandbytes divides the numbers of the last block
		for i, v := range values {
			codes[i/2] |= nearestNF4(v/divisor) << (4 - 4*(i%2))
		}
		return divisor
	}
	inverse, pairs := 1/divisor, (*[Block / 2][2]float32)(unsafe.Pointer(&values[0]))
	for i, pair := range pairs {
		codes[i] = nearestNF4(pair[0]*inverse)<<4 | nearestNF4(pair[1]*inverse)
	}
	return absmax
}

// double quantises the blocks' magnitudes.
func (t *Tensor) double(absmax []float32) {
	mean := meanOf(absmax)
	groups := t.Groups(t.N)
	t.AbsmaxCodes, t.Absmax = make([]byte, groups*Group), make([]float32, groups+1)
	t.Absmax[groups] = mean
	for g := range groups {
		group := absmax[g*Group : min((g+1)*Group, len(absmax))]
		most := float32(0)
		for _, m := range group {
			most = max(most, distance(m, mean))
		}
		t.Absmax[g] = most
		if most == 0 {
			continue
		}
		inverse := 1 / most
		for i, m := range group {
			t.AbsmaxCodes[g*Group+i] = dynamicFinder.find(float32(m-mean) * inverse)
		}
	}
}

// BlockAbsmax returns the largest magnitude of block b as decoding takes it.
func (t *Tensor) BlockAbsmax(b int) float32 {
	if !t.Double {
		return t.Absmax[b]
	}
	return float32(DynamicValues[t.AbsmaxCodes[b]]*t.Absmax[b/Group]) + t.Absmax[len(t.Absmax)-1]
}

// Decode writes the numbers from index first on to dst.
func (t *Tensor) Decode(dst []float32, first int) {
	round := func(v float32) float32 { return v }
	if t.Rounded {
		round = func(v float32) float32 { return math.Float32frombits(uint32(bfloat16(v)) << 16) }
	}
	t.blocks(len(dst), first, func(at, b, from, to int) {
		codes, absmax := t.block(b)
		if to-from < Block || !t.decodeWhole((*[Block]float32)(dst[at:]), codes, absmax) {
			decode(dst[at:at+to-from], t.Code, codes, absmax, from, round)
		}
	})
}

// DecodeBFloat16 writes the numbers from index first on to dst, rounded to bfloat16.
func (t *Tensor) DecodeBFloat16(dst []uint16, first int) {
	t.blocks(len(dst), first, func(at, b, from, to int) {
		codes, absmax := t.block(b)
		if to-from < Block || !t.decodeWholeBFloat16((*[Block]uint16)(dst[at:]), codes, absmax) {
			decode(dst[at:at+to-from], t.Code, codes, absmax, from, bfloat16)
		}
	})
}

// blocks calls do for each block of n numbers from index first on: at is the first of them in
// the block, which are numbers from to to-1 of block b.
func (t *Tensor) blocks(n, first int, do func(at, b, from, to int)) {
	for at := 0; at < n; {
		b, from := (first+at)/Block, (first+at)%Block
		to := min(Block, from+n-at)
		do(at, b, from, to)
		at += to - from
	}
}

// block returns the codes of block b and its largest magnitude.
func (t *Tensor) block(b int) (codes []byte, absmax float32) {
	return t.Codes[b*t.BlockBytes() : (b+1)*t.BlockBytes()], t.BlockAbsmax(b)
}

// decode writes the numbers of a block from the one numbered from on to dst, each as round
// makes it.
func decode[T any](dst []T, code Code, codes []byte, absmax float32, from int, round func(float32) T) {
	if code == Int8 {
		absmax *= Part
		for i := range dst {
			dst[i] = round(float32(int(codes[from+i])-Zero) * absmax)
		}
		return
	}
	var values [16]T
	for i, v := range NF4Values {
		values[i] = round(v * absmax)
	}
	if from%2 == 1 {
		dst[0] = values[codes[from/2]&15]
		dst, from = dst[1:], from+1
	}
	codes = codes[from/2:]
	for i := range len(dst) / 2 {
		pair := codes[i]
		dst[2*i], dst[2*i+1] = values[pair>>4], values[pair&15]
	}
	if last := len(dst) - 1; last%2 == 0 {
		dst[last] = values[codes[last/2]>>4]
	}
}

// bfloat16 returns the bits of v rounded to bfloat16, ties to even.
func bfloat16(v float32) uint16 {
	bits := math.Float32bits(v)
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}
