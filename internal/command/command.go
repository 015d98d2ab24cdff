// Package command runs a program of the user's that is sent one JSON object a line and
// answers each with one, in order.
//
// Invariants: a program that hangs, dies or talks nonsense is an error that says so within
// its time limit, and names it; no process is left behind.
package command

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"

	"github.com/stele-lm/stele/internal/environment"
)

// Program says what is run and how its answers are read. It gets the environment of Stele's
// user.
type Program[T any] struct {
	Name string   // for errors, as in "reward mine"
	Run  []string // the program and its arguments; no shell
	Sent string   // what a line is about, for errors: "rollout"
	// Limit is the time that it has after its input ended, and for an answer that Ask waits for.
	Limit time.Duration
	// Log gets all that it says on standard error; nil keeps its end alone, for errors. LogPath is where that can be
	// read, for errors.
	Log     io.Writer
	LogPath string
	// Expects shows the answer that is read, for errors.
	Expects string
	// Broken, where it is not nil, is called once when it is known that not all lines will be answered. It must
	// return at once.
	Broken func()
	// Read takes what is wanted out of an answer; false where it is not there.
	Read func(answer map[string]json.RawMessage) (T, bool)
}

// defaultLimit is the time limit of programs whose user sets none.
const defaultLimit = time.Minute

// Seconds is a time limit that a user sets in seconds; 0 is defaultLimit.
func Seconds(s float64) time.Duration {
	if s == 0 {
		return defaultLimit
	}
	return time.Duration(s * float64(time.Second))
}

// longestAnswer is the longest line that is read from a program.
const longestAnswer = 1 << 20

// Asked names what a line that a program was sent is about. An answer may repeat it as
// "id" and "sample", which must then be the same.
type Asked struct {
	ID     string
	Sample int
}

// Parse reads a line that a program wrote. to is what it must be the answer to, nil where
// that is not known.
func (c *Program[T]) Parse(line []byte, to *Asked) (value T, err error) {
	var answer map[string]json.RawMessage
	if err := json.Unmarshal(plainJSON(line), &answer); err != nil || answer == nil {
		return value, fmt.Errorf("%.80q: expected %s", line, c.Expects)
	}
	for _, name := range []string{"id", "sample"} {
		given, there := answer[name]
		if !there || to == nil {
			continue
		}
		want := to.ID
		if name == "sample" {
			want = strconv.Itoa(to.Sample)
		}
		got := string(given)
		var text string
		if json.Unmarshal(given, &text) == nil {
			got = text
		}
		if got != want {
			return value, fmt.Errorf(`%.80q: it answers %s %.40q, expected the answer to %q: answers come `+
				`in the order of the lines`, line, name, got, want)
		}
	}
	value, ok := c.Read(answer)
	if !ok {
		return value, fmt.Errorf("%.80q: expected %s", line, c.Expects)
	}
	return value, nil
}

// pythonNumbers lists what Python's json module writes that is not JSON, and the JSON that it is
// read as: NaN is null, and an infinity is no number.
var pythonNumbers = []struct{ name, meaning string }{{"NaN", "null"}, {"-Infinity", `"-Infinity"`},
	{"Infinity", `"Infinity"`}}

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

// Process is a program that was started.
type Process[T any] struct {
	program Program[T]
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	stdout  io.ReadCloser
	stderr  tail

	mu      sync.Mutex
	more    *sync.Cond
	lines   [][]byte // not yet written
	sent    []Asked
	closed  bool
	answers []T           // read so far
	arrived chan struct{} // closed, and made anew, with each answer
	err     error         // the first thing that went wrong
	over    bool          // nothing more is read
	broken  sync.Once

	finishing sync.Mutex
	finished  bool
	exit      error // of the program, once it finished

	read chan struct{} // closed when nothing more is read
}

// Find looks for the program and starts nothing.
func (c Program[T]) Find() error {
	_, err := exec.LookPath(c.Run[0])
	return c.named(err)
}

// named is an error of starting the program, in words.
func (c Program[T]) named(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("%s: there is no program %q in PATH", c.Name, c.Run[0])
	}
	return fmt.Errorf("%s: %w", c.Name, err)
}

// Start runs the program. It must be finished, whatever happens.
func (c Program[T]) Start() (*Process[T], error) {
	p := &Process[T]{program: c, cmd: exec.Command(c.Run[0], c.Run[1:]...), read: make(chan struct{}),
		arrived: make(chan struct{})}
	p.more = sync.NewCond(&p.mu)
	// A group of its own, so that what it starts can be ended with it.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Env = environment.Users() // not what is set for Stele's own process
	p.cmd.Stderr = &p.stderr
	if c.Log != nil {
		p.cmd.Stderr = io.MultiWriter(&p.stderr, c.Log)
	}
	p.cmd.WaitDelay = time.Second
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err == nil {
		p.stdout, err = p.cmd.StdoutPipe()
	}
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		return nil, c.named(err)
	}
	go p.write()
	go p.readAll()
	return p, nil
}

// Send queues a line, which stays as it is from now on; it never waits for the program.
// It returns what has gone wrong so far.
func (p *Process[T]) Send(of Asked, line []byte) error {
	_, err := p.send(of, line)
	return err
}

// send is Send, and returns the line's number from 0.
func (p *Process[T]) send(of Asked, line []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, line)
	p.sent = append(p.sent, of)
	p.more.Signal()
	if p.over {
		p.breaks()
	}
	return len(p.sent) - 1, p.err
}

// breaks tells Program.Broken.
func (p *Process[T]) breaks() {
	if p.program.Broken != nil {
		p.broken.Do(p.program.Broken)
	}
}

