package triton

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Elem is what a tensor is made of.
type Elem string

// The elements that kernels have.
const (
	F32  Elem = "f32"
	BF16 Elem = "bf16"
	I64  Elem = "i64"
	I32  Elem = "i32"
	I1   Elem = "i1"
)

var elems = []Elem{F32, BF16, I64, I32, I1}

func (e Elem) float() bool { return e == F32 || e == BF16 }

// Type is that of a value: a number, a pointer to numbers, or a tensor of either, which is
// row-major and whose axes are powers of two.
type Type struct {
	Elem    Elem
	Pointer bool
	Dims    []int // none: one number or pointer
}

// String is the type in Triton's IR.
func (t Type) String() string {
	elem := string(t.Elem)
	if t.Pointer {
		elem = "!tt.ptr<" + elem + ">"
	}
	if len(t.Dims) == 0 {
		return elem
	}
	var b strings.Builder
	for _, d := range t.Dims {
		b.WriteString(strconv.Itoa(d) + "x")
	}
	return "tensor<" + b.String() + elem + ">"
}

// Size is the number of elements.
func (t Type) Size() int {
	n := 1
	for _, d := range t.Dims {
		n *= d
	}
	return n
}

func (t Type) equal(u Type) bool {
	return t.Elem == u.Elem && t.Pointer == u.Pointer && slices.Equal(t.Dims, u.Dims)
}

// with returns the type with other elements.
func (t Type) with(e Elem) Type { return Type{Elem: e, Dims: t.Dims} }

// largestTensor is the most elements of a tensor in Triton.
const largestTensor = 1 << 20

// valid tells whether Triton has tensors of the type.
func (t Type) valid() error {
	n := 1
	for _, d := range t.Dims {
		if d < 1 || d&(d-1) != 0 || d > largestTensor {
			return fmt.Errorf("%v has an axis of %d elements, expected a power of two up to %d", t, d, largestTensor)
		}
		if n *= d; n > largestTensor {
			return fmt.Errorf("%v has more than %d elements", t, largestTensor)
		}
	}
	return nil
}
