package reward

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"

	"github.com/stele-lm/stele/internal/environment"
)

// Command is a reward that a program of the user's computes. It is started for
// each sampling, gets one JSON object a line on standard input as rollouts end,
//
//	{"id", "sample", "language", "prompt", "output", "answer", "tokens", "truncated"}
//
// and writes one line for each, in the same order, {"reward": number}. Its environment is
// that of Stele's user. It may write
// at once or when its input ends. What it says should depend on the line alone:
// the order of lines depends on which rollouts end first. A reward of null (or NaN,
// as Python writes it) does not count for that rollout. An answer may repeat "id" and
// "sample", which must then be those of the line it answers.
type Command struct {
	Name   string   `yaml:"name" json:"name"`
	Run    []string `yaml:"run" json:"run"` // the program and its arguments; no shell
	Weight float64  `yaml:"weight" json:"weight"`
	// TimeoutS is how many seconds it has after its input ended; 0 means 60.
	TimeoutS float64 `yaml:"timeout_s" json:"timeout_s"`
}

func (c Command) validate() error {
	switch {
	case c.Name == "" || strings.ContainsAny(c.Name, "/ \t\n"):
		return fmt.Errorf("reward: command %q needs a name without spaces and slashes", strings.Join(c.Run, " "))
	case len(c.Run) == 0 || c.Run[0] == "":
		return fmt.Errorf("reward: command %s has nothing to run", c.Name)
	case c.Weight == 0 || math.IsNaN(c.Weight) || math.IsInf(c.Weight, 0):
		return fmt.Errorf("reward: command %s has weight %g", c.Name, c.Weight)
	case c.TimeoutS < 0:
		return fmt.Errorf("reward: command %s has a time limit of %g s", c.Name, c.TimeoutS)
	}
	return nil
}

func (c Command) timeout() time.Duration {
	if c.TimeoutS == 0 {
		return time.Minute
	}
	return time.Duration(c.TimeoutS * float64(time.Second))
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

// longestAnswer is the longest line that is read from a command.
const longestAnswer = 1 << 20

// asked names the rollout of a line that a command was sent.
type asked struct {
	id     string
	sample int
}

// parseAnswer reads a line that a command wrote: its reward, NaN where it says null. to
// is what it must be the answer to, nil where that is not known.
func parseAnswer(line []byte, to *asked) (float64, error) {
	var answer map[string]json.RawMessage
	if err := json.Unmarshal(plainJSON(line), &answer); err != nil || answer == nil {
		return 0, fmt.Errorf(`%.80q: expected {"reward": number or null}`, line)
	}
	for _, name := range []string{"id", "sample"} {
		given, there := answer[name]
		if !there || to == nil {
			continue
		}
		want := to.id
		if name == "sample" {
			want = strconv.Itoa(to.sample)
		}
		got := string(given)
		var text string
		if json.Unmarshal(given, &text) == nil {
			got = text
		}
		if got != want {
			return 0, fmt.Errorf(`%.80q: it answers %s %.40q, expected the answer to %q: answers come in the order of the lines`, line, name, got, want)
		}
	}
	var reward *float64
	value, there := answer["reward"]
	if !there || json.Unmarshal(value, &reward) != nil {
		return 0, fmt.Errorf(`%.80q: expected {"reward": number or null}`, line)
	}
	if reward == nil {
		return math.NaN(), nil
	}
	return *reward, nil
}

// pythonNumbers are what Python's json module writes beside JSON, and what is read for
// them: NaN is null, and an infinity is no number.
var pythonNumbers = []struct{ name, meaning string }{{"NaN", "null"}, {"-Infinity", `"-Infinity"`}, {"Infinity", `"Infinity"`}}

// plainJSON replaces pythonNumbers outside of strings.
func plainJSON(line []byte) []byte {
	var out []byte
	inString := false
next:
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case inString && c == '\\' && i+1 < len(line):
			out = append(out, c)
			i++
		case c == '"':
			inString = !inString
		case !inString:
			for _, n := range pythonNumbers {
				if bytes.HasPrefix(line[i:], []byte(n.name)) {
					out = append(out, n.meaning...)
					i += len(n.name) - 1
					continue next
				}
			}
		}
		out = append(out, line[i])
	}
	return out
}

// process is a command that was started.
type process struct {
	command Command
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	stdout  io.ReadCloser
	stderr  tail

	mu      sync.Mutex
	more    *sync.Cond
	lines   [][]byte // not yet written
	sent    []asked
	closed  bool
	rewards []float64 // read so far; NaN for null
	err     error     // the first thing that went wrong
	read    chan struct{}
}

