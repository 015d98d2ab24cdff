package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stele-lm/stele/engine/checkpoint/gguf"
	"github.com/stele-lm/stele/internal/filetype"
	"github.com/stele-lm/stele/internal/hub"
)

// Resolve turns a model's name into its folder: a folder as it is, or a hub id
// "owner/name", optionally "@revision", found in the local hub cache. It never
// goes to the network. Of a model in a GGUF file it is that file, or the first of its parts: by its
// own name, or by that of a folder that holds no other, and no config.json.
func Resolve(name string) (string, error) {
	if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() && gguf.Is(name) {
		return name, nil
	}
	dir, err := resolve("model", name, "config.json and safetensors, or a GGUF file")
	if err != nil || exists(dir, "config.json") {
		return dir, err
	}
	files, err := filepath.Glob(filepath.Join(escaped(dir), "*"+gguf.Ext))
	switch {
	case err != nil || len(files) == 0:
		return dir, err
	case len(files) > 1 && !slices.Equal(files, gguf.Parts(files[0])):
		return "", fmt.Errorf("%s holds %d GGUF files: name one of them, such as %s", dir, len(files), files[0])
	case !gguf.Is(files[0]):
		return dir, nil
	}
	return files[0], nil
}

// escaped is a path as a pattern that matches nothing else.
func escaped(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// ResolveAdapter is Resolve for an adapter's name.
func ResolveAdapter(name string) (string, error) {
	return resolve("adapter", name, AdapterConfigFile+" and "+AdapterWeightsFile)
}

// resolve finds the folder of what is called name; files says what the folder has.
func resolve(what, name, files string) (string, error) {
	if info, err := os.Stat(name); err == nil {
		if !info.IsDir() {
			found := "a file"
			if kind := filetype.OfFile(name); kind != filetype.Unknown {
				found = string(kind)
			}
			return "", fmt.Errorf("%s %s is %s: expected a folder with %s", what, name, found, files)
		}
		return name, nil
	}
	id, revision, _ := strings.Cut(name, "@")
	if !hub.IsID(id) {
		return "", fmt.Errorf("%s %q: no such folder, and not a hub id of the form owner/name", what, name)
	}
	dir, err := hub.Snapshot(hub.Model, id, revision)
	if errors.Is(err, hub.ErrNotCached) {
		cache, _ := hub.Cache()
		return "", fmt.Errorf("%s %q is neither a folder nor in the hub cache %s: "+
			"fetch it with stele pull %s", what, name, cache, name)
	}
	return dir, err
}
