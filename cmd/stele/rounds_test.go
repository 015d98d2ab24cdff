package main

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stele-lm/stele/cluster/clustertest"
)

var rounds = flag.Int("rounds", 1, "how many runs of several processes TestRounds disturbs; make kill-check takes more")

// TestRounds: an evaluation, a study or a training with random settings is begun by 2 to 4 processes of a random
// launcher. Something happens to them at a random moment, up to three times, and other numbers of processes, or one
// alone, go on. In the end all files are those of one process that was let alone; meanwhile each start ends soon, with
// one line at most, and leaves no process behind.
func TestRounds(t *testing.T) {
	launchers := clustertest.Launchers(t)
	t.Setenv("SOURCE_DATE_EPOCH", "1767225600") // reports have the day of runs
	for n := range *rounds {
		random := moments(t, 31+uint64(n)<<8)
		kinds := []func(*rand.Rand, string) (roundsWork, error){someEvaluation, someStudy, someEvaluation, someTraining}
		if *rounds == 1 {
			kinds = kinds[:1]
		}
		t.Run(fmt.Sprint(n+1), func(t *testing.T) {
			root := t.TempDir()
			work, err := kinds[n%len(kinds)](random, root)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("stele %s", strings.Join(work.args, " "))
			disturb(t, random, launchers, root, work)
		})
	}
}

// roundsWork is what the processes of a round do.
type roundsWork struct {
	args []string // but for --out
	// varied are further arguments, of each start its own; nil for none.
	varied func() []string
	// resumed reports whether a start needs --resume to go on.
	resumed func(out string) bool
	// done reports whether it came to its end.
	done    func(out string) bool
	compare func(t *testing.T, alone, together string)
}

// choose returns one of some.
func choose[T any](random *rand.Rand, some ...T) T { return some[random.IntN(len(some))] }

// someEvaluation is an evaluation of one to fifty samples, at times of fewer questions than there are processes.
func someEvaluation(random *rand.Rand, _ string) (roundsWork, error) {
	args := []string{"eval", "-m", "builtin:nano", "--backend", "go", "--dtype", "float32", "--bench", "arith",
		"--lang", choose(random, "en", "en,te", "sw,en,ru"), "--limit", fmt.Sprint(1 + random.IntN(6)),
		"-n", fmt.Sprint(1 + random.IntN(4)), "--max-tokens", fmt.Sprint(4 + random.IntN(60)),
		"--temperature", choose(random, "0", "0.6", "1"), "--seed", fmt.Sprint(random.IntN(1000)),
		"--template", choose(random, "auto", "plain"), "--grader", choose(random, "qwen", "strict")}
	return roundsWork{
		args: args,
		varied: func() []string {
			return []string{"--batch", fmt.Sprint(1 + random.IntN(8))}
		},
		done: func(out string) bool { return sizeOf(filepath.Join(out, "results.json")) > 0 },
		compare: func(t *testing.T, alone, together string) {
			compareFolders(t, alone, together, func(string) bool { return false })
		},
	}, nil
}

// someStudy is a study of one or two seeds whose trainings divide more or less of their state.
func someStudy(random *rand.Rand, root string) (roundsWork, error) {
	steps := 2 + random.IntN(3)
	text := strings.NewReplacer(
		"seeds: [1]", choose(random, "seeds: [1]", "seeds: [3, 4]"),
		"limit: 4", fmt.Sprint("limit: ", 1+random.IntN(5)),
		"samples: 2", fmt.Sprint("samples: ", 1+random.IntN(3)),
		"steps: 3", fmt.Sprint("steps: ", steps),
		"questions: 2", fmt.Sprint("questions: ", 1+random.IntN(4)),
		"group_size: 2", fmt.Sprint("group_size: ", 2+random.IntN(3)),
		"every: 1", fmt.Sprint("every: ", 1+random.IntN(2)),
		"lr: 1e-3", fmt.Sprint("lr: 1e-3, zero_stage: ", random.IntN(2)),
	).Replace(smallStudy)
	path := filepath.Join(root, "study.yaml")
	return roundsWork{
		args: []string{"study", path, "--backend", "go", "--dtype", "float32"},
		done: func(out string) bool { return sizeOf(filepath.Join(out, "report", "report.html")) > 0 },
		compare: func(t *testing.T, alone, together string) {
			compareFolders(t, alone, together, func(name string) bool { // what checkTogether compares
				return strings.HasPrefix(name, "train/") && (strings.Contains(name, "/checkpoints/") ||
					filepath.Base(name) == "metrics.jsonl")
			})
			runs, err := filepath.Glob(filepath.Join(alone, "train", "*"))
			if err != nil || len(runs) < 2 {
				t.Errorf("%d trainings: %v", len(runs), err)
			}
			for _, run := range runs {
				name := filepath.Base(run)
				checkTogether(t, name, run, filepath.Join(together, "train", name), steps)
			}
		},
	}, os.WriteFile(path, []byte(text), 0o644)
}

