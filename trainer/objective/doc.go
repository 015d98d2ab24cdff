// Package objective holds what training minimises: advantages of a group, corrections
// for the engine that sampled, the loss of a token, and how losses become one number.
package objective
