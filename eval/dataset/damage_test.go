package dataset

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// TestDamage changes a few bytes of files of every column type: whatever is read, the
// process lives. The library trusts lengths in metadata, and memory that is not there
// ends a process.
func TestDamage(t *testing.T) {
	files, err := filepath.Glob("testdata/columns/*.[ap]*")
	if err != nil || len(files) < 14 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, file := range files {
		sound, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for range damages {
			data := append([]byte{}, sound...)
			for range 1 + random.IntN(4) {
				data[random.IntN(len(data))] = byte(random.IntN(256))
			}
			readColumnar(file, data)
		}
	}
}

const damages = 150
