// Package progress tells a person how far a long job is: a bar on a terminal,
// a plain line every few seconds anywhere else.
//
// Invariants: a nil *Meter is silent; nothing is ever written to anything but
// the writer it was made for; results never depend on it.
package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// Interval is the time between two plain lines.
const Interval = 5 * time.Second

// Meter shows how much of a job is done. It is safe for concurrent use.
type Meter struct {
	mu          sync.Mutex
	out         io.Writer
	title, unit string
	total       int
	done        int
	tokens      int  // generated or read here; none are said where there are none
	pace        Pace // of what was done here
	note        string
	ifLong      bool
	began, last time.Time
	now         func() time.Time

	bars *mpb.Progress // nil where out is not a terminal
	bar  *mpb.Bar
}

// New starts a meter for total units of a job that was done as far as done
// before it began; unit is their plural, as in "samples". parallel units are done
// beside each other.
func New(out io.Writer, title, unit string, done, total, parallel int) *Meter {
	m := newMeter(out, title, unit, done, total, parallel, time.Now)
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		m.bars = mpb.New(mpb.WithOutput(out), mpb.WithWidth(40))
		m.bar = m.bars.New(int64(total),
			mpb.BarStyle().Lbound("").Rbound("").Filler("█").Tip("").Padding("░"),
			mpb.PrependDecorators(decor.Name(title+" ")),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return m.status() })))
		m.bar.SetCurrent(int64(done))
	}
	return m
}

func newMeter(out io.Writer, title, unit string, done, total, parallel int, now func() time.Time) *Meter {
	at := now()
	return &Meter{out: out, title: title, unit: unit, total: total, done: done,
		pace: Pace{Parallel: parallel}, began: at, last: at, now: now}
}

// IfLong says nothing, but on a terminal, of a job that ends before the first line is due.
func (m *Meter) IfLong() *Meter {
	m.ifLong = true
	return m
}

// Add notes n more units done; note replaces what is said beside the count.
func (m *Meter) Add(n int, note string) {
	if m == nil {
		return
	}
	m.mu.Lock()
	m.done += n
	m.note = note
	done, now := m.done, m.now()
	m.pace.Done(n, now.Sub(m.began))
	plain := m.bar == nil && now.Sub(m.last) >= Interval
	if plain {
		m.last = now
	}
	m.mu.Unlock()
	switch {
	case m.bar != nil:
		m.bar.SetCurrent(int64(done))
	case plain:
		fmt.Fprintf(m.out, "%s %s\n", m.title, m.status())
	}
}

// AddTokens notes tokens, whose number a second is said beside the count.
func (m *Meter) AddTokens(n int) {
	if m == nil {
		return
	}
	m.mu.Lock()
	m.tokens += n
	m.mu.Unlock()
}

// Close ends the display, with a last line that says how far the job came.
func (m *Meter) Close() {
	if m == nil {
		return
	}
	if m.bar == nil {
		if !m.ifLong || m.last.After(m.began) {
			fmt.Fprintf(m.out, "%s %s\n", m.title, m.status())
		}
		return
	}
	if !m.bar.Completed() {
		m.bar.Abort(false)
	}
	m.bars.Wait()
}

// status is the count, the note and the time left at the pace of what was done here.
func (m *Meter) status() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := fmt.Sprintf("%d/%d %s", m.done, m.total, m.unit)
	if m.note != "" {
		s += ", " + m.note
	}
	elapsed := m.now().Sub(m.began)
	if m.tokens > 0 && elapsed > 0 {
		s += fmt.Sprintf(", %.0f tok/s", float64(m.tokens)/elapsed.Seconds())
	}
	if m.done >= m.total {
		return s + fmt.Sprintf(", in %v", elapsed.Round(time.Second))
	}
	if left, known := m.pace.Left(elapsed, m.total-m.done); known {
		return s + fmt.Sprintf(", %v left", left.Round(time.Second))
	}
	return s + ", estimating the time left"
}
