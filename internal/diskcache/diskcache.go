// Package diskcache keeps what is expensive to make in a private folder: entries by key, checked when they are
// read, the least recently used of them removed first. Any number of processes may use one folder.
package diskcache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Cache is a folder that its user alone may write to.
type Cache struct {
	dir    string
	suffix string // of the names of entries
	limit  int64  // on the bytes of all entries
}

// Key tells entries apart.
type Key [sha256.Size]byte

// KeyOf makes a key of all that an entry depends on. The parts' bounds count.
func KeyOf(parts ...[]byte) Key {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:", len(part))
		h.Write(part)
	}
	return Key(h.Sum(nil))
}

// partialSuffix ends the names of files that are being written, and abandoned is the age from which one is what
// a process left that was killed.
const (
	partialSuffix = ".partial"
	abandoned     = time.Hour
)

// Open makes a folder for entries that are called KEY.suffix, or takes one that is there. A folder that others
// may write to, or that is another user's, is refused: an entry may be code. limit is the most bytes that all
// entries may have.
func Open(dir, suffix string, limit int64) (*Cache, error) {
	if err := Private(dir); err != nil {
		return nil, err
	}
	return &Cache{dir: dir, suffix: "." + suffix, limit: limit}, nil
}

// Private makes a folder to which nobody else may write, or takes one that is there and is such.
func Private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return private(dir)
}

// private refuses a folder that somebody else may write to.
func private(dir string) error {
	var s unix.Stat_t
	if err := unix.Stat(dir, &s); err != nil {
		return &fs.PathError{Op: "stat", Path: dir, Err: err}
	}
	switch {
	case s.Mode&unix.S_IFMT != unix.S_IFDIR:
		return fmt.Errorf("%s is no folder", dir)
	case int(s.Uid) != os.Geteuid():
		return fmt.Errorf("%s is of user %d and not of this one, %d: choose another folder", dir, s.Uid,
			os.Geteuid())
	case s.Mode&0o022 != 0:
		return fmt.Errorf("%s may be written to by others (mode %04o): empty it and chmod 700 it, or choose "+
			"another folder", dir, s.Mode&0o7777)
	}
	return nil
}

// header is the first line of an entry's file. The entry follows it.
type header struct {
	Key    string `json:"key"`
	Of     string `json:"of"` // for a person: what the entry depends on
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func (c *Cache) path(key Key) string {
	return filepath.Join(c.dir, hex.EncodeToString(key[:])+c.suffix)
}

// Get reads an entry and notes its use; it is nil where there is none. of must be what Put was given. An error
// says which file is not as it was written, and that file is removed.
func (c *Cache) Get(key Key, of string) ([]byte, error) {
	path := c.path(key)
	file, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		var data []byte
		if data, err = parse(file, key, of); err == nil {
			now := time.Now()
			_ = os.Chtimes(path, now, now) // one that cannot be noted is removed sooner
			return data, nil
		}
	}
	_ = os.Remove(path)
	return nil, fmt.Errorf("%s: %w", path, err)
}

// Drop removes an entry that was read and is of no use.
func (c *Cache) Drop(key Key) { _ = os.Remove(c.path(key)) }

// parse checks a file and returns its entry.
func parse(file []byte, key Key, of string) ([]byte, error) {
	line, data, whole := bytes.Cut(file, []byte("\n"))
	var h header
	if !whole || json.Unmarshal(line, &h) != nil {
		return nil, errors.New("it is damaged: it does not begin with its description")
	}
	sum := sha256.Sum256(data)
	switch {
	case h.Key != hex.EncodeToString(key[:]):
		return nil, errors.New("it is another entry than its name says")
	case h.Of != of:
		return nil, fmt.Errorf("it was made elsewhere, by %q; here it is %q", h.Of, of)
	case h.Bytes != len(data):
		return nil, fmt.Errorf("it is damaged: %d bytes, expected %d", len(data), h.Bytes)
	case h.SHA256 != hex.EncodeToString(sum[:]):
		return nil, errors.New("it is damaged: its bytes are not those that were written")
	}
	return data, nil
}

// Put keeps an entry, whole or not at all, and removes those that were not used for longest where all have more
// bytes than they may. One that alone has more is an error.
func (c *Cache) Put(key Key, of string, data []byte) (err error) {
	sum := sha256.Sum256(data)
	line, err := json.Marshal(header{hex.EncodeToString(key[:]), of, len(data), hex.EncodeToString(sum[:])})
	if err != nil {
		return err
	}
	file := slices.Concat(line, []byte("\n"), data)
	if int64(len(file)) > c.limit {
		return fmt.Errorf("one of %d bytes is more than the limit of all, %d", len(file), c.limit)
	}
	f, err := os.CreateTemp(c.dir, "*"+partialSuffix) // for its owner alone
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(file)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), c.path(key)); err != nil {
		return err
	}
	return c.shrink(c.path(key))
}

// shrink removes entries until the rest have no more bytes than they may. It leaves the one at path.
func (c *Cache) shrink(path string) error {
	all, total, err := c.list()
	if err != nil || total <= c.limit {
		return err
	}
	slices.SortFunc(all, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range all {
		if total <= c.limit {
			break
		}
		if at := filepath.Join(c.dir, info.Name()); at != path {
			if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			total -= info.Size()
		}
	}
	return nil
}

// list returns the files of the entries and their bytes. It removes what processes left that were killed.
func (c *Cache) list() (all []fs.FileInfo, total int64, err error) {
	files, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, 0, err
	}
	for _, file := range files {
		info, err := file.Info()
		switch {
		case err != nil || !info.Mode().IsRegular(): // gone since, or none of ours
		case strings.HasSuffix(file.Name(), partialSuffix):
			if time.Since(info.ModTime()) > abandoned {
				_ = os.Remove(filepath.Join(c.dir, file.Name()))
			}
		case strings.HasSuffix(file.Name(), c.suffix):
			all, total = append(all, info), total+info.Size()
		}
	}
	return all, total, nil
}

// Usage counts the entries of a folder and their bytes. A folder that is not there has none; one that Open
// would refuse is an error.
func Usage(dir, suffix string) (entries int, bytes int64, err error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if err := private(dir); err != nil {
		return 0, 0, err
	}
	all, bytes, err := (&Cache{dir: dir, suffix: "." + suffix}).list()
	return len(all), bytes, err
}
