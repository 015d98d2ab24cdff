// Package kernelstest says which backends tests run on.
package kernelstest

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stele-lm/stele/kernels/backend"
)

// Backends lists the backends that are here, by their names on the command line: go
// always, xla:cpu and xla:cuda where their plugins load and find a device. STELE_BACKENDS,
// names between commas, asks for those alone; one that is asked for and not here ends
// the test.
func Backends(t testing.TB) []string {
	t.Helper()
	var here []string
	for _, b := range probe() {
		switch {
		case b.err == nil:
			here = append(here, b.name)
		case os.Getenv(asked) != "" || b.name == "go":
			t.Fatalf("%s is not here: %v", b.name, b.err)
		default:
			t.Logf("%s is not tested: %v", b.name, b.err)
		}
	}
	return here
}

// presence tells whether a backend that tests may run on is here.
type presence struct {
	name string
	err  error
}

// Open opens the backends of Backends; they are closed when the test ends.
func Open(t testing.TB) []*backend.Device {
	t.Helper()
	var all []*backend.Device
	for _, name := range Backends(t) {
		d, err := backend.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(d.Close)
		all = append(all, d)
	}
	return all
}

// asked names the environment variable with the backends that are asked for.
const asked = "STELE_BACKENDS"

// probe opens each of the backends asked for, or all, once.
var probe = sync.OnceValue(func() (all []presence) {
	names := []string{"go", "xla:cpu", "xla:cuda"}
	if list := os.Getenv(asked); list != "" {
		names = strings.Split(list, ",")
	}
	for _, name := range names {
		d, err := backend.Open(name)
		if err == nil {
			_, err = d.Description() // opens the plugin for CPUs, too
			d.Close()
		}
		all = append(all, presence{name, err})
	}
	return all
})

// Main runs a package's tests, as TestMain. Programs that XLA compiles for one of them are kept for those that come
// after it, of other packages, too, in the folder that STELE_TEST_PROGRAMS names: most of what those tests take is
// the compiling. make test empties the folder first, so that each program is compiled once a run.
func Main(m *testing.M) {
	KeepPrograms()
	os.Exit(m.Run())
}

// KeepPrograms does so in a test's program that is started as another than that of tests.
func KeepPrograms() {
	if folder := os.Getenv(keptPrograms); folder != "" {
		backend.KeepPrograms(folder, 1<<30, os.Stderr)
	}
}

const keptPrograms = "STELE_TEST_PROGRAMS"
