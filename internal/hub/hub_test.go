package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	repo = Repo{Kind: Model, ID: "org/name"}
	all  = func(string) bool { return true }
	big  = strings.Repeat("0123456789abcdef", 20000)
)

func someFiles() map[string]string {
	return map[string]string{
		"config.json": `{"a":1}`, "model.safetensors": big, "sub/deep/x y+z%.txt": "in a folder",
		"README.md": "# x", "copy.md": "# x", "empty": "",
	}
}

// files lists a folder's files, links followed.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		name, _ := filepath.Rel(dir, p)
		got[filepath.ToSlash(name)] = string(data)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return got
}

func same(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	got := files(t, dir)
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s has %d bytes, want %d", name, len(got[name]), len(text))
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d files, want %d", len(got), len(want))
	}
}

func TestPull(t *testing.T) {
	h := newFakeHub(t, someFiles())
	cache := t.TempDir()
	c := h.client(t, cache)
	p, err := c.Pull(t.Context(), repo, all)
	if err != nil {
		t.Fatal(err)
	}
	same(t, p.Dir, h.files)
	if found, err := Snapshot(Model, "org/name", ""); err != nil || found != p.Dir {
		t.Errorf("found as %s, %v", found, err)
	}
	// The layout: blobs by hash, links relative, the ref naming the commit.
	root := filepath.Join(cache, "models--org--name")
	if target, err := os.Readlink(filepath.Join(p.Dir, "sub/deep/x y+z%.txt")); err != nil ||
		target != "../../../../blobs/"+gitSum("in a folder") {
		t.Errorf("link to %s, %v", target, err)
	}
	if target, err := os.Readlink(filepath.Join(p.Dir, "model.safetensors")); err != nil ||
		target != "../../blobs/"+largeSum(big) {
		t.Errorf("link to %s, %v", target, err)
	}
	if ref, err := os.ReadFile(filepath.Join(root, "refs/main")); err != nil || string(ref) != commitA {
		t.Errorf("ref %q, %v", ref, err)
	}
	if blobs := files(t, filepath.Join(root, "blobs")); len(blobs) != 5 {
		t.Errorf("blobs %d, want 5: two files are the same, and no unfinished one is left", len(blobs))
	}
	// A second pull fetches nothing; one of a changed file fetches that one.
	h.requests = nil
	if p, err = c.Pull(t.Context(), repo, all); err != nil || len(h.requests) > 0 || p.Downloaded != 0 {
		t.Errorf("again: %v, %v", h.requests, err)
	}
	h.commit = strings.Replace(commitA, "0", "f", 1)
	h.files["config.json"] = `{"a":2}`
	if p, err = c.Pull(t.Context(), repo, all); err != nil ||
		!slices.Equal(h.requests, []string{"config.json "}) {
		t.Errorf("new commit: %v, %v", h.requests, err)
	}
	same(t, p.Dir, h.files)
	if found, err := Snapshot(Model, "org/name", commitA); err != nil || found == p.Dir {
		t.Errorf("the old commit is %s, %v", found, err)
	}
	// Offline, what is there is found, and nothing is asked.
	c.Offline, c.Endpoint = true, "http://127.0.0.1:1"
	if off, err := c.Pull(t.Context(), repo, all); err != nil || off.Dir != p.Dir {
		t.Errorf("offline: %+v, %v", off, err)
	}
	if _, err := c.Pull(t.Context(), Repo{Kind: Model, ID: "org/other"}, all); err == nil ||
		!strings.Contains(err.Error(), "HF_HUB_OFFLINE") {
		t.Errorf("offline: %v", err)
	}
}

