package progress

import (
	"math"
	"slices"
	"time"
)

// Pace foretells how long a job of equal units takes that are done several at a time,
// each taking its own time: as one ends, the next begins. The zero value is a job whose
// units are done one after another.
type Pace struct {
	// Parallel is the number of units that are done at the same time; 0 means 1.
	Parallel int

	done int             // units that ended
	ends []time.Duration // since the job began, in the order of ending; of parallel units only
}

// Done notes that n units ended at a time since the job began.
func (p *Pace) Done(n int, at time.Duration) {
	p.done += n
	for range n {
		if p.Parallel <= 1 {
			break
		}
		p.ends = append(p.ends, at)
	}
}

// overdue is up to how much longer than so far a unit is taken to run that has run longer
// than all that ended.
const overdue = 1

// recent is the number of past units that the pace is taken from, times Parallel. played is the
// number of coming units that are simulated; the others count with their mean.
const recent, played = 8, 16

// Left is the time that so many remaining units take from now on; known is false while
// too few ended to say. The first to end are the shortest and those beside them are
// nearly done, so time by units done would be several times too long at first. Half of
// the first that began must have ended; then what is under way and what waits is played
// through with lengths like those that were seen.
func (p *Pace) Left(now time.Duration, remaining int) (left time.Duration, known bool) {
	if p.Parallel <= 1 {
		if p.done == 0 {
			return 0, false
		}
		return time.Duration(float64(now) / float64(p.done) * float64(remaining)), true
	}
	k := len(p.ends)
	lanes := max(1, min(p.Parallel, k+remaining))
	if k == 0 || 2*k < lanes {
		return 0, false
	}
	// Units are taken to end in the order in which they began, one as another ends.
	began := func(i int) time.Duration {
		if i < lanes {
			return 0
		}
		return p.ends[i-lanes]
	}
	var lengths []time.Duration
	for i := max(0, k-max(20, recent*lanes)); i < k; i++ {
		lengths = append(lengths, p.ends[i]-began(i))
	}
	running := min(lanes, remaining)
	// Parts of 1 in turn, far from each other.
	next := 0
	part := func() float64 {
		next++
		_, part := math.Modf(float64(next) * math.Phi)
		return part
	}
	longest := slices.Max(lengths)
	for i := k; i < k+running; i++ {
		if age := now - began(i); age >= longest {
			lengths = append(lengths, age+time.Duration(overdue*part()*float64(age)))
		}
	}
	slices.Sort(lengths)
	draw := func(above time.Duration) time.Duration {
		least, _ := slices.BinarySearch(lengths, above+1)
		if least == len(lengths) {
			return above + time.Duration(overdue*part()*float64(above))
		}
		return lengths[least+int(part()*float64(len(lengths)-least))]
	}
	free := make([]time.Duration, running)
	for i := range free {
		age := now - began(k+i)
		free[i] = draw(age) - age
	}
	waiting := remaining - running
	for range min(waiting, played*lanes) {
		i := slices.Index(free, slices.Min(free))
		free[i] += draw(0)
	}
	if rest := waiting - played*lanes; rest > 0 {
		var sum time.Duration
		for _, l := range lengths {
			sum += l
		}
		left = sum / time.Duration(len(lengths)) * time.Duration(rest) / time.Duration(lanes)
	}
	return left + slices.Max(free), true
}
