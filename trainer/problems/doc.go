// Package problems reads the problems that a run trains on, turns them into prompts and
// solutions of bounded length, and puts them in order.
package problems
