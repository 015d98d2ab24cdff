package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/stele-lm/stele/internal/float16"
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

// Coded is the type of tensors whose elements are not stored one by one: quantised ones, and those whose rows
// lie in another order. Tensor.Row has their values.
const Coded DType = -1

var dtypeNames = [...]string{
	"F32", "BF16", "F16", "U8", "BOOL", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ",
	"I16", "U16", "I32", "U32", "F64", "I64", "U64", "C64", "F4", "F6_E2M3", "F6_E3M2",
}

var dtypeBits = [len(dtypeNames)]int{
	32, 16, 16, 8, 8, 8, 8, 8, 8, 8, 8,
	16, 16, 32, 32, 64, 64, 64, 64, 4, 6, 6,
}

// String returns the name that safetensors uses.
func (d DType) String() string {
	if d == Coded {
		return "coded"
	}
	return dtypeNames[d]
}

// Size returns the number of bytes of an element of the four types.
func (d DType) Size() int { return dtypeBits[d] / 8 }

// isFloat reports whether a model's weights may be of the type.
func (d DType) isFloat() bool { return d == F32 || d == BF16 || d == F16 || d == Coded }

// isReal reports whether elements are numbers with a fraction, as everything that is learned
// has; masks and tables of positions are integers or truth values.
func (d DType) isReal() bool {
	return strings.HasPrefix(d.String(), "F") || d == BF16 || d == Coded
}

// TorchName returns the name that config.json uses for F32, BF16 and F16.
func (d DType) TorchName() string {
	return [...]string{F32: "float32", BF16: "bfloat16", F16: "float16"}[d]
}

// ParseTorchName reads what TorchName returns.
func ParseTorchName(name string) (DType, bool) {
	for _, d := range []DType{F32, BF16, F16} {
		if d.TorchName() == name {
			return d, true
		}
	}
	return 0, false
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
	rows  func(dst []float32, row int) // of a Coded tensor: a row's values; Data are what they are made of
	order *DType                       // of a Coded tensor whose rows only lie in another order: their dtype
}

// plain returns the dtype of a tensor's numbers; it is Coded where they are stored as codes.
func (t Tensor) plain() DType {
	if t.order != nil {
		return *t.order
	}
	return t.DType
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

// Row widens the elements of a row, those with one first index, into dst, which has as many.
func (t Tensor) Row(dst []float32, row int) {
	if t.rows != nil {
		t.rows(dst, row)
		return
	}
	size := len(dst) * t.DType.Size()
	t.Data = t.Data[row*size : (row+1)*size]
	t.Float32s(dst)
}

// Float32s widens the elements into dst, which must have Len elements. Every
// value of the types is exact in float32.
func (t Tensor) Float32s(dst []float32) {
	switch t.DType {
	case Coded:
		width := len(dst) / max(1, t.Shape[0])
		for row := range t.Shape[0] {
			t.rows(dst[row*width:(row+1)*width], row)
		}
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = float16.FromBFloat(binary.LittleEndian.Uint16(t.Data[2*i:]))
		}
	case F16:
		for i := range dst {
			dst[i] = float16.FromHalf(binary.LittleEndian.Uint16(t.Data[2*i:]))
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
	narrow := float16.ToBFloat
	if dtype == F16 {
		narrow = float16.ToHalf
	}
	data := make([]byte, 2*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint16(data[2*i:], narrow(v))
	}
	return Tensor{Name: t.Name, DType: dtype, Shape: t.Shape, Data: data}
}
