package logger

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/stele-lm/stele/internal/jsonl"
)

// identity tells a run from all others, however often it goes on: RUN/loggers.json.
type identity struct {
	ID    string    `json:"id"`    // 32 hexadecimal digits
	Began time.Time `json:"began"` // in UTC, seconds
}

var hexadecimal = regexp.MustCompile(`^[0-9a-f]{32}$`)

// identify reads the identity of the run in a folder, or gives it one; spent is how long it has trained.
func identify(dir string, spent time.Duration) (id identity, err error) {
	path := filepath.Join(dir, "loggers.json")
	data, err := os.ReadFile(path)
	if err == nil {
		if err = jsonl.Unmarshal(data, &id); err == nil && (!hexadecimal.MatchString(id.ID) || id.Began.IsZero()) {
			err = errors.New("expected an id of 32 hexadecimal digits and a time as began")
		}
		if err != nil {
			err = fmt.Errorf("%s: %w: remove it, and tools will take the run for another", path, err)
		}
		return id, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	var random [16]byte
	if _, err := rand.Read(random[:]); err != nil {
		return id, err
	}
	id = identity{hex.EncodeToString(random[:]), time.Now().Add(-spent).UTC().Truncate(time.Second)}
	return id, jsonl.WriteFile(path, id)
}
