// Package problems reads the problems that a run trains on, turns them into prompts and
// solutions of bounded length, and says in which order they come.
package problems
