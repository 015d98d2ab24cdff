package trainer

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/stele-lm/stele/eval/bench"
	"github.com/stele-lm/stele/internal/settings"
)

// paths are the settings that are paths, or may be, by their keys.
func (c *Config) paths() map[string]*string {
	return map[string]*string{
		"model": &c.Model, "lora.adapter": &c.LoRA.Adapter,
		"data.bench": &c.Data.Bench, "data.dir": &c.Data.Dir, "data.registry": &c.Data.Registry,
		"eval.bench": &c.Eval.Bench, "eval.dir": &c.Eval.Dir, "eval.registry": &c.Eval.Registry,
	}
}

// beside reads the paths of settings that differ from before as those of a file in a folder (see settings.Beside).
// Names of models, benchmarks and adapters stay what they are.
func (c *Config) beside(dir string, before Config) (notes []pathNote) {
	was := before.paths()
	paths := c.paths()
	keys := slices.SortedFunc(maps.Keys(paths), func(a, b string) int { // benchmarks last: registries name them
		bench := func(key string) int { return strings.Count(key, ".bench") }
		return cmp.Or(cmp.Compare(bench(a), bench(b)), cmp.Compare(a, b))
	})
	for _, key := range keys {
		setting := paths[key]
		if *setting == *was[key] {
			continue
		}
		parts := []string{*setting}
		if key == "eval.bench" {
			parts = strings.Split(*setting, ",")
		}
		for i, part := range parts {
			if of, is := strings.CutSuffix(key, ".bench"); is && isBenchmark(strings.TrimSpace(part),
				bench.Options{Dir: *paths[of+".dir"], Registry: *paths[of+".registry"]}) {
				continue
			}
			at, note := settings.Beside(dir, strings.TrimSpace(part))
			if at != strings.TrimSpace(part) {
				parts[i] = at
			}
			if note != "" {
				notes = append(notes, pathNote{key: key, line: key + ": " + note})
			}
		}
		*setting = strings.Join(parts, ",")
		for i := range notes {
			if notes[i].key == key {
				notes[i].value = *setting
			}
		}
	}
	if reflect.DeepEqual(c.Reward.Commands, before.Reward.Commands) {
		return notes
	}
	c.Reward.Commands = slices.Clone(c.Reward.Commands)
	for i := range c.Reward.Commands {
		command := &c.Reward.Commands[i]
		var said []string
		command.Run, said = settings.BesideProgram(dir, command.Run)
		for _, note := range said {
			notes = append(notes, pathNote{line: fmt.Sprintf("reward.commands %s: %s", command.Name, note)})
		}
	}
	return notes
}

// isBenchmark reports whether a name is that of a benchmark in a registry, rather than a path.
func isBenchmark(name string, o bench.Options) bool {
	if _, ok := bench.Registry[name]; ok || bench.Builtin(name) {
		return true
	}
	entry, err := bench.Lookup(name, o)
	return err == nil && !entry.ByPath()
}

// pathNote is a line about a path, of the setting with a key, if it has that value in the end.
type pathNote struct{ key, value, line string }

// holds reports whether a note is of what a configuration has.
func (n pathNote) holds(c *Config) bool { return n.key == "" || *c.paths()[n.key] == n.value }

// samePaths takes over the paths of another configuration that lead to the same places.
func (c *Config) samePaths(other *Config) {
	same := func(a, b string) bool {
		x, err := filepath.Abs(a)
		y, failed := filepath.Abs(b)
		return err == nil && failed == nil && x == y
	}
	own, others := c.paths(), other.paths()
	for key, path := range own {
		if *path != "" && *others[key] != "" && same(*path, *others[key]) {
			*path = *others[key]
		}
	}
	if len(c.Reward.Commands) != len(other.Reward.Commands) {
		return
	}
	c.Reward.Commands = slices.Clone(c.Reward.Commands)
	for i := range c.Reward.Commands {
		run, theirs := slices.Clone(c.Reward.Commands[i].Run), other.Reward.Commands[i].Run
		for j := range run {
			if j < len(theirs) && same(run[j], theirs[j]) {
				run[j] = theirs[j]
			}
		}
		c.Reward.Commands[i].Run = run
	}
}
