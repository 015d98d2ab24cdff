// Package dense lays prompts and completions out for programs that compute all of their tokens
// at once, to score or to train: which sequences share a pass, and where in it each token lies.
package dense

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/stele-lm/stele/kernels/backend"
	"github.com/stele-lm/stele/kernels/host"
)

// Shape has the sizes that a scoring or training program is compiled for: rows that are
// packed with whole sequences, or rows that go on where a prompt, computed once for
// all of a group, ends.
type Shape struct {
	B int // rows of tokens, padded on the right
	T int // tokens a row
	N int // tokens whose log-probability is wanted, over all sequences
	// Group counts the rows, one after another, that continue one prompt; 0 for packed rows.
	Group  int
	Prompt int // tokens a prompt, padded on the right
	// Several says that rows which continue a prompt may hold several continuations of it.
	Several bool
}

// Sequences says where in a pass the sequences lie.
func (s Shape) Sequences() host.Sequences {
	return host.Sequences{B: s.B, T: s.T, Group: s.Group, Prompt: s.Prompt, Several: s.Several}
}

// Prompts returns the number of prompts that are computed apart from the rows.
func (s Shape) Prompts() int { return s.Sequences().Prompts() }

// Tokens returns the number of tokens that a pass computes, padding included.
func (s Shape) Tokens() int { return s.Sequences().Tokens() }

// Inputs declares the inputs of a dense program beside the weights: token and position
// [Tokens], the prompts' before the rows', row and target [N], all int32, and
// temperature, a float32 scalar. A position counts the tokens before a token in its
// sequence. Entry i asks for the log-probability of target[i] after the token at row[i].
func (s Shape) Inputs() []backend.Group {
	i32 := dtypes.Int32
	return backend.Each([]backend.Input{
		{Name: "token", Shape: shapes.Make(i32, s.Tokens())},
		{Name: "position", Shape: shapes.Make(i32, s.Tokens())},
		{Name: "row", Shape: shapes.Make(i32, s.N)},
		{Name: "target", Shape: shapes.Make(i32, s.N)},
		{Name: "temperature", Shape: shapes.Make(dtypes.Float32)},
	}...)
}
