// Package kernelstest says which backends tests run on.
package kernelstest

import (
	"os"
	"strings"
	"testing"

	"stele/kernels"
)

// Backends lists the backends that are here, by their names on the command line: go
// always, xla:cpu and xla:cuda where their plugins load and find a device. STELE_BACKENDS,
// names between commas, asks for those alone; one that is asked for and not here ends
// the test.
func Backends(t testing.TB) []string {
	t.Helper()
	if names := os.Getenv("STELE_BACKENDS"); names != "" {
		return strings.Split(names, ",")
	}
	names := []string{"go"}
	for _, platform := range []string{"cpu", "cuda"} {
		if _, err := kernels.PluginPath(platform); err != nil {
			t.Logf("xla:%s is not tested: %v", platform, err)
			continue
		}
		d, err := kernels.Open("xla:" + platform)
		if err == nil {
			_, err = d.Description()
		}
		if err != nil {
			t.Logf("xla:%s is not tested: %v", platform, err)
			continue
		}
		names = append(names, "xla:"+platform)
	}
	return names
}
