package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// allowedCores names the cores on which this process may run.
func allowedCores() string {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return ""
	}
	return fmt.Sprint(set)
}
