package gpucheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// lastWords is the most of what a process says on stderr that is kept for an error.
const lastWords = 2000

// ended is what came of a process.
type ended struct {
	stdout []byte
	said   string // the end of what it said on stderr
}

// run runs a program until it ends or ctx does, and then ends whatever it started. What it says on stderr goes to
// log too.
func run(ctx context.Context, log io.Writer, args []string, environment []string) (e ended, err error) {
	// The system ends a process whose parent's thread is gone (see ownGroup): this thread stays until then.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var stdout, said bytes.Buffer
	c := exec.Command(args[0], args[1:]...)
	c.Stdout, c.Stderr = &stdout, io.MultiWriter(&said, log)
	c.Env = environment
	c.WaitDelay = 5 * time.Second // what it started may hold its output open
	ownGroup(c)
	fmt.Fprintf(log, "$ %s\n", quoted(args))
	if err := c.Start(); err != nil {
		return e, err
	}
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	select {
	case err = <-done:
	case <-ctx.Done():
		end(c.Process.Pid)
		<-done
		err = context.Cause(ctx)
	}
	end(c.Process.Pid)
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it ended well, and left a process behind that held its output open
	}
	e.stdout, e.said = stdout.Bytes(), strings.TrimSpace(said.String())
	if n := len(e.said); n > lastWords {
		e.said = e.said[n-lastWords:]
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		last := e.said
		if i := strings.LastIndexByte(last, '\n'); i >= 0 {
			last = last[i+1:]
		}
		err = fmt.Errorf("%s: %w: %s", args[0], err, last)
	}
	return e, err
}

// quoted is a command line that a shell takes.
func quoted(args []string) string {
	words := make([]string, len(args))
	for i, a := range args {
		if a == "" || strings.ContainsAny(a, " \t\n\"'`$&|;<>()*?[]{}#~!\\") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words[i] = a
	}
	return strings.Join(words, " ")
}
