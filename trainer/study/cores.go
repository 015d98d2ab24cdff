package study

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stele-lm/stele/internal/threads"
)

// cores says how busy this process, with the programs that it started and that have ended, kept
// the cores that it may use.
type cores struct {
	count int
	wall  time.Duration
	cpu   time.Duration // user's and system's
	// all is the least part of the wall time in which all cores worked at once: in a stretch what
	// CPU time is left when all cores but one are taken to have worked throughout.
	all time.Duration
	// others is the CPU time of other programs; not above 0 where it is not known.
	others time.Duration
}

// sampled is the length of a stretch.
const sampled = 100 * time.Millisecond

// add counts a stretch.
func (c *cores) add(wall, cpu time.Duration) {
	c.wall, c.cpu = c.wall+wall, c.cpu+cpu
	c.all += min(max(cpu-time.Duration(c.count-1)*wall, 0), wall)
}

// String says it in a line.
func (c cores) String() string {
	wall := max(c.wall.Seconds(), 1e-9)
	share := func(cpu time.Duration) float64 { return 100 * cpu.Seconds() / wall / float64(c.count) }
	s := fmt.Sprintf("%v on %d cores: CPU time is %.0f %% of cores × wall time, so that all cores worked at once in "+
		"at least %.0f %% of it", c.wall.Round(time.Second), c.count, share(c.cpu), 100*c.all.Seconds()/wall)
	if others := share(c.others); others >= 5 {
		s += fmt.Sprintf(" (other programs took %.0f %%)", others)
	}
	return s
}

// watchCores measures until stop is called, which returns what was measured.
func watchCores() (stop func() cores) {
	c := cores{count: threads.Count}
	at, used, machine := time.Now(), cpuTime(), machineTime()
	take := func() {
		now, cpu := time.Now(), cpuTime()
		c.add(now.Sub(at), cpu-used)
		at, used = now, cpu
	}
	ending := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		tick := time.NewTicker(sampled)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				take()
			case <-ending:
				take()
				return
			}
		}
	})
	return sync.OnceValue(func() cores {
		close(ending)
		ended.Wait()
		c.others = machineTime() - machine - c.cpu
		return c
	})
}

// cpuTime returns the CPU time of this process and of its children that ended.
func cpuTime() (sum time.Duration) {
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		if unix.Getrusage(who, &u) == nil {
			sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return sum
}

// machineTime returns the CPU time of all programs of this machine since it started; 0 where the
// system does not say, or has other cores than this process.
func machineTime() time.Duration {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	count, ticks := 0, 0
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) < 8 || !strings.HasPrefix(fields[0], "cpu") {
			continue
		}
		if fields[0] != "cpu" {
			count++
			continue
		}
		for _, i := range []int{1, 2, 3, 6, 7} { // user, nice, system, interrupts
			n, err := strconv.Atoi(fields[i])
			if err != nil {
				return 0
			}
			ticks += n
		}
	}
	if count != threads.Count {
		return 0
	}
	return time.Duration(ticks) * (time.Second / 100) // USER_HZ is 100 on all of Go's platforms
}
