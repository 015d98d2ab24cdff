package cluster

import (
	"os"
	"strings"
)

const segment = "/dev/shm/mpich_shm_"

// segments lists the files of shared memory that MPICH has made for the processes of a machine, and this one has.
func segments() (files []string) {
	maps, _ := os.ReadFile("/proc/self/maps") // which only Linux has
	for line := range strings.Lines(string(maps)) {
		_, name, found := strings.Cut(strings.TrimSpace(line), segment)
		if found && !strings.HasSuffix(name, " (deleted)") {
			files = append(files, segment+name)
		}
	}
	return files
}

// dropSegments removes these files. The memory stays while processes have it, which all do when MPICH has begun; the
// files, of some MB, would stay for good where one is killed, and fill the 64 MiB of a container.
func dropSegments() {
	for _, file := range segments() {
		_ = os.Remove(file) // another process may have
	}
}
