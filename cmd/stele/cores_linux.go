package main

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// allowedCores lists the cores on which a process may run, 0 being this one; nil where that is not known.
func allowedCores(pid int) (cores []int) {
	var set unix.CPUSet
	if unix.SchedGetaffinity(pid, &set) != nil {
		return nil
	}
	for core := range 8 * len(set) * 8 {
		if set.IsSet(core) {
			cores = append(cores, core)
		}
	}
	return cores
}

// stayOn has this process run on some cores alone: libraries count those to choose how many threads they start. Where
// it is refused, processes share the cores as the system schedules them.
func stayOn(cores []int) {
	var set unix.CPUSet
	for _, core := range cores {
		set.Set(core)
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, thread := range threads { // those that come later are like the one that starts them
		if id, err := strconv.Atoi(thread.Name()); err == nil {
			_ = unix.SchedSetaffinity(id, &set)
		}
	}
}
