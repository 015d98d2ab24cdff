package gpucheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Options say what is checked, where and for how long.
type Options struct {
	Stele   string // the program
	Version string // of it
	Backend string // what is checked, such as xla:cuda
	Small   bool   // shapes of a few thousand parameters: a trial of the check itself
	Out     string // folder of the report and of what a later call goes on from
	Work    string // models and runs are in a folder of the check's own in it, removed when all parts are done
	Data    string // folder with testdata, peers and perhaps tokenizer.json.gz: see third_party/gpu-bundle.sh
	Python  string // interpreter that may have transformers and vLLM
	Limit   time.Duration
	// Only are the parts that are done, by the beginnings of their names; none are all.
	Only []string
	Say  io.Writer
}

// ErrFaults says that parts failed; the report names them.
var ErrFaults = errors.New("parts failed")

// part is a piece of the check, which is done whole or again.
type part struct {
	name  string
	limit time.Duration
	run   func(ctx context.Context, c *check, t *task) error
}

// task is a part that runs: what it has found so far.
type task struct {
	figures  []Figure
	commands []string
}

// find notes a figure, of the command that ran last.
func (t *task) find(f Figure) {
	if n := len(t.commands); n > 0 && f.Command == "" {
		f.Command = t.commands[n-1]
	}
	t.figures = append(t.figures, f)
}

// cannot is an error of a part that this machine cannot run.
type cannot struct{ error }

// check is a call.
type check struct {
	*Options
	records *records
	log     io.Writer
	// missing is why the backend is not there; empty where it is.
	missing string
}

// tooShort is too little to begin a part with.
var tooShort = 15 * time.Second

var errTime = errors.New("the time for all is over")

// Run does the parts that are left, as far as the time goes, and writes the report after each. It returns
// ErrFaults where a part failed, and the context's error where that ended first.
func Run(ctx context.Context, o Options) error {
	return runParts(ctx, o, chosen(parts(o.Small), o.Only))
}

func runParts(ctx context.Context, o Options, parts []part) error {
	began := time.Now()
	o.Work = filepath.Join(o.Work, "stele-gpu-check") // what else is there is somebody's
	if o.Small {
		o.Work += "-small"
	}
	adopt()
	for _, dir := range []string{o.Out, o.Work} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	r, err := readRecords(&o)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(o.Out, "gpu-check.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	c := &check{Options: &o, records: r, log: log}
	r.Calls++
	spent := r.Seconds
	ctx, cancel := context.WithDeadlineCause(ctx, began.Add(o.Limit), errTime)
	defer cancel()
	for _, p := range parts {
		if old := r.of(p.name); old != nil && old.Outcome != Cannot && p.name != machinePart {
			continue
		}
		if ctx.Err() != nil || o.Limit-time.Since(began) < min(tooShort, p.limit) {
			break
		}
		c.do(ctx, p)
		r.Seconds = spent + time.Since(began).Seconds()
		if err := errors.Join(r.write(o.Out), c.report(parts)); err != nil {
			return err
		}
	}
	r.Seconds = spent + time.Since(began).Seconds()
	if err := errors.Join(r.write(o.Out), c.report(parts)); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil && !errors.Is(context.Cause(ctx), errTime) {
		return err
	}
	return c.close(parts)
}

// chosen are the parts whose names begin with one of only, and what the others need.
func chosen(all []part, only []string) (some []part) {
	if len(only) == 0 {
		return all
	}
	for _, p := range all {
		wanted := p.name == machinePart
		for _, beginning := range only {
			wanted = wanted || strings.HasPrefix(p.name, beginning)
		}
		if wanted {
			some = append(some, p)
		}
	}
	return some
}

// do does a part and records what came of it, unless ctx ended it.
func (c *check) do(ctx context.Context, p part) {
	began := time.Now()
	limited, cancel := context.WithTimeoutCause(ctx, p.limit, fmt.Errorf("its limit of %v is over", p.limit))
	defer cancel()
	t := &task{}
	var err error
	if c.missing != "" && p.name != machinePart {
		err = cannot{errors.New(c.missing)}
	} else {
		fmt.Fprintf(c.Say, "%s …\n", p.name)
		fmt.Fprintf(c.log, "\n== %s, %s\n", p.name, began.UTC().Format(time.RFC3339))
		err = p.run(limited, c, t)
	}
	now := record{Part: p.name, Outcome: Done, Seconds: time.Since(began).Seconds(), Ended: time.Now().UTC(),
		Figures: t.figures, Commands: t.commands}
	var impossible cannot
	switch {
	case ctx.Err() != nil && err != nil:
		fmt.Fprintf(c.Say, "%s: stopped after %.1f s, %v: the next call begins with it\n", p.name, now.Seconds,
			context.Cause(ctx))
		return
	case errors.As(err, &impossible):
		now.Outcome, now.Why = Cannot, err.Error()
	case err != nil && limited.Err() != nil:
		now.Outcome, now.Why = TooLong, err.Error()
	case err != nil:
		now.Outcome, now.Why = Failed, err.Error()
	}
	c.records.set(now)
	if c.missing != "" && p.name != machinePart {
		return // it was said of the machine
	}
	fmt.Fprintf(c.Say, "%s: %s, %.1f s\n", p.name, strings.TrimSuffix(string(now.Outcome)+": "+now.Why, ": "),
		now.Seconds)
}

// close says what is left and what failed, and removes the check's work folder when nothing is left.
func (c *check) close(parts []part) error {
	var left, failed []string
	for _, p := range parts {
		switch r := c.records.of(p.name); {
		case r == nil:
			left = append(left, p.name)
		case r.Outcome == Failed || r.Outcome == TooLong:
			failed = append(failed, p.name)
		}
	}
	fmt.Fprintf(c.Say, "%s\n", filepath.Join(c.Out, reportFile))
	if len(left) > 0 {
		fmt.Fprintf(c.Say, "%d of %d parts are left, the next call begins with %s\n", len(left), len(parts), left[0])
	} else if len(c.Only) == 0 { // other parts may need the models
		if err := os.RemoveAll(c.Work); err != nil {
			return err
		}
	}
	switch {
	case c.missing != "":
		return errors.New(c.missing)
	case len(failed) > 0:
		return fmt.Errorf("%w: %s", ErrFaults, strings.Join(failed, ", "))
	}
	return nil
}

// command runs a program as a step of a part and returns what it wrote to stdout.
func (c *check) command(ctx context.Context, t *task, args ...string) ([]byte, error) {
	e, err := c.with(ctx, t, nil, args...)
	return e.stdout, err
}

// with is command with more in the environment.
func (c *check) with(ctx context.Context, t *task, environment []string, args ...string) (ended, error) {
	t.commands = append(t.commands, c.short(append(slices.Clone(environment), args...)))
	return run(ctx, c.log, args, append(os.Environ(), environment...))
}

// short is a command line as the report shows it.
func (c *check) short(args []string) string {
	return strings.NewReplacer(c.Stele, "stele", c.Work, "WORK", c.Data, "DATA").Replace(quoted(args))
}
