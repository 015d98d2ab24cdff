package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/stele-lm/stele/internal/filetype"
	"github.com/stele-lm/stele/internal/hub"
)

// Resolve turns a model's name into its folder: a folder as it is, or a hub id
// "owner/name", optionally "@revision", found in the local hub cache. It never
// goes to the network.
func Resolve(name string) (string, error) {
	if info, err := os.Stat(name); err == nil {
		if !info.IsDir() {
			what := "a file"
			if kind := filetype.OfFile(name); kind != filetype.Unknown {
				what = string(kind)
			}
			return "", fmt.Errorf("model %s is %s: expected a folder with config.json and safetensors",
				name, what)
		}
		return name, nil
	}
	id, revision, _ := strings.Cut(name, "@")
	if !hub.IsID(id) {
		return "", fmt.Errorf("model %q: no such folder, and not a hub id of the form owner/name", name)
	}
	dir, err := hub.Snapshot(hub.Model, id, revision)
	if errors.Is(err, hub.ErrNotCached) {
		cache, _ := hub.Cache()
		return "", fmt.Errorf("model %q is neither a folder nor in the hub cache %s: "+
			"fetch it with stele pull %s", name, cache, name)
	}
	return dir, err
}
