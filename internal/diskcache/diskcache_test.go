package diskcache

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func open(t *testing.T, limit int64) *Cache {
	t.Helper()
	c, err := Open(filepath.Join(t.TempDir(), "a", "b"), "thing", limit)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func put(t *testing.T, c *Cache, key Key, data []byte) {
	t.Helper()
	if err := c.Put(key, "here", data); err != nil {
		t.Fatal(err)
	}
}

// TestKept: what was put is there under its key alone, in a folder and files for their owner alone.
func TestKept(t *testing.T) {
	c := open(t, 1<<20)
	key, data := KeyOf([]byte("a"), []byte("b")), []byte("something\nof two lines")
	if got, err := c.Get(key, "here"); got != nil || err != nil {
		t.Errorf("before: %q, %v", got, err)
	}
	put(t, c, key, data)
	if got, err := c.Get(key, "here"); !bytes.Equal(got, data) || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := c.Get(KeyOf([]byte("ab")), "here"); got != nil || err != nil {
		t.Errorf("under another key: %q, %v", got, err)
	}
	for path, want := range map[string]os.FileMode{c.dir: 0o700, c.path(key): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode().Perm(), err, want)
		}
	}
	if n, size, err := Usage(c.dir, "thing"); n != 1 || size < int64(len(data)) || err != nil {
		t.Errorf("%d entries, %d bytes, %v", n, size, err)
	}
	if n, size, err := Usage(filepath.Join(c.dir, "none"), "thing"); n != 0 || size != 0 || err != nil {
		t.Errorf("of no folder: %d entries, %d bytes, %v", n, size, err)
	}
}

// TestDamaged: whatever happens to a file, it is not taken for the entry; it is removed, and the error names it.
func TestDamaged(t *testing.T) {
	c := open(t, 1<<20)
	key, data := KeyOf([]byte("a")), bytes.Repeat([]byte("0123456789"), 40)
	put(t, c, key, data)
	whole, err := os.ReadFile(c.path(key))
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, file []byte) {
		t.Helper()
		if err := os.WriteFile(c.path(key), file, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := c.Get(key, "here")
		if got != nil || err == nil || !strings.Contains(err.Error(), c.path(key)) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q, %v", what, got, err)
		}
		if _, err := os.Stat(c.path(key)); !os.IsNotExist(err) {
			t.Errorf("%s: the file is there: %v", what, err)
		}
	}
	for n := range len(whole) {
		check(fmt.Sprintf("%d bytes of it", n), whole[:n])
		flipped := bytes.Clone(whole)
		flipped[n] ^= 1
		check(fmt.Sprintf("a bit of byte %d", n), flipped)
	}
	check("more", append(bytes.Clone(whole), 0))
	put(t, c, KeyOf([]byte("b")), data)
	other, err := os.ReadFile(c.path(KeyOf([]byte("b"))))
	if err != nil {
		t.Fatal(err)
	}
	check("another entry", other)
	put(t, c, key, data)
	if got, err := c.Get(key, "there"); got != nil || err == nil ||
		!strings.Contains(err.Error(), `made elsewhere, by "here"; here it is "there"`) {
		t.Errorf("made elsewhere: %q, %v", got, err)
	}
}

// TestPrivate: a folder that others may write to is refused, and so is what is no folder.
func TestPrivate(t *testing.T) {
	for mode, want := range map[os.FileMode]string{0o700: "", 0o755: "", 0o770: "(mode 0770)", 0o777: "(mode 0777)",
		0o702: "(mode 0702)"} {
		dir := filepath.Join(t.TempDir(), "d")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir, "thing", 1)
		_, _, usage := Usage(dir, "thing")
		for _, err := range []error{err, usage} {
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%v: %v, want %q", mode, err, want)
			}
		}
	}
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, "thing", 1); err == nil {
		t.Error("a file is taken for the folder")
	}
}

// TestLeastRecentlyUsed: the entries never have more bytes than they may; those read last stay.
func TestLeastRecentlyUsed(t *testing.T) {
	c := open(t, 5000)
	key := func(i int) Key { return KeyOf([]byte{byte(i)}) }
	data := make([]byte, 1000)
	for i := range 4 {
		put(t, c, key(i), data)
		then := time.Now().Add(time.Duration(i-10) * time.Minute)
		if err := os.Chtimes(c.path(key(i)), then, then); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := c.Get(key(0), "here"); got == nil || err != nil { // now the last used
		t.Fatal(err)
	}
	put(t, c, key(4), data)
	for i, want := range []bool{true, false, true, true, true} {
		if _, err := os.Stat(c.path(key(i))); (err == nil) != want {
			t.Errorf("entry %d is there: %v", i, err == nil)
		}
	}
	if _, size, err := Usage(c.dir, "thing"); size > 5000 || err != nil {
		t.Errorf("%d bytes, %v", size, err)
	}
	if err := c.Put(key(5), "here", make([]byte, 5000)); err == nil { // too large, with its description
		t.Error("an entry that is too large is no error")
	}
	if got, err := c.Get(key(5), "here"); got != nil || err != nil {
		t.Errorf("too large: %d bytes, %v", len(got), err)
	}
	left := filepath.Join(c.dir, "1"+partialSuffix)
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	put(t, c, key(6), data)
	if _, err := os.Stat(left); err != nil {
		t.Errorf("a file that is being written is removed: %v", err)
	}
	then := time.Now().Add(-2 * abandoned)
	if err := os.Chtimes(left, then, then); err != nil {
		t.Fatal(err)
	}
	put(t, c, key(7), data)
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("what was left of a write is there: %v", err)
	}
}

// TestTogether: many that write, read and remove at a time see whole entries or none.
func TestTogether(t *testing.T) {
	c := open(t, 20000)
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 60 {
				n := (worker + i) % 10
				key, data := KeyOf([]byte{byte(n)}), bytes.Repeat([]byte{byte(n)}, 3000)
				if got, err := c.Get(key, "here"); err != nil || got != nil && !bytes.Equal(got, data) {
					t.Errorf("%d: %d bytes, %v", n, len(got), err)
				}
				if err := c.Put(key, "here", data); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if _, size, err := Usage(c.dir, "thing"); size > 20000 || err != nil {
		t.Errorf("%d bytes, %v", size, err)
	}
}

// FuzzParse: no file makes it panic, and what it takes is the entry.
func FuzzParse(f *testing.F) {
	key := KeyOf([]byte("a"))
	f.Add([]byte(`{"key":"` + strings.Repeat("0", 64) + `","of":"here","bytes":1,"sha256":""}` + "\nx"))
	dir := f.TempDir()
	if c, err := Open(dir, "thing", 1<<20); err != nil {
		f.Fatal(err)
	} else if err := c.Put(key, "here", []byte("data")); err != nil {
		f.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*thing"))
	if err != nil || len(files) != 1 {
		f.Fatal(files, err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		f.Fatal(err)
	}
	if data, err := parse(whole, key, "here"); err != nil || string(data) != "data" {
		f.Fatalf("%q, %v", data, err)
	}
	f.Add(whole)
	f.Add([]byte("{}\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, file []byte) {
		if data, err := parse(file, key, "here"); err == nil && !bytes.HasSuffix(file, data) {
			t.Errorf("%q", data)
		}
	})
}
