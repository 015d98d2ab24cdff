package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/stele-lm/stele/internal/float16"
)

// coded finds the codes of a module's matrix [out, in] and makes the tensor that they are decoded to:
// (code - zero point) · scale, by the formulas of the libraries that write them, in float32.
type coded struct {
	*codes
	folder *Folder
	module string
	shape  []int
	used   []string // the tensors that are read, by their names in the folder
}

// find returns a tensor of the module whose type is one of some and which has a shape, nil for any; ok is false
// where it is not there.
func (m *coded) find(kind string, types []string, shape []int) (t Tensor, ok bool, err error) {
	name := m.module + kind
	at, ok := m.folder.where[name]
	if !ok {
		return t, false, nil
	}
	t = at.tensor()
	if !slices.Contains(types, t.DType.String()) {
		return t, true, fmt.Errorf("%s is %s, expected %s", name, t.DType, strings.Join(types, " or "))
	}
	if shape != nil && !slices.Equal(shape, t.Shape) {
		return t, true, fmt.Errorf("%s has shape %v, expected %v", name, t.Shape, shape)
	}
	m.used = append(m.used, name)
	return t, true, nil
}

// needed is find for a tensor that must be there.
func (m *coded) needed(kind string, types []string, shape []int) (Tensor, error) {
	t, ok, err := m.find(kind, types, shape)
	if err == nil && !ok {
		err = fmt.Errorf("there is no %s", m.module+kind)
	}
	return t, err
}

// Types of scales and of packed codes.
var (
	scaleTypes  = []string{"F32", "BF16", "F16"}
	packedTypes = []string{"I32", "U32"}
)

// tensor returns the decoded matrix, and where its codes are; no place for one that is not stored as codes.
func (m *coded) tensor() (t Tensor, at stored, err error) {
	kind := ".weight"
	switch m.method {
	case "gptq", "awq":
		kind = ".qweight"
	case "compressed-tensors":
		if _, packed := m.folder.where[m.module+".weight_packed"]; packed {
			kind = ".weight_packed"
		}
	}
	at, there := m.folder.where[m.module+kind]
	if !there || at.tensor().DType.isFloat() {
		return t, stored{}, nil
	}
	switch {
	case m.method == "gptq":
		t, err = m.gptq()
	case m.method == "awq":
		t, err = m.awq()
	case kind == ".weight_packed":
		t, err = m.packed()
	default:
		t, err = m.eight()
	}
	t.DType, t.Shape, t.Data = Coded, m.shape, at.tensor().Data
	return t, at, err
}

// element widens element i of a tensor of floats.
func (t Tensor) element(i int) float32 {
	switch t.DType {
	case F32:
		return math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
	case BF16:
		return float16.FromBFloat(binary.LittleEndian.Uint16(t.Data[2*i:]))
	}
	return float16.FromHalf(binary.LittleEndian.Uint16(t.Data[2*i:]))
}

// word returns element i of a tensor of packed codes.
func (t Tensor) word(i int) uint32 { return binary.LittleEndian.Uint32(t.Data[4*i:]) }

// rounded is a product as compressed-tensors has it, in the dtype of the scales.
func (t Tensor) rounded(v float32) float32 {
	switch t.DType {
	case BF16:
		return float16.FromBFloat(float16.ToBFloat(v))
	case F16:
		return float16.FromHalf(float16.ToHalf(v))
	}
	return v
}

// groups returns the group of each column where so many scales are for a row. order is the tensor of groups by
// column, where there is one.
func (m *coded) groups(count int, order Tensor, ordered bool) ([]int, error) {
	in := m.shape[1]
	out := make([]int, in)
	size := (in + count - 1) / count
	if m.group > 0 {
		size = m.group
	} else if in%count != 0 {
		return nil, fmt.Errorf("%d columns have %d scales a row: groups of equal size are expected", in, count)
	}
	for i := range in { // where there is no order compressed-tensors may write -1 for all columns
		ordered = ordered && order.word(i) != math.MaxUint32
	}
	for i := range out {
		out[i] = i / size
		if ordered {
			out[i] = int(order.word(i))
		}
		if out[i] < 0 || out[i] >= count {
			return nil, fmt.Errorf("column %d of %s is in group %d of %d", i, m.module, out[i], count)
		}
	}
	return out, nil
}

// over rounds a quotient up.
func over(a, b int) int { return (a + b - 1) / b }

