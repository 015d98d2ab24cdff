package hub

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/stele-lm/stele/internal/jsonl"
	"github.com/stele-lm/stele/internal/progress"
)

// Repo names a revision of a repository.
type Repo struct {
	Kind     Kind
	ID       string // owner/name
	Revision string // branch, tag or commit; empty for main
}

// String names kind, id and revision.
func (r Repo) String() string {
	if r.Revision == "" {
		return string(r.Kind) + " " + r.ID
	}
	return string(r.Kind) + " " + r.ID + "@" + r.Revision
}

// Pulled describes what Pull fetched.
type Pulled struct {
	Dir        string // the snapshot's folder
	Commit     string
	Files      int   // wanted
	Downloaded int   // of them, not in the cache before
	Bytes      int64 // of all files wanted
	LeftOut    int   // files that were not wanted
}

var (
	gitHash    = regexp.MustCompile(`^[0-9a-f]{40}$`)
	sha256Hash = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// entry is a file of a repository's tree as the API lists it.
type entry struct {
	Type string `json:"type"`
	Path string `json:"path"`
	OID  string `json:"oid"` // git's hash of the file, or of the pointer to a large one
	Size int64  `json:"size"`
	LFS  *struct {
		OID  string `json:"oid"` // SHA-256 of the content
		Size int64  `json:"size"`
	} `json:"lfs"`
}

// blob is the content's hash, which is its name in the cache, and its size.
func (e *entry) blob() (hash string, size int64) {
	if e.LFS != nil {
		return e.LFS.OID, e.LFS.Size
	}
	return e.OID, e.Size
}

// check refuses an entry that cannot be put into the cache.
func (e *entry) check() error {
	hash, size := e.blob()
	switch {
	case !safePath(e.Path):
		return fmt.Errorf("the hub lists a file %.100q, which leads out of the repository", e.Path)
	case e.LFS == nil && !gitHash.MatchString(hash), e.LFS != nil && !sha256Hash.MatchString(hash):
		return fmt.Errorf("the hub lists %s with hash %.80q, which is none", e.Path, hash)
	case size < 0:
		return fmt.Errorf("the hub lists %s with a size of %d", e.Path, size)
	}
	return nil
}

// safePath reports whether a path from the network stays below the folder that it
// is put into, on any system.
func safePath(p string) bool {
	if p == "" || len(p) > 1024 || strings.ContainsAny(p, "\\:\x00") || path.Clean(p) != p ||
		!filepath.IsLocal(p) {
		return false
	}
	for part := range strings.SplitSeq(p, "/") {
		if part == "" || part == "." || part == ".." || len(part) > 255 ||
			strings.ContainsFunc(part, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return false
		}
	}
	return true
}

// Pull downloads the files of a repository that want asks for into the cache, and
// links them as a snapshot. Files that are there already are not fetched again; an
// unfinished one goes on where it was. Two pulls at once, also by other programs
// that lock as Hugging Face's do, are safe.
func (c *Client) Pull(ctx context.Context, repo Repo, want func(path string) bool) (*Pulled, error) {
	p, err := c.pull(ctx, repo, want)
	if refused := (*StatusError)(nil); errors.As(err, &refused) && refused.Code == Gated {
		err = fmt.Errorf("%w: %s", err, c.page(repo))
	}
	return p, err
}

func (c *Client) pull(ctx context.Context, repo Repo, want func(path string) bool) (*Pulled, error) {
	if !IsID(repo.ID) {
		return nil, fmt.Errorf("%q is not a hub id of the form owner/name", repo.ID)
	}
	if repo.Revision != "" && !isRevision(repo.Revision) {
		return nil, fmt.Errorf("%s: %q is not a revision", repo.ID, repo.Revision)
	}
	if c.Offline {
		dir, err := snapshot(c.Cache, repo.Kind, repo.ID, repo.Revision)
		if err != nil {
			return nil, fmt.Errorf("%w, and HF_HUB_OFFLINE forbids to fetch it", err)
		}
		return &Pulled{Dir: dir, Commit: filepath.Base(dir)}, nil
	}
	commit, err := c.commit(ctx, repo)
	if err != nil {
		return nil, err
	}
	entries, err := c.tree(ctx, repo, commit)
	if err != nil {
		return nil, err
	}
	p := &Pulled{Commit: commit}
	var wanted []entry
	for _, e := range entries {
		if !want(e.Path) {
			p.LeftOut++
			continue
		}
		_, size := e.blob()
		p.Bytes += size
		wanted = append(wanted, e)
	}
	p.Files = len(wanted)
	if len(wanted) == 0 {
		return nil, fmt.Errorf("%s: none of its %d files is wanted", repo, len(entries))
	}
	root := filepath.Join(c.Cache, folder(repo.Kind, repo.ID))
	if p.Downloaded, err = c.blobs(ctx, repo, commit, root, wanted, p.Bytes); err != nil {
		return nil, err
	}
	p.Dir = filepath.Join(root, "snapshots", commit)
	for i := range wanted {
		hash, _ := wanted[i].blob()
		if err := link(root, commit, wanted[i].Path, hash); err != nil {
			return nil, err
		}
	}
	// The ref comes last: who finds the revision finds its files.
	revision := repo.Revision
	if revision == "" {
		revision = "main"
	}
	if revision != commit {
		ref := filepath.Join(root, "refs", filepath.FromSlash(revision))
		if err := os.MkdirAll(filepath.Dir(ref), 0o755); err != nil {
			return nil, err
		}
		if err := jsonl.WriteBytes(ref, []byte(commit)); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// api is the address of a repository's API.
func (c *Client) api(repo Repo) string {
	return c.Endpoint + "/api/" + string(repo.Kind) + "s/" + repo.ID
}

// page is the address of a repository's page, below which its files are.
func (c *Client) page(repo Repo) string {
	if repo.Kind == Dataset {
		return c.Endpoint + "/datasets/" + repo.ID
	}
	return c.Endpoint + "/" + repo.ID
}

// commit asks what a revision is at present.
func (c *Client) commit(ctx context.Context, repo Repo) (string, error) {
	revision := repo.Revision
	if revision == "" {
		revision = "main"
	}
	var info struct {
		SHA string `json:"sha"`
	}
	if _, err := c.ask(ctx, repo.String(), c.api(repo)+"/revision/"+url.PathEscape(revision),
		&info); err != nil {
		return "", err
	}
	if !gitHash.MatchString(info.SHA) {
		return "", fmt.Errorf("%s: the hub names commit %.80q, which is none", repo, info.SHA)
	}
	if gitHash.MatchString(revision) && revision != info.SHA {
		return "", fmt.Errorf("%s: the hub answers with another commit, %s", repo, info.SHA)
	}
	return info.SHA, nil
}

// maxEntries bounds a repository's list of files.
const maxEntries = 1 << 20

// tree lists the files of a commit.
func (c *Client) tree(ctx context.Context, repo Repo, commit string) ([]entry, error) {
	var files []entry
	seen := map[string]bool{}
	next := c.api(repo) + "/tree/" + commit + "?recursive=true&expand=false"
	for pages := map[string]bool{}; next != ""; {
		if pages[next] {
			return nil, fmt.Errorf("%s: the hub's list of files goes round in circles", repo)
		}
		pages[next] = true
		var page []entry
		var err error
		if next, err = c.ask(ctx, repo.String()+": list of files", next, &page); err != nil {
			return nil, err
		}
		for _, e := range page {
			if e.Type != "file" {
				continue
			}
			if err := e.check(); err != nil {
				return nil, fmt.Errorf("%s: %w", repo, err)
			}
			if seen[e.Path] || len(files) == maxEntries {
				return nil, fmt.Errorf("%s: the hub lists %s twice, or too many files", repo, e.Path)
			}
			seen[e.Path] = true
			files = append(files, e)
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no files", repo)
	}
	return files, nil
}

// atOnce is the number of files downloaded together.
const atOnce = 4

// blobs downloads the contents that are missing, and returns how many they were.
func (c *Client) blobs(ctx context.Context, repo Repo, commit, root string, wanted []entry,
	total int64) (downloaded int, err error) {
	if err := os.MkdirAll(filepath.Join(root, "blobs"), 0o755); err != nil {
		return 0, err
	}
	var missing []entry
	have := int64(0)
	var hashes []string
	for _, e := range wanted {
		hash, size := e.blob()
		if slices.Contains(hashes, hash) {
			total -= size
			continue
		}
		hashes = append(hashes, hash)
		switch ok, err := complete(filepath.Join(root, "blobs", hash), size); {
		case err != nil:
			return 0, err
		case ok:
			have += size
		default:
			missing = append(missing, e)
		}
	}
	if len(missing) == 0 {
		return 0, nil
	}
	counted := &count{}
	counted.bytes.Store(have)
	if c.Log != nil {
		counted.meter = progress.New(c.Log, repo.ID, "KiB", int(have>>10), int(total>>10), 1)
		defer counted.meter.Close()
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, e := range missing {
		group.Go(func() error {
			return c.download(ctx, root, c.page(repo)+"/resolve/"+commit+"/"+escape(e.Path), e, counted)
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	return len(missing), nil
}

// complete reports whether a blob is there with its size; one of another size is
// an error, since only whole files get their names.
func complete(file string, size int64) (bool, error) {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case info.Size() != size:
		return false, fmt.Errorf("%s has %d bytes, the hub says %d: remove it and pull again", file,
			info.Size(), size)
	}
	return true, nil
}

// escape makes a path part of an address.
func escape(p string) string {
	parts := strings.Split(p, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return strings.Join(parts, "/")
}

// link puts a file's name into a snapshot, as a relative link to its blob. A link
// that is there already, to another blob or broken, is replaced in one step.
func link(root, commit, name, hash string) error {
	file := filepath.Join(root, "snapshots", commit, filepath.FromSlash(name))
	target := filepath.Join(strings.Repeat("../", 2+strings.Count(name, "/")), "blobs", hash)
	if old, err := os.Readlink(file); err == nil && old == target {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	// Two pulls may be at it, of one process even, and who reads the snapshot sees files alone.
	beside := filepath.Join(filepath.Dir(root), ".locks", filepath.Base(root))
	if err := os.MkdirAll(beside, 0o755); err != nil {
		return err
	}
	temporary := filepath.Join(beside, hash+".link-"+rand.Text())
	if err := os.Symlink(target, temporary); err != nil {
		return err
	}
	if err := os.Rename(temporary, file); err != nil {
		_ = os.Remove(temporary)
		return err
	}
	return nil
}
