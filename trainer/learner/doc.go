// Package learner lays sequences out for gradient passes and counts what these compute.
package learner
