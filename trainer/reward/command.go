package reward

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"

	"github.com/stele-lm/stele/internal/command"
)

// Command is a reward that a program of the user's computes. It is started for
// each sampling, gets one JSON object a line on standard input as rollouts end,
//
//	{"id", "sample", "language", "prompt", "output", "answer", "tokens", "truncated"}
//
// and writes one line for each, in the same order, {"reward": number}. Its environment is
// that of Stele's user. It may write at once or when its input ends. What it says should
// depend on the line alone: the order of lines depends on which rollouts end first. A reward
// of null (or NaN, as Python writes it) does not count for that rollout. An answer may repeat
// "id" and "sample", which must then be those of the line it answers.
type Command struct {
	// Name is the reward's name in metrics and rollouts.
	Name string `yaml:"name" json:"name"`
	// Run is the program and its arguments; no shell reads them.
	Run []string `yaml:"run" json:"run"`
	// Weight is the reward's weight in the sum.
	Weight float64 `yaml:"weight" json:"weight"`
	// TimeoutS is the time in seconds that it has after the end of its input; 0 means 60.
	TimeoutS float64 `yaml:"timeout_s" json:"timeout_s"`
	// Workers is the number of copies that run at a time, each of which gets some of the lines; 0 means 1.
	// Rewards do not depend on it.
	Workers int `yaml:"workers,omitempty" json:"workers,omitempty"`
}

// mostWorkers bounds Workers: each is a process.
const mostWorkers = 1024

func (c Command) validate() error {
	switch {
	case c.Name == "" || strings.ContainsAny(c.Name, "/ \t\n"):
		return fmt.Errorf("reward: command %q needs a name without spaces and slashes",
			strings.Join(c.Run, " "))
	case len(c.Run) == 0 || c.Run[0] == "":
		return fmt.Errorf("reward: command %s has nothing to run", c.Name)
	case c.Weight == 0 || math.IsNaN(c.Weight) || math.IsInf(c.Weight, 0):
		return fmt.Errorf("reward: command %s has weight %g", c.Name, c.Weight)
	case c.TimeoutS < 0:
		return fmt.Errorf("reward: command %s has a time limit of %g s", c.Name, c.TimeoutS)
	case c.Workers < 0 || c.Workers > mostWorkers:
		return fmt.Errorf("reward: command %s has %d workers, expected at most %d", c.Name, c.Workers, mostWorkers)
	}
	return nil
}

// query is a line that a command reads.
type query struct {
	ID        string `json:"id"`
	Sample    int    `json:"sample"`
	Language  string `json:"language"`
	Prompt    string `json:"prompt"`
	Output    string `json:"output"`
	Answer    string `json:"answer"`
	Tokens    int    `json:"tokens"`
	Truncated bool   `json:"truncated"`
}

// process is a command that was started; its answers are rewards, NaN for null.
type process = command.Process[float64]

func (c Command) start() (*process, error) {
	return c.program().Start()
}

// pool is a command's processes, among which its lines are divided.
type pool struct {
	workers []*process
	log     *log  // nil where what they say is not kept
	at      []int // of each line the worker that got it
}

// startAll runs the command's processes, whose standard error goes to a file in a folder; "" keeps none. broken is
// called when one of them is known to have failed.
func (c Command) startAll(folder string, broken func()) (*pool, error) {
	p := &pool{}
	program := c.program()
	program.Broken = broken
	if folder != "" {
		var err error
		if p.log, err = openLog(folder, c.Name); err != nil {
			return nil, err
		}
		program.LogPath = p.log.path
	}
	n := max(1, c.Workers)
	for i := range n {
		own := program
		prefix := ""
		if n > 1 {
			own.Name, prefix = fmt.Sprintf("%s, worker %d of %d", program.Name, i+1, n), fmt.Sprintf("[%d] ", i+1)
		}
		if p.log != nil {
			own.Log = p.log.lines(prefix)
		}
		worker, err := own.Start()
		if err != nil {
			return nil, errors.Join(err, p.abandon())
		}
		p.workers = append(p.workers, worker)
	}
	return p, nil
}

// send gives a line to the worker that has least to do. It must not be called twice at a time.
func (p *pool) send(of command.Asked, line []byte) error {
	least, waiting := 0, math.MaxInt
	for i, w := range p.workers {
		if n := w.Waiting(); n < waiting {
			least, waiting = i, n
		}
	}
	p.at = append(p.at, least)
	return p.workers[least].Send(of, line)
}

// finish returns the answers in the order of the lines, whichever worker came first. When one fails the others are
// ended.
func (p *pool) finish(ctx context.Context) ([]float64, error) {
	within, stop := context.WithCancel(ctx)
	defer stop()
	all, errs := make([][]float64, len(p.workers)), make([]error, len(p.workers))
	var ending sync.WaitGroup
	for i, w := range p.workers {
		ending.Go(func() {
			if all[i], errs[i] = w.Finish(within); errs[i] != nil {
				stop()
			}
		})
	}
	ending.Wait()
	own := causesOf(errs)
	if several, ok := own.(causes); ok {
		own = several[0] // the same program, which mostly fails for the same reason
	}
	if err := causesOf([]error{own, p.log.close()}); err != nil {
		return nil, err
	}
	answers, next := make([]float64, len(p.at)), make([]int, len(p.workers))
	for i, worker := range p.at {
		answers[i] = all[worker][next[worker]]
		next[worker]++
	}
	return answers, nil
}

// causes are errors that were met beside each other, in one line.
type causes []error

func (c causes) Error() string {
	texts := make([]string, len(c))
	for i, err := range c {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; and ")
}

func (c causes) Unwrap() []error { return c }

// causesOf returns all errors but those of what was ended because of the others; where there is nothing else, the first
// of those.
func causesOf(errs []error) error {
	var own causes
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			own = append(own, err)
		}
	}
	switch len(own) {
	case 0:
		return cmp.Or(errs...)
	case 1:
		return own[0]
	}
	return own
}

// abandon ends processes whose answers nobody waits for.
func (p *pool) abandon() error {
	for _, w := range p.workers {
		w.Fail(errors.New("another command did not start"))
		_, _ = w.Finish(context.Background())
	}
	return p.log.close()
}

func (c Command) program() command.Program[float64] {
	return command.Program[float64]{Name: "reward " + c.Name, Run: c.Run, Sent: "rollout",
		Limit:   command.Seconds(c.TimeoutS),
		Expects: `{"reward": number or null}`, Read: rewardOf}
}

// rewardOf is the reward in an answer, NaN where it says null.
func rewardOf(answer map[string]json.RawMessage) (float64, bool) {
	var reward *float64
	value, there := answer["reward"]
	if !there || json.Unmarshal(value, &reward) != nil {
		return 0, false
	}
	if reward == nil {
		return math.NaN(), true
	}
	return *reward, true
}
