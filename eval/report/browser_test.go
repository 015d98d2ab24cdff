package report

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// browser is a Chromium without a window, spoken to by the DevTools protocol over a pipe: a client library has
// thousands of messages, of which this needs ten, and lags behind the browsers.
type browser struct {
	t       *testing.T
	in      io.Writer
	out     *bufio.Reader
	next    int
	session string
	loaded  int      // pages that were
	errors  []string // of scripts, and what a page was refused
}

// browserPatience is how long a browser may take for all that a test asks of it.
const browserPatience = 2 * time.Minute

// newBrowser starts a browser, or skips the test aloud where there is none.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser is no short test")
	}
	path := os.Getenv("STELE_BROWSER")
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome-headless-shell"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" {
		t.Skip("no Chromium is here (STELE_BROWSER names one): what the page looks like was not tested")
	}
	theirIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	args := []string{"--headless=new", "--remote-debugging-pipe", "--user-data-dir=" + home, "--no-first-run",
		"--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--hide-scrollbars",
		"--disable-extensions", "--force-color-profile=srgb"}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox")
	}
	c := exec.Command(path, append(args, "about:blank")...)
	c.Env = append(os.Environ(), "HOME="+home, "DISPLAY=:none")
	c.ExtraFiles = []*os.File{theirIn, theirOut}
	var said bytes.Buffer
	c.Stderr = &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	theirIn.Close()
	theirOut.Close()
	b := &browser{t: t, in: in, out: bufio.NewReaderSize(out, 1<<20)}
	late := time.AfterFunc(browserPatience, func() { c.Process.Kill() })
	t.Cleanup(func() {
		late.Stop()
		in.Close()
		c.Process.Kill()
		c.Wait()
		out.Close()
		if t.Failed() {
			t.Logf("the browser said:\n%.2000s", said.String())
		}
	})
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var session struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &session)
	b.session = session.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// call does one thing, and takes note of what happens meanwhile.
func (b *browser) call(method string, params map[string]any, result any) {
	b.t.Helper()
	b.next++
	request := map[string]any{"id": b.next, "method": method, "params": params}
	if params == nil {
		request["params"] = map[string]any{}
	}
	if b.session != "" {
		request["sessionId"] = b.session
	}
	data, err := json.Marshal(request)
	if err == nil {
		_, err = b.in.Write(append(data, 0))
	}
	if err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	for {
		m := b.read()
		if m.ID != b.next {
			continue
		}
		if m.Error != nil {
			b.t.Fatalf("%s: %s", method, m.Error.Message)
		}
		if result != nil {
			if err := json.Unmarshal(m.Result, result); err != nil {
				b.t.Fatalf("%s: %v", method, err)
			}
		}
		return
	}
}

func (b *browser) read() message {
	b.t.Helper()
	text, err := b.out.ReadBytes(0)
	if err != nil {
		b.t.Fatalf("the browser ended: %v", err)
	}
	var m message
	if err := json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &m); err != nil {
		b.t.Fatalf("the browser said %.200q: %v", text, err)
	}
	switch m.Method {
	case "Page.loadEventFired":
		b.loaded++
	case "Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening":
		b.errors = append(b.errors, fmt.Sprintf("%s: %.600s", m.Method, m.Params))
	}
	return m
}

// look sets the width of the page, in CSS pixels, and light or dark.
func (b *browser) look(width int, scheme string) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900,
		"deviceScaleFactor": 1, "mobile": width < 600}, nil)
	b.call("Emulation.setEmulatedMedia", map[string]any{
		"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// open shows a file, as one who clicks on it would see it.
func (b *browser) open(path, fragment string) {
	b.t.Helper()
	absolute, err := filepath.Abs(path)
	if err != nil {
		b.t.Fatal(err)
	}
	b.call("Page.navigate", map[string]any{"url": "about:blank"}, nil)
	before := b.loaded
	var gone struct{ ErrorText string }
	b.call("Page.navigate", map[string]any{"url": "file://" + absolute + fragment}, &gone)
	if gone.ErrorText != "" {
		b.t.Fatalf("%s: %s", path, gone.ErrorText)
	}
	for b.loaded == before || b.eval("document.readyState + location.protocol") != "completefile:" {
		if b.loaded == before {
			b.read()
		} else {
			before = b.loaded // that was of the blank page
		}
	}
}

// eval returns the value of an expression, or of the promise that it is.
func (b *browser) eval(expression string) any {
	b.t.Helper()
	var out struct {
		Result           struct{ Value any }
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true},
		&out)
	if out.ExceptionDetails != nil {
		b.t.Fatalf("%.200s: %.600s", expression, out.ExceptionDetails)
	}
	return out.Result.Value
}

// wait waits until an expression is true.
func (b *browser) wait(expression string) {
	b.t.Helper()
	b.eval(fmt.Sprintf(`new Promise((done, failed) => { let n = 0; const look = () => { if (%s) done(); else if (
		++n > 1500) failed(new Error("it never came: " + %q)); else setTimeout(look, 10); }; look(); })`,
		expression, strings.Join(strings.Fields(expression), " ")))
}

// strings returns a list of texts that an expression gives.
func (b *browser) strings(expression string) []string {
	b.t.Helper()
	var all []string
	for _, x := range b.eval(expression).([]any) {
		all = append(all, fmt.Sprint(x))
	}
	return all
}

// picture writes what the page looks like where STELE_PICTURES names a folder for people to look at.
func (b *browser) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("STELE_PICTURES")
	if dir == "" {
		return
	}
	var out struct{ Data string }
	b.call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, &out)
	data, err := base64.StdEncoding.DecodeString(out.Data)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), data, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// sound fails the test where a script failed, or the page asked for what its policy forbids.
func (b *browser) sound() {
	b.t.Helper()
	b.eval("0")
	for _, e := range b.errors {
		b.t.Error(e)
	}
	b.errors = nil
}
