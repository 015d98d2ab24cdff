package gpucheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/stele-lm/stele/trainer"
)

// kills is how often the run that is killed is, resumeSteps how many steps it has.
const (
	kills       = 2
	resumeSteps = 6
)

// errKilled ends a run that is to be killed.
var errKilled = errors.New("killed by the check")

// resume trains a small model twice, lets one run alone and kills the other with signal 9, while it writes a checkpoint
// and some time after a step; it goes on each time, and both must leave the same bytes.
func resume(ctx context.Context, c *check, t *task) error {
	root := filepath.Join(c.Work, "resume")
	if err := os.RemoveAll(root); err != nil {
		return err
	}
	args := func(out string, more ...string) []string {
		args := []string{c.Stele, "train", "--backend", c.Backend, "--out", filepath.Join(root, out)}
		for _, s := range []string{
			"model=builtin:nano", "data.bench=arith", "data.levels=[1]", "data.template=plain",
			"data.languages=[en, sw]", "rollout.questions=3", "rollout.group_size=4", "rollout.max_tokens=6",
			"update.mini_batches=2", "update.micro_tokens=256", "optimizer.lr=1e-3", "save.every=1", "save.keep_last=2",
			"loss.beta=0.01", fmt.Sprint("steps=", resumeSteps),
		} {
			args = append(args, "--set", s)
		}
		return append(args, more...)
	}
	if _, err := c.command(ctx, t, args("whole")...); err != nil {
		return err
	}
	killed := filepath.Join(root, "killed")
	random := rand.New(rand.NewPCG(6, 9))
	var more []string
	hits := 0
	for attempt := range kills {
		before := sizeOf(filepath.Join(killed, "metrics.jsonl"))
		ready := func() bool { return sizeOf(filepath.Join(killed, "metrics.jsonl")) > before }
		late := time.Duration(random.IntN(60)) * time.Millisecond
		if attempt%2 == 0 {
			ready = func() bool {
				found, _ := filepath.Glob(filepath.Join(killed, "checkpoints", ".step-*.partial", "*"))
				return len(found) > 0
			}
			late = time.Duration(random.IntN(4000)) * time.Microsecond
		}
		running, kill := context.WithCancelCause(ctx)
		watching := make(chan struct{})
		go func() {
			defer close(watching)
			for running.Err() == nil && !ready() {
				time.Sleep(time.Millisecond)
			}
			time.Sleep(late)
			kill(errKilled)
		}()
		_, err := c.command(running, t, args("killed", more...)...)
		kill(nil)
		<-watching
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, errKilled):
			hits++
		case err != nil:
			return err
		}
		if _, err := os.Stat(filepath.Join(killed, "manifest.json")); err == nil {
			more = []string{"--resume"}
		}
	}
	if _, err := c.command(ctx, t, args("killed", more...)...); err != nil {
		return err
	}
	want, err := runFiles(filepath.Join(root, "whole"))
	if err != nil {
		return err
	}
	got, err := runFiles(killed)
	if err != nil {
		return err
	}
	var differ []string
	for name, w := range want {
		if g, ok := got[name]; !ok || !bytes.Equal(g, w) {
			differ = append(differ, name)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			differ = append(differ, name)
		}
	}
	slices.Sort(differ)
	t.find(Figure{Key: "resume/kills", What: "times that a run was killed and went on", Value: float64(hits)})
	t.find(Figure{Key: "resume/same", What: "files and metrics that are those of a run that was let alone",
		Value: float64(len(want) - len(differ)), Unit: fmt.Sprintf("of %d", len(want))})
	switch {
	case len(differ) > 0:
		return fmt.Errorf("a run that was killed left other bytes than one that was not: %s",
			strings.Join(differ, ", "))
	case hits == 0:
		return errors.New("the run was over before it could be killed")
	}
	return nil
}

// sizeOf is a file's size, 0 where there is none.
func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// runFiles reads what a training run leaves, but for what the clock writes.
func runFiles(dir string) (map[string][]byte, error) {
	all := map[string][]byte{}
	for _, folder := range []string{"checkpoints", "rollouts"} {
		err := filepath.WalkDir(filepath.Join(dir, folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			name, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			all[name], err = os.ReadFile(path)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	metrics, err := trainer.ReadMetrics(filepath.Join(dir, "metrics.jsonl"))
	if err != nil {
		return nil, err
	}
	for i, m := range metrics {
		for name, x := range m {
			if !trainer.OfClock(name) {
				all[fmt.Sprintf("metrics %d, %s", i+1, name)] = fmt.Append(nil, x)
			}
		}
	}
	return all, nil
}
