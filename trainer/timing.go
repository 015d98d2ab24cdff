package trainer

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stele-lm/stele/kernels/peak"
	"github.com/stele-lm/stele/trainer/memory"
)

// stopwatch sums the time of each phase of a step, by verl's name for it.
type stopwatch struct {
	last  time.Time
	spent map[string]time.Duration
}

func newStopwatch() *stopwatch { return &stopwatch{time.Now(), map[string]time.Duration{}} }

// lap counts the time since the last lap, or the start, for a phase.
func (w *stopwatch) lap(phase string) {
	now := time.Now()
	w.spent[phase] += now.Sub(w.last)
	w.last = now
}

// report writes timing_s of each phase and of the step, which is their sum, in seconds, and
// the tokens a second.
func (w *stopwatch) report(m Metrics) {
	var step time.Duration
	for phase, spent := range w.spent {
		m["timing_s/"+phase] = spent.Seconds()
		step += spent
	}
	m["timing_s/step"] = step.Seconds()
	m["perf/throughput"] = m["perf/total_num_tokens"] / step.Seconds()
}

// utilization notes what share of the device's peak an update reached whose gradients
// needed so many operations, and in GiB the most memory that the process has had where it
// holds the tensors, or that the first device had allocated; of several processes, all of which call it, that of the
// one that had most. The peak is measured (see peak.FLOPS), at the first step; the Go backend, a reference, has none.
func (r *run) utilization(m Metrics, flops float64) error {
	device := r.engine.Device()
	allocated := memory.Peak()
	if !device.IsCPU() {
		h, err := device.Hardware()
		if err != nil {
			return err
		}
		allocated = h.Peak
	}
	all, err := r.job.AllGather(binary.LittleEndian.AppendUint64(nil, uint64(allocated)))
	if err != nil {
		return err
	}
	r.peaks = r.peaks[:0]
	for _, one := range all {
		r.peaks = append(r.peaks, int64(binary.LittleEndian.Uint64(one)))
	}
	if allocated = slices.Max(r.peaks); allocated > 0 {
		m["perf/max_memory_allocated_gb"] = float64(allocated) / (1 << 30)
	}
	if !device.IsXLA() || flops == 0 {
		return nil
	}
	if r.peak == 0 {
		var err error
		if r.peak, err = peak.FLOPS(device, r.engine.Weights.HeldAs()); err != nil {
			return err
		}
	}
	m["perf/mfu/actor"] = flops / m["timing_s/update_actor"] / r.peak / float64(r.engine.Devices()*r.job.Size)
	return nil
}

// mebibytes writes bytes of several processes.
func mebibytes(all []int64) string {
	var texts []string
	for _, n := range all {
		texts = append(texts, fmt.Sprint(n>>20))
	}
	return strings.Join(texts, ", ")
}

// OfClock reports whether a metric is of the clock or the machine, and thus another in
// each run.
func OfClock(name string) bool {
	switch name {
	case "perf/throughput", "perf/mfu/actor", "perf/max_memory_allocated_gb":
		return true
	}
	return strings.HasPrefix(name, "timing_s/")
}