func TestSomeFilesOfADataset(t *testing.T) {
	h := newFakeHub(t, map[string]string{"main/test.jsonl": "{}", "main/train.jsonl": "{}{}"})
	h.kind = "datasets"
	p, err := h.client(t, t.TempDir()).Pull(t.Context(),
		Repo{Kind: Dataset, ID: "org/name", Revision: "refs/convert/parquet"},
		func(p string) bool { return strings.Contains(p, "test") })
	if err != nil || p.Files != 1 || p.LeftOut != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	same(t, p.Dir, map[string]string{"main/test.jsonl": "{}"})
	if found, err := Snapshot(Dataset, "org/name", "refs/convert/parquet"); err != nil || found != p.Dir {
		t.Errorf("found as %s, %v", found, err)
	}
}

// TestMisbehaving has the hub go wrong in ways that the pull must get over.
func TestMisbehaving(t *testing.T) {
	isBig := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "model.safetensors") }
	for name, misbehave := range map[string]func(h *fakeHub, n int, w http.ResponseWriter,
		r *http.Request) bool{
		"cuts the connection": func(h *fakeHub, n int, w http.ResponseWriter, r *http.Request) bool {
			if !isBig(r) || n > 6 {
				return false
			}
			from := 0
			_, _ = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
			cut(w, big, from, min(from+50000, len(big)))
			return true
		},
		"cuts, then knows no ranges": func(h *fakeHub, n int, w http.ResponseWriter, r *http.Request) bool {
			if !isBig(r) {
				return false
			}
			if n == 1 {
				cut(w, big, 0, 1000)
			}
			fmt.Fprint(w, big)
			return true
		},
		"cuts, then sends another part": func(h *fakeHub, n int, w http.ResponseWriter,
			r *http.Request) bool {
			switch {
			case !isBig(r) || n > 2:
				return false
			case n == 1:
				cut(w, big, 0, 1000)
			}
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 7-%d/%d", len(big)-1, len(big)))
			w.WriteHeader(http.StatusPartialContent)
			fmt.Fprint(w, big[7:])
			return true
		},
		"cuts, then refuses the range": func(h *fakeHub, n int, w http.ResponseWriter, r *http.Request) bool {
			switch {
			case !isBig(r) || n > 2:
				return false
			case n == 1:
				cut(w, big, 0, 1000)
			}
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return true
		},
		"sends other bytes once": func(h *fakeHub, n int, w http.ResponseWriter, r *http.Request) bool {
			if !isBig(r) || n > 1 {
				return false
			}
			fmt.Fprint(w, strings.ToUpper(big))
			return true
		},
		"is busy": func(h *fakeHub, n int, w http.ResponseWriter, r *http.Request) bool {
			if n > 2 {
				return false
			}
			w.WriteHeader([]int{429, 503}[n-1])
			return true
		},
		"falls silent": func(h *fakeHub, n int, w http.ResponseWriter, r *http.Request) bool {
			if !isBig(r) || n > 1 {
				return false
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(big)))
			fmt.Fprint(w, big[:1000])
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return true
		},
		"answers by redirects on its own host, as for a repository of another name now": func(h *fakeHub,
			n int, w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "/tree/") || r.URL.Query().Has("again") {
				return false
			}
			http.Redirect(w, r, r.URL.EscapedPath()+"?again", http.StatusTemporaryRedirect)
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newFakeHub(t, someFiles())
			var mu sync.Mutex
			times := map[string]int{}
			h.before = func(w http.ResponseWriter, r *http.Request) bool {
				mu.Lock()
				times[r.URL.Path]++
				n := times[r.URL.Path]
				mu.Unlock()
				return misbehave(h, n, w, r)
			}
			c := h.client(t, t.TempDir())
			c.Stall = 300 * time.Millisecond
			p, err := c.Pull(t.Context(), repo, all)
			if err != nil {
				t.Fatal(err)
			}
			same(t, p.Dir, h.files)
		})
	}
}

