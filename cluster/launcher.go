package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/cluster/mpi"
)

// launcher is what started this process as one of several.
type launcher struct {
	name       string // as users know it
	rank, size int
	local      int // rank among those of this machine, and how many there are; 0 of 0 where it is not known
	locals     int
	family     family
}

// family tells what MPI libraries a launcher's processes may use.
type family int

const (
	anyMPI   family = iota // PMIx, under Slurm or another runtime: Open MPI, or what the library was built for
	otherPMI               // srun --mpi=pmi2, PALS: MPICH, Intel MPI, MVAPICH, or what the library was built for
	hydra                  // MPICH, Intel MPI, MVAPICH: PMI-1 and PMI-2
	openMPI                // Open MPI's mpirun: PMIx
)

// OpenMPI is Open MPI's launcher, as Job.Launcher has it.
const OpenMPI = "Open MPI's mpirun"

// slurm is Slurm's, likewise.
const slurm = "srun"

// variables are those by which launchers tell a process its rank, the most particular first.
var variables = []struct {
	name, rank, size, local, locals string
	family                          family
}{
	{OpenMPI, "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
		"OMPI_COMM_WORLD_LOCAL_SIZE", openMPI},
	{"mpirun_rsh", "MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_RANK",
		"MV2_COMM_WORLD_LOCAL_SIZE", hydra},
	{"mpiexec (Hydra)", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS", hydra},
	{slurm, "PMIX_RANK", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_TASKS_PER_NODE", anyMPI},
	{"a PMIx launcher", "PMIX_RANK", "PALS_SIZE", "PALS_LOCAL_RANKID", "PALS_LOCAL_SIZE", anyMPI},
	{"mpiexec (PALS)", "PALS_RANKID", "PALS_SIZE", "PALS_LOCAL_RANKID", "PALS_LOCAL_SIZE", otherPMI},
}

// started says what started this process, by the environment; nil where nothing did that starts several. A step of
// srun without MPI (--mpi=none) is refused: its tasks do not know of each other.
func started(getenv func(string) string) (*launcher, error) {
	number := func(variable string) (int, bool) {
		// SLURM_STEP_TASKS_PER_NODE is "2" or "2(x3)", or a list where nodes differ, which is not known then.
		value, _, _ := strings.Cut(getenv(variable), "(")
		n, err := strconv.Atoi(value)
		return n, err == nil
	}
	step := getenv("SLURM_STEP_ID") != ""
	for _, v := range variables {
		rank, ranked := number(v.rank)
		size, sized := number(v.size)
		if !ranked || !sized {
			continue
		}
		if rank < 0 || rank >= size {
			return nil, fmt.Errorf("%s=%d and %s=%d: expected a rank from 0 to below the size", v.rank, rank, v.size,
				size)
		}
		l := &launcher{name: v.name, rank: rank, size: size, family: v.family}
		if step && v.rank == "PMI_RANK" && getenv("MPI_LOCALNRANKS") == "" { // srun --mpi=pmi2
			l.name, l.family = slurm, otherPMI
			v.local, v.locals = "SLURM_LOCALID", "SLURM_STEP_TASKS_PER_NODE"
		}
		local, known := number(v.local)
		locals, counted := number(v.locals)
		if known && counted && local >= 0 && local < locals {
			l.local, l.locals = local, locals
		}
		return l, nil
	}
	if getenv("PMIX_RANK") != "" && getenv("PMIX_NAMESPACE") != "" { // prun, or a runtime that says no more
		rank, _ := number("PMIX_RANK")
		return &launcher{name: "a PMIx launcher", rank: rank, family: anyMPI}, nil
	}
	return nil, nil
}

// unconnected says that srun started several tasks of this program that it gave no means to find each other.
func unconnected(getenv func(string) string, host string) error {
	tasks, err := strconv.Atoi(getenv("SLURM_STEP_NUM_TASKS"))
	if getenv("SLURM_STEP_ID") == "" || err != nil || tasks < 2 {
		return nil
	}
	l := &launcher{name: slurm, size: tasks}
	l.rank, _ = strconv.Atoi(getenv("SLURM_PROCID"))
	l.local, _ = strconv.Atoi(getenv("SLURM_LOCALID"))
	return &JoinError{launcher: l, host: host, err: fmt.Errorf("srun started %d tasks without MPI: use srun "+
		"--mpi=pmix for Open MPI or --mpi=pmi2 for MPICH (srun --mpi=list says what there is), or %s=off where "+
		"each shall work alone", tasks, Variable)}
}

// takes reports whether a library finds the other processes under this launcher, as far as that is known before it
// begins.
func (l *launcher) takes(library *mpi.Library) bool {
	switch l.family {
	case hydra:
		return !library.OpenMPI
	case openMPI:
		return library.OpenMPI
	case anyMPI:
		return library.PMIx
	}
	return true
}

// connection is the descriptor by which Hydra learns that this process is gone; -1 under another launcher.
func (l *launcher) connection() int {
	fd, err := strconv.Atoi(os.Getenv("PMI_FD"))
	if err != nil || l.family != hydra {
		return -1
	}
	return fd
}

// programs are the launchers' own, which are found among this process's ancestors.
var programs = []string{"mpiexec", "mpirun", "hydra_pmi_proxy", "prterun", "prted", "prte", "orterun", "orted",
	"mpispawn"}

// homes are the folders of the launcher's programs: of ancestors of this process that are a launcher's, the nearest
// first.
func homes() (dirs []string) {
	for pid := os.Getppid(); pid > 1; pid = parentOf(pid) {
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		if err != nil { // another user's
			continue
		}
		name := filepath.Base(exe)
		for _, program := range programs {
			if name == program || strings.HasPrefix(name, program+".") {
				dirs = append(dirs, filepath.Dir(exe))
				break
			}
		}
	}
	return dirs
}

// parentOf returns a process's parent; 0 where it is not known.
func parentOf(pid int) int {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name, in brackets, may have blanks and brackets.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 2 {
		return 0
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0
	}
	return parent
}