// gptq: codes of 32/bits rows of in are packed into qweight [in·bits/32, out], zero points into qzeros [groups,
// out·bits/32], scales [groups, out]; g_idx [in] has the group of each column.
func (m *coded) gptq() (t Tensor, err error) {
	out, in, each := m.shape[0], m.shape[1], 32/m.bits
	if out%each != 0 || in%each != 0 {
		return t, fmt.Errorf("%v is no multiple of %d", m.shape, each)
	}
	weights, err := m.needed(".qweight", packedTypes, []int{in / each, out})
	if err != nil {
		return t, err
	}
	count := 1
	if m.group > 0 {
		count = over(in, m.group)
	}
	scales, err := m.needed(".scales", scaleTypes, []int{count, out})
	if err != nil {
		return t, err
	}
	zeros, err := m.needed(".qzeros", packedTypes, []int{count, out / each})
	if err != nil {
		return t, err
	}
	order, ordered, err := m.find(".g_idx", packedTypes, []int{in})
	if err != nil {
		return t, err
	}
	group, err := m.groups(count, order, ordered)
	if err != nil {
		return t, err
	}
	bits, mask, zero := m.bits, uint32(1)<<m.bits-1, m.zero
	t.rows = func(dst []float32, o int) {
		scale, offset := make([]float32, count), make([]int, count)
		for g := range count {
			scale[g] = scales.element(g*out + o)
			offset[g] = int(zeros.word(g*out/each+o/each)>>(o%each*bits)&mask) + zero
		}
		for i := range dst {
			code := int(weights.word(i/each*out+o) >> (i % each * bits) & mask)
			dst[i] = float32(code-offset[group[i]]) * scale[group[i]]
		}
	}
	return t, nil
}

// awqOrder is the place within a packed word of each of 8 columns.
var awqOrder = [8]int{0, 4, 1, 5, 2, 6, 3, 7}

// awq: codes of 8 rows of out, in awqOrder, are packed into qweight [in, out/8], zero points into qzeros
// [groups, out/8], scales [groups, out].
func (m *coded) awq() (t Tensor, err error) {
	out, in := m.shape[0], m.shape[1]
	if out%8 != 0 {
		return t, fmt.Errorf("%v is no multiple of 8", m.shape)
	}
	count := 1
	if m.group > 0 {
		count = over(in, m.group)
	}
	weights, err := m.needed(".qweight", packedTypes, []int{in, out / 8})
	if err != nil {
		return t, err
	}
	scales, err := m.needed(".scales", scaleTypes, []int{count, out})
	if err != nil {
		return t, err
	}
	zeros, err := m.needed(".qzeros", packedTypes, []int{count, out / 8})
	if err != nil {
		return t, err
	}
	group, err := m.groups(count, Tensor{}, false)
	if err != nil {
		return t, err
	}
	t.rows = func(dst []float32, o int) {
		shift := 4 * awqOrder[o%8]
		scale, offset := make([]float32, count), make([]int, count)
		for g := range count {
			scale[g] = scales.element(g*out + o)
			offset[g] = int(zeros.word(g*out/8+o/8) >> shift & 15)
		}
		for i := range dst {
			code := int(weights.word(i*out/8+o/8) >> shift & 15)
			dst[i] = float32(code-offset[group[i]]) * scale[group[i]]
		}
	}
	return t, nil
}

