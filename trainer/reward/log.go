package reward

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// log is the file in which a command's standard error is kept, from one sampling to the next.
type log struct {
	path string

	mu   sync.Mutex
	file *os.File
	size int64
	err  error // the first of writing, after which nothing is kept
	all  []*lines
}

// largestLog is the size at which a log becomes NAME.log.1, in place of an older one.
const largestLog = 64 << 20

// openLog opens folder/NAME.log to write at its end.
func openLog(folder, name string) (*log, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	l := &log{path: filepath.Join(folder, name+".log")}
	return l, l.open()
}

func (l *log) open() (err error) {
	if l.file, err = os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644); err != nil {
		return err
	}
	info, err := l.file.Stat()
	if err == nil {
		l.size = info.Size()
	}
	return err
}

// write adds whole lines. A program goes on where its log cannot be written, which close tells.
func (l *log) write(text []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil || len(text) == 0 {
		return
	}
	if l.size+int64(len(text)) > largestLog {
		l.err = errors.Join(l.file.Close(), os.Rename(l.path, l.path+".1"), l.open())
	}
	if l.err == nil {
		var n int
		n, l.err = l.file.Write(text)
		l.size += int64(n)
	}
}

// lines returns what one process writes to: its lines, each after a prefix, are not mixed with others'.
func (l *log) lines(prefix string) io.Writer {
	one := &lines{log: l, prefix: prefix}
	l.all = append(l.all, one)
	return one
}

// close writes what is left of lines that do not end, and returns what could not be written.
func (l *log) close() error {
	if l == nil {
		return nil
	}
	for _, one := range l.all {
		one.end()
	}
	l.mu.Lock() // what a program has left behind may still write
	defer l.mu.Unlock()
	return errors.Join(l.err, l.file.Close())
}

// lines gathers what a process writes.
type lines struct {
	log    *log
	prefix string

	mu   sync.Mutex
	rest []byte // of a line that has not ended
}

// longestLine is how much of a line is waited for.
const longestLine = 1 << 16

// Write implements io.Writer.
func (w *lines) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest = append(w.rest, b...)
	var out []byte
	for {
		end := bytes.IndexByte(w.rest, '\n') + 1
		if end == 0 && len(w.rest) < longestLine {
			break
		}
		if end == 0 {
			end = len(w.rest)
		}
		out = append(append(out, w.prefix...), w.rest[:end]...)
		if out[len(out)-1] != '\n' {
			out = append(out, '\n')
		}
		w.rest = w.rest[end:]
	}
	w.log.write(out)
	return len(b), nil
}

// end writes a line that has not ended.
func (w *lines) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rest) > 0 {
		w.log.write(append(append([]byte(w.prefix), w.rest...), '\n'))
		w.rest = nil
	}
}
