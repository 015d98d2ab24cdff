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
	now, changed := capped(os.Environ(), t)
	if !changed {
		return nil
	}
	err := environment.Restart(now) // does not return
	return fmt.Errorf("%s=%s: the program could not be started again to take hold of it: %w", Setting, t, err)
}

// withoutYNNPACK keeps XLA from YNNPACK, which asks the processor by itself and cannot be capped.
const withoutYNNPACK = "--xla_cpu_experimental_ynn_fusion_type=LIBRARY_FUSION_TYPE_INVALID"

// capped adds to an environment what keeps Go and XLA, with the libraries that it multiplies by, from
// going above a tier.
func capped(old []string, t Tier) (now []string, changed bool) {
	now = slices.Clone(old)
	for _, add := range []struct{ name, separator, settings string }{
		{"GODEBUG", ",", tiers[t].godebug},
		{"XLA_FLAGS", " ", "--xla_cpu_max_isa=" + tiers[t].xla + " " + withoutYNNPACK},
	} {
		value := valueOf(now, add.name)
		if !holds(value, add.separator, add.settings) {
			value = strings.TrimPrefix(value+add.separator+add.settings, add.separator)
			now, changed = with(now, add.name, value), true
		}
	}
	const oneDNN = "ONEDNN_MAX_CPU_ISA"
	if valueOf(now, oneDNN) != tiers[t].oneDNN {
		now, changed = with(now, oneDNN, tiers[t].oneDNN), true
	}
	return now, changed
}

// place returns where an environment has a variable, or -1.
func place(environment []string, name string) int {
	return slices.IndexFunc(environment, func(entry string) bool { return strings.HasPrefix(entry, name+"=") })
}

// valueOf returns a variable's value, "" where there is none.
func valueOf(environment []string, name string) string {
	if at := place(environment, name); at >= 0 {
		return environment[at][len(name)+1:]
	}
	return ""
}

// with sets a variable.
func with(environment []string, name, value string) []string {
	at := place(environment, name)
	if at < 0 {
		return append(environment, name+"="+value)
	}
	environment[at] = name + "=" + value
	return environment
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
