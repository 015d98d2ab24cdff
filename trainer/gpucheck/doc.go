// Package gpucheck measures Stele on a machine with a GPU in one go: goldens, the same tokens, a run that is
// killed, and the speed of models with random weights beside transformers'.
//
// Invariants: parts are done in the order of their importance; each runs in processes of its own, which end with
// all that they started when its time is over; what a part found is on disk before the next begins, and a second
// call begins with the first that is not done; a part that fails stops no other.
package gpucheck
