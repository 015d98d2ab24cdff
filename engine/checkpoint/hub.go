package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// hubName is what a repository's owner or name may look like.
var hubName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$`)

// Resolve turns a model's name into its folder: a folder as it is, or a hub id
// "owner/name", optionally "@revision", found in the local hub cache. It never
// goes to the network.
func Resolve(name string) (string, error) {
	if info, err := os.Stat(name); err == nil {
		if !info.IsDir() {
			return "", fmt.Errorf("model %s is a file: expected a folder with config.json and safetensors", name)
		}
		return name, nil
	}
	id, revision, _ := strings.Cut(name, "@")
	owner, repo, ok := strings.Cut(id, "/")
	if !ok || !hubName.MatchString(owner) || !hubName.MatchString(repo) || strings.Contains(id, "..") {
		return "", fmt.Errorf("model %q: no such folder, and not a hub id of the form owner/name", name)
	}
	cache, err := HubCache()
	if err != nil {
		return "", err
	}
	root := filepath.Join(cache, "models--"+owner+"--"+repo)
	if revision == "" {
		revision = "main"
	}
	if !filepath.IsLocal(revision) {
		return "", fmt.Errorf("model %q: %q is not a revision", name, revision)
	}
	commit := revision
	if data, err := os.ReadFile(filepath.Join(root, "refs", revision)); err == nil {
		commit = strings.TrimSpace(string(data))
		if !hubName.MatchString(commit) {
			return "", fmt.Errorf("%s: refs/%s holds %.40q, which is not a commit", root, revision, commit)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	dir := filepath.Join(root, "snapshots", commit)
	if _, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("model %q is neither a folder nor in the hub cache %s", name, cache)
	}
	return dir, nil
}

// HubCache is the folder that Hugging Face's tools keep downloads in:
// HF_HUB_CACHE, else HF_HOME/hub, else huggingface/hub in the user's cache.
func HubCache() (string, error) {
	if dir := os.Getenv("HF_HUB_CACHE"); dir != "" {
		return dir, nil
	}
	if dir := os.Getenv("HF_HOME"); dir != "" {
		return filepath.Join(dir, "hub"), nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "huggingface", "hub"), nil
}
