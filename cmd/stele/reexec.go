package main

import (
	"cmp"
	"os"
	"strings"

	"github.com/stele-lm/stele/internal/environment"
)

// startupSettings must be in the environment before the process starts; a
// program cannot set them for itself later.
var startupSettings = []struct{ variable, separator, key, value string }{
	// Preemption between 512-bit instructions leaves the upper register halves
	// dirty, and scalar float code then runs up to a hundred times slower.
	{"GODEBUG", ",", "asyncpreemptoff", "1"},
	// Huge pages: fewer TLB misses on weights and caches that XLA allocates.
	{"GLIBC_TUNABLES", ":", "glibc.malloc.hugetlb", "1"},
	// One heap for all threads: what backend.RetainMemory has kept is there for each.
	{"GLIBC_TUNABLES", ":", "glibc.malloc.arena_max", "1"},
}

// reexec starts the program again in place with startupSettings, where one of
// them is not yet set. When that is refused the program goes on as it is: slower, not
// wrong.
func reexec() {
	if with, changed := withStartupSettings(os.Environ()); changed {
		_ = environment.Restart(with)
	}
}

// withStartupSettings adds what is missing to an environment; a key that the
// user has set keeps its value.
func withStartupSettings(environment []string) (result []string, changed bool) {
	values := map[string]string{}
	for _, entry := range environment {
		name, value, _ := strings.Cut(entry, "=")
		values[name] = value
	}
	set := map[string]string{}
	for _, s := range startupSettings {
		if hasKey(values[s.variable], s.separator, s.key) {
			continue
		}
		setting := s.key + "=" + s.value
		if old := cmp.Or(set[s.variable], values[s.variable]); old != "" {
			setting = old + s.separator + setting
		}
		set[s.variable] = setting
	}
	// go-xla would otherwise look for a missing plugin on the network.
	if _, ok := values["GOMLX_NO_AUTO_INSTALL"]; !ok {
		set["GOMLX_NO_AUTO_INSTALL"] = "1"
	}
	for _, entry := range environment {
		name, _, _ := strings.Cut(entry, "=")
		if _, replaced := set[name]; !replaced {
			result = append(result, entry)
		}
	}
	for _, name := range []string{"GODEBUG", "GLIBC_TUNABLES", "GOMLX_NO_AUTO_INSTALL"} {
		if value, ok := set[name]; ok {
			result = append(result, name+"="+value)
		}
	}
	return result, len(set) > 0
}

// hasKey reports whether a list such as "a=1,b=2" sets a key.
func hasKey(list, separator, key string) bool {
	for _, setting := range strings.Split(list, separator) {
		if name, _, _ := strings.Cut(setting, "="); name == key {
			return true
		}
	}
	return false
}
