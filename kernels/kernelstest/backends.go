// Package kernelstest says which backends tests run on.
package kernelstest

import (
	"os"
	"strings"
	"sync"
	"testing"

	"stele/kernels"
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

// backend is whether one that tests may run on is here.
type backend struct {
	name string
	err  error
}

// asked names the environment variable with the backends that are asked for.
const asked = "STELE_BACKENDS"

// probe opens each of the backends asked for, or all, once.
var probe = sync.OnceValue(func() (all []backend) {
	names := []string{"go", "xla:cpu", "xla:cuda"}
	if list := os.Getenv(asked); list != "" {
		names = strings.Split(list, ",")
	}
	for _, name := range names {
		d, err := kernels.Open(name)
		if err == nil {
			_, err = d.Description() // opens the plugin for CPUs, too
			d.Close()
		}
		all = append(all, backend{name, err})
	}
	return all
})
