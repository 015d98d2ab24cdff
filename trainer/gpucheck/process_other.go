//go:build !linux

package gpucheck

import (
	"os/exec"
	"syscall"
)

func adopt() {}

func ownGroup(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func end(group int) { _ = syscall.Kill(-group, syscall.SIGKILL) }
