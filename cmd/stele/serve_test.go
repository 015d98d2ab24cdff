package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// lockedBuffer is written by a command and read by its test.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestServe: the command says where it listens, answers there, and ends with its context.
func TestServe(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	said := &lockedBuffer{}
	ended := make(chan error, 1)
	g := &globals{backend: "go", dtype: "float32", kernels: "host", say: said}
	c := newServeCommand(g)
	c.SetContext(ctx)
	f := &serveFlags{model: "builtin:nano", host: "127.0.0.1", batch: 4, context: 1000, requests: 8}
	go func() { ended <- runServe(c, g, f) }()
	address := regexp.MustCompile(`http://127\.0\.0\.1:\d+/v1`)
	url := ""
	for until := time.Now().Add(time.Minute); url == "" && time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		url = address.FindString(said.String())
	}
	response, err := http.Post(url+"/completions", "application/json", strings.NewReader(
		`{"model": "builtin:nano", "prompt": "3 + 4 =", "max_tokens": 3}`))
	if err != nil {
		t.Fatalf("%v; said: %s", err, said)
	}
	answer, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if response.StatusCode != http.StatusOK || !bytes.Contains(answer, []byte(`"completion_tokens":3`)) {
		t.Errorf("status %d: %s", response.StatusCode, answer)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestServeRefuses: an address that others can reach needs a token, and what cannot be is wrong usage.
func TestServeRefuses(t *testing.T) {
	t.Setenv(tokenVariable, "")
	for args, want := range map[string]string{
		"--host 0.0.0.0":             "--token",
		"--host 192.0.2.1":           "--token",
		"--port 70000":               "--port",
		"--batch 0":                  "--batch",
		"--max-requests 0":           "--max-requests",
		"--context -1":               "--context",
		"--context 1 --port 0":       "pool of 1",
		"--devices 0":                "--devices is 0",
		"--devices 2 --port 0":       "backend go has 1",
		"--host 192.0.2.1 --token x": "192.0.2.1", // no address of this machine
	} {
		_, _, err := stele(t, append([]string{"serve", "-m", "builtin:nano", "--backend", "go"},
			strings.Fields(args)...)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", args, err, want)
		}
	}
}