// someTraining is GRPO or SFT of a few steps.
func someTraining(random *rand.Rand, _ string) (roundsWork, error) {
	steps := 3 + random.IntN(3)
	settings := append([]string{fmt.Sprint("steps=", steps), fmt.Sprint("save.every=", 1+random.IntN(3)),
		fmt.Sprint("seed=", random.IntN(1000)), fmt.Sprint("optimizer.zero_stage=", random.IntN(2))}, grpoSettings...)
	if random.IntN(4) == 0 {
		settings = append(settings[:4], "algorithm=sft", "update.batch=12", "update.micro_tokens=64")
	}
	all := trainTogether("", settings...)
	at := 0
	for all[at] != "--out" {
		at++
	}
	final := filepath.Join("checkpoints", fmt.Sprintf("step-%d", steps))
	return roundsWork{
		args: append(all[:at:at], all[at+2:]...),
		resumed: func(out string) bool {
			_, err := os.Stat(filepath.Join(out, "manifest.json"))
			return err == nil
		},
		done: func(out string) bool {
			_, err := os.Stat(filepath.Join(out, final))
			return err == nil
		},
		compare: func(t *testing.T, alone, together string) {
			checkTogether(t, "training", alone, together, steps)
			compareFolders(t, alone, together, func(name string) bool {
				return strings.HasPrefix(name, "checkpoints/") || name == "metrics.jsonl"
			})
		},
	}, nil
}

