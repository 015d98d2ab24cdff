package trainer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// errStopped ends a run that was asked to stop, once what it could keep is on disk.
var errStopped = fmt.Errorf("stopped as asked: %w", context.Canceled)

// phase names what a run is doing; each phase ends in its own way when a stop is asked for.
type phase int

const (
	starting   phase = iota // reading and checking: dropped
	loading                 // carried to its end
	evaluating              // stopped: samples that are complete are kept
	sampling                // dropped: the step has changed nothing yet
	updating                // carried to its end: the weights are changing
	saving                  // carried to its end
)

// interruption stops a run at a point from which it can go on.
type interruption struct {
	say func(format string, args ...any)

	mu     sync.Mutex
	asked  bool
	phase  phase
	step   int
	began  time.Time
	cancel context.CancelFunc // of the phase
	update time.Duration      // how long the last step's update took; 0 before there was one
}

// watch waits for a request to stop until end is called.
func (i *interruption) watch(stop <-chan struct{}) (end func()) {
	ended := make(chan struct{})
	go func() {
		select {
		case <-stop:
			i.ask()
		case <-ended:
		}
	}()
	return func() { close(ended) }
}

// ask notes the request, says at once what comes of it, and ends what is dropped.
func (i *interruption) ask() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.asked {
		i.asked = true
		i.answer()
	}
}

// answer says what comes of a request to stop in this phase, and ends what is dropped.
func (i *interruption) answer() {
	switch i.phase {
	case starting:
		i.say("stopping before anything is written")
		i.leave()
	case loading:
		i.say("stopping when the model is loaded; interrupt again to stop at once")
	case evaluating:
		i.say("stopping the evaluation after step %d: samples that are complete are kept", i.step)
		i.leave()
	case sampling:
		i.say("stopping: the rollouts of step %d are dropped and will be sampled again, the same", i.step)
		i.leave()
	case updating:
		left := ""
		if i.update > 0 {
			left = fmt.Sprintf(", about %v more", max(i.update-time.Since(i.began), 0).Round(time.Second))
		}
		i.say("finishing step %d%s; interrupt again to drop it", i.step, left)
	case saving:
		i.say("stopping when the checkpoint of step %d is written; interrupt again to drop it", i.step)
	}
}

// enter begins a phase, unless the run was asked to stop: then it returns errStopped.
// The context ends when the phase is dropped.
func (i *interruption) enter(ctx context.Context, p phase, step int) (context.Context, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.asked {
		return nil, errStopped
	}
	return i.start(ctx, p, step), nil
}

// begin begins a phase that other processes begin, too, though this one was asked to stop meanwhile: it is ended at
// once where it is one that is dropped.
func (i *interruption) begin(ctx context.Context, p phase, step int) context.Context {
	i.mu.Lock()
	defer i.mu.Unlock()
	ctx = i.start(ctx, p, step)
	if i.asked {
		i.answer()
	}
	return ctx
}

func (i *interruption) start(ctx context.Context, p phase, step int) context.Context {
	i.leave()
	ctx, i.cancel = context.WithCancel(ctx)
	i.phase, i.step, i.began = p, step, time.Now()
	return ctx
}

// carry begins a phase whatever was asked.
func (i *interruption) carry(p phase, step int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.leave()
	i.phase, i.step, i.began = p, step, time.Now()
}

// leave lets go of the phase's context.
func (i *interruption) leave() {
	if i.cancel != nil {
		i.cancel()
		i.cancel = nil
	}
}

// updated notes how long a step's update took.
func (i *interruption) updated(m Metrics) {
	i.mu.Lock()
	defer i.mu.Unlock()
	seconds := m["timing_s/step"] - m["timing_s/gen"] - m["timing_s/reward"]
	i.update = time.Duration(seconds * float64(time.Second))
}

// stopped reports whether the run was asked to stop.
func (i *interruption) stopped() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

// dropped turns the error of a phase that was ended because the run was asked to stop
// into errStopped; ctx is that of the run.
func (i *interruption) dropped(ctx context.Context, err error) error {
	if ctx.Err() != nil || !i.stopped() {
		return err
	}
	if !errors.Is(err, context.Canceled) {
		// What stops a run may stop its reward programs too, or it failed just then. The
		// phase is done again, and fails again where the fault is its own.
		i.say("dropped with: %v", err)
	}
	return errStopped
}

// keep writes a checkpoint of the steps taken where there is none, and says what is
// kept and how to go on.
func (r *run) keep() error {
	final, _ := r.checkpointPath()
	save, err := r.first(func() bool {
		_, err := os.Stat(final)
		return err != nil && r.done > 0
	})
	if err != nil {
		return err
	}
	if save {
		r.interruption.carry(saving, r.done)
		r.interim = true
		err := r.stage()
		if err == nil {
			err = r.publish()
		}
		if err := r.together(err); err != nil {
			return err
		}
	}
	r.sayKept()
	return errStopped
}

// sayKept prints what is on disk of a run that was stopped, and how to go on.
func (r *run) sayKept() {
	if _, err := os.Stat(filepath.Join(r.dir, "manifest.json")); err != nil {
		r.sayf("stopped before the run began: nothing is kept, start it again as before")
		return
	}
	launch := ""
	switch {
	case r.job.Launcher == "srun":
		launch = fmt.Sprintf("srun -n %d ", r.job.Size)
	case r.job.Size > 1:
		launch = fmt.Sprintf("mpirun -n %d ", r.job.Size)
	}
	again := cmp.Or(r.options.GoOn,
		fmt.Sprintf("continue with: %sstele train --out %s --resume", launch, shellWord(r.dir)))
	steps, err := checkpointSteps(filepath.Join(r.dir, "checkpoints"))
	if err != nil || len(steps) == 0 {
		r.sayf("stopped before there was a checkpoint: the run begins again at step 1; %s", again)
		return
	}
	last := steps[len(steps)-1]
	r.sayf("stopped: the checkpoint, the metrics and the rollouts of step %d of %d are kept, later steps are "+
		"done again; %s",
		last, r.config.Steps, again)
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=+,@%-]+$`)

// shellWord is a word as a shell reads it.
func shellWord(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	if !strings.ContainsAny(s, "\"\\$`!") {
		return `"` + s + `"`
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
