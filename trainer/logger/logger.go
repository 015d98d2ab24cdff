// Package logger writes the metrics of a run as files of the tools that show them.
//
// metrics.jsonl and eval.jsonl are what a run says; these files say the same again. They are written
// whole from it when a run begins or goes on, so that a run that was killed has each step once, and
// grow with each step.
package logger

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/stele-lm/stele/internal/nearest"
)

// Project is the name under which tools that sort runs by project show a run.
const Project = "stele"

// Run says whose metrics are written, and where.
type Run struct {
	Dir     string // the folder of the run, which gets the files
	Name    string // under which tools show it
	Version string // of stele
	// Config is the configuration, a JSON object; Params are its settings by dotted keys.
	Config json.RawMessage
	Params map[string]string
}

// Point is what was measured after a step. There may be several of a step; values that are not finite
// are not defined, and are left out.
type Point struct {
	Step   int
	Time   time.Time
	Values map[string]float64
}

// names are those of the values that are defined, sorted.
func (p Point) names() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(p.Values)), func(name string) bool {
		x := p.Values[name]
		return math.IsNaN(x) || math.IsInf(x, 0)
	})
}

// clone is a point whose values may be added to.
func (p Point) clone() Point {
	p.Values = maps.Clone(p.Values)
	return p
}

// tool writes the files of one tool.
type tool interface {
	// write adds a point to the files.
	write(Point) error
	// close finishes them; ended says that the run has all its steps.
	close(ended bool) error
}

// tools begin the files of a run anew, with the points that it has.
var tools = map[string]func(Run, identity, []Point) (tool, error){
	"tensorboard": newTensorBoard,
	"wandb":       newWandb,
	"mlflow":      newMLflow,
	"trackio":     newTrackio,
}

// Names lists the tools.
func Names() []string { return slices.Sorted(maps.Keys(tools)) }

// Check refuses names that are no tool's, and a tool that is named twice.
func Check(names []string) error {
	for i, name := range names {
		if tools[name] == nil {
			return fmt.Errorf("unknown logger %q: expected %s%s", name, strings.Join(Names(), ", "),
				nearest.Hint(name, Names()))
		}
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("logger %s is named twice", name)
		}
	}
	return nil
}

// Set writes the files of several tools. What they cannot write is said and lost to them alone: it is
// in metrics.jsonl, from which a run that goes on writes them again.
type Set struct {
	say  func(format string, args ...any)
	open map[string]tool
}

// Open begins the files of some tools with the points of steps that were taken. Their times count from the
// zero time, where the run began; spent is how long it has trained.
func Open(names []string, run Run, past []Point, spent time.Duration,
	say func(format string, args ...any)) (*Set, error) {
	s := &Set{say: say, open: map[string]tool{}}
	if len(names) == 0 {
		return s, nil
	}
	id := identity{Began: time.Now().Add(-spent)}
	if !slices.Equal(names, []string{"tensorboard"}) { // which knows a run by its folder
		var err error
		if id, err = identify(run.Dir, spent); err != nil {
			return nil, err
		}
	}
	timed := make([]Point, len(past))
	for i, p := range past {
		timed[i] = p
		timed[i].Time = id.Began.Add(p.Time.Sub(time.Time{}))
	}
	for _, name := range names {
		t, err := tools[name](run, id, timed)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("logger %s: %w", name, err), s.Close(false))
		}
		s.open[name] = t
	}
	return s, nil
}

// Write adds a point to the files of all tools.
func (s *Set) Write(p Point) {
	if s == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.open)) {
		if err := s.open[name].write(p); err != nil {
			s.say("warning: step %d: logger %s: %v: it gets nothing more until the run is resumed, which writes "+
				"its files again from metrics.jsonl", p.Step, name, err)
			_ = s.open[name].close(false)
			delete(s.open, name)
		}
	}
}

// Close finishes the files; ended says that the run has all its steps.
func (s *Set) Close(ended bool) error {
	if s == nil {
		return nil
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.open)) {
		if err := s.open[name].close(ended); err != nil {
			errs = append(errs, fmt.Errorf("logger %s: %w", name, err))
		}
	}
	clear(s.open)
	return errors.Join(errs...)
}

// merged joins points of the same step that follow each other: what tools with a row for each step want.
func merged(points []Point) []Point {
	var all []Point
	for _, p := range points {
		if n := len(all); n > 0 && all[n-1].Step == p.Step {
			maps.Copy(all[n-1].Values, p.Values)
			continue
		}
		all = append(all, p.clone())
	}
	return all
}

// pending holds a step back until the next begins, so that all that is measured after it is one row.
type pending struct {
	point *Point
	row   func(Point) error
}

func (h *pending) write(p Point) error {
	if h.point != nil && h.point.Step == p.Step {
		maps.Copy(h.point.Values, p.Values)
		return nil
	}
	if err := h.flush(); err != nil {
		return err
	}
	p = p.clone()
	h.point = &p
	return nil
}

func (h *pending) flush() error {
	if h.point == nil {
		return nil
	}
	p := *h.point
	h.point = nil
	return h.row(p)
}

// replay gives past points to a row writer, all but the last, which is held back.
func (h *pending) replay(past []Point) error {
	for _, p := range merged(past) {
		if err := h.write(p); err != nil {
			return err
		}
	}
	return nil
}

// grown is a file that grows by whole records.
type grown struct {
	file *os.File
	size int64
}

// write adds a record, or leaves the file as it was.
func (g *grown) write(record []byte) error {
	if _, err := g.file.WriteAt(record, g.size); err != nil { // a full disk may have taken a part
		return errors.Join(err, g.file.Truncate(g.size))
	}
	g.size += int64(len(record))
	return nil
}

func (g *grown) close() error { return errors.Join(g.file.Sync(), g.file.Close()) }

// partial names a folder beside what it is to become; one that a killed run left is swept away when the
// run goes on.
func partial(run Run, name string, id identity) (string, error) {
	dir := filepath.Join(run.Dir, "."+name+".partial-"+id.ID)
	return dir, errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755))
}

// install gives a folder that was written whole its name.
func install(fresh, final string) error {
	if err := os.MkdirAll(filepath.Dir(final), 0o755); err != nil {
		return err
	}
	if err := os.RemoveAll(final); err != nil {
		return err
	}
	return os.Rename(fresh, final)
}