// packed: compressed-tensors' pack-quantized. Codes of 32/bits columns are packed into weight_packed [out,
// in·bits/32], each greater by half its range, weight_scale [out, groups], where they are not symmetric
// weight_zero_point [out·bits/32, groups], packed likewise; weight_g_idx [in] has the group of each column.
func (m *coded) packed() (t Tensor, err error) {
	out, in, each := m.shape[0], m.shape[1], 32/m.bits
	weights, err := m.needed(".weight_packed", packedTypes, []int{out, over(in, each)})
	if err != nil {
		return t, err
	}
	if shape, ok, err := m.find(".weight_shape", []string{"I64", "I32"}, []int{2}); err != nil {
		return t, err
	} else if ok {
		size := len(shape.Data) / 2
		if rows, cols := shape.word(0), shape.word(size/4); int(rows) != out || int(cols) != in {
			return t, fmt.Errorf("%s.weight_shape is [%d %d], expected %v", m.module, rows, cols, m.shape)
		}
	}
	scales, err := m.needed(".weight_scale", scaleTypes, nil)
	if err != nil {
		return t, err
	}
	count := scales.Len() / out
	if !slices.Equal(scales.Shape, []int{out, count}) && !slices.Equal(scales.Shape, []int{1}) || scales.Len() == 0 {
		return t, fmt.Errorf("%s.weight_scale has shape %v, expected [%d groups] or [1]", m.module, scales.Shape, out)
	}
	perRow := count
	count = max(1, count) // [1] is for all rows
	var zeros Tensor
	if !m.symmetric {
		if zeros, err = m.needed(".weight_zero_point", packedTypes, []int{over(out, each), count}); err != nil {
			return t, err
		}
	}
	order, ordered, err := m.find(".weight_g_idx", packedTypes, []int{in})
	if err != nil {
		return t, err
	}
	group, err := m.groups(count, order, ordered)
	if err != nil {
		return t, err
	}
	bits, mask, columns, asymmetric := m.bits, uint32(1)<<m.bits-1, weights.Shape[1], !m.symmetric
	t.rows = func(dst []float32, o int) {
		scale, offset := make([]float32, count), make([]int, count)
		for g := range count {
			scale[g] = scales.element(o*perRow + g)
			offset[g] = 1 << (bits - 1)
			if asymmetric { // both are greater by half the range
				offset[g] = int(zeros.word(o/each*count+g) >> (o % each * bits) & mask)
			}
		}
		for i := range dst {
			code := int(weights.word(o*columns+i/each) >> (i % each * bits) & mask)
			dst[i] = scales.rounded(float32(code-offset[group[i]]) * scale[group[i]])
		}
	}
	return t, nil
}

// eight: codes of 8 bits, FP8 or integers, lie as they are in weight [out, in]. Scales are one, one a row, or
// one a block of rows and columns; where integers are not symmetric, weight_zero_point has their shape.
func (m *coded) eight() (t Tensor, err error) {
	types, kind := []string{"F8_E4M3", "I8"}, ".weight_scale"
	if m.method == "fp8" {
		types, kind = types[:1], ".weight_scale_inv"
	}
	weights, err := m.needed(".weight", types, m.shape)
	if err != nil {
		return t, err
	}
	scales, err := m.needed(kind, scaleTypes, nil)
	if err != nil {
		return t, err
	}
	out, in := m.shape[0], m.shape[1]
	block, columns := m.block, 1
	switch s := scales.Shape; {
	case scales.Len() == 1:
		block = [2]int{out, in}
	case len(s) == 1 && s[0] == out:
		block = [2]int{1, in}
	case len(s) == 2 && s[0] > 0 && s[1] > 0:
		columns = s[1]
		if block[0] == 0 || s[0] == out && s[1] == 1 {
			block = [2]int{over(out, s[0]), over(in, columns)}
		}
		if over(out, block[0]) == s[0] && over(in, block[1]) == columns {
			break
		}
		fallthrough
	default:
		return t, fmt.Errorf("%s has shape %v, expected one scale for each block of %v in %v", m.module+kind,
			s, block, m.shape)
	}
	var zeros Tensor
	offset := false
	if weights.DType.String() == "I8" && !m.symmetric {
		if zeros, err = m.needed(".weight_zero_point", []string{"I8"}, scales.Shape); err != nil {
			return t, err
		}
		offset = true
	}
	isFloat, exact := weights.DType.String() != "I8", m.method == "fp8"
	t.rows = func(dst []float32, o int) {
		data := weights.Data[o*in : (o+1)*in]
		for i := range dst {
			at := o/block[0]*columns + i/block[1]
			code := float32(int8(data[i]))
			if isFloat {
				code = float8[data[i]]
			} else if offset {
				code -= float32(int8(zeros.Data[at]))
			}
			dst[i] = code * scales.element(at)
			if !exact {
				dst[i] = scales.rounded(dst[i])
			}
		}
	}
	return t, nil
}

// float8 has the values of F8_E4M3: a sign, 4 bits of an exponent less 7, 3 of a fraction; no infinities, and
// NaN where all bits but the sign are set.
var float8 = func() (values [256]float32) {
	for b := range values {
		exponent, fraction := b>>3&15, float64(b&7)/8
		v := math.Ldexp(1+fraction, exponent-7)
		switch {
		case b&127 == 127:
			v = math.NaN()
		case exponent == 0:
			v = math.Ldexp(fraction, -6)
		}
		if b >= 128 {
			v = math.Copysign(v, -1)
		}
		values[b] = float32(v)
	}
	return values
}()