// TestRefused has the hub go wrong for good: an error that says how, and nothing
// in the cache that could be taken for the model.
func TestRefused(t *testing.T) {
	edit := func(f func(map[string]any)) func(*fakeHub) {
		return func(h *fakeHub) {
			h.tree = func(entries []map[string]any) []map[string]any {
				for _, e := range entries {
					if e["path"] == "model.safetensors" {
						f(e)
					}
				}
				return entries
			}
		}
	}
	answer := func(status int, header ...string) func(*fakeHub) {
		return func(h *fakeHub) {
			h.before = func(w http.ResponseWriter, _ *http.Request) bool {
				for i := 0; i+1 < len(header); i += 2 {
					w.Header().Set(header[i], header[i+1])
				}
				w.WriteHeader(status)
				return true
			}
		}
	}
	file := func(f func(w http.ResponseWriter, r *http.Request)) func(*fakeHub) {
		return func(h *fakeHub) {
			h.before = func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "model.safetensors") {
					return false
				}
				f(w, r)
				return true
			}
		}
	}
	cases := []struct {
		name     string
		sabotage func(*fakeHub)
		want     string
	}{
		{"wrong hash of a large file", file(func(w http.ResponseWriter,
			_ *http.Request) {
			fmt.Fprint(w, strings.ToUpper(big))
		}), "the hub says " + largeSum(big)},
		{"wrong hash of a small file", func(h *fakeHub) {
			h.before = func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "config.json") {
					return false
				}
				fmt.Fprint(w, `{"a":9}`)
				return true
			}
		}, "the hub says " + gitSum(`{"a":1}`)},
		{"too long", file(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(big)+4))
			fmt.Fprint(w, big+"more")
		}), "where the hub says"},
		{"too long, length not said", file(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, big)
			_ = http.NewResponseController(w).Flush()
			fmt.Fprint(w, "more")
		}), "more bytes than the hub says"},
		{"too short", file(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "less") }),
			"sends 4 bytes where the hub says 320000"},
		{"cut, again and again", file(func(w http.ResponseWriter, _ *http.Request) { cut(w, big, 0, 0) }),
			"given up after 3 attempts"},
		{"circles", file(func(w http.ResponseWriter,
			r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		}), "10 redirects"},
		{"401", answer(401), "set HF_TOKEN"},
		{"gated, no token", answer(401, "X-Error-Code", "GatedRepo"),
			"(gated: accept its terms on its page, then set HF_TOKEN): http"},
		{"gated, no access", func(h *fakeHub) {
			h.token = "hf_secret"
			answer(403, "X-Error-Code", "GatedRepo")(h)
		}, "(gated: accept its terms on its page, as the user of HF_TOKEN): http"},
		{"403", answer(403, "X-Error-Message", "Access to model org/name is restricted."),
			"is restricted. (HF_TOKEN has no right to it"},
		{"404", answer(404), "no such name, revision or file"},
		{"busy for ever", answer(503), "given up after 3 attempts: 127.0.0.1"},
		{"no hub at all", func(h *fakeHub) {
			h.before = func(w http.ResponseWriter, _ *http.Request) bool {
				fmt.Fprint(w,
					"<html>")
				return true
			}
		}, "does not answer like a hub"},
		{"no commit", func(h *fakeHub) { h.commit = "../../x" }, "which is none"},
		{"no hash", edit(func(e map[string]any) { e["lfs"] = map[string]any{"oid": "../../x", "size": 1} }),
			"which is none"},
		{"negative size", edit(func(e map[string]any) {
			e["lfs"] = map[string]any{"oid": largeSum(big),
				"size": -1}
		}), "size of -1"},
		{"pages in circles", func(h *fakeHub) {
			h.before = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.Contains(r.URL.Path, "/tree/") {
					w.Header().Set("Link", `<`+r.URL.RequestURI()+`>; rel="next"`)
					fmt.Fprint(w, "[]")
					return true
				}
				return false
			}
		}, "in circles"},
		{"listed twice", func(h *fakeHub) {
			h.tree = func(e []map[string]any) []map[string]any { return append(e, e[1]) }
		}, "twice"},
		{"no files", func(h *fakeHub) { h.tree = func([]map[string]any) []map[string]any { return nil } },
			"has no files"},
	}
	for _, path := range []string{"../escape", "/etc/escape", `..\escape`, `a\..\..\escape`, "a/../../escape",
		"a//b", "./a", "", "a\x00b", "c:escape", "a/.."} {
		cases = append(cases, struct {
			name     string
			sabotage func(*fakeHub)
			want     string
		}{"path " + path, edit(func(e map[string]any) { e["path"] = path }), "leads out of the repository"})
	}
	for _, k := range cases {
		t.Run(k.name, func(t *testing.T) {
			h := newFakeHub(t, someFiles())
			k.sabotage(h)
			above := t.TempDir()
			c := h.client(t, filepath.Join(above, "hub"))
			c.Token = h.token
			_, err := c.Pull(t.Context(), repo, all)
			if err == nil || !strings.Contains(err.Error(), k.want) ||
				strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("error %q, want one line with %q", err, k.want)
			}
			if dir, err := Snapshot(Model, repo.ID, ""); err == nil {
				t.Errorf("found as %s", dir)
			}
			for name, text := range files(t, above) {
				if strings.Contains(name, "/snapshots/") || strings.Contains(name, "escape") {
					t.Errorf("%s is there", name)
				}
				if base := filepath.Base(name); strings.Contains(name, "/blobs/") && base != gitSum(text) &&
					base != largeSum(text) && !strings.HasSuffix(base, ".incomplete") {
					t.Errorf("%s is not what its name says", name)
				}
			}
		})
	}
}

