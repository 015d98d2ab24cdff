package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// installed makes a prefix; its files are written in an order and at a time of its own.
func installed(t *testing.T, backwards bool, age time.Duration) string {
	t.Helper()
	prefix := t.TempDir()
	type made struct {
		name, data string
		mode       os.FileMode
	}
	files := []made{
		{"bin/stele", "\x7fELF", 0o700}, {"lib/stele/plugin.so", "plugin", 0o777},
		{"share/doc/stele/README.md", "# Stele\n\nΔR\n", 0o600}, {"share/doc/stele/licences/NOTICES", "notices", 0o444},
		{"share/man/man1/stele.1", ".TH", 0o664},
	}
	if backwards {
		slices.Reverse(files)
	}
	for _, f := range files {
		path := filepath.Join(prefix, f.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(f.data), f.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	return prefix
}

const epoch = 1767225601 // an odd second, which a zip's own times do not have

// packed packs a prefix both ways.
func packed(t *testing.T, prefix string) (archive, wheel []byte) {
	t.Helper()
	out := t.TempDir()
	for _, args := range [][]string{
		{"archive", prefix, filepath.Join(out, "a.tar.gz"), "stele-1-linux"},
		{"wheel", prefix, out, "1.0.dev2+gab", "manylinux_2_27_x86_64"},
	} {
		if err := run(time.Unix(epoch, 0).UTC(), args); err != nil {
			t.Fatal(err)
		}
	}
	archive, err := os.ReadFile(filepath.Join(out, "a.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	wheel, err = os.ReadFile(filepath.Join(out, "stele-1.0.dev2+gab-py3-none-manylinux_2_27_x86_64.whl"))
	if err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(out, "*partial*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	return archive, wheel
}

// TestSameBytes: neither the order nor the time in which files were made, nor who may read them, is in what is packed.
func TestSameBytes(t *testing.T) {
	archive, wheel := packed(t, installed(t, false, time.Hour))
	archive2, wheel2 := packed(t, installed(t, true, 72*time.Hour))
	if !bytes.Equal(archive, archive2) {
		t.Error("archives of the same files differ")
	}
	if !bytes.Equal(wheel, wheel2) {
		t.Error("wheels of the same files differ")
	}
}

func TestArchive(t *testing.T) {
	archive, _ := packed(t, installed(t, false, 0))
	unpacked, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for r := tar.NewReader(unpacked); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("%s %o", h.Name, h.Mode))
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.ModTime.Unix() != epoch {
			t.Errorf("%s is of %d:%d %q and of %v", h.Name, h.Uid, h.Gid, h.Uname, h.ModTime)
		}
	}
	want := []string{"stele-1-linux/ 755", "stele-1-linux/bin/ 755", "stele-1-linux/bin/stele 755",
		"stele-1-linux/lib/ 755", "stele-1-linux/lib/stele/ 755", "stele-1-linux/lib/stele/plugin.so 755",
		"stele-1-linux/share/ 755", "stele-1-linux/share/doc/ 755", "stele-1-linux/share/doc/stele/ 755",
		"stele-1-linux/share/doc/stele/README.md 644", "stele-1-linux/share/doc/stele/licences/ 755",
		"stele-1-linux/share/doc/stele/licences/NOTICES 644", "stele-1-linux/share/man/ 755",
		"stele-1-linux/share/man/man1/ 755", "stele-1-linux/share/man/man1/stele.1 644"}
	if !slices.Equal(list, want) {
		t.Errorf("the archive has\n%s\nexpected\n%s", strings.Join(list, "\n"), strings.Join(want, "\n"))
	}
}

// TestWheel: files are where pip looks for them, and the record has each with its sum.
func TestWheel(t *testing.T) {
	_, data := packed(t, installed(t, false, 0))
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	const info, rest = "stele-1.0.dev2+gab.dist-info/", "stele-1.0.dev2+gab.data/"
	want := []string{rest + "scripts/stele 755", rest + "data/lib/stele/plugin.so 755",
		rest + "data/share/doc/stele/README.md 644", rest + "data/share/man/man1/stele.1 644",
		info + "licenses/NOTICES 644", info + "METADATA 644", info + "WHEEL 644", info + "RECORD 644"}
	var list []string
	contents := map[string][]byte{}
	for _, f := range r.File {
		list = append(list, fmt.Sprintf("%s %o", f.Name, f.Mode().Perm()))
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if contents[f.Name], err = io.ReadAll(in); err != nil {
			t.Fatal(err)
		}
		if f.Modified.Unix() != epoch {
			t.Errorf("%s is of %v", f.Name, f.Modified)
		}
	}
	if !slices.Equal(list, want) {
		t.Errorf("the wheel has\n%s\nexpected\n%s", strings.Join(list, "\n"), strings.Join(want, "\n"))
	}
	record, err := csv.NewReader(bytes.NewReader(contents[info+"RECORD"])).ReadAll()
	if err != nil || len(record) != len(r.File) {
		t.Fatalf("RECORD has %d lines, expected %d: %v", len(record), len(r.File), err)
	}
	for i, line := range record {
		name := r.File[i].Name
		sum := sha256.Sum256(contents[name])
		wanted := []string{name, "sha256=" + base64.RawURLEncoding.EncodeToString(sum[:]),
			strconv.Itoa(len(contents[name]))}
		if name == info+"RECORD" {
			wanted = []string{name, "", ""}
		}
		if !slices.Equal(line, wanted) {
			t.Errorf("RECORD has %q, expected %q", line, wanted)
		}
	}
	metadata := string(contents[info+"METADATA"])
	for _, line := range []string{"Name: stele\n", "\nVersion: 1.0.dev2+gab\n", "\nLicense-File: NOTICES\n",
		"\nDescription-Content-Type: text/markdown\n\n# Stele\n\nΔR\n"} {
		if !strings.Contains(metadata, line) {
			t.Errorf("METADATA has no %q:\n%s", line, metadata)
		}
	}
	if want := "Tag: py3-none-manylinux_2_27_x86_64\n"; !strings.Contains(string(contents[info+"WHEEL"]), want) {
		t.Errorf("WHEEL is\n%s", contents[info+"WHEEL"])
	}
}

func TestRefuses(t *testing.T) {
	prefix, out := installed(t, false, 0), t.TempDir()
	at := time.Unix(epoch, 0)
	for _, c := range []struct {
		at   time.Time
		args []string
	}{
		{at, []string{"wheel", prefix, out, "v1.0", "any"}}, {at, []string{"wheel", prefix, out, "1.0-dirty", "any"}},
		{at, []string{"wheel", t.TempDir(), out, "1.0", "any"}}, {at, []string{"archive", prefix}},
		{time.Unix(-1, 0), []string{"archive", prefix, filepath.Join(out, "a"), "x"}},
		{at, []string{"archive", filepath.Join(prefix, "none"), filepath.Join(out, "a"), "x"}},
	} {
		if err := run(c.at, c.args); err == nil {
			t.Errorf("%v %q is not refused", c.at, c.args)
		}
	}
	if made, _ := os.ReadDir(out); len(made) > 0 {
		t.Errorf("something was written: %v", made)
	}
}
