//go:build !linux

package cluster

import "time"

// yield lets another process have the core, which may be one that this one waits for.
func yield() { time.Sleep(time.Microsecond) }

func nap(d time.Duration) { time.Sleep(d) }

func fineTimer() {}
