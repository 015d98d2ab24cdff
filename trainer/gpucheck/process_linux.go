package gpucheck

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// adopt makes this process the parent of what its descendants leave behind, so that end finds it.
func adopt() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// ownGroup gives a command a group of processes, which ends when this process is killed.
func ownGroup(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// end kills a group of processes and all descendants of this process, which runs nothing else at the time.
func end(group int) {
	for range 100 {
		_ = syscall.Kill(-group, syscall.SIGKILL)
		left := descendants()
		if len(left) == 0 {
			return
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// descendants lists the processes that this one started, and those started, that still run.
func descendants() (all []int) {
	parents := map[int]int{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue // it has ended
		}
		// The name, in brackets, may hold anything; after it come the state and the parent.
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) < 2 || fields[0][0] == 'Z' || fields[0][0] == 'X' {
			continue
		}
		if parents[pid], err = strconv.Atoi(string(fields[1])); err != nil {
			delete(parents, pid)
		}
	}
	own := os.Getpid()
	for pid := range parents {
		for at, steps := pid, 0; parents[at] != 0 && steps < len(parents); at, steps = parents[at], steps+1 {
			if parents[at] == own {
				all = append(all, pid)
				break
			}
		}
	}
	return all
}
