// Package environment changes this process's environment, by starting the program again
// where it must be there from the start, and remembers it as the user set it, for the
// programs that Stele starts.
package environment

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"
	"syscall"
)

// memory is the variable that tells the next start what came before it: a note in JSON.
const memory = "STELE_RESTARTED"

type note struct {
	Starts int                `json:"starts"` // before this one
	Before map[string]*string `json:"before"` // see before
}

// mostStarts keeps a program whose environment does not hold from starting for ever.
const mostStarts = 4

var (
	mu sync.Mutex
	// before are the user's values of the variables that were changed, by this start or an
	// earlier one; nil for one that was not set.
	before map[string]*string
	starts int
)

func init() {
	var n note
	_ = json.Unmarshal([]byte(os.Getenv(memory)), &n) // what is not a note of ours is none
	before, starts = n.Before, n.Starts
	if before == nil {
		before = map[string]*string{}
	}
	_ = os.Unsetenv(memory) // a stele that this one starts decides for itself
	if _, set := os.LookupEnv(plugins); !set {
		_ = Set(plugins, "")
	}
}

// plugins is the variable of the folders in which go-xla looks for XLA's plugins. Without it go-xla reads, as it
// starts, which folders the system has, and complains on stderr where there is no HOME or no /etc/ld.so.conf, as in a
// container; kernels/backend finds plugins by itself. It is set before that: of packages whose imports are ready Go
// initialises the one with the first path, and go-xla imports some whose paths come after this one's.
const plugins = "PJRT_PLUGIN_LIBRARY_PATH"

// Restart starts the program again in place with another environment. It returns only
// where that is refused.
func Restart(with []string) error {
	path, err := os.Executable()
	if err != nil {
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	if starts == mostStarts {
		return fmt.Errorf("%d starts did not give it the environment it needs", starts)
	}
	n := note{Starts: starts + 1, Before: maps.Clone(before)}
	remember(n.Before, os.Environ(), with)
	noted, err := json.Marshal(n)
	if err != nil {
		return err
	}
	if err := syscall.Exec(path, os.Args, append(with[:len(with):len(with)],
		memory+"="+string(noted))); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Set changes a variable for this process and what it loads.
func Set(name, value string) error {
	mu.Lock()
	defer mu.Unlock()
	if _, known := before[name]; !known {
		before[name] = nil
		if old, had := os.LookupEnv(name); had {
			before[name] = &old
		}
	}
	return os.Setenv(name, value)
}

// Users is the environment as the user set it, with what was changed undone.
func Users() []string {
	mu.Lock()
	defer mu.Unlock()
	return undone(os.Environ(), before)
}

// remember adds the values, in an environment, of the variables that another has
// otherwise. What is known already was there first.
func remember(known map[string]*string, was, is []string) {
	now, old := values(is), values(was)
	note := func(name string, value *string) {
		if _, ok := known[name]; !ok {
			known[name] = value
		}
	}
	for name, value := range old {
		if other, ok := now[name]; !ok || other != value {
			note(name, &value)
		}
	}
	for name := range now {
		if _, ok := old[name]; !ok {
			note(name, nil)
		}
	}
}

// undone gives variables back the values that they had.
func undone(environment []string, old map[string]*string) []string {
	var out []string
	done := map[string]bool{}
	for _, entry := range environment {
		name, _, _ := strings.Cut(entry, "=")
		value, changed := old[name]
		switch {
		case !changed:
			out = append(out, entry)
		case value != nil && !done[name]:
			out = append(out, name+"="+*value)
		}
		done[name] = true
	}
	for name, value := range old { // taken away since
		if value != nil && !done[name] {
			out = append(out, name+"="+*value)
		}
	}
	return out
}

func values(environment []string) map[string]string {
	out := map[string]string{}
	for _, entry := range environment {
		name, value, _ := strings.Cut(entry, "=")
		out[name] = value
	}
	return out
}
