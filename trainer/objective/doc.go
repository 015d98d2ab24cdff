// Package objective holds what training minimises: advantages of a group, corrections
// for the engine that sampled, the loss of a token, and how losses become one number.
//
// # Adding an objective
//
// An algorithm is one file with a call of Register in its init function. likelihood.go is the
// shortest example, gspo.go one with options of its own and ratios of sequences:
//
//  1. Inputs, Scalars and Statistics name the numbers that the loss reads and returns; Rollout
//     lists what a run has of each token.
//  2. Loss builds the loss of each token as graph code. Tokens gives log-probabilities, inputs and
//     scalars by name, and sums or means over a token's sequence.
//  3. Settings that no other algorithm has are a struct with yaml tags, defaults and a comment for
//     each, which Algorithm.Own holds and New reads by ReadOwn; they are loss.options in a
//     configuration, and go generate ./docs explains them.
//  4. Report turns what passes saw into metrics.
//  5. A golden of loss and slope, over every layout of a batch, as in trainer/gspo_test.go.
package objective
