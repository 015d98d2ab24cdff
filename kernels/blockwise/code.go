package blockwise

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Code names the values that the numbers of a block are rounded to.
type Code string

// The codes. NF4 has the 16 values that are equally likely between neighbours where weights are
// distributed normally (Dettmers et al., "QLoRA", 2023). Int8 has k/127 for whole k from -127 to
// 127: of weights distributed normally it leaves 0.6 of the error that the dynamic code of optimiser
// states does, most of whose values lie near zero.
const (
	None Code = "none"
	NF4  Code = "nf4"
	Int8 Code = "int8"
)

// Codes lists the codes by their names in settings.
func Codes() []string { return []string{string(None), string(NF4), string(Int8)} }

// Validate refuses a name that is no code's. Empty is none.
func (c Code) Validate() error {
	if c == "" || slices.Contains(Codes(), string(c)) {
		return nil
	}
	return fmt.Errorf("unknown code %q: expected one of %s", c, strings.Join(Codes(), ", "))
}

// finder finds which of a code's values a number from -1 to 1 is rounded to, as bitsandbytes does for codes of
// 8 bits: it has the nearest value of each of 65536 numbers that are equally far apart, and takes that of
// the nearest of these.
type finder [1 << 16]uint8

// steps is how many times the distance of two of a finder's numbers goes into 1.
const steps = float32(1<<16-1) / 2

// newFinder makes the finder of ascending values, of which the lower one counts where two are equally near.
func newFinder(values []float32) *finder {
	f, i := &finder{}, 0
	for bin := range f {
		x := float64(bin)/float64(steps) - 1
		for i+1 < len(values) && float64(values[i+1])-x < x-float64(values[i]) {
			i++
		}
		f[bin] = uint8(i)
	}
	return f
}

// find returns the index of the value for x.
func (f *finder) find(x float32) uint8 {
	bin := int(float32(float32(x+1)*steps) + 0.5)
	return f[min(max(bin, 0), len(f)-1)]
}

// NF4Values are the values of NF4, ascending.
var NF4Values = [16]float32{
	-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
	-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0,
	0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
	0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
}

// nf4Bins divide the numbers from -1 to 1; a bin is narrower than any two values of NF4 are apart.
const nf4Bins = 2048

// nf4Ends has for each value of NF4 the largest number that is rounded to it: up to the middle between it
// and the next, rounded to float32.
var nf4Ends = func() (ends [16]float32) {
	for i := range 15 {
		ends[i] = (NF4Values[i] + NF4Values[i+1]) / 2
	}
	ends[15] = 2
	return ends
}()

// nf4From has for each bin the value of its lower end, a little below which rounding may count
// to the bin, too.
var nf4From = func() (from [nf4Bins + 1]uint8) {
	for bin := range from {
		for float32(bin)*2/nf4Bins-1-1e-6 > nf4Ends[from[bin]] {
			from[bin]++
		}
	}
	return from
}()

// nearestNF4 returns the index of the value of NF4 that x is rounded to, which is from -1 to 1 or a rounding
// beyond, without a branch that is hard to predict.
func nearestNF4(x float32) uint8 {
	i := nf4From[int32((x+1)*(nf4Bins/2))] & 15
	above := uint8(0)
	if x > nf4Ends[i] {
		above = 1
	}
	return i + above
}

// DynamicValues are those of the dynamic code of 8 bits (Dettmers et al., "8-bit Optimizers via
// Block-wise Quantization", 2022), ascending, as create_dynamic_map computes them in float32.
var DynamicValues = dynamicValues()

func dynamicValues() (values [256]float32) {
	all := []float32{0, 1}
	for decade := range 7 {
		bounds := linspace(0.1, 1, 1<<decade+1)
		for k, low := range bounds[:len(bounds)-1] {
			middle := (low + bounds[k+1]) / 2
			value := float32(math.Pow10(decade-6)) * middle
			all = append(all, value, -value)
		}
	}
	slices.Sort(all)
	copy(values[:], all)
	return values
}

// linspace returns n numbers from first to last as torch.linspace rounds them: from either end
// to the middle, product and sum at once.
func linspace(first, last float32, n int) []float32 {
	numbers := make([]float32, n)
	step := (last - first) / float32(n-1)
	for i := range numbers {
		if i < n/2 {
			numbers[i] = float32(float64(first) + float64(step)*float64(i))
		} else {
			numbers[i] = float32(float64(last) - float64(step)*float64(n-1-i))
		}
	}
	return numbers
}

// dynamicFinder and linearFinder are those of DynamicValues and of the values of Int8.
var (
	dynamicFinder = newFinder(DynamicValues[:])
	linearFinder  = newFinder(linspace(-1, 1, 2*most+1))
)

const (
	most    = 127
	nf4Zero = 7 // the index of 0
	// Zero is the byte of an int8 block's zero.
	Zero = 128
	// Part is the distance between neighbouring values of Int8.
	Part = float32(1.0 / most)
)
