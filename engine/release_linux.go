package engine

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"
)

// releaseMemory gives back what is not in use: garbage, and what the system has mapped of this
// program beyond what runs now. It is for moments when much is done and much is to come;
// what is let go is read from the program's file again when it is needed. Nothing
// depends on it.
//
// Where the file lies in large pages of the page cache, and at offsets that agree with
// addresses modulo two megabytes, a touch makes all of a page resident: `make build`
// links the program so that they do not agree.
func releaseMemory() {
	debug.FreeOSMemory()
	path, err := os.Executable()
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	var from, to uintptr // of the mapping that lines are about, 0 if it is another file's or writable
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) > 4 && !strings.HasSuffix(fields[0], ":"):
			from, to = 0, 0
			if len(fields) > 5 && fields[5] == path && !strings.Contains(fields[1], "w") {
				_, _ = fmt.Sscanf(fields[0], "%x-%x", &from, &to)
			}
		case from > 0 && fields[0] == "Anonymous:":
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_NOHUGEPAGE)
			if fields[1] == "0" { // others hold addresses that the loader has filled in
				_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED)
			}
		}
	}
}
