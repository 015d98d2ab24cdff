package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/eval"
)

// givenAdapter is an adapter as --adapter names it: [NAME=]DIR.
type givenAdapter struct{ name, path string }

// adapterName matches the names that an adapter may be given, which are names of folders too.
var adapterName = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N}._+-]*$`)

// parseAdapters reads the values of --adapter. Where there are several each has a name of its own, by which
// its folder in the run's is called: the last part of its path where none is given.
func parseAdapters(values []string) ([]givenAdapter, error) {
	var all []givenAdapter
	of := map[string]string{}
	for _, v := range values {
		if v == "" {
			return nil, usagef("--adapter is empty: expected the folder of an adapter, or NAME=FOLDER")
		}
		a := givenAdapter{path: v}
		if name, path, cut := strings.Cut(v, "="); cut && adapterName.MatchString(name) {
			if _, err := os.Stat(v); err != nil {
				a = givenAdapter{name, path}
			}
		}
		if a.name == "" {
			a.name = filepath.Base(filepath.Clean(a.path))
		}
		if len(values) > 1 && !adapterName.MatchString(a.name) {
			return nil, usagef("--adapter %s: %q cannot name a folder: choose a name, as in --adapter first=%s", v,
				a.name, a.path)
		}
		if other := of[a.name]; other != "" {
			return nil, usagef("--adapter %s and %s are both called %s: name them, as in --adapter first=%s", other,
				a.path, a.name, other)
		}
		of[a.name] = a.path
		all = append(all, a)
	}
	return all, nil
}

// adapted is an evaluation of a model with an adapter.
type adapted struct {
	adapter *checkpoint.Adapter // nil for the model alone
	origin  eval.Origin
	out     string
}

// with opens an adapter for an evaluation and says where the numbers come from then.
func (f *evaluation) with(adapter string) (a adapted, err error) {
	a.origin = f.origin
	if a.adapter, err = f.model.OpenAdapter(adapter); err != nil {
		return a, err
	}
	dir := a.adapter.Dir
	defer func() {
		if err != nil {
			a.adapter.Close()
		}
	}()
	files, err := eval.HashAdapter(dir)
	if err != nil {
		return a, err
	}
	a.origin.Model = fmt.Sprintf("%s + %s", f.origin.Model, adapter)
	a.origin.Weights = maps.Clone(f.origin.Weights)
	maps.Copy(a.origin.Weights, files)
	// A training run's is RUN/checkpoints/step-N/adapter.
	if a.origin.Trained, err = eval.LineageOf(filepath.Dir(dir)); err != nil {
		return a, err
	}
	a.origin.ModelDir, err = filepath.Abs(dir)
	return a, err
}

// close lets go of the adapter's files.
func (a adapted) close() {
	if a.adapter != nil {
		a.adapter.Close()
	}
}
