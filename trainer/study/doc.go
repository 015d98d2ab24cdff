// Package study turns one file into all the runs of a study: trainings, evaluations of the
// initial and of the trained models, and a report of them.
//
// Invariants: a run's name is the path of its folder in the study's; a run is in one
// process at a time; what a run was made with is kept beside it, and a run is done when
// that record says so; a study that was killed ends with the bytes of one that was not.
package study