// Waiting returns how many lines were sent that have no answer yet.
func (p *Process[T]) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.sent) - len(p.answers)
}

// Ask sends a line and waits for its answer. When no answer to any line comes within the
// time limit, the program is ended.
func (p *Process[T]) Ask(of Asked, line []byte) (answer T, err error) {
	n, err := p.send(of, line)
	limit := time.NewTimer(p.program.Limit)
	defer limit.Stop()
	for err == nil {
		p.mu.Lock()
		if n < len(p.answers) {
			answer = p.answers[n]
			p.mu.Unlock()
			return answer, nil
		}
		arrived := p.arrived
		p.mu.Unlock()
		select {
		case <-arrived:
			limit.Reset(p.program.Limit)
			continue
		case <-p.read: // the last answer may have arrived with the end
			p.mu.Lock()
			ended := n >= len(p.answers)
			p.mu.Unlock()
			if !ended {
				continue
			}
		case <-limit.C:
			p.Fail(fmt.Errorf("it did not answer within %v: it must write an answer as soon as "+
				"it has read a line (in Python: print(…, flush=True))", p.program.Limit))
		}
		break
	}
	answers, err := p.Finish(context.Background())
	if err != nil {
		return answer, err
	}
	return answers[n], nil
}

// write hands lines to the program until the last one.
func (p *Process[T]) write() {
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
		// A program that does not read any more is found out when it ends.
		if _, err := p.stdin.Write(bytes.Join(lines, nil)); err != nil {
			return
		}
	}
}

// readAll takes the answers, up to the first that is none.
func (p *Process[T]) readAll() {
	defer close(p.read)
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.over = true
		if p.err != nil || len(p.answers) < len(p.sent) {
			p.breaks()
		}
	}()
	in := bufio.NewScanner(p.stdout)
	in.Buffer(nil, longestAnswer)
	for number := 1; in.Scan(); number++ {
		if len(bytes.TrimSpace(in.Bytes())) == 0 {
			continue
		}
		p.mu.Lock()
		var to *Asked
		if n := len(p.answers); n < len(p.sent) {
			to = &p.sent[n]
		}
		answer, err := p.program.Parse(in.Bytes(), to)
		if err == nil && to == nil {
			err = errors.New("it answers more lines than it was sent")
		}
		if err == nil {
			p.answers = append(p.answers, answer)
			close(p.arrived)
			p.arrived = make(chan struct{})
		}
		p.mu.Unlock()
		if err != nil {
			p.Fail(fmt.Errorf("line %d of its output is wrong: %w", number, err))
			return
		}
	}
	if err := in.Err(); errors.Is(err, bufio.ErrTooLong) {
		p.Fail(fmt.Errorf("a line of its output is longer than %d bytes", longestAnswer))
	}
}

// Fail notes the first thing that went wrong and ends the program.
func (p *Process[T]) Fail(err error) {
	p.mu.Lock()
	if p.err == nil {
		p.err = err
	}
	p.mu.Unlock()
	p.kill()
}

// kill ends the program and what it started, and unblocks whoever waits for it.
func (p *Process[T]) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // it may be gone already
	p.stdin.Close()
	p.stdout.Close()
}

// Finish ends the input and returns an answer for each line that was sent. When ctx is
// done the program is ended at once. It may be called again.
func (p *Process[T]) Finish(ctx context.Context) ([]T, error) {
	p.finishing.Lock()
	defer p.finishing.Unlock()
	if !p.finished {
		p.finished, p.exit = true, p.end(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.err != nil:
		return nil, p.failed(p.err)
	case p.exit != nil:
		return nil, p.failed(fmt.Errorf("it ended with %w", p.exit))
	case len(p.answers) < len(p.sent):
		return nil, p.failed(errors.New("it ended early"))
	}
	return p.answers, nil
}

// end ends the input, waits for the program and returns how it exited.
func (p *Process[T]) end(ctx context.Context) (exit error) {
	p.mu.Lock()
	p.closed = true
	p.more.Signal()
	p.mu.Unlock()
	limit := time.NewTimer(p.program.Limit)
	defer limit.Stop()
	ended := make(chan error, 1)
	go func() {
		<-p.read
		ended <- p.cmd.Wait()
	}()
	select {
	case exit = <-ended:
	case <-limit.C:
		p.Fail(fmt.Errorf("it did not end within %v of the last %s", p.program.Limit, p.program.Sent))
		<-ended
	case <-ctx.Done():
		exit = p.stop(ctx, ended)
	}
	// The program is gone; what it left behind goes too.
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	return exit
}

// stop ends the program, unless it is ending by itself, the cause of which is worth more than that of ctx; ended tells
// how it exited.
func (p *Process[T]) stop(ctx context.Context, ended <-chan error) error {
	select {
	case <-p.read:
		select {
		case exit := <-ended:
			return exit
		case <-time.After(p.cmd.WaitDelay):
		}
	default:
	}
	p.Fail(ctx.Err())
	return <-ended
}

// failed names the program, what went wrong, how far it came and what it said.
func (p *Process[T]) failed(err error) error {
	said := ""
	if words := p.stderr.String(); words != "" {
		said = "; it said: " + words
		if p.program.LogPath != "" {
			said += " (all of it is in " + p.program.LogPath + ")"
		}
	}
	return fmt.Errorf("%s (%s): %w, after %d answers to %d lines%s", p.program.Name,
		strings.Join(p.program.Run, " "),
		err, len(p.answers), len(p.sent), said)
}

// tail keeps the end of what a program said.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// tailBytes is the most bytes that a tail keeps.
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
	said := strings.FieldsFunc(strings.ToValidUTF8(string(t.text), ""),
		func(r rune) bool { return r == '\n' || r == '\r' })
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
