package hub

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Kind says what a repository holds: a model or a dataset.
type Kind string

// The kinds of repositories.
const (
	Model   Kind = "model"
	Dataset Kind = "dataset"
)

// ErrNotCached says that a repository, or a revision of it, is not in the cache.
var ErrNotCached = errors.New("not in the hub cache")

var (
	// segment matches a repository's owner or name.
	segment = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$`)
	// revisionName matches a branch, a tag or a commit.
	revisionName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$`)
)

// IsID reports whether a name has the form owner/name of a hub id.
func IsID(name string) bool {
	owner, repo, ok := strings.Cut(name, "/")
	return ok && segment.MatchString(owner) && segment.MatchString(repo) && !strings.Contains(name, "..") &&
		!strings.Contains(name, "--")
}

// isRevision reports whether a name can be a branch, a tag or a commit.
func isRevision(name string) bool {
	return revisionName.MatchString(name) && filepath.IsLocal(name) && !strings.Contains(name, "..") &&
		!strings.HasSuffix(name, "/")
}

// Cache is the folder that Hugging Face's tools keep downloads in: HF_HUB_CACHE (or
// the older HUGGINGFACE_HUB_CACHE), else hub in the folder of HF_HOME.
func Cache() (string, error) {
	if dir := cmp.Or(os.Getenv("HF_HUB_CACHE"), os.Getenv("HUGGINGFACE_HUB_CACHE")); dir != "" {
		return atHome(dir)
	}
	home, err := home()
	return filepath.Join(home, "hub"), err
}

// home is the folder of Hugging Face's tools: HF_HOME, else huggingface in
// XDG_CACHE_HOME or ~/.cache.
func home() (string, error) {
	if dir := os.Getenv("HF_HOME"); dir != "" {
		return atHome(dir)
	}
	return atHome(filepath.Join(cmp.Or(os.Getenv("XDG_CACHE_HOME"), "~/.cache"), "huggingface"))
}

// atHome replaces a leading ~ by the user's home.
func atHome(dir string) (string, error) {
	rest, ok := strings.CutPrefix(dir, "~/")
	if !ok {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, rest), err
}

// folder is the name of a repository's folder in the cache.
func folder(kind Kind, id string) string {
	return string(kind) + "s--" + strings.ReplaceAll(id, "/", "--")
}

// Cached lists the ids of the repositories of a kind that have a folder in the cache, sorted; none where there is no
// cache.
func Cached(kind Kind) (ids []string) {
	cache, err := Cache()
	if err != nil {
		return nil
	}
	entries, _ := os.ReadDir(cache) // sorted
	for _, entry := range entries {
		name, ok := strings.CutPrefix(entry.Name(), folder(kind, ""))
		if id := strings.Replace(name, "--", "/", 1); ok && IsID(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// Snapshot is the folder of a repository's revision in the cache; an empty revision
// is main. It never goes to the network; ErrNotCached is wrapped where there is
// none.
func Snapshot(kind Kind, id, revision string) (string, error) {
	cache, err := Cache()
	if err != nil {
		return "", err
	}
	return snapshot(cache, kind, id, revision)
}

func snapshot(cache string, kind Kind, id, revision string) (string, error) {
	if revision == "" {
		revision = "main"
	}
	switch {
	case !IsID(id):
		return "", fmt.Errorf("%q is not a hub id of the form owner/name", id)
	case !isRevision(revision):
		return "", fmt.Errorf("%s %s: %q is not a revision", kind, id, revision)
	}
	root := filepath.Join(cache, folder(kind, id))
	commit := revision
	if data, err := os.ReadFile(filepath.Join(root, "refs", filepath.FromSlash(revision))); err == nil {
		commit = strings.TrimSpace(string(data))
		if !segment.MatchString(commit) {
			return "", fmt.Errorf("%s: refs/%s holds %.40q, which is not a commit", root, revision, commit)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	dir := filepath.Join(root, "snapshots", commit)
	if _, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("%s %s is %w %s", kind, id, ErrNotCached, cache)
	}
	return dir, nil
}
