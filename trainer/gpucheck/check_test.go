package gpucheck

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// trial runs parts in a folder and returns what was said.
func trial(t *testing.T, ctx context.Context, dir string, limit time.Duration, parts []part) (string, error) {
	t.Helper()
	var said bytes.Buffer
	err := runParts(ctx, Options{Stele: "stele", Version: "v", Backend: "xla:cpu", Small: true, Out: dir,
		Work: filepath.Join(dir, "work"), Data: dir, Python: "python3", Limit: limit, Say: &said}, parts)
	return said.String(), err
}

func outcomes(t *testing.T, dir string) map[string]Outcome {
	t.Helper()
	r, err := readRecords(&Options{Out: dir, Backend: "xla:cpu", Small: true, Version: "v"})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]Outcome{}
	for _, p := range r.Parts {
		all[p.Part] = p.Outcome
	}
	return all
}

// TestParts: a part that fails, takes too long or cannot run stops no other, and is named; what was found is kept,
// of parts that failed too; a second call does what is left and what could not run before, and nothing else.
func TestParts(t *testing.T) {
	dir := t.TempDir()
	var done []string
	missing := true
	count := func(name string, err error) func(context.Context, *check, *task) error {
		return func(ctx context.Context, c *check, t *task) error {
			done = append(done, name)
			t.find(Figure{Key: name, What: "the " + name, Value: 2, Unit: "s"})
			return err
		}
	}
	parts := []part{
		{machinePart, time.Minute, count(machinePart, nil)},
		{"first", time.Minute, count("first", nil)},
		{"failing", time.Minute, count("failing", errors.New("it has\nfaults"))},
		{"slow", 300 * time.Millisecond, func(ctx context.Context, c *check, t *task) error {
			done = append(done, "slow")
			_, err := c.command(ctx, t, "sleep", "100")
			return err
		}},
		{"absent", time.Minute, func(ctx context.Context, c *check, t *task) error {
			if done = append(done, "absent"); missing {
				return cannot{errors.New("there is no vllm")}
			}
			return nil
		}},
		{"last", time.Minute, count("last", nil)},
	}
	all := []string{machinePart, "first", "failing", "slow", "absent", "last"}
	began := time.Now()
	_, err := trial(t, t.Context(), dir, time.Minute, parts)
	if !errors.Is(err, ErrFaults) || !strings.Contains(err.Error(), "failing, slow") ||
		time.Since(began) > 20*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	want := map[string]Outcome{machinePart: Done, "first": Done, "failing": Failed, "slow": TooLong, "absent": Cannot,
		"last": Done}
	check := func(order []string) {
		t.Helper()
		got := outcomes(t, dir)
		for name, outcome := range want {
			if got[name] != outcome {
				t.Errorf("%s: %q, want %q", name, got[name], outcome)
			}
		}
		if !slices.Equal(done, order) {
			t.Errorf("done were %q, want %q", done, order)
		}
		done = nil
	}
	check(all)
	report, err := os.ReadFile(filepath.Join(dir, reportFile))
	for _, line := range []string{"| failing | failed |", "| it has faults |", "| slow | took too long | 0.",
		"| the failing | 2 | s |",
		"| absent | could not run | 0.0 | there is no vllm |", "| the last | 2 | s |", "SMALL SHAPES"} {
		if !strings.Contains(string(report), line) {
			t.Errorf("%v: the report has no %q:\n%s", err, line, report)
		}
	}

	missing, want["absent"] = false, Done
	if _, err := trial(t, t.Context(), dir, time.Minute, parts); !errors.Is(err, ErrFaults) {
		t.Error(err)
	}
	check([]string{machinePart, "absent"})
	work := filepath.Join(dir, "work")
	if left, err := filepath.Glob(filepath.Join(work, "stele-gpu-check*")); err != nil || len(left) > 0 {
		t.Errorf("the check's folder is left: %v, %v", left, err)
	}
	if _, err := os.Stat(work); err != nil {
		t.Errorf("the folder that was given is gone: %v", err)
	}
}

// TestGoesOn: what the end of the time for all, or a signal, cuts is not recorded and comes first in the next call.
func TestGoesOn(t *testing.T) {
	defer func(before time.Duration) { tooShort = before }(tooShort)
	tooShort = time.Second
	dir := t.TempDir()
	var done []string
	ctx, cancel := context.WithCancel(t.Context())
	sleep := "sleep"
	parts := []part{
		{machinePart, time.Second, func(context.Context, *check, *task) error { return nil }},
		{"one", time.Second, func(context.Context, *check, *task) error { done = append(done, "one"); return nil }},
		{"two", time.Second, func(ctx context.Context, c *check, t *task) error {
			if done = append(done, "two"); sleep == "cancel" {
				time.AfterFunc(200*time.Millisecond, cancel)
			}
			if sleep == "" {
				return nil
			}
			_, err := c.command(ctx, t, "sleep", "100")
			return err
		}},
		{"three", time.Second, func(context.Context, *check, *task) error { done = append(done, "three"); return nil }},
	}
	parts[2].limit = time.Minute
	said, err := trial(t, t.Context(), dir, 2*time.Second, parts)
	if err != nil || !strings.Contains(said, "2 of 4 parts are left, the next call begins with two") {
		t.Errorf("%v: %s", err, said)
	}
	sleep = "cancel"
	if said, err = trial(t, ctx, dir, time.Minute*10, parts); !errors.Is(err, context.Canceled) {
		t.Errorf("%v: %s", err, said)
	}
	sleep = ""
	if said, err = trial(t, t.Context(), dir, time.Minute*10, parts); err != nil {
		t.Errorf("%v: %s", err, said)
	}
	if want := []string{"one", "two", "two", "two", "three"}; !slices.Equal(done, want) {
		t.Errorf("done were %q, want %q", done, want)
	}
}