// TestStorage has the hub send large files to a storage on another host by addresses
// that are signed for one use, as the hub does: the token must not go there, ranges
// must, and an address that is refused is asked for anew.
func TestStorage(t *testing.T) {
	h := newFakeHub(t, someFiles())
	h.token = "hf_secret"
	var mu sync.Mutex
	var got []string
	signatures := 0
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		got = append(got, r.URL.RawQuery+" "+r.Header.Get("Range")+r.Header.Get("Authorization"))
		n := len(got)
		mu.Unlock()
		switch n {
		case 1:
			cut(w, big, 0, 100000)
		case 2:
			w.WriteHeader(http.StatusForbidden) // the signature is too old
		default:
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader(big))
		}
	}))
	defer storage.Close()
	h.before = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "model.safetensors") {
			return false
		}
		mu.Lock()
		signatures++
		address := fmt.Sprintf("%s/blob?signature=%d", storage.URL, signatures)
		mu.Unlock()
		w.Header().Set("X-Repo-Commit", commitA)
		w.Header().Set("X-Linked-Etag", `"`+largeSum(big)+`"`)
		w.Header().Set("X-Linked-Size", fmt.Sprint(len(big)))
		w.Header().Set("X-Xet-Hash", largeSum("xet"))
		w.Header().Set("Link", `<https://elsewhere.example/auth>; rel="xet-auth"`)
		http.Redirect(w, r, address, http.StatusFound)
		return true
	}
	c := h.client(t, t.TempDir())
	c.Token = h.token
	var log bytes.Buffer
	c.Log = &log
	p, err := c.Pull(t.Context(), repo, all)
	if err != nil {
		t.Fatal(err)
	}
	same(t, p.Dir, h.files)
	if want := []string{"signature=1 ", "signature=2 bytes=100000-",
		"signature=3 bytes=100000-"}; !slices.Equal(got, want) {
		t.Errorf("the storage was asked for %q, want %q", got, want)
	}
	if len(h.tokens) == 0 || slices.ContainsFunc(h.tokens,
		func(s string) bool { return s != "Bearer hf_secret" }) {
		t.Errorf("the hub got %q", h.tokens)
	}
	if strings.Contains(log.String(), "secret") || strings.Contains(log.String(), "signature") {
		t.Errorf("the token or a signed address is in the log: %s", log.String())
	}
}

