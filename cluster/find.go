package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/stele-lm/stele/cluster/mpi"
)

// Variable names the MPI library: a file, or a folder that has it. "off" makes every process a job of one.
const Variable = "STELE_MPI"

// names of libraries by family, in the order in which they are tried. Files named libmpi.so may be text for a linker.
var names = map[family][]string{
	hydra:   {"libmpi.so.12", "libmpich.so.12", "libmpi_abi.so.0", "libmpi_abi.so.1", "libmpi.so", "libmpich.so"},
	openMPI: {"libmpi.so.40", "libmpi_abi.so.0", "libmpi_abi.so.1", "libmpi.so.12", "libmpi.so.20", "libmpi.so"},
	otherPMI: {"libmpi.so.12", "libmpich.so.12", "libmpi_cray.so.12", "libmpi_gnu_123.so.12", "libmpi_abi.so.0",
		"libmpi_abi.so.1", "libmpi.so.40", "libmpi.so"},
	anyMPI: {"libmpi.so.40", "libmpi.so.12", "libmpich.so.12", "libmpi_cray.so.12", "libmpi_gnu_123.so.12",
		"libmpi_abi.so.0", "libmpi_abi.so.1", "libmpi.so"},
}

// find loads the library that belongs to a launcher.
func find(l *launcher) (*mpi.Library, error) {
	if given := os.Getenv(Variable); given != "" {
		return named(l, given)
	}
	var tried []string
	for _, path := range candidates(l) {
		if filepath.IsAbs(path) {
			if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
				continue
			}
		}
		library, err := mpi.Load(path)
		if err != nil {
			if filepath.IsAbs(path) {
				tried = append(tried, err.Error())
			}
			continue
		}
		if !l.takes(library) {
			tried = append(tried, fmt.Sprintf("%s is %s", path, library.Version))
			library.Close() // or the next one's calls would be its
			continue
		}
		return library, nil
	}
	err := fmt.Errorf("%s started %d processes, and no MPI library of its is found beside it, on LD_LIBRARY_PATH or "+
		"in the system's folders: set %s to the path of its libmpi.so", l.name, l.size, Variable)
	if len(tried) > 0 {
		err = fmt.Errorf("%w (not usable: %s)", err, strings.Join(tried, "; "))
	}
	return nil, err
}

// named loads what the user named.
func named(l *launcher, given string) (*mpi.Library, error) {
	info, err := os.Stat(given)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w: expected the path of an MPI library, or off", Variable, err)
	case !info.IsDir():
		library, err := mpi.Load(given)
		if err != nil {
			return nil, fmt.Errorf("%s=%s: %w", Variable, given, err)
		}
		return library, nil
	}
	var errs []error
	for _, folder := range libraryFolders(given) {
		for _, name := range slices.Concat(names[l.family], names[anyMPI]) { // another launcher's is said to be
			path := filepath.Join(folder, name)
			if info, err := os.Stat(path); err != nil || info.Size() < 1<<10 { // text for a linker
				continue
			}
			library, err := mpi.Load(path)
			if err == nil {
				return library, nil
			}
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("%s=%s: %w", Variable, given, errors.Join(errs...))
	}
	return nil, fmt.Errorf("%s=%s: the folder has none of %s", Variable, given, strings.Join(names[l.family], ", "))
}

// libraryFolders are where an installation in a folder may have its libraries.
func libraryFolders(prefix string) []string {
	triple := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]
	return []string{prefix, filepath.Join(prefix, "lib"), filepath.Join(prefix, "lib64"),
		filepath.Join(prefix, "lib", "release"), filepath.Join(prefix, "lib", triple)}
}

// candidates are the paths, and names for the system's loader, of what may be a launcher's library, the likeliest
// first: beside the launcher, where the environment says, beside an mpirun on the path.
func candidates(l *launcher) (paths []string) {
	var prefixes []string
	for _, dir := range homes() {
		prefixes = append(prefixes, filepath.Dir(dir))
	}
	for _, variable := range []string{"OPAL_PREFIX", "I_MPI_ROOT", "MPI_HOME", "MPI_ROOT", "MPICH_DIR",
		"CRAY_MPICH_DIR"} {
		if prefix := os.Getenv(variable); prefix != "" {
			prefixes = append(prefixes, prefix)
		}
	}
	of := func(prefixes []string) {
		for _, prefix := range prefixes {
			for _, folder := range libraryFolders(prefix)[1:] {
				for _, name := range names[l.family] {
					paths = append(paths, filepath.Join(folder, name))
				}
			}
		}
	}
	of(prefixes)
	paths = append(paths, names[l.family]...) // LD_LIBRARY_PATH, and the system's
	for _, program := range []string{"mpirun", "mpiexec"} {
		if path, err := exec.LookPath(program); err == nil {
			if real, err := filepath.EvalSymlinks(path); err == nil {
				of([]string{filepath.Dir(filepath.Dir(real))})
			}
		}
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(paths, func(path string) bool {
		again := seen[path]
		seen[path] = true
		return again
	})
}
