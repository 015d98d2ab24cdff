// Package trainer moves a model's weights by reinforcement (GRPO) or imitation
// (SFT) and keeps what is needed to go on after a crash as if nothing happened.
//
// Invariants: a run is a pure function of its configuration; the gradient of a
// mini-batch does not depend on how it is cut into micro-batches; a checkpoint is
// complete or absent; what was measured at a step is on disk before the next
// step begins.
package trainer
