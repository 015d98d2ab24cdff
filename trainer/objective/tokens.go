package objective

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/op"
)

// Inputs of a program that are not of a token: the scalars in one vector, and the
// sequence of each token.
const (
	scalars  = "scalars"
	sequence = "sequence"
)

// Tokens are the completion tokens of a pass while a formula is built of them. All nodes
// are [N] float32; entries past the last token are padding, whose loss has no weight.
type Tokens struct {
	LogProb *Node // log-probability under the policy
	Entropy *Node

	objective  Objective
	in         backend.Nodes
	members    *Node // [sequences, N]: true where a token is of a sequence
	used       map[string]bool
	statistics map[string]*Node
}

// Groups declares what the objective reads of n tokens beside their log-probability and
// entropy.
func (o Objective) Groups(n int) []backend.Group {
	var inputs []backend.Input
	for _, in := range o.Inputs {
		inputs = append(inputs, backend.Input{Name: in.Name, Shape: shapes.Make(dtypes.Float32, n)})
	}
	inputs = append(inputs, backend.Input{Name: Weight, Shape: shapes.Make(dtypes.Float32, n)})
	if len(o.Scalars) > 0 {
		inputs = append(inputs, backend.Scalars(o.Scalars).Input(scalars))
	}
	if o.Sequences {
		inputs = append(inputs, backend.Input{Name: sequence, Shape: shapes.Make(dtypes.Int32, n)})
	}
	return backend.Each(inputs...)
}

// Upload returns the buffers of Groups. sequences has each token's sequence, counted from
// 0, and -1 for padding; beta is the weight of the KL divergence now.
func (o Objective) Upload(
	d *backend.Device, columns Columns, sequences []int32, beta float64,
) (buffers backend.Buffers, err error) {
	buffers = backend.Buffers{}
	defer func() {
		if err != nil {
			buffers.Free()
		}
	}()
	put := func(name string, values []float32) error {
		buffer, err := backend.Upload(d, values, len(values))
		if err == nil {
			buffers[name] = []backend.Buffer{buffer}
		}
		return err
	}
	for _, in := range append([]Input{{Name: Weight}}, o.Inputs...) {
		values, ok := columns[in.Name]
		if !ok || len(values) != len(sequences) {
			return buffers, fmt.Errorf("%s: %q has %d numbers, expected %d", o.Formula, in.Name, len(values),
				len(sequences))
		}
		if err := put(in.Name, values); err != nil {
			return buffers, err
		}
	}
	if len(o.Scalars) > 0 {
		packed, err := backend.Scalars(o.Scalars).Pack(o.Values(beta))
		if err != nil {
			return buffers, fmt.Errorf("%s: %w", o.Formula, err)
		}
		if err := put(scalars, packed); err != nil {
			return buffers, err
		}
	}
	if o.Sequences {
		buffer, err := backend.Upload(d, sequences, len(sequences))
		if err != nil {
			return buffers, err
		}
		buffers[sequence] = []backend.Buffer{buffer}
	}
	return buffers, nil
}

// Build applies the formula to tokens of at most so many sequences: in has the nodes of
// Groups. It returns the weighted sum of the losses, a scalar, and of each token LogProb,
// Entropy and the statistics, [2 + len(o.Statistics), N]. As graph code does, it panics
// where the formula and the tables do not agree.
func (o Objective) Build(in backend.Nodes, logprob, entropy *Node, sequences int) (loss, statistics *Node) {
	t := &Tokens{
		LogProb: logprob, Entropy: entropy, objective: o, in: in,
		used: map[string]bool{}, statistics: map[string]*Node{},
	}
	if o.Sequences {
		n := logprob.Shape().Size()
		number := Iota(logprob.Graph(), shapes.Make(dtypes.Int32, sequences, n), 0)
		t.members = Equal(number, BroadcastToDims(Reshape(in.One(sequence), 1, n), sequences, n))
	}
	loss = ReduceAllSum(Mul(o.Loss(t), in.One(Weight)))
	for _, declared := range o.Inputs {
		t.mustUse("input", declared.Name)
	}
	for _, declared := range o.Scalars {
		t.mustUse("scalar", declared)
	}
	rows := []*Node{logprob, entropy}
	for _, name := range o.Statistics {
		if t.statistics[name] == nil {
			panic(fmt.Errorf("%s does not return its statistic %q", o.Formula, name))
		}
		rows = append(rows, t.statistics[name])
	}
	return loss, Stack(rows, 0)
}

// Seen takes apart what Build's statistics hold of n tokens.
func (o Objective) Seen(values []float32, n int) Seen {
	seen := Seen{}
	for i, name := range append([]string{LogProb, Entropy}, o.Statistics...) {
		seen[name] = values[i*n : (i+1)*n : (i+1)*n]
	}
	return seen
}

func (t *Tokens) mustUse(kind, name string) {
	if !t.used[kind+" "+name] {
		panic(fmt.Errorf("%s does not read its %s %q", t.objective.Formula, kind, name))
	}
}

// Input returns one of the objective's inputs.
func (t *Tokens) Input(name string) *Node {
	if !t.objective.Reads(name) {
		panic(fmt.Errorf("%s does not declare the input %q", t.objective.Formula, name))
	}
	t.used["input "+name] = true
	return t.in.One(name)
}

// Scalar returns one of the objective's scalars.
func (t *Tokens) Scalar(name string) *Node {
	t.used["scalar "+name] = true
	return backend.Scalars(t.objective.Scalars).Of(t.in.One(scalars), name)
}

// Return makes a statistic of what it has of each token.
func (t *Tokens) Return(name string, values *Node) {
	if !slices.Contains(t.objective.Statistics, name) || t.statistics[name] != nil {
		panic(fmt.Errorf("%s returns %q, which it does not declare or returns twice", t.objective.Formula,
			name))
	}
	t.statistics[name] = values
}

// SequenceSum returns for each token the sum of x over all tokens of its sequence, and 0
// for padding. The gradient reaches every token of the sequence.
func (t *Tokens) SequenceSum(x *Node) *Node {
	if t.members == nil {
		panic(fmt.Errorf("%s does not declare that it reads sequences", t.objective.Formula))
	}
	// Without scatters and products: the former add in any order on a GPU, the latter
	// round as they please there. A sum over the tokens of a sequence is its own gradient's
	// formula, written here so that backwards, too, few numbers are added at a time.
	dims := t.members.Shape().Dimensions
	members := func(y *Node) *Node { // of each sequence in a row, 0 for others
		y = BroadcastToDims(y, dims...)
		return Where(t.members, y, ZerosLike(y))
	}
	sum := func(x *Node) *Node {
		sums := op.Sum(members(Reshape(x, 1, dims[1])))
		return ReduceSum(members(sums), 0) // of one number and zeros
	}
	still := StopGradient(x)
	backward := IdentityWithCustomGradient(Sub(x, still), func(_, v *Node) *Node { return sum(v) })
	return Add(StopGradient(sum(still)), backward)
}

// SequenceMean is SequenceSum divided by the number of the sequence's tokens.
func (t *Tokens) SequenceMean(x *Node) *Node {
	count := t.SequenceSum(OnesLike(x))
	return Div(t.SequenceSum(x), Max(count, OnesLike(count)))
}
