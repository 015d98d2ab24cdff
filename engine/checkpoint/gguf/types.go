package gguf

import (
	"fmt"
	"strings"
)

// Type is how a tensor's elements are stored, by its number in the file.
type Type uint32

// The types that can be decoded. A K-type has blocks of 256 elements, the others that are quantised of 32.
const (
	F32  Type = 0
	F16  Type = 1
	Q4_0 Type = 2
	Q4_1 Type = 3
	Q5_0 Type = 6
	Q5_1 Type = 7
	Q8_0 Type = 8
	Q2_K Type = 10
	Q3_K Type = 11
	Q4_K Type = 12
	Q5_K Type = 13
	Q6_K Type = 14
	BF16 Type = 30
)

// storage describes a type: its name, the elements of a block and the bytes that they take, and what
// decodes a block, nil for a type that is only known.
type storage struct {
	name        string
	block, size int
	decode      func(dst []float32, block []byte)
}

// types are the types of ggml that are in use; see GGML_QUANT_SIZES of the gguf package.
var types = map[Type]storage{
	F32: {"F32", 1, 4, decodeF32}, F16: {"F16", 1, 2, decodeF16}, BF16: {"BF16", 1, 2, decodeBF16},
	Q4_0: {"Q4_0", 32, 18, decodeQ4_0}, Q4_1: {"Q4_1", 32, 20, decodeQ4_1},
	Q5_0: {"Q5_0", 32, 22, decodeQ5_0}, Q5_1: {"Q5_1", 32, 24, decodeQ5_1},
	Q8_0: {"Q8_0", 32, 34, decodeQ8_0},
	Q2_K: {"Q2_K", 256, 84, decodeQ2_K}, Q3_K: {"Q3_K", 256, 110, decodeQ3_K},
	Q4_K: {"Q4_K", 256, 144, decodeQ4_K}, Q5_K: {"Q5_K", 256, 176, decodeQ5_K},
	Q6_K: {"Q6_K", 256, 210, decodeQ6_K},

	9: {"Q8_1", 32, 40, nil}, 15: {"Q8_K", 256, 292, nil},
	16: {"IQ2_XXS", 256, 66, nil}, 17: {"IQ2_XS", 256, 74, nil}, 18: {"IQ3_XXS", 256, 98, nil},
	19: {"IQ1_S", 256, 50, nil}, 20: {"IQ4_NL", 32, 18, nil}, 21: {"IQ3_S", 256, 110, nil},
	22: {"IQ2_S", 256, 82, nil}, 23: {"IQ4_XS", 256, 136, nil}, 29: {"IQ1_M", 256, 56, nil},
	24: {"I8", 1, 1, nil}, 25: {"I16", 1, 2, nil}, 26: {"I32", 1, 4, nil}, 27: {"I64", 1, 8, nil},
	28: {"F64", 1, 8, nil}, 34: {"TQ1_0", 256, 54, nil}, 35: {"TQ2_0", 256, 66, nil},
	39: {"MXFP4", 32, 17, nil}, 40: {"NVFP4", 64, 36, nil}, 41: {"Q1_0", 128, 18, nil},
}

// String returns ggml's name of the type.
func (t Type) String() string {
	if s, ok := types[t]; ok {
		return s.name
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// Bytes returns the size of a tensor whose elements, fewer than 2^63, have been multiplied without overflow.
func (t Type) Bytes(shape []int) (uint64, error) {
	s, ok := types[t]
	if !ok {
		return 0, fmt.Errorf("its type has the number %d, which is unknown", uint32(t))
	}
	n, row := uint64(1), 1
	for _, d := range shape {
		n *= uint64(d)
		row = d
	}
	if row%s.block != 0 {
		return 0, fmt.Errorf("rows of %d elements are no whole blocks of %d, which %s has", row, s.block, s.name)
	}
	blocks := n / uint64(s.block)
	if blocks > 1<<62/uint64(s.size) {
		return 0, fmt.Errorf("shape %v is not possible", shape)
	}
	return blocks * uint64(s.size), nil
}

// Check returns an error for a type that cannot be decoded.
func (t Type) Check() error {
	if types[t].decode != nil {
		return nil
	}
	return fmt.Errorf("%s is not supported: expected %s: take a file of another quantisation, such as Q4_K_M "+
		"or Q8_0", t, strings.Join(decodable(), ", "))
}

// decodable lists the names of the types that can be decoded, in the order of their numbers.
func decodable() (names []string) {
	for t := range BF16 + 1 {
		if s := types[t]; s.decode != nil {
			names = append(names, s.name)
		}
	}
	return names
}

// RowBytes returns the size of a row of elements, a whole number of blocks.
func (t Type) RowBytes(elements int) int {
	s := types[t]
	return elements / s.block * s.size
}

// Decode widens the elements of a tensor, or of whole rows of it, into dst, which has as many numbers.
func (t Type) Decode(dst []float32, data []byte) {
	s := types[t]
	for len(dst) > 0 {
		s.decode(dst[:s.block], data[:s.size])
		dst, data = dst[s.block:], data[s.size:]
	}
}
