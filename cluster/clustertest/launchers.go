// Package clustertest starts tests' programs by the MPI launchers that third_party/fetch-mpi.sh fetches.
package clustertest

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Launcher starts a program several times.
type Launcher struct {
	Name string // mpich, openmpi or impi; pmi2 or pmix are srun's with the first two
	Dir  string // of its installation
	run  []string
	env  []string // beside what Command is given
}

// Slurm in the environment has tests take srun, with MPICH and with Open MPI: third_party/slurm-check.sh sets it.
const Slurm = "STELE_TEST_SLURM"

// Launchers returns those that there are. Without MPICH and Open MPI the test fails in CI, where make has fetched
// them, and is skipped elsewhere.
func Launchers(t testing.TB) (all []Launcher) {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := cmp.Or(os.Getenv("STELE_MPI_DIR"), filepath.Join(cache, "stele", "mpi"))
	if os.Getenv(Slurm) != "" {
		for i, mpi := range []string{"pmi2", "pmix"} {
			l := Launcher{Name: mpi, Dir: filepath.Join(dir, []string{"mpich", "openmpi"}[i]),
				run: []string{"srun", "--overcommit", "--mpi=" + mpi}}
			l.env = []string{"STELE_MPI=" + l.Dir}
			all = append(all, l)
		}
		return all
	}
	var missing []string
	for _, l := range []Launcher{
		{Name: "mpich", run: []string{"mpiexec"}},
		{Name: "openmpi", run: []string{"mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none"}},
		{Name: "impi", run: []string{"mpiexec.hydra"}},
	} {
		l.Dir = filepath.Join(dir, l.Name)
		if _, err := os.Stat(filepath.Join(l.Dir, "stamp")); err == nil {
			all = append(all, l)
		} else if l.Name != "impi" {
			missing = append(missing, l.Name)
		}
	}
	if len(missing) > 0 {
		message := fmt.Sprintf("NOT TESTED: %v is not in %s: third_party/fetch-mpi.sh fetches it", missing, dir)
		fmt.Fprintln(os.Stderr, message)
		if len(all) == 0 {
			t.Skip(message)
		}
	}
	return all
}

// Command is what starts n processes of a program, with settings of the environment beside this process's.
func (l Launcher) Command(n int, environment []string, program string, args ...string) *exec.Cmd {
	run := append(append([]string{}, l.run[1:]...), "-n", fmt.Sprint(n))
	launcher := filepath.Join(l.Dir, "bin", l.run[0])
	if l.run[0] == "srun" {
		launcher = l.run[0]
	}
	c := exec.Command(launcher, append(append(run, program), args...)...)
	c.Env = append(append(os.Environ(), l.env...), environment...)
	return c
}
