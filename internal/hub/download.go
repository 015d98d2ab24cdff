package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"github.com/stele-lm/stele/internal/progress"
)

// count adds up the bytes of a pull and tells the meter whole KiB of them.
type count struct {
	meter *progress.Meter
	bytes atomic.Int64
}

// add may be given a negative number, when what was had is thrown away.
func (c *count) add(n int64, name string) {
	after := c.bytes.Add(n)
	if whole := after>>10 - (after-n)>>10; whole != 0 {
		c.meter.Add(int(whole), name)
	}
}

// download brings one blob into the cache. It holds the blob's lock, the one that
// Hugging Face's own tools take.
func (c *Client) download(ctx context.Context, root, address string, e entry, counted *count) (err error) {
	name, size := e.blob()
	blob := filepath.Join(root, "blobs", name)
	locks := filepath.Join(c.Cache, ".locks", filepath.Base(root))
	if err := os.MkdirAll(locks, 0o755); err != nil {
		return err
	}
	lock := flock.New(filepath.Join(locks, name+".lock"))
	locked, err := lock.TryLock()
	if err != nil {
		return err
	}
	if !locked {
		c.logf("%s: another program fetches it; waiting", e.Path)
		if _, err := lock.TryLockContext(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if ok, err := complete(blob, size); ok || err != nil {
		counted.add(size, e.Path)
		return err
	}
	f, err := os.OpenFile(blob+".incomplete", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	part := &partial{file: f, size: size, large: e.LFS != nil, name: e.Path, count: counted}
	if err := part.resume(); err != nil {
		return err
	}
	wrong := 0 // times that the whole had another hash
	err = c.retry(ctx, e.Path, func() (bool, error) {
		before := part.have
		if err := c.fetch(ctx, address, part); err != nil {
			return part.have > before, err
		}
		if got := part.sum(); got != name {
			err := fmt.Errorf("the hash of what came is %s, the hub says %s", got, name)
			if wrong++; wrong == 2 {
				return false, errors.Join(err, part.restart())
			}
			// What was there from an earlier attempt may be to blame.
			return false, errors.Join(temporary{err, time.Millisecond}, part.restart())
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), blob)
}

// fetch requests what is missing of a file once.
func (c *Client) fetch(ctx context.Context, address string, part *partial) error {
	if part.have == part.size {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	response, err := c.get(ctx, address, part.have)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusRequestedRangeNotSatisfiable,
		response.StatusCode == http.StatusPartialContent && !begins(response, part.have):
		if err := part.restart(); err != nil {
			return err
		}
		return temporary{errors.New("the server sent another part than the one asked for"), time.Millisecond}
	case response.StatusCode == http.StatusOK:
		// A server that knows no ranges sends all of it again.
		if err := part.restart(); err != nil {
			return err
		}
	}
	if n := response.ContentLength; n >= 0 && n != part.size-part.have {
		return fmt.Errorf("%s sends %d bytes where the hub says %d", response.Request.URL.Host, n,
			part.size-part.have)
	}
	stalled := fmt.Errorf("nothing came for %v", c.Stall)
	timer := time.AfterFunc(c.Stall, func() { cancel(stalled) })
	defer timer.Stop()
	_, err = io.Copy(part, &alive{response.Body, timer, c.Stall})
	switch {
	case errors.Is(err, errTooLong), errors.As(err, new(*os.PathError)):
		return err
	case err != nil && context.Cause(ctx) == stalled:
		return temporary{stalled, 0}
	case err != nil:
		return temporary{plain(err), 0}
	case part.have < part.size:
		return temporary{fmt.Errorf("cut off after %d of %d bytes", part.have, part.size), 0}
	}
	return nil
}

// begins reports whether a partial answer begins at a byte.
func begins(response *http.Response, at int64) bool {
	return strings.HasPrefix(response.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", at))
}

// alive puts a timer off whenever something is read.
type alive struct {
	io.Reader
	timer *time.Timer
	stall time.Duration
}

func (a *alive) Read(b []byte) (int, error) {
	n, err := a.Reader.Read(b)
	a.timer.Reset(a.stall)
	return n, err
}

// errTooLong says that a server sends more than the file has.
var errTooLong = errors.New("the server sends more bytes than the hub says the file has")

// partial is a file that is being downloaded, with the hash of what is there.
type partial struct {
	file  *os.File
	size  int64 // of the whole
	have  int64
	large bool // stored by Git LFS: its hash is SHA-256, else git's of a blob
	hash  hash.Hash
	name  string // for the meter
	count *count
}

// start is the hash of an empty part.
func (p *partial) start() {
	if p.large {
		p.hash = sha256.New()
		return
	}
	p.hash = sha1.New() // what git names its blobs by
	fmt.Fprintf(p.hash, "blob %d\x00", p.size)
}

// resume takes over what an earlier attempt left.
func (p *partial) resume() error {
	p.start()
	n, err := io.Copy(p.hash, p.file)
	if err != nil {
		return err
	}
	p.have = n
	p.count.add(n, p.name)
	if n > p.size {
		return p.restart()
	}
	return nil
}

// restart throws away what is there.
func (p *partial) restart() error {
	p.start()
	p.count.add(-p.have, p.name)
	p.have = 0
	if err := p.file.Truncate(0); err != nil {
		return err
	}
	_, err := p.file.Seek(0, io.SeekStart)
	return err
}

// Write implements io.Writer.
func (p *partial) Write(b []byte) (int, error) {
	if p.have+int64(len(b)) > p.size {
		return 0, errTooLong
	}
	n, err := p.file.Write(b)
	p.hash.Write(b[:n])
	p.have += int64(n)
	p.count.add(int64(n), p.name)
	return n, err
}

// sum is the hash of what is there, as the hub writes it.
func (p *partial) sum() string { return hex.EncodeToString(p.hash.Sum(nil)) }
