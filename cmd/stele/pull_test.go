package main

import (
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/eval/bench"
)

// hubOf serves repositories, "models/org/name" or "datasets/org/name", of small files.
func hubOf(t *testing.T, repositories map[string]map[string]string) {
	t.Helper()
	const commit = "0123456789abcdef0123456789abcdef01234567"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/org/gated/") {
			w.Header().Set("X-Error-Code", "GatedRepo")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		for name, files := range repositories {
			at := "/" + strings.TrimPrefix(name, "models/") + "/resolve/" + commit + "/"
			switch {
			case strings.HasPrefix(r.URL.Path, "/api/"+name+"/revision/"):
				fmt.Fprintf(w, `{"sha":%q}`, commit)
				return
			case r.URL.Path == "/api/"+name+"/tree/"+commit:
				var list []map[string]any
				for path, text := range files {
					oid := fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(text), text)))
					list = append(list, map[string]any{"type": "file", "path": path, "oid": oid,
						"size": len(text)})
				}
				_ = json.NewEncoder(w).Encode(list)
				return
			case strings.HasPrefix(r.URL.Path, at):
				fmt.Fprint(w, files[strings.TrimPrefix(r.URL.Path, at)])
				return
			}
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	t.Setenv("HF_ENDPOINT", server.URL)
	t.Setenv("HF_HUB_CACHE", t.TempDir())
	t.Setenv("HF_TOKEN", "")
	t.Setenv("HF_TOKEN_PATH", filepath.Join(t.TempDir(), "none"))
	t.Setenv("HF_HUB_OFFLINE", "")
}

func runCommand(args ...string) (string, error) {
	var out strings.Builder
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(&out)
	err := root.Execute()
	return strings.TrimSpace(out.String()), err
}

// TestPulledIsFound pulls a model, a dataset and a benchmark of the user's own, and
// finds each where the other commands look.
func TestPulledIsFound(t *testing.T) {
	hubOf(t, map[string]map[string]string{
		"models/org/tiny": {"config.json": "{}", "model.safetensors": "x", "pytorch_model.bin": "x",
			"original/x.json": "x", "additional_chat_templates/tool_use.jinja": "x"},
		"datasets/org/sums": {"data/test.jsonl": `{"problem":"1+1","answer":"2"}`, "data/train.jsonl": "{}",
			"notes.md": "# x"},
	})
	dir, err := runCommand("pull", "org/tiny")
	if err != nil {
		t.Fatal(err)
	}
	if found, err := checkpoint.Resolve("org/tiny"); err != nil || found != dir {
		t.Errorf("model: %s, %v; pulled to %s", found, err, dir)
	}
	if files, _ := os.ReadDir(dir); len(files) != 3 {
		t.Errorf("%d files, want config.json, the weights and the folder of chat templates", len(files))
	}
	registry := filepath.Join(t.TempDir(), "own.yaml")
	if err := os.WriteFile(registry,
		[]byte("sums: {languages: [en], sources: [{hub: org/sums, path: 'data/{split}.jsonl'}]}\n"),
		0o644); err != nil {
		t.Fatal(err)
	}
	if dir, err = runCommand("pull", "sums", "--registry", registry); err != nil {
		t.Fatal(err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("%d files, want the folder data: notes are not asked for", len(files))
	}
	problems, err := bench.Load("sums", []string{"en"}, bench.Options{Registry: registry})
	if err != nil || len(problems) != 1 || problems[0].Answer != "2" {
		t.Errorf("benchmark: %+v, %v", problems, err)
	}
	// An id that is no model is looked for among the datasets.
	if _, err = runCommand("pull", "org/sums"); err != nil {
		t.Fatal(err)
	}
	if problems, err = bench.Load("org/sums", []string{"en"}, bench.Options{}); err != nil ||
		len(problems) != 1 {
		t.Errorf("dataset: %+v, %v", problems, err)
	}
	for _, c := range []struct{ args, want string }{
		{"pull", "nothing to pull"}, {"pull org/none", "nor is there a dataset"},
		{"pull nonsense", "unknown benchmark"},
		{"pull arith", "not read from the hub"}, {"pull a/b/c", "not a hub id"},
		{"pull org/tiny --type odd", "--type"},
		{"pull org/tiny@x --revision y", "two revisions"}, {"pull org/gated", "accept its terms"},
	} {
		if _, err := runCommand(strings.Fields(c.args)...); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.args, err, c.want)
		}
	}
}
