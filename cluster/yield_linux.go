package cluster

import (
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// yield lets another process have the core, which may be one that this one waits for.
func yield() { _, _, _ = syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) }

// nap lets go of the core for so long, less than a second, and hardly longer, as fineTimer has made naps.
func nap(d time.Duration) {
	runtime.Gosched()
	_ = unix.Nanosleep(&unix.Timespec{Nsec: int64(d)}, nil)
}

// fineTimer has this thread wake when it asked to: otherwise Linux puts it off by 50 microseconds.
func fineTimer() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) }
