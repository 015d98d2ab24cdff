package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stele-lm/stele/kernels/backend"
)

// TestProgramsSettings: where compiled programs are kept, and how much of them, is read from the environment; what
// it cannot mean is wrong usage.
func TestProgramsSettings(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", home)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		folder, limit string
		want          programs
		fails         string
	}{
		{"", "", programs{filepath.Join(home, "stele", "programs"), 2 << 30}, ""},
		{"off", "", programs{"", 2 << 30}, ""},
		{"/a/b", "512MiB", programs{"/a/b", 512 << 20}, ""},
		{"a/b", "", programs{filepath.Join(here, "a/b"), 2 << 30}, ""},
		{"OFF", "", programs{limit: defaultProgramsLimit}, ""},
		{"none", "", programs{}, "expected off, or a folder's path"},
		{"", "much", programs{}, `STELE_PROGRAMS_LIMIT: "much" is not a size`},
		{"", "-1GiB", programs{}, "STELE_PROGRAMS_LIMIT"},
	} {
		t.Setenv(programsSetting, x.folder)
		t.Setenv(programsLimit, x.limit)
		got, err := readPrograms()
		if x.fails == "" && (err != nil || got != x.want) || x.fails != "" && (err == nil ||
			!strings.Contains(err.Error(), x.fails)) {
			t.Errorf("%q, %q: %+v, %v, want %+v %q", x.folder, x.limit, got, err, x.want, x.fails)
		}
	}
	var log bytes.Buffer
	c := program(&log, "version")
	if err := c.Run(); c.ProcessState.ExitCode() != exitUsage ||
		!strings.Contains(log.String(), "STELE_PROGRAMS_LIMIT") {
		t.Errorf("%v, it said %q", err, log.String())
	}
}

// TestDoctorSaysPrograms: what is kept is counted, and a folder that others may write to is said to be unused.
func TestDoctorSaysPrograms(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(programsSetting, dir)
	t.Setenv(programsLimit, "")
	if err := os.WriteFile(filepath.Join(dir, "a."+backend.KeptSuffix), make([]byte, 2048), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(want string) {
		t.Helper()
		var text bytes.Buffer
		d := diagnosis{Programs: diagnosePrograms()}
		if err := d.print(&text); err != nil || !strings.Contains(text.String(), want) {
			t.Errorf("%v, %q, want %q", err, text.String(), want)
		}
		if data, err := json.Marshal(d); err != nil || !strings.Contains(string(data), `"programs":{"folder":`) {
			t.Errorf("%s, %v", data, err)
		}
	}
	check("1 kept in " + dir + ", 2 KiB of at most 2 GiB")
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	check("not kept: " + dir + " may be written to by others")
}
