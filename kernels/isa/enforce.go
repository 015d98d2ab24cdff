package isa

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/stele-lm/stele/internal/environment"
)

// enforce makes the tier hold for what detects the processor's features by itself. Go
// does so before any code of the program runs, so the process starts again, in place,
// with an environment that says it.
func enforce(t Tier) error {
	with, changed := capped(os.Environ(), t)
	if !changed {
		return nil
	}
	err := environment.Restart(with) // does not return
	return fmt.Errorf("%s=%s: the program could not be started again to take hold of it: %w", Setting, t, err)
}

// capped adds to an environment what keeps Go and XLA from going above a tier.
func capped(old []string, t Tier) (now []string, changed bool) {
	now = slices.Clone(old)
	for _, add := range []struct{ name, separator, settings string }{
		{"GODEBUG", ",", tiers[t].godebug},
		{"XLA_FLAGS", " ", "--xla_cpu_max_isa=" + tiers[t].xla},
	} {
		at := slices.IndexFunc(now, func(entry string) bool { return strings.HasPrefix(entry, add.name+"=") })
		value := ""
		if at >= 0 {
			_, value, _ = strings.Cut(now[at], "=")
		}
		if holds(value, add.separator, add.settings) {
			continue
		}
		changed = true
		entry := add.name + "=" + strings.TrimPrefix(value+add.separator+add.settings, add.separator)
		if at < 0 {
			now = append(now, entry)
		} else {
			now[at] = entry
		}
	}
	return now, changed
}

// holds reports whether a list of key=value gives the keys of settings the same values:
// of several the last counts.
func holds(list, separator, settings string) bool {
	last := map[string]string{}
	for _, entry := range strings.Split(list, separator) {
		key, value, _ := strings.Cut(entry, "=")
		last[key] = value
	}
	for _, setting := range strings.Split(settings, separator) {
		if key, value, _ := strings.Cut(setting, "="); key != "" && last[key] != value {
			return false
		}
	}
	return true
}
