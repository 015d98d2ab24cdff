package cudnn

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// Call is a call of cuDNN's attention: of B rows of T queries with H heads over as many rows of S keys and
// values with K heads, each E numbers wide, all bfloat16. The operands are queries [B, T, H, E], keys and
// values [B, S, K, E]; for the gradient then logarithms of sums and the gradient of the result; where Biased what is
// added to scores [B, 1, T, S], bfloat16; for the gradient the result (see Gradient); and where Counted the
// numbers of queries and of keys of each row [B], int32.
type Call struct {
	B, T, S, H, K, E        int
	Causal, Biased, Counted bool // Causal is that query i of a row sees its keys up to i
}

// Scale is what scores are multiplied with.
func (c Call) Scale() float64 { return 1 / math.Sqrt(float64(c.E)) }

// Targets name the custom calls, without and with a bias: attention, whose results are [B, H, T, E], laid out as
// [B, T, H, E], and the logarithms of the sums of each query's exponentials [B, H, T], float32; and the gradient,
// whose results are those of queries, keys and values [B, H or K, T or S, E], laid out with the heads third. Both
// have one more result, bytes that cuDNN works with.
var Targets = [2][2]string{
	{"__cudnn$fmhaSoftmax", "__cudnn$fmhaSoftmaxBackward"},
	{"__cudnn$fmhaScaleBiasSoftmax", "__cudnn$fmhaScaleBiasSoftmaxBackward"},
}

// Target returns that of the call, or of its gradient.
func (c Call) Target(gradient bool) string {
	biased, which := 0, 0
	if c.Biased {
		biased = 1
	}
	if gradient {
		which = 1
	}
	return Targets[biased][which]
}

// Fits reports whether cuDNN computes heads of these numbers and this width on all GPUs from LeastCapability
// on.
func Fits(H, K, E int) bool { return K > 0 && H%K == 0 && E%8 == 0 && E > 0 && E <= WidestHead }

const (
	// WidestHead is the widest that a head may be.
	WidestHead = 128
	// LeastCapability is the least compute capability of a GPU.
	LeastCapability = 8.0
)

// Hidden is a bias that leaves nothing of a score. Numbers that are closer to the least of bfloat16 cuDNN subtracts
// from each other wrongly.
const Hidden = -1 << 41

// dots are the axes of a product: those contracted and those of its batch, of the left side and of the right.
type dots struct {
	Left       []string `json:"lhs_contracting_dimensions"`
	Right      []string `json:"rhs_contracting_dimensions"`
	LeftBatch  []string `json:"lhs_batch_dimensions"`
	RightBatch []string `json:"rhs_batch_dimensions"`
}

// product names the axes of a product of tensors of rank 4. Scores [B, H, T, S] have heads second, all others
// third.
func product(left, right, leftHeads, rightHeads int) dots {
	text := func(axes ...int) (all []string) {
		for _, axis := range axes {
			all = append(all, strconv.Itoa(axis))
		}
		return all
	}
	return dots{text(left), text(right), text(0, leftHeads), text(0, rightHeads)}
}

// shape is a ShapeProto of XLA's.
type shape struct {
	Type       string   `json:"element_type"`
	Dimensions []string `json:"dimensions"`
	Layout     struct {
		Order []string `json:"minor_to_major"`
	} `json:"layout"`
	Dynamic []bool `json:"is_dynamic_dimension"`
}

// config is a CudnnfMHABackendConfig of XLA's.
type config struct {
	Algorithm struct {
		ID       string `json:"algo_id"`
		Math     string `json:"math_type"`
		Frontend bool   `json:"is_cudnn_frontend"`
	} `json:"algorithm"`
	Scale  float64 `json:"fmha_scale"`
	Scores shape   `json:"intermediate_tensor_shape"`
	Flash  bool    `json:"is_flash_attention"`
	Mask   string  `json:"mask_type"`
	// Ordered XLA sets to what its flags say of the program, in the first of calls that are alike: the others
	// it would not find among those that cuDNN has planned.
	Ordered bool `json:"force_deterministic,omitempty"`

	// of attention
	OfScores *dots `json:"bmm1_dot_dimension_numbers,omitempty"`
	OfResult *dots `json:"bmm2_dot_dimension_numbers,omitempty"`
	// of the gradient
	OfKeys          *dots `json:"bmm1_grad_gemm1_dot_dimension_numbers,omitempty"`
	OfQueries       *dots `json:"bmm1_grad_gemm2_dot_dimension_numbers,omitempty"`
	OfValues        *dots `json:"bmm2_grad_gemm1_dot_dimension_numbers,omitempty"`
	OfProbabilities *dots `json:"bmm2_grad_gemm2_dot_dimension_numbers,omitempty"`
}

// Config is the backend_config of the call, or of its gradient. Where ordered the gradient adds up in one
// order, in programs that XLA is told this of, too.
func (c Call) Config(gradient, ordered bool) string {
	k := config{Ordered: gradient && ordered, Scale: c.Scale(), Flash: true, Mask: c.mask()}
	k.Algorithm.ID, k.Algorithm.Math, k.Algorithm.Frontend = "0", "TENSOR_OP_MATH", true
	k.Scores.Type, k.Scores.Dynamic = "BF16", make([]bool, 4)
	for i, n := range []int{c.B, c.H, c.T, c.S} {
		k.Scores.Dimensions = append(k.Scores.Dimensions, strconv.Itoa(n))
		k.Scores.Layout.Order = append(k.Scores.Layout.Order, strconv.Itoa(3-i))
	}
	of := func(d dots) *dots { return &d }
	if gradient {
		k.OfKeys, k.OfQueries = of(product(2, 1, 1, 2)), of(product(3, 1, 1, 2))
		k.OfValues, k.OfProbabilities = of(product(2, 1, 1, 2)), of(product(3, 3, 2, 2))
	} else {
		k.OfScores, k.OfResult = of(product(3, 3, 2, 2)), of(product(3, 1, 1, 2))
	}
	text, err := json.Marshal(map[string]any{"operation_queue_id": "0", "cudnn_fmha_backend_config": k})
	if err != nil {
		panic(err) // it is numbers and text
	}
	return string(text)
}

// mask is the call's MaskType.
func (c Call) mask() string {
	switch {
	case c.Causal && c.Counted:
		return "PADDING_CAUSAL"
	case c.Counted:
		return "PADDING"
	case c.Causal:
		return "CAUSAL"
	}
	return "NO_MASK"
}

// Numbers are the call as a list, of which FromNumbers makes it again.
func (c Call) Numbers() []int64 {
	bit := func(x bool) int64 {
		if x {
			return 1
		}
		return 0
	}
	return []int64{int64(c.B), int64(c.T), int64(c.S), int64(c.H), int64(c.K), int64(c.E),
		bit(c.Causal), bit(c.Biased), bit(c.Counted)}
}

// FromNumbers reads what Numbers returns.
func FromNumbers(n []int64) (Call, error) {
	if len(n) != 9 {
		return Call{}, fmt.Errorf("a call of cuDNN's attention with %d numbers, expected 9", len(n))
	}
	return Call{B: int(n[0]), T: int(n[1]), S: int(n[2]), H: int(n[3]), K: int(n[4]), E: int(n[5]),
		Causal: n[6] == 1, Biased: n[7] == 1, Counted: n[8] == 1}, nil
}