// start runs the command. It must be finished, or killed, whatever happens.
func (c Command) start() (*process, error) {
	p := &process{command: c, cmd: exec.Command(c.Run[0], c.Run[1:]...), read: make(chan struct{})}
	p.more = sync.NewCond(&p.mu)
	// A group of its own, so that what it starts can be ended with it.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Env = environment.Users() // not what is set for Stele's own process
	p.cmd.Stderr = &p.stderr
	p.cmd.WaitDelay = time.Second
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err == nil {
		p.stdout, err = p.cmd.StdoutPipe()
	}
	if err == nil {
		err = p.cmd.Start()
	}
	if errors.Is(err, exec.ErrNotFound) {
		return nil, fmt.Errorf("reward %s: there is no program %q in PATH", c.Name, c.Run[0])
	}
	if err != nil {
		return nil, fmt.Errorf("reward %s: %w", c.Name, err)
	}
	go p.write()
	go p.readAll()
	return p, nil
}

// send queues a rollout's line, which stays as it is from now on; it never waits for
// the command. It returns what has gone wrong so far.
func (p *process) send(of asked, line []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, line)
	p.sent = append(p.sent, of)
	p.more.Signal()
	return p.err
}

// write hands lines to the command until the last one.
func (p *process) write() {
	defer p.stdin.Close()
	for {
		p.mu.Lock()
		for len(p.lines) == 0 && !p.closed {
			p.more.Wait()
		}
		lines := p.lines
		p.lines = nil
		p.mu.Unlock()
		if len(lines) == 0 {
			return
		}
		// A command that does not read any more is found out when it ends.
		if _, err := p.stdin.Write(bytes.Join(lines, nil)); err != nil {
			return
		}
	}
}

// readAll takes the answers, up to the first that is none.
func (p *process) readAll() {
	defer close(p.read)
	in := bufio.NewScanner(p.stdout)
	in.Buffer(nil, longestAnswer)
	for number := 1; in.Scan(); number++ {
		if len(bytes.TrimSpace(in.Bytes())) == 0 {
			continue
		}
		p.mu.Lock()
		var to *asked
		if n := len(p.rewards); n < len(p.sent) {
			to = &p.sent[n]
		}
		reward, err := parseAnswer(in.Bytes(), to)
		if err == nil && to == nil {
			err = errors.New("it answers more lines than it was sent")
		}
		if err == nil {
			p.rewards = append(p.rewards, reward)
		}
		p.mu.Unlock()
		if err != nil {
			p.fail(fmt.Errorf("line %d of its output is wrong: %w", number, err))
			return
		}
	}
	if err := in.Err(); errors.Is(err, bufio.ErrTooLong) {
		p.fail(fmt.Errorf("a line of its output is longer than %d bytes", longestAnswer))
	}
}

// fail notes the first thing that went wrong and ends the command.
func (p *process) fail(err error) {
	p.mu.Lock()
	if p.err == nil {
		p.err = err
	}
	p.mu.Unlock()
	p.kill()
}

// kill ends the command and what it started, and unblocks whoever waits for it.
func (p *process) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // it may be gone already
	p.stdin.Close()
	p.stdout.Close()
}

// finish ends the input and returns a reward for each line that was sent, NaN for null.
func (p *process) finish(ctx context.Context) ([]float64, error) {
	p.mu.Lock()
	p.closed = true
	p.more.Signal()
	p.mu.Unlock()
	limit := time.NewTimer(p.command.timeout())
	defer limit.Stop()
	ended := make(chan error, 1)
	go func() {
		<-p.read
		ended <- p.cmd.Wait()
	}()
	var exit error
	select {
	case exit = <-ended:
	case <-limit.C:
		p.fail(fmt.Errorf("it did not end within %v of the last rollout", p.command.timeout()))
		<-ended
	case <-ctx.Done():
		p.fail(ctx.Err())
		<-ended
	}
	// The command is gone; what it left behind goes too.
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.err != nil:
	case exit != nil:
		p.err = fmt.Errorf("it ended with %w", exit)
	case len(p.rewards) < len(p.sent):
		p.err = errors.New("it ended early")
	default:
		return p.rewards, nil
	}
	said := ""
	if words := p.stderr.String(); words != "" {
		said = "; it said: " + words
	}
	return nil, fmt.Errorf("reward %s (%s): %w, after %d answers to %d lines%s", p.command.Name, strings.Join(p.command.Run, " "),
		p.err, len(p.rewards), len(p.sent), said)
}

// tail keeps the end of what a program said.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// tailBytes is how much a tail keeps.
const tailBytes = 1000

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if n := len(t.text); n > tailBytes {
		t.text = append([]byte("…"), t.text[n-tailBytes:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	said := strings.FieldsFunc(strings.ToValidUTF8(string(t.text), ""), func(r rune) bool { return r == '\n' || r == '\r' })
	line := strings.TrimSpace(strings.Join(said, " | ")) // errors are one line
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) { // colours of a terminal, or anything
			return -1
		}
		return r
	}, line)
}
