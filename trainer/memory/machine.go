package memory

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Available returns the bytes of memory that are free on this machine, or in its container
// if that is less; 0 where neither says.
func Available() int64 {
	free := procValue("/proc/meminfo", "MemAvailable:")
	if left := containerMemory("/sys/fs/cgroup"); left > 0 && (free == 0 || left < free) {
		return left
	}
	return free
}

// containerMemory returns the bytes left of a control group's limit, counting as free what
// the system would give back; 0 without a limit. root is where groups are mounted, version 2
// or 1; within a container its own group is there.
func containerMemory(root string) int64 {
	number := func(name string) int64 {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return 0
		}
		n, _ := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64) // "max" is none
		return n
	}
	limit, used, stat := number("memory.max"), number("memory.current"), "memory.stat"
	if limit == 0 {
		limit, used, stat = number("memory/memory.limit_in_bytes"), number("memory/memory.usage_in_bytes"),
			"memory/memory.stat"
	}
	if limit <= 0 || limit >= 1<<60 { // version 1 has a number close to 2^63 for none
		return 0
	}
	data, _ := os.ReadFile(filepath.Join(root, stat))
	for line := range strings.Lines(string(data)) {
		var name string
		var bytes int64
		if n, _ := fmt.Sscan(line, &name, &bytes); n == 2 && name == "inactive_file" {
			used -= bytes
		}
	}
	return max(limit-used, 1)
}

// Resident returns the bytes that this process has in memory now; 0 where the system does
// not say.
func Resident() int64 { return procValue("/proc/self/status", "VmRSS:") }

// Peak returns the most bytes that this process has had in memory; 0 where the system does
// not say.
func Peak() int64 { return procValue("/proc/self/status", "VmHWM:") }

func procValue(path, key string) int64 {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		var name string
		var kib int64
		if n, _ := fmt.Sscan(line, &name, &kib); n == 2 && name == key {
			return kib << 10
		}
	}
	return 0
}
