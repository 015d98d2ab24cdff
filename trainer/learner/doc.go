// Package learner owns the gradient and the update: it lays sequences out for gradient passes, sums
// their gradients, moves the weights or an adapter's factors by them, and counts the operations.
package learner
