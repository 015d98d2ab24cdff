package hub

import (
	"cmp"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const commitA = "0123456789abcdef0123456789abcdef01234567"

// fakeHub serves one repository as the hub does, and can be told to misbehave.
type fakeHub struct {
	*httptest.Server
	kind, id string
	files    map[string]string
	large    func(path string) bool // stored by LFS
	commit   string
	token    string // that a client sends
	pages    string // scheme and host that the next page of a list is named with; its own when empty

	// tree edits the list of files before it is sent.
	tree func([]map[string]any) []map[string]any
	// before answers a request in place of the hub when it returns true.
	before func(w http.ResponseWriter, r *http.Request) bool

	mu       sync.Mutex
	requests []string // of files, with their Range header
	tokens   []string // Authorization headers of all requests
}

func newFakeHub(t *testing.T, files map[string]string) *fakeHub {
	t.Helper()
	h := &fakeHub{kind: "models", id: "org/name", files: files, commit: commitA,
		large: func(p string) bool { return strings.HasSuffix(p, ".safetensors") }}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

func gitSum(text string) string {
	return fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(text), text)))
}

func largeSum(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

// entry is a file in the list of the API.
func (h *fakeHub) entry(path string) map[string]any {
	text := h.files[path]
	e := map[string]any{"type": "file", "path": path, "oid": gitSum(text), "size": len(text)}
	if h.large(path) {
		e["oid"] = gitSum("pointer to " + text)
		e["lfs"] = map[string]any{"oid": largeSum(text), "size": len(text), "pointerSize": 130}
	}
	return e
}

func (h *fakeHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	h.tokens = append(h.tokens, r.Header.Get("Authorization"))
	if strings.Contains(r.URL.Path, "/resolve/") {
		h.requests = append(h.requests, r.URL.Path[strings.LastIndex(r.URL.Path,
			"/")+1:]+" "+r.Header.Get("Range"))
	}
	h.mu.Unlock()
	if h.before != nil && h.before(w, r) {
		return
	}
	api := "/api/" + h.kind + "/" + h.id
	prefix := "/" + h.id
	if h.kind == "datasets" {
		prefix = "/datasets" + prefix
	}
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, api+"/revision/"):
		_ = json.NewEncoder(w).Encode(map[string]any{"sha": h.commit})
	case path == api+"/tree/"+h.commit:
		h.serveTree(w, r)
	case strings.HasPrefix(path, prefix+"/resolve/"+h.commit+"/"):
		text, ok := h.files[strings.TrimPrefix(path, prefix+"/resolve/"+h.commit+"/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(text))
	default:
		w.Header().Set("X-Error-Code", "RepoNotFound")
		http.NotFound(w, r)
	}
}

// serveTree lists the files in pages of two, as the hub does in pages of a thousand.
func (h *fakeHub) serveTree(w http.ResponseWriter, r *http.Request) {
	entries := []map[string]any{{"type": "directory", "path": "sub", "oid": strings.Repeat("0", 40),
		"size": 0}}
	for path := range h.files {
		entries = append(entries, h.entry(path))
	}
	if h.tree != nil {
		entries = h.tree(entries)
		_ = json.NewEncoder(w).Encode(entries)
		return
	}
	// The order of a map is another each time, so pages are by hash of the path.
	var page []map[string]any
	wanted := r.URL.Query().Get("cursor")
	for _, e := range entries {
		if (gitSum(e["path"].(string))[0] < '8') == (wanted == "") {
			page = append(page, e)
		}
	}
	if wanted == "" {
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?recursive=true&cursor=2>; rel="next"`,
			cmp.Or(h.pages, h.URL), r.URL.Path))
	}
	_ = json.NewEncoder(w).Encode(page)
}

// client is a client of the fake hub that does not wait.
func (h *fakeHub) client(t *testing.T, cache string) *Client {
	t.Helper()
	t.Setenv("HF_ENDPOINT", h.URL)
	t.Setenv("HF_HUB_CACHE", cache)
	t.Setenv("HF_TOKEN", "")
	t.Setenv("HF_TOKEN_PATH", filepath.Join(cache, "no token"))
	t.Setenv("HF_HUB_OFFLINE", "")
	c, err := NewClient()
	if err != nil {
		t.Fatal(err)
	}
	c.Wait = func(int) time.Duration { return time.Millisecond }
	c.Tries = 3
	return c
}

// cut sends a part of a text and breaks the connection.
func cut(w http.ResponseWriter, text string, from, to int) {
	w.Header().Set("Content-Length", fmt.Sprint(len(text)-from))
	if from > 0 {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(text)-1, len(text)))
		w.WriteHeader(http.StatusPartialContent)
	}
	_, _ = io.WriteString(w, text[from:to])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}
