package trainer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stele-lm/stele/cluster"
	"github.com/stele-lm/stele/trainer/objective"
	"github.com/stele-lm/stele/trainer/reward"
)

// words keeps what a run says.
type words struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *words) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// interrupted runs and asks to stop some time after it began, or after its first step; it
// returns what was said.
func interrupted(c Config, dir string, after time.Duration, firstStep bool) (said *words, err error) {
	said = &words{}
	stop := make(chan struct{})
	ask := sync.OnceFunc(func() { close(stop) })
	begin := sync.OnceFunc(func() {
		if after == 0 {
			ask()
		} else {
			time.AfterFunc(after, ask)
		}
	})
	if !firstStep {
		begin()
	}
	return said, Run(context.Background(), c, dir, Options{
		Backend: "go", DType: "float32", Say: said, Stop: stop, Resume: true,
		OnStep: func(int, int, Metrics) { begin() },
	})
}

// TestShellWord: a folder's name in a command that is to be typed is what a shell reads.
func TestShellWord(t *testing.T) {
	for _, name := range []string{"runs/a", "a run", "über lauf", "it's", `a"b`, "cost $HOME", "a`b`", `a\b`,
		"x!y", "new\nline", "(a)&b;c", "-x", ""} {
		out, err := exec.Command("sh", "-c", "printf %s "+shellWord(name)).Output()
		if string(out) != name || err != nil {
			t.Errorf("%q becomes %s, which is %q: %v", name, shellWord(name), out, err)
		}
	}
}

// TestDroppedWithAnError: what fails because it was stopped with the run, such as a
// reward program that got the same signal, does not keep the run from being kept; it is
// said. Without a request to stop, or after a second one, an error stays what it is.
func TestDroppedWithAnError(t *testing.T) {
	fault := errors.New("reward x: it ended with signal: terminated")
	for _, c := range []struct {
		asked, second bool
		err, want     error
		said          string
	}{
		{false, false, fault, fault, ""},
		{true, false, fault, errStopped, "terminated"},
		{true, true, fault, fault, ""},
		{true, false, context.Canceled, errStopped, ""},
		{false, false, context.Canceled, context.Canceled, ""},
	} {
		var said words
		ctx, cancel := context.WithCancel(context.Background())
		i := interruption{asked: c.asked, say: func(format string, args ...any) {
			fmt.Fprintf(&said, format,
				args...)
		}}
		if c.second {
			cancel()
		}
		if err := i.dropped(ctx, c.err); err != c.want || !strings.Contains(said.String(), c.said) ||
			c.said == "" && said.String() != "" {
			t.Errorf("%+v: %v, said %q", c, err, said.String())
		}
		cancel()
	}
}

// TestStopAnywhere: runs that are asked to stop at random moments and go on each time
// leave the bytes of one that was let alone, no checkpoint more and none less.
func TestStopAnywhere(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	grpo, sft := richRun(t, 5), tinyRun(t, 8)
	sft.Algorithm, sft.Update.Batch = objective.SFT, 4
	for name, c := range map[string]Config{"grpo": grpo, "sft": sft} {
		c.Save.Every, c.Save.KeepLast = 3, 1
		whole, stopped := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "stopped")
		began := time.Now()
		mustRun(t, c, whole, Options{})
		took := time.Since(began)
		interim := 0
		for attempt := 0; ; attempt++ {
			after := time.Duration(random.Int64N(int64(took) / int64(2*c.Steps)))
			switch attempt {
			case 1:
				after = 0
			case 10:
				after = time.Hour
			}
			heard, err := interrupted(c, stopped, after, attempt%3 != 0)
			said := heard.String()
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) || !strings.Contains(said, "stop") ||
				!strings.Contains(said, "stele train --out "+stopped+" --resume") &&
					!strings.Contains(said, "start it again") {
				t.Fatalf("%s: %v\n%s", name, err, said)
			}
			if partial, _ := filepath.Glob(filepath.Join(stopped, "checkpoints", ".*")); len(partial) > 0 {
				t.Errorf("%s: %v is left", name, partial)
			}
			m, err := ReadMetrics(filepath.Join(stopped, "metrics.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			// Whatever step has its metrics has its checkpoint.
			steps, _ := checkpointSteps(filepath.Join(stopped, "checkpoints"))
			if len(m) > 0 && (len(steps) == 0 || steps[len(steps)-1] != len(m)) {
				t.Errorf("%s: %d steps have metrics, checkpoints are of %v", name, len(m), steps)
			}
			if len(m)%3 != 0 {
				interim++
			}
		}
		if interim == 0 {
			t.Errorf("%s: it was never stopped between checkpoints", name)
		}
		t.Logf("%s: %d checkpoints beyond those of save.every", name, interim)
		final := checkpointName(c.Steps)
		paths := []string{filepath.Join("checkpoints", final, "model.safetensors"),
			filepath.Join("checkpoints", final, "trainer_state.safetensors"),
			filepath.Join("checkpoints", final, "trainer_state.json")}
		rollouts, _ := filepath.Glob(filepath.Join(whole, "rollouts", "*"))
		for _, path := range rollouts {
			paths = append(paths, filepath.Join("rollouts", filepath.Base(path)))
		}
		checkSame(t, whole, stopped, paths...)
		a, _ := checkpointSteps(filepath.Join(whole, "checkpoints"))
		b, _ := checkpointSteps(filepath.Join(stopped, "checkpoints"))
		if !slices.Equal(a, b) {
			t.Errorf("%s: checkpoints are of %v, want %v", name, b, a)
		}
	}
}

