// Package eval is a benchmark run: questions in, samples and results out.
//
// Several benchmarks and languages form one queue for the engine; answers are
// graded and their language is identified beside generation, never in its way.
//
// Invariants: what a run writes depends on its manifest alone, not on the order
// in which samples end, the batch, the machine's load or how often the run was
// stopped and went on, nor on how many processes share it; a sample on disk is never computed again; a run never goes
// on with other settings than it was started with; parts of a run that are merged,
// and samples that are judged anew, come to what one run would have written.
package eval
