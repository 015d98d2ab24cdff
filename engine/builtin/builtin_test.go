package builtin

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stele-lm/stele/engine/checkpoint"
	"github.com/stele-lm/stele/engine/text"
	"github.com/stele-lm/stele/eval/bench/arith"
)

// TestWrite: a folder that loads, the same each time, with normal weights.
func TestWrite(t *testing.T) {
	parent := t.TempDir()
	for _, name := range Names() {
		a, b, c := filepath.Join(parent, name+"a"), filepath.Join(parent, name+"b"), filepath.Join(parent,
			name+"c")
		for dir, seed := range map[string]uint64{a: 1, b: 1, c: 2} {
			if err := Write(dir, name, seed); err != nil {
				t.Fatal(err)
			}
		}
		read := func(dir string) []byte {
			data, err := os.ReadFile(filepath.Join(dir, "model.safetensors"))
			if err != nil {
				t.Fatal(err)
			}
			return data
		}
		if !bytes.Equal(read(a), read(b)) || bytes.Equal(read(a), read(c)) {
			t.Errorf("%s: weights do not follow the seed", name)
		}
		folder, err := checkpoint.Open(a)
		if err != nil {
			t.Fatal(err)
		}
		embed, err := folder.Tensor("model.embed_tokens.weight")
		if err != nil {
			t.Fatal(err)
		}
		values := make([]float32, embed.Len())
		embed.Float32s(values)
		sum, squares := 0.0, 0.0
		for _, v := range values {
			sum += float64(v)
			squares += float64(v) * float64(v)
		}
		n := float64(len(values))
		if mean, std := sum/n, math.Sqrt(squares/n); math.Abs(mean) > 3e-4 || math.Abs(std-0.02) > 3e-4 {
			t.Errorf("%s: embedding of mean %g and deviation %g, want 0 and 0.02", name, mean, std)
		}
		folder.Close()
	}
}

// TestDir: many may ask for a model that is not made yet; it is there for each of them, and stays the
// same folder.
func TestDir(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	var all sync.WaitGroup
	folders := make([]os.FileInfo, 8)
	for i := range folders {
		all.Go(func() {
			dir, err := Dir("nano")
			if err != nil {
				t.Error(err)
				return
			}
			if folders[i], err = os.Stat(dir); err != nil {
				t.Error(err)
			}
			folder, err := checkpoint.Open(dir)
			if err != nil {
				t.Error(err)
				return
			}
			folder.Close()
		})
	}
	all.Wait()
	for _, f := range folders {
		if f == nil || !os.SameFile(f, folders[0]) {
			t.Error("the folder was made twice")
		}
	}
	left, err := filepath.Glob(filepath.Join(cache, "stele", "builtin-*", ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// TestDirWithoutCache: without a cache folder the model is among temporary files, where nobody else may write.
func TestDirWithoutCache(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	dir, err := Dir("nano")
	if err != nil || !strings.HasPrefix(dir, temporary) {
		t.Fatalf("%q, %v", dir, err)
	}
	folder, err := checkpoint.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	folder.Close()
	if again, err := Dir("nano"); again != dir || err != nil {
		t.Errorf("a second time %q, %v", again, err)
	}
	own := filepath.Join(temporary, fmt.Sprintf("stele-%d", os.Geteuid()))
	if err := os.Chmod(own, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Dir("nano"); err == nil || !strings.Contains(err.Error(), "HOME") {
		t.Errorf("a folder that others may write to: %v", err)
	}
}

// TestTokenizer: every text of the task comes back as it was, in few tokens.
func TestTokenizer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "nano")
	if err := Write(dir, "nano", 0); err != nil {
		t.Fatal(err)
	}
	tokenizer, err := text.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tokenizer.Close()
	if _, err := text.LoadTemplate(dir); err != nil {
		t.Error(err)
	}
	for _, language := range arith.Languages() {
		task, _ := arith.Find("arith")
		problems, err := task.Generate(nil, arith.Test, []string{language})
		if err != nil {
			t.Fatal(err)
		}
		tokens := 0
		for _, p := range problems {
			ids, err := tokenizer.Encode(p.Solution, false)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := tokenizer.Decode(ids, false); back != p.Solution || err != nil {
				t.Fatalf("%q comes back as %q, %v", p.Solution, back, err)
			}
			tokens += len(ids)
		}
		mean := float64(tokens) / float64(len(problems))
		t.Logf("%s: %.1f tokens a solution", language, mean)
		if mean > 30 {
			t.Errorf("%s: %.1f tokens a solution, expected at most 30", language, mean)
		}
	}
}

func TestUnknown(t *testing.T) {
	if _, err := Dir("huge"); err == nil {
		t.Error("a model that is not there was found")
	}
}
