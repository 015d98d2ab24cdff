// Package cluster joins the processes that mpirun, mpiexec or srun have started together: each learns its rank, and
// they exchange bytes and sums through the MPI library of that launcher, which is found and loaded when the program
// runs. A process that was started alone is a job of one, for which nothing is loaded.
package cluster