// TestOtherCheck: what was found on one backend is not gone on with on another.
func TestOtherCheck(t *testing.T) {
	dir := t.TempDir()
	parts := []part{{machinePart, time.Minute, func(context.Context, *check, *task) error { return nil }}}
	if _, err := trial(t, t.Context(), dir, time.Minute, parts); err != nil {
		t.Fatal(err)
	}
	err := runParts(t.Context(), Options{Backend: "xla:cuda", Out: dir, Work: dir, Version: "v", Limit: time.Minute,
		Say: &bytes.Buffer{}}, parts)
	if err == nil || !strings.Contains(err.Error(), "is of backend xla:cpu") {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, recordsFile), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = trial(t, t.Context(), dir, time.Minute, parts)
	if err == nil || !strings.Contains(err.Error(), recordsFile) {
		t.Error(err)
	}
}

// TestMissingBackend: without the backend the report says so of every part, and the call fails.
func TestMissingBackend(t *testing.T) {
	dir := t.TempDir()
	parts := []part{
		{machinePart, time.Minute, func(_ context.Context, c *check, _ *task) error {
			c.missing = "xla:cuda is not there: no plugin"
			return cannot{errors.New(c.missing)}
		}},
		{"one", time.Minute, func(context.Context, *check, *task) error { t.Error("it ran"); return nil }},
	}
	_, err := trial(t, t.Context(), dir, time.Minute, parts)
	if err == nil || !strings.Contains(err.Error(), "no plugin") {
		t.Error(err)
	}
	report, _ := os.ReadFile(filepath.Join(dir, reportFile))
	if !strings.Contains(string(report), "| one | could not run | 0.0 | xla:cuda is not there: no plugin |") {
		t.Errorf("%s", report)
	}
}

// TestEndsAll: with a process ends what it started, in its group, out of it and in a session of its own, and
// also where it has ended itself.
func TestEndsAll(t *testing.T) {
	adopt()
	for _, end := range []string{"sleep 100", "exit 3"} {
		dir := t.TempDir()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		script := `cd ` + dir + `
setsid sh -c 'echo $$ >a; exec sleep 97' &
(sh -c 'echo $$ >b; exec sleep 98' &)
sh -c 'echo $$ >c; exec sleep 99' &
until [ -s a ] && [ -s b ] && [ -s c ]; do sleep 0.01; done
` + end
		began := time.Now()
		var log bytes.Buffer
		_, err := run(ctx, &log, []string{"sh", "-c", script}, os.Environ())
		cancel()
		if err == nil || time.Since(began) > 10*time.Second {
			t.Errorf("%s: %v after %v", end, err, time.Since(began))
		}
		for _, name := range []string{"a", "b", "c"} {
			pid, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			line, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/cmdline")
			if err == nil && strings.Contains(string(line), "sleep") {
				t.Errorf("%s: process %s still runs", end, name)
			}
		}
	}
}

// TestSaysWhatFailed: an error has the last line that a program said, its figures what it had said before.
func TestSaysWhatFailed(t *testing.T) {
	dir := t.TempDir()
	work := filepath.Join(dir, "work")
	model := filepath.Join(work, "qwen2.5-0.5b")
	if err := os.MkdirAll(model, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(model, "config.json"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	stele := filepath.Join(dir, "stele")
	const script = `#!/bin/sh
echo 'tg64 d256: 10.5 tokens/s' >&2
echo 'tg64@256 d256: 99.0 tokens/s' >&2
echo 'no memory is left' >&2
exit 1
`
	if err := os.WriteFile(stele, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	c := &check{Options: &Options{Stele: stele, Work: work, Data: dir, Backend: "xla:cpu"}, records: &records{},
		log: &bytes.Buffer{}}
	task := &task{}
	err := fullSizes.decode("0.5B")(t.Context(), c, task)
	if err == nil || !strings.HasSuffix(err.Error(), "no memory is left") {
		t.Error(err)
	}
	if len(task.figures) != 2 || task.figures[0].Key != "0.5B/decode/1" ||
		task.figures[1].Key != "0.5B/decode/256" || task.figures[1].Value != 99 ||
		!strings.HasPrefix(task.figures[0].Command, "stele bench -m WORK/qwen2.5-0.5b ") {
		t.Errorf("%+v", task.figures)
	}
}