// TestMirror has a mirror pass on the hub's own address for the next page of a list:
// the page is asked for at the mirror.
func TestMirror(t *testing.T) {
	h := newFakeHub(t, someFiles())
	h.pages = "https://hub.example"
	p, err := h.client(t, t.TempDir()).Pull(t.Context(), repo, all)
	if err != nil {
		t.Fatal(err)
	}
	same(t, p.Dir, h.files)
}

// TestAskedToWait covers the two ways in which a hub says how long.
func TestAskedToWait(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        time.Duration
	}{
		{"Retry-After", "7", 7 * time.Second}, {"Retry-After", "soon", 0}, {"Retry-After", "99999", maxWait},
		{"RateLimit", `"api";r=0;t=55`, 56 * time.Second},
		{"RateLimit", `"resolvers"; r = 0 ; t = 3`, 4 * time.Second},
		{"RateLimit", `"api";r=12;t=55`, 0}, {"RateLimit", `"api";r=0;t=999999`, maxWait},
	} {
		if got := askedToWait(http.Header{http.CanonicalHeaderKey(c.name): {c.value}}); got != c.want {
			t.Errorf("%s: %s is %v, want %v", c.name, c.value, got, c.want)
		}
	}
}

// TestResumes stops a pull in the middle, and expects the next one to ask for the
// rest only; a damaged rest is thrown away.
func TestResumes(t *testing.T) {
	for _, damaged := range []bool{false, true} {
		h := newFakeHub(t, map[string]string{"model.safetensors": big})
		cache := t.TempDir()
		c := h.client(t, cache)
		ctx, stop := context.WithCancel(t.Context())
		h.before = func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/resolve/") {
				return false
			}
			fmt.Fprint(w, big[:100000])
			_ = http.NewResponseController(w).Flush()
			for !slices.ContainsFunc(incomplete(cache), func(size int64) bool { return size == 100000 }) {
				time.Sleep(time.Millisecond)
			}
			stop()
			<-r.Context().Done()
			return true
		}
		if _, err := c.Pull(ctx, repo, all); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if _, err := Snapshot(Model, repo.ID, commitA); !errors.Is(err, ErrNotCached) {
			t.Errorf("half a pull is found: %v", err)
		}
		want := []string{"model.safetensors bytes=100000-"}
		if damaged {
			name := filepath.Join(cache, "models--org--name/blobs", largeSum(big)+".incomplete")
			if err := os.WriteFile(name, bytes.Repeat([]byte{'x'}, 100000), 0o644); err != nil {
				t.Fatal(err)
			}
			want = append(want, "model.safetensors ")
		}
		h.before, h.requests = nil, nil
		p, err := c.Pull(t.Context(), repo, all)
		if err != nil {
			t.Fatal(err)
		}
		same(t, p.Dir, h.files)
		if !slices.Equal(h.requests, want) {
			t.Errorf("asked for %q, want %q", h.requests, want)
		}
	}
}

// incomplete lists the sizes of unfinished files.
func incomplete(cache string) []int64 {
	names, _ := filepath.Glob(filepath.Join(cache, "*/blobs/*.incomplete"))
	var sizes []int64
	for _, n := range names {
		if info, err := os.Stat(n); err == nil {
			sizes = append(sizes, info.Size())
		}
	}
	return sizes
}

// TestTwoAtOnce pulls the same repository several times together.
func TestTwoAtOnce(t *testing.T) {
	h := newFakeHub(t, someFiles())
	cache := t.TempDir()
	var clients []*Client
	for range 4 {
		clients = append(clients, h.client(t, cache))
	}
	var wg sync.WaitGroup
	for _, c := range clients {
		wg.Go(func() {
			p, err := c.Pull(t.Context(), repo, all)
			if err != nil {
				t.Error(err)
				return
			}
			same(t, p.Dir, h.files)
		})
	}
	wg.Wait()
	// README.md and copy.md have one content, and are one request.
	if len(h.requests) != len(h.files)-2 {
		t.Errorf("%d requests for %d contents, one of them empty: %q", len(h.requests), len(h.files)-1,
			h.requests)
	}
}

