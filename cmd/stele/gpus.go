package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/internal/environment"
)

// visibleDevices is the variable by which CUDA's programs are told which GPUs are theirs.
const visibleDevices = "CUDA_VISIBLE_DEVICES"

// takeGPUs leaves this process, of several on its machine, GPUs of its own, before any is opened. Where the launcher
// has done so nothing changes.
func (g *globals) takeGPUs(job *cluster.Job) error {
	var all []string
	if value, set := os.LookupEnv(visibleDevices); set {
		all = strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
	} else {
		found, _ := filepath.Glob("/proc/driver/nvidia/gpus/*")
		for i := range found {
			all = append(all, strconv.Itoa(i))
		}
	}
	own, err := ownGPUs(all, job.Local, job.LocalSize, max(g.devices, 1))
	if err != nil && strings.HasPrefix(g.backend, "xla:cuda") && !strings.Contains(g.backend, "@") {
		return fmt.Errorf("%s: %w", job.Host, err)
	}
	if err != nil || own == nil {
		return nil
	}
	return environment.Set(visibleDevices, strings.Join(own, ","))
}

// ownGPUs are those of a process, the number local of so many, which uses devices of them. It is nil where all are
// its own: where there are none, or as many as it uses, which a launcher has chosen.
func ownGPUs(all []string, local, processes, devices int) ([]string, error) {
	if processes < 2 || len(all) <= devices {
		return nil, nil
	}
	if len(all) < processes*devices {
		return nil, fmt.Errorf("%d processes with --devices %d need %d GPUs, there are %d: start fewer on each machine",
			processes, devices, processes*devices, len(all))
	}
	return all[local*devices : (local+1)*devices], nil
}