// TestStopSaysWhatComesOfIt: while rewards are waited for a step's rollouts are dropped;
// after a step, its checkpoint is written; a program does not hold the run up.
func TestStopSaysWhatComesOfIt(t *testing.T) {
	c := tinyRun(t, 4)
	c.Save.Every = 4
	// It answers the trial, and a step only when minutes have gone; a file says that it waits.
	waiting := filepath.Join(t.TempDir(), "waiting")
	c.Reward.Commands = []reward.Command{{Name: "slow", Weight: 1, Run: []string{
		"sh", "-c", `n=0; while IFS= read -r x; do n=$((n+1)); done; if [ $n -gt 1 ]; then : > '` + waiting +
			`'; sleep 300; fi; while [ $n -gt 0 ]; do echo '{"reward": 1}'; n=$((n-1)); done`,
	}}}
	dir := filepath.Join(t.TempDir(), "a run")
	began := time.Now()
	stop := make(chan struct{})
	go func() {
		for {
			if _, err := os.Stat(waiting); err == nil {
				close(stop)
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	var first words
	err := Run(context.Background(), c, dir, Options{Backend: "go", DType: "float32", Say: &first, Stop: stop})
	said := first.String()
	if !errors.Is(err, errStopped) || !strings.Contains(said, "the rollouts of step 1 are dropped") ||
		!strings.Contains(said, `begins again at step 1; continue with: stele train --out "`+dir+`" --resume`) {
		t.Errorf("%v\n%s", err, said)
	}
	if took := time.Since(began); took > 4*time.Minute {
		t.Errorf("it took %v", took)
	}

	c.Reward.Commands = nil
	dir = filepath.Join(t.TempDir(), "run")
	stop = make(chan struct{})
	var heard words
	o := Options{Backend: "go", DType: "float32", Say: &heard, Stop: stop}
	o.OnStep = func(step, _ int, _ Metrics) {
		if step == 2 {
			close(stop)
			for !strings.Contains(heard.String(), "finishing step 2") { // the step is not over before it is
				time.Sleep(time.Millisecond)
			}
		}
	}
	err = Run(context.Background(), c, dir, o)
	if !errors.Is(err, errStopped) || !strings.Contains(heard.String(), "of step 2 of 4 are kept") {
		t.Errorf("%v\n%s", err, heard.String())
	}
	path := filepath.Join(dir, "checkpoints", "step-2")
	if s, err := readState(path, cluster.Alone().GuardFiles); err != nil || !s.Interim || s.Step != 2 {
		t.Errorf("%+v, %v", s, err)
	}

	// The second signal ends the context: the step is dropped, and what came before it stays.
	ctx, cancel := context.WithCancel(context.Background())
	o = Options{Backend: "go", DType: "float32", Say: &heard, Resume: true,
		OnStep: func(int, int, Metrics) { cancel() }}
	if err := Run(ctx, c, dir, o); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if steps, err := checkpointSteps(filepath.Join(dir, "checkpoints")); err != nil ||
		!slices.Equal(steps, []int{2}) {
		t.Errorf("checkpoints of %v, %v", steps, err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
