package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// DType is the type of a stored tensor's elements, little endian.
type DType int

// The types that a model, or a trainer's checkpoint of its optimiser, may hold.
const (
	F32 DType = iota
	BF16
	F16
	U8 // codes of an optimiser's moments, never of a model
	// The others are only known by name and size: a file that has them beside the model's
	// weights can be read.
)

var dtypeNames = [...]string{
	"F32", "BF16", "F16", "U8", "BOOL", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ",
	"I16", "U16", "I32", "U32", "F64", "I64", "U64", "C64", "F4", "F6_E2M3", "F6_E3M2",
}

var dtypeBits = [len(dtypeNames)]int{
	32, 16, 16, 8, 8, 8, 8, 8, 8, 8, 8,
	16, 16, 32, 32, 64, 64, 64, 64, 4, 6, 6,
}

// String returns the name that safetensors uses.
func (d DType) String() string { return dtypeNames[d] }

// Size returns the number of bytes of an element of the four types.
func (d DType) Size() int { return dtypeBits[d] / 8 }

// isFloat reports whether a model's weights may be of the type.
func (d DType) isFloat() bool { return d == F32 || d == BF16 || d == F16 }

// isReal reports whether elements are numbers with a fraction, as everything that is learned
// has; masks and tables of positions are integers or truth values.
func (d DType) isReal() bool {
	return strings.HasPrefix(d.String(), "F") || d == BF16
}

// torchName returns the name that config.json uses.
func (d DType) torchName() string {
	return [...]string{F32: "float32", BF16: "bfloat16", F16: "float16"}[d]
}

func parseDType(name string) (DType, error) {
	for d, known := range dtypeNames {
		if name == known {
			return DType(d), nil
		}
	}
	return 0, fmt.Errorf("dtype %q is unknown", name)
}

// Tensor is a stored tensor. Data may be a view of a mapped file that is valid
// until the file is closed.
type Tensor struct {
	Name  string
	DType DType
	Shape []int
	Data  []byte
}

// Len returns the number of elements.
func (t Tensor) Len() int { return elements(t.Shape) }

// Forget lets the system take back the memory of a mapped tensor that was copied
// elsewhere; it is read from the file again when it is needed again. It may only be
// called on a tensor of a Folder.
func (t Tensor) Forget() {
	page := uintptr(os.Getpagesize())
	start := uintptr(unsafe.Pointer(unsafe.SliceData(t.Data)))
	skip := int((page - start%page) % page)
	if whole := (len(t.Data) - skip) / int(page) * int(page); whole > 0 {
		_ = unix.Madvise(t.Data[skip:skip+whole], unix.MADV_DONTNEED) // advice: nothing depends on it
	}
}

// Float32s widens the elements into dst, which must have Len elements. Every
// value of the four types is exact in float32.
func (t Tensor) Float32s(dst []float32) {
	switch t.DType {
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(t.Data[2*i:])) << 16)
		}
	case F16:
		for i := range dst {
			dst[i] = halfToFloat(binary.LittleEndian.Uint16(t.Data[2*i:]))
		}
	case U8:
		for i := range dst {
			dst[i] = float32(t.Data[i])
		}
	}
}

// Float32Tensor makes a tensor of values.
func Float32Tensor(name string, shape []int, values []float32) Tensor {
	data := make([]byte, 4*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(v))
	}
	return Tensor{Name: name, DType: F32, Shape: shape, Data: data}
}

// As returns the tensor in another dtype of floats, rounded to nearest with ties to
// even.
func (t Tensor) As(dtype DType) Tensor {
	if t.DType == dtype {
		return t
	}
	values := make([]float32, t.Len())
	t.Float32s(values)
	if dtype == F32 {
		return Float32Tensor(t.Name, t.Shape, values)
	}
	narrow := floatToBFloat
	if dtype == F16 {
		narrow = floatToHalf
	}
	data := make([]byte, 2*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint16(data[2*i:], narrow(v))
	}
	return Tensor{Name: t.Name, DType: dtype, Shape: t.Shape, Data: data}
}

func floatToBFloat(v float32) uint16 {
	b := math.Float32bits(v)
	if v != v {
		return uint16(b>>16) | 0x40 // keep it a NaN whatever bits are cut
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

func halfToFloat(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exponent, fraction := uint32(h>>10)&0x1f, uint32(h)&0x3ff
	switch exponent {
	case 0: // zero or subnormal: fraction · 2^-24
		v := float32(fraction) / (1 << 24)
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}

func floatToHalf(v float32) uint16 {
	b := math.Float32bits(v)
	sign := uint16(b >> 16 & 0x8000)
	switch abs := b & 0x7fffffff; {
	case abs > 0x7f800000:
		return sign | 0x7e00
	case abs >= 0x477ff000: // 65520 and above round to infinity
		return sign | 0x7c00
	case abs < 0x38800000: // below 2^-14: subnormal, in units of 2^-24
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(abs))*(1<<24)))
	default:
		rounded := abs + 0xfff + abs>>13&1
		return sign | uint16(rounded>>13-112<<10)
	}
}