// compareFolders compares the names of all files and the bytes of those that are not left to another comparison,
// except for locks and TensorBoard's files, which have the time.
func compareFolders(t *testing.T, alone, together string, left func(name string) bool) {
	t.Helper()
	read := func(dir string) (all map[string]string) {
		all = map[string]string{}
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || strings.HasSuffix(path, ".lock") ||
				strings.HasPrefix(entry.Name(), "events.out.") {
				return err
			}
			name, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			data := []byte(nil)
			if !left(name) {
				data, err = os.ReadFile(path)
			}
			all[name] = string(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	want, got := read(alone), read(together)
	for name, text := range want {
		if other, ok := got[name]; !ok {
			t.Errorf("%s is missing", name)
		} else if other != text {
			t.Errorf("%s is another than one process's", name)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is there, of one process it is not", name)
		}
	}
}

// disturbance is a signal that the launcher gets, or one of the processes.
type disturbance struct {
	signal   syscall.Signal
	launcher bool
}

// disturb is a round.
func disturb(t *testing.T, random *rand.Rand, launchers []clustertest.Launcher, root string, work roundsWork) {
	out, alone := filepath.Join(root, "run"), filepath.Join(root, "alone")
	args := func() []string {
		all := append(append([]string{}, work.args...), "--out", out) // the same path: files have it
		if work.varied != nil {
			all = append(all, work.varied()...)
		}
		if work.resumed != nil && work.resumed(out) {
			all = append(all, "--resume")
		}
		return all
	}
	var log bytes.Buffer
	c := start(t, program(&log, args()...))
	changes, stop := watchFolder(out)
	if err := c.end(); err != nil {
		t.Fatalf("alone: %v\n%s", err, log.String())
	}
	stop()
	total := changes()
	if err := os.Rename(out, alone); err != nil {
		t.Fatal(err)
	}
	for attempt := 0; ; attempt++ {
		var log bytes.Buffer
		l := choose(random, launchers...)
		n := 2 + random.IntN(3)
		d := choose(random, disturbance{syscall.SIGKILL, false}, disturbance{syscall.SIGKILL, false},
			disturbance{syscall.SIGKILL, true}, disturbance{syscall.SIGINT, true}, disturbance{syscall.SIGTERM, true},
			disturbance{syscall.SIGINT, false}, disturbance{syscall.SIGTERM, false},
			disturbance{syscall.SIGUSR1, l.Name != "mpich" && l.Name != "impi"}) // others pass it on, that ends
		if os.Getenv(clustertest.Slurm) != "" && d.signal == syscall.SIGKILL {
			d.launcher = false // without srun the tasks go on to their end
		}
		enough, late := random.IntN(1+random.IntN(max(1, total))), time.Duration(random.IntN(60))*time.Millisecond
		who := random.IntN(n)
		last := attempt == 3
		what := fmt.Sprintf("%d processes of %s", n, l.Name)
		c := processes(t, l, n, &log, args()...)
		if last && random.IntN(3) == 0 {
			what, c = "one process", program(&log, args()...)
		}
		run := start(t, c)
		said, began := "", time.Now()
		if !last {
			changes, stop := watchFolder(out)
			if run.reaches(func() bool { return changes() >= enough }) {
				time.Sleep(late)
				pid := run.Process.Pid
				if !d.launcher {
					if pids := ranksOf(out); len(pids) > 0 {
						pid = pids[who%len(pids)]
					}
				}
				said = fmt.Sprintf("%v to the launcher", d.signal)
				if pid != run.Process.Pid {
					said = fmt.Sprintf("%v to rank %s", d.signal, rankOf(pid))
				}
				_ = syscall.Kill(pid, d.signal)
			}
			stop()
			began = time.Now()
		}
		err := run.end()
		took := time.Since(began).Round(time.Millisecond)
		t.Logf("%s, %s after %d of %d changes, ended %v later: %v", what, said, enough, total, took, err)
		if text := log.String(); strings.Count(text, "stele:") > 1 || strings.Contains(text, "goroutine ") {
			t.Errorf("it said\n%s", text)
		}
		if last && err != nil || err == nil && !work.done(out) {
			t.Fatalf("%s: %v\n%s", what, err, log.String())
		}
		if !last && err != nil && took > time.Minute {
			t.Errorf("it took %v to end\n%s", took, log.String())
		}
		if left := remaining(20 * time.Second); len(left) > 0 {
			t.Fatalf("processes are left: %v\n%s", left, log.String())
		}
		if err == nil {
			break
		}
	}
	work.compare(t, alone, out)
}

// watchFolder counts the changes of a folder's files, as far as it comes to see them, until stop is called.
func watchFolder(dir string) (changes func() int, stop func()) {
	count, end, ended := make(chan int, 1), make(chan struct{}), make(chan struct{})
	count <- 0
	go func() {
		defer close(ended)
		before := ""
		for {
			now := ""
			_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
				if err == nil {
					now += fmt.Sprintln(path, sizeOf(path))
				}
				return nil
			})
			if now != before {
				count <- <-count + 1
			}
			before = now
			select {
			case <-end:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	return func() int {
			n := <-count
			count <- n
			return n
		}, func() {
			close(end)
			<-ended
		}
}

// remaining waits until no process of this program is there but this one, for so long at most, and returns the command
// lines of those that are.
func remaining(limit time.Duration) (left []string) {
	own, _ := os.Readlink("/proc/self/exe")
	for until := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		left = nil
		entries, _ := filepath.Glob("/proc/[0-9]*/exe")
		for _, entry := range entries {
			exe, _ := os.Readlink(entry)
			if exe != own || entry == fmt.Sprintf("/proc/%d/exe", os.Getpid()) {
				continue
			}
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(entry), "cmdline"))
			left = append(left, filepath.Dir(entry)+" "+strings.ReplaceAll(string(line), "\x00", " "))
		}
		if len(left) == 0 || time.Now().After(until) {
			return left
		}
	}
}
