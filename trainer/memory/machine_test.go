package memory

import (
	"os"
	"path/filepath"
	"testing"
)

// TestContainerMemory: a container's limit counts, less what it holds and would not give
// back; groups of both versions.
func TestContainerMemory(t *testing.T) {
	for name, x := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"version 2": {map[string]string{"memory.max": "8589934592\n", "memory.current": "3221225472\n",
			"memory.stat": "anon 1\ninactive_file 1073741824\n"}, 6 << 30},
		"version 1": {map[string]string{"memory/memory.limit_in_bytes": "4294967296",
			"memory/memory.usage_in_bytes": "1073741824"}, 3 << 30},
		"no limit": {map[string]string{"memory.max": "max\n", "memory.current": "5"}, 0},
		"none in 1": {map[string]string{"memory/memory.limit_in_bytes": "9223372036854771712",
			"memory/memory.usage_in_bytes": "5"}, 0},
		"nothing": {nil, 0},
		"full":    {map[string]string{"memory.max": "5", "memory.current": "6"}, 1},
	} {
		root := t.TempDir()
		if err := os.Mkdir(filepath.Join(root, "memory"), 0o755); err != nil {
			t.Fatal(err)
		}
		for path, text := range x.files {
			if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := containerMemory(root); got != x.want {
			t.Errorf("%s: %d, want %d", name, got, x.want)
		}
	}
}