func TestBlobOfAnotherSize(t *testing.T) {
	h := newFakeHub(t, map[string]string{"config.json": "{}"})
	cache := t.TempDir()
	blobs := filepath.Join(cache, "models--org--name/blobs")
	if err := errors.Join(os.MkdirAll(blobs, 0o755),
		os.WriteFile(filepath.Join(blobs, gitSum("{}")), []byte("{"), 0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := h.client(t, cache).Pull(t.Context(), repo, all); err == nil ||
		!strings.Contains(err.Error(), "remove it and pull again") {
		t.Error(err)
	}
}

func TestNames(t *testing.T) {
	h := newFakeHub(t, nil)
	c := h.client(t, t.TempDir())
	for _, r := range []Repo{{Model, "name", ""}, {Model, "../x/y", ""}, {Model, "a/..", ""},
		{Model, "a/b/c", ""}, {Model, "a--b/c", ""},
		{Model, "a/b", "../x"}, {Model, "a/b", "x/../../y"}, {Model, "a/b", "-x"}, {Model, "a/b", "x/"}} {
		if _, err := c.Pull(t.Context(), r, all); err == nil || len(h.tokens) > 0 {
			t.Errorf("%+v was asked for: %v", r, err)
		}
	}
}

func TestEnvironment(t *testing.T) {
	for _, k := range []string{"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME",
		"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE"} {
		t.Setenv(k, "")
	}
	t.Setenv("HOME", "/home/x")
	for _, step := range []struct{ key, value, want string }{
		{"HOME", "/home/x", "/home/x/.cache/huggingface/hub"}, {"XDG_CACHE_HOME", "/c", "/c/huggingface/hub"},
		{"HF_HOME", "~/hf", "/home/x/hf/hub"}, {"HUGGINGFACE_HUB_CACHE", "/old", "/old"},
		{"HF_HUB_CACHE", "/hub", "/hub"},
	} {
		t.Setenv(step.key, step.value)
		if got, err := Cache(); got != step.want || err != nil {
			t.Errorf("with %s: %s, %v; want %s", step.key, got, err, step.want)
		}
	}
	// The token: what was saved in HF_HOME, unless a variable has one.
	t.Setenv("HF_HOME", t.TempDir())
	if err := os.WriteFile(filepath.Join(os.Getenv("HF_HOME"), "token"), []byte("hf_saved\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TRANSFORMERS_OFFLINE", "1")
	if c, err := NewClient(); err != nil || c.Token != "hf_saved" || !c.Offline {
		t.Errorf("saved token: %+v, %v", c, err)
	}
	t.Setenv("HF_TOKEN", " hf_set ")
	if c, err := NewClient(); err != nil || c.Token != "hf_set" {
		t.Errorf("token: %+v, %v", c, err)
	}
	t.Setenv("HF_ENDPOINT", "ftp://x")
	if _, err := NewClient(); err == nil || !strings.Contains(err.Error(), "HF_ENDPOINT") {
		t.Error(err)
	}
}

func FuzzSafePath(f *testing.F) {
	for _, p := range []string{"a/b.txt", "../a", "a/../../b", `a\b`, "/a", ".", "a/./b", "C:x"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if !safePath(p) {
			return
		}
		rel, err := filepath.Rel("/cache/snapshot", filepath.Join("/cache/snapshot", p))
		if err != nil || rel != p {
			t.Fatalf("%q becomes %q", p, rel)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("5")
	f.Add("Wed, 21 Oct 2015 07:28:00 GMT")
	f.Add("-1")
	f.Fuzz(func(t *testing.T, header string) {
		if d := retryAfter(header); d < 0 || d > maxWait {
			t.Fatalf("%q is %v", header, d)
		}
	})
}
